/* The shared data on several nodes: how writes get about, who is caught up, what is not lost. */
#include "test/unit/data_nodes.h"

START_TEST(a_write_is_everywhere_in_a_moment)
{
	nodes(3);
	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE);
	ck_assert(!w->node[0].replied[1]);
	dw_run(w, 5);
	ck_assert_int_eq(code(0, 1), DATA_OK);
	ck_assert_uint_ge(w->node[0].reply[1].acked, 2);
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(dw_get(w, i, "a"), "one");
	dw_put(w, 1, 1, "a", "two", DATA_ACK_MAJORITY);
	dw_run(w, 5);
	ck_assert_int_eq(code(1, 1), DATA_OK);
	dw_delete(w, 2, 1, "a", DATA_ACK_ONE);
	dw_run(w, 5);
	ck_assert_int_eq(code(2, 1), DATA_OK);
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(dw_get(w, i, "a"), "-");
	dw_run(w, 3000);
	all_equal();
}
END_TEST

START_TEST(along_a_chain_each_passes_it_on_once)
{
	nodes(5);
	links("01 12 23 34");
	dw_run(w, 2500);
	memset(w->calls, 0, sizeof w->calls);
	dw_put(w, 1, 1, "a", "one", DATA_ACK_MAJORITY);
	dw_run(w, 50);
	ck_assert_int_eq(code(1, 1), DATA_OK);
	ck_assert_uint_ge(w->node[1].reply[1].acked, 3);
	for (int i = 0; i < 5; i++)
		ck_assert_str_eq(dw_get(w, i, "a"), "one");
	ck_assert_uint_eq(w->calls[WIRE_DATA_PUSH], 4);
	ck_assert_uint_eq(w->calls[WIRE_DATA_SYNC], 0);
	all_equal();
}
END_TEST

START_TEST(what_nobody_else_has_is_said_so)
{
	nodes(3);
	w->node[1].slow_disk = w->node[2].slow_disk = true;
	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE);
	dw_put(w, 0, 2, "b", "two", DATA_ACK_MAJORITY);
	dw_put(w, 0, 3, "c", "x", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(0, 3), DATA_OK);
	dw_run(w, 4900);
	ck_assert(!w->node[0].replied[1]);
	dw_run(w, 200);
	ck_assert_int_eq(code(0, 1), DATA_E_TIMEOUT);
	ck_assert_int_eq(code(0, 2), DATA_E_TIMEOUT);
	ck_assert_str_eq(w->node[0].reply[1].text, "durable here, not yet elsewhere");
	ck_assert_str_eq(dw_get(w, 0, "a"), "one");
	ck_assert_str_eq(dw_get(w, 1, "a"), "-");
	w->node[1].slow_disk = w->node[2].slow_disk = false;
	dw_disk(w, 1);
	dw_disk(w, 2);
	dw_run(w, 8000);
	all_equal();
	ck_assert_str_eq(dw_get(w, 2, "b"), "two");
}
END_TEST

static bool deaf_2(struct dworld *world, const struct dw_message *m)
{
	(void)world;
	return m->from == 2 || m->to == 2;
}

/* The way to it led through somebody who hangs; it caught up by itself, and that counts. */
START_TEST(a_write_that_was_fetched_is_acknowledged)
{
	nodes(3);
	w->unlisted[0][1] = true;
	dw_views(w);
	w->drop = deaf_2;
	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE);
	dw_run(w, 500);
	ck_assert(!w->node[0].replied[1]);
	dw_run(w, 3000);
	ck_assert_str_eq(dw_get(w, 1, "a"), "one");
	ck_assert_int_eq(code(0, 1), DATA_OK);
	ck_assert_uint_eq(w->node[0].reply[1].acked, 2);
}
END_TEST

