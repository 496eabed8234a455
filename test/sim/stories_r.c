/* Roles: who becomes a replica or a core, and who counts for quorum. */
#include <string.h>

#include "test/sim/proc.h"
#include "test/sim/story.h"

/* It has this role from its next start on. */
static void role(struct story *st, unsigned i, enum wire_role r)
{
	node(st, i)->conf.role = r;
}

/* Of its cluster the disk knows but a replica: the core that knows it decides that they are one. */
static void old_core_as_replica(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	size_t then;

	setup.replicas = 1;
	world(st, &setup);
	start(st, 1);
	isolate(st, 1, true);
	run(st, 2000);
	start(st, 2);
	start(st, 3);
	expect_view(st, "2 3", "2 3", 2000);
	run(st, 2000);
	then = node(st, 2)->disk.n_committed;
	isolate(st, 1, false);
	expect_view(st, "1-3", "1-3", 35000);
	run(st, 5000);
	power_off(st, 2);
	run(st, 5000);
	role(st, 2, WIRE_REPLICA);
	start_old(st, 2, node(st, 2)->disk.n_committed - then);
	expect_view(st, "1-3", "1-3", 6000);
	expect_one_identity(st, "1-3", 1000);
	calm(st);
	run(st, 30000);
	expect_no_stop(st);
}

/* Who admitted it is gone, disk and all, before it heard that the joiner is in: the joiner knows others. */
static void admitter_is_gone(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	uint64_t give_up;

	setup.manual = true;
	setup.latency_us = 40000;
	world(st, &setup);
	start_all(st);
	run(st, 500);
	expect_answer(st, 2, join(st, 2, 1), CORE_OK, 3000);
	run(st, 5000);
	calm(st);
	join(st, 3, 1);
	give_up = now_ms(st) + 5000;
	while (!st->sim.failed && st->n_events[CORE_EV_JOINED] == 0 && now_ms(st) < give_up)
		run(st, 1);
	power_off(st, 1);
	expect_event(st, CORE_EV_JOINED, 1);
	expect_not_shown(st, 2, "3");
	run(st, 5000);
	start_empty(st, 1);
	expect_view(st, "2 3", "2 3", 20000);
	expect_one_identity(st, "2 3", 0);
}

/* Two clusters of their own: of n1 to n5, and of n6 and n7, whose identity is the smaller. */
static void five_and_an_older_two(struct story *st)
{
	struct sim_setup setup = story_setup(7);

	world(st, &setup);
	split(st, "1-5", "6 7");
	start(st, 6);
	start(st, 7);
	run(st, 2000);
	for (unsigned i = 1; i <= 5; i++)
		start(st, i);
	expect_view(st, "6 7", "6 7", 5000);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 10000);
	expect_two_identities(st, 1, 6);
	calm(st);
}

static void larger_set_stands(struct story *st)
{
	five_and_an_older_two(st);
	power_off(st, 7);
	run(st, 4000);
	expect_quorum(st, "6", false);
	unsplit(st, "1-5", "6 7");
	expect_view(st, "1-6", "1-6", 35000);
	expect_one_identity(st, "1-6", 1000);
	run(st, 10000);
	expect_quorum(st, "1-6", true);
	start(st, 7);
	expect_view(st, "1-7", "1-7", 35000);
	run(st, 10000);
	/* who was of the smaller set counts in the larger one now */
	split(st, "1-3", "4-7");
	expect_view(st, "1-3", "1-3", 5000);
	expect_view(st, "4-7", "4-7", 1000);
	expect_quorum(st, "4-7", true);
	expect_quorum(st, "1-3", false);
}

/* They have hardly met when the network parts them again: the side that has most of the larger set has quorum, no other. */
static void met_for_a_moment(struct story *st)
{
	five_and_an_older_two(st);
	unsplit(st, "1-5", "6 7");
	split(st, "2-5", "6 7");
	for (unsigned i = 0; i < 35000 && !st->sim.failed && st->n_events[CORE_EV_MERGED] == 0;
		i++)
		run(st, 1);
	expect_event(st, CORE_EV_MERGED, 1);
	run(st, 10 * st->round);
	split(st, "1", "2-5");
	run(st, 5000);
	expect_view(st, "1 6 7", "1 6 7", 1000);
	expect_view(st, "2-5", "2-5", 0);
	expect_quorum(st, "1 6 7", false);
	expect_quorum(st, "2-5", true);
	run(st, 10000);
	expect_quorum(st, "1 6 7", false);
	expect_quorum(st, "2-5", true);
}

