#ifndef TEST_UNIT_TREE_FAKES_H
#define TEST_UNIT_TREE_FAKES_H
/*
 * The children in the supervisor's tests. The test program is linked under their names in a libexec directory of its
 * own and plays the role that argv[0] says: a membership that writes what it is told into a journal and does what it
 * is told over the control socket, a true static worker, and workers that misbehave.
 */
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/conf/conf.h"
#include "common/ipc/ipc_chan.h"
#include "workers/static/static.h"

enum { FAKE_BEAT_MS = 100, FAKE_PIPES_MAX = 64 };

static struct {
	struct ev_loop *loop;
	struct ipc_chan *chan;
	struct ipc_chan *pipe[FAKE_PIPES_MAX];
	size_t n_pipes;
	struct conf_loaded *conf;
	char journal[4096];
	ev_timer beat;
	ev_io control;
	char fds[256]; /* open when we began */
} fake;

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line, in one write: whole for whoever reads the journal. */
static void note(const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n, fd = open(fake.journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line - 1, fmt, ap);
	va_end(ap);
	line[n] = '\n';
	if (fd < 0 || write(fd, line, (size_t)n + 1) != n + 1)
		abort();
	close(fd);
}

static void look_at_fds(void)
{
	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			snprintf(fake.fds + strlen(fake.fds),
				sizeof fake.fds - strlen(fake.fds), " %d", fd);
}

/* What came with us from the supervisor. */
static void note_inheritance(void)
{
	sigset_t mask;
	int deathsig = 0;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	prctl(PR_GET_PDEATHSIG, &deathsig);
	note("inherited fds%s environment %d blocked %d deathsig %d no_new_privs %d", fake.fds,
		environ[0] != NULL, sigismember(&mask, SIGTERM), deathsig,
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void on_worker_message(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	(void)ctx;
	(void)fd;
	if (type == IPC_HEALTH) {
		const struct ipc_health *m = msg;

		note("health ok=%d %.*s", m->ok, (int)m->detail.n, m->detail.p);
	} else {
		const struct ipc_candidates *m = msg;
		const struct ipc_candidate *c = m->list.item;

		note("candidates %llu part %u last %d n %u first %.*s",
			(unsigned long long)m->generation, m->part, m->last, m->list.n,
			m->list.n > 0 ? (int)c->name.n : 0, m->list.n > 0 ? c->name.p : "");
	}
}

static void on_worker_closed(void *ctx, int error, const char *why)
{
	(void)ctx;
	note("worker_pipe closed %d %s", error, why);
}

static void on_supervisor_closed(void *ctx, int error, const char *why)
{
	(void)ctx;
	(void)error;
	(void)why;
	exit(1);
}

static void answer_reload(const struct ipc_setup *m)
{
	struct conf_loaded *fresh = conf_section_parse(m->section.p, m->section.n);
	struct ipc_reloaded r = {.ok = true, .text = msg_str("")};
	const char *name = conf_values(fresh)->cluster.name;

	note("reload level %u", conf_values(fresh)->log.level);
	if (strcmp(name, "refuses") == 0)
		r = (struct ipc_reloaded){.ok = false, .text = msg_str("not with me")};
	if (strcmp(name, "mumbles") != 0)
		ipc_chan_send(fake.chan, IPC_RELOADED, &r, -1);
	conf_loaded_free(fresh);
}

static void note_rows(const struct ipc_workers *m)
{
	const struct ipc_worker_row *r = m->rows.item;

	for (uint32_t i = 0; i < m->rows.n; i++)
		note("row %.*s %.*s pid %u restarts %u exit '%.*s'", (int)r[i].name.n,
			r[i].name.p, (int)r[i].state.n, r[i].state.p, r[i].pid, r[i].restarts,
			(int)r[i].last_exit.n, r[i].last_exit.p);
}

static void ask(enum ipc_ask_kind kind, const char *arg)
{
	struct ipc_ask m = {.id = 7, .kind = kind, .arg = msg_str(arg)};

	ipc_chan_send(fake.chan, IPC_ASK, &m, -1);
}

/* What a test writes to the control socket. */
static void obey(const char *order)
{
	struct ipc_text status = {msg_str("3 running,\nREADY=0")};

	note("order %s", order);
	if (strcmp(order, "reload") == 0)
		ask(IPC_ASK_RELOAD, "");
	else if (strcmp(order, "check") == 0)
		ask(IPC_ASK_CHECK, "");
	else if (strcmp(order, "restart") == 0)
		ask(IPC_ASK_RESTART, "");
	else if (strncmp(order, "worker ", 7) == 0)
		ask(IPC_ASK_WORKER_RESTART, order + 7);
	else if (strncmp(order, "fault ", 6) == 0)
		ask(IPC_ASK_WORKER_FAULT, order + 6);
	else if (strcmp(order, "status") == 0)
		ipc_chan_send(fake.chan, IPC_STATUS_TEXT, &status, -1);
	else if (strcmp(order, "hang") == 0)
		ev_timer_stop(fake.loop, &fake.beat);
	else if (strcmp(order, "garbage") == 0 && write(IPC_SUPERVISION_FD, "GET /", 5) != 5)
		abort();
}

static void on_control(struct ev_loop *loop, ev_io *io, int revents)
{
	char order[64];
	int fd = accept(io->fd, NULL, NULL);
	ssize_t n = fd < 0 ? -1 : read(fd, order, sizeof order - 1);

	(void)loop;
	(void)revents;
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	order[n] = '\0';
	obey(order);
}

static void take_listener(const struct ipc_listener *m, int fd)
{
	int listening = 0;
	socklen_t n = sizeof listening;

	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n);
	note("listener %u port %u listening %d", m->kind, m->port, listening);
	if (m->kind != IPC_LISTEN_CONTROL) {
		close(fd);
		return;
	}
	ev_io_init(&fake.control, on_control, fd, EV_READ);
	ev_io_start(fake.loop, &fake.control);
}

static void take_setup(const struct ipc_setup *m)
{
	const struct conf *conf;

	fake.conf = conf_section_parse(m->section.p, m->section.n);
	if (fake.conf == NULL)
		abort();
	conf = conf_values(fake.conf);
	snprintf(fake.journal, sizeof fake.journal, "%s/journal", conf->node.data_dir);
	note("setup pid %ld node %.*s seeds %zu cookie %d", (long)getpid(), (int)m->node_name.n,
		m->node_name.p, conf->cluster.static_seeds.n, conf->node.cookie[0] != '\0');
	note_inheritance();
	if (strcmp(conf->cluster.name, "misconfigured") == 0)
		exit(78);
}

static void take_pipe(const struct ipc_worker_pipe *m, int fd)
{
	static const struct ipc_handlers reports = {on_worker_message, on_worker_closed};

	note("worker_pipe %.*s life %llu", (int)m->name.n, m->name.p,
		(unsigned long long)m->life);
	if (fake.n_pipes == FAKE_PIPES_MAX)
		abort();
	fake.pipe[fake.n_pipes++] =
		ipc_chan_new(fake.loop, fd, IPC_MEMBERSHIP, IPC_WORKER, &reports, NULL);
}

static void note_answer(const struct ipc_answer *m)
{
	char text[512];

	snprintf(text, sizeof text, "%.*s", (int)m->text.n, m->text.p);
	for (char *p = text; *p != '\0'; p++)
		*p = *p == '\n' ? '|' : *p;
	note("answer %u ok %d %s", m->id, m->ok, text);
}

static void on_order(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	(void)ctx;
	switch (type) {
	case IPC_SETUP:
		take_setup(msg);
		break;
	case IPC_LISTENER:
		take_listener(msg, fd);
		break;
	case IPC_WORKER_PIPE:
		take_pipe(msg, fd);
		break;
	case IPC_WORKERS:
		note_rows(msg);
		break;
	case IPC_SETUP_DONE:
		note("setup_done");
		ipc_chan_send(fake.chan, IPC_READY, NULL, -1);
		break;
	case IPC_RELOAD:
		answer_reload(msg);
		break;
	case IPC_ANSWER:
		note_answer(msg);
		break;
	case IPC_STOP:
		note("stop");
		if (strcmp(conf_values(fake.conf)->cluster.name, "lingers") != 0)
			exit(0);
		break;
	default:
		abort();
	}
}

static void on_fake_beat(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)t;
	(void)revents;
	ipc_chan_send(fake.chan, IPC_BEAT, NULL, -1);
}

