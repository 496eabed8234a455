#include "workers/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/ipc_chan.h"
#include "common/os/sandbox.h"
#include "workers/candidate_set.h"

#define LOG_COMPONENT "worker"

enum { STOP_MS = 2000, NAME_BYTES = 256 };

struct harness {
	struct worker w; /* first: what the strategy holds is this */
	struct ipc_chan *supervision, *report;
	struct conf_loaded *loaded; /* NULL until the supervisor's first word */
	struct worker_reach reach;
	char node_name[NAME_BYTES], role[64];
	ev_signal term;
	ev_timer beat, deadline;
	bool stopping;
	int exit_code;

	bool reported;
	uint64_t generation;
	struct candidate_set set;

	bool said; /* something about health */
	struct {
		bool ok, found_self;
		uint64_t last_sync_ms;
		char text[IPC_TEXT_MAX + 1], detail[IPC_TEXT_MAX + 1];
	} health;
};

static struct harness *harness_of(struct worker *w)
{
	return (struct harness *)(void *)w;
}

static void leave(struct harness *h, int exit_code)
{
	if (exit_code != EXIT_OK)
		h->exit_code = exit_code;
	ev_break(h->w.loop, EVBREAK_ALL);
}

/* A channel that takes no more means a process that is stuck: our successor starts with a fresh one. */
static void send_or_leave(struct harness *h, struct ipc_chan *c, enum ipc_type type,
	const void *msg)
{
	int rc = ipc_chan_send(c, type, msg, -1);

	if (rc == 0 || rc == -EPIPE) /* -EPIPE: told by the channel's own event */
		return;
	log_error("cannot_send", "message=%s error=\"%s\"", ipc_rows[type].method,
		rc == -ENOBUFS ? "the other side does not read" : strerror(-rc));
	leave(h, EXIT_FAILED);
}

static void begin_stop(struct harness *h)
{
	if (h->stopping)
		return;
	h->stopping = true;
	if (h->loaded == NULL || h->w.strategy->stop == NULL) {
		leave(h, EXIT_OK);
		return;
	}
	ev_timer_set(&h->deadline, STOP_MS / 1000.0, 0.0);
	ev_timer_start(h->w.loop, &h->deadline);
	h->w.strategy->stop(&h->w);
}

void worker_stopped(struct worker *w)
{
	leave(harness_of(w), EXIT_OK);
}

/* Replaces the configuration. The old one is returned, the caller frees it when nobody looks at it any more. */
static int take_section(struct harness *h, const struct ipc_setup *m, struct conf_loaded **old)
{
	struct conf_loaded *fresh = conf_section_parse(m->section.p, m->section.n);

	*old = NULL;
	if (fresh == NULL)
		return -EPROTO;
	if (!msg_span_copy(h->node_name, sizeof h->node_name, m->node_name)) {
		conf_loaded_free(fresh);
		return -EPROTO;
	}
	*old = h->loaded;
	h->loaded = fresh;
	h->w.conf = conf_values(fresh);
	log_init(h->role, h->w.conf->log.level, h->w.conf->log.format);
	return 0;
}

static int confine(struct harness *h)
{
	const struct worker_strategy *s = h->w.strategy;
	struct worker_reach *r = &h->reach;
	struct sandbox_spec spec = {.needs = s->sandbox};
	const char *dirs[WORKER_REACH_DIRS];

	if (s->reach != NULL)
		s->reach(&h->w, r);
	for (size_t i = 0; i < r->n_dirs; i++)
		dirs[i] = r->dir[i];
	spec.read_dirs = dirs;
	spec.n_read_dirs = r->n_dirs;
	spec.ports = r->port;
	spec.n_ports = r->n_ports;
	return sandbox_apply(&spec);
}

static void beat_by_conf(struct harness *h)
{
	h->beat.repeat = (double)h->w.conf->supervisor.worker_watchdog_ms / 1000 / IPC_BEATS;
	ev_timer_again(h->w.loop, &h->beat);
}

static void on_setup(struct harness *h, const struct ipc_setup *m)
{
	const struct worker_strategy *s = h->w.strategy;
	struct conf_loaded *old;
	int rc;

	if (h->loaded != NULL || take_section(h, m, &old) < 0) {
		log_error("bad_setup", "error=\"%s\"",
			h->loaded != NULL ? "it came twice" : "unreadable section");
		leave(h, EXIT_FAILED);
		return;
	}
	if (s->init != NULL && s->init(&h->w) < 0) {
		leave(h, EXIT_FAILED);
		return;
	}
	rc = confine(h);
	if (rc < 0) {
		log_error("sandbox_failed", "error=\"%s\"", strerror(-rc));
		leave(h, EXIT_FAILED);
		return;
	}
	s->start(&h->w);
	beat_by_conf(h);
	send_or_leave(h, h->supervision, IPC_READY, NULL);
}

