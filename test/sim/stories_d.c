/* What is promised: who sees what, and how soon (design §12, the list). */
#include <stdio.h>

#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { MINUTE = 60000 };

static void split_with_writes(struct story *st, const char *one, const char *other,
	const char *all)
{
	split(st, one, other);
	expect_view(st, one, one, 3000);
	expect_view(st, other, other, 3000);
	for (unsigned i = 1; i <= st->sim.setup.n; i++)
		set_tag(st, i, "written during the split");
	run(st, 17000);
	expect_no_stop_by(st, one, one);
	expect_no_stop_by(st, other, other);
	calm(st);
	unsplit(st, one, other);
	expect_view(st, all, all, 6000);
	run(st, 20000);
	expect_no_stop(st);
	expect_event(st, CORE_EV_HEALED, st->sim.setup.n);
}

static void split_3_2(struct story *st)
{
	cluster(st, 5);
	split(st, "1-3", "4-5");
	expect_view(st, "1-3", "1-3", 3000);
	expect_view(st, "4-5", "4-5", 3000);
	expect_quorum(st, "1-3", true);
	expect_quorum(st, "4-5", false);
	unsplit(st, "1-3", "4-5");
	expect_view(st, "1-5", "1-5", 6000);
	run(st, 11 * MINUTE);
	calm(st);
	split_with_writes(st, "1-3", "4-5", "1-5");
}

static void split_2_2(struct story *st)
{
	cluster(st, 4);
	split_with_writes(st, "1-2", "3-4", "1-4");
}

static void split_1_1(struct story *st)
{
	cluster(st, 2);
	split_with_writes(st, "1", "2", "1-2");
}

static void split_in_three(struct story *st)
{
	cluster(st, 7);
	split(st, "1-3", "4-7");
	split(st, "4-5", "6-7");
	expect_view(st, "1-3", "1-3", 3000);
	expect_view(st, "4-5", "4-5", 3000);
	expect_view(st, "6-7", "6-7", 3000);
	run(st, 10000);
	calm(st);
	unsplit(st, "1-3", "4-7");
	unsplit(st, "4-5", "6-7");
	expect_view(st, "1-7", "1-7", 6000);
	run(st, 10000);
	expect_no_stop(st);
}

/* A–B cut, both reach C. */
static void one_link_of_five(struct story *st)
{
	cluster(st, 5);
	cut(st, 1, 2);
	run(st, MINUTE);
	expect_no_stop(st);
	expect_no_event(st, CORE_EV_NODE_UP);
	mend(st, 1, 2);
	run(st, MINUTE);
	expect_no_stop(st);
}

static void one_way_link(struct story *st)
{
	cluster(st, 5);
	cut_one_way(st, 1, 2);
	run(st, MINUTE);
	expect_no_stop(st);
	mend_one_way(st, 1, 2);
	run(st, 20000);
	expect_no_stop(st);
}

static void unplugged(struct story *st)
{
	static const unsigned sizes[] = {3, 10, 30};
	unsigned n = sizes[st->round];
	char rest[16];

	cluster(st, n);
	snprintf(rest, sizeof rest, "2-%u", n);
	isolate(st, 1, true);
	expect_view(st, rest, rest, 3000);
	run(st, 10000);
	expect_no_stop_by(st, rest, rest);
	calm(st);
	isolate(st, 1, false);
	snprintf(rest, sizeof rest, "1-%u", n);
	expect_view(st, rest, rest, 6000);
	run(st, 5000);
	expect_no_stop(st);
}

static void short_pause(struct story *st)
{
	cluster(st, 5);
	for (unsigned i = 1; i <= 5; i++) {
		pause_node(st, i);
		run(st, 1200);
		go_on(st, i);
		run(st, 3000);
	}
	expect_no_stop(st);
}

static void long_pause(struct story *st)
{
	struct id128 two;

	cluster(st, 5);
	two = member_id(st, 2);
	pause_node(st, 2);
	expect_view(st, "1 3-5", "1 3-5", 3000);
	run(st, 7000);
	go_on(st, 2);
	expect_view(st, "1-5", "1-5", 6000);
	expect_event(st, CORE_EV_STALLED, 1);
	expect_member_id(st, 2, two, true);
	expect_members(st, 1, 5, 0);
}

static void stutter_of_a_tenth(struct story *st)
{
	cluster(st, 30);
	for (unsigned i = 0; i < 22; i++) {
		for (unsigned k = 0; k < 3; k++)
			pause_node(st, 4 + 9 * k);
		run(st, 1200);
		for (unsigned k = 0; k < 3; k++)
			go_on(st, 4 + 9 * k);
		run(st, 1500);
	}
	expect_no_stop(st);
}

static void kill_is_seen(struct story *st)
{
	static const struct {
		unsigned n;
		uint64_t within_ms;
	} rows[] = {{3, 10}, {10, 20}, {30, 40}, {60, 60}};
	char rest[16];

	cluster(st, rows[st->round].n);
	run(st, 40000);
	snprintf(rest, sizeof rest, "2-%u", rows[st->round].n);
	calm(st);
	kill_node(st, 1);
	expect_view(st, rest, rest, rows[st->round].within_ms);
	expect_no_stop_by(st, rest, rest);
}

