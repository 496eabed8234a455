/* The core driven through its inputs and effects: every test is a small story, its name says what must hold. */
#include "test/unit/core_world.h"

START_TEST(one_node_is_a_running_cluster)
{
	w_add(&w, CORE_MANUAL);
	w_run(&w, 2000);
	w_all_see(&w, 1, 0);
}
END_TEST

START_TEST(auto_nodes_merge_into_one)
{
	w_autos(&w, _i);
	w_all_see(&w, (unsigned)_i, 0);
	for (int i = 0; i < w.n; i++)
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_NODE_DOWN), 0);
}
END_TEST

START_TEST(partial_seed_lists_are_enough)
{
	for (int i = 0; i < 7; i++)
		w_add(&w, CORE_AUTO);
	for (int i = 0; i < 7; i++) {
		int next = (i + 1) % 7;

		w_seeds(&w, i, &next, 1);
	}
	w_run(&w, 3000);
	w_all_see(&w, 7, 0);
}
END_TEST

START_TEST(killed_node_is_stopped_at_once)
{
	w_autos(&w, 5);
	w_kill(&w, _i);
	w_run(&w, 60);
	w_all_see(&w, 4, 1);
}
END_TEST

START_TEST(killed_and_restarted_is_a_restart_and_no_stop)
{
	w_autos(&w, 3);
	w_kill(&w, 1);
	w_start(&w, 1);
	w_run(&w, 2000);
	w_all_see(&w, 3, 0);
	ck_assert_uint_eq(w_events(&w, 0, CORE_EV_NODE_DOWN), 0);
	ck_assert_uint_eq(w_events(&w, 0, CORE_EV_NODE_RESTARTED), 1);
}
END_TEST

START_TEST(silent_node_is_stopped_after_the_time_out_and_comes_back)
{
	w_autos(&w, 4);
	w.node[2].deaf = true;
	w_run(&w, 2000);
	ck_assert_uint_eq(w_stopped(&w, 0), 0);
	w_run(&w, 1000);
	ck_assert_uint_eq(w_stopped(&w, 0), 1);
	ck_assert_uint_eq(w_stopped(&w, 2), 3);
	w.node[2].deaf = false;
	w_run(&w, 8000);
	w_all_see(&w, 4, 0);
	ck_assert_uint_eq(w_events(&w, 0, CORE_EV_HEALED), 1);
}
END_TEST

START_TEST(join_by_command)
{
	int a = w_add(&w, CORE_MANUAL), b = w_add(&w, CORE_MANUAL), c = w_add(&w, CORE_MANUAL);

	w_run(&w, 100);
	ck_assert_int_eq(w_command(&w, b,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, a)},
				 3000),
		CORE_OK);
	ck_assert_int_eq(w_command(&w, c,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, b)},
				 3000),
		CORE_OK);
	w_run(&w, 1000);
	w_all_see(&w, 3, 0);
}
END_TEST

START_TEST(join_refusals_change_nothing)
{
	int a = w_add(&w, CORE_MANUAL), b = w_add(&w, CORE_MANUAL), c = w_add(&w, CORE_MANUAL),
	    d = w_add(&w, CORE_MANUAL);
	struct node_addr nobody = {"n@10.0.0.99", "10.0.0.99", 0};

	w_run(&w, 100);
	ck_assert_int_eq(w_command(&w, a,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, a)},
				 3000),
		CORE_E_SELF);
	ck_assert_int_eq(w_command(&w, a,
				 (struct core_command){.kind = CORE_CMD_JOIN, .node = nobody},
				 9000),
		CORE_E_NODE_DOWN);
	ck_assert_int_eq(w_command(&w, b,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, a)},
				 3000),
		CORE_OK);
	ck_assert_int_eq(w_command(&w, b,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, a)},
				 3000),
		CORE_E_ALREADY_IN_CLUSTER);
	ck_assert_str_eq(w.node[b].reply.name, w.node[a].name);
	ck_assert_int_eq(w_command(&w, b,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, c)},
				 3000),
		CORE_E_ALREADY_IN_CLUSTER);
	ck_assert_str_eq(w.node[b].reply.name, w.node[b].name);
	w.rpc_blocked = true;
	ck_assert_int_eq(w_command(&w, d,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, a)},
				 3000),
		CORE_E_NODE_DOWN);
	ck_assert_uint_eq(w_running(&w, d), 1);
	w.rpc_blocked = false;
	w.node[d].disk_error = -ENOSPC;
	ck_assert_int_eq(w_command(&w, d,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, a)},
				 3000),
		CORE_E_STORE);
	ck_assert_uint_eq(w_running(&w, d), 1);
}
END_TEST

