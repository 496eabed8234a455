/* What a node does while nothing happens: its heartbeat, and nothing beside it. */
#include <check.h>

#include "test/unit/core_world.h"

enum { NODES = 4, BEATS_A_SECOND = 2 };

START_TEST(a_resting_node_wakes_for_its_beat_alone)
{
	enum { SECONDS = 20 };

	w_autos(&w, NODES);
	w_run(&w, 10000);
	for (int i = 0; i < NODES; i++)
		w.node[i].n_ticks = 0;
	w_run(&w, SECONDS * 1000);
	for (int i = 0; i < NODES; i++)
		ck_assert_uint_le(w.node[i].n_ticks, SECONDS * BEATS_A_SECOND);
}
END_TEST

START_TEST(a_beat_wakes_each_link_once)
{
	static uint8_t out[128 * 1024];
	struct core *core;
	unsigned wakes = 0;
	uint32_t conn[NODES];

	w_autos(&w, NODES);
	w_run(&w, 10000);
	core = w.node[0].core;
	w.now_us = core_deadline(core) * 1000;
	w_clock(&w, 0);
	core_tick(core);
	for (const struct core_fx *fx; (fx = core_next_fx(core)) != NULL;) {
		ck_assert_int_eq(fx->kind, CORE_FX_WAKE);
		ck_assert_uint_lt(wakes, NODES - 1);
		conn[wakes++] = fx->conn;
	}
	ck_assert_uint_eq(wakes, NODES - 1);
	for (unsigned i = 0; i < wakes; i++) {
		ck_assert_uint_gt(core_conn_pull(core, conn[i], out, sizeof out), 0);
		ck_assert_uint_eq(core_conn_pull(core, conn[i], out, sizeof out), 0);
	}
	ck_assert_ptr_null(core_next_fx(core));
}
END_TEST

/* The seed was met, and is looked at again with the beats only; it is not forgotten for that. */
START_TEST(a_seed_that_is_no_member_any_more_is_met_again)
{
	w_autos(&w, 2);
	w_kill(&w, 1);
	w_lose_disk(&w, 1);
	w_run(&w, 10000);
	w_start(&w, 1);
	w_run(&w, 31000);
	ck_assert_uint_eq(w_running(&w, 0), 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_rest");
	TCase *t = tcase_create("stories");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, w_setup, w_teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_resting_node_wakes_for_its_beat_alone);
	tcase_add_test(t, a_beat_wakes_each_link_once);
	tcase_add_test(t, a_seed_that_is_no_member_any_more_is_met_again);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
