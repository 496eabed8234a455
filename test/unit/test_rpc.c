#include "test/unit/net_pair.h"

#include "membership/net/rpc.h"

/* The RPC port, both ends: calls and their answers, and everything that a stranger or a broken peer may say. */

static struct pair p;
static struct gate *gate;
static struct rpc_server *server;
static struct wire_rpc_hello who_a, who_b;
static struct rpc_pool *pool;
static char text[1024];

/* What the pool said. */
static struct {
	uint32_t n, last, reached, unreached;
	bool ok;
	struct buf result;
	uint32_t call_again;  /* made from inside the answer */
	uint32_t cancel_next; /* cancelled from inside the answer */
} got;

/* What the server's owner was asked. */
enum { ASKED_MAX = 128 };
static struct {
	uint32_t n, lost;
	struct rpc_request last;
	uint32_t serve[ASKED_MAX];
	size_t bytes;
	bool echo; /* answered at once with its params */
} asked;

static bool known(void *ctx, const struct net_ip *ip)
{
	(void)ctx;
	(void)ip;
	return false;
}

static void self_a(void *ctx, struct wire_rpc_hello *out)
{
	(void)ctx;
	*out = who_a;
}

static void self_b(void *ctx, struct wire_rpc_hello *out)
{
	(void)ctx;
	*out = who_b;
}

static void call(uint32_t number, const char *method, bool brief)
{
	static const uint8_t nothing[] = {0x90};

	rpc_pool_call(pool, &(struct rpc_call){.call = number,
				    .peer = {{2}},
				    .host = "127.0.0.1",
				    .port = p.port,
				    .method = method,
				    .params = {nothing, nothing + 1},
				    .brief = brief});
}

static void on_answered(void *ctx, uint32_t number, struct msg_reader result, const char *error)
{
	(void)ctx;
	got.n++;
	got.last = number;
	got.ok = error == NULL;
	snprintf(text, sizeof text, "%s", error == NULL ? "" : error);
	got.result.n = 0;
	if (error == NULL)
		buf_put(&got.result, result.p, (size_t)(result.end - result.p));
	if (got.cancel_next != 0)
		rpc_pool_cancel(pool, got.cancel_next);
	if (got.call_again != 0)
		call(got.call_again, "ping", false);
	got.call_again = got.cancel_next = 0;
}

static void on_reached(void *ctx, const struct id128 *peer, bool reached, const char *why)
{
	(void)ctx;
	(void)peer;
	(void)why;
	got.reached += reached;
	got.unreached += !reached;
}

static void answer(uint32_t serve, bool ok)
{
	struct buf body = {0};

	if (ok)
		buf_put(&body, "\x91\x07", 2);
	else
		msg_encode(&body, &wire_rpc_error_desc,
			&(struct wire_rpc_error){WIRE_BYE_BUSY, msg_str("not now")});
	rpc_server_answer(server, serve, ok, (struct msg_reader){body.p, body.p + body.n});
	buf_free(&body);
}

static bool on_request(void *ctx, const struct rpc_request *r)
{
	(void)ctx;
	if (!msg_span_eq(r->method, "work"))
		return false;
	if (asked.n < ASKED_MAX)
		asked.serve[asked.n] = r->serve;
	asked.n++;
	asked.last = *r;
	asked.bytes += (size_t)(r->params.end - r->params.p);
	if (asked.echo)
		rpc_server_answer(server, r->serve, true, r->params);
	return true;
}

static void on_request_lost(void *ctx, uint32_t serve)
{
	(void)ctx;
	(void)serve;
	asked.lost++;
}

static void on_accept(struct pair *pair, int fd, const union net_addr *peer)
{
	(void)pair;
	rpc_server_accept(server, fd, peer);
}

static const struct rpc_server_handlers owner = {on_request, on_request_lost};
static const struct rpc_pool_handlers asker = {on_answered, on_reached};

static void setup(void)
{
	pair_init(&p);
	p.on_accept = on_accept;
	gate = gate_new(p.loop, known, NULL);
	server = rpc_server_new(p.env_b, gate, self_b, &owner, NULL);
	pool = rpc_pool_new(p.env, self_a, &asker, NULL);
	who_a = (struct wire_rpc_hello){1, 1, msg_str("emqxcl"), msg_str("a@h"), {{1}}, 11};
	who_b = (struct wire_rpc_hello){1, 1, msg_str("emqxcl"), msg_str("b@h"), {{2}}, 22};
	memset(&got, 0, sizeof got);
	memset(&asked, 0, sizeof asked);
}

static void teardown(void)
{
	buf_free(&got.result);
	rpc_pool_free(pool);
	rpc_server_free(server);
	gate_free(gate);
	pair_fini(&p);
}

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

/* --- raw requests over an authenticated stream --- */

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
	tcase_add_test(tc, test_many_open);
	tcase_add_test(tc, test_lost_before_its_answer);
	tcase_add_loop_test(tc, test_fails, 0, sizeof failures / sizeof failures[0]);
	tcase_add_test(tc, test_given_up);
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
