#ifndef MEMBERSHIP_STORE_STATE_LOG_H
#define MEMBERSHIP_STORE_STATE_LOG_H
/*
 * The last transactions of the shared data, one behind the other in data_dir/kv/log: one write and one flush each, where
 * the database takes two flushes and whole pages. The file has two halves. When one is full the log goes on in the other,
 * while the database takes over what the first one has in one transaction; so it does when nothing was written for a
 * moment, and when the node stops. Who reads the database before gets what the log says.
 *
 * The records of a half belong to a lap, 64 bits. The database holds the lap that it has not taken over, random at first;
 * the next one follows from it. The transaction that takes a lap over puts the next in its place, and with that its half is
 * empty. The file keeps its size, so that no flush waits for the file system's own journal. A record that was cut off by a
 * crash fails its checksum and was never acknowledged; it ends the log, and if another one follows it the file is damaged.
 */
#include "common/base/buf.h"
#include "membership/store/state_db.h"

#define STATE_LOG_FILE "log"

enum {
	STATE_LAP_BYTES = 4 * 1024 * 1024,
	STATE_LOG_BYTES = 2 * STATE_LAP_BYTES,
	STATE_LOG_BATCH_BYTES =
		STATE_LAP_BYTES / 4 /* what is larger the database gets at once */
};

/* The last write of each key, sorted. */
struct state_last {
	struct core_write *write;
	size_t n;
};

struct state_half {
	uint64_t lap;
	struct buf image; /* its records */
};

struct state_log {
	int fd; /* -1: there is no file */
	struct state_half half[2];
	unsigned
		now; /* the half that is added to; its lap is 0: the database knows of no log */
	bool behind; /* the other one has the lap before, which has not been taken over */
	bool used;   /* some are in the file, or may be */
	bool failed; /* nothing is added until the database has taken over all */
	struct state_last last; /* of both: state_log_index() */
};

/* The file if the database holds a lap, and in it the records. 0 or -errno (-EUCLEAN: damaged, cut off or missing). */
int state_log_open(struct state_log *l, int dir_fd, uint64_t lap);
/* The file in its full size, durable, its records of no use. */
int state_log_make(struct state_log *l, int dir_fd);
void state_log_close(struct state_log *l);

/* For state_log_find() and l->last, as long as nothing is added. */
void state_log_index(struct state_log *l);
void state_log_index_free(struct state_log *l);
/* What the log says of this key, NULL: nothing. */
const struct core_write *state_log_find(const struct state_log *l, const void *key, size_t n);
/* Of the lap before only, or of all. Valid as long as these are; .write is the caller's to free. */
struct state_last state_log_last(const struct state_log *l, bool all);

static inline uint64_t state_log_lap(const struct state_log *l)
{
	return l->half[l->now].lap;
}
bool state_log_empty(const struct state_log *l);
/* Whether these may go into the log at all, and whether there is room for them without a turn. */
bool state_log_takes(const struct state_log *l, const struct state_batch *first);
bool state_log_fits(const struct state_log *l, const struct state_batch *first);
/* The other half is added to from now on; nothing of the lap before it is left. */
void state_log_turn(struct state_log *l);
/* Durable when it returns 0. Batches of the shared data, which fit. */
int state_log_add(struct state_log *l, const struct state_batch *first);
/* 0: the kernel gives no random bits. */
uint64_t state_log_draw_lap(void);
/* The database has taken over the lap before; or everything, and holds this lap. */
void state_log_taken(struct state_log *l);
void state_log_clear(struct state_log *l, uint64_t lap);

#endif
