#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/net/dns.h"
#include "common/net/http.h"

/*
 * A server in a child process: for each connection it reads one request and writes the script, `piece` bytes at a time
 * (0: all at once), then closes, or holds the connection open without a word.
 */
struct script {
	const char *text;
	size_t n, piece;
	bool hold;
};

static struct ev_loop *loop;
static struct dns *dns;
static struct http *http;
static pid_t server;
static char url[64];
static struct buf lines, body;
static struct http_result result;
static char text[HTTP_TEXT_MAX];
static struct http_call *call;
static int cancel_after; /* lines; 0: never */

static void serve_one(int fd, const struct script *s)
{
	size_t piece = s->piece == 0 ? s->n : s->piece;
	struct buf in = {0};
	ssize_t n;

	do {
		n = read(fd, buf_reserve(&in, 4096), 4096);
		in.n += n > 0 ? (size_t)n : 0;
	} while (n > 0 && memmem(in.p, in.n, "\r\n\r\n", 4) == NULL);
	for (size_t at = 0; at < s->n; at += piece) {
		if (send(fd, s->text + at, s->n - at < piece ? s->n - at : piece,
			    MSG_NOSIGNAL) < 0)
			break;
	}
	if (s->hold)
		pause();
	shutdown(fd, SHUT_WR);
	while (read(fd, buf_reserve(&in, 4096), 4096) > 0)
		continue;
	close(fd);
	buf_free(&in);
}

static void start_server(const struct script *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/x", ntohs(a.sin_port));
	server = fork();
	if (server == 0) {
		for (;;) {
			int c = accept(fd, NULL, NULL);

			setsockopt(c, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one);
			serve_one(c, s);
		}
	}
	close(fd);
}

static void setup(void)
{
	static const struct dns_options options = {0};

	loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_SIGNALFD);
	ck_assert_int_eq(http_global_init(), 0);
	ck_assert_int_eq(dns_new(loop, &options, &dns), 0);
	http = http_new(loop, dns);
}

static void teardown(void)
{
	http_free(http);
	dns_free(dns);
	ev_loop_destroy(loop);
	buf_free(&lines);
	buf_free(&body);
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
}

static void on_line(void *ctx, const char *line, size_t n)
{
	(void)ctx;
	ck_assert_uint_eq(strlen(line), n);
	buf_printf(&lines, "%s|", line);
	if (cancel_after > 0 && --cancel_after == 0) {
		http_cancel(call);
		ev_break(loop, EVBREAK_ALL);
	}
}

static void on_done(void *ctx, const struct http_result *r)
{
	ck_assert_ptr_eq(ctx, &lines);
	result = *r;
	buf_put(&body, r->body, r->body_n);
	snprintf(text, sizeof text, "%s", r->text);
	ev_break(loop, EVBREAK_ALL);
}

static const struct http_handlers whole = {.done = on_done};
static const struct http_handlers stream = {.line = on_line, .done = on_done};

static void run(const struct http_request *rq, const struct http_handlers *h)
{
	struct http_request copy = *rq;

	if (copy.url == NULL)
		copy.url = url;
	if (copy.connect_timeout_ms == 0)
		copy.connect_timeout_ms = 2000;
	call = http_start(http, &copy, h, &lines);
	ck_assert_ptr_nonnull(call);
	ev_run(loop, 0);
}

static const char *text_of(struct buf *b)
{
	buf_put(b, "", 1);
	return (const char *)b->p;
}

#define SCRIPT(s) s, sizeof(s) - 1

