#ifndef TEST_SIM_PLAN_H
#define TEST_SIM_PLAN_H
/*
 * What happens to a world, as data: a setup and a list of items, drawn from a seed (each seed with its own weights: swarm
 * testing), thinned out when a failure is shrunk, and written as one line of text in corpus.txt.
 */
#include <stdio.h>

#include "test/sim/sim.h"

struct plan_item {
	uint64_t at_us,
		for_us; /* for_us: 0 where there is nothing to end; UINT64_MAX: for ever, settling too */
	unsigned kind; /* row of fault_rows */
	unsigned a, b; /* nodes */
	uint64_t mask; /* nodes of one side */
	int64_t x;
};

struct plan {
	uint64_t seed;
	struct sim_setup setup;
	uint64_t end_us; /* of the faults */
	struct plan_item item[PLAN_ITEMS_MAX];
	size_t n;
};

/* n: nodes, 0: drawn. */
void plan_draw(struct plan *p, uint64_t seed, unsigned n);
/* One line without its end. */
void plan_write(const struct plan *p, FILE *out);
/* 0 or -EINVAL with *why. Cuts line up. */
int plan_read(struct plan *p, char *line, const char **why);
/* "3.200000 kill n2 for 1.5" */
void plan_item_text(const struct plan_item *it, char *out, size_t cap);

#endif
