/* Failure and healing, removals, planned restarts, clones, pauses: what test_core.c begins goes on here. */
#include "test/unit/core_world.h"

static void split(int n, int of, bool cut)
{
	for (int i = 0; i < n; i++)
		for (int k = n; k < of; k++)
			w_cut(&w, i, k, cut);
}

START_TEST(one_cut_link_stops_nobody)
{
	w_autos(&w, 5);
	w_cut(&w, 0, 1, true);
	w_run(&w, 30000);
	w_all_see(&w, 5, 0);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_NODE_DOWN), 0);
}
END_TEST

static void check_sides(int n, int of)
{
	struct core_status s;

	for (int i = 0; i < of; i++) {
		unsigned side = (unsigned)(i < n ? n : of - n);

		s = w_status(i);
		ck_assert_uint_eq(s.running, side);
		ck_assert_uint_eq(s.stopped, (unsigned)of - side);
		ck_assert_int_eq(s.quorum, side * 2 > (unsigned)of);
		/* nobody of its own side was ever shown stopped */
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_NODE_DOWN), (unsigned)of - side);
	}
}

static bool told_majority(int i)
{
	const struct w_node *n = &w.node[i];

	for (size_t e = n->n_events; e-- > 0;)
		if (n->event[e].kind == CORE_EV_HEALED)
			return strncmp(n->event[e].text, "side=majority", 13) == 0;
	ck_abort_msg("n%d was not told which side it was on", i);
	return false;
}

/* The larger side; in a tie one of the two, and all of both know which. */
static void check_told_sides(int n, int of)
{
	bool first = n * 2 > of || (n * 2 == of && told_majority(0));

	for (int i = 0; i < of; i++)
		ck_assert_int_eq(told_majority(i), i < n ? first : !first);
}

START_TEST(split_is_seen_in_time_and_heals_by_itself)
{
	static const int side[] = {1, 3, 2, 6}, total[] = {2, 5, 4, 14};
	int n = side[_i], of = total[_i];

	w_autos(&w, of);
	split(n, of, true);
	w_run(&w, 3000);
	check_sides(n, of);
	w_run(&w, 20000);
	split(n, of, false);
	w_run(&w, 6000);
	w_all_see(&w, (unsigned)of, 0);
	for (int i = 0; i < of; i++) {
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_NODE_DOWN),
			(unsigned)(i < n ? of - n : n));
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_HEALED), 1);
	}
	check_told_sides(n, of);
}
END_TEST

/* A file that was changed is a word for the whole cluster; one that was not says nothing against a command. */
START_TEST(autoheal_follows_the_file_at_a_restart)
{
	w_autos(&w, 3);
	w_kill(&w, 1);
	w.autoheal_off = true;
	w_start(&w, 1);
	w_run(&w, 6000);
	for (int i = 0; i < 3; i++)
		ck_assert(!w_status(i).autoheal);
	ck_assert_int_eq(w_command(&w, 0,
				 (struct core_command){.kind = CORE_CMD_AUTOHEAL, .on = true},
				 1000),
		CORE_OK);
	w_run(&w, 1000);
	w_kill(&w, 1);
	w_start(&w, 1);
	w_run(&w, 6000);
	for (int i = 0; i < 3; i++)
		ck_assert(w_status(i).autoheal);
}
END_TEST

START_TEST(autoheal_off_waits_for_the_command)
{
	/* while the links still exist, and when they are gone */
	static const uint64_t cut_ms[] = {3000, 10000};
	struct core_status s;

	w.autoheal_off = true;
	w_autos(&w, 5);
	split(2, 5, true);
	w_run(&w, cut_ms[_i]);
	split(2, 5, false);
	w_run(&w, 20000);
	ck_assert_uint_eq(w_running(&w, 0), 2);
	ck_assert_uint_eq(w_running(&w, 4), 3);
	s = w_status(0);
	ck_assert(s.waiting_heal);
	ck_assert_int_eq(w_command(&w, 3, (struct core_command){.kind = CORE_CMD_HEAL}, 1000),
		CORE_OK);
	w_run(&w, 2000);
	w_all_see(&w, 5, 0);
}
END_TEST

