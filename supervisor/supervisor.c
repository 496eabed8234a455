#include "supervisor/supervisor.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/os/sdnotify.h"

#define LOG_COMPONENT "supervisor"

static const struct child_spec membership_spec = {"membership", "clusterd-membership",
	IPC_MEMBERSHIP, CONF_FOR_MEMBERSHIP, 0};

const struct child_spec supervisor_workers[SUPERVISOR_WORKERS] = {
	{"static", "clusterd-worker-static", IPC_WORKER, CONF_FOR_STATIC, STRATEGY_STATIC},
	{"dns", "clusterd-worker-dns", IPC_WORKER, CONF_FOR_DNS, STRATEGY_DNS},
	{"etcd", "clusterd-worker-etcd", IPC_WORKER, CONF_FOR_ETCD, STRATEGY_ETCD},
	{"k8s", "clusterd-worker-k8s", IPC_WORKER, CONF_FOR_K8S, STRATEGY_K8S},
};

bool supervisor_sections_fit(const struct conf_loaded *conf)
{
	size_t max = 0;

	for (size_t i = 0; i <= SUPERVISOR_WORKERS; i++) {
		struct buf b = {0};

		conf_section(conf,
			i == SUPERVISOR_WORKERS ? membership_spec.conf_role
						: supervisor_workers[i].conf_role,
			&b);
		max = b.n > max ? b.n : max;
		buf_free(&b);
	}
	return max <= IPC_SECTION_MAX;
}

void supervisor_notify(const struct supervisor *s, const char *lines)
{
	int rc = sdnotify_send(s->notify_socket, lines);

	if (rc < 0)
		log_debug("notify_failed", "error=\"%s\"", strerror(-rc));
}

void supervisor_answer(struct supervisor *s, uint32_t id, bool ok, const char *text)
{
	struct ipc_answer m = {.id = id, .ok = ok};

	m.text = (struct msg_span){text, (uint32_t)strnlen(text, IPC_ANSWER_MAX)};
	child_send(&s->membership, IPC_ANSWER, &m, -1);
}

bool supervisor_wants(const struct supervisor *s, const struct child *worker)
{
	return (conf_values(s->env.conf)->cluster.strategies & worker->spec->strategy) != 0;
}

/* Starts and stops workers as the configuration says; one that gave up over its configuration gets another chance. */
void supervisor_match_workers(struct supervisor *s)
{
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++) {
		struct child *c = &s->worker[i];
		bool off = c->proc.state == PROC_STOPPED || c->proc.after == PROC_AFTER_STAY;

		if (!supervisor_wants(s, c) && !off)
			child_event(c, PROC_EV_STOP);
		else if (supervisor_wants(s, c) && off && s->membership.chan != NULL)
			child_event(c, PROC_EV_START);
	}
}

static void send_table(struct supervisor *s)
{
	struct ipc_worker_row rows[SUPERVISOR_WORKERS];
	struct ipc_workers m = {{rows, 0}};

	s->env.workers_changed = false;
	if (s->membership.chan == NULL)
		return;
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++) {
		const struct child *c = &s->worker[i];

		if (!supervisor_wants(s, c) && !proc_has_process(&c->proc))
			continue;
		rows[m.rows.n++] = (struct ipc_worker_row){
			.name = msg_str(c->spec->name),
			.state = msg_str(proc_state_name(c->proc.state)),
			.last_exit = ipc_line(c->last_exit),
			.pid = (uint32_t)c->pid,
			.restarts = c->proc.starts > 0 ? c->proc.starts - 1 : 0,
			.started_ms = c->started_ms,
		};
	}
	child_send(&s->membership, IPC_WORKERS, &m, -1);
}

static void set_up_membership(struct supervisor *s)
{
	for (uint32_t i = 0; i < LISTENERS_N; i++) {
		struct ipc_listener m = {.kind = i, .port = s->listeners.port[i]};

		child_send(&s->membership, IPC_LISTENER, &m, s->listeners.fd[i]);
	}
	supervisor_match_workers(s); /* each sends its pipe: on_spawned() */
	send_table(s);
	child_send(&s->membership, IPC_SETUP_DONE, NULL, -1);
}

static void on_spawned(void *ctx, struct child *c, int report_fd)
{
	struct supervisor *s = ctx;
	struct ipc_worker_pipe m = {msg_str(c->spec->name), c->proc.starts};

	if (c == &s->membership)
		set_up_membership(s);
	else
		child_send(&s->membership, IPC_WORKER_PIPE, &m, report_fd);
}

/* What a worker found goes to membership alone: without it, it stops, and starts again with the next one. */
static void on_exited(void *ctx, struct child *c)
{
	struct supervisor *s = ctx;

	if (c != &s->membership || s->stopping)
		return;
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		child_event(&s->worker[i], PROC_EV_HALT);
}

