#include "test/unit/control_peer.h"

enum { CLIENTS = CONTROL_CLIENTS_MAX + 4 };

/* --- hostile input: closed, and the next one is served --- */

static const struct hostile {
	const char *title, *bytes;
	size_t n;
} hostile[] = {
#define BYTES(s) s, sizeof s - 1
	{"garbage", BYTES("\0\0\0\4\xc1\xc1\xc1\xc1")},
	{"an empty frame", BYTES("\0\0\0\0")},
	{"more than 1 MiB announced", BYTES("\0\x10\0\1")},
	{"4 GiB announced", BYTES("\xff\xff\xff\xff")},
	{"a count without items", BYTES("\0\0\0\5\xdd\xff\xff\xff\xff")},
	{"a number", BYTES("\0\0\0\1\x2a")},
	{"a response", BYTES("\0\0\0\5\x94\1\1\xc0\x90")},
	{"a notification", BYTES("\0\0\0\7\x93\2\xa3"
				 "abc\x90")},
	{"something behind the request", BYTES("\0\0\0\5\x94\0\1\xa0\x90")},
};

START_TEST(test_hostile)
{
	struct ctl_version v;
	struct peer bad, good;

	peer_open(&bad);
	peer_send(&bad, hostile[_i].bytes, hostile[_i].n);
	ck_assert_msg(peer_next(&bad) == -1, "%s", hostile[_i].title);
	peer_close(&bad);
	ck_assert_uint_eq(control->n_clients, 0);
	peer_open(&good);
	peer_call(&good, CTL_VERSION, NULL, &v);
	peer_close(&good);
}
END_TEST

START_TEST(test_wrong_requests_are_answered)
{
	struct ctl_tag long_tag = {{path, 1}, {path, 1}};
	struct buf b = {0};
	struct peer p;

	peer_open(&p);
	msg_put_request(&b, 1, "no_such_method", ctl_rows[CTL_STATUS].params, NULL);
	peer_send(&p, b.p, b.n);
	assert_error(&p, "unknown_method");
	b.n = 0;
	msg_put_request(&b, 1, "join", ctl_rows[CTL_LEAVE].params, &(struct ctl_leave){true});
	peer_send(&p, b.p, b.n);
	assert_error(&p, "bad_params");
	buf_free(&b);
	long_tag.key = (struct msg_span){"k\0y", 3};
	peer_ask(&p, CTL_TAG_SET, &long_tag);
	assert_error(&p, "bad_params");
	ck_assert_uint_eq(shell.n_commands, 0);
	peer_close(&p);
}
END_TEST

START_TEST(test_starting)
{
	struct ctl_status s;
	struct ctl_cluster_status cs;
	struct peer p;

	shell.starting = true;
	peer_open(&p);
	peer_ask(&p, CTL_MEMBERS, &(struct ctl_after){{"", 0}, {{0}}});
	assert_error(&p, "starting");
	peer_ask(&p, CTL_LEAVE, &(struct ctl_leave){false});
	assert_error(&p, "starting");
	peer_call(&p, CTL_STATUS, NULL, &s);
	ck_assert(s.starting);
	peer_call(&p, CTL_CLUSTER_STATUS, &(struct ctl_after){{"", 0}, {{0}}}, &cs);
	ck_assert_uint_eq(cs.nodes.n, 0);
	assert_span(((struct ctl_warning *)cs.warnings.item)->code, "starting");
	peer_close(&p);
}
END_TEST

/* --- time --- */

START_TEST(test_half_a_request)
{
	struct peer p;

	peer_open(&p);
	peer_send(&p, "\0\0\0\x20\x94", 5);
	pass_ms(CONTROL_FRAME_MS - 1000);
	ck_assert_int_eq(peer_next(&p), 0);
	peer_send(&p, "\0", 1); /* a byte now and then is no excuse */
	pass_ms(2000);
	ck_assert_int_eq(peer_next(&p), -1);
	peer_close(&p);
}
END_TEST

START_TEST(test_silence)
{
	struct ctl_version v;
	struct peer mute, idle;

	peer_open(&mute);
	peer_open(&idle);
	peer_call(&idle, CTL_VERSION, NULL, &v);
	pass_ms(CONTROL_FIRST_MS + 1000);
	ck_assert_int_eq(peer_next(&mute), -1);
	ck_assert_int_eq(peer_next(&idle), 0);
	pass_ms(CONTROL_IDLE_MS);
	ck_assert_int_eq(peer_next(&idle), -1);
	peer_close(&mute);
	peer_close(&idle);
	ck_assert(!ev_is_active(&control->timer));
}
END_TEST

