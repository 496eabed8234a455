/* Section B of the protocol review again (stories_b.c): who is a member of what, who leaves, and who is cleaned. */
#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { MINUTE = 60000, DAY_MS = 86400000 };

/* An automatic node joins a manual cluster; an automatic cluster that knows it does not get in. */
static void auto_cluster_meets_manual(struct story *st)
{
	struct sim_setup setup = story_setup(5);

	world(st, &setup);
	node(st, 1)->conf.mode = CORE_MANUAL;
	node(st, 2)->conf.mode = CORE_MANUAL;
	seeds(st, 3, "1");
	seeds(st, 4, "3-5");
	seeds(st, 5, "3-5");
	start(st, 1);
	start(st, 2);
	run(st, 500);
	expect_answer(st, 2, join(st, 2, 1), CORE_OK, 3000);
	start(st, 3);
	expect_view(st, "1-3", "1-3", 5000);
	isolate(st, 3, true);
	start(st, 4);
	start(st, 5);
	expect_view(st, "4-5", "4-5", 5000);
	isolate(st, 3, false);
	run(st, 60000);
	expect_view(st, "1-3", "1-3", 0);
	expect_view(st, "4-5", "4-5", 0);
	expect_two_identities(st, 1, 4);
}

/* A manual cluster is cut; one side merges into an older one by its auto mode; then the cut is over. */
static void membership_beats_identity(struct story *st)
{
	struct sim_setup setup = story_setup(5);

	world(st, &setup);
	for (unsigned i = 1; i <= 5; i++)
		seeds(st, i, i <= 2 ? "1-2" : "3-5");
	start(st, 1);
	start(st, 2);
	expect_view(st, "1-2", "1-2", 3000);
	run(st, 3000);
	start(st, 3);
	start(st, 4);
	start(st, 5);
	expect_view(st, "3-5", "3-5", 3000);
	run(st, 3000);
	split(st, "3", "4-5");
	expect_view(st, "4-5", "4-5", 4000);
	expect_answer(st, 3, mode(st, 3, false), CORE_OK, 1000);
	/* 4 and 5 merge into the older cluster of 1 and 2 */
	seeds(st, 4, "1-5");
	expect_view(st, "1-2 4-5", "1-2 4-5", 10000);
	run(st, 10000); /* until the old connections are gone */
	unsplit(st, "3", "4-5");
	expect_view(st, "1-5", "1-5", 15000);
	expect_one_identity(st, "1-5", 5000);
}

static void who_left_stays_out(struct story *st)
{
	cluster(st, 4);
	expect_answer(st, 3, leave(st, 3), CORE_OK, 3000);
	expect_apart(st, 3, CORE_APART_LEFT, 0);
	expect_view(st, "1-2 4", "1-2 4", 1000);
	kill_node(st, 3);
	run(st, 1000);
	start(st, 3);
	run(st, 2 * MINUTE);
	expect_view(st, "1-2 4", "1-2 4", 0);
	expect_members(st, 1, 3, 0);
	expect_apart(st, 3, CORE_APART_LEFT, 0);
	discovery(st, 3, true);
	expect_view(st, "1-4", "1-4", 40000);
}

/* A clock jumps by eight days while somebody is off: nothing is cleaned before its time. */
static void clock_jump(struct story *st)
{
	struct sim_setup setup = story_setup(4);

	setup.autoclean_ms = DAY_MS;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-4", "1-4", 5000);
	run(st, 3000);
	kill_node(st, 4);
	run(st, 5000);
	for (unsigned i = 1; i <= 3; i++)
		wall_jump(st, i, (i % 2 == 0 ? -8 : 8) * (int64_t)DAY_MS);
	run(st, 60000);
	expect_members(st, 1, 4, 0);
	start(st, 4);
	expect_view(st, "1-4", "1-4", 5000);
}

/* A watcher that was itself off did not watch. */
static void watcher_was_off(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.autoclean_ms = 60000;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 3000);
	kill_node(st, 3);
	run(st, 10000);
	sleep_all(st, DAY_MS);
	run(st, 10000);
	expect_members(st, 1, 3, 0);
	expect_members(st, 1, 2, 60000);
}

static void two_leave_at_once(struct story *st)
{
	uint32_t a, b;

	cluster(st, 4);
	a = leave(st, 2);
	b = leave(st, 3);
	expect_answer(st, 2, a, CORE_OK, 5000);
	expect_answer(st, 3, b, CORE_OK, 5000);
	expect_view(st, "1 4", "1 4", 2000);
	expect_members(st, 1, 2, 0);
	expect_no_stop_by(st, "1 4", "1 4");
}

static void both_of_two_leave(struct story *st)
{
	enum core_code x, y;
	uint32_t a, b;

	cluster(st, 2);
	a = leave(st, 1);
	b = leave(st, 2);
	x = answer(st, 1, a, 10000);
	y = answer(st, 2, b, 10000);
	run(st, 60000);
	/* each is alone, nobody shows a ghost */
	expect(st, x == CORE_OK || y == CORE_OK, "one of the leaves succeeds");
	expect_members(st, 1, 1, 0);
	expect_members(st, 2, 1, 0);
}

static void leave_alone(struct story *st)
{
	struct id128 one;

	cluster(st, 2);
	one = member_id(st, 1);
	split(st, "1", "2");
	expect_view(st, "1", "1", 3500);
	expect_answer(st, 1, leave(st, 1), CORE_E_NOT_IN_CLUSTER, 3000);
	expect_member_id(st, 1, one, true);
	unsplit(st, "1", "2");
	expect_view(st, "1-2", "1-2", 6000);
}

/* The last link between two parts leads through the one who leaves: it is replaced first. */
static void leaving_bridge(struct story *st)
{
	cluster(st, 3);
	cut(st, 1, 3);
	run(st, 10000);
	expect_view(st, "1-3", "1-3", 0);
	calm(st);
	mend(st, 1, 3);
	expect_answer(st, 2, leave(st, 2), CORE_OK, 5000);
	expect_view(st, "1 3", "1 3", 6000);
}

const struct story_row stories_members[] = {
	{"B4a", "an automatic cluster does not slip into a manual one",
		auto_cluster_meets_manual, 0},
	{"B4b", "membership beats identity and mode", membership_beats_identity, 0},
	{"B5", "who left is not dragged back", who_left_stays_out, 0},
	{"B10a", "clock jumps clean nobody", clock_jump, 0},
	{"B10b", "time in which the watcher did not run is no time", watcher_was_off, 0},
	{"B11a", "two leave at once", two_leave_at_once, 0},
	{"B11b", "both of two leave", both_of_two_leave, 0},
	{"B11c", "a leave with nobody in reach changes nothing", leave_alone, 0},
	{"B11d", "a bridge leaves after others have linked round it", leaving_bridge, 0},
};
const size_t n_stories_members = sizeof stories_members / sizeof stories_members[0];
