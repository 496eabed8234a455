#ifndef TEST_SIM_CHECK_H
#define TEST_SIM_CHECK_H
/*
 * The invariants (letters as in the issue), watched while a run goes on:
 *   b  no member with an unbroken path of live links is shown stopped by a node that is itself not cut off or paused
 *   c  nobody departed reappears under the same member id
 *   d  clusters mix only where a merge or a join was allowed
 *   e  a failed join changes nothing; nobody stands apart or takes a new member id without a reason
 *   g  effects end, deadlines move on, connections are not lost count of; what is held at the end: held.h
 *   view  what is announced agrees with what is shown
 * What must hold once faults are over is in settle.h, f among it (how many links a node has, and what a change costs:
 * stories F1 to F4, sim --scale); h is that each twentieth seed runs twice (batch.c).
 */
#include "test/sim/sim.h"

enum { CHECK_GONE_MAX = 64, CHECK_SAMPLE_US = 500000 };

/* Why a node may stand apart or become somebody else. */
enum check_excuse {
	EXCUSE_LEFT = 1,    /* it was told to leave */
	EXCUSE_REMOVED = 2, /* somebody was told to remove it */
	EXCUSE_CLEANED = 4, /* autoclean is on */
	EXCUSE_TWIN = 8,    /* a clone of it, or another of its name, was about */
	EXCUSE_REBORN = 16, /* lost its disk, or has an old one */
	EXCUSE_JOINED = 32  /* it was told to join */
};

struct check_gone {
	struct id128 id;
	bool maybe; /* removed without quorum: may be declared void */
};

struct check_node {
	unsigned group; /* union-find: nodes that may share a cluster */
	unsigned excuses;
	bool moved;  /* it left, was removed or cleaned: it is another member than once */
	bool joined; /* the last join went well */
	unsigned joined_to;
	bool joining;
	uint32_t join_request;
	unsigned join_target;
	struct id128 join_member; /* before, as the next three */
	struct wire_identity join_identity;
	bool join_auto;
	unsigned join_swaps;
	uint32_t leave_request;
	struct check_gone gone[CHECK_GONE_MAX]; /* departures that this life has told of */
	size_t n_gone;
};

struct check {
	struct check_node *node;
	bool always_autoheal;     /* it was never switched off */
	bool contested;           /* identities or memberships were: b is not judged */
	uint64_t n_down, n_views; /* announced stops, view changes */
};

struct check *check_new(struct sim *s);
void check_free(struct check *c);

/* --- told by proc */
void check_started(struct proc *p);
void check_ended(struct proc *p);
void check_event(struct proc *p, const struct core_event *e);
void check_reply(struct proc *p, const struct core_reply *r);
void check_command(struct proc *p, const struct core_command *cmd);
void check_view(struct proc *p);
/* --- told by faults */
void check_clone(struct proc *clone, const struct proc *of);
void check_excuse(struct proc *p, unsigned excuse);
/* May these two end up in one cluster? */
void check_may_mix(struct sim *s, unsigned a, unsigned b);
bool check_may_share(struct sim *s, unsigned a, unsigned b);
/* Every CHECK_SAMPLE_US. */
void check_sample(struct sim *s);

/* --- check_path.c: is there an unbroken path of live links (invariant b)? */
bool check_path(struct sim *s, const struct proc *from, const struct proc *to);
/* Has p announced the departure of who runs as q? No path leads through that one any more. */
bool check_gone_for(const struct proc *p, const struct proc *q);
/* Does a node hold back links (design 4.7)? */
bool check_holds(const struct proc *p);

#endif