START_TEST(autoclean_removes_a_dead_node_once_with_quorum)
{
	w.autoclean_ms = 10000;
	w_autos(&w, 3);
	w_run(&w, 700); /* it dies between two looks at who is stopped */
	w_kill(&w, 2);
	w_run(&w, 9990);
	w_all_see(&w, 2, 1);
	w_run(&w, 3000);
	w_all_see(&w, 2, 0);
	ck_assert_uint_eq(w_events(&w, 0, CORE_EV_NODE_CLEANED), 1);
	w_start(&w, 2);
	w_run(&w, 8000);
	/* cleaned, not removed: it comes back as a new member by its discovery */
	int to = 0;
	w_seeds(&w, 2, &to, 1);
	w_run(&w, 5000);
	w_all_see(&w, 3, 0);
}
END_TEST

START_TEST(halves_never_clean_each_other)
{
	w.autoclean_ms = 5000;
	w_autos(&w, 2);
	w_cut(&w, 0, 1, true);
	w_run(&w, 60000);
	w_all_see(&w, 1, 1);
	w_cut(&w, 0, 1, false);
	w_run(&w, 10000);
	w_all_see(&w, 2, 0);
}
END_TEST

START_TEST(joiners_on_the_small_side_make_no_majority)
{
	struct core_status s;
	int to = 4;

	w_autos(&w, 5);
	split(3, 5, true);
	w_run(&w, 4000);
	for (int i = 5; i < 9; i++) {
		w_add(&w, CORE_AUTO);
		for (int k = 0; k < 3; k++)
			w_cut(&w, i, k, true);
		w_seeds(&w, i, &to, 1);
	}
	w_run(&w, 5000);
	s = w_status(4);
	ck_assert_uint_eq(s.running, 6);
	ck_assert(!s.quorum);
	s = w_status(0);
	ck_assert(s.quorum);
}
END_TEST

START_TEST(planned_restart_is_no_stop)
{
	w_autos(&w, 3);
	ck_assert_int_eq(w_command(&w, 1,
				 (struct core_command){.kind = CORE_CMD_ANNOUNCE_RESTART},
				 1000),
		CORE_OK);
	w_run(&w, 50);
	ck_assert_int_eq(w_command(&w, 1, (struct core_command){.kind = CORE_CMD_STOP}, 2000),
		CORE_OK);
	w_kill(&w, 1);
	w_run(&w, 4000);
	ck_assert_uint_eq(w_running(&w, 0), 3);
	w_start(&w, 1);
	w_run(&w, 3000);
	w_all_see(&w, 3, 0);
	ck_assert_uint_eq(w_events(&w, 0, CORE_EV_NODE_DOWN), 0);
	ck_assert_uint_eq(w_events(&w, 0, CORE_EV_NODE_RESTARTED), 1);
}
END_TEST

START_TEST(planned_restart_that_fails_is_a_stop)
{
	w_autos(&w, 3);
	ck_assert_int_eq(w_command(&w, 1,
				 (struct core_command){.kind = CORE_CMD_ANNOUNCE_RESTART},
				 1000),
		CORE_OK);
	w_run(&w, 50);
	ck_assert_int_eq(w_command(&w, 1, (struct core_command){.kind = CORE_CMD_STOP}, 2000),
		CORE_OK);
	w_kill(&w, 1);
	w_run(&w, 11000);
	w_all_see(&w, 2, 1);
}
END_TEST

