/* The shared data on one node: writes, what readers see of them, the disk. */
#include <check.h>

#include "test/unit/data_world.h"

static struct dworld *w;

static void setup(void)
{
	w = xcalloc(1, sizeof *w);
	dw_init(w);
	dw_add(w, WIRE_CORE);
	dw_views(w);
}

static void teardown(void)
{
	dw_free(w);
	free(w);
}

static enum data_code code(uint32_t request)
{
	ck_assert(w->node[0].replied[request]);
	return w->node[0].reply[request].code;
}

START_TEST(what_is_put_is_read_and_what_is_deleted_is_gone)
{
	struct data_item item;

	dw_put(w, 0, 1, "a", "one", DATA_ACK_ONE);
	ck_assert_int_eq(code(1), DATA_OK);
	ck_assert_uint_eq(w->node[0].reply[1].acked, 1);
	ck_assert_str_eq(dw_get(w, 0, "a"), "one");
	ck_assert(data_get(w->node[0].data, dw_span("a"), &item));
	ck_assert_str_eq(item.version, w->node[0].reply[1].version);
	ck_assert(!item.conflict);
	dw_delete(w, 0, 2, "a", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(2), DATA_OK);
	ck_assert(!data_get(w->node[0].data, dw_span("a"), &item));
	dw_delete(w, 0, 3, "a", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(3), DATA_E_NOT_FOUND);
	ck_assert_uint_eq(dw_status(w, 0).entries, 0);
	ck_assert_uint_eq(dw_status(w, 0).tombstones, 1);
}
END_TEST

START_TEST(keys_and_values_have_their_limits)
{
	static char big[DATA_VALUE_MAX + 1];
	struct data_command cmd = {.op = DATA_PUT, .request = 1};

	cmd.key = (struct msg_span){big, 4};
	dw_command(w, 0, &cmd);
	ck_assert_int_eq(code(1), DATA_E_INVALID);
	memset(big, 'x', sizeof big);
	cmd.request = 2;
	cmd.key = (struct msg_span){big, DATA_KEY_MAX + 1};
	dw_command(w, 0, &cmd);
	ck_assert_int_eq(code(2), DATA_E_TOO_LARGE);
	cmd.request = 3;
	cmd.key = (struct msg_span){big, DATA_KEY_MAX};
	cmd.value = (struct msg_span){big, DATA_VALUE_MAX + 1};
	dw_command(w, 0, &cmd);
	ck_assert_int_eq(code(3), DATA_E_TOO_LARGE);
	cmd.request = 4;
	cmd.value.n--;
	dw_command(w, 0, &cmd);
	ck_assert_int_eq(code(4), DATA_OK);
	ck_assert_uint_eq(dw_status(w, 0).bytes, DATA_KEY_MAX + DATA_VALUE_MAX);
}
END_TEST

START_TEST(a_full_store_takes_what_makes_it_smaller)
{
	w->conf.max_bytes = 20;
	data_reload(w->node[0].data, &w->conf);
	dw_put(w, 0, 1, "a", "123456789", DATA_ACK_LOCAL);
	dw_put(w, 0, 2, "b", "123456789", DATA_ACK_LOCAL);
	dw_put(w, 0, 3, "c", "1", DATA_ACK_LOCAL);
	dw_put(w, 0, 4, "a", "1234567890", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(2), DATA_OK);
	ck_assert_int_eq(code(3), DATA_E_FULL);
	ck_assert_int_eq(code(4), DATA_E_FULL);
	dw_put(w, 0, 5, "a", "12345678", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(5), DATA_OK);
	dw_delete(w, 0, 6, "b", DATA_ACK_LOCAL);
	dw_put(w, 0, 7, "c", "1", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(7), DATA_OK);
}
END_TEST

static struct data_command put_if(uint32_t request, const char *value, struct msg_span version)
{
	return (struct data_command){.op = DATA_PUT,
		.request = request,
		.key = dw_span("a"),
		.value = dw_span(value),
		.if_version = version};
}

