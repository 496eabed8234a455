#include "supervisor/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/os/proc.h"
#include "supervisor/spawn.h"

#define LOG_COMPONENT "child"

enum { HEALTHY_MS = 60 * 1000, STOP_MS = 5000, EOF_MS = 1000 };

uint64_t child_now(struct child_env *env)
{
	return proc_clock_advance(&env->clock, clock_mono_ms());
}

static struct proc_policy policy_of(const struct child *c)
{
	const struct conf *conf = conf_values(c->env->conf);

	return (struct proc_policy){
		.restart_min_ms = conf->supervisor.restart_min_ms,
		.restart_max_ms = conf->supervisor.restart_max_ms,
		.healthy_ms = HEALTHY_MS,
		.watchdog_ms = c->spec->strategy != 0 ? conf->supervisor.worker_watchdog_ms
						      : conf->supervisor.membership_watchdog_ms,
		.stop_ms = STOP_MS,
		.eof_ms = EOF_MS,
	};
}

void child_send(struct child *c, enum ipc_type type, const void *msg, int fd)
{
	int rc = c->chan == NULL ? -EPIPE : ipc_chan_send(c->chan, type, msg, fd);

	if (rc == 0 || rc == -EPIPE) /* a closed channel is told by its own event */
		return;
	log_warn("child_cannot_be_told", "name=%s pid=%ld message=%s error=\"%s\"",
		c->spec->name, (long)c->pid, ipc_rows[type].method,
		rc == -ENOBUFS ? "it does not read" : strerror(-rc));
	child_event(c, PROC_EV_FAULT);
}

bool child_send_section(struct child *c, enum ipc_type type, const struct conf_loaded *conf)
{
	struct buf section = {0};
	struct ipc_setup m = {.node_name = msg_str(conf_values(conf)->node.name)};
	uint64_t hash;
	bool send;

	conf_section(conf, c->spec->conf_role, &section);
	hash = hash64(section.p, section.n);
	send = type == IPC_SETUP || hash != c->section_hash;
	if (send) {
		m.section = (struct msg_span){(const char *)section.p, (uint32_t)section.n};
		c->section_hash = hash;
		child_send(c, type, &m, -1);
	}
	buf_free(&section);
	return send;
}

static void on_message(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	struct child *c = ctx;

	assert(fd < 0); /* no row to the supervisor carries one */
	if (type == IPC_BEAT) {
		child_event(c, PROC_EV_BEAT);
	} else if (type == IPC_READY) {
		c->settled = true;
		child_event(c, PROC_EV_READY);
		log_info("child_ready", "name=%s pid=%ld", c->spec->name, (long)c->pid);
	} else {
		c->env->hooks->message(c->env->ctx, c, type, msg);
	}
}

static void on_closed(void *ctx, int error, const char *why)
{
	struct child *c = ctx;

	if (error == 0) {
		child_event(c, PROC_EV_EOF);
		return;
	}
	log_warn("child_broke_protocol", "name=%s pid=%ld error=\"%s\" what=\"%s\"",
		c->spec->name, (long)c->pid, strerror(-error), why);
	child_event(c, PROC_EV_FAULT);
}

static const struct ipc_handlers handlers = {on_message, on_closed};

static void tell_exit(struct child *c, const siginfo_t *si)
{
	const char *why = proc_why_text(c->proc.killed);
	char *out = c->last_exit;
	bool expected = c->proc.state == PROC_STOPPING && c->proc.after != PROC_AFTER_RETRY;

	if (why != NULL && si->si_code != CLD_EXITED)
		snprintf(out, sizeof c->last_exit, "killed: %s", why);
	else if (si->si_code != CLD_EXITED)
		snprintf(out, sizeof c->last_exit, "signal %d (%s)%s", si->si_status,
			strsignal(si->si_status),
			si->si_code == CLD_DUMPED ? ", core dumped" : "");
	else if (si->si_status == SPAWN_EXIT_NO_EXEC)
		snprintf(out, sizeof c->last_exit, "its program could not be executed");
	else
		snprintf(out, sizeof c->last_exit, "exit %d%s", si->si_status,
			si->si_status == EXIT_CONFIG ? " (configuration; not restarted)" : "");
	log_event(expected ? LOG_INFO : LOG_WARN, LOG_COMPONENT, "child_exited",
		"name=%s pid=%ld how=\"%s\"", c->spec->name, (long)c->pid, out);
}

