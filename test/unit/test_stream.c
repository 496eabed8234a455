#include "test/unit/net_pair.h"

#include <sys/resource.h>

static struct pair p;

static void setup(void)
{
	pair_init(&p);
}

static void teardown(void)
{
	pair_fini(&p);
}

static void open_both(void)
{
	pair_dial(&p, "127.0.0.1", 20000);
	PAIR_UNTIL(&p, p.a.open && p.b.open);
	stream_frame_max(p.b.stream, FRAME_MAX_LINK);
}

/* Bytes on a bare socket to the listener. */
static int raw_dial(void)
{
	union net_addr a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(net_addr_parse("127.0.0.1", p.port, &a), 0);
	ck_assert_int_eq(connect(fd, &a.sa, sizeof a.v4), 0);
	return fd;
}

START_TEST(test_both_ways)
{
	open_both();
	ck_assert_uint_eq(p.a.stages,
		1U << CORE_STAGE_CONNECT | 1U << CORE_STAGE_TLS | 1U << CORE_STAGE_HELLO);
	for (size_t n = 1; n <= 40000; n = 2 * n + 1) {
		end_say(&p.a, n);
		end_say(&p.b, n);
	}
	end_say(&p.a, FRAME_MAX_LINK);
	end_say(&p.b, FRAME_MAX_LINK);
	PAIR_UNTIL(&p, p.a.biggest == FRAME_MAX_LINK && p.b.biggest == FRAME_MAX_LINK);
	ck_assert_uint_eq(p.a.frames, p.b.frames);
	ck_assert_uint_eq(p.a.bytes, p.b.bytes);
}
END_TEST

/* What is said before the stream is up waits for it. */
START_TEST(test_early_words)
{
	pair_dial(&p, "127.0.0.1", 20000);
	end_say(&p.a, 100);
	PAIR_UNTIL(&p, p.b.frames == 1);
}
END_TEST

START_TEST(test_peer_dies)
{
	open_both();
	end_say(&p.b, 50);
	stream_free(p.b.stream);
	p.b.stream = NULL;
	PAIR_UNTIL(&p, p.a.lost);
	ck_assert_int_eq(p.a.loss, CORE_LOSS_EOF);
}
END_TEST

/* The last words of a closing end arrive, and so does what the other says meanwhile. */
START_TEST(test_linger)
{
	open_both();
	for (int i = 0; i < 50; i++)
		end_say(&p.a, 20000);
	stream_linger(p.a.stream);
	PAIR_UNTIL(&p, p.b.frames > 0);
	end_say(&p.b, 77);
	PAIR_UNTIL(&p, p.b.lost);
	ck_assert_uint_eq(p.b.frames, 50);
	ck_assert_int_eq(p.b.loss, CORE_LOSS_EOF);
	stream_free(p.b.stream);
	p.b.stream = NULL;
	PAIR_UNTIL(&p, p.a.lost);
	ck_assert_uint_eq(p.a.frames, 1);
}
END_TEST

START_TEST(test_freed_in_callbacks)
{
	open_both();
	p.b.free_on_frame = true;
	for (int i = 0; i < 10; i++)
		end_say(&p.a, 10);
	PAIR_UNTIL(&p, p.a.lost);
	ck_assert_uint_eq(p.b.frames, 1);
	ck_assert(!p.b.lost);
}
END_TEST

START_TEST(test_freed_when_opened)
{
	p.a.free_on_open = true;
	pair_dial(&p, "127.0.0.1", 20000);
	PAIR_UNTIL(&p, p.b.lost);
	ck_assert(!p.a.lost);
}
END_TEST

START_TEST(test_wrong_cookie)
{
	p.env->tls = pair_key(2);
	pair_dial(&p, "127.0.0.1", 20000);
	PAIR_UNTIL(&p, p.a.lost && p.b.lost);
	ck_assert_int_eq(p.a.loss, CORE_LOSS_AUTH);
	ck_assert_msg(strstr(p.a.text, "cookie") != NULL, "%s", p.a.text);
	ck_assert_int_eq(p.b.loss, CORE_LOSS_AUTH);
	ck_assert_msg(strstr(p.b.text, "cookie") != NULL, "%s", p.b.text);
	stream_free(p.a.stream);
	p.a.stream = NULL;
	tls_ctx_free(p.env->tls);
}
END_TEST

START_TEST(test_myself)
{
	p.env->tls = p.tls_b;
	pair_dial(&p, "127.0.0.1", 20000);
	PAIR_UNTIL(&p, p.a.lost);
	ck_assert_int_eq(p.a.loss, CORE_LOSS_SELF);
}
END_TEST

static const struct {
	const char *title, *bytes, *says;
} strangers[] = {
	{"a web browser", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "TLS"},
	{"noise", "\x01\x02\x03\x04\x05\x06\x07\x08\x09", "TLS"},
	{"an old node without TLS", "\x00\x00\x00\x10 hello", "TLS"},
};

START_TEST(test_stranger)
{
	int fd = raw_dial();

	ck_assert_int_gt(send(fd, strangers[_i].bytes, strlen(strangers[_i].bytes + 1) + 1, 0),
		0);
	PAIR_UNTIL(&p, p.b.lost);
	ck_assert_msg(strstr(p.b.text, strangers[_i].says) != NULL, "%s: %s",
		strangers[_i].title, p.b.text);
	close(fd);
}
END_TEST

