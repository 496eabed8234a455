/* The shared data of who comes and goes: joiners, leavers; replicas, clocks, full disks. */
#include "test/unit/data_nodes.h"

START_TEST(a_joiner_copies_everything)
{
	uint64_t before;
	char key[16];

	nodes(2);
	w->node[1].down = true;
	for (uint32_t i = 1; i <= 3000; i++) {
		snprintf(key, sizeof key, "k%u", i);
		dw_put(w, 0, i, key,
			"a value that is not too short for several parts to be made of "
			"it, and then some more of it, because a part is a whole MiB "
			"in size, which takes a while to be filled by such values",
			DATA_ACK_LOCAL);
	}
	dw_delete(w, 0, 4000, "k7", DATA_ACK_LOCAL);
	w->node[1].down = false;
	for (int i = 0; i < 2; i++)
		w->unlinked[0][1] = w->unlinked[1][0] = true;
	dw_views(w);
	dw_put(w, 1, 1, "mine", "x", DATA_ACK_LOCAL);
	before = dw_status(w, 1).data_hash;
	dw_clock(w, 1);
	data_copy(w->node[1].data,
		&(struct data_copy){.job = 3,
			.source = {.id = w->node[0].id, .host = "10.0.0.1", .rpc_port = 5370}});
	dw_effects(w, 1);
	dw_run(w, 1);
	dw_put(w, 0, 4001, "k8", "changed meanwhile", DATA_ACK_LOCAL);
	if (_i == 1) { /* the connection breaks, then the source starts anew */
		cut(0, 1, true);
		dw_run(w, 500);
		dw_kill(w, 0);
		dw_start(w, 0);
		cut(0, 1, false);
	}
	dw_run(w, 10000);
	ck_assert(w->node[1].copied && w->node[1].copied_ok);
	ck_assert_uint_eq(dw_status(w, 1).data_hash, before);
	ck_assert_uint_ge(w->node[1].progress_entries, 3000);
	if (_i == 2) {
		dw_clock(w, 1);
		data_copy_cancel(w->node[1].data, 3);
		dw_effects(w, 1);
		dw_run(w, 1000);
		ck_assert_uint_lt(w->node[1].n_pairs, 6);
		ck_assert_uint_eq(dw_status(w, 1).data_hash, before);
		return;
	}
	dw_clock(w, 1);
	data_swapped(w->node[1].data, w->node[1].copied_generation);
	dw_effects(w, 1);
	ck_assert_uint_eq(dw_status(w, 1).data_hash, dw_status(w, 0).data_hash);
	ck_assert_str_eq(dw_get(w, 1, "k8"), "changed meanwhile");
	ck_assert_str_eq(dw_get(w, 1, "k7"), "-");
	ck_assert_str_eq(dw_get(w, 1, "mine"), "-");
	w->unlinked[0][1] = w->unlinked[1][0] = false;
	dw_views(w);
	dw_put(w, 0, 4002, "after", "x", DATA_ACK_ONE);
	dw_run(w, 2000);
	ck_assert_int_eq(code(0, 4002), DATA_OK);
	all_equal();
}
END_TEST

START_TEST(a_leaver_hands_over_what_nobody_else_has)
{
	nodes(3);
	cut(0, 1, true);
	cut(0, 2, true);
	dw_put(w, 0, 1, "a", "one", DATA_ACK_LOCAL);
	w->unlinked[0][1] = w->unlinked[1][0] = true;
	cut(0, 1, false);
	ck_assert_str_eq(dw_get(w, 1, "a"), "-");
	w->unlinked[0][2] = w->unlinked[2][0] = false;
	w->node[0].leaving = true;
	if (_i == 1)
		w->node[2].leaving = true; /* B11: takes nothing */
	cut(0, 2, false);
	dw_clock(w, 0);
	data_handover(w->node[0].data, 9);
	dw_effects(w, 0);
	dw_run(w, 1000);
	ck_assert(w->node[0].handed && w->node[0].handed_ok);
	ck_assert_str_eq(dw_get(w, 1, "a"), "one");
	dw_put(w, 0, 2, "b", "two", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(0, 2), DATA_E_BUSY);
}
END_TEST

