#ifndef TEST_SIM_WRITERS_H
#define TEST_SIM_WRITERS_H
/*
 * Applications on all nodes that write to the shared data while a plan runs: few keys, so that they get in each other's
 * way; puts, deletions, conditional puts and resolutions, each with any acknowledgement. They have dice of their own.
 */
#include "test/sim/sim.h"

/* Until that time. */
void writers_post(struct sim *s, uint64_t end_us);
void writers_event(struct sim *s);

#endif
