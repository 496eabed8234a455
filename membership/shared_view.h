#ifndef MEMBERSHIP_SHARED_VIEW_H
#define MEMBERSHIP_SHARED_VIEW_H
/* Membership as the shared data sees it: who there is, and the trees along which its writes go. */
#include "membership/data/data.h"

struct shared_view {
	const struct core *core;
	struct data_member *member; /* sorted by id */
	size_t n, cap;
	struct id128 self;
};

/* Makes it anew; what it points at is valid until the core's next input, the trees' answers until the next call. */
void shared_view_make(struct shared_view *v, const struct core *core, struct data_view *out);
bool shared_view_has(void *view, const struct id128 *id); /* of the last shared_view_make() */
void shared_view_free(struct shared_view *v);

#endif
