/* The RPC port: what a stranger or a broken peer may say to it, and in what amount. */
#include "test/unit/rpc_ends.h"

/* Raw requests over an authenticated stream. */

static struct buf answers;

static void on_answer(void *ctx, const uint8_t *body, size_t n)
{
	struct end *e = ctx;

	e->frames++;
	answers.n = 0;
	buf_put(&answers, body, n);
}

static const struct stream_handlers raw = {end_stage, on_answer, end_pull, end_lost};

static void raw_open(void)
{
	struct stream_target t = {"127.0.0.1", p.port, 2000, FRAME_MAX_RPC};

	p.a.stream = stream_dial(p.env, &t, &raw, &p.a);
	PAIR_UNTIL(&p, p.a.open);
}

static void raw_hello(void)
{
	raw_open();
	msg_put_request(&p.a.out, 1, "hello", wire_rpc_rows[WIRE_RPC_HELLO].params, &who_a);
	stream_wake(p.a.stream);
	PAIR_UNTIL(&p, p.a.frames == 1);
}

static void check_error(uint32_t id, const char *says)
{
	struct wire_rpc_error e;
	struct msg_arena arena;
	struct msg_env env;

	msg_arena_init(&arena, 4096);
	ck_assert_int_eq(msg_env_parse(answers.p, answers.n, &env), 0);
	ck_assert(env.is_error);
	ck_assert_uint_eq(env.id, id);
	ck_assert_int_eq(msg_decode(&wire_rpc_error_desc, env.body, &arena, &e, NULL), 0);
	ck_assert_msg(msg_span_eq(e.text, says), "%.*s", (int)e.text.n, e.text.p);
	msg_arena_free(&arena);
}

START_TEST(test_unknown)
{
	raw_hello();
	msg_put_request(&p.a.out, 7, "format_disk", NULL, NULL);
	stream_wake(p.a.stream);
	PAIR_UNTIL(&p, p.a.frames == 2);
	check_error(7, "unknown method");
	msg_put_request(&p.a.out, 9, "ping", NULL, NULL);
	stream_wake(p.a.stream);
	PAIR_UNTIL(&p, p.a.frames == 3);
}
END_TEST

static const struct {
	const char *title, *method;
	bool after_hello;
} bad[] = {
	{"work before hello", "work", false},
	{"ping before hello", "ping", false},
	{"something unknown before hello", "x", false},
	{"a hello without its fields", "hello", true},
};

START_TEST(test_bad)
{
	struct gate_stats st;

	if (bad[_i].after_hello)
		raw_hello();
	else
		raw_open();
	msg_put_request(&p.a.out, 3, bad[_i].method, NULL, NULL);
	stream_wake(p.a.stream);
	PAIR_UNTIL(&p, p.a.lost);
	gate_stats(gate, &st);
	ck_assert_uint_eq(st.failed, bad[_i].after_hello ? 0 : 1);
	ck_assert_uint_eq(rpc_server_sessions(server), 0);
}
END_TEST

START_TEST(test_noise)
{
	raw_hello();
	end_say(&p.a, 100);
	PAIR_UNTIL(&p, p.a.lost);
	ck_assert_uint_eq(rpc_server_sessions(server), 0);
}
END_TEST

/* Asking without listening: the server stops reading, and goes on when the answers are taken. */
START_TEST(test_deaf_asker)
{
	enum { PINGS = 60000 };

	raw_hello();
	stream_hold(p.a.stream, true);
	for (uint32_t i = 0; i < PINGS; i++)
		msg_put_request(&p.a.out, 2 + i, "ping", NULL, NULL);
	stream_wake(p.a.stream);
	for (int i = 0; i < 300; i++)
		ev_run(p.loop, EVRUN_NOWAIT);
	ck_assert_uint_eq(p.a.frames, 1);
	stream_hold(p.a.stream, false);
	PAIR_UNTIL(&p, p.a.frames == 1 + PINGS);
}
END_TEST

/* Only so many wait for their answer at a time: the rest is not even read, and what was read already is bounded too. */
START_TEST(test_many_open)
{
	enum { REQUESTS = 20000 };

	raw_hello();
	for (uint32_t i = 0; i < REQUESTS; i++)
		msg_put_request(&p.a.out, 2 + i, "work", NULL, NULL);
	stream_wake(p.a.stream);
	for (int i = 0; i < 300; i++)
		ev_run(p.loop, EVRUN_NOWAIT);
	ck_assert_uint_ge(asked.n, RPC_OPEN_MAX);
	ck_assert_uint_le(asked.n, RPC_OPEN_REFUSE);
	ck_assert_uint_lt(p.a.frames, REQUESTS / 2);
	asked.echo = true;
	for (uint32_t i = 0, n = asked.n; i < n; i++)
		answer(asked.serve[i], true);
	PAIR_UNTIL(&p, p.a.frames == 1 + REQUESTS);
}
END_TEST

START_TEST(test_lost_before_its_answer)
{
	raw_hello();
	for (uint32_t i = 0; i < 3; i++)
		msg_put_request(&p.a.out, 2 + i, "work", NULL, NULL);
	stream_wake(p.a.stream);
	PAIR_UNTIL(&p, asked.n == 3);
	answer(asked.serve[1], true);
	stream_free(p.a.stream);
	p.a.stream = NULL;
	PAIR_UNTIL(&p, asked.lost == 2);
	answer(asked.serve[0], true);
	ck_assert_uint_eq(rpc_server_sessions(server), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rpc_hostile");
	TCase *tc = tcase_create("rpc_hostile");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_many_open);
	tcase_add_test(tc, test_lost_before_its_answer);
	tcase_add_test(tc, test_unknown);
	tcase_add_loop_test(tc, test_bad, 0, sizeof bad / sizeof bad[0]);
	tcase_add_test(tc, test_noise);
	tcase_add_test(tc, test_deaf_asker);
	tcase_set_timeout(tc, 20);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
