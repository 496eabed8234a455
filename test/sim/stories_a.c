/* Section A of the protocol review: data lost or a cluster destroyed without an operator's wish. */
#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { DAY_MS = 86400000 };

static void mutual_force_leave(struct story *st)
{
	cluster(st, 2);
	split(st, "1", "2");
	run(st, 4000);
	expect_answer(st, 1, remove_node(st, 1, 2), CORE_OK, 1000);
	expect_answer(st, 2, remove_node(st, 2, 1), CORE_OK, 1000);
	unsplit(st, "1", "2");
	expect_apart(st, 1, CORE_APART_REMOVED, 60000);
	expect_apart(st, 2, CORE_APART_REMOVED, 60000);
	run(st, 60000);
	expect_view(st, "1", "1", 0);
	expect_view(st, "2", "2", 0);
}

static void small_side_removes_the_large(struct story *st)
{
	struct id128 id[6];

	cluster(st, 5);
	for (unsigned i = 1; i <= 5; i++)
		id[i] = member_id(st, i);
	split(st, "1-3", "4-5");
	expect_view(st, "4-5", "4-5", 3000);
	for (unsigned i = 1; i <= 3; i++)
		expect_answer(st, 4, remove_node(st, 4, i), CORE_OK, 1000);
	run(st, 2000);
	unsplit(st, "1-3", "4-5");
	expect_view(st, "1-5", "1-5", 40000);
	for (unsigned i = 1; i <= 5; i++) {
		expect_member_id(st, i, id[i], true);
		expect_apart(st, i, CORE_APART_NO, 0);
	}
}

/* The autoscaler adds four on the small side: they must not outvote those that were there before. */
static void autoscale_on_the_small_side(struct story *st)
{
	struct sim_setup setup = story_setup(5);
	struct id128 id[4];

	setup.n_spare = 4;
	setup.autoclean_ms = 20000;
	world(st, &setup);
	all_seeds(st, "1-5");
	start_all(st);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 3000);
	for (unsigned i = 1; i <= 3; i++)
		id[i] = member_id(st, i);
	split(st, "1-3", "4-9");
	run(st, 4000);
	for (unsigned i = 6; i <= 9; i++)
		start(st, i);
	expect_view(st, "4-9", "4-9", 10000);
	run(st, 40000);
	unsplit(st, "1-3", "4-9");
	expect_view(st, "1-9", "1-9", 60000);
	for (unsigned i = 1; i <= 3; i++) {
		expect_member_id(st, i, id[i], true);
		expect_apart(st, i, CORE_APART_NO, 0);
	}
}

static void cleaned_minority_comes_back(struct story *st)
{
	struct sim_setup setup = story_setup(5);
	struct id128 one, four;

	setup.autoclean_ms = 10000;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 3000);
	one = member_id(st, 1);
	four = member_id(st, 4);
	calm(st);
	split(st, "1-3", "4-5");
	expect_members(st, 1, 3, 30000);
	expect_members(st, 4, 5, 0);
	expect_event(st, CORE_EV_NODE_CLEANED, 2);
	unsplit(st, "1-3", "4-5");
	expect_view(st, "1-5", "1-5", 15000);
	expect_member_id(st, 1, one, true);
	expect_member_id(st, 4, four, false);
}

static void even_sides_never_clean_each_other(struct story *st)
{
	struct sim_setup setup = story_setup(2);

	setup.autoclean_ms = 5000;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-2", "1-2", 5000);
	run(st, 3000);
	calm(st);
	split(st, "1", "2");
	run(st, 30000);
	expect_no_event(st, CORE_EV_NODE_CLEANED);
	unsplit(st, "1", "2");
	expect_view(st, "1-2", "1-2", 10000);
	expect_members(st, 1, 2, 0);
}

/* A fresh node takes the name of one that is only cut off, with an operator's replace. */
static void replaced_while_cut_off(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.n_spare = 1;
	world(st, &setup);
	all_seeds(st, "1-3");
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 3000);
	isolate(st, 3, true);
	expect_view(st, "1-2", "1-2", 4000);
	expect_answer(st, 1, replace(st, 1, 3), CORE_OK, 1000);
	same_name(st, 4, 3);
	start(st, 4);
	expect_members(st, 1, 3, 10000);
	run(st, 2000);
	isolate(st, 3, false);
	run(st, 60000);
	/* the healthy old one is told, keeps what it has, and stays out */
	expect(st, core_n_members(node(st, 1)->core) == 3, "n1 has three members");
	expect_apart(st, 3, CORE_APART_REMOVED, 0);
	expect_apart(st, 4, CORE_APART_NO, 0);
}

