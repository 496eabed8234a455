#ifndef MEMBERSHIP_STORE_STATE_H
#define MEMBERSHIP_STORE_STATE_H
/*
 * The durable state behind a writer thread: the event loop never waits for a disk. There is one more thread in the
 * project, and only for as long as the shared data's file takes over a part of its log (state_log.h); the writer starts it.
 * What is queued while a commit runs goes into the next one (group commit); the order of one owner's is kept, and what
 * shares its commit succeeds or fails together. Retrying is the owners' business. When nothing comes for a second, the
 * shared data's file takes over what its log has.
 */
#include <ev.h>

#include "membership/store/backup.h"
#include "membership/store/state_db.h"

enum { STATE_QUEUE_MAX = 64 * 1024 * 1024 };

struct state;

/* In the loop's thread, in the order of state_put(). error: 0 or -errno. */
typedef void state_done(void *ctx, enum state_owner owner, uint64_t seq, int error);

/* Takes over db and starts the writer. NULL when no thread can be had; db is then still the caller's. */
struct state *state_new(struct ev_loop *loop, struct state_db *db, const char *data_dir,
	state_done *done, void *ctx);
/* Queues one batch (copied). Always answered, with -ENOBUFS when the disk is so far behind that the queue is full. */
void state_put(struct state *s, enum state_owner owner, uint64_t seq,
	const struct core_write *write, size_t n);
/*
 * One step of a backup, done by the writer between its commits (bytes are copied), answered before the next one may be
 * given.
 */
typedef void state_backed_up(void *ctx, int error);
void state_backup(struct state *s, const struct backup_step *step, state_backed_up *done,
	void *ctx);

/* A piece of the shared data as it is on disk. */
struct state_piece {
	const struct state_pairs *pairs; /* valid during the call */
	uint64_t done, total;            /* pairs */
	bool last;
	int error; /* 0, or -errno: it is the last one, and nothing of the data is of use */
	const char *text; /* what is wrong and what to do */
};
/* False: the rest is of no interest. */
typedef bool state_loaded(void *ctx, const struct state_piece *piece);
/* Reads the shared data, once; before its first state_put(). The loop's turns and membership's commits go in between. */
void state_data_load(struct state *s, state_loaded *done, void *ctx);
/* Puts the shared data's file aside as kv.damaged; not while it is read. Further transactions go into a new one. */
typedef void state_aside(void *ctx, int error);
void state_data_aside(struct state *s, state_aside *done, void *ctx);

/* Writes what is queued, ends the thread, closes the file. No more answers. */
void state_free(struct state *s);

#endif
