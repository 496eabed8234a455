#ifndef MEMBERSHIP_STORE_STATE_DB_INT_H
#define MEMBERSHIP_STORE_STATE_DB_INT_H
/* What state_db.c (the file, its making), state_read.c (reading it, guarded) and state_commit.c (its writes) share. */
#include <lmdb.h>
#include <pthread.h>

#include "membership/store/state_log.h"

/* With their closing NULs. Keys that begin with a NUL, as no other does. */
extern const char state_header_key[10], state_header_magic[15], state_lap_key[5];

/*
 * State of 10 000 members and 65 536 departed ones is some 30 MB, the data what store.max_size allows; the map costs
 * address space only and doubles when it is full.
 */
enum { STATE_MAP_BYTES = 64 * 1024 * 1024, STATE_MAP_DOUBLINGS = 10 };

/*
 * The database takes over the log's lap before the present one, in a thread of its own. Meanwhile nobody else uses env,
 * dbi, map_bytes or that half of the log, or turns it.
 */
struct takeover {
	pthread_t thread;
	bool runs;
	int rc;
};

struct state_db {
	const struct state_place *place;
	char *dir; /* data_dir/place */
	int dir_fd;
	MDB_env *env;
	MDB_dbi dbi;
	size_t map_bytes;
	struct state_log log; /* of the shared data */
	struct takeover takeover;
	bool faulted; /* nothing of LMDB's is called any more: */
	struct state_db *next_abandoned;
};

/* LMDB's codes as errno's. */
int state_errno(int rc);
/* Calls fn; a fault in it, or an assertion of LMDB, is -EUCLEAN. Whatever fn held is then lost. */
int state_guarded(int (*fn)(void *ctx), void *ctx);
int state_env_open(struct state_db *db, const char *dir, unsigned flags);
/* LMDB says EIO for a write that came out short. */
int state_disk_error(const char *dir, int rc);
int state_put_one(MDB_txn *txn, MDB_dbi dbi, const struct core_write *w);
/* Waits for it; afterwards none runs. */
void state_takeover_end(struct state_db *db);
/* Into *lap; 0: the database knows of no log. 0 or -errno. */
int state_read_lap(struct state_db *db, uint64_t *lap);
/* For mdb_env_set_assert(). */
void state_on_lmdb_assert(MDB_env *env, const char *text);

#endif
