#include "supervisor/online.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/mem.h"
#include "common/base/node.h"
#include "supervisor/supervisor.h"

enum { ANSWER_MS = 10 * 1000, TICK_MS = 100, N_SIGNALS = 3 };

struct found {
	char *name, *host, *source;
	uint16_t port; /* 0: by the rule */
};

/* One source: its worker, and what that has said. */
struct source {
	struct child child;
	struct ipc_chan *report; /* NULL: none yet, or never again */
	struct found *found;
	size_t n, cap;
	uint64_t generation;
	uint32_t part; /* the next one */
	bool wanted;
	bool complete; /* found is a whole set */
	bool decided;  /* nothing more is waited for */
	bool ok, found_self;
	char text[IPC_TEXT_MAX + 1]; /* the error, or the answer's details */
};

struct online {
	struct child_env env;
	struct source source[SUPERVISOR_WORKERS];
	ev_signal sig[N_SIGNALS];
	ev_prepare prepare;
	ev_timer tick;
	uint64_t started_ms;
};

/* --- what a worker says --- */

static void decide(struct source *s, bool ok, const char *text)
{
	if (s->decided)
		return;
	s->decided = true;
	s->ok = ok;
	snprintf(s->text, sizeof s->text, "%s", text);
}

static void forget(struct source *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->found[i].name);
		free(s->found[i].host);
		free(s->found[i].source);
	}
	s->n = 0;
	s->complete = false;
}

/* What came from outside is for a terminal from here on: nothing in it may steer that. */
static char *printable(struct msg_span text)
{
	char *out = xcalloc(1, text.n + 1);

	for (uint32_t i = 0; i < text.n; i++)
		out[i] = text.p[i];
	for (char *p = out; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return out;
}

static void add(struct source *s, const struct ipc_candidate *c)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : 2 * s->cap;
		s->found = xrealloc(s->found, s->cap, sizeof *s->found);
	}
	s->found[s->n++] = (struct found){.name = printable(c->name),
		.host = printable(c->host),
		.source = printable(c->source),
		.port = c->port};
}

static void take_part(struct source *s, const struct ipc_candidates *m)
{
	const struct ipc_candidate *c = m->list.item;

	if (m->part == 0) {
		forget(s);
		s->generation = m->generation;
		s->part = 0;
	}
	if (m->generation != s->generation || m->part != s->part || s->complete ||
		s->n + m->list.n > IPC_CANDIDATES_MAX) {
		decide(s, false, "its worker reports garbage: parts out of order, or too many");
		return;
	}
	s->part++;
	for (uint32_t i = 0; i < m->list.n; i++)
		add(s, &c[i]);
	s->complete = m->last;
}

/* A worker reports its set before its health: a good word means that the set is here. */
static void take_health(struct source *s, const struct ipc_health *m)
{
	char *text = printable(m->ok ? m->detail : m->text);

	s->found_self = m->found_self;
	if (m->ok && !s->complete)
		decide(s, false, "its worker reports garbage: health without an answer");
	else
		decide(s, m->ok, text);
	free(text);
}

static void on_report(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	struct source *s = ctx;

	assert(fd < 0); /* no row to the membership from a worker carries one */
	if (s->decided)
		return;
	if (type == IPC_CANDIDATES)
		take_part(s, msg);
	else if (type == IPC_HEALTH)
		take_health(s, msg);
}

static void on_report_closed(void *ctx, int error, const char *why)
{
	struct source *s = ctx;
	char text[IPC_TEXT_MAX];

	if (error == 0)
		return; /* its end is told by its exit */
	snprintf(text, sizeof text, "its worker reports garbage: %s: %s", strerror(-error),
		why);
	decide(s, false, text);
}

/* --- the workers' lives --- */

static struct source *source_of(struct online *o, const struct child *c)
{
	size_t i = 0;

	while (&o->source[i].child != c)
		i++;
	return &o->source[i];
}