START_TEST(removed_without_quorum_is_void_where_there_was_quorum)
{
	struct core_status s;

	w_autos(&w, 5);
	split(2, 5, true);
	w_run(&w, 4000);
	ck_assert_int_eq(w_command(&w, 0,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 4)},
				 1000),
		CORE_OK);
	ck_assert_str_ne(w.node[0].reply.text, "");
	split(2, 5, false);
	w_run(&w, 20000);
	w_all_see(&w, 5, 0);
	s = w_status(4);
	ck_assert_int_eq(s.apart, CORE_APART_NO);
}
END_TEST

START_TEST(mutual_force_leave_destroys_nothing)
{
	struct core_status s;

	w_autos(&w, 2);
	w_cut(&w, 0, 1, true);
	w_run(&w, 4000);
	ck_assert_int_eq(w_command(&w, 0,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 1)},
				 1000),
		CORE_OK);
	ck_assert_int_eq(w_command(&w, 1,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 0)},
				 1000),
		CORE_OK);
	w_cut(&w, 0, 1, false);
	w_run(&w, 20000);
	for (int i = 0; i < 2; i++) {
		s = w_status(i);
		ck_assert_uint_eq(s.running, 1);
	}
}
END_TEST

START_TEST(ban_keeps_a_node_out_for_its_time)
{
	int to = 0;

	w_autos(&w, 3);
	ck_assert_int_eq(w_command(&w, 0,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 2),
					 .ban_ms = 60000},
				 1000),
		CORE_OK);
	w_run(&w, 5000);
	ck_assert_int_eq(w_command(&w, 2,
				 (struct core_command){.kind = CORE_CMD_DISCOVERY, .on = true},
				 1000),
		CORE_OK);
	w_seeds(&w, 2, &to, 1);
	w_run(&w, 30000);
	ck_assert_uint_eq(w_running(&w, 0), 2);
	w_run(&w, 90000);
	w_all_see(&w, 3, 0);
}
END_TEST

START_TEST(copied_data_directory_is_told_from_a_restart)
{
	int to = 0, b;

	w_autos(&w, 3);
	b = w_add(&w, CORE_AUTO);
	w_kill(&w, b);
	w_lose_disk(&w, b);
	snprintf(w.node[b].name, sizeof w.node[b].name, "n@10.0.0.3");
	for (size_t k = 0; k < w.node[2].n_keys; k++) {
		const struct w_key *x = &w.node[2].disk[k];

		w.node[b].disk[w.node[b].n_keys++] = (struct w_key){xmemdup(x->key, x->key_n),
			xmemdup(x->value, x->value_n), x->key_n, x->value_n};
	}
	w_start(&w, b);
	w_seeds(&w, b, &to, 1);
	w_run(&w, 30000);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(w_running(&w, i), 3);
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_NODE_DOWN), 0);
	}
	ck_assert_uint_ge(w_events(&w, b, CORE_EV_IDENTITY_CONFLICT), 1);
}
END_TEST

START_TEST(tags_spread_and_last)
{
	struct core_member m;

	w_autos(&w, 3);
	ck_assert_int_eq(w_command(&w, 1,
				 (struct core_command){.kind = CORE_CMD_TAG_SET,
					 .key = "zone",
					 .value = "b"},
				 1000),
		CORE_OK);
	w_run(&w, 1500);
	core_member_at(w.node[0].core, 1, &m);
	ck_assert_uint_eq(m.n_tags, 1);
	ck_assert_str_eq(m.tags[0].value, "b");
	w_kill(&w, 1);
	w_start(&w, 1);
	w_run(&w, 3000);
	core_member_at(w.node[0].core, 1, &m);
	ck_assert_uint_eq(m.n_tags, 1);
}
END_TEST