static const struct {
	struct script script;
	unsigned status;
	int error;
	const char *body;
	uint32_t retry_after_s;
} answers[] = {
	{{SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), 0, false}, 200, 0,
		"hello", 0},
	{{SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), 1, false}, 200, 0,
		"hello", 0},
	{{SCRIPT("HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n"), 0, false}, 204, 0, "", 0},
	{{SCRIPT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
		 1, false},
		200, 0, "hello", 0},
	{{SCRIPT("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow"), 0,
		 false},
		429, 0, "slow", 7},
	{{SCRIPT("HTTP/1.0 400 Bad\r\n\r\nplain"), 0, false}, 400, 0, "plain", 0},
	{{SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), 0, false}, 200,
		-ECONNRESET, "hello", 0},
	{{SCRIPT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe"), 0, false},
		200, -ECONNRESET, "he", 0},
	{{SCRIPT("SSH-2.0-OpenSSH\r\n"), 0, false}, 0, -EPROTO, "", 0},
	{{SCRIPT(""), 0, false}, 0, -ECONNRESET, "", 0},
	{{SCRIPT("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
		 0, false},
		301, 0, "", 0},
};

START_TEST(test_answer)
{
	start_server(&answers[_i].script);
	run(&(struct http_request){.timeout_ms = 5000}, &whole);
	ck_assert_msg(result.error == answers[_i].error, "%d: %s", result.error, text);
	ck_assert_uint_eq(result.status, answers[_i].status);
	ck_assert_str_eq(text_of(&body), answers[_i].body);
	ck_assert_uint_eq(result.retry_after_s, answers[_i].retry_after_s);
	ck_assert_int_eq(text[0] == '\0', result.error == 0);
}
END_TEST

static const struct {
	struct script script;
	int error;
	const char *lines;
} streams[] = {
	{{SCRIPT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na\nbb\n\r\n4\r\nccc\n\r\n0\r\n\r\n"),
		 0, false},
		0, "a|bb|ccc|"},
	{{SCRIPT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na\nbb\n\r\n4\r\nccc\n\r\n0\r\n\r\n"),
		 1, false},
		0, "a|bb|ccc|"},
	{{SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na\n\n\nbb"), 1, false}, 0,
		"a|bb|"},
	{{SCRIPT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na\nbb\n\r\n4\r\ncc"),
		 1, false},
		-ECONNRESET, "a|bb|"},
	{{SCRIPT("HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\na\nb\n"), 0, false}, 0, ""},
};

START_TEST(test_stream)
{
	start_server(&streams[_i].script);
	run(&(struct http_request){.timeout_ms = 5000}, &stream);
	ck_assert_msg(result.error == streams[_i].error, "%d: %s", result.error, text);
	ck_assert_str_eq(text_of(&lines), streams[_i].lines);
	if (result.status == 403)
		ck_assert_str_eq(text_of(&body), "a\nb\n");
}
END_TEST

START_TEST(test_cancel_in_line)
{
	static const struct script s =
		{SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na\nb\nc\n"), 0, true};

	start_server(&s);
	cancel_after = 2;
	run(&(struct http_request){0}, &stream);
	ck_assert_str_eq(text_of(&lines), "a|b|");
	ck_assert_uint_eq(result.status, 0); /* done was not called */
}
END_TEST

START_TEST(test_idle)
{
	static const struct script s =
		{SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\na\n"), 0, true};

	start_server(&s);
	run(&(struct http_request){.idle_ms = 200}, &stream);
	ck_assert_int_eq(result.error, -ETIMEDOUT);
	ck_assert_str_eq(text_of(&lines), "a|");
}
END_TEST

START_TEST(test_timeout)
{
	static const struct script s = {SCRIPT("HTTP/1.1 200 OK\r\n"), 0, true};

	start_server(&s);
	run(&(struct http_request){.timeout_ms = 200}, &whole);
	ck_assert_int_eq(result.error, -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(text, "no answer in time"));
}
END_TEST

START_TEST(test_body_too_long)
{
	static const struct script s =
		{SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"), 0, false};

	start_server(&s);
	run(&(struct http_request){.body_max = 10, .timeout_ms = 5000}, &whole);
	ck_assert_int_eq(result.error, 0);
	run(&(struct http_request){.body_max = 9, .timeout_ms = 5000}, &whole);
	ck_assert_int_eq(result.error, -EMSGSIZE);
}
END_TEST

/* A line that never ends: given up at its limit, not at the end of memory. */
START_TEST(test_line_too_long)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\nshort\n";
	size_t n = sizeof head - 1 + HTTP_LINE_MAX + 100;
	char *all = malloc(n);
	struct script s = {.text = all, .n = n, .hold = true};

	memset(all, 'x', n);
	memcpy(all, head, sizeof head - 1);
	start_server(&s);
	run(&(struct http_request){.timeout_ms = 20000}, &stream);
	ck_assert_int_eq(result.error, -EMSGSIZE);
	ck_assert_str_eq(text_of(&lines), "short|");
	free(all);
}
END_TEST

static const struct {
	const char *url;
	int error;
	const char *part;
} unreachable[] = {
	{"http://127.0.0.1:1/", -ECONNREFUSED, "Connection refused"},
	{"http://no-such-host.invalid:1/", -EHOSTUNREACH, "no-such-host.invalid: "},
	{"http://", -EINVAL, "no URL"},
	{"", -EINVAL, "no URL"},
};

START_TEST(test_unreachable)
{
	struct dns_options nowhere = {.servers = "127.0.0.1:1"};

	http_free(http);
	dns_free(dns);
	ck_assert_int_eq(dns_new(loop, &nowhere, &dns), 0);
	http = http_new(loop, dns);
	run(&(struct http_request){.url = unreachable[_i].url}, &whole);
	/* Whether a dead resolver is refused or silent is the kernel's mood. */
	if (result.error == -ETIMEDOUT)
		result.error = -EHOSTUNREACH;
	ck_assert_msg(result.error == unreachable[_i].error, "%d: %s", result.error, text);
	ck_assert_msg(strstr(text, unreachable[_i].part) != NULL, "%s", text);
	ck_assert_uint_eq(result.body_n, 0);
}
END_TEST

START_TEST(test_host_name)
{
	static const struct script s =
		{SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), 0, false};
	char named[64];

	start_server(&s);
	snprintf(named, sizeof named, "http://localhost%s", strrchr(url, ':'));
	run(&(struct http_request){.url = named, .timeout_ms = 5000}, &whole);
	ck_assert_msg(result.error == 0, "%s", text);
	ck_assert_str_eq(text_of(&body), "hi");
}
END_TEST

/* Freed with calls in every stage: resolving, connecting, streaming. */
START_TEST(test_free_under_way)
{
	static const struct script s =
		{SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\na\n"), 0, true};
	struct http_request rq = {.url = "http://no-such-host.invalid/",
		.connect_timeout_ms = 1000};

	start_server(&s);
	http_start(http, &rq, &whole, &lines);
	rq.url = "";
	http_start(http, &rq, &whole, &lines);
	rq.url = url;
	cancel_after = 0;
	call = http_start(http, &rq, &stream, &lines);
	while (lines.n == 0)
		ev_run(loop, EVRUN_ONCE);
}
END_TEST

#define LOOP(t, test, table) \
	tcase_add_loop_test(t, test, 0, (int)(sizeof(table) / sizeof *(table)))

int main(void)
{
	TCase *t = tcase_create("http");
	Suite *s = suite_create("http");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	LOOP(t, test_answer, answers);
	LOOP(t, test_stream, streams);
	tcase_add_test(t, test_cancel_in_line);
	tcase_add_test(t, test_idle);
	tcase_add_test(t, test_timeout);
	tcase_add_test(t, test_body_too_long);
	tcase_add_test(t, test_line_too_long);
	LOOP(t, test_unreachable, unreachable);
	tcase_add_test(t, test_host_name);
	tcase_add_test(t, test_free_under_way);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
