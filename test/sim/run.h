#ifndef TEST_SIM_RUN_H
#define TEST_SIM_RUN_H
/* One run of one plan, and what to do with many of them. */
#include "test/sim/plan.h"

enum { RUN_INVARIANT_MAX = 16 };

struct run_result {
	bool failed;
	char invariant[RUN_INVARIANT_MAX], why[SIM_WHY_MAX];
	uint64_t hash, n_events, at_us, settle_us, n_down;
	uint8_t began[FAULT_ROWS_MAX]; /* faults that did something, by row */
};

/* In this process: a crash of the core ends it. */
void run_plan(const struct plan *p, enum run_tell tell, struct run_result *out);
/* In a child: a crash is a failure like any other ("crash"). */
void run_plan_apart(const struct plan *p, struct run_result *out);
/* Leaves out of *p what it does not need to fail the same way. Returns how many runs that took. */
unsigned run_shrink(struct plan *p, const struct run_result *first);

#endif
