/* Departed ids: what is left of them, that it spreads and lasts, and that nobody comes back by them. */
#include <check.h>

#include "test/unit/core_world.h"

enum { ROUNDS = 12, DAY_MS = 86400 * 1000 };

static struct core_counters counters(int i)
{
	struct core_counters n;

	core_counters(w.node[i].core, &n);
	return n;
}

static void command(int i, enum core_command_kind kind, int on)
{
	ck_assert_int_eq(w_command(&w, i,
				 (struct core_command){.kind = kind, .node = w_addr(&w, on)},
				 2000),
		CORE_OK);
}

/* The third of three manual nodes comes and goes. */
static void come_and_go(void)
{
	for (int i = 0; i < 3; i++)
		w_add(&w, CORE_MANUAL);
	w_run(&w, 1500);
	command(1, CORE_CMD_JOIN, 0);
	for (int i = 0; i < ROUNDS; i++) {
		command(2, CORE_CMD_JOIN, i % 2);
		command(2, CORE_CMD_LEAVE, 2);
		for (int k = 0; k < 3; k++)
			w.node[k].n_events = 0;
	}
	w_run(&w, 3000);
}

static void same_digest(void)
{
	ck_assert_uint_eq(w_status(0).digest, w_status(1).digest);
}

START_TEST(who_left_is_a_bare_id)
{
	size_t keys;

	come_and_go();
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(counters(i).graves, ROUNDS);
		ck_assert_uint_eq(counters(i).places, 2);
	}
	same_digest();
	keys = w.node[0].n_keys;
	w_kill(&w, 0);
	w_run(&w, 3000);
	w_start(&w, 0);
	w_run(&w, 4000);
	ck_assert_uint_eq(counters(0).graves, ROUNDS);
	ck_assert_uint_eq(w.node[0].n_keys, keys);
	same_digest();
	/* the node itself begins anew each time */
	ck_assert_uint_eq(counters(2).graves, 0);
	ck_assert_uint_eq(counters(2).places, 1);
}
END_TEST

START_TEST(a_joiner_hears_of_them)
{
	come_and_go();
	command(2, CORE_CMD_JOIN, 0);
	w_run(&w, 4000);
	ck_assert_uint_eq(counters(2).graves, ROUNDS);
	ck_assert_uint_eq(w_status(2).digest, w_status(0).digest);
}
END_TEST

/* Node 2 as it was before it left; the others have buried it. */
static void with_an_old_disk(bool left)
{
	static struct w_key old[W_KEYS];
	size_t n;

	w_autos(&w, 3);
	n = w.node[2].n_keys;
	for (size_t k = 0; k < n; k++) {
		const struct w_key *x = &w.node[2].disk[k];

		old[k] = (struct w_key){xmemdup(x->key, x->key_n),
			xmemdup(x->value, x->value_n), x->key_n, x->value_n};
	}
	if (left)
		command(2, CORE_CMD_LEAVE, 2);
	w_kill(&w, 2);
	w_run(&w, 3000);
	if (!left)
		command(0, CORE_CMD_FORCE_LEAVE, 2);
	w_lose_disk(&w, 2);
	memcpy(w.node[2].disk, old, n * sizeof old[0]);
	w.node[2].n_keys = n;
}

START_TEST(an_old_disk_brings_nobody_back)
{
	struct id128 before, now;
	int to = 0;

	with_an_old_disk(_i == 0);
	if (_i == 1) { /* its details are gone as well */
		ck_assert_uint_eq(counters(0).graves, 0);
		w_kill(&w, 1); /* days pass faster alone */
		w_run(&w, 8ULL * DAY_MS);
		w_start(&w, 1);
	}
	w_run(&w, 3000);
	ck_assert_uint_eq(counters(0).graves, 1);
	ck_assert_uint_eq(counters(0).places, 2);
	w_start(&w, 2);
	before = w_status(2).member_id;
	w_seeds(&w, 2, &to, 1);
	w_run(&w, 20000);
	now = w_status(2).member_id;
	ck_assert_int_eq(w_status(2).apart, _i == 0 ? CORE_APART_LEFT : CORE_APART_REMOVED);
	ck_assert(!id_eq(&before, &now));
	ck_assert_uint_eq(w_running(&w, 0), 2);
	ck_assert_uint_eq(w_stopped(&w, 0), 0);
	ck_assert_uint_eq(counters(0).graves, 1);
	ck_assert_uint_eq(counters(0).places, 2);
	same_digest();
}
END_TEST

/* Both sides have lost another member for good: each hears of the other's grave. */
START_TEST(graves_of_two_sides_are_one_set)
{
	w_autos(&w, 4);
	for (int i = 0; i < 2; i++)
		for (int k = 2; k < 4; k++)
			w_cut(&w, i, k, true);
	w_run(&w, 4000);
	command(1, CORE_CMD_LEAVE, 1);
	command(3, CORE_CMD_LEAVE, 3);
	w_run(&w, 3000);
	ck_assert_uint_eq(counters(0).graves, 1);
	ck_assert_uint_eq(counters(2).graves, 1);
	for (int i = 0; i < 2; i++)
		for (int k = 2; k < 4; k++)
			w_cut(&w, i, k, false);
	w_run(&w, 20000);
	ck_assert_uint_eq(counters(0).graves, 2);
	ck_assert_uint_eq(w_status(0).digest, w_status(2).digest);
	ck_assert_uint_eq(w_running(&w, 0), 2);
	ck_assert_uint_eq(w_stopped(&w, 0), 0);
}
END_TEST

/* Whoever was removed comes back as a new member: nothing more is to be said of the old. */
START_TEST(details_go_when_the_node_is_back)
{
	w_autos(&w, 3);
	w_kill(&w, 2);
	w_run(&w, 3000);
	command(0, CORE_CMD_FORCE_LEAVE, 2);
	w_run(&w, 3000);
	ck_assert_uint_eq(counters(0).graves, 0);
	w_start(&w, 2);
	w_run(&w, 12000);
	ck_assert_int_eq(w_status(2).apart, CORE_APART_REMOVED);
	command(2, CORE_CMD_JOIN, 0);
	w_run(&w, 4000);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(counters(i).graves, 1);
	same_digest();
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("core_graves");
	Suite *s = suite_create("core_graves");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, w_setup, w_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, who_left_is_a_bare_id);
	tcase_add_test(t, a_joiner_hears_of_them);
	tcase_add_loop_test(t, an_old_disk_brings_nobody_back, 0, 2);
	tcase_add_test(t, graves_of_two_sides_are_one_set);
	tcase_add_test(t, details_go_when_the_node_is_back);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
