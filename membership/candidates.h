#ifndef MEMBERSHIP_CANDIDATES_H
#define MEMBERSHIP_CANDIDATES_H
/*
 * The receiving end of the discovery workers: their report pipes, the last good set of each strategy, what they say of
 * their health, and the supervisor's process table. A worker's death or garbage ends its pipe, never its set.
 */
#include "common/ipc/ipc_chan.h"
#include "membership/shell.h"

struct candidates;

/* The whole set of one strategy, whenever it has changed. */
typedef void candidates_changed(void *ctx, const char *strategy,
	const struct core_candidate *list, size_t n);

/* A worker's reports are garbage: the supervisor should hear of it. */
typedef void candidates_fault(void *ctx, const char *worker);
struct candidates *candidates_new(struct ev_loop *loop, candidates_changed *changed,
	candidates_fault *fault, void *ctx);
void candidates_close(struct candidates *c); /* NULL is fine */

/* Owns fd: the reading end for one life of a worker; replaces the last one's. */
void candidates_pipe(struct candidates *c, const struct ipc_worker_pipe *m, int fd);
/* A strategy that is in the table no more is configured no more: its set goes. */
void candidates_table(struct candidates *c, const struct ipc_workers *m);
/* Calls changed() for every strategy that has reported. */
void candidates_replay(struct candidates *c);

size_t candidates_n_workers(const struct candidates *c);
void candidates_worker_at(const struct candidates *c, size_t i, struct shell_worker *out);
void candidates_each(const struct candidates *c, shell_candidate_visit *visit, void *ctx);

#endif