static int fake_membership(int argc, char **argv)
{
	static const struct ipc_handlers orders = {on_order, on_supervisor_closed};

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3) /* --offline WHAT */
		return strcmp(argv[2], "rename") == 0 ? 0 : 1;
	look_at_fds();
	fake.loop = ev_loop_new(EVFLAG_NOENV);
	fake.chan = ipc_chan_new(fake.loop, IPC_SUPERVISION_FD, IPC_MEMBERSHIP, IPC_SUPERVISOR,
		&orders, NULL);
	ev_timer_init(&fake.beat, on_fake_beat, FAKE_BEAT_MS / 1000.0, FAKE_BEAT_MS / 1000.0);
	ev_timer_start(fake.loop, &fake.beat);
	ev_run(fake.loop, 0);
	return 0;
}

/* Says that it is ready and is never heard of again. */
static int mute_worker(void)
{
	struct buf frame = {0};

	ipc_encode(&frame, IPC_READY, NULL);
	if (write(IPC_SUPERVISION_FD, frame.p, frame.n) != (ssize_t)frame.n)
		return 1;
	for (;;)
		pause();
}

/* Writes bytes where frames belong. */
static int babbling_worker(void)
{
	if (write(IPC_SUPERVISION_FD, "\0\0\0\3abc", 7) != 7)
		return 1;
	for (;;)
		pause();
}

/* The exit code of the role that argv[0] names; -1: none, this is the test itself. */
static int play_role(int argc, char **argv)
{
	if (strcmp(argv[0], "clusterd-membership") == 0)
		return fake_membership(argc, argv);
	if (strcmp(argv[0], "clusterd-worker-static") == 0)
		return worker_main(&static_strategy, argc, argv);
	if (strcmp(argv[0], "clusterd-worker-dns") == 0)
		return babbling_worker();
	if (strcmp(argv[0], "clusterd-worker-etcd") == 0)
		return mute_worker();
	if (strcmp(argv[0], "clusterd-worker-k8s") == 0)
		return 78;
	return -1;
}

#endif
