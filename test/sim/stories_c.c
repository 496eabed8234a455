/* Section C of the protocol review, replicas, and those who departed a week ago. */
#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { MINUTE = 60000, WEEK_AND_DAY = 8 * 86400000 };

static bool waits(struct story *st, unsigned i)
{
	struct core_status s = {.waiting_heal = false};

	if (!st->sim.failed && proc_runs(node(st, i)))
		core_status(node(st, i)->core, &s);
	return s.waiting_heal;
}

static void healing_waits(struct story *st)
{
	cluster(st, 5);
	expect_answer(st, 2, autoheal(st, 2, false), CORE_OK, 1000);
	run(st, 2000);
	split(st, "1-3", "4-5");
	expect_view(st, "1-3", "1-3", 3000);
	expect_view(st, "4-5", "4-5", 3000);
	unsplit(st, "1-3", "4-5");
	run(st, MINUTE);
	expect_view(st, "1-3", "1-3", 0);
	expect_view(st, "4-5", "4-5", 0);
	expect(st, waits(st, 1) || waits(st, 2) || waits(st, 3),
		"the large side says it waits");
	expect(st, waits(st, 4) || waits(st, 5), "the small side says it waits");
	calm(st);
	expect_answer(st, 4, heal(st, 4), CORE_OK, 1000);
	expect_view(st, "1-5", "1-5", 10000);
	expect_no_stop(st);
	run(st, 5000);
	for (unsigned i = 1; i <= 5; i++)
		expect(st, !waits(st, i), "n%u waits no more", i);
}

/* A member of the far side merely restarts: that lets nothing through. */
static void restart_lets_nothing_through(struct story *st)
{
	cluster(st, 5);
	expect_answer(st, 2, autoheal(st, 2, false), CORE_OK, 1000);
	run(st, 2000);
	split(st, "1-3", "4-5");
	expect_view(st, "4-5", "4-5", 3000);
	unsplit(st, "1-3", "4-5");
	run(st, 5000);
	kill_node(st, 5);
	run(st, 3000);
	start(st, 5);
	run(st, 30000);
	/* it is on one side or the other, and the sides don't meet through it */
	expect_not_shown(st, 1, "4");
	expect_not_shown(st, 4, "1-3");
	/* while a plain restart without a split is let in */
	kill_node(st, 2);
	run(st, 3000);
	start(st, 2);
	run(st, 6000);
	expect_not_shown(st, 1, "4");
	expect_not_shown(st, 4, "1");
}

static void replica_between_two_clusters(struct story *st)
{
	struct sim_setup setup = story_setup(5);

	setup.replicas = 1;
	world(st, &setup);
	split(st, "1-2", "3-4");
	start_all(st);
	run(st, MINUTE);
	expect_two_identities(st, 1, 3);
	unsplit(st, "1-2", "3-4");
	expect_view(st, "1-5", "1-5", 40000);
}

/* No path leads through a replica. */
static void replica_is_no_bridge(struct story *st)
{
	struct sim_setup setup = story_setup(4);

	setup.replicas = 1;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-4", "1-4", 5000);
	run(st, 5000);
	split(st, "1", "2-3");
	run(st, 4000);
	for (unsigned i = 2; i <= 3 && !st->sim.failed; i++) {
		struct core_status s;

		core_status(node(st, i)->core, &s);
		expect(st, s.running == 3, "n%u shows three running, but %u", i, s.running);
	}
	unsplit(st, "1", "2-3");
	expect_view(st, "1-4", "1-4", 6000);
}

static void replica_fails_over(struct story *st)
{
	struct sim_setup setup = story_setup(6);

	setup.replicas = 1;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-6", "1-6", 5000);
	run(st, 5000);
	calm(st);
	for (unsigned i = 1; i <= 4; i++) {
		kill_node(st, i);
		run(st, 3000);
	}
	expect_view(st, "5-6", "5-6", 1000);
	expect_no_stop_by(st, "6", "5");
	expect_quorum(st, "5", false);
}

/* With no more than three cores there is none to take the place of one that was out of reach. */
static void replica_keeps_trying(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.replicas = 1;
	world(st, &setup);
	split(st, "2", "3"); /* they have never met */
	start_all(st);
	run(st, 20000);
	expect_view(st, "1-3", "1-3", 1000);
	unsplit(st, "2", "3");
	run(st, 8000);
	calm(st);
	kill_node(st, 1); /* it is on the other one again */
	run(st, 3000);
	expect_view(st, "2-3", "2-3", 1000);
	expect_no_stop_by(st, "2-3", "2-3");
}

