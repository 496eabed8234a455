/* Section B of the protocol review: the view is wrong, flaps, or splits for good. Who is a member: stories_members.c. */
#include <stdio.h>

#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { MINUTE = 60000 };

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
static void fall_six_times(struct story *st)
{
	static const uint64_t hold_ms[] = {1000, 4000, 8000, 16000, 32000, 60000};

	for (unsigned i = 0; i < 6; i++) {
		blackout(st, true);
		run(st, 5000);
		blackout(st, false);
		run(st, hold_ms[i] - 500);
		expect_view(st, "1", "1", 0);
		expect_view(st, "2", "2", 0);
		expect_view(st, "1-2", "1-2", 5500);
		run(st, 5000);
	}
}

static void falls_of_two(struct story *st)
{
	cluster(st, 2);
	fall_six_times(st);
	/* forgotten after ten minutes */
	run(st, 11 * MINUTE);
	blackout(st, true);
	run(st, 5000);
	blackout(st, false);
	expect_view(st, "1-2", "1-2", 6000);
}

/* Its former self is still looked for at its address: these dials don't make the link that waits any younger. */
static void falls_of_one_with_a_past(struct story *st)
{
	cluster(st, 2);
	kill_node(st, 1);
	run(st, 1000);
	start_empty(st, 1);
	expect_view(st, "1-2", "1-2", 5000);
	fall_six_times(st);
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

const struct story_row stories_b[] = {
	{"B1", "12 split into 10 and 2: no false stop on either side", small_side_of_12, 10},
	{"B1b", "30 split into 27 and 3: no false stop on either side", small_side_of_30, 10},
	{"B2a", "20 % loss between all of 10 for 10 minutes stops nobody", steady_loss, 0},
	{"B2b", "black-outs up to a second stop nobody", blackout_of_a_second, 4},
	{"B2c", "six blips in as many minutes stop neither of two", blips_of_two, 0},
	{"B2c2", "two that fall again and again wait out their hold, and no longer",
		falls_of_two, 0},
	{"B2c3", "a hold is not begun anew by dials for another member",
		falls_of_one_with_a_past, 8},
	{"B2d", "a node behind 80 % loss is held out", sick_node, 3},
	{"B2e", "a deaf node is stopped once and stays so", deaf_node, 0},
	{"B2f", "a mute node is stopped once and stays so", mute_node, 0},
	{"B3a", "a node that reaches only one of 30 keeps its bridge", bridge, 2},
	{"B3b", "a star of 20 is at rest", star, 2},
	{"B3c", "a star with two hubs is at rest", double_star, 12},
	{"B6a", "a held listener keeps nobody alive", dead_behind_a_listener, 0},
	{"B6b", "a refusal proves nothing to who never got through", refused_one_way, 0},
	{"B6c", "a link that only one end saw die is replaced in silence", half_reset, 4},
	{"B6d", "a hang of one of two is seen within 3 s", hang_of_one_of_two, 0},
	{"B6e", "a kill of one of two is seen within 10 ms", kill_of_one_of_two, 0},
	{"B7a", "heartbeats go before bulk on a slow link", slow_link, 0},
	{"B7b", "two profiles live together", mixed_profiles, 0},
};
const size_t n_stories_b = sizeof stories_b / sizeof stories_b[0];
