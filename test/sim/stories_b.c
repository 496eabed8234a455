/* Section B of the protocol review: the view is wrong, flaps, or splits for good. */
#include <stdio.h>

#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { MINUTE = 60000, DAY_MS = 86400000 };

/* n nodes split into all but the last few and those few, in another place each round. */
static void small_side(struct story *st, unsigned n, unsigned few)
{
	char large[64] = "", small[64] = "";
	size_t at = 0, to = 0;

	cluster(st, n);
	run(st, 40000); /* surplus links of the start are gone */
	for (unsigned i = 1; i <= n; i++) {
		bool in_small = (i + st->round * 3) % n < few;

		if (in_small)
			to += (size_t)snprintf(small + to, sizeof small - to, "%u ", i);
		else if (at < sizeof large)
			at += (size_t)snprintf(large + at, sizeof large - at, "%u ", i);
	}
	calm(st);
	if (n > 20) {
		/* the large side as ranges, so that it fits: all that is not in the small one */
		uint64_t all = (UINT64_C(1) << n) - 1, rest = all & ~group(small);

		at = 0;
		for (unsigned i = 1; i <= n; i++)
			if (rest >> (i - 1) & 1) {
				unsigned from = i;

				while (i < n && rest >> i & 1)
					i++;
				at += (size_t)snprintf(large + at, sizeof large - at, "%u-%u ",
					from, i);
			}
	}
	split(st, large, small);
	expect_view(st, large, large, 3000);
	expect_view(st, small, small, 3000);
	run(st, 20000);
	for (unsigned i = 1; i <= n; i++) {
		bool in_small = group(small) >> (i - 1) & 1;

		expect(st, stops_by(st, i) == (in_small ? n - few : few),
			"n%u has announced %u stops and no more, but %u", i,
			in_small ? n - few : few, stops_by(st, i));
	}
	calm(st);
	unsplit(st, large, small);
	expect_view(st, large, n > 20 ? "1-30" : "1-12", 6000);
	run(st, 10000);
	expect_no_stop(st);
}

static void small_side_of_12(struct story *st)
{
	small_side(st, 12, 2);
}

static void small_side_of_30(struct story *st)
{
	small_side(st, 30, 3);
}

static void steady_loss(struct story *st)
{
	cluster(st, 10);
	lossy(st, 200, true);
	run(st, 10 * MINUTE);
	expect_no_stop(st);
}

static void blackout_of_a_second(struct story *st)
{
	static const unsigned ms[] = {300, 500, 700, 900, 1000};

	cluster(st, 10);
	for (unsigned i = 0; i < 5; i++) {
		blackout(st, true);
		run(st, ms[i]);
		blackout(st, false);
		run(st, 10000);
	}
	expect_no_stop(st);
}

/* Black-outs long enough for a time-out: each is a fall of both, and the hold is all that delays the healing. */
static void falls_of_two(struct story *st)
{
	static const uint64_t hold_ms[] = {1000, 4000, 8000, 16000, 32000, 60000};

	cluster(st, 2);
	for (unsigned i = 0; i < 6; i++) {
		blackout(st, true);
		run(st, 5000);
		blackout(st, false);
		expect_view(st, "1-2", "1-2", hold_ms[i] + 5000);
		run(st, 5000);
	}
	/* forgotten after ten minutes */
	run(st, 11 * MINUTE);
	blackout(st, true);
	run(st, 5000);
	blackout(st, false);
	expect_view(st, "1-2", "1-2", 6000);
}

static void blips_of_two(struct story *st)
{
	cluster(st, 2);
	for (unsigned i = 0; i < 6; i++) {
		blackout(st, true);
		run(st, 1000);
		blackout(st, false);
		run(st, 50000);
	}
	expect_no_stop(st);
}

/* 80 % loss: it is stopped and stays so; what changes is bounded by the hold. */
static void sick_node(struct story *st)
{
	cluster(st, 10);
	lossy_node(st, 7, 800, true);
	run(st, 10 * MINUTE);
	expect_no_stop_by(st, "1-6 8-10", "1-6 8-10");
	expect_stops_of(st, "1-6 8-10", 7, 1, 14);
	lossy_node(st, 7, 800, false);
	expect_view(st, "1-10", "1-10", 70000);
}

