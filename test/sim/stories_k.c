#include <stdio.h>
#include <string.h>

#include "test/sim/proc_data.h"
#include "test/sim/story_data.h"

/*
 * The shared data under the schedules of the review that speak of it. Beside what a story says the ledger watches every
 * node all the time: nothing that was shown goes without a successor, nothing that was replaced comes back.
 */

enum { DAY_MS = 86400 * 1000, ROUND_MS = 60000, MANY = 40 };

/* --- A1: numbers that go backwards */

/* n1's disk loses its last commits; before it meets anybody again it writes. */
static void disk_goes_back(struct story *st)
{
	unsigned a, b, z;

	cluster(st, 3);
	a = put(st, 1, 0, DATA_ACK_ONE, DATA_OK);
	b = put(st, 1, 1, DATA_ACK_ONE, DATA_OK);
	expect_value(st, "1-3", 1, b, 1000);
	power_off(st, 1);
	start_old(st, 1, 1 + st->round);
	z = put_soon(st, 1, 2, DATA_ACK_ONE);
	expect_view(st, "1-3", "1-3", 10000);
	expect_code(st, z, DATA_OK, 8000);
	expect_value(st, "1-3", 0, a, 10000);
	expect_value(st, "1-3", 1, b, 10000);
	expect_value(st, "1-3", 2, z, 10000);
	expect_equal(st, "1-3", 10000);
	expect_data_event(st, "1-3", DATA_EV_DIFFERS, false);
}

static void lost_disk_is_filled_again(struct story *st)
{
	unsigned a, b;

	cluster(st, 3);
	a = put(st, 1, 0, DATA_ACK_ONE, DATA_OK);
	b = put(st, 2, 1, DATA_ACK_MAJORITY, DATA_OK);
	power_off(st, 1);
	start_empty(st, 1);
	expect_view(st, "1-3", "1-3", 20000);
	expect_value(st, "1-3", 0, a, 10000);
	expect_value(st, "1-3", 1, b, 10000);
	expect_equal(st, "1-3", 10000);
}

static void full_disk(struct story *st)
{
	unsigned a, b;

	cluster(st, 3);
	a = put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	node(st, 3)->disk_full++;
	put(st, 3, 1, DATA_ACK_LOCAL, DATA_E_STORE);
	expect_data_event(st, "3", DATA_EV_STORE, true);
	b = put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	expect_value(st, "1-2", 0, b, 1000);
	expect_value(st, "3", 0, a, 0);
	expect_values(st, "1-3", 1, "-", 0);
	expect_view(st, "1-3", "1-3", 0);
	node(st, 3)->disk_full--;
	expect_value(st, "3", 0, b, 10000);
	put(st, 3, 1, DATA_ACK_MAJORITY, DATA_OK);
	expect_equal(st, "1-3", 5000);
}

/* --- A2: departures */

static void nobodys_word_takes_data(struct story *st)
{
	unsigned a, b;

	cluster(st, 2);
	cut(st, 1, 2);
	expect_view(st, "1", "1", 4000);
	expect_view(st, "2", "2", 4000);
	a = put(st, 1, 0, DATA_ACK_ONE, DATA_OK);
	b = put(st, 2, 1, DATA_ACK_ONE, DATA_OK);
	remove_node(st, 1, 2);
	remove_node(st, 2, 1);
	run(st, 2000);
	mend(st, 1, 2);
	run(st, 30000);
	expect_value(st, "1", 0, a, 0);
	expect_value(st, "2", 1, b, 0);
}

/* D and E write for the whole of a cut, are cleaned, and come back. */
static void cleaned_minority_hands_over(struct story *st)
{
	struct sim_setup setup = story_setup(5);
	unsigned a, b, c;

	setup.autoclean_ms = 10000;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 3000);
	split(st, "1-3", "4-5");
	expect_view(st, "4-5", "4-5", 4000);
	a = put(st, 4, 0, DATA_ACK_ONE, DATA_OK);
	b = put(st, 5, 1, DATA_ACK_ONE, DATA_OK);
	c = put(st, 1, 2, DATA_ACK_MAJORITY, DATA_OK);
	expect_members(st, 1, 3, 30000);
	unsplit(st, "1-3", "4-5");
	expect_view(st, "1-5", "1-5", 15000);
	expect_value(st, "1-5", 0, a, 10000);
	expect_value(st, "1-5", 1, b, 0);
	expect_value(st, "1-5", 2, c, 0);
	expect_equal(st, "1-5", 10000);
}