/* It asked to be caught up from, and died: nobody goes on trying for ever. */
START_TEST(a_leaver_that_dies_is_given_up)
{
	size_t calls;

	nodes(3);
	dw_put(w, 0, 1, "a", "one", DATA_ACK_LOCAL);
	dw_run(w, 100);
	w->unlinked[0][1] = w->unlinked[1][0] = true;
	w->node[0].leaving = true;
	dw_views(w);
	dw_clock(w, 0);
	data_handover(w->node[0].data, 9);
	dw_effects(w, 0);
	dw_run(w, 1); /* its question has come to the others */
	dw_kill(w, 0);
	dw_views(w);
	dw_run(w, 20000);
	calls = w->calls[WIRE_DATA_SYNC];
	dw_run(w, 60000);
	ck_assert_uint_eq(w->calls[WIRE_DATA_SYNC], calls);
	ck_assert_uint_eq(dw_status(w, 1).behind, 0);
	ck_assert_uint_eq(dw_status(w, 2).behind, 0);
}
END_TEST

START_TEST(a_leaver_that_reaches_nobody_is_told_so)
{
	nodes(2);
	dw_run(w, 100);
	w->cut[0][1] = true; /* requests only: the view still shows both */
	dw_put(w, 0, 1, "a", "one", DATA_ACK_LOCAL);
	dw_clock(w, 0);
	data_handover(w->node[0].data, 9);
	dw_effects(w, 0);
	dw_run(w, 9000);
	ck_assert(!w->node[0].handed);
	dw_run(w, 2000);
	ck_assert(w->node[0].handed && !w->node[0].handed_ok);
	cut(0, 1, true);
	w->node[0].handed = false;
	dw_clock(w, 0);
	data_handover(w->node[0].data, 10);
	dw_effects(w, 0);
	ck_assert(w->node[0].handed && !w->node[0].handed_ok);
}
END_TEST

START_TEST(a_replica_reads_here_and_writes_through_a_core)
{
	nodes(2);
	dw_add(w, WIRE_REPLICA);
	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE);
	dw_views(w);
	dw_run(w, 1000);
	ck_assert_str_eq(dw_get(w, 2, "a"), "one");
	dw_put(w, 2, 1, "b", "two", DATA_ACK_ONE);
	dw_run(w, 100);
	ck_assert_int_eq(code(2, 1), DATA_OK);
	ck_assert_str_eq(dw_get(w, 0, "b"), "two");
	ck_assert_str_eq(dw_get(w, 2, "b"), "two");
	ck_assert_uint_eq(w->node[2].n_pairs, 0);
	dw_delete(w, 2, 2, "nothing", DATA_ACK_ONE);
	dw_run(w, 100);
	ck_assert_int_eq(code(2, 2), DATA_E_NOT_FOUND);
	cut(2, 0, true);
	cut(2, 1, true);
	dw_put(w, 2, 3, "c", "x", DATA_ACK_ONE);
	ck_assert_int_eq(code(2, 3), DATA_E_NO_CORE);
}
END_TEST

static int allowed;

static bool lose_first_answer(struct dworld *world, const struct dw_message *m)
{
	(void)world;
	return m->method == WIRE_DATA_WRITE && m->is_answer && allowed-- > 0;
}

START_TEST(a_forwarded_write_is_done_once)
{
	nodes(1);
	dw_add(w, WIRE_REPLICA);
	dw_views(w);
	dw_run(w, 1000);
	allowed = 1;
	w->drop = lose_first_answer;
	dw_command(w, 1,
		&(struct data_command){.op = DATA_PUT,
			.request = 1,
			.key = dw_span("a"),
			.value = dw_span("x"),
			.if_version = msg_str("")});
	dw_run(w, 1000);
	ck_assert_int_eq(code(1, 1), DATA_OK);
	ck_assert_uint_eq(w->calls[WIRE_DATA_WRITE], 2);
	ck_assert_uint_eq(dw_status(w, 0).index, 1);
}
END_TEST

static void put_new(int i, uint32_t request, const char *key)
{
	dw_command(w, i,
		&(struct data_command){.op = DATA_PUT,
			.request = request,
			.key = dw_span(key),
			.value = dw_span("x"),
			.if_version = msg_str("")});
}

static int asked;

static bool note_and_lose(struct dworld *world, const struct dw_message *m)
{
	if (m->method == WIRE_DATA_WRITE && !m->is_answer)
		asked = m->to;
	return lose_first_answer(world, m);
}

/* The first core has done it, and its answer is lost: the second finds another version there. */
START_TEST(what_may_be_done_is_not_told_as_refused)
{
	int first;

	nodes(2);
	dw_add(w, WIRE_REPLICA);
	dw_views(w);
	dw_run(w, 1000);
	allowed = 1;
	w->drop = note_and_lose;
	put_new(2, 1, "a");
	dw_run(w, 50);
	first = asked;
	links(first == 0 ? "01 12" : "01 02");
	dw_run(w, 1000);
	ck_assert_int_ne(asked, first);
	ck_assert_int_eq(code(2, 1), DATA_E_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(w->node[2].reply[1].text, "may be done"));
	put_new(2, 2, "a");
	dw_run(w, 1000);
	ck_assert_int_eq(code(2, 2), DATA_E_VERSION);
	ck_assert_str_eq(dw_get(w, 2, "a"), "x");
}
END_TEST