static void stop_is_seen(struct story *st)
{
	cluster(st, 10);
	stop(st, 4);
	expect_view(st, "1-3 5-10", "1-3 5-10", 0);
	expect_no_stop_by(st, "1-10", "1-3 5-10");
	start(st, 4);
	expect_view(st, "1-10", "1-10", 2000);
}

static void planned_restart(struct story *st)
{
	cluster(st, 5);
	restart(st, 3);
	run(st, 3000);
	expect_view(st, "1-2 4-5", "1-5", 0);
	start(st, 3);
	expect_view(st, "1-5", "1-5", 3000);
	expect_no_stop(st);
	/* and one that does not come back is stopped at its deadline */
	restart(st, 3);
	expect_view(st, "1-2 4-5", "1-2 4-5", 11000);
}

static void rolling_restart(struct story *st)
{
	cluster(st, 10);
	for (unsigned i = 1; i <= 10; i++) {
		restart(st, i);
		run(st, 1500);
		start(st, i);
		run(st, 2500);
	}
	expect_view(st, "1-10", "1-10", 3000);
	expect_no_stop(st);
	expect_event(st, CORE_EV_NODE_RESTARTED, 90);
}

static void announced_only(struct story *st)
{
	cluster(st, 5);
	expect_answer(st, 3, announce_restart(st, 3), CORE_OK, 1000);
	run(st, 20000);
	expect_view(st, "1-5", "1-5", 0);
	expect_no_stop(st);
}

/* In place: each is back within some tens of milliseconds, so that its old links have only just gone. */
static void quick_restarts(struct story *st)
{
	struct sim_setup setup = story_setup(5);

	setup.manual = true;
	setup.jitter_us = 2000U << st->round % 3;
	world(st, &setup);
	start_all(st);
	run(st, 200);
	for (unsigned i = 2; i <= 5; i++)
		expect_answer(st, i, join(st, i, 1), CORE_OK, 3000);
	expect_view(st, "1-5", "1-5", 3000);
	run(st, 4000);
	calm(st);
	for (unsigned i = 1; i <= 5; i++) {
		restart(st, i);
		run(st, 1 + st->round % 40);
		stop(st, i);
		run(st, 1 + st->round % 23);
		start(st, i);
		run(st, 2500);
	}
	expect_view(st, "1-5", "1-5", 3000);
	expect_no_stop(st);
	expect_event(st, CORE_EV_NODE_RESTARTED, 20);
}

/* Killed and started again at once, one after the other. */
static void crash_storm(struct story *st)
{
	cluster(st, 10);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 1; i <= 10; i++) {
			kill_held(st, i);
			run(st, 150);
			start(st, i);
			run(st, 400);
		}
	expect_view(st, "1-10", "1-10", 5000);
	expect_no_stop(st);
}

static void everything_restarts(struct story *st)
{
	struct id128 id[11];

	cluster(st, 10);
	for (unsigned i = 1; i <= 10; i++)
		id[i] = member_id(st, i);
	for (unsigned i = 1; i <= 10; i++)
		power_off(st, i);
	all_seeds(st, "");
	run(st, 5000);
	for (unsigned i = 10; i >= 1; i--)
		start(st, i);
	expect_view(st, "1-10", "1-10", 2000);
	for (unsigned i = 1; i <= 10; i++)
		expect_member_id(st, i, id[i], true);
}

static void full_restart_during_a_split(struct story *st)
{
	cluster(st, 5);
	split(st, "1-3", "4-5");
	run(st, 5000);
	for (unsigned i = 1; i <= 5; i++)
		kill_node(st, i);
	run(st, 1000);
	for (unsigned i = 1; i <= 5; i++)
		start(st, i);
	expect_view(st, "1-3", "1-3", 5000);
	expect_view(st, "4-5", "4-5", 5000);
	unsplit(st, "1-3", "4-5");
	expect_view(st, "1-5", "1-5", 8000);
	expect_one_identity(st, "1-5", 0);
}

static void start_of_many(struct story *st)
{
	static const struct {
		unsigned n;
		uint64_t within_ms;
	} rows[] = {{3, 40}, {10, 250}, {30, 800}, {60, 1600}};
	struct sim_setup setup = story_setup(rows[st->round].n);
	char all[16];

	setup.seeds = 3;
	world(st, &setup);
	for (unsigned i = 1; i <= setup.n; i++)
		start(st, i);
	snprintf(all, sizeof all, "1-%u", setup.n);
	expect_view(st, all, all, rows[st->round].within_ms);
	expect_one_identity(st, all, 500);
	run(st, 60000);
	expect_degree(st, setup.n <= 13 ? setup.n - 1 : 10, 30000);
}