/* --- A3: away for long */

static void everything_off_for_days(struct story *st)
{
	unsigned a;

	cluster(st, 3);
	a = put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	put(st, 2, 1, DATA_ACK_MAJORITY, DATA_OK);
	erase(st, 3, 1, DATA_ACK_MAJORITY, DATA_OK);
	if (st->round == 1)
		run(st, 3 * ROUND_MS); /* the deletion is forgotten */
	for (unsigned i = 1; i <= 3; i++)
		power_off(st, i);
	sleep_all(st, UINT64_C(8) * DAY_MS);
	start_all(st);
	expect_view(st, "1-3", "1-3", 10000);
	expect_equal(st, "1-3", 10000);
	expect_value(st, "1-3", 0, a, 0);
	expect_values(st, "1-3", 1, "-", 0);
	run(st, 3 * ROUND_MS);
	expect_values(st, "1-3", 1, "-", 0);
	expect_data_event(st, "1-3", DATA_EV_STALE, false);
}

/* n3 was off while a key was deleted and the deletion forgotten; it has written alone before. */
static void away_too_long(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	unsigned alone, kept;

	setup.tombstone_ttl_ms = 20000;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 3000);
	put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	kept = put(st, 1, 1, DATA_ACK_MAJORITY, DATA_OK);
	expect_equal(st, "1-3", 5000);
	isolate(st, 3, true);
	expect_view(st, "3", "3", 5000);
	alone = put(st, 3, 2, DATA_ACK_ONE, DATA_OK);
	power_off(st, 3);
	isolate(st, 3, false);
	erase(st, 1, 0, DATA_ACK_ONE, DATA_OK);
	run(st, 4 * ROUND_MS);
	for (unsigned i = 1; i <= 2; i++)
		expect(st, data_of(st, i).tombstones == 0, "n%u has forgotten the deletion", i);
	start(st, 3);
	expect_view(st, "1-3", "1-3", 10000);
	expect_values(st, "1-3", 0, "-", 10000);
	expect_value(st, "1-3", 1, kept, 0);
	expect_value(st, "1-3", 2, alone, 10000);
	expect_equal(st, "1-3", 10000);
	expect_data_event(st, "3", DATA_EV_STALE, true);
	run(st, 3 * ROUND_MS);
	expect_values(st, "1-3", 0, "-", 0);
}

/* It compares all that it has with one of two at a time: what the one has told is not gone because the other told it last. */
static void away_too_long_from_two(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.tombstone_ttl_ms = 20000;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 3000);
	put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	put_many(st, 1, 8, MANY);
	expect_equal(st, "1-3", 20000);
	power_off(st, 3);
	erase(st, 1, 0, DATA_ACK_ONE, DATA_OK);
	run(st, 4 * ROUND_MS);
	expect(st, data_of(st, 1).tombstones == 0, "the deletion is forgotten");
	slow_node(st, 1 + st->round, true);
	start(st, 3);
	expect_view(st, "1-3", "1-3", 10000);
	expect_equal(st, "1-3", 60000);
	expect_data_event(st, "3", DATA_EV_STALE, true);
	expect_data_event(st, "1-3", DATA_EV_DIFFERS, false);
	expect_values(st, "1-3", 0, "-", 0);
}

/* With the time to live not over a stopped member holds the deletion back. */
static void stopped_member_is_waited_for(struct story *st)
{
	cluster(st, 3);
	put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	expect_equal(st, "1-3", 5000);
	power_off(st, 3);
	expect_view(st, "1-2", "1-2", 5000);
	erase(st, 1, 0, DATA_ACK_ONE, DATA_OK);
	run(st, 4 * ROUND_MS);
	expect(st, data_of(st, 1).tombstones == 1, "the deletion is kept");
	start(st, 3);
	expect_values(st, "1-3", 0, "-", 10000);
	run(st, 4 * ROUND_MS);
	expect_values(st, "1-3", 0, "-", 0);
	for (unsigned i = 1; i <= 3; i++)
		expect(st, data_of(st, i).tombstones == 0, "n%u forgets the deletion", i);
	expect_data_event(st, "1-3", DATA_EV_STALE, false);
}

