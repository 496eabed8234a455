#ifndef MEMBERSHIP_STORE_STATE_DB_INT_H
#define MEMBERSHIP_STORE_STATE_DB_INT_H
/* What state_db.c (the file, its making, its writes) and state_read.c (reading it, guarded) share. */
#include <lmdb.h>

#include "membership/store/state_log.h"

/* With their closing NULs. Keys that begin with a NUL, as no other does. */
extern const char state_header_key[10], state_header_magic[15], state_lap_key[5];

struct state_db {
	const struct state_place *place;
	char *dir; /* data_dir/place */
	int dir_fd;
	MDB_env *env;
	MDB_dbi dbi;
	size_t map_bytes;
	struct state_log log; /* of the shared data */
	bool faulted;         /* nothing of LMDB's is called any more: */
	struct state_db *next_abandoned;
};

/* LMDB's codes as errno's. */
int state_errno(int rc);
/* Calls fn; a fault in it, or an assertion of LMDB, is -EUCLEAN. Whatever fn held is then lost. */
int state_guarded(int (*fn)(void *ctx), void *ctx);
/* Into db->log.lap. 0 or -errno. */
int state_read_lap(struct state_db *db);
/* For mdb_env_set_assert(). */
void state_on_lmdb_assert(MDB_env *env, const char *text);

#endif
