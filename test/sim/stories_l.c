#include <stdio.h>

#include "test/sim/proc.h"
#include "test/sim/story_data.h"

/* The shared data again (stories_k.c): joins, departures, clocks, closed ports, and both sides of a split. */

enum { DAY_MS = 86400 * 1000, MANY = 40 };

/* --- A7: joins */

static void alone(struct story *st, unsigned n)
{
	struct sim_setup setup = story_setup(n);

	setup.manual = true;
	world(st, &setup);
	start_all(st);
	run(st, 200);
}

static void crossing_joins_keep_one_side(struct story *st)
{
	unsigned a, b;

	alone(st, 2);
	a = put(st, 1, 0, DATA_ACK_ONE, DATA_OK);
	b = put(st, 2, 1, DATA_ACK_ONE, DATA_OK);
	join(st, 1, 2);
	run(st, 3 * (uint64_t)st->round);
	join(st, 2, 1);
	expect_view(st, "1-2", "1-2", 20000);
	expect_equal(st, "1-2", 10000);
	expect(st,
		ledger_shows(node(st, 1), a) != ledger_shows(node(st, 1), b) &&
			data_of(st, 1).entries == 1,
		"the data of exactly one of them");
}

/* n2 joins n1 with a slow copy; one of them dies at some moment of it. */
static void join_cut(struct story *st, unsigned victim)
{
	struct id128 before, after;
	unsigned mine;

	alone(st, 2);
	put_many(st, 1, 0, MANY);
	mine = put(st, 2, MANY, DATA_ACK_ONE, DATA_OK);
	before = member_id(st, 2);
	slow_node(st, 2, true);
	join(st, 2, 1);
	run(st, 700 * (uint64_t)st->round);
	power_off(st, victim);
	run(st, 500);
	slow_node(st, 2, false);
	if (victim == 1)
		run(st, 45000); /* it gives up, or goes on alone */
	start(st, victim);
	run(st, 5000);
	after = member_id(st, 2);
	if (id_eq(&after, &before)) {
		expect_value(st, "2", MANY, mine, 0);
		expect(st, data_of(st, 2).entries == 1, "n2 has its own data and no more");
		expect_answer(st, 2, join(st, 2, 1), CORE_OK, 30000);
	}
	expect_view(st, "1-2", "1-2", 20000);
	expect_equal(st, "1-2", 15000);
	expect(st, data_of(st, 2).entries == MANY, "n2 has the cluster's data and no more");
}

static void target_dies_in_a_copy(struct story *st)
{
	join_cut(st, 1);
}

static void joiner_dies_in_a_copy(struct story *st)
{
	join_cut(st, 2);
}

/* --- A8, B11: who goes hands over */

static void removed_while_off_hands_over(struct story *st)
{
	unsigned w;

	cluster(st, 3);
	isolate(st, 3, true);
	expect_view(st, "3", "3", 5000);
	w = put(st, 3, 0, DATA_ACK_ONE, DATA_OK);
	power_off(st, 3);
	isolate(st, 3, false);
	expect_view(st, "1-2", "1-2", 5000);
	expect_answer(st, 1, remove_node(st, 1, 3), CORE_OK, 2000);
	sleep_all(st, UINT64_C(8) * DAY_MS);
	run(st, 5000);
	start(st, 3);
	expect_apart(st, 3, CORE_APART_REMOVED, 20000);
	expect_value(st, "1-2", 0, w, 10000);
	expect_equal(st, "1-2", 5000);
}

/* Nothing else happens to those that take it over: that it is there again must be enough. */
static void cleaned_one_hands_over_to_a_calm_cluster(struct story *st)
{
	struct sim_setup setup = story_setup(4);
	unsigned w;

	setup.autoclean_ms = 6000;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-4", "1-4", 5000);
	run(st, 3000);
	isolate(st, 4, true);
	expect_view(st, "4", "4", 5000);
	w = put(st, 4, 0, DATA_ACK_ONE, DATA_OK);
	expect_members(st, 1, 3, 30000);
	run(st, 10000 + 1000 * st->round);
	isolate(st, 4, false);
	expect_view(st, "1-4", "1-4", 15000);
	expect_value(st, "1-4", 0, w, 5000);
	expect_apart(st, 4, CORE_APART_NO, 0);
	expect_equal(st, "1-4", 5000);
}

