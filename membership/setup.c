#include "membership/shell_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "membership/shared.h"

#define LOG_COMPONENT "setup"

enum { ASKS_MAX = 64 };

#define BEAT_EARLY 0.8 /* of the time between two: said when the loop is awake anyway */

struct ask {
	TAILQ_ENTRY(ask) next;
	uint32_t id;
	shell_answer *cb; /* NULL: nobody waits any more */
	void *ctx;
};

TAILQ_HEAD(ask_list, ask);

struct asks {
	struct ask_list list;
	size_t n;
	uint32_t last_id;
};

static void leave_loop(struct shell *s, int exit_code)
{
	s->exit_code = exit_code;
	ev_break(s->loop, EVBREAK_ALL);
}

/* --- questions to the supervisor --- */

static void ask_free(struct asks *a, struct ask *k)
{
	TAILQ_REMOVE(&a->list, k, next);
	a->n--;
	free(k);
}

int shell_ask(struct shell *s, enum ipc_ask_kind kind, const char *arg, shell_answer *cb,
	void *ctx)
{
	struct asks *a = s->asks;
	struct ipc_ask m = {.id = ++a->last_id, .kind = kind, .arg = msg_str(arg)};
	struct ask *k;
	int rc;

	if (a->n >= ASKS_MAX)
		return -ENOBUFS;
	rc = ipc_chan_send(s->chan, IPC_ASK, &m, -1);
	if (rc < 0)
		return rc;
	k = xcalloc(1, sizeof *k);
	k->id = m.id;
	k->cb = cb;
	k->ctx = ctx;
	TAILQ_INSERT_TAIL(&a->list, k, next);
	a->n++;
	return 0;
}

void shell_ask_cancel(struct shell *s, const void *ctx)
{
	struct ask *k;

	for (k = TAILQ_FIRST(&s->asks->list); k != NULL; k = TAILQ_NEXT(k, next))
		if (k->ctx == ctx)
			k->cb = NULL;
}

static void on_answer(struct shell *s, const struct ipc_answer *m)
{
	struct ask *k;
	char *text;

	for (k = TAILQ_FIRST(&s->asks->list); k != NULL; k = TAILQ_NEXT(k, next))
		if (k->id == m->id)
			break;
	if (k == NULL)
		return;
	text = xcalloc(1, (size_t)m->text.n + 1);
	if (m->text.n > 0)
		memcpy(text, m->text.p, m->text.n);
	if (k->cb != NULL)
		k->cb(k->ctx, m->ok, text);
	ask_free(s->asks, k);
	free(text);
}

/* --- what the supervisor says --- */

static void beat(struct shell *s)
{
	s->beat_at = ev_now(s->loop);
	ipc_chan_send(s->chan, IPC_BEAT, NULL, -1);
	ev_timer_again(s->loop, &s->beat);
}

static void use_conf(struct shell *s, struct conf_loaded *conf)
{
	const struct conf *v = conf_values(conf);

	conf_loaded_free(s->conf);
	s->conf = conf;
	s->beat.repeat = (double)v->supervisor.membership_watchdog_ms / 1000 / IPC_BEATS;
	beat(s);
	log_init("membership", (enum log_level)v->log.level, (enum log_format)v->log.format);
}

static void on_setup(struct shell *s, const struct ipc_setup *m)
{
	struct conf_loaded *conf = conf_section_parse(m->section.p, m->section.n);

	if (conf == NULL || s->conf != NULL) {
		log_error("setup_unreadable", "bytes=%u", m->section.n);
		conf_loaded_free(conf);
		leave_loop(s, EXIT_FAILED);
		return;
	}
	use_conf(s, conf);
}

static void on_listener(struct shell *s, const struct ipc_listener *m, int fd)
{
	if (m->kind >= SHELL_LISTENERS || s->listen_fd[m->kind] >= 0) {
		log_error("listener_unknown", "kind=%u", m->kind);
		close(fd);
		return;
	}
	s->listen_fd[m->kind] = fd;
	s->listen_port[m->kind] = m->port;
}