static void everything_off_for_two_weeks(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	struct id128 id[4];

	setup.autoclean_ms = DAY_MS;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 3000);
	for (unsigned i = 1; i <= 3; i++) {
		id[i] = member_id(st, i);
		power_off(st, i);
	}
	sleep_all(st, UINT64_C(14) * DAY_MS);
	for (unsigned i = 1; i <= 3; i++)
		start(st, i);
	expect_view(st, "1-3", "1-3", 10000);
	for (unsigned i = 1; i <= 3; i++)
		expect_member_id(st, i, id[i], true);
	expect_no_event(st, CORE_EV_NODE_CLEANED);
}

static void clone_of_a_running_member(struct story *st)
{
	struct sim_setup setup = story_setup(5);
	struct id128 three;

	setup.n_spare = 1;
	world(st, &setup);
	all_seeds(st, "1-5");
	start_all(st);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 4000);
	three = member_id(st, 3);
	calm(st);
	start_clone(st, 6, 3);
	expect_apart(st, 6, CORE_APART_IDENTITY, 60000);
	expect_event(st, CORE_EV_IDENTITY_CONFLICT, 1);
	expect_member_id(st, 3, three, true);
	expect_apart(st, 3, CORE_APART_NO, 0);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 5000);
	calm(st);
	run(st, 30000);
	/* five nodes at rest: pings, and no flood for ever */
	expect_frames(st, 400);
	expect_no_stop(st);
}

/* The clone starts while the original is off, and then the original comes back. */
static void original_returns_after_its_clone(struct story *st)
{
	struct sim_setup setup = story_setup(4);
	bool clone_apart, original_apart;
	struct core_status a, b;

	setup.n_spare = 1;
	world(st, &setup);
	all_seeds(st, "1-4");
	start_all(st);
	expect_view(st, "1-4", "1-4", 5000);
	run(st, 3000);
	kill_node(st, 3);
	run(st, 3000);
	start_clone(st, 5, 3);
	run(st, 5000);
	start(st, 3);
	run(st, 60000);
	if (st->sim.failed)
		return;
	core_status(node(st, 3)->core, &a);
	core_status(node(st, 5)->core, &b);
	original_apart = a.apart != CORE_APART_NO;
	clone_apart = b.apart != CORE_APART_NO;
	expect(st, original_apart != clone_apart, "exactly one of the two stands apart");
	expect(st, !id_eq(&a.member_id, &b.member_id), "they have two member ids");
	calm(st);
	run(st, 30000);
	expect_frames(st, 400);
}

/* An image with a node's directory in it is started twice; a third node finds both. */
static void single_clones_draw_new_ids(struct story *st)
{
	struct sim_setup setup = story_setup(2);
	struct core_status a, b;

	setup.n_spare = 1;
	world(st, &setup);
	all_seeds(st, "1-3");
	start(st, 1);
	run(st, 2000);
	start_clone(st, 3, 1);
	start(st, 2);
	run(st, 90000);
	if (st->sim.failed)
		return;
	core_status(node(st, 1)->core, &a);
	core_status(node(st, 3)->core, &b);
	expect(st, !id_eq(&a.member_id, &b.member_id), "they have two member ids");
	expect(st, !id_eq(&a.node_id, &b.node_id), "they have two node ids");
	expect(st, (a.apart == CORE_APART_NO) != (b.apart == CORE_APART_NO),
		"one of them has the name");
}

/* A backup is restored: versions that are in use already come again. */
static void restored_backup(struct story *st)
{
	struct id128 two;

	cluster(st, 4);
	two = member_id(st, 2);
	for (unsigned i = 0; i < 3; i++) {
		kill_node(st, 2);
		run(st, 500);
		start(st, 2);
		expect_view(st, "1-4", "1-4", 5000);
	}
	kill_node(st, 2);
	run(st, 1500);
	start_old(st, 2, 1 + st->round);
	expect_view(st, "1-4", "1-4", 8000);
	set_tag(st, 2, "after the restore");
	run(st, 3000);
	expect_member_id(st, 2, two, true);
	calm(st);
	run(st, 20000);
	expect_frames(st, 300);
}