START_TEST(test_a_request_and_end_of_stream)
{
	struct ctl_version v;
	struct peer p;

	peer_open(&p);
	shutdown(p.fd, SHUT_RD);
	peer_close(&p);
	ck_assert_uint_eq(control->n_clients, 0);
	peer_open(&p);
	shell.answers = false;
	peer_ask(&p, CTL_HEAL, NULL);
	shutdown(p.fd, SHUT_WR);
	turn();
	ck_assert_uint_eq(control->n_clients, 1); /* the answer is still to come */
	fake_reply(&shell, &(struct core_reply){.request = shell.n_commands});
	turn();
	peer_result(&p, CTL_HEAL, &(struct ctl_result){.ok = false});
	ck_assert_int_eq(peer_next(&p), -1);
	peer_close(&p);
	peer_open(&p);
	peer_call(&p, CTL_VERSION, NULL, &v);
	peer_close(&p);
}
END_TEST

/* --- bounds --- */

START_TEST(test_clients_are_bounded)
{
	struct peer p[CLIENTS];
	struct ctl_error e;

	for (int i = 0; i < CLIENTS; i++)
		peer_open(&p[i]);
	ck_assert_uint_eq(control->n_clients, CONTROL_CLIENTS_MAX);
	ck_assert_uint_eq(control->refused, CLIENTS - CONTROL_CLIENTS_MAX);
	ck_assert_int_eq(peer_next(&p[CLIENTS - 1]), 1);
	ck_assert_int_eq(ctl_notice_find(p[CLIENTS - 1].env.method), CTL_BYE);
	ck_assert_int_eq(msg_decode(&ctl_error_desc, p[CLIENTS - 1].env.body, NULL, &e, NULL),
		0);
	assert_span(e.code, "too_many");
	ck_assert_int_eq(peer_next(&p[CLIENTS - 1]), -1);
	for (int i = 0; i < CLIENTS; i++)
		peer_close(&p[i]);
	ck_assert_uint_eq(control->n_clients, 0);
}
END_TEST

/* Whoever asks and does not read fills its own pipe: its requests wait, and it goes after a while. */
START_TEST(test_answers_are_bounded)
{
	struct buf b = {0};
	struct peer p;
	struct control_client *cl;
	size_t sent = 0;

	for (int i = 0; i < 100; i++)
		msg_put_request(&b, 1, "status", ctl_rows[CTL_STATUS].params, NULL);
	peer_open(&p);
	cl = control->clients;
	for (ssize_t n = 1; n > 0; sent += n > 0 ? (size_t)n : 0) {
		n = send(p.fd, b.p, b.n, MSG_NOSIGNAL);
		turn();
		ck_assert_uint_lt(control_queued(cl), CONTROL_OUT_HIGH + 64 * 1024);
		ck_assert_uint_lt(sent, 64U * 1024 * 1024);
	}
	ck_assert_uint_ge(control_queued(cl), CONTROL_OUT_HIGH);
	pass_ms(CONTROL_STALL_MS + 1000);
	ck_assert_uint_eq(control->n_clients, 0);
	peer_close(&p);
	buf_free(&b);
}
END_TEST

START_TEST(test_pending_is_bounded)
{
	struct peer p;

	peer_open(&p);
	for (int i = 0; i < 2 * CONTROL_PENDING_MAX; i++)
		peer_ask(&p, CTL_HEAL, NULL);
	ck_assert_uint_eq(shell.n_commands, CONTROL_PENDING_MAX);
	for (uint32_t i = 1; i <= 2 * CONTROL_PENDING_MAX; i++) {
		fake_reply(&shell, &(struct core_reply){.request = i});
		turn();
	}
	ck_assert_uint_eq(shell.n_commands, 2 * CONTROL_PENDING_MAX);
	ck_assert_ptr_null(LIST_FIRST(&control->pending));
	peer_close(&p);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_loop_test(t, test_hostile, 0, N_ROWS(hostile));
	tcase_add_test(t, test_wrong_requests_are_answered);
	tcase_add_test(t, test_starting);
	tcase_add_test(t, test_half_a_request);
	tcase_add_test(t, test_silence);
	tcase_add_test(t, test_a_request_and_end_of_stream);
	tcase_add_test(t, test_clients_are_bounded);
	tcase_add_test(t, test_answers_are_bounded);
	tcase_add_test(t, test_pending_is_bounded);
}

int main(void)
{
	return run_suite("control", add);
}
