/* When deletions and origins of the shared data are forgotten, and who is away meanwhile. */
#include "test/unit/data_nodes.h"

static void churn(int i, uint32_t request)
{
	char key[16];

	for (uint32_t k = 0; k < 100; k++) {
		snprintf(key, sizeof key, "c%u", k);
		dw_put(w, i, request + k, key, "x", DATA_ACK_LOCAL);
	}
	dw_run(w, 50);
	for (uint32_t k = 0; k < 100; k++) {
		snprintf(key, sizeof key, "c%u", k);
		dw_delete(w, i, request + 100 + k, key, DATA_ACK_LOCAL);
	}
	dw_run(w, 50);
}

START_TEST(deletions_are_forgotten_when_everybody_has_them)
{
	nodes(3);
	churn(1, 1);
	ck_assert_uint_eq(dw_status(w, 2).tombstones, 100);
	dw_run(w, 130000);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(dw_status(w, i).tombstones, 0);
	all_equal();
	ck_assert(dw_status(w, 0).empty);
	/* over a restart too */
	dw_kill(w, 1);
	dw_start(w, 1);
	dw_views(w);
	dw_put(w, 1, 1000, "c1", "new", DATA_ACK_ONE);
	dw_run(w, 2000);
	all_equal();
	ck_assert_str_eq(dw_get(w, 2, "c1"), "new");
}
END_TEST

/* What n lives of members that are gone have left in everybody's vector. */
static void old_origins(uint32_t n)
{
	uint8_t key[34] = {1, [9] = 'v'}, value[8] = {[7] = 1};

	for (int i = 0; i < w->n; i++) {
		dw_kill(w, i);
		for (uint32_t k = 0; k < n; k++) {
			memcpy(key + 20, &k, sizeof k);
			key[33] = 1;
			dw_write(&w->node[i], &(struct core_write){key, value, sizeof key, 8});
		}
		dw_start(w, i);
	}
	dw_views(w);
	dw_run(w, 3000);
}

/* More than one value has room for: what is to be forgotten is, all the same. */
START_TEST(deletions_are_forgotten_after_many_lives)
{
	struct data_status before;

	nodes(3);
	old_origins(5000);
	churn(1, 1);
	before = dw_status(w, 2);
	ck_assert_uint_eq(before.tombstones, 100);
	ck_assert_uint_ge(before.origins, 5001);
	dw_run(w, 130000);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(dw_status(w, i).tombstones, 0);
	all_equal();
	before = dw_status(w, 2);
	dw_run(w, 600000);
	ck_assert_uint_eq(dw_status(w, 2).index, before.index); /* and then it is quiet */
}
END_TEST

/* The last place is taken by who writes first; he goes on, others are told so. */
START_TEST(more_lives_than_there_is_room_for)
{
	nodes(3);
	old_origins(DATA_ORIGINS_MAX - 1);
	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE);
	dw_run(w, 3000);
	ck_assert_int_eq(code(0, 1), DATA_OK);
	dw_put(w, 1, 1, "b", "two", DATA_ACK_ONE);
	dw_put(w, 0, 2, "c", "three", DATA_ACK_ONE);
	dw_run(w, 3000);
	ck_assert_int_eq(code(1, 1), DATA_E_FULL);
	ck_assert_int_eq(code(0, 2), DATA_OK);
	ck_assert_str_eq(dw_get(w, 2, "c"), "three");
	all_equal();
}
END_TEST

START_TEST(who_is_off_holds_collection_back_for_a_while)
{
	struct data_item item;

	w->conf.tombstone_ttl_ms = 600000;
	nodes(3);
	dw_put(w, 0, 900, "c1", "old", DATA_ACK_ONE);
	dw_run(w, 70000);
	churn(0, 1);
	dw_run(w, 1000);
	dw_kill(w, 2);
	dw_views(w);
	dw_put(w, 1, 901, "d", "x", DATA_ACK_ONE);
	dw_run(w, 10);
	dw_delete(w, 1, 902, "d", DATA_ACK_ONE);
	dw_run(w, 300000);
	/* what the stopped one had when it was last asked may go */
	ck_assert_uint_gt(dw_status(w, 1).tombstones, 0);
	dw_run(w, 500000);
	ck_assert_uint_eq(dw_status(w, 1).tombstones, 0);
	/* A3: it comes back with what it thinks is there, and with a write of its own */
	dw_start(w, 2);
	for (int i = 0; i < 2; i++)
		cut(2, i, true);
	dw_put(w, 2, 903, "own", "kept", DATA_ACK_LOCAL);
	for (int i = 0; i < 2; i++)
		cut(2, i, false);
	dw_run(w, 5000);
	all_equal();
	ck_assert_str_eq(dw_get(w, 0, "own"), "kept");
	ck_assert(!data_get(w->node[2].data, dw_span("c1"), &item));
	ck_assert(!data_get(w->node[2].data, dw_span("d"), &item));
}
END_TEST

/* A stale node holds a key alive whose deletion is forgotten: it must not come back, whoever asks first. */
START_TEST(a_forgotten_deletion_stays_deleted)
{
	w->conf.tombstone_ttl_ms = 60000;
	nodes(3);
	dw_put(w, 0, 1, "gone", "x", DATA_ACK_ONE);
	dw_put(w, 0, 2, "stays", "x", DATA_ACK_ONE);
	dw_run(w, 1000);
	dw_kill(w, 2);
	dw_views(w);
	dw_delete(w, 0, 3, "gone", DATA_ACK_ONE);
	dw_run(w, 400000);
	ck_assert_uint_eq(dw_status(w, 0).tombstones, 0);
	dw_start(w, 2);
	ck_assert_str_eq(dw_get(w, 2, "gone"), "x");
	if (_i ==
		1) { /* A3: everything was off meanwhile; and it had made another change of the same key elsewhere */
		dw_kill(w, 0);
		dw_kill(w, 1);
		w->now_us += 8 * 86400000000ULL;
		dw_start(w, 0);
		dw_start(w, 1);
	}
	dw_views(w);
	dw_run(w, 5000);
	all_equal();
	ck_assert_str_eq(dw_get(w, 0, "gone"), "-");
	ck_assert_str_eq(dw_get(w, 2, "gone"), "-");
	ck_assert_str_eq(dw_get(w, 2, "stays"), "x");
	ck_assert_uint_ge(w->node[2].n_events[DATA_EV_STALE], 1);
}
END_TEST

START_TEST(everything_off_for_days_copies_nothing)
{
	nodes(3);
	churn(0, 1);
	dw_put(w, 0, 900, "k", "v", DATA_ACK_ONE);
	dw_run(w, 130000);
	for (int i = 0; i < 3; i++)
		dw_kill(w, i);
	w->now_us += 8 * 86400000000ULL;
	for (int i = 0; i < 3; i++)
		dw_start(w, i);
	dw_views(w);
	dw_run(w, 5000);
	all_equal();
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(w->node[i].n_events[DATA_EV_STALE], 0);
		ck_assert_str_eq(dw_get(w, i, "k"), "v");
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("data_collect");
	TCase *tc = tcase_create("several nodes");

	tcase_set_timeout(tc, 600);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, deletions_are_forgotten_when_everybody_has_them);
	tcase_add_test(tc, deletions_are_forgotten_after_many_lives);
	tcase_add_test(tc, more_lives_than_there_is_room_for);
	tcase_add_test(tc, who_is_off_holds_collection_back_for_a_while);
	tcase_add_loop_test(tc, a_forgotten_deletion_stays_deleted, 0, 2);
	tcase_add_test(tc, everything_off_for_days_copies_nothing);
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