static void on_exit_watch(struct ev_loop *loop, ev_io *io, int revents)
{
	struct child *c = io->data;
	siginfo_t si = {0};

	(void)revents;
	if (waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG) < 0 || si.si_pid == 0)
		return;
	ipc_chan_drain(c->chan);
	ipc_chan_free(c->chan);
	c->chan = NULL;
	ev_io_stop(loop, io);
	close(c->pidfd);
	c->pidfd = -1;
	tell_exit(c, &si);
	c->pid = 0;
	c->settled = true;
	c->reloading = false;
	c->env->hooks->exited(c->env->ctx, c);
	child_event(c, si.si_code == CLD_EXITED && si.si_status == EXIT_CONFIG
			       ? PROC_EV_EXIT_CONFIG
			       : PROC_EV_EXIT);
}

static int fork_it(struct child *c, int theirs, int report_fd)
{
	char program[PATH_MAX];
	const char *argv[] = {c->spec->program, NULL};
	struct spawn s = {.program = program,
		.argv = argv,
		.supervision_fd = theirs,
		.report_fd = report_fd,
		.lock_fd = c->spec->side == IPC_MEMBERSHIP ? c->env->lock_fd : -1};
	pid_t pid;

	snprintf(program, sizeof program, "%s/%s", c->env->libexec, c->spec->program);
	pid = spawn(&s);
	if (pid < 0)
		return (int)pid;
	c->pidfd = proc_pidfd(pid);
	if (c->pidfd < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return c->pidfd;
	}
	c->pid = pid;
	return 0;
}

/* Channel, report pipe, process. On success report[0] is open for a worker, else both ends are closed again. */
static int start_process(struct child *c, int report[2])
{
	int sv[2] = {-1, -1}, rc = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	if (c->spec->side == IPC_WORKER && pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
		rc = -errno;
	if (rc == 0)
		rc = fork_it(c, sv[1], report[1]);
	close(sv[1]);
	if (report[1] >= 0)
		close(report[1]);
	if (rc == 0) {
		c->chan = ipc_chan_new(c->env->loop, sv[0], IPC_SUPERVISOR, c->spec->side,
			&handlers, c);
		ev_io_init(&c->exit_watch, on_exit_watch, c->pidfd, EV_READ);
		c->exit_watch.data = c;
		ev_io_start(c->env->loop, &c->exit_watch);
		return 0;
	}
	close(sv[0]);
	if (report[0] >= 0)
		close(report[0]);
	return rc;
}

static void start(struct child *c)
{
	int report[2] = {-1, -1};
	int rc = start_process(c, report);

	if (rc < 0) {
		snprintf(c->last_exit, sizeof c->last_exit, "could not be started: %s",
			strerror(-rc));
		log_error("child_not_started", "name=%s error=\"%s\"", c->spec->name,
			strerror(-rc));
		c->settled = true;
		child_event(c, PROC_EV_EXIT);
		return;
	}
	c->started_ms = clock_wall_ms();
	log_info("child_started", "name=%s pid=%ld", c->spec->name, (long)c->pid);
	child_send_section(c, IPC_SETUP, c->env->conf);
	c->env->hooks->spawned(c->env->ctx, c, report[0]);
	if (report[0] >= 0)
		close(report[0]);
}

void child_event(struct child *c, enum proc_event ev)
{
	struct proc_policy policy = policy_of(c);
	enum proc_state before = c->proc.state;
	enum proc_fx fx = proc_step(&c->proc, &policy, &c->env->rng, ev, child_now(c->env));

	if (c->proc.state != before || fx != PROC_FX_NONE) {
		c->env->changed = true;
		c->env->workers_changed |= c->spec->strategy != 0;
	}
	switch (fx) {
	case PROC_FX_NONE:
		break;
	case PROC_FX_SPAWN:
		start(c);
		break;
	case PROC_FX_ASK_STOP:
		child_send(c, IPC_STOP, NULL, -1);
		break;
	case PROC_FX_KILL:
		log_warn("child_killed", "name=%s pid=%ld why=\"%s\"", c->spec->name,
			(long)c->pid, proc_why_text(c->proc.killed));
		kill(c->pid, SIGKILL); /* not reaped yet: the pid is still its own */
		break;
	}
}

void child_init(struct child *c, struct child_env *env, const struct child_spec *spec)
{
	*c = (struct child){.spec = spec, .env = env, .pidfd = -1};
}
