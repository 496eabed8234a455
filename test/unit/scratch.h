#ifndef TEST_UNIT_SCRATCH_H
#define TEST_UNIT_SCRATCH_H
/* Removes a folder that a test has made, with all that is in it. */
#include <check.h>
#include <ftw.h>
#include <stdio.h>

static int scratch_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void scratch_remove(const char *dir)
{
	ck_assert_int_eq(nftw(dir, scratch_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