START_TEST(compare_and_set)
{
	struct data_command cmd = put_if(1, "x", dw_span("0123456789abcdef"));

	dw_command(w, 0, &cmd);
	ck_assert_int_eq(code(1), DATA_E_VERSION);
	cmd = put_if(2, "one", msg_str(""));
	dw_command(w, 0, &cmd);
	ck_assert_int_eq(code(2), DATA_OK);
	cmd = put_if(3, "again", msg_str(""));
	dw_command(w, 0, &cmd);
	ck_assert_int_eq(code(3), DATA_E_VERSION);
	ck_assert_str_eq(w->node[0].reply[3].version, w->node[0].reply[2].version);
	cmd = put_if(4, "two", msg_str(w->node[0].reply[3].version));
	dw_command(w, 0, &cmd);
	ck_assert_int_eq(code(4), DATA_OK);
	ck_assert_str_ne(w->node[0].reply[4].version, w->node[0].reply[2].version);
}
END_TEST

/* While a transaction is under way the next ones gather, and see each other. */
START_TEST(what_waits_for_the_disk_goes_in_one_transaction)
{
	struct data_command cmd;

	w->node[0].slow_disk = true;
	dw_put(w, 0, 1, "a", "one", DATA_ACK_LOCAL);
	for (uint32_t i = 2; i < 100; i++)
		dw_put(w, 0, i, "b", "x", DATA_ACK_LOCAL);
	cmd = put_if(100, "two", msg_str(""));
	dw_command(w, 0, &cmd);
	ck_assert_uint_eq(w->node[0].persists, 1);
	ck_assert(!w->node[0].replied[1]);
	ck_assert_str_eq(dw_get(w, 0, "a"), "-");
	dw_disk(w, 0);
	ck_assert_int_eq(code(1), DATA_OK);
	ck_assert_str_eq(dw_get(w, 0, "a"), "one");
	ck_assert_str_eq(dw_get(w, 0, "b"), "-");
	dw_disk(w, 0);
	ck_assert_uint_eq(w->node[0].persists, 2);
	ck_assert_int_eq(code(99), DATA_OK);
	ck_assert_int_eq(code(100), DATA_E_VERSION);
	ck_assert_str_eq(dw_get(w, 0, "b"), "x");
}
END_TEST

/* A disk that does not answer is told in time: what it has may be done, what it has not got is not. */
START_TEST(a_disk_that_hangs_is_told_in_time)
{
	w->node[0].slow_disk = true;
	dw_put(w, 0, 1, "a", "one", DATA_ACK_LOCAL);
	dw_put(w, 0, 2, "b", "two", DATA_ACK_LOCAL);
	dw_command(w, 0,
		&(struct data_command){.op = DATA_PUT,
			.request = 3,
			.timeout_ms = 60000,
			.key = dw_span("c"),
			.value = dw_span("three")});
	dw_run(w, 4900);
	ck_assert(!w->node[0].replied[1] && !w->node[0].replied[2]);
	dw_run(w, 200);
	ck_assert_int_eq(code(1), DATA_E_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(w->node[0].reply[1].text, "not yet durable here"));
	ck_assert_int_eq(code(2), DATA_E_STORE);
	ck_assert_ptr_nonnull(strstr(w->node[0].reply[2].text, "not written"));
	ck_assert(!w->node[0].replied[3]);
	while (w->node[0].waiting != 0)
		dw_disk(w, 0);
	ck_assert_int_eq(code(3), DATA_OK);
	ck_assert_str_eq(dw_get(w, 0, "a"), "one");
	ck_assert_str_eq(dw_get(w, 0, "b"), "-");
	ck_assert_uint_eq(dw_status(w, 0).queued_bytes, 0);
}
END_TEST

START_TEST(a_restart_finds_everything)
{
	struct data_status before, after;
	char key[16];

	for (uint32_t i = 1; i <= 300; i++) {
		snprintf(key, sizeof key, "k%u", i % 100);
		if (i % 7 == 0)
			dw_delete(w, 0, i, key, DATA_ACK_LOCAL);
		else
			dw_put(w, 0, i, key, key, DATA_ACK_LOCAL);
	}
	before = dw_status(w, 0);
	dw_kill(w, 0);
	dw_start(w, 0);
	after = dw_status(w, 0);
	ck_assert_uint_eq(before.entries, after.entries);
	ck_assert_uint_eq(before.tombstones, after.tombstones);
	ck_assert_uint_eq(before.bytes, after.bytes);
	ck_assert_uint_eq(before.index, after.index);
	ck_assert_uint_eq(before.epoch, after.epoch);
	ck_assert_uint_eq(before.vector_hash, after.vector_hash);
	ck_assert_uint_eq(before.data_hash, after.data_hash);
}
END_TEST