/* A frame over what a stranger may send ends the stream before it is read. */
START_TEST(test_too_big)
{
	pair_dial(&p, "127.0.0.1", 20000);
	PAIR_UNTIL(&p, p.a.open && p.b.open);
	end_say(&p.a, FRAME_MAX_HELLO + 1);
	PAIR_UNTIL(&p, p.b.lost);
	ck_assert_msg(strstr(p.b.text, "over the limit of 4096") != NULL, "%s", p.b.text);
	ck_assert_uint_eq(p.b.frames, 0);
}
END_TEST

START_TEST(test_refused)
{
	listener_free(p.listener);
	p.listener = NULL;
	pair_dial(&p, "127.0.0.1", 20000);
	PAIR_UNTIL(&p, p.a.lost);
	ck_assert_int_eq(p.a.loss, CORE_LOSS_REFUSED);
	ck_assert_msg(strstr(p.a.text, "127.0.0.1:") != NULL, "%s", p.a.text);
	ck_assert_msg(strstr(p.a.text, "refused") != NULL, "%s", p.a.text);
}
END_TEST

/* Accepted by the kernel, never by a process: only the time ends it. */
START_TEST(test_silent)
{
	listener_free(p.listener);
	p.listener = NULL;
	close(pair_listen(&p.port));
	int fd = pair_listen(&p.port);

	pair_dial(&p, "127.0.0.1", 200);
	PAIR_UNTIL(&p, p.a.lost);
	ck_assert_int_eq(p.a.loss, CORE_LOSS_TIMEOUT);
	ck_assert_msg(strstr(p.a.text, "no TLS handshake") != NULL, "%s", p.a.text);
	close(fd);
}
END_TEST

START_TEST(test_names)
{
	pair_dial(&p, "localhost", 20000);
	PAIR_UNTIL(&p, p.a.open);
	ck_assert_uint_ne(p.a.stages & 1U << CORE_STAGE_RESOLVE, 0);
	stream_free(p.a.stream);
	memset(&p.a, 0, sizeof p.a);
	pair_dial(&p, "no-such-host.invalid", 500);
	PAIR_UNTIL(&p, p.a.lost);
	ck_assert_int_eq(p.a.loss, CORE_LOSS_RESOLVE);
	ck_assert_msg(strstr(p.a.text, "no-such-host.invalid") != NULL, "%s", p.a.text);
	stream_free(p.a.stream);
	memset(&p.a, 0, sizeof p.a);
	pair_dial(&p, "::1", 500);
	PAIR_UNTIL(&p, p.a.lost);
	ck_assert_msg(strstr(p.a.text, "no IPv4 address") != NULL, "%s", p.a.text);
}
END_TEST

/* A dial that is given up in each of its phases leaves nothing behind. */
START_TEST(test_given_up)
{
	for (int i = 0; i < 12; i++) {
		pair_dial(&p, i % 2 == 0 ? "127.0.0.1" : "localhost", 20000);
		for (int turns = 0; turns < i; turns++)
			ev_run(p.loop, EVRUN_NOWAIT);
		stream_free(p.a.stream);
		p.a.stream = NULL;
		ev_run(p.loop, EVRUN_NOWAIT);
		if (p.b.stream != NULL) {
			PAIR_UNTIL(&p, p.b.lost);
			stream_free(p.b.stream);
		}
		memset(&p.b, 0, sizeof p.b);
	}
}
END_TEST

/* Who doesn't read holds up only what is said to him, and not much of it. */
START_TEST(test_deaf)
{
	size_t before;

	open_both();
	stream_hold(p.b.stream, true);
	for (int i = 0; i < 100; i++)
		end_say(&p.a, 20000);
	before = p.a.out.n;
	for (int i = 0; i < 200; i++)
		ev_run(p.loop, EVRUN_NOWAIT);
	ck_assert_uint_gt(p.a.out.n, before / 4);
	ck_assert_uint_eq(p.b.frames, 0);
	stream_hold(p.b.stream, false);
	PAIR_UNTIL(&p, p.b.frames == 100);
}
END_TEST

/* Without descriptors the listener waits, and goes on when there are some again. */
START_TEST(test_no_descriptors)
{
	struct rlimit old, none;
	int fd = raw_dial();

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){3, old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 20; i++)
		ev_run(p.loop, EVRUN_NOWAIT);
	ck_assert_ptr_null(p.b.stream);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	PAIR_UNTIL(&p, p.b.stream != NULL);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = tcase_create("stream");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_both_ways);
	tcase_add_test(tc, test_early_words);
	tcase_add_test(tc, test_peer_dies);
	tcase_add_test(tc, test_linger);
	tcase_add_test(tc, test_freed_in_callbacks);
	tcase_add_test(tc, test_freed_when_opened);
	tcase_add_test(tc, test_wrong_cookie);
	tcase_add_test(tc, test_myself);
	tcase_add_loop_test(tc, test_stranger, 0, sizeof strangers / sizeof strangers[0]);
	tcase_add_test(tc, test_too_big);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_silent);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_given_up);
	tcase_add_test(tc, test_deaf);
	tcase_add_test(tc, test_no_descriptors);
	tcase_set_timeout(tc, 20);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