/* Neither side has most of the five that were there: whatever is started, and for however long, nobody is cleaned. */
static void no_part_cleans(struct story *st)
{
	struct sim_setup setup = story_setup(5);
	struct id128 id[6];

	setup.n_spare = 4;
	setup.autoclean_ms = 10000;
	world(st, &setup);
	all_seeds(st, "1-5");
	start_all(st);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 5000);
	for (unsigned i = 1; i <= 5; i++)
		id[i] = member_id(st, i);
	power_off(st, 3);
	run(st, 1000);
	split(st, "1 2 6 7", "4 5 8 9");
	run(st, 3000);
	for (unsigned i = 6; i <= 9; i++)
		start(st, i);
	expect_view(st, "1 2 6 7", "1 2 6 7", 10000);
	expect_view(st, "4 5 8 9", "4 5 8 9", 10000);
	run(st, 60000);
	expect_quorum(st, "1 2 6 7 4 5 8 9", false);
	expect_no_event(st, CORE_EV_NODE_CLEANED);
	unsplit(st, "1 2 6 7", "4 5 8 9");
	start(st, 3);
	expect_view(st, "1-9", "1-9", 60000);
	for (unsigned i = 1; i <= 5; i++)
		expect_member_id(st, i, id[i], true);
}

/* It knows no address but its own; who looked for it in vain stays away for half a minute. */
static void called_back(struct story *st)
{
	cluster(st, 3);
	all_seeds(st, "1");
	run(st, 10000);
	isolate(st, 1, true);
	power_off(st, 1);
	start_empty(st, 1);
	run(st, 300);
	isolate(st, 1, false);
	expect_apart(st, 1, CORE_APART_NAME, 3000);
	expect_view(st, "1-3", "1-3", 9000);
	expect_one_identity(st, "1-3", 1000);
}

/* --- where replicas attach */

enum { CORES = 6, REPLICAS = 58 };

struct attached {
	struct story *st;
	unsigned n, of_core[CORES];
};

static void count_attached(void *ctx, const struct core_link *l)
{
	struct attached *a = ctx;

	if (!l->own || strcmp(l->state, "live") != 0)
		return;
	a->n++;
	for (unsigned i = 1; i <= CORES; i++)
		if (strcmp(node(a->st, i)->name, l->to_name) == 0)
			a->of_core[i - 1]++;
}

/* Each core has half of the replicas, give or take what chance would. */
static void spread_over_cores(struct story *st)
{
	struct sim_setup setup = story_setup(CORES + REPLICAS);
	struct attached all = {.st = st};

	setup.replicas = REPLICAS;
	setup.seeds = CORES;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-64", "1-64", 10000);
	run(st, 60000);
	for (unsigned i = CORES + 1; i <= CORES + REPLICAS && !st->sim.failed; i++) {
		all.n = 0;
		core_each_link(node(st, i)->core, count_attached, &all);
		expect(st, all.n == 3, "n%u has three links, not %u", i, all.n);
	}
	for (unsigned i = 0; i < CORES; i++)
		expect(st,
			all.of_core[i] * 2 > REPLICAS / 2 &&
				all.of_core[i] * 2 < REPLICAS * 3 / 2,
			"n%u has about half of the replicas, not %u", i + 1, all.of_core[i]);
}

/* Its three cores say so, each to its own links: to a replica nobody repeats what the owner of a record tells it. */
static void replica_is_killed(struct story *st)
{
	struct sim_setup setup = story_setup(13);

	setup.replicas = 10;
	setup.seeds = 3;
	setup.heartbeat_ms = 2000;
	setup.timeout_ms = 10000;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-13", "1-13", 10000);
	run(st, 10000);
	calm(st);
	kill_node(st, 13);
	expect_view(st, "1-12", "1-12", 50);
	run(st, 50);
	/* a record for 9 replicas and 2 cores, the 2 that come from there passed on to the other, and some heartbeats */
	expect_frames(st, 11 + 2 + 4);
}

/* --- what cores' records say of replicas */

static void note_records(struct story *st, unsigned cores, uint64_t seq[])
{
	for (unsigned i = 1; i <= cores && !st->sim.failed; i++)
		seq[i] = proc_own_seq(node(st, i));
}

/* Since then each of the cores has changed its record at least and at most so often. */
static void expect_records(struct story *st, unsigned cores, uint64_t seq[], uint64_t least,
	uint64_t most)
{
	for (unsigned i = 1; i <= cores && !st->sim.failed; i++) {
		uint64_t n = proc_own_seq(node(st, i)) - seq[i];

		expect(st, n >= least && n <= most,
			"n%u has changed its record %u to %u times, not %u", i, (unsigned)least,
			(unsigned)most, (unsigned)n);
	}
	note_records(st, cores, seq);
}