/* … nor that no core is there, when one was asked. */
START_TEST(a_core_that_goes_may_have_done_it)
{
	nodes(1);
	dw_add(w, WIRE_REPLICA);
	dw_views(w);
	dw_run(w, 1000);
	allowed = 1;
	w->drop = lose_first_answer;
	put_new(1, 1, "a");
	dw_run(w, 50);
	cut(0, 1, true);
	dw_run(w, 10000);
	ck_assert_int_eq(code(1, 1), DATA_E_TIMEOUT);
	put_new(1, 2, "b");
	dw_run(w, 10000);
	ck_assert_int_eq(code(1, 2), DATA_E_NO_CORE);
}
END_TEST

START_TEST(a_wrong_clock_is_refused_by_its_owner)
{
	nodes(3);
	w->node[0].wall_off_ms = 3600000;
	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE); /* nobody to compare with yet */
	dw_run(w, 100);
	dw_put(w, 0, 2, "a", "two", DATA_ACK_ONE);
	dw_run(w, 100);
	ck_assert_int_eq(code(0, 2), DATA_E_CLOCK);
	ck_assert(dw_status(w, 0).skewed);
	ck_assert_int_ge(dw_status(w, 0).skew_ms, 3599000);
	dw_put(w, 1, 1, "a", "three", DATA_ACK_ONE);
	dw_run(w, 100);
	ck_assert_int_eq(code(1, 1), DATA_OK);
	ck_assert_str_eq(dw_get(w, 0, "a"), "three"); /* it had seen the other */
	w->node[0].wall_off_ms = 0;
	dw_put(w, 0, 3, "a", "four", DATA_ACK_ONE);
	dw_run(w, 100);
	ck_assert_int_eq(code(0, 3), DATA_OK);
}
END_TEST

/* A full disk on one node: its writes fail, the others' go on, it catches up when space returns. */
START_TEST(one_full_disk_holds_nobody_up)
{
	nodes(3);
	w->node[2].disk_error = -ENOSPC;
	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE);
	dw_put(w, 2, 1, "b", "two", DATA_ACK_ONE);
	dw_run(w, 1000);
	ck_assert_int_eq(code(0, 1), DATA_OK);
	ck_assert_int_eq(code(2, 1), DATA_E_STORE);
	ck_assert_str_eq(dw_get(w, 1, "a"), "one");
	ck_assert_str_eq(dw_get(w, 2, "a"), "-");
	dw_run(w, 20000);
	w->node[2].disk_error = 0;
	dw_run(w, 12000);
	all_equal();
	ck_assert_str_eq(dw_get(w, 2, "a"), "one");
	dw_put(w, 2, 2, "b", "two", DATA_ACK_ONE);
	dw_run(w, 100);
	ck_assert_int_eq(code(2, 2), DATA_OK);
}
END_TEST

START_TEST(nothing_written_nothing_said)
{
	nodes(5);
	dw_run(w, 3000);
	memset(w->calls, 0, sizeof w->calls);
	dw_run(w, 300000);
	for (int i = 0; i < WIRE_DATA_N; i++)
		ck_assert_uint_eq(w->calls[i], 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("data_away");
	TCase *tc = tcase_create("several nodes");

	tcase_set_timeout(tc, 600);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_joiner_copies_everything, 0, 3);
	tcase_add_loop_test(tc, a_leaver_hands_over_what_nobody_else_has, 0, 2);
	tcase_add_test(tc, a_leaver_that_dies_is_given_up);
	tcase_add_test(tc, a_leaver_that_reaches_nobody_is_told_so);
	tcase_add_test(tc, a_replica_reads_here_and_writes_through_a_core);
	tcase_add_test(tc, a_forwarded_write_is_done_once);
	tcase_add_test(tc, what_may_be_done_is_not_told_as_refused);
	tcase_add_test(tc, a_core_that_goes_may_have_done_it);
	tcase_add_test(tc, a_wrong_clock_is_refused_by_its_owner);
	tcase_add_test(tc, one_full_disk_holds_nobody_up);
	tcase_add_test(tc, nothing_written_nothing_said);
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
