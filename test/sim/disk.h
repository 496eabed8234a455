#ifndef TEST_SIM_DISK_H
#define TEST_SIM_DISK_H
/*
 * The durable state of one data directory: the log of its transactions, so that it can be rolled back to any of them.
 * A transaction is pending until it is committed; what a crash leaves of the pending ones is the caller's choice.
 */
#include "common/base/buf.h"
#include "membership/core/core.h"

/* Whose transaction it is. */
enum disk_owner { DISK_CORE, DISK_DATA };

struct disk_batch {
	enum disk_owner owner;
	uint64_t seq;
	size_t end; /* in log */
};

struct disk {
	struct buf log;
	struct disk_batch *batch;
	size_t n_batches, cap_batches;
	size_t n_committed; /* the first so many are durable */
	bool forget;        /* keep nothing (scale runs, which never restart from disk) */
};

void disk_free(struct disk *d);
/* As new: empty, memory kept. */
void disk_wipe(struct disk *d);
void disk_write(struct disk *d, enum disk_owner owner, uint64_t seq, const struct core_write *w,
	size_t n);
/* The oldest pending transaction; NULL when none. */
const struct disk_batch *disk_pending(const struct disk *d);
/* Makes the oldest pending transaction durable; or, failed, leaves it out. */
void disk_commit(struct disk *d, bool failed);
/* A crash: of the pending transactions the first `keep` had made it. */
void disk_crash(struct disk *d, size_t keep);
/* Takes back the last n durable transactions (all but the first at most). Nothing may be pending. */
void disk_roll_back(struct disk *d, size_t n);
void disk_copy(struct disk *to, const struct disk *from);

/* What a start reads: the core its own state, the data also which of its generations is the present one. */
enum disk_part { DISK_STATE, DISK_ALL };
/* The caller frees the array; the bytes are the disk's, valid until the next write. */
struct core_kv *disk_load(const struct disk *d, enum disk_part part, size_t *n);

#endif