START_TEST(crossing_joins_make_one_cluster)
{
	int a = w_add(&w, CORE_MANUAL), b = w_add(&w, CORE_MANUAL);
	unsigned ra = 0, rb = 0;

	w_run(&w, 100);
	w_clock(&w, a);
	w_clock(&w, b);
	core_command(w.node[a].core, &(struct core_command){.kind = CORE_CMD_JOIN,
					     .node = w_addr(&w, b),
					     .request = 77});
	core_command(w.node[b].core, &(struct core_command){.kind = CORE_CMD_JOIN,
					     .node = w_addr(&w, a),
					     .request = 78});
	w_run(&w, 5000);
	w_all_see(&w, 2, 0);
	ra = w.node[a].n_replies;
	rb = w.node[b].n_replies;
	ck_assert_uint_eq(ra, 1);
	ck_assert_uint_eq(rb, 1);
	ck_assert_int_ne(w.node[a].reply.code == CORE_OK, w.node[b].reply.code == CORE_OK);
}
END_TEST

START_TEST(leave_stays_out_until_told)
{
	w_autos(&w, 4);
	ck_assert_int_eq(w_command(&w, 2, (struct core_command){.kind = CORE_CMD_LEAVE}, 4000),
		CORE_OK);
	w_run(&w, 20);
	ck_assert_uint_eq(w_running(&w, 0), 3);
	ck_assert_uint_eq(w_stopped(&w, 0), 0);
	ck_assert_uint_eq(w_running(&w, 2), 1);
	w_run(&w, 5000);
	w_kill(&w, 2);
	w_start(&w, 2);
	int to = 0;
	w_seeds(&w, 2, &to, 1);
	w_run(&w, 5000);
	ck_assert_uint_eq(w_running(&w, 2), 1);
	ck_assert_int_eq(w_command(&w, 2,
				 (struct core_command){.kind = CORE_CMD_DISCOVERY, .on = true},
				 1000),
		CORE_OK);
	w_run(&w, 5000);
	w_all_see(&w, 4, 0);
	ck_assert_uint_eq(w_events(&w, 0, CORE_EV_NODE_DOWN), 0);
}
END_TEST

START_TEST(leave_alone_is_refused)
{
	w_add(&w, CORE_MANUAL);
	w_run(&w, 100);
	ck_assert_int_eq(w_command(&w, 0, (struct core_command){.kind = CORE_CMD_LEAVE}, 1000),
		CORE_E_NOT_IN_CLUSTER);
}
END_TEST

START_TEST(force_leave_of_a_running_node)
{
	struct core_status s;

	w_autos(&w, 4);
	ck_assert_int_eq(w_command(&w, 0,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 3)},
				 1000),
		CORE_OK);
	w_run(&w, 6000);
	ck_assert_uint_eq(w_running(&w, 0), 3);
	ck_assert_uint_eq(w_stopped(&w, 1), 0);
	s = w_status(3);
	ck_assert_uint_eq(s.running + s.stopped, 1);
	ck_assert_int_eq(s.apart, CORE_APART_REMOVED);
	ck_assert_str_eq(s.apart_by, w.node[0].name);
}
END_TEST

/* In the first moments of a cluster its nodes don't all count for quorum yet. */
START_TEST(force_leave_while_the_cluster_forms)
{
	int by = _i % 3, whom = (by + 1 + _i / 3 % 2) % 3;
	struct core_status s;

	for (int i = 0; i < 3; i++)
		w_add(&w, CORE_AUTO);
	for (int i = 0; i < 3; i++)
		w_seeds(&w, i, (int[]){0, 1, 2}, 3);
	for (int ms = 0; ms < 5000 && w_running(&w, by) < 3; ms++)
		w_run(&w, 1);
	w_run(&w, (uint64_t)_i / 6);
	ck_assert_int_eq(w_command(&w, by,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, whom)},
				 8000),
		CORE_OK);
	ck_assert_str_eq(w.node[by].reply.text, ""); /* with quorum */
	w_run(&w, 6000);
	for (int i = 0; i < 3; i++)
		if (i != whom)
			ck_assert_uint_eq(w_running(&w, i), 2);
	s = w_status(whom);
	ck_assert_int_eq(s.apart, CORE_APART_REMOVED);
	ck_assert_str_eq(s.apart_by, w.node[by].name);
}
END_TEST

START_TEST(force_left_while_stopped_does_not_reappear)
{
	struct core_status before, after;
	int to = 0;

	w_autos(&w, 4);
	before = w_status(3);
	w_kill(&w, 3);
	w_run(&w, 3000);
	w_all_see(&w, 3, 1);
	ck_assert_int_eq(w_command(&w, 1,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 3)},
				 1000),
		CORE_OK);
	w_run(&w, 1000);
	w_all_see(&w, 3, 0);
	w_start(&w, 3);
	w_seeds(&w, 3, &to, 1);
	w_run(&w, 8000);
	after = w_status(3);
	ck_assert_uint_eq(w_running(&w, 0), 3);
	ck_assert_uint_eq(w_stopped(&w, 0), 0);
	ck_assert_int_eq(after.apart, CORE_APART_REMOVED);
	ck_assert(!id_eq(&before.member_id, &after.member_id));
}
END_TEST