static void join_by_hand(struct story *st)
{
	manual_cluster(st, 9);
	expect_answer(st, 9, leave(st, 9), CORE_OK, 50);
	expect_view(st, "1-8", "1-8", 20);
	expect_answer(st, 9, join(st, 9, 4), CORE_OK, 100);
	expect_view(st, "1-9", "1-9", 20);
	expect_no_stop_by(st, "1-9", "1-8");
}

static void scale_in(struct story *st)
{
	cluster(st, 20);
	for (unsigned i = 11; i <= 20; i++)
		leave(st, i);
	expect_view(st, "1-10", "1-10", 3000);
	run(st, 10000);
	expect_no_stop_by(st, "1-10", "1-10");
	expect_members(st, 1, 10, 0);
}

static void mass_crash(struct story *st)
{
	cluster(st, 40);
	run(st, 30000);
	for (unsigned i = 21; i <= 40; i++)
		power_off(st, i);
	expect_view(st, "1-20", "1-20", 3200);
	run(st, 5000);
	expect_no_stop_by(st, "1-20", "1-20");
}

static void many_at_rest(struct story *st)
{
	cluster(st, 30);
	run(st, 2 * MINUTE);
	expect_degree(st, 10, 0);
	calm(st);
	run(st, MINUTE);
	/* two heartbeats a second on ten links, and a probe a minute */
	expect_frames(st, 10 * 120 + 100);
	expect_no_stop(st);
}

/* Both clusters have stood for a while; where they meet the one made first lends its identity. */
static void clusters_meet(struct story *st)
{
	struct sim_setup setup = story_setup(6);
	struct core_status s;
	struct id128 older;

	world(st, &setup);
	for (unsigned i = 1; i <= 6; i++)
		seeds(st, i, i <= 2 ? "1-2" : "3-6");
	start(st, 1);
	start(st, 2);
	expect_view(st, "1-2", "1-2", 3000);
	core_status(node(st, 1)->core, &s);
	older = s.identity.cluster_id;
	run(st, 3000);
	for (unsigned i = 3; i <= 6; i++)
		start(st, i);
	expect_view(st, "3-6", "3-6", 3000);
	seeds(st, 6, "1-6");
	expect_view(st, "1-6", "1-6", 5000);
	expect_one_identity(st, "1-6", 1000);
	core_status(node(st, 6)->core, &s);
	expect(st, id_eq(&s.identity.cluster_id, &older), "the older identity stands");
}

/* Neither remembers a link to the other, nobody discovers anybody, and one's dials are rejected. */
static void back_behind_a_firewall(struct story *st)
{
	manual_cluster(st, 3);
	power_off(st, 3);
	expect_view(st, "1-2", "1-2", 4000);
	for (unsigned i = 1; i <= 2; i++) {
		kill_node(st, i);
		start(st, i);
		run(st, 5000);
	}
	run(st, 20000);
	for (unsigned i = 1; i <= 2; i++)
		reject(st, 3, i);
	start(st, 3);
	expect_view(st, "1-3", "1-3", 15000);
}

const struct story_row stories_d[] = {
	{"D1a", "5 split into 3 and 2: seen within 3 s, healed within 6 s", split_3_2, 0},
	{"D1b", "4 split into halves", split_2_2, 0},
	{"D1c", "2 split into halves", split_1_1, 0},
	{"D1d", "7 split into three", split_in_three, 0},
	{"D2a", "one cut link of five changes nothing", one_link_of_five, 0},
	{"D2b", "one link cut one way changes nothing", one_way_link, 0},
	{"D3", "an unplugged node is seen within 3 s by all, and back within 6 s", unplugged,
		3},
	{"D4a", "a pause of 1.2 s is no event", short_pause, 0},
	{"D4b", "a pause of 10 s is a stop and a return, no departure", long_pause, 0},
	{"D5", "a tenth of thirty that stutters is no event", stutter_of_a_tenth, 0},
	{"D6", "a kill is known to all in milliseconds", kill_is_seen, 4},
	{"D7", "a stop is known to all when it is done", stop_is_seen, 0},
	{"D8a", "a planned restart is no stop", planned_restart, 0},
	{"D8b", "a rolling restart is no stop", rolling_restart, 0},
	{"D8c", "quick planned restarts are no stop", quick_restarts, 60},
	{"D8d", "a restart that is announced and not done is no stop", announced_only, 0},
	{"D9", "a storm of crashes with quick restarts is no stop", crash_storm, 0},
	{"D10a", "all off, all on: the same cluster, without discovery", everything_restarts,
		0},
	{"D10b", "a full restart during a split", full_restart_during_a_split, 0},
	{"D11", "many nodes start at once and agree in time", start_of_many, 4},
	{"D12", "join and leave by hand in time", join_by_hand, 0},
	{"D13", "half of twenty leave at once", scale_in, 0},
	{"D14", "half of forty lose power at once", mass_crash, 0},
	{"D16", "where clusters meet the older identity stands", clusters_meet, 0},
	{"D17", "who comes back behind a firewall is dialled", back_behind_a_firewall, 4},
	{"D15", "thirty nodes at rest say heartbeats and nothing else", many_at_rest, 0},
};
const size_t n_stories_d = sizeof stories_d / sizeof stories_d[0];
