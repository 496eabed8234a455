#ifndef TEST_SIM_BATCH_H
#define TEST_SIM_BATCH_H
/* What can be run many at a time: seeds, the corpus, stories. Each prints its failures in full and a line of its own. */
#include "test/sim/pool.h"

struct batch {
	uint64_t from, count; /* seeds */
	unsigned nodes;       /* 0: drawn */
	unsigned jobs;
	bool faults;    /* say how often each fault did something */
	unsigned twice; /* every so many-th seed a second time: the same trace? 0: none */
	bool shrink;
	unsigned tell_max; /* failures told in full */
	enum run_tell tell;
};

struct batch_sum {
	uint64_t passed, failed;
};

void batch_seeds(const struct batch *b, struct batch_sum *sum);
/* The plans in a file, one a line; '#' begins a comment. False when it can't be read. */
bool batch_corpus(const struct batch *b, const char *file, struct batch_sum *sum);
/* name: one story, "A7b", or one round of it, "A7b/3"; NULL: all. A story counts once, however many rounds it has. */
void batch_stories(const struct batch *b, const char *name, struct batch_sum *sum);

#endif