static void lost_disk(struct story *st)
{
	struct id128 two;

	cluster(st, 4);
	two = member_id(st, 2);
	kill_node(st, 2);
	run(st, 3000);
	start_empty(st, 2);
	expect_view(st, "1-4", "1-4", 8000);
	expect_members(st, 1, 4, 5000);
	expect_member_id(st, 2, two, false);
}

static void joins_that_cross(struct story *st)
{
	struct sim_setup setup = story_setup(2);
	uint32_t a, b;
	enum core_code x, y;

	setup.manual = true;
	setup.copy_us = 1000 + st->round * 5000;
	world(st, &setup);
	start_all(st);
	run(st, 500);
	a = join(st, 1, 2);
	run(st, st->round % 4);
	b = join(st, 2, 1);
	x = answer(st, 1, a, 30000);
	y = answer(st, 2, b, 30000);
	expect(st, x == CORE_OK || y == CORE_OK, "one of the joins succeeds");
	expect_view(st, "1-2", "1-2", 5000);
	expect_members(st, 1, 2, 1000);
	expect_members(st, 2, 2, 1000);
	expect_one_identity(st, "1-2", 1000);
}

static void joins_in_a_circle(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	uint32_t request[4];

	setup.manual = true;
	setup.copy_us = 1000 + st->round * 5000;
	world(st, &setup);
	start_all(st);
	run(st, 500);
	for (unsigned i = 1; i <= 3; i++) {
		request[i] = join(st, i, i % 3 + 1);
		run(st, st->round % 3);
	}
	for (unsigned i = 1; i <= 3; i++)
		answer(st, i, request[i], 30000);
	run(st, 5000);
	/* no ghost, whoever went through: whom one shows, it shows running */
	for (unsigned i = 1; i <= 3 && !st->sim.failed; i++) {
		struct core_status s;

		core_status(node(st, i)->core, &s);
		expect(st, s.stopped == 0, "n%u shows nobody stopped", i);
	}
}

/* The target dies at each moment of a join. */
static void target_dies(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	struct id128 before;
	uint32_t request;

	setup.manual = true;
	world(st, &setup);
	start_all(st);
	run(st, 500);
	expect_answer(st, 2, join(st, 2, 1), CORE_OK, 3000);
	run(st, 2000);
	before = member_id(st, 3);
	request = join(st, 3, 2);
	run(st, st->round);
	kill_node(st, 2);
	if (answer(st, 3, request, 40000) == CORE_OK)
		expect_member_id(st, 3, before, false);
	run(st, 2000);
	start(st, 2);
	run(st, 10000);
	if (id_eq(&before, &(struct id128){{0}}) || st->sim.failed)
		return;
	/* it is either still alone, or a member who finds the others */
	if (core_n_members(node(st, 3)->core) == 1)
		expect_member_id(st, 3, before, true);
	else
		expect_view(st, "1-3", "1-3", 10000);
}

/* The target leaves its cluster at each moment of a join. */
static void target_leaves(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	uint32_t request, leaving;

	setup.manual = true;
	world(st, &setup);
	start_all(st);
	run(st, 500);
	expect_answer(st, 2, join(st, 2, 1), CORE_OK, 3000);
	run(st, 2000);
	request = join(st, 3, 2);
	run(st, st->round);
	leaving = leave(st, 2);
	answer(st, 2, leaving, 20000);
	answer(st, 3, request, 40000);
	run(st, 5000);
	for (unsigned i = 1; i <= 3 && !st->sim.failed; i++) {
		struct core_status s;

		core_status(node(st, i)->core, &s);
		expect(st, s.stopped == 0, "n%u shows nobody stopped", i);
	}
}

