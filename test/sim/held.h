#ifndef TEST_SIM_HELD_H
#define TEST_SIM_HELD_H
/*
 * Nothing grows without bound (invariant g): what a core and its shared data hold in memory depends on the members and the
 * entries, not on how long they have run. Weighed is what is freed with them, whatever table, queue or buffer it was in;
 * what nobody holds any more is a leak to the sanitizers. Stories G1 and G2 last for an hour.
 */
#include "test/sim/sim.h"

/* The last that is asked of a run: all its processes end with it. */
void held_check(struct sim *s);

#endif
