#ifndef TEST_SIM_SETTLE_DATA_H
#define TEST_SIM_SETTLE_DATA_H
/* What must hold of the shared data once all is well: the members of a cluster have the same. */
#include "test/sim/proc.h"

/* Do these two, members of one cluster, have the same data, entry by entry? False with the first difference in why. */
bool settle_data_equal(struct proc *p, struct proc *q, char *why, size_t cap);
/* Where one of these two fetches from the other: does it have all of that one's writes? */
bool settle_data_fetched(struct proc *p, struct proc *q, char *why, size_t cap);

#endif