static void begin_stop(struct supervisor *s, int exit_code)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->exit_code = exit_code;
	log_info("stopping", "restart=%s", exit_code == SUPERVISOR_REEXEC ? "true" : "false");
	supervisor_notify(s, exit_code == SUPERVISOR_REEXEC ? "RELOADING=1\nSTATUS=restarting\n"
							    : "STOPPING=1\nSTATUS=stopping\n");
	reload_drop(s);
	child_event(&s->membership, PROC_EV_STOP);
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		child_event(&s->worker[i], PROC_EV_STOP);
}

static void on_worker_ask(struct supervisor *s, const struct ipc_ask *m, enum proc_event ev)
{
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++) {
		struct child *c = &s->worker[i];

		if (!msg_span_eq(m->arg, c->spec->name) || !supervisor_wants(s, c))
			continue;
		log_info("worker_ask", "name=%s event=%s", c->spec->name,
			ev == PROC_EV_FAULT ? "fault" : "restart");
		child_event(c, ev);
		supervisor_answer(s, m->id, true, "restarting");
		return;
	}
	supervisor_answer(s, m->id, false,
		"no such worker; cluster.discovery_strategy says which there are");
}

static void on_ask(struct supervisor *s, const struct ipc_ask *m)
{
	switch ((enum ipc_ask_kind)m->kind) {
	case IPC_ASK_WORKER_RESTART:
		on_worker_ask(s, m, PROC_EV_RESTART);
		break;
	case IPC_ASK_WORKER_FAULT:
		on_worker_ask(s, m, PROC_EV_FAULT);
		break;
	case IPC_ASK_RELOAD:
		reload_begin(s, true, m->id);
		break;
	case IPC_ASK_CHECK:
		reload_check(s, m->id);
		break;
	case IPC_ASK_RESTART:
		supervisor_answer(s, m->id, true, "restarting");
		begin_stop(s, SUPERVISOR_REEXEC);
		break;
	}
}

static void on_status(const struct supervisor *s, const struct ipc_text *m)
{
	char lines[IPC_TEXT_MAX + 16];
	int n = snprintf(lines, sizeof lines, "STATUS=%.*s", (int)m->text.n, m->text.p);

	for (int i = 0; i < n; i++) /* a newline would begin another assignment */
		if ((unsigned char)lines[i] < ' ')
			lines[i] = ' ';
	supervisor_notify(s, lines);
}

static void on_message(void *ctx, struct child *c, enum ipc_type type, const void *msg)
{
	struct supervisor *s = ctx;

	if (type == IPC_RELOADED)
		reload_answered(s, c, msg);
	else if (type == IPC_ASK && !s->stopping)
		on_ask(s, msg);
	else if (type == IPC_STATUS_TEXT && !s->stopping)
		on_status(s, msg);
}

static const struct child_hooks hooks = {on_spawned, on_exited, on_message};

/* Ready is when membership answers and no worker is still on its way up for the first time. */
static void tell_ready(struct supervisor *s)
{
	if (s->ready || s->stopping || s->membership.proc.state != PROC_RUNNING)
		return;
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		if (supervisor_wants(s, &s->worker[i]) && !s->worker[i].settled)
			return;
	s->ready = true;
	log_info("ready", "node=%s", conf_values(s->env.conf)->node.name);
	supervisor_notify(s, "READY=1\n");
}

static bool all_stopped(const struct supervisor *s)
{
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		if (s->worker[i].proc.state != PROC_STOPPED)
			return false;
	return s->membership.proc.state == PROC_STOPPED;
}

static void check_deadline(struct child *c, uint64_t now_ms)
{
	if (c->proc.deadline_ms != 0 && now_ms >= c->proc.deadline_ms)
		child_event(c, PROC_EV_DEADLINE);
}

static void feed_watchdog(struct supervisor *s)
{
	uint64_t now_ms = clock_mono_ms();

	if (s->watchdog_ms == 0 || now_ms - s->fed_ms < s->watchdog_ms / 2)
		return;
	s->fed_ms = now_ms;
	supervisor_notify(s, "WATCHDOG=1\n");
}

/* Runs after everything that the turn brought was read: only then is silence judged. */
static void on_tick(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct supervisor *s = t->data;
	uint64_t now_ms = child_now(&s->env);

	(void)loop;
	(void)revents;
	check_deadline(&s->membership, now_ms);
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		check_deadline(&s->worker[i], now_ms);
}

static uint64_t sooner(uint64_t wait_ms, uint64_t deadline_ms, uint64_t now_ms)
{
	uint64_t left = deadline_ms > now_ms ? deadline_ms - now_ms : 0;

	return deadline_ms == 0 || wait_ms < left ? wait_ms : left;
}

