/* Calls on the RPC port and their answers, as both ends see them. */
#include "test/unit/rpc_ends.h"

START_TEST(test_ping)
{
	call(1, "ping", _i == 1);
	PAIR_UNTIL(&p, got.n == 1);
	ck_assert_msg(got.ok, "%s", text);
	ck_assert_uint_eq(got.last, 1);
	ck_assert_uint_eq(got.reached, 1);
	if (_i == 1) /* brief: nothing is kept for it */
		PAIR_UNTIL(&p, rpc_server_sessions(server) == 0);
	ck_assert_uint_eq(rpc_pool_connections(pool), _i == 1 ? 0 : 1);
}
END_TEST

/* Calls with pauses between them: the connection of the first one serves them all. */
START_TEST(test_kept)
{
	enum { TURNS = 5 };

	for (uint32_t i = 1; i <= 3; i++) {
		call(i, "ping", false);
		PAIR_UNTIL(&p, got.n == i);
		ck_assert_msg(got.ok, "%s", text);
		for (int k = 0; k < TURNS; k++)
			ev_run(p.loop, EVRUN_NOWAIT);
		ck_assert_uint_eq(rpc_pool_connections(pool), 1);
	}
	ck_assert_uint_eq(got.reached, 1);
	ck_assert_uint_eq(rpc_server_sessions(server), 1);
}
END_TEST

/* Many calls on one connection, answered in another order than they were made, each with its own result. */
START_TEST(test_many_at_once)
{
	enum { N = 10 };

	for (uint32_t i = 1; i <= N; i++)
		call(i, "work", false);
	PAIR_UNTIL(&p, asked.n == N);
	ck_assert_uint_eq(asked.last.from.b[0], 1);
	ck_assert_uint_eq(got.n, 0);
	for (uint32_t i = N; i-- > 0;) {
		answer(asked.serve[i], i % 2 == 0);
		PAIR_UNTIL(&p, got.n == N - i);
		ck_assert_uint_eq(got.last, i + 1);
		ck_assert_int_eq(got.ok, i % 2 == 0);
		if (got.ok)
			ck_assert_mem_eq(got.result.p, "\x91\x07", 2);
		else
			ck_assert_ptr_nonnull(strstr(text, "refused: not now (busy)"));
	}
	ck_assert_uint_eq(rpc_server_sessions(server), 1);
	ck_assert_uint_eq(got.reached, 1);
	answer(asked.serve[0], true); /* answered already: nothing */
}
END_TEST

START_TEST(test_no_answer_in_time)
{
	static const uint8_t nothing[] = {0x90};

	rpc_pool_call(pool, &(struct rpc_call){.call = 1,
				    .peer = {{2}},
				    .host = "127.0.0.1",
				    .port = p.port,
				    .method = "work",
				    .params = {nothing, nothing + 1},
				    .timeout_ms = 200});
	PAIR_UNTIL(&p, got.n == 1);
	ck_assert(!got.ok);
	ck_assert_msg(strstr(text, "no answer in time") != NULL, "%s", text);
	if (asked.n == 1)
		answer(asked.serve[0], true); /* too late */
	call(2, "ping", false);
	PAIR_UNTIL(&p, got.n == 2);
	ck_assert(got.ok);
	ck_assert_uint_eq(got.last, 2);
}
END_TEST

/* An answer may cancel another call and make a new one, also when all of them fail at once. */
START_TEST(test_answers_that_call)
{
	for (uint32_t i = 1; i <= 3; i++)
		call(i, "work", false);
	PAIR_UNTIL(&p, asked.n == 3);
	got.cancel_next = 2;
	got.call_again = 9;
	if (_i == 0) {
		answer(asked.serve[0], true);
		answer(asked.serve[1], true);
		answer(asked.serve[2], true);
	} else {
		rpc_server_free(server);
		server = rpc_server_new(p.env_b, gate, self_b, &owner, NULL);
	}
	PAIR_UNTIL(&p, got.n == 3);
	ck_assert_uint_eq(got.last, 9);
	ck_assert(got.ok);
}
END_TEST

START_TEST(test_another_member_now)
{
	call(1, "work", false);
	PAIR_UNTIL(&p, asked.n == 1);
	rpc_pool_reset(pool);
	who_a.member_id.b[0] = 77;
	call(2, "work", false);
	PAIR_UNTIL(&p, asked.n == 2 && got.n == 1);
	ck_assert_uint_eq(got.last, 1);
	ck_assert(!got.ok);
	ck_assert_uint_eq(asked.last.from.b[0], 77);
	PAIR_UNTIL(&p, asked.lost == 1);
	ck_assert_uint_eq(rpc_pool_connections(pool), 1);
}
END_TEST

