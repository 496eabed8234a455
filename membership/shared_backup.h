#ifndef MEMBERSHIP_SHARED_BACKUP_H
#define MEMBERSHIP_SHARED_BACKUP_H
/*
 * The data that is about to be replaced or cleared, saved in the format of `clusterctl kv export`: read piece by piece in
 * the loop, written by the store's thread. One at a time; a new one replaces the one that runs.
 */
#include "membership/data/data.h"
#include "membership/store/state.h"

struct backup;

/* Once. path: what was written, "" when there was nothing to save. error 0 or -errno. */
typedef void backup_done(void *ctx, int error, const char *path);

struct backup *backup_new(const char *data_dir);
void backup_free(struct backup *b); /* NULL is fine; before the store */
/* reason: "join", "leave", "removed". data and state outlive the backup. */
void backup_start(struct backup *b, struct data *data, struct state *state, const char *reason,
	backup_done *done, void *ctx);
/* done() does not come any more. */
void backup_cancel(struct backup *b);

#endif