/* Both sides of a cut go on; afterwards both have everything, and where both wrote the same key both values. */
START_TEST(a_cut_loses_nothing)
{
	struct data_item item[2];
	char key[16];

	nodes(5);
	for (int a = 0; a < 3; a++)
		for (int b = 3; b < 5; b++)
			w->cut[a][b] = w->cut[b][a] = true;
	dw_views(w);
	for (uint32_t i = 1; i <= 200; i++) {
		snprintf(key, sizeof key, "left%u", i);
		dw_put(w, (int)(i % 3), i, key, "l", DATA_ACK_ONE);
		snprintf(key, sizeof key, "right%u", i);
		dw_put(w, 3 + (int)(i % 2), 1000 + i, key, "r", DATA_ACK_ONE);
		snprintf(key, sizeof key, "both%u", i % 20);
		dw_put(w, 0, 2000 + i, key, "l", DATA_ACK_ONE);
		dw_put(w, 4, 3000 + i, key, "r", DATA_ACK_ONE);
		dw_run(w, 5);
	}
	dw_put(w, 1, 5000, "gone", "x", DATA_ACK_ONE);
	dw_run(w, 100);
	memset(w->cut, 0, sizeof w->cut);
	dw_views(w);
	dw_run(w, 4000);
	all_equal();
	ck_assert_uint_eq(dw_status(w, 0).entries, 421);
	ck_assert_uint_eq(dw_status(w, 0).conflicts, 20);
	for (int i = 0; i < 2; i++)
		ck_assert(data_get(w->node[i * 4].data, dw_span("both7"), &item[i]));
	ck_assert(item[0].conflict);
	ck_assert_uint_eq(item[0].n_siblings, 2);
	ck_assert_str_eq(item[0].version, item[1].version);
	ck_assert_uint_ge(w->node[0].n_events[DATA_EV_CONFLICT], 1);
	dw_command(w, 2,
		&(struct data_command){.op = DATA_RESOLVE,
			.request = 1,
			.sibling = 1,
			.key = dw_span("both7"),
			.ack = DATA_ACK_MAJORITY});
	dw_run(w, 100);
	all_equal();
	ck_assert_uint_eq(dw_status(w, 3).conflicts, 19);
}
END_TEST

START_TEST(who_was_off_is_caught_up)
{
	char key[16];

	nodes(3);
	dw_put(w, 2, 1, "old", "x", DATA_ACK_ONE);
	dw_run(w, 100);
	dw_kill(w, 2);
	dw_views(w);
	for (uint32_t i = 1; i <= 500; i++) {
		snprintf(key, sizeof key, "k%u", i);
		dw_put(w, 0, i, key, key, DATA_ACK_ONE);
		dw_run(w, 3);
	}
	dw_delete(w, 1, 1, "old", DATA_ACK_ONE);
	dw_run(w, 100);
	dw_start(w, 2);
	ck_assert_str_eq(dw_get(w, 2, "old"), "x");
	dw_views(w);
	dw_run(w, 2000);
	all_equal();
	ck_assert_str_eq(dw_get(w, 2, "old"), "-");
	ck_assert_str_eq(dw_get(w, 2, "k500"), "k500");
}
END_TEST

/* A1: the disk goes back in time; numbers are not given twice, the lost tail is fetched. */
START_TEST(a_rolled_back_disk_loses_nothing_that_others_have)
{
	struct dw_pair *copy;
	size_t n;

	nodes(3);
	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE);
	dw_run(w, 100);
	copy = dw_disk_save(&w->node[0], &n);
	dw_put(w, 0, 2, "b", "two", DATA_ACK_ONE);
	dw_put(w, 0, 3, "a", "three", DATA_ACK_ONE);
	dw_run(w, 100);
	dw_kill(w, 0);
	dw_disk_restore(&w->node[0], copy, n);
	dw_start(w, 0);
	if (_i == 1) { /* it writes before it meets anybody */
		dw_view(w, 0);
		dw_put(w, 0, 4, "z", "new", DATA_ACK_LOCAL);
	}
	dw_views(w);
	dw_put(w, 0, 5, "y", "new", DATA_ACK_ONE);
	dw_run(w, 3000);
	ck_assert_int_eq(code(0, 5), DATA_OK);
	all_equal();
	ck_assert_str_eq(dw_get(w, 0, "b"), "two");
	ck_assert_str_eq(dw_get(w, 0, "a"), "three");
	ck_assert_str_eq(dw_get(w, 2, "y"), "new");
	ck_assert_str_eq(dw_get(w, 2, "z"), _i == 1 ? "new" : "-");
}
END_TEST