/* The loop clock takes longer silences of our own for a stall. */
static void arm_tick(struct supervisor *s)
{
	uint64_t now_ms = child_now(&s->env), wait_ms = PROC_CLOCK_STEP_MAX_MS;

	if (s->watchdog_ms != 0 && s->watchdog_ms / 4 < wait_ms)
		wait_ms = s->watchdog_ms / 4;
	wait_ms = sooner(wait_ms, s->reload.deadline_ms, now_ms);
	wait_ms = sooner(wait_ms, s->membership.proc.deadline_ms, now_ms);
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		wait_ms = sooner(wait_ms, s->worker[i].proc.deadline_ms, now_ms);
	ev_now_update(s->env.loop);
	ev_timer_stop(s->env.loop, &s->tick);
	ev_timer_set(&s->tick, (double)wait_ms / 1000.0, 0.0);
	ev_timer_start(s->env.loop, &s->tick);
}

/* Before each wait: what the turn's events have made true. */
static void on_prepare(struct ev_loop *loop, ev_prepare *p, int revents)
{
	struct supervisor *s = p->data;

	(void)revents;
	reload_turn(s, child_now(&s->env));
	if (!s->stopping && s->membership.proc.state == PROC_STOPPED) {
		log_error("membership_cannot_run", "how=\"%s\"", s->membership.last_exit);
		begin_stop(s, EXIT_CONFIG);
	}
	if (s->env.workers_changed)
		send_table(s);
	if (s->env.changed)
		tell_ready(s);
	s->env.changed = false;
	feed_watchdog(s);
	if (s->stopping && all_stopped(s))
		ev_break(loop, EVBREAK_ALL);
	arm_tick(s);
}

static void on_stop_signal(struct ev_loop *loop, ev_signal *sig, int revents)
{
	(void)loop;
	(void)revents;
	begin_stop(sig->data, EXIT_OK);
}

static void on_hup(struct ev_loop *loop, ev_signal *sig, int revents)
{
	struct supervisor *s = sig->data;

	(void)loop;
	(void)revents;
	if (!s->stopping)
		reload_begin(s, false, 0);
}

static void init_watchers(struct supervisor *s)
{
	ev_signal_init(&s->sig_term, on_stop_signal, SIGTERM);
	ev_signal_init(&s->sig_int, on_stop_signal, SIGINT);
	ev_signal_init(&s->sig_hup, on_hup, SIGHUP);
	ev_prepare_init(&s->prepare, on_prepare);
	ev_timer_init(&s->tick, on_tick, 0.0, 0.0);
	ev_set_priority(&s->tick, EV_MINPRI); /* after all input */
	s->sig_term.data = s->sig_int.data = s->sig_hup.data = s;
	s->prepare.data = s->tick.data = s;
}

void supervisor_init(struct supervisor *s, const struct options *options,
	struct conf_loaded *conf, int lock_fd, const char *libexec)
{
	uint64_t seed = clock_mono_us();

	*s = (struct supervisor){.options = options};
	s->env = (struct child_env){.conf = conf,
		.libexec = libexec,
		.lock_fd = lock_fd,
		.hooks = &hooks,
		.ctx = s};
	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
		seed ^= clock_wall_ms(); /* only the jitter of restarts hangs on it */
	rng_init(&s->env.rng, seed);
	s->env.loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_SIGNALFD);
	assert(s->env.loop != NULL);
	s->notify_socket = getenv("NOTIFY_SOCKET");
	s->watchdog_ms = sdnotify_watchdog_ms(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	child_init(&s->membership, &s->env, &membership_spec);
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		child_init(&s->worker[i], &s->env, &supervisor_workers[i]);
	init_watchers(s);
}

int supervisor_run(struct supervisor *s)
{
	struct ev_loop *loop = s->env.loop;

	ev_signal_start(loop, &s->sig_term);
	ev_signal_start(loop, &s->sig_int);
	ev_signal_start(loop, &s->sig_hup);
	ev_prepare_start(loop, &s->prepare);
	child_event(&s->membership, PROC_EV_START);
	ev_run(loop, 0);
	ev_signal_stop(loop, &s->sig_term);
	ev_signal_stop(loop, &s->sig_int);
	ev_signal_stop(loop, &s->sig_hup);
	ev_prepare_stop(loop, &s->prepare);
	ev_timer_stop(loop, &s->tick);
	return s->exit_code;
}

void supervisor_fini(struct supervisor *s)
{
	conf_loaded_free(s->reload.next);
	buf_free(&s->reload.refusals);
	ev_loop_destroy(s->env.loop);
}