/* --- A4: collection against an open copy */

static void copy_meets_collection(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	uint32_t request;

	setup.manual = true;
	world(st, &setup);
	start_all(st);
	run(st, 200);
	expect_answer(st, 2, join(st, 2, 1), CORE_OK, 3000);
	run(st, 2000);
	put(st, 1, 0, DATA_ACK_MAJORITY, DATA_OK);
	put_many(st, 1, 8, MANY);
	put(st, 1, 1, DATA_ACK_MAJORITY, DATA_OK);
	erase(st, 2, 1, DATA_ACK_MAJORITY, DATA_OK);
	run(st, ROUND_MS - 5000 - 1000 * st->round);
	slow_node(st, 3, true);
	request = join(st, 3, 1);
	run(st, 2000);
	erase(st, 2, 0, DATA_ACK_MAJORITY, DATA_OK); /* the copy has it already */
	expect_answer(st, 3, request, CORE_OK, 120000);
	expect(st, node(st, 3)->kv->n_anew == 0, "the copy never began anew");
	slow_node(st, 3, false);
	expect_view(st, "1-3", "1-3", 5000);
	expect_values(st, "1-3", 0, "-", 10000);
	expect_equal(st, "1-3", 10000);
	run(st, 5 * ROUND_MS);
	expect_values(st, "1-3", 0, "-", 0);
	expect_equal(st, "1-3", 0);
	for (unsigned i = 1; i <= 3; i++)
		expect(st, data_of(st, i).tombstones == 0, "n%u forgets the deletions", i);
}

/* --- A5: a catch-up that breaks off */

/* n3 catches up from n1, which has replaced half of what n2 has; n1 dies at some moment of it. */
static void catch_up_cut(struct story *st)
{
	cluster(st, 3);
	put_many(st, 2, 0, MANY);
	expect_equal(st, "1-2", 10000);
	power_off(st, 3);
	start_empty(st, 3);
	isolate(st, 3, true);
	cut(st, 1, 2);
	run(st, 4000);
	put_many(st, 1, MANY / 2, MANY / 2);
	run(st, 500);
	isolate(st, 3, false);
	cut(st, 2, 3);
	slow_node(st, 3, true);
	run(st, 1000 * (1 + (uint64_t)st->round));
	power_off(st, 1);
	slow_node(st, 3, false);
	mend(st, 2, 3);
	expect_view(st, "2-3", "2-3", 20000);
	expect_equal(st, "2-3", 15000);
	expect(st, data_of(st, 3).entries == MANY, "n3 has a value of each key");
	start(st, 1);
	mend(st, 1, 2);
	expect_view(st, "1-3", "1-3", 20000);
	expect_equal(st, "1-3", 15000);
	expect(st, data_of(st, 2).entries == MANY, "so have all");
	expect(st, data_of(st, 2).conflicts == 0, "without conflicts");
	expect_data_event(st, "1-3", DATA_EV_DIFFERS, false);
}

const struct story_row stories_k[] = {
	{"K-A1", "a disk that goes back: no number is given twice, nothing is lost",
		disk_goes_back, 6},
	{"K-A1b", "a lost disk is filled again", lost_disk_is_filled_again, 0},
	{"K-A1c", "a full disk fails its own writes and holds nobody up", full_disk, 0},
	{"K-A2a", "both of two remove each other: both keep what they have",
		nobodys_word_takes_data, 0},
	{"K-A2d", "a cleaned minority hands over what it wrote", cleaned_minority_hands_over,
		0},
	{"K-A3", "everything off for 8 days: nothing is copied, nothing comes back",
		everything_off_for_days, 2},
	{"K-A3b", "who was away too long brings no deleted key back, and what it wrote",
		away_too_long, 0},
	{"K-A3d", "who was away too long compares with one at a time", away_too_long_from_two,
		3},
	{"K-A3c", "a stopped member holds deletions back", stopped_member_is_waited_for, 0},
	{"K-A4", "a deletion is not forgotten under an open copy", copy_meets_collection, 8},
	{"K-A5", "a catch-up that is cut at any moment claims nothing", catch_up_cut, 24},
};
const size_t n_stories_k = sizeof stories_k / sizeof stories_k[0];