/* A5: catching up breaks off after any part; what it was to bring is not taken for had. */
static int allowed;

static bool few_parts(struct dworld *world, const struct dw_message *m)
{
	(void)world;
	return m->method == WIRE_DATA_SYNC && m->to == 2 && m->is_answer && m->from == 0 &&
	       allowed-- <= 0;
}

START_TEST(a_catch_up_that_breaks_off_poisons_nothing)
{
	static char big[60000];

	nodes(4);
	memset(big, 'x', sizeof big);
	for (uint32_t i = 1; i <= 40; i++) {
		char key[16];

		snprintf(key, sizeof key, "k%u", i);
		dw_put(w, 0, i, key, "old", DATA_ACK_ONE);
	}
	dw_run(w, 500);
	cut(2, 0, true);
	cut(2, 1, true);
	cut(2, 3, true);
	for (uint32_t i = 1; i <= 40; i++) {
		char key[16];

		snprintf(key, sizeof key, "k%u", 41 - i);
		dw_command(w, 1,
			&(struct data_command){.op = DATA_PUT,
				.request = i,
				.key = dw_span(key),
				.value = {big, sizeof big}});
		dw_run(w, 10);
	}
	cut(1, 2, true);
	allowed = _i;
	w->drop = few_parts;
	cut(2, 0, false);
	dw_run(w, 3000);
	dw_kill(w, 0); /* in the middle of it */
	w->drop = NULL;
	cut(2, 3, false);
	dw_run(w, 3000);
	cut(2, 1, false);
	dw_run(w, 3000);
	all_equal();
	ck_assert_uint_eq(dw_status(w, 2).bytes, dw_status(w, 1).bytes);
	ck_assert_uint_eq(dw_status(w, 2).entries, 40);
	ck_assert_uint_eq(dw_status(w, 2).conflicts, 0);
}
END_TEST

static bool lose_pushes(struct dworld *world, const struct dw_message *m)
{
	(void)world;
	return m->method == WIRE_DATA_PUSH && !m->is_answer && m->to == 1 && allowed-- > 0;
}

/* The receiver was away for a moment, so that what is pushed next is not the next one. */
START_TEST(a_missing_write_is_fetched_before_the_next_one_counts)
{
	struct data_item item;

	nodes(3);
	links("01 12");
	dw_run(w, 2000);
	w->drop = lose_pushes;
	allowed = 1;
	dw_put(w, 0, 1, "a", "one", DATA_ACK_LOCAL);
	dw_run(w, 1);
	/* more than the ring remembers */
	for (uint32_t i = 2; i <= 20000; i++)
		dw_put(w, 0, i, "b", "x", DATA_ACK_LOCAL);
	dw_run(w, 8);
	ck_assert(!data_get(w->node[1].data, dw_span("b"), &item) ||
		  data_get(w->node[1].data, dw_span("a"), &item));
	dw_run(w, 5000);
	all_equal();
	ck_assert_str_eq(dw_get(w, 1, "a"), "one");
	ck_assert_str_eq(dw_get(w, 2, "a"), "one");
}
END_TEST

static bool lose_pushes_to_2(struct dworld *world, const struct dw_message *m)
{
	(void)world;
	return m->method == WIRE_DATA_PUSH && !m->is_answer && m->to == 2;
}