static void deaf_node(struct story *st)
{
	cluster(st, 5);
	deaf(st, 3, true);
	expect_view(st, "1-2 4-5", "1-2 4-5", 3000);
	run(st, 10 * MINUTE);
	expect_view(st, "1-2 4-5", "1-2 4-5", 0);
	expect_no_stop_by(st, "1-2 4-5", "1-2 4-5");
	expect_stops_of(st, "1-2 4-5", 3, 1, 1);
	deaf(st, 3, false);
	expect_view(st, "1-5", "1-5", 70000);
}

static void mute_node(struct story *st)
{
	cluster(st, 5);
	mute(st, 3, true);
	expect_view(st, "1-2 4-5", "1-2 4-5", 3000);
	run(st, 10 * MINUTE);
	expect_view(st, "1-2 4-5", "1-2 4-5", 0);
	expect_no_stop_by(st, "1-2 4-5", "1-2 4-5");
	expect_stops_of(st, "1-2 4-5", 3, 1, 1);
	mute(st, 3, false);
	expect_view(st, "1-5", "1-5", 70000);
}

/* One of thirty can reach only node 1. */
static void bridge(struct story *st)
{
	struct sim_setup setup = story_setup(30);

	world(st, &setup);
	for (unsigned i = 2; i <= 29; i++)
		cut(st, 30, i);
	start_all(st);
	expect_view(st, "1-30", "1-30", 30000);
	run(st, 60000);
	calm(st);
	run(st, 3 * MINUTE);
	expect_no_stop(st);
}

/* Twenty that reach only a hub. */
static void star(struct story *st)
{
	struct sim_setup setup = story_setup(20);

	world(st, &setup);
	for (unsigned i = 2; i <= 20; i++)
		for (unsigned k = i + 1; k <= 20; k++)
			cut(st, i, k);
	start_all(st);
	expect_view(st, "1-20", "1-20", 30000);
	run(st, 60000);
	calm(st);
	run(st, 3 * MINUTE);
	expect_no_stop(st);
}

/* Sixteen that reach only two hubs, far away: each hub could do without any of its links, both together could not. */
static void double_star(struct story *st)
{
	struct sim_setup setup = story_setup(18);

	setup.latency_us = 200000;
	world(st, &setup);
	for (unsigned i = 3; i <= 18; i++)
		for (unsigned k = i + 1; k <= 18; k++)
			cut(st, i, k);
	start_all(st);
	expect_view(st, "1-18", "1-18", 60000);
	run(st, 60000);
	calm(st);
	run(st, 3 * MINUTE);
	expect_no_stop(st);
}

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

/* The supervisor holds the listener of a dead membership: connect() succeeds and proves nothing. */
static void dead_behind_a_listener(struct story *st)
{
	cluster(st, 4);
	kill_held(st, 2);
	expect_view(st, "1 3-4", "1 3-4", 1300);
	start(st, 2);
	expect_view(st, "1-4", "1-4", 5000);
	calm(st);
	/* and a crash loop does not keep it alive in the view */
	for (unsigned i = 0; i < 5; i++) {
		kill_held(st, 2);
		run(st, 3000);
		start(st, 2);
		run(st, 20);
	}
	kill_held(st, 2);
	expect_view(st, "1 3-4", "1 3-4", 1300);
}

/* Node 2 can't dial node 1; a middlebox resets the link. */
static void refused_one_way(struct story *st)
{
	struct sim_setup setup = story_setup(2);

	world(st, &setup);
	reject(st, 2, 1);
	start_all(st);
	expect_view(st, "1-2", "1-2", 5000);
	run(st, 5000);
	calm(st);
	for (unsigned i = 0; i < 10; i++) {
		reset_link(st, 1, 2, true, true);
		run(st, 3000);
	}
	expect_no_stop(st);
}

/* Only one end sees the link die. */
static void half_reset(struct story *st)
{
	cluster(st, 2 + st->round / 2);
	for (unsigned i = 0; i < 10; i++) {
		reset_link(st, 1, 2, st->round % 2 == 0, st->round % 2 != 0);
		run(st, 4000);
	}
	expect_no_stop(st);
}

static void hang_of_one_of_two(struct story *st)
{
	cluster(st, 2);
	pause_node(st, 2);
	expect_view(st, "1", "1", 3000);
	go_on(st, 2);
	expect_view(st, "1-2", "1-2", 6000);
}