static void on_setup_done(struct shell *s)
{
	if (s->conf == NULL || s->core != NULL) {
		log_error("setup_incomplete", "conf=%s", s->conf != NULL ? "true" : "false");
		leave_loop(s, EXIT_FAILED);
	} else if (!serve_start(s)) {
		ev_break(s->loop, EVBREAK_ALL);
	} else {
		ipc_chan_send(s->chan, IPC_READY, NULL, -1);
		setup_status(s);
	}
}

static void on_reload(struct shell *s, const struct ipc_setup *m)
{
	struct conf_loaded *conf = conf_section_parse(m->section.p, m->section.n);
	struct ipc_reloaded answer = {.ok = conf != NULL && s->core != NULL};

	answer.text = msg_str(conf == NULL      ? "the section can't be read"
			      : s->core == NULL ? "membership is still starting"
						: "");
	if (answer.ok) {
		struct core_conf *c = serve_core_conf(s, conf);

		core_reload(shell_in(s), c);
		shell_out(s);
		serve_core_conf_free(c);
		use_conf(s, conf);
		shared_reload(s->shared);
	} else {
		conf_loaded_free(conf);
	}
	ipc_chan_send(s->chan, IPC_RELOADED, &answer, -1);
}

static void on_message(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	struct shell *s = ctx;

	switch (type) {
	case IPC_SETUP:
		on_setup(s, msg);
		break;
	case IPC_LISTENER:
		on_listener(s, msg, fd);
		break;
	case IPC_WORKER_PIPE:
		candidates_pipe(s->candidates, msg, fd);
		break;
	case IPC_WORKERS:
		candidates_table(s->candidates, msg);
		break;
	case IPC_SETUP_DONE:
		on_setup_done(s);
		break;
	case IPC_RELOAD:
		on_reload(s, msg);
		break;
	case IPC_STOP:
		serve_stop(s);
		break;
	case IPC_ANSWER:
		on_answer(s, msg);
		break;
	default: /* rows that the table does not let the supervisor send */
		break;
	}
}

/* Without its supervisor a membership has no business: a new one may be on its way up. */
static void on_closed(void *ctx, int error, const char *why)
{
	struct shell *s = ctx;

	if (error != 0)
		log_error("supervision_failed", "error=\"%s\" what=\"%s\"", strerror(-error),
			why);
	else if (!s->stopping)
		log_warn("supervisor_gone", "action=exit");
	leave_loop(s, EXIT_FAILED);
}

/* --- what it is told --- */

static void on_beat(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	beat(t->data);
}

void setup_beat_early(struct shell *s)
{
	if (ev_now(s->loop) - s->beat_at >= s->beat.repeat * BEAT_EARLY)
		beat(s);
}

void setup_status(struct shell *s)
{
	struct core_status st;
	struct ipc_text m;
	char text[sizeof s->status_text];

	core_status(s->core, &st);
	snprintf(text, sizeof text, "%u running, %u stopped, quorum %s%s%s", st.running,
		st.stopped, st.quorum ? "yes" : "no", st.busy[0] != '\0' ? ", " : "", st.busy);
	if (strcmp(text, s->status_text) == 0)
		return;
	memcpy(s->status_text, text, sizeof text);
	m.text = msg_str(text);
	ipc_chan_send(s->chan, IPC_STATUS_TEXT, &m, -1);
}

void setup_init(struct shell *s, int fd)
{
	static const struct ipc_handlers handlers = {on_message, on_closed};

	s->asks = xcalloc(1, sizeof *s->asks);
	TAILQ_INIT(&s->asks->list);
	s->chan = ipc_chan_new(s->loop, fd, IPC_MEMBERSHIP, IPC_SUPERVISOR, &handlers, s);
	ev_timer_init(&s->beat, on_beat, 0., 0.);
	s->beat.data = s;
}

void setup_fini(struct shell *s)
{
	struct ask *k, *next;

	ev_timer_stop(s->loop, &s->beat);
	ev_timer_stop(s->loop, &s->stop);
	for (k = TAILQ_FIRST(&s->asks->list); k != NULL; k = next) {
		next = TAILQ_NEXT(k, next);
		ask_free(s->asks, k);
	}
	free(s->asks);
	ipc_chan_free(s->chan);
	for (size_t i = 0; i < SHELL_LISTENERS; i++)
		if (s->listen_fd[i] >= 0)
			close(s->listen_fd[i]);
}
