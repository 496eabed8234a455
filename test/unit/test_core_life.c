/* What outlives a restart or a bad moment: names in conflict, bans, joins and leaves that were cut short; who hears what. */
#include <check.h>

#include "test/unit/core_world.h"

/* The second node has the first one's name; `dials` looks for the other one. */
static void namesakes(int dials)
{
	struct core_candidate other = {"other@10.0.0.9", w.node[1 - dials].host, 0};

	w_add(&w, CORE_AUTO);
	w_run(&w, 100);
	w_add(&w, CORE_AUTO);
	w_kill(&w, 1);
	w_lose_disk(&w, 1);
	snprintf(w.node[1].name, sizeof w.node[1].name, "%s", w.node[0].name);
	w_start(&w, 1);
	snprintf(w.node[0].host, sizeof w.node[0].host, "10.0.0.1");
	snprintf(w.node[1].host, sizeof w.node[1].host, "10.0.0.2");
	other.host = w.node[1 - dials].host;
	w_clock(&w, dials);
	core_candidates(w.node[dials].core, "static", &other, 1);
	w_effects(&w, dials);
	w_run(&w, 5000);
}

START_TEST(of_two_with_one_name_the_later_gives_way)
{
	namesakes(_i);
	ck_assert_int_eq(w_status(0).apart, CORE_APART_NO);
	ck_assert_int_eq(w_status(1).apart, CORE_APART_NAME);
	ck_assert_uint_eq(w_running(&w, 0), 1);
}
END_TEST

START_TEST(a_name_conflict_ends_with_the_other_even_over_a_restart)
{
	namesakes(1);
	w_kill(&w, 1);
	w_start(&w, 1);
	ck_assert_int_eq(w_status(1).apart, CORE_APART_NAME);
	w_kill(&w, 0);
	w_run(&w, 40000);
	ck_assert_int_eq(w_status(1).apart, CORE_APART_NO);
}
END_TEST

START_TEST(each_member_is_told_once)
{
	w_autos(&w, 4);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_NODE_JOINED), 3);
	w_kill(&w, 0);
	w_start(&w, 0);
	w_run(&w, 3000);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_NODE_JOINED), 3);
}
END_TEST

START_TEST(a_check_is_answered_although_the_node_leaves)
{
	struct node_addr nobody = {"n@10.0.0.3", "10.0.0.3", 0};

	w_autos(&w, 3);
	w.node[2].deaf = true;
	w_clock(&w, 0);
	core_command(w.node[0].core,
		&(struct core_command){.kind = CORE_CMD_CHECK, .node = nobody, .request = 50});
	w_effects(&w, 0);
	ck_assert_int_eq(w_command(&w, 0, (struct core_command){.kind = CORE_CMD_LEAVE}, 1500),
		CORE_OK);
	w_run(&w, 20);
	ck_assert_uint_eq(w.node[0].n_replies, 2);
}
END_TEST

/* The swap is on disk when the joiner dies: it comes back as the member that it became. */
START_TEST(a_joiner_that_dies_behind_its_swap_is_a_member)
{
	int a = w_add(&w, CORE_MANUAL), b = w_add(&w, CORE_MANUAL);

	w_run(&w, 1500);
	w.node[b].slow_disk = true;
	w_clock(&w, b);
	core_command(w.node[b].core, &(struct core_command){.kind = CORE_CMD_JOIN,
					     .node = w_addr(&w, a),
					     .request = 9});
	w_effects(&w, b);
	w_run(&w, 200);
	ck_assert_int_eq(w.node[b].n_waiting, 1);
	w_kill(&w, b);
	w.node[b].slow_disk = false;
	w_start(&w, b);
	w_run(&w, 3000);
	ck_assert_uint_eq(w_running(&w, a), 2);
	ck_assert_uint_eq(w_running(&w, b), 2);
}
END_TEST

/* Its departure was told and its own clearing is not on disk when it dies: it does not come back as its old self. */
START_TEST(a_leaver_that_dies_before_it_cleared_has_left)
{
	struct id128 old, now;

	w_autos(&w, 3);
	old = w_status(2).member_id;
	w.node[2].slow_disk = true;
	w_clock(&w, 2);
	core_command(w.node[2].core,
		&(struct core_command){.kind = CORE_CMD_LEAVE, .request = 1});
	w_effects(&w, 2);
	w_run(&w, 1100);
	w.node[2].disk_error = -EIO; /* what it writes from here on is lost */
	w_disk_step(&w, 2);
	w.node[2].disk_error = 0;
	w_kill(&w, 2);
	w.node[2].slow_disk = false;
	w_start(&w, 2);
	w_run(&w, 8000);
	if (w_running(&w, 0) == 2) {
		ck_assert_int_eq(w_status(2).apart, CORE_APART_LEFT);
		now = w_status(2).member_id;
		ck_assert(!id_eq(&now, &old));
	}
	ck_assert_uint_eq(w_stopped(&w, 0), 0);
	ck_assert_uint_eq(w_running(&w, 0), w_running(&w, 1));
}
END_TEST

