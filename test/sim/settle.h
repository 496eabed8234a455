#ifndef TEST_SIM_SETTLE_H
#define TEST_SIM_SETTLE_H
/*
 * What must hold a while after the last fault: all that can reach each other agree on one view and one identity
 * (invariant a), automatic clusters are one (d), who stands apart has a reason to (e), and at rest nothing is said but
 * heartbeats and few changes (f).
 */
#include "test/sim/sim.h"

enum {
	SETTLE_MAX_US = 30 * 1000000,
	SETTLE_STABLE_US = 3000000,
	SETTLE_FLOOD_US = 3000000,
	SETTLE_CHANGES_MAX =
		12 /* of one record in SETTLE_STABLE_US: what its throttle lets through */
};

/* Ends what the plan left unfinished: everything runs, discovery is right, operators put settings back. */
void settle_begin(struct sim *s);
/* settle_agree.c. True, or false with the first difference in why. views: digests, which lag behind by a flood, may differ. */
bool settle_agrees(struct sim *s, bool views, char *why, size_t cap);
/* Runs on until all agree and go on agreeing; fails the run when that takes too long. *took_us: how long. */
void settle_run(struct sim *s, uint64_t *took_us);

#endif
