#ifndef TEST_SIM_SCALE_H
#define TEST_SIM_SCALE_H
/*
 * Large clusters: n whole cores go through a storm of starts and then through one disaster after another. Printed for
 * each: how long until all agree on who runs, what was said meanwhile and in the time of rest that follows. A phase
 * fails when it takes longer than its bound (design §12), when more is said than it may cost, or when anybody shows a
 * member of its own side stopped.
 */
#include <stdbool.h>
#include <stdint.h>

struct scale {
	unsigned n;
	unsigned
		whole; /* so many are cores, the others stand-ins (crowd.h); 0: all are cores */
	unsigned
		replicas; /* the last so many are: the last of them comes, dies and comes again */
	uint64_t seed;
	const char *scenario; /* a phase's name, or "all" */
	unsigned
		rest_s; /* after each phase: new links prove themselves, and old ones go when there are 30 s */
	bool trace, frames;
};

/* False: there is no such scenario, or fewer nodes than it needs; *why says which there are. */
bool scale_sane(const struct scale *o, const char **why);
/* Prints a table; false when a phase failed. */
bool scale_run(const struct scale *o);

#endif