START_TEST(restart_of_all_needs_no_discovery)
{
	w_autos(&w, 4);
	for (int i = 0; i < 4; i++)
		w_kill(&w, i);
	for (int i = 3; i >= 1; i--)
		w_start(&w, i);
	w_run(&w, 4000);
	w_all_see(&w, 3, 1);
	for (int i = 1; i < 4; i++)
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_NODE_DOWN), 0);
}
END_TEST

START_TEST(stopping_is_told)
{
	w_autos(&w, 3);
	ck_assert_int_eq(w_command(&w, 1, (struct core_command){.kind = CORE_CMD_STOP}, 2000),
		CORE_OK);
	w_run(&w, 1);
	w_kill(&w, 1);
	w_run(&w, 10);
	w_all_see(&w, 2, 1);
}
END_TEST

START_TEST(two_with_one_name_do_not_merge)
{
	int to = 0;

	w_add(&w, CORE_AUTO);
	w_run(&w, 100);
	w_add(&w, CORE_AUTO);
	w_kill(&w, 1);
	w_lose_disk(&w, 1);
	snprintf(w.node[1].name, sizeof w.node[1].name, "%s", w.node[0].name);
	w_start(&w, 1);
	struct core_candidate c = {"other@10.0.0.1", w.node[to].host, 0};
	core_candidates(w.node[1].core, "static", &c, 1);
	w_run(&w, 5000);
	ck_assert_uint_eq(w_running(&w, 0), 1);
	ck_assert_uint_eq(w_running(&w, 1), 1);
	ck_assert_uint_ge(w_events(&w, 1, CORE_EV_NAME_CONFLICT), 1);
}
END_TEST

START_TEST(lost_disk_at_the_same_address_replaces_the_old)
{
	int to = 0;

	w_autos(&w, 3);
	w_kill(&w, 2);
	w_run(&w, 3000);
	w_all_see(&w, 2, 1);
	w_lose_disk(&w, 2);
	w_start(&w, 2);
	w_seeds(&w, 2, &to, 1);
	w_run(&w, 5000);
	w_all_see(&w, 3, 0);
}
END_TEST

START_TEST(commands_wait_for_a_start_that_is_not_on_disk)
{
	int a = w_add(&w, CORE_MANUAL), b;

	w.n++;
	b = w.n - 1;
	snprintf(w.node[b].host, sizeof w.node[b].host, "10.0.0.2");
	snprintf(w.node[b].name, sizeof w.node[b].name, "n@10.0.0.2");
	w.node[b].disk_error = -EIO;
	w_start(&w, b);
	w_clock(&w, b);
	core_command(w.node[b].core, &(struct core_command){.kind = CORE_CMD_JOIN,
					     .node = w_addr(&w, a),
					     .request = 9});
	w_run(&w, 500);
	ck_assert_uint_eq(w.node[b].n_replies, 0);
	w.node[b].disk_error = 0;
	w_run(&w, 3000);
	ck_assert_uint_eq(w.node[b].n_replies, 1);
	ck_assert_int_eq(w.node[b].reply.code, CORE_OK);
	w_all_see(&w, 2, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core");
	TCase *t = tcase_create("stories");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, w_setup, w_teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, one_node_is_a_running_cluster);
	tcase_add_loop_test(t, auto_nodes_merge_into_one, 2, 14);
	tcase_add_test(t, partial_seed_lists_are_enough);
	tcase_add_loop_test(t, killed_node_is_stopped_at_once, 0, 5);
	tcase_add_test(t, killed_and_restarted_is_a_restart_and_no_stop);
	tcase_add_test(t, silent_node_is_stopped_after_the_time_out_and_comes_back);
	tcase_add_test(t, join_by_command);
	tcase_add_test(t, join_refusals_change_nothing);
	tcase_add_test(t, crossing_joins_make_one_cluster);
	tcase_add_test(t, leave_stays_out_until_told);
	tcase_add_test(t, leave_alone_is_refused);
	tcase_add_test(t, force_leave_of_a_running_node);
	tcase_add_loop_test(t, force_leave_while_the_cluster_forms, 0, 18);
	tcase_add_test(t, force_left_while_stopped_does_not_reappear);
	tcase_add_test(t, restart_of_all_needs_no_discovery);
	tcase_add_test(t, stopping_is_told);
	tcase_add_test(t, two_with_one_name_do_not_merge);
	tcase_add_test(t, lost_disk_at_the_same_address_replaces_the_old);
	tcase_add_test(t, commands_wait_for_a_start_that_is_not_on_disk);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
