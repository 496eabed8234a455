#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/ipc/ipc_chan.h"
#include "common/msg/frame.h"

enum { TRIES_MAX = 2000 };

/* What one end has seen. */
struct seen {
	unsigned messages, n_closed;
	enum ipc_type last;
	int error, fd;
	char why[128], text[64];
	uint32_t kinds[64];
};

static struct ev_loop *loop;
static int sv[2];
static struct seen seen;

static void on_message(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	struct seen *s = ctx;

	if (type == IPC_STATUS_TEXT) {
		const struct ipc_text *t = msg;

		ck_assert(msg_span_copy(s->text, sizeof s->text, t->text));
	}
	if (type == IPC_LISTENER && s->messages < 64)
		s->kinds[s->messages] = ((const struct ipc_listener *)msg)->kind;
	s->last = type;
	s->messages++;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
}

static void on_closed(void *ctx, int error, const char *why)
{
	struct seen *s = ctx;

	s->n_closed++;
	s->error = error;
	snprintf(s->why, sizeof s->why, "%s", why);
}

static const struct ipc_handlers handlers = {on_message, on_closed};

static void setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	loop = ev_loop_new(EVFLAG_NOENV);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	seen = (struct seen){.fd = -1};
}

static void teardown(void)
{
	ev_loop_destroy(loop);
	if (seen.fd >= 0)
		close(seen.fd);
}

/* Turns the loop until *what has grown to n. */
static void until(const unsigned *what, unsigned n)
{
	for (unsigned i = 0; i < TRIES_MAX && *what < n; i++)
		ev_run(loop, EVRUN_NOWAIT);
	ck_assert_uint_eq(*what, n);
}

static struct ipc_chan *supervisor_end(int fd)
{
	return ipc_chan_new(loop, fd, IPC_SUPERVISOR, IPC_MEMBERSHIP, &handlers, &seen);
}

static struct ipc_chan *membership_end(int fd)
{
	return ipc_chan_new(loop, fd, IPC_MEMBERSHIP, IPC_SUPERVISOR, &handlers, &seen);
}

START_TEST(test_a_message_arrives)
{
	struct ipc_chan *a = membership_end(sv[0]), *b = supervisor_end(sv[1]);
	struct ipc_text m = {msg_str("all well")};

	ck_assert_int_eq(ipc_chan_send(a, IPC_STATUS_TEXT, &m, -1), 0);
	ck_assert(ipc_chan_idle(a)); /* written at once, not a turn later */
	until(&seen.messages, 1);
	ck_assert_str_eq(seen.text, "all well");
	ck_assert_int_eq(seen.fd, -1);
	ipc_chan_free(a);
	until(&seen.n_closed, 1);
	ck_assert_int_eq(seen.error, 0);
	ck_assert_int_eq(ipc_chan_send(b, IPC_STOP, NULL, -1), -EPIPE);
	ipc_chan_free(b);
}
END_TEST

START_TEST(test_each_descriptor_comes_with_its_message)
{
	struct ipc_chan *a = supervisor_end(sv[0]), *b = membership_end(sv[1]);
	int pipes[3][2];
	char got;

	for (uint32_t i = 0; i < 3; i++) {
		struct ipc_listener m = {.kind = i, .port = 4370};

		ck_assert_int_eq(pipe2(pipes[i], O_CLOEXEC), 0);
		ck_assert_int_eq(ipc_chan_send(a, IPC_STOP, NULL, -1), 0);
		ck_assert_int_eq(ipc_chan_send(a, IPC_LISTENER, &m, pipes[i][1]), 0);
		close(pipes[i][1]);
		until(&seen.messages, 2 * i + 2);
		ck_assert_int_eq(seen.last, IPC_LISTENER);
		ck_assert_uint_eq(seen.kinds[2 * i + 1], i);
		ck_assert_int_ge(seen.fd, 0);
		ck_assert_int_eq(fcntl(seen.fd, F_GETFD), FD_CLOEXEC);
		ck_assert_int_eq(write(seen.fd, "x", 1), 1);
		ck_assert_int_eq(read(pipes[i][0], &got, 1), 1);
		close(pipes[i][0]);
	}
	ipc_chan_free(a);
	ipc_chan_free(b);
}
END_TEST

