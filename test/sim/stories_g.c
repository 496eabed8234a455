#include "test/sim/proc.h"
#include "test/sim/story_data.h"

/* What is left of a long time: at a story's end each node is weighed (invariant g, held.h). */

enum { MINUTE = 60000, MINUTES = 60 };

static void comes_back(struct story *st)
{
	kill_node(st, 3);
	run(st, 3000);
	start(st, 3);
}

static void joins_again(struct story *st)
{
	expect_answer(st, 4, leave(st, 4), CORE_OK, 5000);
	run(st, 2000);
	expect_answer(st, 4, join(st, 4, 1), CORE_OK, 5000);
}

static void hour_of_changes(struct story *st)
{
	manual_cluster(st, 4);
	for (unsigned i = 0; i < MINUTES; i++) {
		for (unsigned k = 0; k < 6; k++)
			put(st, 1 + k % 2, k, DATA_ACK_ONE, DATA_OK);
		erase(st, 2, i % 6, DATA_ACK_ONE, DATA_OK);
		if (i % 10 == 3)
			comes_back(st);
		if (i % 10 == 7)
			joins_again(st);
		run(st, MINUTE);
	}
	expect_view(st, "1-4", "1-4", 0);
	expect_equal(st, "1-4", 0);
}

/* One is off, one is hardly to be reached, all write now and then. */
static void hour_of_trouble(struct story *st)
{
	cluster(st, 5);
	kill_node(st, 5);
	lossy_node(st, 4, 600, true);
	for (unsigned i = 0; i < MINUTES; i++) {
		for (unsigned k = 1; k <= 4; k++)
			put_soon(st, k, k, DATA_ACK_MAJORITY);
		run(st, MINUTE);
	}
	lossy_node(st, 4, 600, false);
	expect_view(st, "1-4", "1-4", 70000);
	expect_equal(st, "1-4", 30000);
}

const struct story_row stories_g[] = {
	{"G1", "an hour of writes, restarts, leaves and joins leaves nothing behind",
		hour_of_changes, 2},
	{"G2", "an hour with one that is off and one behind a bad link leaves nothing behind",
		hour_of_trouble, 2},
};

const size_t n_stories_g = sizeof stories_g / sizeof stories_g[0];
