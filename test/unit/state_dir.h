#ifndef TEST_UNIT_STATE_DIR_H
#define TEST_UNIT_STATE_DIR_H
/* A data directory for each test of the store. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "membership/store/state_db.h"
#include "test/unit/scratch.h"

static char dir[] = "/tmp/test_state.XXXXXX";
static char file[64];
static char err[1024];

static inline void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/state/data.mdb", dir);
}

static inline void teardown(void)
{
	scratch_remove(dir);
	strcpy(dir, "/tmp/test_state.XXXXXX");
}

static inline struct state_db *must_open(struct state_pairs *p)
{
	struct state_db *db = NULL;
	int rc = state_db_open(dir, &db, p, err, sizeof err);

	ck_assert_msg(rc == 0, "%s", err);
	return db;
}

#endif