/* A sandbox can't be widened: the next life gets one that fits the new configuration. */
static bool outgrows_sandbox(struct harness *h)
{
	struct worker_reach fresh = {.n_dirs = 0};
	bool covered;

	if (h->w.strategy->reach != NULL)
		h->w.strategy->reach(&h->w, &fresh);
	covered = worker_reach_covers(&h->reach, &fresh);
	worker_reach_free(&fresh);
	return !covered;
}

static void use_reloaded(struct harness *h)
{
	beat_by_conf(h);
	if (outgrows_sandbox(h)) {
		log_info("restart_for_reload", "reason=\"other files or ports than before\"");
		begin_stop(h);
	} else if (h->w.strategy->reload != NULL) {
		h->w.strategy->reload(&h->w);
	}
}

static void on_reload(struct harness *h, const struct ipc_setup *m)
{
	struct ipc_reloaded answer = {.ok = false, .text = msg_str("unreadable section")};
	struct conf_loaded *old = NULL;

	if (h->loaded != NULL && take_section(h, m, &old) == 0)
		answer = (struct ipc_reloaded){.ok = true, .text = msg_str("")};
	send_or_leave(h, h->supervision, IPC_RELOADED, &answer);
	if (answer.ok)
		use_reloaded(h);
	conf_loaded_free(old);
}

static void on_order(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	struct harness *h = ctx;

	(void)fd; /* no row to a worker carries one */
	if (type == IPC_SETUP)
		on_setup(h, msg);
	else if (type == IPC_RELOAD)
		on_reload(h, msg);
	else if (type == IPC_STOP)
		begin_stop(h);
}

static void on_supervision_closed(void *ctx, int error, const char *why)
{
	if (error != 0)
		log_error("supervision_broken", "error=\"%s\" what=\"%s\"", strerror(-error),
			why);
	leave(ctx, error == 0 ? EXIT_OK : EXIT_FAILED);
}

static void on_nothing(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	(void)ctx; /* the report pipe has no way back */
	(void)type;
	(void)msg;
	(void)fd;
}

/* The membership goes down with us more often than before us: what the strategy has to take back, it takes back. */
static void on_report_closed(void *ctx, int error, const char *why)
{
	struct harness *h = ctx;

	if (h->stopping)
		return;
	log_info("membership_gone", "error=\"%s\" what=\"%s\"", strerror(-error), why);
	h->exit_code = EXIT_FAILED;
	begin_stop(h);
}

static void send_set(struct harness *h)
{
	const struct candidate_set *s = &h->set;
	size_t done = 0;
	uint32_t part = 0;

	h->generation++;
	do {
		size_t n =
			s->n - done < IPC_CANDIDATES_PART ? s->n - done : IPC_CANDIDATES_PART;
		struct ipc_candidates m = {.generation = h->generation,
			.part = part,
			.last = done + n == s->n,
			.list = {s->item + done, (uint32_t)n}};

		send_or_leave(h, h->report, IPC_CANDIDATES, &m);
		done += n;
		part++;
	} while (done < s->n);
}

void worker_report(struct worker *w, const struct worker_candidate *c, size_t n)
{
	struct harness *h = harness_of(w);
	struct candidate_set fresh;

	candidate_set_build(&fresh, c, n);
	if (fresh.n_refused > 0 && fresh.n_refused != h->set.n_refused)
		log_warn("candidates_left_out", "left_out=%zu kept=%zu max=%d", fresh.n_refused,
			fresh.n, IPC_CANDIDATES_MAX);
	if (h->reported && candidate_set_eq(&fresh, &h->set)) {
		candidate_set_free(&fresh);
		return;
	}
	log_info("candidates", "n=%zu", fresh.n);
	candidate_set_free(&h->set);
	h->set = fresh;
	h->reported = true;
	send_set(h);
}

static void send_health(struct harness *h)
{
	struct ipc_health m = {.ok = h->health.ok,
		.found_self = h->health.found_self,
		.text = ipc_line(h->health.text),
		.detail = ipc_line(h->health.detail),
		.last_sync_ms = h->health.last_sync_ms};

	h->said = true;
	send_or_leave(h, h->report, IPC_HEALTH, &m);
}