/* A core's record speaks only of a replica that is lost, until it is back. */
static void replica_comes_and_goes(struct story *st)
{
	struct sim_setup setup = story_setup(6);
	uint64_t seq[7];

	setup.replicas = 3;
	world(st, &setup);
	for (unsigned i = 1; i <= 5; i++)
		start(st, i);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 20000);
	note_records(st, 3, seq);
	start(st, 6);
	expect_view(st, "1-6", "1-6", 1000);
	run(st, 10000);
	expect_records(st, 3, seq, 0, 0);
	kill_node(st, 6);
	expect_view(st, "1-5", "1-5", 50);
	run(st, 10000);
	expect_records(st, 3, seq, 1, 1);
	start(st, 6);
	expect_view(st, "1-6", "1-6", 1000);
	run(st, 10000);
	expect_records(st, 3, seq, 1, 2);
	stop(st, 6);
	expect_view(st, "1-5", "1-5", 100);
	run(st, 10000);
	expect_records(st, 3, seq, 0, 0);
	start(st, 6);
	expect_view(st, "1-6", "1-6", 1000);
	run(st, 10000);
	expect_records(st, 3, seq, 0, 0);
}

/* Both die at once. The core is back, at once or later: the replica's last record speaks of the process before. */
static void core_and_replica_die(struct story *st)
{
	struct sim_setup setup = story_setup(4);

	setup.replicas = 1;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-4", "1-4", 5000);
	run(st, 5000);
	calm(st);
	power_off(st, 4);
	power_off(st, 1);
	run(st, st->round == 0 ? 100 : 5000);
	start(st, 1);
	if (st->round == 0)
		run(st, 4000);
	for (unsigned i = 0; i < 40; i++) {
		run(st, 100);
		expect_view(st, "2-3", "1-3", i == 0 ? 2000 : 0);
	}
	expect_stops_of(st, "2-3", 4, 1, 1);
}

/* It is away for longer than its only link lasts. Whoever listens sees it stop once, and come back once. */
static void replica_pauses(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.replicas = 1;
	world(st, &setup);
	cut(st, 2, 3);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 20000);
	calm(st);
	pause_node(st, 3);
	run(st, 2600 + 700 * st->round);
	go_on(st, 3);
	run(st, 500);
	expect_view(st, "1-3", "1-3", 8000);
	run(st, 20000);
	expect_stops_of(st, "1-2", 3, 0, 1);
}

/* The core is away instead: it holds its links back, and the replica lists it before. */
static void core_pauses(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.replicas = 1;
	world(st, &setup);
	cut(st, 2, 3);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 20000);
	calm(st);
	for (unsigned i = 0; i < 2; i++) { /* the second time it waits for longer */
		pause_node(st, 1);
		run(st, 2600 + 700 * st->round);
		go_on(st, 1);
		run(st, 500);
		expect_view(st, "1-3", "1-3", 15000);
		run(st, 10000);
	}
	expect_stops_of(st, "2", 3, 2, 2);
}

/* Its links are with the same cores, whose records list it or not as its role is. */
static void core_to_replica_and_back(struct story *st)
{
	cluster(st, 4);
	run(st, 10000);
	calm(st);
	for (unsigned i = 0; i < 4; i++) {
		if (st->round == 0)
			kill_node(st, 4);
		else
			stop(st, 4);
		run(st, 500 * i);
		role(st, 4, i % 2 == 0 ? WIRE_REPLICA : WIRE_CORE);
		start(st, 4);
		run(st, 100);
		expect_view(st, "1-4", "1-4", 8000);
		run(st, 10000);
		expect_quorum(st, "1-4", true);
	}
	expect_no_stop_by(st, "1-4", "1-3");
}

/* The only core says that it restarts: what hangs on it keeps its place. */
static void replicas_of_a_restarting_core(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.replicas = 2;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 5000);
	calm(st);
	restart(st, 1);
	run(st, 500 * st->round);
	start(st, 1);
	run(st, 10000);
	expect_view(st, "1-3", "1-3", 0);
	expect_no_stop(st);
}

const struct story_row stories_r[] = {
	{"R1", "a core with an old disk becomes a replica of the core that knows it",
		old_core_as_replica, 0},
	{"R2", "a joiner finds the others when who admitted it is gone at once",
		admitter_is_gone, 0},
	{"R3", "where two sets of voters meet the larger one stands", larger_set_stands, 0},
	{"R4", "a meeting of a moment gives no minority a quorum", met_for_a_moment, 6},
	{"R5", "replicas spread over the cores evenly", spread_over_cores, 0},
	{"R6", "who gave way for its own former name calls those back who called meanwhile",
		called_back, 0},
	{"R7", "of two parts of which none has most of those that were there none cleans",
		no_part_cleans, 0},
	{"R8", "a killed replica is known at once, and costs each core a record to each link",
		replica_is_killed, 0},
	{"R9", "a replica that comes changes no core's record", replica_comes_and_goes, 0},
	{"R10", "a core is back, and is not believed to have the replica that died with it",
		core_and_replica_die, 2},
	{"R11", "a replica that was away is seen to stop once", replica_pauses, 6},
	{"R12", "a core that was away takes its replica along, once each time", core_pauses, 4},
	{"R13", "a core becomes a replica and a core again", core_to_replica_and_back, 2},
	{"R14", "replicas of a restarting core keep their place", replicas_of_a_restarting_core,
		3},
};
const size_t n_stories_r = sizeof stories_r / sizeof stories_r[0];