START_TEST(a_failing_disk_is_said_so_and_leaves_no_trace)
{
	struct data_status before;

	dw_put(w, 0, 1, "a", "one", DATA_ACK_LOCAL);
	before = dw_status(w, 0);
	w->node[0].disk_error = -ENOSPC;
	w->node[0].disk_lies = _i == 1;
	dw_put(w, 0, 2, "a", "two", DATA_ACK_LOCAL);
	dw_put(w, 0, 3, "b", "two", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(2), DATA_E_STORE);
	ck_assert_ptr_nonnull(strstr(w->node[0].reply[2].text, "No space left"));
	ck_assert_str_eq(dw_get(w, 0, "a"), "one");
	ck_assert_int_eq(dw_status(w, 0).store_error, ENOSPC);
	ck_assert_uint_eq(w->node[0].n_events[DATA_EV_STORE], 1);
	w->node[0].disk_error = 0;
	dw_run(w, 2000);
	ck_assert_int_eq(dw_status(w, 0).store_error, 0);
	ck_assert_uint_eq(w->node[0].n_events[DATA_EV_STORE_OK], 1);
	dw_kill(w, 0);
	dw_start(w, 0);
	ck_assert_str_eq(dw_get(w, 0, "a"), "one");
	ck_assert_str_eq(dw_get(w, 0, "b"), "-");
	ck_assert_uint_eq(dw_status(w, 0).vector_hash, before.vector_hash);
}
END_TEST

START_TEST(another_generation_begins_empty_and_the_old_one_goes_bit_by_bit)
{
	static const uint8_t generation[8] = {0, 0, 0, 0, 0, 0, 0, 9};
	char key[16];

	for (uint32_t i = 1; i <= 3000; i++) {
		snprintf(key, sizeof key, "k%u", i);
		dw_put(w, 0, i, key, key, DATA_ACK_LOCAL);
	}
	dw_write(&w->node[0], &(struct core_write){(const uint8_t *)"data", generation, 4, 8});
	dw_clock(w, 0);
	data_swapped(w->node[0].data, 9);
	w->node[0].slow_disk = true;
	dw_effects(w, 0);
	ck_assert_str_eq(dw_get(w, 0, "k1"), "-");
	ck_assert(dw_status(w, 0).empty);
	dw_put(w, 0, 4000, "new", "x", DATA_ACK_LOCAL);
	dw_disk(w, 0);
	dw_disk(w, 0);
	ck_assert_int_eq(code(4000), DATA_OK);
	/* killed while the rest of it is still there */
	dw_kill(w, 0);
	w->node[0].slow_disk = false;
	dw_start(w, 0);
	ck_assert_uint_eq(dw_status(w, 0).entries, 1);
	dw_view(w, 0);
	dw_run(w, 100);
	ck_assert_uint_lt(w->node[0].n_pairs, 6);
}
END_TEST

/* A transaction that is under way when another generation becomes the data belongs to the old one. */
START_TEST(a_write_on_its_way_does_not_reach_the_next_generation)
{
	w->node[0].slow_disk = true;
	dw_put(w, 0, 1, "a", "one", DATA_ACK_LOCAL);
	dw_put(w, 0, 2, "b", "two", DATA_ACK_LOCAL);
	dw_clock(w, 0);
	data_swapped(w->node[0].data, 9);
	dw_effects(w, 0);
	ck_assert_int_eq(code(2), DATA_E_BUSY);
	dw_disk(w, 0);
	ck_assert_int_eq(code(1), DATA_E_BUSY);
	ck_assert_str_eq(dw_get(w, 0, "a"), "-");
	while (w->node[0].waiting != 0)
		dw_disk(w, 0);
	ck_assert_uint_eq(w->node[0].n_pairs, 0);
}
END_TEST