void worker_ok(struct worker *w, bool found_self, const char *detail)
{
	struct harness *h = harness_of(w);

	if (h->said && !h->health.ok)
		log_info("discovery_recovered", "after=\"%s\"", h->health.text);
	if (!found_self && (!h->said || h->health.found_self) && !w->strategy->self_optional)
		log_warn("self_not_found",
			"node=%s hint=\"no answer names this node or its address\"",
			w->node_name);
	h->health.ok = true;
	h->health.found_self = found_self || w->strategy->self_optional;
	h->health.last_sync_ms = clock_wall_ms();
	h->health.text[0] = '\0';
	snprintf(h->health.detail, sizeof h->health.detail, "%s", detail);
	send_health(h);
}

void worker_error(struct worker *w, const char *text)
{
	struct harness *h = harness_of(w);
	char quoted[2 * IPC_TEXT_MAX];

	if (h->said && !h->health.ok && strncmp(h->health.text, text, IPC_TEXT_MAX) == 0)
		return;
	log_warn("discovery_failed", "error=%s",
		log_quote(quoted, sizeof quoted, text, strlen(text)));
	h->health.ok = false;
	snprintf(h->health.text, sizeof h->health.text, "%s", text);
	send_health(h);
}

static void on_term(struct ev_loop *loop, ev_signal *sig, int revents)
{
	(void)loop;
	(void)revents;
	begin_stop(sig->data);
}

static void on_beat(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct harness *h = t->data;

	(void)loop;
	(void)revents;
	send_or_leave(h, h->supervision, IPC_BEAT, NULL);
}

static void on_deadline(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	log_warn("stop_cut_short", "after_ms=%d", STOP_MS);
	leave(t->data, EXIT_OK);
}

static bool has_channels(void)
{
	struct stat a, b;

	return fstat(IPC_SUPERVISION_FD, &a) == 0 && S_ISSOCK(a.st_mode) &&
	       fstat(IPC_REPORT_FD, &b) == 0 && S_ISFIFO(b.st_mode);
}

static void open_harness(struct harness *h, const struct worker_strategy *s)
{
	static const struct ipc_handlers orders = {on_order, on_supervision_closed};
	static const struct ipc_handlers reports = {on_nothing, on_report_closed};
	uint64_t seed = clock_mono_us();

	*h = (struct harness){.w = {.strategy = s, .node_name = h->node_name}};
	snprintf(h->role, sizeof h->role, "worker-%s", s->name);
	log_init(h->role, LOG_INFO, LOG_LOGFMT);
	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
		seed ^= clock_wall_ms(); /* only jitter hangs on it */
	rng_init(&h->w.rng, seed);
	h->w.loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_SIGNALFD);
	if (h->w.loop == NULL)
		abort();
	h->supervision = ipc_chan_new(h->w.loop, IPC_SUPERVISION_FD, IPC_WORKER, IPC_SUPERVISOR,
		&orders, h);
	h->report =
		ipc_chan_new(h->w.loop, IPC_REPORT_FD, IPC_WORKER, IPC_MEMBERSHIP, &reports, h);
	ev_signal_init(&h->term, on_term, SIGTERM);
	ev_timer_init(&h->beat, on_beat, 0.0, 0.0);
	ev_timer_init(&h->deadline, on_deadline, 0.0, 0.0);
	h->term.data = h->beat.data = h->deadline.data = h;
	ev_signal_start(h->w.loop, &h->term);
}

static void close_harness(struct harness *h)
{
	if (h->loaded != NULL && h->w.strategy->fini != NULL)
		h->w.strategy->fini(&h->w);
	ev_signal_stop(h->w.loop, &h->term);
	ev_timer_stop(h->w.loop, &h->beat);
	ev_timer_stop(h->w.loop, &h->deadline);
	ipc_chan_free(h->supervision);
	ipc_chan_free(h->report);
	candidate_set_free(&h->set);
	worker_reach_free(&h->reach);
	conf_loaded_free(h->loaded);
	ev_loop_destroy(h->w.loop);
}

int worker_main(const struct worker_strategy *s, int argc, char **argv)
{
	struct harness *h;
	int exit_code;

	if (argc != 1 || !has_channels()) {
		fprintf(stderr, "%s is started by clusterd\n", argv[0]);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	h = xcalloc(1, sizeof *h);
	open_harness(h, s);
	ev_run(h->w.loop, 0);
	exit_code = h->exit_code;
	close_harness(h);
	free(h);
	return exit_code;
}