/* Its disk is slow; a heartbeat says meanwhile that there is more, and no later one says it again. */
START_TEST(what_is_written_while_somebody_is_caught_up_is_fetched_next)
{
	nodes(3);
	w->tell_once = true;
	dw_kill(w, 2);
	dw_views(w);
	dw_put(w, 0, 1, "early", "x", DATA_ACK_ONE);
	dw_run(w, 1000);
	w->node[2].slow_disk = true;
	dw_start(w, 2);
	dw_views(w);
	w->drop = lose_pushes_to_2;
	dw_run(w, 1000);
	dw_put(w, 0, 2, "late", "y", DATA_ACK_LOCAL);
	dw_run(w, 1000);
	w->node[2].slow_disk = false;
	dw_disk(w, 2);
	dw_run(w, 3000);
	ck_assert_str_eq(dw_get(w, 2, "early"), "x");
	ck_assert_str_eq(dw_get(w, 2, "late"), "y");
	all_equal();
}
END_TEST

START_TEST(two_processes_with_one_origin_are_noticed)
{
	struct dw_pair *copy;
	size_t n;

	nodes(3);
	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE);
	dw_run(w, 100);
	/* the same seed and disk: the same origin again */
	copy = dw_disk_save(&w->node[0], &n);
	dw_put(w, 0, 2, "b", "two", DATA_ACK_ONE);
	dw_run(w, 100);
	dw_disk_restore(&w->node[0], copy, n);
	ck_assert_uint_eq(w->node[1].n_events[DATA_EV_ORIGIN], 0);
	ck_assert_str_eq(dw_get(w, 1, "b"), "two");
	{
		struct wire_sibling s = {.n = 2, .ms = 5, .value = msg_str("other")};
		struct wire_origin o;
		struct wire_entry e = {msg_str("c"), {&o, 1}, {&s, 1}};
		struct wire_data_record r = {.n = 2, .entry = {&e, 1}};
		struct wire_data_push push = {{&r, 1}};
		struct data_item item;
		struct buf b = {0};

		/* the origin's epoch, from what is there */
		ck_assert(data_get(w->node[1].data, dw_span("b"), &item));
		s.member = r.member = item.sibling[0].origin;
		for (size_t k = 0; k < w->node[1].n_pairs; k++)
			if (w->node[1].disk[k].key_n == 34 && w->node[1].disk[k].key[9] == 'v')
				for (int i = 26; i < 34; i++)
					s.epoch = s.epoch << 8 | w->node[1].disk[k].key[i];
		r.epoch = s.epoch;
		o = (struct wire_origin){s.member, s.epoch, 2};
		msg_encode(&b, wire_data_rows[WIRE_DATA_PUSH].params, &push);
		dw_clock(w, 1);
		data_serve(w->node[1].data, ++w->next_serve, &w->node[0].id, WIRE_DATA_PUSH,
			(struct msg_reader){b.p, b.p + b.n});
		w->serve[w->next_serve % DW_MESSAGES] = (struct dw_serve){.client = -1};
		dw_effects(w, 1);
		buf_free(&b);
	}
	ck_assert_uint_eq(w->node[1].n_events[DATA_EV_ORIGIN], 1);
	ck_assert_str_eq(dw_get(w, 1, "c"), "other");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("data_spread");
	TCase *tc = tcase_create("several nodes");

	tcase_set_timeout(tc, 600);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_write_is_everywhere_in_a_moment);
	tcase_add_test(tc, along_a_chain_each_passes_it_on_once);
	tcase_add_test(tc, what_nobody_else_has_is_said_so);
	tcase_add_test(tc, a_write_that_was_fetched_is_acknowledged);
	tcase_add_test(tc, a_cut_loses_nothing);
	tcase_add_test(tc, who_was_off_is_caught_up);
	tcase_add_loop_test(tc, a_rolled_back_disk_loses_nothing_that_others_have, 0, 2);
	tcase_add_loop_test(tc, a_catch_up_that_breaks_off_poisons_nothing, 0, 4);
	tcase_add_test(tc, a_missing_write_is_fetched_before_the_next_one_counts);
	tcase_add_test(tc, what_is_written_while_somebody_is_caught_up_is_fetched_next);
	tcase_add_test(tc, two_processes_with_one_origin_are_noticed);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
