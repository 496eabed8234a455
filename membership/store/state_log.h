#ifndef MEMBERSHIP_STORE_STATE_LOG_H
#define MEMBERSHIP_STORE_STATE_LOG_H
/*
 * The last small transactions of the shared data, one behind the other in data_dir/kv/log: one write and one flush each,
 * where the database takes two flushes and whole pages. The database takes all of them over in one transaction when the log
 * is full, when nothing was written for a moment and when the node stops; who reads it before gets what the log says.
 *
 * Records belong to a lap, 64 random bits that the database holds: the transaction that takes them over changes it, and
 * with that the log is empty. The file keeps its size, so that no flush waits for the file system's own journal. A record
 * that was cut off by a crash fails its checksum and was never acknowledged; it ends the log, and if another one follows it
 * the file is damaged.
 */
#include "common/base/buf.h"
#include "membership/store/state_db.h"

#define STATE_LOG_FILE "log"

enum { STATE_LOG_BYTES = 128 * 1024 };

struct state_log {
	int fd;                  /* -1: there is no file */
	uint64_t lap;            /* 0: the database knows of no log */
	struct buf image;        /* the records of this lap */
	bool used;               /* some are in the file, or may be */
	bool failed;             /* nothing is added until the database has taken over */
	struct core_write *last; /* the last write of each key, sorted: state_log_index() */
	size_t n_last;
};

/* The file if the database holds a lap, and in it the records of it. 0 or -errno (-EUCLEAN: damaged, cut off or missing). */
int state_log_open(struct state_log *l, int dir_fd, uint64_t lap);
/* The file in its full size, durable, its records of no use. */
int state_log_make(struct state_log *l, int dir_fd);
void state_log_close(struct state_log *l);

/* For state_log_find() and l->last, as long as nothing is added. */
void state_log_index(struct state_log *l);
void state_log_index_free(struct state_log *l);
/* What the log says of this key, NULL: nothing. */
const struct core_write *state_log_find(const struct state_log *l, const void *key, size_t n);
/* All writes in order, until fn returns another value than 0, which is then returned. */
int state_log_each(const struct state_log *l, int (*fn)(void *ctx, const struct core_write *w),
	void *ctx);

bool state_log_fits(const struct state_log *l, const struct state_batch *first);
/* Durable when it returns 0. Batches of the shared data. */
int state_log_add(struct state_log *l, const struct state_batch *first);
/* 0: the kernel gives no random bits. */
uint64_t state_log_draw_lap(void);
/* The database has taken everything over and holds this lap. */
void state_log_empty(struct state_log *l, uint64_t lap);

#endif
