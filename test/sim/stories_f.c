#include "test/sim/proc.h"
#include "test/sim/story.h"

/* What a change costs (invariant f; docs/protocol.md, "What a change costs"). */

enum { MINUTE = 60000, N = 40 };

/*
 * All that is said in a while: each change of a record comes over a node's links once each, which are ten when all is
 * quiet, and is 700 bytes large at most. Heartbeats, hellos and repair are in what is left.
 */
static void expect_cost(struct story *st, unsigned changes_of_each)
{
	expect_changes(st, changes_of_each);
	expect_bytes(st, UINT64_C(700) * 12 * changes_of_each * N);
}

static void many_start(struct story *st)
{
	struct sim_setup setup = story_setup(N);

	setup.seeds = 3;
	world(st, &setup);
	start_all(st);
	run(st, MINUTE);
	expect_degree(st, 10, 30000);
	expect_cost(st, 10);
	/* many changes at once cross on few links: most are told one way only */
	expect_bytes(st, 925000);
}

static void cut_in_halves(struct story *st)
{
	split(st, "1-20", "21-40");
	expect_view(st, "1-20", "1-20", 3000);
	expect_view(st, "21-40", "21-40", 500);
}

static void put_together(struct story *st)
{
	unsplit(st, "1-20", "21-40");
	expect_view(st, "1-40", "1-40", 6000);
}

static void healed_late(struct story *st)
{
	cluster(st, N);
	run(st, MINUTE);
	calm(st);
	cut_in_halves(st);
	expect_cost(st, 14);
	run(st, MINUTE);
	expect_degree(st, 10, 30000);
	calm(st);
	put_together(st);
	run(st, MINUTE);
	expect_degree(st, 10, 30000);
	expect_cost(st, 8);
}

/* Everybody dials those whom it has just lost: these dials are not to end in links from everybody to everybody. */
static void healed_at_once(struct story *st)
{
	cluster(st, N);
	run(st, MINUTE);
	cut_in_halves(st);
	run(st, 1000);
	calm(st);
	put_together(st);
	run(st, 3000);
	expect_links(st, 26);
	run(st, MINUTE);
	expect_degree(st, 10, 30000);
	expect_cost(st, 12);
}

static void one_crashes(struct story *st)
{
	cluster(st, N);
	run(st, MINUTE);
	calm(st);
	kill_node(st, 17);
	run(st, 1000);
	expect_degree(st, 12, 0);
	/* its ten neighbours un-list it, and a few find new ones */
	expect_bytes(st, UINT64_C(700) * 12 * 30);
}

const struct story_row stories_f[] = {
	{"F1", "40 start: links that nobody needs go in few changes", many_start, 2},
	{"F2", "40 are cut in halves for a minute: what that costs", healed_late, 2},
	{"F3", "40 are cut in halves for four seconds: what that costs", healed_at_once, 2},
	{"F4", "one of 40 crashes: what that costs", one_crashes, 2},
};

const size_t n_stories_f = sizeof stories_f / sizeof stories_f[0];
