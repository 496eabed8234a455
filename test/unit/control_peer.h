#ifndef TEST_UNIT_CONTROL_PEER_H
#define TEST_UNIT_CONTROL_PEER_H
/*
 * membership/control.c in this process and its clients on sockets of the same process; the loop is turned by hand, the
 * clock is moved. For the tests of control_*.c.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>

#include "membership/control_int.h"
#include "test/unit/fake_shell.h"

enum { TURNS = 50 };

static struct shell shell;
static struct control *control;
static char path[108];

static void set_up(void)
{
	snprintf(path, sizeof path, "/tmp/test_control.%d", (int)getpid());
	fake_shell_init(&shell);
	control = control_new(&shell, fake_listen(path));
}

static void tear_down(void)
{
	control_free(control);
	ev_loop_destroy(shell.loop);
	unlink(path);
}

static inline void turn(void)
{
	for (int i = 0; i < TURNS; i++)
		ev_run(shell.loop, EVRUN_NOWAIT);
}

/* Time passes, and the server's timer comes round. */
static inline void pass_ms(uint64_t ms)
{
	fake_skip_ms += ms;
	ev_invoke(shell.loop, &control->timer, EV_TIMER);
	turn();
}

struct peer {
	int fd;
	struct frame_in in;
	struct msg_arena arena;
	struct msg_env env; /* the last message */
};

static inline void peer_open(struct peer *p)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	*p = (struct peer){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	ck_assert_int_eq(connect(p->fd, (struct sockaddr *)&to, sizeof to), 0);
	frame_in_init(&p->in, FRAME_MAX_IPC);
	msg_arena_init(&p->arena, CTL_ARENA_MAX);
	turn();
}

static inline void peer_close(struct peer *p)
{
	close(p->fd);
	frame_in_free(&p->in);
	msg_arena_free(&p->arena);
	turn();
}

static inline void peer_send(struct peer *p, const void *bytes, size_t n)
{
	ck_assert_int_eq(send(p->fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
	turn();
}

static inline void peer_ask(struct peer *p, enum ctl_method m, const void *params)
{
	struct buf b = {0};

	msg_put_request(&b, (uint32_t)m + 100, ctl_rows[m].method, ctl_rows[m].params, params);
	peer_send(p, b.p, b.n);
	buf_free(&b);
}

/* 1: a message is in p->env, 0: none, -1: the server has closed. */
static inline int peer_next(struct peer *p)
{
	for (;;) {
		const uint8_t *body;
		size_t room, n;
		ssize_t got;

		if (frame_in_next(&p->in, &body, &n) == 1) {
			ck_assert_int_eq(msg_env_parse(body, n, &p->env), 0);
			msg_arena_reset(&p->arena);
			return 1;
		}
		got = recv(p->fd, frame_in_space(&p->in, &room), 4096, 0);
		if (got <= 0)
			return got == 0 || errno != EAGAIN ? -1 : 0;
		frame_in_fed(&p->in, (size_t)got);
		turn();
	}
}

static inline void peer_result(struct peer *p, enum ctl_method m, void *result)
{
	ck_assert_int_eq(peer_next(p), 1);
	ck_assert_int_eq(p->env.type, MSG_RESPONSE);
	ck_assert(!p->env.is_error);
	ck_assert_uint_eq(p->env.id, (uint32_t)m + 100);
	ck_assert_int_eq(msg_decode(ctl_rows[m].result, p->env.body, &p->arena, result, NULL),
		0);
}

static inline void peer_call(struct peer *p, enum ctl_method m, const void *params,
	void *result)
{
	peer_ask(p, m, params);
	peer_result(p, m, result);
}

static inline void assert_error(struct peer *p, const char *code)
{
	struct ctl_error e;

	ck_assert_int_eq(peer_next(p), 1);
	ck_assert(p->env.is_error);
	ck_assert_int_eq(msg_decode(&ctl_error_desc, p->env.body, NULL, &e, NULL), 0);
	ck_assert_msg(msg_span_eq(e.code, code), "%.*s", (int)e.code.n, e.code.p);
}

#define assert_span(span, text)                                                               \
	ck_assert_msg(msg_span_eq(span, text), "'%.*s' is not '%s'", (int)(span).n, (span).p, \
		text)

static inline void fill_members(struct core_member *m, char (*name)[32], unsigned n,
	unsigned tags)
{
	static char value[CTL_TAG_VALUE_MAX + 1];
	static struct core_tag full[CTL_TAGS_MAX];

	memset(value, 'v', CTL_TAG_VALUE_MAX);
	for (unsigned i = 0; i < CTL_TAGS_MAX; i++)
		full[i] = (struct core_tag){"key", value};
	for (unsigned i = 0; i < n; i++) {
		snprintf(name[i], sizeof name[i], "n%05u@10.0.0.1",
			i / 2); /* two of each name */
		m[i] = (struct core_member){.name = name[i],
			.host = "10.0.0.1",
			.version = "0.1.0",
			.running = i % 3 != 0,
			.last_error = "",
			.rtt_us = -1,
			.tags = full,
			.n_tags = tags};
		m[i].member_id.b[0] = (uint8_t)(1 + i % 2);
	}
	shell.member = m;
	shell.n_members = n;
}

#define N_ROWS(a) (int)(sizeof(a) / sizeof(a)[0])

static inline int run_suite(const char *name, void (*add)(TCase *t))
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	add(t);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

#endif