static void join_without_the_rpc_port(struct story *st)
{
	struct sim_setup setup = story_setup(2);
	struct id128 two;

	setup.manual = true;
	world(st, &setup);
	start_all(st);
	run(st, 500);
	two = member_id(st, 2);
	rpc_blocked(st, 1, true);
	expect_answer(st, 2, join(st, 2, 1), CORE_E_NODE_DOWN, 45000); /* it tries for 30 s */
	expect_member_id(st, 2, two, true);
	expect_members(st, 1, 1, 0);
	expect_members(st, 2, 1, 0);
	rpc_blocked(st, 1, false);
	expect_answer(st, 2, join(st, 2, 1), CORE_OK, 5000);
	expect_view(st, "1-2", "1-2", 2000);
}

/* Discovery finds an automatic cluster while a manual join is copying. */
static void merge_during_a_join(struct story *st)
{
	struct sim_setup setup = story_setup(4);

	setup.copy_us = 3000000;
	world(st, &setup);
	node(st, 1)->conf.mode = CORE_MANUAL;
	seeds(st, 2, "2");
	seeds(st, 3, "3-4");
	seeds(st, 4, "3-4");
	start_all(st);
	expect_view(st, "3-4", "3-4", 3000);
	join(st, 2, 1);
	run(st, 200);
	seeds(st, 2, "3-4");
	seeds(st, 3, "2-4"); /* and they find it */
	expect_view(st, "1-2", "1-2", 15000);
	run(st, 10000);
	expect_view(st, "1-2", "1-2", 0);
	expect_view(st, "3-4", "3-4", 0);
	expect_two_identities(st, 1, 3);
}

static void removed_while_off_is_remembered(struct story *st)
{
	struct id128 three;

	cluster(st, 3);
	three = member_id(st, 3);
	power_off(st, 3);
	expect_view(st, "1-2", "1-2", 4000);
	expect_answer(st, 1, remove_node(st, 1, 3), CORE_OK, 2000);
	expect_members(st, 2, 2, 2000);
	run(st, 5000);
	sleep_all(st, UINT64_C(8) * DAY_MS);
	run(st, 5000);
	start(st, 3);
	expect_apart(st, 3, CORE_APART_REMOVED, 15000);
	expect_member_id(st, 3, three, false);
	run(st, 30000);
	expect_members(st, 1, 2, 0);
	expect_members(st, 2, 2, 0);
	/* and its own wish brings it back */
	discovery(st, 3, true);
	expect_view(st, "1-3", "1-3", 40000);
}

const struct story_row stories_a[] = {
	{"A2a", "both of two remove each other while cut: nobody's word clears anybody",
		mutual_force_leave, 0},
	{"A2b", "two of five remove the three that they can't see: void, the three had quorum",
		small_side_removes_the_large, 0},
	{"A2c", "new nodes on the small side don't outvote the cores that were there before",
		autoscale_on_the_small_side, 0},
	{"A2d", "a cleaned minority comes back by itself as new members",
		cleaned_minority_comes_back, 0},
	{"A2d2", "of two halves neither cleans the other", even_sides_never_clean_each_other,
		0},
	{"A2e", "a member replaced while cut off keeps what it has and stays out",
		replaced_while_cut_off, 0},
	{"A3", "a cluster that was off for two weeks is the same cluster",
		everything_off_for_two_weeks, 0},
	{"A6", "a copy of a running member's directory is refused and stands apart",
		clone_of_a_running_member, 0},
	{"A6b", "an original that meets its clone: exactly one stands apart",
		original_returns_after_its_clone, 0},
	{"A6c", "two single nodes of one image become two nodes", single_clones_draw_new_ids,
		0},
	{"A6d", "a restored backup jumps past what it had said", restored_backup, 6},
	{"A6e", "a node that lost its disk comes back under its name", lost_disk, 0},
	{"A7a", "of two that join each other one goes through", joins_that_cross, 12},
	{"A7a2", "joins in a circle leave no ghost", joins_in_a_circle, 9},
	{"A7b", "the target dies at each moment of a join", target_dies, 60},
	{"A7b2", "the target leaves at each moment of a join", target_leaves, 60},
	{"A7c", "a join without the RPC port changes nothing", join_without_the_rpc_port, 0},
	{"A7d", "a merge waits while a join is under way", merge_during_a_join, 0},
	{"A8", "who was removed while off is told so a week later",
		removed_while_off_is_remembered, 0},
};
const size_t n_stories_a = sizeof stories_a / sizeof stories_a[0];
