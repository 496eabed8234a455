#ifndef WORKERS_STATIC_STATIC_H
#define WORKERS_STATIC_STATIC_H
/* Discovery from cluster.static.seeds: the list is the answer. Host names in it are resolved by whoever dials. */
#include "common/base/node.h"
#include "workers/worker.h"

struct static_answer {
	struct worker_candidate *candidate; /* without this node itself */
	struct node_addr *addr;             /* what the candidates point into */
	size_t n;
	bool found_self;
	char error[256]; /* "" or the seeds that could not be read */
};

void static_answer_build(struct static_answer *a, struct worker *w,
	const struct conf_list *seeds);
void static_answer_free(struct static_answer *a);

extern const struct worker_strategy static_strategy;

#endif