/* Only what is durable with the one that stays may go. */
static void two_leave_at_once(struct story *st)
{
	unsigned a, b;

	cluster(st, 3);
	node(st, 3)->disk_slow++;
	a = put_soon(st, 1, 0, DATA_ACK_LOCAL);
	b = put_soon(st, 2, 1, DATA_ACK_LOCAL);
	run(st, 20);
	leave(st, 1);
	leave(st, 2);
	expect_view(st, "3", "3", 20000);
	expect_value(st, "3", 0, a, 0);
	expect_value(st, "3", 1, b, 0);
	run(st, 10000);
	for (unsigned i = 1; i <= 2; i++)
		expect(st, data_of(st, i).empty, "n%u is empty", i);
}

/* --- B10: clocks */

static void wrong_clock_does_not_write(struct story *st)
{
	unsigned w;

	cluster(st, 3);
	put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	wall_jump(st, 1, (st->round == 0 ? INT64_C(8) : -INT64_C(8)) * DAY_MS);
	put(st, 2, 0, DATA_ACK_MAJORITY, DATA_OK);
	put(st, 3, 0, DATA_ACK_MAJORITY, DATA_OK);
	run(st, 3000);
	put(st, 1, 0, DATA_ACK_ONE, DATA_E_CLOCK);
	expect_data_event(st, "1", DATA_EV_SKEW, true);
	w = put(st, 2, 0, DATA_ACK_MAJORITY, DATA_OK);
	expect_value(st, "1-3", 0, w, 1000);
	expect_equal(st, "1-3", 5000);
	expect_data_event(st, "2-3", DATA_EV_SKEW, false);
}

/* --- C5, C6, C11 */

static void round_a_closed_port(struct story *st)
{
	unsigned w;

	cluster(st, 4);
	run(st, 100000); /* idle connections are closed */
	reject(st, 1, 2);
	w = put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	expect_value(st, "1-4", 0, w, 3000);
	w = put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	expect_value(st, "1-4", 0, w, 1000);
	expect_equal(st, "1-4", 5000);
}

/* n1 writes, n2 alone has it, n1 dies; n2 passes it on, and then dies as well. */
static void spread_goes_on_without_its_origin(struct story *st)
{
	unsigned w;

	cluster(st, 4);
	split(st, "1-2", "3-4");
	expect_view(st, "1-2", "1-2", 5000);
	w = put(st, 1, 0, DATA_ACK_ONE, DATA_OK);
	expect_value(st, "2", 0, w, 0);
	power_off(st, 1);
	unsplit(st, "1-2", "3-4");
	expect_view(st, "2-4", "2-4", 10000);
	expect_value(st, "3-4", 0, w, 1500);
	power_off(st, 2);
	expect_view(st, "3-4", "3-4", 5000);
	expect_value(st, "3-4", 0, w, 0);
	start(st, 1);
	start(st, 2);
	expect_equal(st, "1-4", 15000);
}

/* A watcher's index means something for one life of the data: a join begins another one, a restart does not. */
static void join_begins_another_index(struct story *st)
{
	uint64_t before;

	alone(st, 2);
	put(st, 1, 0, DATA_ACK_ONE, DATA_OK);
	put(st, 2, 1, DATA_ACK_ONE, DATA_OK);
	before = data_of(st, 2).epoch;
	kill_node(st, 2);
	start(st, 2);
	run(st, 500);
	expect(st, data_of(st, 2).epoch == before, "a restart keeps the index");
	expect_answer(st, 2, join(st, 2, 1), CORE_OK, 5000);
	expect(st, data_of(st, 2).epoch != before, "a join begins another one");
}

/* --- both sides of a split */