/* The queue is longer than the socket's buffer: descriptors must keep their places over many partial writes. */
START_TEST(test_descriptors_keep_their_places_in_a_long_queue)
{
	struct ipc_chan *a = supervisor_end(sv[0]), *b;
	char *text = xcalloc(1, IPC_SECTION_MAX);
	struct ipc_setup big = {.section = {text, IPC_SECTION_MAX},
		.node_name = msg_str("a@h")};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	memset(text, 'x', IPC_SECTION_MAX);
	for (uint32_t i = 0; i < 3; i++) {
		struct ipc_listener m = {.kind = i};

		ck_assert_int_eq(ipc_chan_send(a, IPC_SETUP, &big, -1), 0);
		ck_assert_int_eq(ipc_chan_send(a, IPC_LISTENER, &m, fd), 0);
	}
	ck_assert(!ipc_chan_idle(a));
	b = membership_end(sv[1]);
	until(&seen.messages, 6);
	ck_assert_uint_eq(seen.n_closed, 0);
	ck_assert_uint_eq(seen.kinds[5], 2);
	ck_assert_int_ge(seen.fd, 0);
	ck_assert(ipc_chan_idle(a));
	ipc_chan_free(a);
	ipc_chan_free(b);
	close(fd);
	free(text);
}
END_TEST

static const struct {
	const char *title;
	const char *bytes;
	size_t n;
	int error;
} hostile[] = {
	{"a text", "GET / HTTP/1.1\r\n\r\n", 18, -EMSGSIZE},
	{"an empty frame", "\0\0\0\0", 4, -EMSGSIZE},
	{"garbage in a frame", "\0\0\0\3abc", 7, -EPROTO},
	{"a hostile count", "\0\0\0\5\xdd\x10\0\0\0", 9, -EPROTO},
	{"a message of another side",
		"\0\0\0\x08\x93\2\xa4"
		"stop\x90",
		12, -EPERM},
	{"half a length", "\0\0", 2, -EPROTO},
	{"half a frame", "\0\0\0\x08\x93\2\xa4", 7, -EPROTO},
};

START_TEST(test_hostile_bytes_end_the_channel)
{
	struct ipc_chan *b = supervisor_end(sv[1]);

	ck_assert_int_eq(write(sv[0], hostile[_i].bytes, hostile[_i].n),
		(ssize_t)hostile[_i].n);
	shutdown(sv[0], SHUT_WR);
	until(&seen.n_closed, 1);
	ck_assert_msg(seen.error == hostile[_i].error, "%s: %d %s", hostile[_i].title,
		seen.error, seen.why);
	ck_assert_uint_eq(seen.messages, 0);
	ck_assert_str_ne(seen.why, "");
	ipc_chan_free(b);
	close(sv[0]);
}
END_TEST

START_TEST(test_a_frame_may_come_byte_by_byte)
{
	struct ipc_chan *b = supervisor_end(sv[1]);
	struct buf frame = {0};

	ipc_encode(&frame, IPC_BEAT, NULL);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < frame.n; i++) {
			ck_assert_int_eq(write(sv[0], frame.p + i, 1), 1);
			ev_run(loop, EVRUN_NOWAIT);
		}
	until(&seen.messages, 3);
	ck_assert_int_eq(seen.last, IPC_BEAT);
	buf_free(&frame);
	ipc_chan_free(b);
	close(sv[0]);
}
END_TEST

/* Sends n copies of /dev/null's descriptor along with bytes. */
static void send_raw(int to, const void *bytes, size_t len, unsigned n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {0};
	struct iovec iov = {xmemdup(bytes, len), len};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	*h = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS};
	for (unsigned i = 0; i < n; i++)
		memcpy(CMSG_DATA(h) + i * sizeof fd, &fd, sizeof fd);
	ck_assert_int_eq(sendmsg(to, &m, 0), (ssize_t)len);
	free(iov.iov_base);
	close(fd);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static const unsigned unasked[] = {1, 2, 33, 64};

START_TEST(test_an_unasked_for_descriptor_ends_the_channel)
{
	struct ipc_chan *b = supervisor_end(sv[1]);
	unsigned before = open_fds();
	struct buf frame = {0};

	ipc_encode(&frame, IPC_BEAT, NULL);
	send_raw(sv[0], frame.p, frame.n, unasked[_i]);
	until(&seen.n_closed, 1);
	ck_assert_int_eq(seen.error, -EPROTO);
	ipc_chan_free(b);
	ck_assert_uint_eq(open_fds(), before - 1); /* none leaked */
	buf_free(&frame);
	close(sv[0]);
}
END_TEST

START_TEST(test_a_missing_descriptor_ends_the_channel)
{
	struct ipc_chan *b = membership_end(sv[1]);
	struct ipc_listener m = {.kind = IPC_LISTEN_RPC};
	struct buf frame = {0};

	ipc_encode(&frame, IPC_LISTENER, &m);
	ck_assert_int_eq(write(sv[0], frame.p, frame.n), (ssize_t)frame.n);
	until(&seen.n_closed, 1);
	ck_assert_int_eq(seen.error, -EPROTO);
	ck_assert_uint_eq(seen.messages, 0);
	buf_free(&frame);
	ipc_chan_free(b);
	close(sv[0]);
}
END_TEST