START_TEST(a_ban_outlives_restarts)
{
	int to = 0;

	w_autos(&w, 3);
	ck_assert_int_eq(w_command(&w, 0,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 2),
					 .ban_ms = 200000},
				 1000),
		CORE_OK);
	w_run(&w, 70000);
	ck_assert_int_eq(w_status(2).apart, CORE_APART_BANNED);
	for (int i = 0; i < 2; i++) {
		w_kill(&w, i);
		w_start(&w, i);
	}
	w_run(&w, 1000);
	ck_assert_int_eq(w_command(&w, 2,
				 (struct core_command){.kind = CORE_CMD_DISCOVERY, .on = true},
				 1000),
		CORE_OK);
	w_seeds(&w, 2, &to, 1);
	w_run(&w, 100000);
	ck_assert_uint_eq(w_running(&w, 0), 2);
	w_run(&w, 150000);
	ck_assert_uint_eq(w_running(&w, 0), 3);
}
END_TEST

/* Who cleans has it on disk before anybody hears of it. */
START_TEST(a_cleaning_is_on_disk_before_it_is_told)
{
	w.autoclean_ms = 10000;
	w_autos(&w, 3);
	w_kill(&w, 2);
	w_run(&w, 5000);
	w.node[0].slow_disk = w.node[1].slow_disk = true;
	w_run(&w, 10000);
	ck_assert_uint_eq(w_stopped(&w, 0), 1);
	ck_assert_uint_eq(w_stopped(&w, 1), 1);
	for (int i = 0; i < 10; i++)
		for (int n = 0; n < 2; n++) {
			w.node[n].slow_disk = false;
			w_disk_step(&w, n);
		}
	w_run(&w, 1000);
	ck_assert_uint_eq(w_stopped(&w, 0), 0);
	ck_assert_uint_eq(w_stopped(&w, 1), 0);
	ck_assert_uint_eq(w_events(&w, 0, CORE_EV_NODE_CLEANED), 1);
}
END_TEST

START_TEST(a_heal_said_once_opens_one_door)
{
	w.autoheal_off = true;
	w_autos(&w, 4);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 2; i++)
			for (int k = 2; k < 4; k++)
				w_cut(&w, i, k, true);
		w_run(&w, 6000);
		for (int i = 0; i < 2; i++)
			for (int k = 2; k < 4; k++)
				w_cut(&w, i, k, false);
		w_run(&w, 12000);
		ck_assert_uint_eq(w_running(&w, 0), 2);
		ck_assert_int_eq(w_command(&w, 0, (struct core_command){.kind = CORE_CMD_HEAL},
					 1000),
			CORE_OK);
		w_run(&w, 12000);
		ck_assert_uint_eq(w_running(&w, 0), 4);
		ck_assert(!w_status(3).waiting_heal);
		/* said when nothing waits it opens none */
		ck_assert_int_eq(w_command(&w, 0, (struct core_command){.kind = CORE_CMD_HEAL},
					 1000),
			CORE_OK);
	}
}
END_TEST

static int copy_of(int i)
{
	int b = w_add(&w, CORE_AUTO);

	w_kill(&w, b);
	w_lose_disk(&w, b);
	snprintf(w.node[b].name, sizeof w.node[b].name, "%s", w.node[i].name);
	for (size_t k = 0; k < w.node[i].n_keys; k++) {
		const struct w_key *x = &w.node[i].disk[k];

		w.node[b].disk[w.node[b].n_keys++] = (struct w_key){xmemdup(x->key, x->key_n),
			xmemdup(x->value, x->value_n), x->key_n, x->value_n};
	}
	w_start(&w, b);
	return b;
}

/* A copy that reaches nobody but its original: one of the two goes, and not the one among its members. */
START_TEST(a_copy_never_drives_out_its_original)
{
	struct core_candidate original = {"other@10.0.0.9", "10.0.0.3", 0};
	struct id128 old, now, copied;
	int b;

	w_autos(&w, 3);
	old = w_status(2).member_id;
	b = copy_of(2);
	w_cut(&w, b, 0, true);
	w_cut(&w, b, 1, true);
	w_clock(&w, b);
	core_candidates(w.node[b].core, "static", &original, 1);
	w_effects(&w, b);
	w_run(&w, 200000);
	now = w_status(2).member_id;
	copied = w_status(b).member_id;
	ck_assert(id_eq(&now, &old));
	ck_assert(!id_eq(&copied, &old));
	ck_assert_uint_eq(w_running(&w, 0), 3);
	ck_assert_uint_eq(w_events(&w, 0, CORE_EV_NODE_DOWN), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_life");
	TCase *t = tcase_create("stories");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, w_setup, w_teardown);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, of_two_with_one_name_the_later_gives_way, 0, 2);
	tcase_add_test(t, a_name_conflict_ends_with_the_other_even_over_a_restart);
	tcase_add_test(t, each_member_is_told_once);
	tcase_add_test(t, a_check_is_answered_although_the_node_leaves);
	tcase_add_test(t, a_joiner_that_dies_behind_its_swap_is_a_member);
	tcase_add_test(t, a_leaver_that_dies_before_it_cleared_has_left);
	tcase_add_test(t, a_ban_outlives_restarts);
	tcase_add_test(t, a_cleaning_is_on_disk_before_it_is_told);
	tcase_add_test(t, a_heal_said_once_opens_one_door);
	tcase_add_test(t, a_copy_never_drives_out_its_original);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