static void both_sides_write(struct story *st)
{
	char both[16];
	unsigned a, b, w;

	cluster(st, 5);
	split(st, "1-3", "4-5");
	expect_view(st, "1-3", "1-3", 5000);
	expect_view(st, "4-5", "4-5", 5000);
	a = put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	b = put(st, 4, 0, DATA_ACK_ONE, DATA_OK);
	put(st, 5, 1, DATA_ACK_MAJORITY, DATA_E_TIMEOUT); /* two of five */
	unsplit(st, "1-3", "4-5");
	expect_view(st, "1-5", "1-5", 10000);
	snprintf(both, sizeof both, "%u %u", a, b);
	expect_values(st, "1-5", 0, both, 10000);
	expect_equal(st, "1-5", 5000);
	expect(st, data_of(st, 1).conflicts == 1, "and say so");
	w = put(st, 3, 0, DATA_ACK_MAJORITY, DATA_OK);
	expect_value(st, "1-5", 0, w, 1000);
	expect(st, data_of(st, 5).conflicts == 0, "until one write has seen both");
	expect_equal(st, "1-5", 5000);
}

/* What a core wrote alone before it became a replica, which passes nothing on by itself. */
static void core_becomes_replica(struct story *st)
{
	unsigned w;

	cluster(st, 3);
	isolate(st, 3, true);
	expect_view(st, "3", "3", 5000);
	w = put(st, 3, 0, DATA_ACK_ONE, DATA_OK);
	kill_node(st, 3);
	node(st, 3)->conf.role = WIRE_REPLICA;
	isolate(st, 3, false);
	start(st, 3);
	expect_view(st, "1-3", "1-3", 10000);
	expect_value(st, "1-3", 0, w, 10000);
	expect_equal(st, "1-3", 10000);
}

/* n1 leaves while the other core is cut off: a replica alone hears of it, and has what n1 wrote. */
static void replica_is_the_last_that_knows(struct story *st)
{
	struct core_command go = {.kind = CORE_CMD_LEAVE, .force = true};
	struct sim_setup setup = story_setup(3);
	unsigned w;

	setup.replicas = 1;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 3000);
	put(st, 2, 1, DATA_ACK_MAJORITY, DATA_OK);
	isolate(st, 2, true);
	expect_view(st, "1 3", "1 3", 5000);
	w = put(st, 1, 0, DATA_ACK_LOCAL, DATA_OK);
	expect_value(st, "3", 0, w, 1000);
	expect_answer(st, 1, proc_command(node(st, 1), &go), CORE_OK, 20000);
	expect_view(st, "3", "3", 5000);
	run(st, 30000); /* a bare id is left of it */
	isolate(st, 2, false);
	expect_view(st, "2-3", "2-3", 20000);
	expect_members(st, 2, 2, 5000);
	expect_value(st, "2", 0, w, 10000);
	expect_equal(st, "2-3", 5000);
}

const struct story_row stories_l[] = {
	{"K-A7a", "of two that join each other one keeps its data",
		crossing_joins_keep_one_side, 8},
	{"K-A7b", "the target dies at any moment of a copy: wholly before or after",
		target_dies_in_a_copy, 40},
	{"K-A7b2", "the joiner dies at any moment of a copy: wholly before or after",
		joiner_dies_in_a_copy, 40},
	{"K-A8", "who was removed while off hands over what it wrote",
		removed_while_off_hands_over, 0},
	{"K-A8b", "a cleaned member hands over although nothing else changes with the others",
		cleaned_one_hands_over_to_a_calm_cluster, 5},
	{"K-B10", "a node with a wrong clock does not write", wrong_clock_does_not_write, 2},
	{"K-B11", "two leave at once: who stays has it all", two_leave_at_once, 4},
	{"K-C5", "writes go round an RPC port that is closed to one", round_a_closed_port, 0},
	{"K-C6", "a write spreads although its writer is gone",
		spread_goes_on_without_its_origin, 0},
	{"K-C11", "a watcher's index is that of one life of the data",
		join_begins_another_index, 0},
	{"K-D1", "both sides of a split write: both values stay until one has seen both",
		both_sides_write, 0},
	{"K-E1", "what a core wrote before it became a replica is the cluster's",
		core_becomes_replica, 0},
	{"K-E2", "a replica alone knows who left and what he wrote: the cores learn both",
		replica_is_the_last_that_knows, 0},
};
const size_t n_stories_l = sizeof stories_l / sizeof stories_l[0];
