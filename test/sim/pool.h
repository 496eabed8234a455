#ifndef TEST_SIM_POOL_H
#define TEST_SIM_POOL_H
/* Many runs in child processes, so that a crash of the core costs one run and not the rest. */
#include "test/sim/run.h"

enum { POOL_TOLD_MAX = 64 };

struct pool_told {
	uint64_t i;
	struct run_result result;
};

struct pool_result {
	uint64_t passed, failed, n_events;
	uint64_t began[FAULT_ROWS_MAX]; /* of all runs */
	uint64_t settle_max_us;
	double cpu_s;
	uint32_t n_told; /* failures kept in told, the first ones */
	struct pool_told told[POOL_TOLD_MAX];
};

/* Does the i-th of count runs, in a child. */
typedef void pool_fn(void *ctx, uint64_t i, struct run_result *r);

void pool_run(unsigned jobs, uint64_t count, pool_fn *fn, void *ctx, struct pool_result *out);

#endif