/* A megabyte each way. */
START_TEST(test_bulk)
{
	enum { BYTES = 1024 * 1024 };
	struct buf params = {0};
	uint8_t *at;

	asked.echo = true;
	buf_put(&params, "\x91\xc6\x00\x10\x00\x00", 6); /* an array of 1 binary */
	at = buf_reserve(&params, BYTES);
	for (size_t i = 0; i < BYTES; i++)
		at[i] = (uint8_t)(i * 7);
	params.n += BYTES;
	for (uint32_t i = 1; i <= 4; i++)
		rpc_pool_call(pool, &(struct rpc_call){.call = i,
					    .peer = {{2}},
					    .host = "127.0.0.1",
					    .port = p.port,
					    .method = "work",
					    .params = {params.p, params.p + params.n}});
	PAIR_UNTIL(&p, got.n == 4);
	ck_assert(got.ok);
	ck_assert_uint_eq(got.result.n, params.n);
	ck_assert_mem_eq(got.result.p, params.p, params.n);
	buf_free(&params);
}
END_TEST

static void no_listener(void)
{
	listener_free(p.listener);
	p.listener = NULL;
}

static void other_name(void)
{
	who_b.cluster_name = msg_str("other");
}

static void other_member(void)
{
	who_b.member_id.b[0] = 7;
}

static void newer(void)
{
	who_b.proto_lo = who_b.proto_hi = 3;
}

static const struct {
	void (*spoil)(void);
	const char *says;
} failures[] = {
	{no_listener, "refused"},
	{other_name, "cluster.name differs"},
	{other_member, "another node answers there (b@h)"},
	{newer, "no protocol version in common"},
};

START_TEST(test_fails)
{
	char prefix[64];

	failures[_i].spoil();
	call(1, "ping", false);
	PAIR_UNTIL(&p, got.n == 1);
	ck_assert(!got.ok);
	ck_assert_uint_eq(got.unreached, 1);
	ck_assert_uint_eq(rpc_pool_connections(pool), 0);
	snprintf(prefix, sizeof prefix, "RPC port %u of 127.0.0.1: ", p.port);
	ck_assert_msg(strncmp(text, prefix, strlen(prefix)) == 0, "%s", text);
	ck_assert_msg(strstr(text, failures[_i].says) != NULL, "%s", text);
}
END_TEST

/* Given up at any point, a pool leaves nothing behind. */
START_TEST(test_given_up)
{
	for (int turns = 0; turns < 12; turns++) {
		call(1, "ping", false);
		for (int i = 0; i < turns; i++)
			ev_run(p.loop, EVRUN_NOWAIT);
		rpc_pool_free(pool);
		pool = rpc_pool_new(p.env, self_a, &asker, NULL);
	}
	PAIR_UNTIL(&p, rpc_server_sessions(server) == 0);
}
END_TEST

START_TEST(test_cancelled)
{
	for (uint32_t turns = 0; turns < 12; turns++) {
		call(1 + turns, "ping", false);
		for (uint32_t i = 0; i < turns && got.n == 0; i++)
			ev_run(p.loop, EVRUN_NOWAIT);
		rpc_pool_cancel(pool, 1 + turns);
		got.n = 0;
	}
	call(100, "ping", false);
	PAIR_UNTIL(&p, got.last == 100);
	ck_assert_uint_eq(got.n, 1);
}
END_TEST

/* Its answer may never come there: the next call gets another connection. */
START_TEST(test_cancelled_unanswered)
{
	call(1, "work", false);
	PAIR_UNTIL(&p, asked.n == 1);
	rpc_pool_cancel(pool, 1);
	PAIR_UNTIL(&p, rpc_pool_connections(pool) == 0);
	call(2, "ping", false);
	PAIR_UNTIL(&p, got.n == 1);
	ck_assert_uint_eq(got.last, 2);
	ck_assert(got.ok);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rpc");
	TCase *tc = tcase_create("rpc");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_ping, 0, 2);
	tcase_add_test(tc, test_kept);
	tcase_add_test(tc, test_many_at_once);
	tcase_add_test(tc, test_no_answer_in_time);
	tcase_add_loop_test(tc, test_answers_that_call, 0, 2);
	tcase_add_test(tc, test_another_member_now);
	tcase_add_test(tc, test_bulk);
	tcase_add_test(tc, test_cancelled);
	tcase_add_test(tc, test_cancelled_unanswered);
	tcase_add_loop_test(tc, test_fails, 0, sizeof failures / sizeof failures[0]);
	tcase_add_test(tc, test_given_up);
	tcase_set_timeout(tc, 20);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