static void kill_of_one_of_two(struct story *st)
{
	cluster(st, 2);
	kill_node(st, 2);
	expect_view(st, "1", "1", 10);
}

/* A slow link in a cluster whose records change all the time: heartbeats go first. */
static void slow_link(struct story *st)
{
	struct sim_setup setup = story_setup(40);
	char value[200];

	world(st, &setup);
	start_all(st);
	expect_view(st, "1-40", "1-40", 15000);
	run(st, 30000);
	slow_node(st, 5, true);
	for (unsigned i = 0; i < sizeof value - 1; i++)
		value[i] = 'v';
	value[sizeof value - 1] = '\0';
	calm(st);
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned k = 1; k <= 40; k++) {
			value[0] = (char)('a' + (i + k) % 26);
			if (k != 5)
				set_tag(st, k, value);
		}
		run(st, 1000);
	}
	expect_no_stop(st);
	/* and a node behind such a link can come back */
	kill_node(st, 5);
	run(st, 2000);
	start(st, 5);
	expect_view(st, "5", "1-40", 10000);
}

/* Half of the nodes run the fast profile, half the slow one. */
static void mixed_profiles(struct story *st)
{
	struct sim_setup setup = story_setup(4);

	world(st, &setup);
	for (unsigned i = 1; i <= 2; i++) {
		node(st, i)->conf.heartbeat_ms = 100;
		node(st, i)->conf.timeout_ms = 500;
		node(st, i + 2)->conf.heartbeat_ms = 2000;
		node(st, i + 2)->conf.timeout_ms = 10000;
	}
	start_all(st);
	expect_view(st, "1-4", "1-4", 5000);
	run(st, 1000);
	calm(st);
	run(st, 2 * MINUTE);
	expect_no_stop(st);
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

const struct story_row stories_b[] = {
	{"B1", "12 split into 10 and 2: no false stop on either side", small_side_of_12, 10},
	{"B1b", "30 split into 27 and 3: no false stop on either side", small_side_of_30, 10},
	{"B2a", "20 % loss between all of 10 for 10 minutes stops nobody", steady_loss, 0},
	{"B2b", "black-outs up to a second stop nobody", blackout_of_a_second, 4},
	{"B2c", "six blips in as many minutes stop neither of two", blips_of_two, 0},
	{"B2c2", "two that fall again and again wait out their hold, and no longer",
		falls_of_two, 0},
	{"B2d", "a node behind 80 % loss is held out", sick_node, 3},
	{"B2e", "a deaf node is stopped once and stays so", deaf_node, 0},
	{"B2f", "a mute node is stopped once and stays so", mute_node, 0},
	{"B3a", "a node that reaches only one of 30 keeps its bridge", bridge, 2},
	{"B3b", "a star of 20 is at rest", star, 2},
	{"B3c", "a star with two hubs is at rest", double_star, 6},
	{"B4a", "an automatic cluster does not slip into a manual one",
		auto_cluster_meets_manual, 0},
	{"B4b", "membership beats identity and mode", membership_beats_identity, 0},
	{"B5", "who left is not dragged back", who_left_stays_out, 0},
	{"B6a", "a held listener keeps nobody alive", dead_behind_a_listener, 0},
	{"B6b", "a refusal proves nothing to who never got through", refused_one_way, 0},
	{"B6c", "a link that only one end saw die is replaced in silence", half_reset, 4},
	{"B6d", "a hang of one of two is seen within 3 s", hang_of_one_of_two, 0},
	{"B6e", "a kill of one of two is seen within 10 ms", kill_of_one_of_two, 0},
	{"B7a", "heartbeats go before bulk on a slow link", slow_link, 0},
	{"B7b", "two profiles live together", mixed_profiles, 0},
	{"B10a", "clock jumps clean nobody", clock_jump, 0},
	{"B10b", "time in which the watcher did not run is no time", watcher_was_off, 0},
	{"B11a", "two leave at once", two_leave_at_once, 0},
	{"B11b", "both of two leave", both_of_two_leave, 0},
	{"B11c", "a leave with nobody in reach changes nothing", leave_alone, 0},
	{"B11d", "a bridge leaves after others have linked round it", leaving_bridge, 0},
};
const size_t n_stories_b = sizeof stories_b / sizeof stories_b[0];