START_TEST(test_a_peer_that_never_reads_costs_a_bounded_queue)
{
	struct ipc_chan *a = membership_end(sv[0]);
	char text[IPC_TEXT_MAX];
	struct ipc_text m = {{text, sizeof text}};
	size_t sent = 0;
	int rc;

	memset(text, 'x', sizeof text);
	while ((rc = ipc_chan_send(a, IPC_STATUS_TEXT, &m, -1)) == 0)
		sent += sizeof text;
	ck_assert_int_eq(rc, -ENOBUFS);
	ck_assert_uint_ge(sent, IPC_CHAN_QUEUE_MAX * 9 / 10);
	ck_assert_uint_le(sent / 2, IPC_CHAN_QUEUE_MAX);
	ck_assert_uint_eq(seen.n_closed, 0); /* whether it goes is for the owner to say */
	close(sv[1]);
	until(&seen.n_closed, 1);
	ipc_chan_free(a);
}
END_TEST

START_TEST(test_drain_hands_over_the_last_words)
{
	struct ipc_chan *a = membership_end(sv[0]), *b = supervisor_end(sv[1]);

	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(ipc_chan_send(a, IPC_BEAT, NULL, -1), 0);
	ipc_chan_free(a);
	ipc_chan_drain(b);
	ck_assert_uint_eq(seen.messages, 200);
	for (int i = 0; i < 10; i++)
		ev_run(loop, EVRUN_NOWAIT);
	ck_assert_uint_eq(seen.n_closed, 0);
	ipc_chan_free(b);
}
END_TEST

START_TEST(test_last_words_are_heard_though_nobody_listens_any_more)
{
	struct ipc_chan *a = membership_end(sv[0]), *b = supervisor_end(sv[1]);

	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(ipc_chan_send(a, IPC_BEAT, NULL, -1), 0);
	ipc_chan_free(a);
	for (int i = 0; i < 3; i++)
		ipc_chan_send(b, IPC_STOP, NULL, -1);
	until(&seen.n_closed, 1);
	ck_assert_uint_eq(seen.messages, 50);
	ck_assert_int_eq(seen.error, 0);
	ck_assert_int_eq(ipc_chan_send(b, IPC_STOP, NULL, -1), -EPIPE);
	ipc_chan_free(b);
}
END_TEST

START_TEST(test_a_pipe_carries_one_direction)
{
	struct ipc_health m = {.ok = true, .text = msg_str("fine"), .detail = msg_str("")};
	struct ipc_chan *r, *w;
	struct seen writer = {.fd = -1};
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	r = ipc_chan_new(loop, p[0], IPC_MEMBERSHIP, IPC_WORKER, &handlers, &seen);
	w = ipc_chan_new(loop, p[1], IPC_WORKER, IPC_MEMBERSHIP, &handlers, &writer);
	ck_assert_int_eq(ipc_chan_send(w, IPC_HEALTH, &m, -1), 0);
	until(&seen.messages, 1);
	ck_assert_int_eq(seen.last, IPC_HEALTH);
	ipc_chan_free(r);
	until(&writer.n_closed, 1); /* without a write */
	ck_assert_int_eq(writer.error, -EPIPE);
	ck_assert_int_eq(ipc_chan_send(w, IPC_HEALTH, &m, -1), -EPIPE);
	ipc_chan_free(w);
	close(sv[0]);
	close(sv[1]);
}
END_TEST

START_TEST(test_end_of_a_pipe_is_told)
{
	struct ipc_chan *r;
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	r = ipc_chan_new(loop, p[0], IPC_MEMBERSHIP, IPC_WORKER, &handlers, &seen);
	close(p[1]);
	until(&seen.n_closed, 1);
	ck_assert_int_eq(seen.error, 0);
	ipc_chan_free(r);
	close(sv[0]);
	close(sv[1]);
}
END_TEST

#define N(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int main(void)
{
	Suite *s = suite_create("ipc_chan");
	TCase *tc = tcase_create("chan");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_a_message_arrives);
	tcase_add_test(tc, test_each_descriptor_comes_with_its_message);
	tcase_add_test(tc, test_descriptors_keep_their_places_in_a_long_queue);
	tcase_add_loop_test(tc, test_hostile_bytes_end_the_channel, 0, N(hostile));
	tcase_add_test(tc, test_a_frame_may_come_byte_by_byte);
	tcase_add_loop_test(tc, test_an_unasked_for_descriptor_ends_the_channel, 0, N(unasked));
	tcase_add_test(tc, test_a_missing_descriptor_ends_the_channel);
	tcase_add_test(tc, test_a_peer_that_never_reads_costs_a_bounded_queue);
	tcase_add_test(tc, test_drain_hands_over_the_last_words);
	tcase_add_test(tc, test_last_words_are_heard_though_nobody_listens_any_more);
	tcase_add_test(tc, test_a_pipe_carries_one_direction);
	tcase_add_test(tc, test_end_of_a_pipe_is_told);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