START_TEST(prefixes_and_changes_are_walked_in_order)
{
	struct data_item item;
	struct msg_span after = {NULL, 0};
	uint64_t index = 0;
	char keys[64] = "", changes[64] = "";

	dw_put(w, 0, 1, "b/2", "1", DATA_ACK_LOCAL);
	dw_put(w, 0, 2, "a", "2", DATA_ACK_LOCAL);
	dw_put(w, 0, 3, "b/1", "3", DATA_ACK_LOCAL);
	dw_put(w, 0, 4, "b/3", "4", DATA_ACK_LOCAL);
	dw_put(w, 0, 5, "c", "5", DATA_ACK_LOCAL);
	dw_put(w, 0, 6, "b/2", "6", DATA_ACK_LOCAL);
	dw_delete(w, 0, 7, "b/3", DATA_ACK_LOCAL);
	while (data_next(w->node[0].data, dw_span("b/"), after, &item)) {
		snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "%.*s ",
			(int)item.key.n, item.key.p);
		after = item.key;
	}
	ck_assert_str_eq(keys, "b/1 b/2 ");
	while (data_changes(w->node[0].data, index, &item)) {
		snprintf(changes + strlen(changes), sizeof changes - strlen(changes), "%.*s%s ",
			(int)item.key.n, item.key.p, item.value.p == NULL ? "-" : "");
		ck_assert_uint_gt(item.index, index);
		index = item.index;
	}
	ck_assert_str_eq(changes, "a b/1 c b/2 b/3- ");
	ck_assert_uint_eq(index, dw_status(w, 0).index);
}
END_TEST

START_TEST(no_quorum_no_write_when_it_is_required)
{
	w->node[0].no_quorum = true;
	dw_view(w, 0);
	dw_put(w, 0, 1, "a", "1", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(1), DATA_OK);
	w->conf.require_quorum = true;
	data_reload(w->node[0].data, &w->conf);
	dw_put(w, 0, 2, "a", "1", DATA_ACK_LOCAL);
	ck_assert_int_eq(code(2), DATA_E_QUORUM);
}
END_TEST

START_TEST(a_queue_that_grows_too_long_is_refused)
{
	static char big[DATA_VALUE_MAX];
	uint32_t n = 0;

	w->node[0].slow_disk = true;
	memset(big, 'x', sizeof big);
	do {
		dw_command(w, 0,
			&(struct data_command){.op = DATA_PUT,
				.request = ++n,
				.key = dw_span("a"),
				.value = {big, sizeof big}});
	} while (!w->node[0].replied[n]);
	ck_assert_int_eq(code(n), DATA_E_BUSY);
	ck_assert_uint_le(dw_status(w, 0).queued_bytes, DATA_QUEUE_BYTES);
	ck_assert_uint_gt(n, 200);
	while (w->node[0].waiting != 0)
		dw_disk(w, 0);
	ck_assert_int_eq(code(n - 1), DATA_OK);
	ck_assert_uint_eq(dw_status(w, 0).queued_bytes, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("data");
	TCase *tc = tcase_create("one node");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_put_is_read_and_what_is_deleted_is_gone);
	tcase_add_test(tc, keys_and_values_have_their_limits);
	tcase_add_test(tc, a_full_store_takes_what_makes_it_smaller);
	tcase_add_test(tc, compare_and_set);
	tcase_add_test(tc, what_waits_for_the_disk_goes_in_one_transaction);
	tcase_add_test(tc, a_disk_that_hangs_is_told_in_time);
	tcase_add_test(tc, a_restart_finds_everything);
	tcase_add_loop_test(tc, a_failing_disk_is_said_so_and_leaves_no_trace, 0, 2);
	tcase_add_test(tc, another_generation_begins_empty_and_the_old_one_goes_bit_by_bit);
	tcase_add_test(tc, a_write_on_its_way_does_not_reach_the_next_generation);
	tcase_add_test(tc, prefixes_and_changes_are_walked_in_order);
	tcase_add_test(tc, no_quorum_no_write_when_it_is_required);
	tcase_add_test(tc, a_queue_that_grows_too_long_is_refused);
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