START_TEST(digest_shown_is_of_what_is_held_now)
{
	struct core_status before, here, there;
	struct core_member m;
	int waited = 0;

	w_autos(&w, 2);
	w_run(&w, 5000);
	before = w_status(0);
	ck_assert_int_eq(w_command(&w, 1,
				 (struct core_command){.kind = CORE_CMD_TAG_SET,
					 .key = "zone",
					 .value = "b"},
				 1000),
		CORE_OK);
	do {
		w_run(&w, 1);
		core_member_at(w.node[0].core, 1, &m);
	} while (m.n_tags == 0 && ++waited < 1000);
	here = w_status(0);
	there = w_status(1);
	ck_assert_uint_eq(m.n_tags, 1);
	ck_assert_uint_ne(here.digest, before.digest);
	ck_assert_uint_eq(here.digest, there.digest);
}
END_TEST

START_TEST(auto_node_joins_a_manual_cluster_when_it_is_alone)
{
	int a = w_add(&w, CORE_MANUAL), b = w_add(&w, CORE_MANUAL), c;

	w_run(&w, 100);
	ck_assert_int_eq(w_command(&w, b,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, a)},
				 3000),
		CORE_OK);
	c = w_add(&w, CORE_AUTO);
	w_seeds(&w, c, &a, 1);
	w_run(&w, 5000);
	w_all_see(&w, 3, 0);
}
END_TEST

START_TEST(a_long_pause_is_a_fall_and_no_departure)
{
	struct core *paused;

	w_autos(&w, 4);
	paused = w.node[3].core;
	w.node[3].deaf = true;
	w.node[3].core = NULL;
	w_run(&w, 10000);
	ck_assert_uint_eq(w_stopped(&w, 0), 1);
	w.node[3].core = paused;
	w.node[3].deaf = false;
	w_clock(&w, 3);
	core_tick(paused);
	w_effects(&w, 3);
	w_run(&w, 6000);
	w_all_see(&w, 4, 0);
	ck_assert_uint_ge(w_events(&w, 3, CORE_EV_STALLED), 1);
	ck_assert_uint_eq(w_events(&w, 3, CORE_EV_NODE_DOWN), 0);
}
END_TEST

START_TEST(a_pause_right_after_sending_is_noticed)
{
	static uint8_t chunk[128 * 1024];

	w_autos(&w, 2);
	w_clock(&w, 1);
	for (int i = 0; i < w.n_pipes; i++)
		for (int e = 0; e < 2; e++)
			if (w.pipe[i][e].node == 1)
				core_conn_pull(w.node[1].core, w.pipe[i][e].conn, chunk,
					sizeof chunk);
	w.now_us += 2000000;
	w_clock(&w, 1);
	core_tick(w.node[1].core);
	w_effects(&w, 1);
	ck_assert_uint_eq(w_events(&w, 1, CORE_EV_STALLED), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_heal");
	TCase *t = tcase_create("stories");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, w_setup, w_teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, one_cut_link_stops_nobody);
	tcase_add_loop_test(t, split_is_seen_in_time_and_heals_by_itself, 0, 4);
	tcase_add_test(t, autoheal_follows_the_file_at_a_restart);
	tcase_add_loop_test(t, autoheal_off_waits_for_the_command, 0, 2);
	tcase_add_test(t, autoclean_removes_a_dead_node_once_with_quorum);
	tcase_add_test(t, halves_never_clean_each_other);
	tcase_add_test(t, joiners_on_the_small_side_make_no_majority);
	tcase_add_test(t, planned_restart_is_no_stop);
	tcase_add_test(t, planned_restart_that_fails_is_a_stop);
	tcase_add_test(t, removed_without_quorum_is_void_where_there_was_quorum);
	tcase_add_test(t, mutual_force_leave_destroys_nothing);
	tcase_add_test(t, ban_keeps_a_node_out_for_its_time);
	tcase_add_test(t, copied_data_directory_is_told_from_a_restart);
	tcase_add_test(t, tags_spread_and_last);
	tcase_add_test(t, digest_shown_is_of_what_is_held_now);
	tcase_add_test(t, auto_node_joins_a_manual_cluster_when_it_is_alone);
	tcase_add_test(t, a_long_pause_is_a_fall_and_no_departure);
	tcase_add_test(t, a_pause_right_after_sending_is_noticed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