static void replica_is_not_joined(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.replicas = 1;
	setup.n_spare = 1;
	world(st, &setup);
	node(st, 4)->conf.mode = CORE_MANUAL;
	start_all(st);
	start(st, 4);
	expect_view(st, "1-3", "1-3", 5000);
	expect_answer(st, 4, join(st, 4, 3), CORE_E_REPLICANT, 5000);
	expect_answer(st, 3, join(st, 3, 4), CORE_E_REPLICANT, 5000);
	expect_answer(st, 4, join(st, 4, 1), CORE_OK, 5000);
}

/* Left on one side, cleaned on the other: one entry in the end. */
static void left_here_cleaned_there(struct story *st)
{
	struct sim_setup setup = story_setup(5);

	setup.autoclean_ms = 8000;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 3000);
	split(st, "1-3", "4-5");
	expect_view(st, "4-5", "4-5", 4000);
	expect_answer(st, 4, leave(st, 4), CORE_OK, 5000);
	expect_members(st, 1, 3, 20000);
	unsplit(st, "1-3", "4-5");
	expect_view(st, "1-3 5", "1-3 5", 15000);
	expect_members(st, 1, 4, 0);
	expect_apart(st, 4, CORE_APART_LEFT, 0);
	run(st, 10000);
	calm(st);
	run(st, 20000);
	expect_frames(st, 300);
}

/* Two machines with the default name find each other's cluster. */
static void one_name_twice(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	struct core_status a, b;

	setup.n_spare = 1;
	world(st, &setup);
	all_seeds(st, "1-4");
	same_name(st, 4, 3);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	start(st, 4);
	run(st, 5 * MINUTE);
	if (st->sim.failed)
		return;
	core_status(node(st, 3)->core, &a);
	core_status(node(st, 4)->core, &b);
	expect(st, a.apart == CORE_APART_NO, "n3, which was first, keeps the name");
	expect(st, b.running == 1, "n4 is alone");
	expect_members(st, 1, 3, 0);
	/* when the first is gone for good, the other comes in by itself */
	expect_answer(st, 3, leave(st, 3), CORE_OK, 5000);
	expect_members(st, 1, 3, MINUTE);
}

/* By hand into a cluster where the name is in use. */
static void name_of_a_running_member(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	struct id128 own;

	setup.n_spare = 1;
	world(st, &setup);
	for (unsigned i = 1; i <= 4; i++)
		node(st, i)->conf.mode = CORE_MANUAL;
	all_seeds(st, "");
	same_name(st, 4, 3);
	start_all(st);
	start(st, 4);
	for (unsigned i = 2; i <= 3; i++)
		expect_answer(st, i, join(st, i, 1), CORE_OK, 5000);
	run(st, 2000);
	own = member_id(st, 4);
	expect_answer(st, 4, join(st, 4, 1), CORE_E_NAME_IN_USE, 5000);
	run(st, 5000);
	expect_member_id(st, 4, own, true);
	expect_members(st, 1, 3, 0);
	expect_members(st, 4, 1, 0);
}

/* After a split only one pair can connect. */
static void one_pair_connects(struct story *st)
{
	cluster(st, 10);
	split(st, "1-5", "6-10");
	expect_view(st, "1-5", "1-5", 3000);
	run(st, 20000);
	mend(st, 1 + st->round, 6 + st->round);
	expect_view(st, "1-10", "1-10", 6500);
}

/* A paused node shows what it showed before until it is back, and says that it is rejoining. */
static void pause_keeps_the_view(struct story *st)
{
	cluster(st, 5);
	pause_node(st, 3);
	expect_view(st, "1-2 4-5", "1-2 4-5", 3000);
	run(st, 10000);
	go_on(st, 3);
	expect_view(st, "1-5", "1-5", 6000);
	expect_no_stop_by(st, "3", "1-5");
	expect_event(st, CORE_EV_STALLED, 1);
	expect_no_event(st, CORE_EV_NODE_REMOVED);
}

static void start_in_a_running_cluster(struct story *st)
{
	cluster(st, 6);
	kill_node(st, 2);
	run(st, 5000);
	calm(st);
	start(st, 2);
	expect_view(st, "1-6", "1-6", 1000);
	expect_no_stop_by(st, "2", "1-6");
}

