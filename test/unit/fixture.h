#ifndef TEST_UNIT_FIXTURE_H
#define TEST_UNIT_FIXTURE_H
/* Reads one recorded file whole. Tests run from the project's folder. */
#include <check.h>
#include <stdio.h>

#include "common/base/buf.h"

static inline struct buf fixture_read(const char *folder, const char *name)
{
	struct buf b = {0};
	char path[512];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "test/fixtures/%s/%s", folder, name);
	f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s is missing", path);
	do {
		n = fread(buf_reserve(&b, 4096), 1, 4096, f);
		b.n += n;
	} while (n > 0);
	fclose(f);
	return b;
}

#endif
