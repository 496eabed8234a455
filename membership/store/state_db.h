#ifndef MEMBERSHIP_STORE_STATE_DB_H
#define MEMBERSHIP_STORE_STATE_DB_H
/*
 * What a data directory holds, as two LMDB files: state/, who the node is and whom it knows, and kv/, the shared data.
 * Two, so that damage in one is none in the other. Opening, checking, reading, committing. Blocks on the disk, knows no
 * thread and no loop (state.h has those).
 *
 * LMDB has no checksums, takes an empty file for a new database and dies of SIGBUS in a truncated one. So each value
 * carries a format byte and a checksum that covers its key; a new database is made beside its place and renamed into it,
 * which makes an empty file a damaged one; and everything is read once, guarded, before anything is believed. Writing the
 * shared data is guarded too. Small transactions of it go into a log first (state_log.h). No LMDB lock file: whoever has a
 * directory open holds an flock on it.
 */
#include <stddef.h>

#include "membership/core/core.h"

enum { STATE_FORMAT = 1, STATE_KEY_MAX = 511 };

struct state_db;

struct state_chunk;

/* Everything that is stored. Owned: state_pairs_free(). */
struct state_pairs {
	struct core_kv *kv;
	size_t n;
	struct state_chunk *chunks;
};

/* One of the two: its folder, and what to do when it can't be read. */
struct state_place {
	const char *sub, *advice;
};
extern const struct state_place state_membership, state_shared_data;

/*
 * Opens data_dir/state, or makes it when it isn't there, and reads all of it. 0; or -errno (-EUCLEAN: damaged, foreign or
 * newer) with what is wrong and what to do in err. data_dir itself must exist.
 */
int state_db_open(const char *data_dir, struct state_db **out, struct state_pairs *stored,
	char *err, size_t cap);
/* The same for data_dir/kv, but reads nothing of it but its log, and unless it may be made -ENOENT when it isn't there. */
int state_db_open_data(const char *data_dir, bool make, struct state_db **out, char *err,
	size_t cap);
bool state_db_has_data(const char *data_dir);
/* How far somebody has read. Starts as zeros. */
struct state_cursor {
	uint8_t key[STATE_KEY_MAX];
	size_t key_n;
	uint64_t done, total;
	bool end;
	bool header; /* there is one */
	unsigned format;
};
/*
 * The next pairs, until they have more than so many bytes or `end`: then everything was readable. 0 or -errno, with no
 * pairs.
 */
int state_db_read(struct state_db *db, struct state_cursor *at, size_t bytes_max,
	struct state_pairs *out);
/* Whether what was read to its end without (rc 0) or with an error is good. As state_db_open(). */
int state_db_explain(struct state_db *db, const struct state_cursor *at, int rc, char *err,
	size_t cap);
void state_db_close(struct state_db *db); /* NULL is fine */
void state_pairs_free(struct state_pairs *p);

/* Whose keys they are: two owners never write the same one. */
enum state_owner { STATE_CORE, STATE_DATA };

struct state_batch {
	struct state_batch *next;
	enum state_owner owner;
	uint64_t seq;
	int error;
	size_t n, bytes;
	struct core_write write[];
};
/*
 * One transaction: all of this owner's batches' writes in order or none of them. Grows the file's map as needed. The
 * shared data: once it is -EUCLEAN, it stays so.
 */
int state_db_commit(struct state_db *db, const struct state_batch *first,
	enum state_owner owner);

/* Whether the log has something that the file should take over when there is time. */
bool state_db_unsettled(const struct state_db *db);
/* It has taken over all when this returns 0. */
int state_db_settle(struct state_db *db);
/* A step towards it that keeps nobody waiting. */
void state_db_settle_on(struct state_db *db);

#endif