static void on_spawned(void *ctx, struct child *c, int report_fd)
{
	static const struct ipc_handlers handlers = {on_report, on_report_closed};
	struct source *s = source_of(ctx, c);
	int fd = fcntl(report_fd, F_DUPFD_CLOEXEC, 0); /* the original is child.c's to close */

	if (fd < 0)
		decide(s, false, strerror(errno));
	else
		s->report = ipc_chan_new(c->env->loop, fd, IPC_MEMBERSHIP, IPC_WORKER,
			&handlers, s);
}

static void on_exited(void *ctx, struct child *c)
{
	struct source *s = source_of(ctx, c);

	if (s->report != NULL)
		ipc_chan_drain(s->report);
}

static void on_message(void *ctx, struct child *c, enum ipc_type type, const void *msg)
{
	(void)ctx; /* a worker that is never reloaded has nothing else to say */
	(void)c;
	(void)type;
	(void)msg;
}

static const struct child_hooks hooks = {on_spawned, on_exited, on_message};

static void judge_life(struct source *s)
{
	char text[IPC_TEXT_MAX];

	if (s->decided || proc_has_process(&s->child.proc))
		return;
	snprintf(text, sizeof text, "its worker ended: %s", s->child.last_exit);
	decide(s, false, text);
}

/* Whoever has answered is stopped, and takes back what it has written; when all are, it is over. */
static void on_prepare(struct ev_loop *loop, ev_prepare *p, int revents)
{
	struct online *o = p->data;
	bool alive = false;

	(void)revents;
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++) {
		struct source *s = &o->source[i];

		if (!s->wanted)
			continue;
		judge_life(s);
		if (s->decided && s->child.proc.after != PROC_AFTER_STAY)
			child_event(&s->child, PROC_EV_STOP);
		alive = alive || proc_has_process(&s->child.proc);
	}
	if (!alive)
		ev_break(loop, EVBREAK_ALL);
}

static void decide_all(struct online *o, const char *text)
{
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		if (o->source[i].wanted)
			decide(&o->source[i], false, text);
}

static void on_tick(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct online *o = t->data;
	uint64_t now_ms = child_now(&o->env);

	(void)loop;
	(void)revents;
	if (clock_mono_ms() - o->started_ms >= ANSWER_MS)
		decide_all(o, "no answer within 10 s");
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++) {
		struct child *c = &o->source[i].child;

		if (c->proc.deadline_ms != 0 && now_ms >= c->proc.deadline_ms)
			child_event(c, PROC_EV_DEADLINE);
	}
}

static void on_signal(struct ev_loop *loop, ev_signal *sig, int revents)
{
	(void)loop;
	(void)revents;
	decide_all(sig->data, "interrupted");
}

static void ask(struct online *o)
{
	static const int signals[N_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
	struct ev_loop *loop = o->env.loop;

	for (size_t i = 0; i < N_SIGNALS; i++) {
		ev_signal_init(&o->sig[i], on_signal, signals[i]);
		o->sig[i].data = o;
		ev_signal_start(loop, &o->sig[i]);
	}
	ev_prepare_init(&o->prepare, on_prepare);
	ev_timer_init(&o->tick, on_tick, TICK_MS / 1000.0, TICK_MS / 1000.0);
	ev_set_priority(&o->tick, EV_MINPRI); /* after all input */
	o->prepare.data = o->tick.data = o;
	ev_prepare_start(loop, &o->prepare);
	ev_timer_start(loop, &o->tick);
	o->started_ms = clock_mono_ms();
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++)
		if (o->source[i].wanted)
			child_event(&o->source[i].child, PROC_EV_START);
	ev_run(loop, 0);
	ev_prepare_stop(loop, &o->prepare);
	ev_timer_stop(loop, &o->tick);
	for (size_t i = 0; i < N_SIGNALS; i++)
		ev_signal_stop(loop, &o->sig[i]);
}

/* --- what is told --- */