/* Between the mesh and the rings nothing flaps with one node that comes and goes. */
static void twelve_and_eleven(struct story *st)
{
	cluster(st, 13);
	for (unsigned i = 0; i < 20; i++) {
		kill_node(st, 13);
		run(st, 4000);
		start(st, 13);
		run(st, 4000);
	}
	expect_no_stop_by(st, "1-12", "1-12");
	expect_degree(st, 12, 0);
}

/* Its disk is taken back: before it left, amid its leaving, or not so far. By then nobody knows more of it than its id. */
static void left_and_an_old_disk(struct story *st)
{
	struct id128 three;

	cluster(st, 3);
	three = member_id(st, 3);
	expect_answer(st, 3, leave(st, 3), CORE_OK, 5000);
	run(st, 3000);
	kill_node(st, 3);
	kill_node(st, 2);
	run(st, 1000);
	sleep_all(st, WEEK_AND_DAY);
	start(st, 2);
	expect_view(st, "1-2", "1-2", 5000);
	start_old(st, 3, 1 + st->round);
	run(st, 2 * MINUTE);
	expect_member_id(st, 3, three, false);
	expect_view(st, "1-2", "1-2", 0);
	expect_members(st, 1, 2, 0);
	expect_members(st, 2, 2, 0);
}

/* Removed by its side of a cut that lasts a week; the other side still has it for a member that may come back. */
static void removed_on_one_side_of_a_long_cut(struct story *st)
{
	struct id128 five;

	cluster(st, 5);
	five = member_id(st, 5);
	kill_node(st, 5);
	run(st, 5000);
	split(st, "1-3", "4");
	run(st, 5000);
	expect_answer(st, 1, remove_node(st, 1, 5), CORE_OK, 2000);
	run(st, 5000);
	sleep_all(st, WEEK_AND_DAY);
	run(st, 2 * MINUTE);
	expect_members(st, 1, 4, 0);
	expect_members(st, 4, 5, 0);
	if (st->round % 2 == 0) { /* it is met by the side that knows no better */
		split(st, "1-3", "5");
		start(st, 5);
		expect_view(st, "4-5", "4-5", 10000);
		unsplit(st, "1-3", "5");
	}
	unsplit(st, "1-3", "4");
	if (st->round % 2 != 0)
		start(st, 5);
	expect_view(st, "1-4", "1-4", 60000);
	expect_apart(st, 5, CORE_APART_REMOVED, 60000);
	expect_member_id(st, 5, five, false);
	expect_members(st, 4, 4, 5000);
	discovery(st, 5, true);
	expect_view(st, "1-5", "1-5", 60000);
}

const struct story_row stories_c[] = {
	{"A8b", "who left a week ago does not come back by an old disk", left_and_an_old_disk,
		8},
	{"A8c", "who was removed on one side of a cut a week ago stays removed",
		removed_on_one_side_of_a_long_cut, 4},
	{"C1a", "with autoheal off the sides wait for the operator", healing_waits, 0},
	{"C1b", "with autoheal off a restart lets nothing through",
		restart_lets_nothing_through, 0},
	{"C2a", "a replica does not merge two clusters", replica_between_two_clusters, 4},
	{"C2b", "a replica is no bridge between cores", replica_is_no_bridge, 0},
	{"C2c", "a replica fails over from core to core and is no vote", replica_fails_over, 0},
	{"C2e", "a replica keeps trying to reach each of few cores", replica_keeps_trying, 4},
	{"C2d", "a replica is not joined and does not join", replica_is_not_joined, 0},
	{"C3", "left on one side and cleaned on the other is one departure",
		left_here_cleaned_there, 0},
	{"C4", "of two with one name the later one waits until the name is free",
		one_name_twice, 0},
	{"C4b", "nobody joins under the name of a running member", name_of_a_running_member, 0},
	{"C7", "one pair that can connect heals a split", one_pair_connects, 5},
	{"C9", "a paused node keeps its view while it rejoins", pause_keeps_the_view, 0},
	{"C10", "a start in a running cluster announces no stop", start_in_a_running_cluster,
		0},
	{"C12", "between mesh and rings nothing flaps", twelve_and_eleven, 0},
};
const size_t n_stories_c = sizeof stories_c / sizeof stories_c[0];
