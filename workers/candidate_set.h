#ifndef WORKERS_CANDIDATE_SET_H
#define WORKERS_CANDIDATE_SET_H
/* The set of candidates that a worker stands for: sorted, without duplicates, bounded. Owns copies of all it holds. Pure. */
#include "common/ipc/ipc.h"
#include "workers/worker.h"

struct candidate_set {
	struct ipc_candidate *item;
	char *text; /* what the items' spans point into */
	size_t n;
	size_t n_refused; /* left out: over the limit, or longer than a name or host can be */
};

void candidate_set_build(struct candidate_set *s, const struct worker_candidate *c, size_t n);
void candidate_set_free(struct candidate_set *s);
bool candidate_set_eq(const struct candidate_set *a, const struct candidate_set *b);

#endif