static const struct self_row {
	unsigned strategy;
	const char *in, *out;
} self_rows[] = {
	{STRATEGY_STATIC, "is one of the seeds",
		"is not one of the seeds; a list may be partial, as long as this node reaches one of "
		"it"},
	{STRATEGY_DNS, "is in the answer",
		"is not in the answer, nor is an address of this host: others will not find it here; "
		"add its record, or mend node.name"},
	{STRATEGY_ETCD,
		"can register: etcd shows a node only while that runs, so this check took the key "
		"away again",
		"is not in etcd: its key was deleted again by somebody else; others will not find it "
		"here"},
	{STRATEGY_K8S, "is in the answer",
		"is not in the answer: others will not find it here; see that the service selects "
		"this pod, and that cluster.k8s.address_type and suffix give node.name"},
};

static bool names(const struct source *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->found[i].name, name) == 0)
			return true;
	return false;
}

/* The static worker leaves this node out of its set and never calls that an error: the seed that is missing is us. */
static bool is_a_seed(const struct source *s, const struct conf *conf)
{
	const struct conf_list *seeds = &conf->cluster.static_seeds;
	struct node_addr addr;
	const char *why;

	for (size_t i = 0; i < seeds->n; i++)
		if (node_parse(seeds->item[i], NULL, &addr, &why) == 0 && !names(s, addr.name))
			return true;
	return false;
}

static void tell_self(FILE *out, const struct source *s, const struct conf *conf)
{
	const struct self_row *row = self_rows;
	bool in = s->found_self;

	while (row->strategy != s->child.spec->strategy)
		row++;
	if (row->strategy == STRATEGY_STATIC)
		in = is_a_seed(s, conf);
	fprintf(out, "  this node, %s, %s\n", conf->node.name, in ? row->in : row->out);
}

static void tell(FILE *out, const struct source *s, const struct conf *conf)
{
	fprintf(out, "%s: %s: %s\n", s->child.spec->name, s->ok ? "answered" : "failed",
		s->text);
	for (size_t i = 0; s->complete && i < s->n; i++) {
		const struct found *f = &s->found[i];
		unsigned port = f->port != 0 ? f->port : node_dist_port(f->name);
		bool v6 = strchr(f->host, ':') != NULL;

		fprintf(out, "  %s at %s%s%s:%u (%s)\n", f->name, v6 ? "[" : "", f->host,
			v6 ? "]" : "", port, f->source);
	}
	if (s->ok && s->n == 0)
		fprintf(out, "  no other node\n");
	if (s->ok)
		tell_self(out, s, conf);
}

static int tell_all(FILE *out, const struct online *o)
{
	int rc = EXIT_OK;

	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++) {
		const struct source *s = &o->source[i];

		if (!s->wanted)
			continue;
		tell(out, s, conf_values(o->env.conf));
		if (!s->ok)
			rc = EXIT_FAILED;
	}
	return rc;
}

static void open_sources(struct online *o)
{
	rng_init(&o->env.rng, clock_mono_us()); /* for restarts, which never come */
	o->env.loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_SIGNALFD);
	assert(o->env.loop != NULL);
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++) {
		struct source *s = &o->source[i];
		unsigned strategies = conf_values(o->env.conf)->cluster.strategies;

		s->wanted = (strategies & supervisor_workers[i].strategy) != 0;
		child_init(&s->child, &o->env, &supervisor_workers[i]);
	}
}

static void close_sources(struct online *o)
{
	for (size_t i = 0; i < SUPERVISOR_WORKERS; i++) {
		struct source *s = &o->source[i];

		ipc_chan_free(s->report);
		forget(s);
		free(s->found);
	}
	ev_loop_destroy(o->env.loop);
}

int online_run(const char *libexec, struct conf_loaded *conf, FILE *out)
{
	struct online o = {
		.env = {.conf = conf, .libexec = libexec, .lock_fd = -1, .hooks = &hooks}};
	int rc;

	if (conf_values(conf)->cluster.strategies == 0) {
		fprintf(out, "%s: there is no source to ask\n",
			conf_values(conf)->cluster.discovery == DISCOVERY_SINGLETON
				? "singleton"
				: "manual");
		return EXIT_OK;
	}
	o.env.ctx = &o;
	open_sources(&o);
	fflush(out);
	ask(&o);
	rc = tell_all(out, &o);
	close_sources(&o);
	return rc;
}
