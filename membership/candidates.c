#include "membership/candidates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/node.h"

#define LOG_COMPONENT "candidates"

/* Names and hosts of a set live and die together. */
struct set {
	struct core_candidate *list;
	size_t n, cap, refused;
	struct owned *strings;
};

struct owned {
	struct owned *next;
	char text[];
};

struct worker {
	TAILQ_ENTRY(worker) next;
	struct candidates *owner;
	char name[IPC_WORKER_NAME_MAX + 1];
	struct ipc_chan *pipe;
	struct set current, coming;
	bool reported, in_parts, bad; /* bad: its pipe is about to be closed */
	uint64_t generation;          /* of coming */
	uint32_t part;                /* the next one */
	/* its health */
	bool has_health, ok, found_self;
	char text[IPC_TEXT_MAX + 1], detail[IPC_TEXT_MAX + 1];
	uint64_t last_sync_ms;
	/* the supervisor's row */
	bool has_row;
	char state[IPC_TEXT_MAX + 1], last_exit[IPC_TEXT_MAX + 1];
	uint32_t pid, restarts;
	uint64_t started_ms;
};

TAILQ_HEAD(worker_list, worker);

struct candidates {
	struct ev_loop *loop;
	candidates_changed *changed;
	candidates_fault *fault;
	void *ctx;
	struct worker_list workers;
	size_t n;
	ev_prepare
		reaper; /* never started, only fed: a pipe can't be closed from inside its own message */
};

/* --- sets --- */

static void set_free(struct set *s)
{
	while (s->strings != NULL) {
		struct owned *next = s->strings->next;

		free(s->strings);
		s->strings = next;
	}
	free(s->list);
	memset(s, 0, sizeof *s);
}

static const char *keep(struct set *s, const char *text)
{
	size_t n = strlen(text) + 1;
	struct owned *o = xcalloc(1, sizeof *o + n);

	memcpy(o->text, text, n);
	o->next = s->strings;
	s->strings = o;
	return o->text;
}

/* False for what can't be dialled. */
static bool set_add(struct set *s, const struct ipc_candidate *c)
{
	char name[NODE_NAME_MAX + 1], host[NODE_HOST_MAX + 1];
	struct node_addr addr;
	const char *why;

	if (!msg_span_copy(name, sizeof name, c->name) ||
		!msg_span_copy(host, sizeof host, c->host) || host[0] == '\0' ||
		node_parse(name, NULL, &addr, &why) != 0)
		return false;
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : 2 * s->cap;
		s->list = xrealloc(s->list, s->cap, sizeof *s->list);
	}
	s->list[s->n++] = (struct core_candidate){keep(s, addr.name), keep(s, host), c->port};
	return true;
}

static void replace(struct worker *w)
{
	if (w->coming.refused > 0)
		log_warn("candidates_refused",
			"worker=%s refused=%zu reason=\"malformed, or more than %d\"", w->name,
			w->coming.refused, IPC_CANDIDATES_MAX);
	set_free(&w->current);
	w->current = w->coming;
	memset(&w->coming, 0, sizeof w->coming);
	w->reported = true;
	w->owner->changed(w->owner->ctx, w->name, w->current.list, w->current.n);
}

/* --- one worker's pipe --- */

static void close_pipe(struct worker *w)
{
	ipc_chan_free(w->pipe);
	w->pipe = NULL;
	set_free(&w->coming);
	w->in_parts = false;
}

/* A part that does not follow the last one starts nothing: the worker is told by the end of its pipe. */
static bool take_part(struct worker *w, const struct ipc_candidates *m)
{
	const struct ipc_candidate *c = m->list.item;

	if (m->part == 0) {
		set_free(&w->coming);
		w->generation = m->generation;
		w->part = 0;
		w->in_parts = true;
	}
	if (!w->in_parts || m->generation != w->generation || m->part != w->part)
		return false;
	w->part++;
	for (uint32_t i = 0; i < m->list.n; i++)
		if (w->coming.n >= IPC_CANDIDATES_MAX || !set_add(&w->coming, &c[i]))
			w->coming.refused++;
	if (m->last) {
		w->in_parts = false;
		replace(w);
	}
	return true;
}

static void take_health(struct worker *w, const struct ipc_health *m)
{
	bool changed = !w->has_health || w->ok != m->ok || !msg_span_eq(m->text, w->text);

	w->has_health = true;
	w->ok = m->ok;
	w->found_self = m->found_self;
	w->last_sync_ms = m->last_sync_ms;
	msg_span_copy(w->text, sizeof w->text, m->text);
	msg_span_copy(w->detail, sizeof w->detail, m->detail);
	if (changed && !m->ok) {
		char quoted[2 * IPC_TEXT_MAX];

		log_warn("discovery_failing", "worker=%s error=%s", w->name,
			log_quote(quoted, sizeof quoted, w->text, strlen(w->text)));
	} else if (changed) {
		log_info("discovery_ok", "worker=%s candidates=%zu", w->name, w->current.n);
	}
}

static void on_reap(struct ev_loop *loop, ev_prepare *p, int revents)
{
	struct candidates *c = p->data;
	struct worker *w;

	(void)loop;
	(void)revents;
	for (w = TAILQ_FIRST(&c->workers); w != NULL; w = TAILQ_NEXT(w, next))
		if (w->bad)
			close_pipe(w);
}

static void on_message(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	struct worker *w = ctx;

	if (fd >= 0)
		close(fd);
	if (w->bad)
		return;
	if (type == IPC_HEALTH) {
		take_health(w, msg);
	} else if (type == IPC_CANDIDATES && !take_part(w, msg)) {
		log_warn("worker_garbage", "worker=%s error=\"parts out of order\"", w->name);
		w->bad = true;
		w->owner->fault(w->owner->ctx, w->name);
		ev_feed_event(w->owner->loop, &w->owner->reaper, EV_CUSTOM);
	}
}

static void on_closed(void *ctx, int error, const char *why)
{
	struct worker *w = ctx;

	if (error != 0 && !w->bad) {
		log_warn("worker_garbage", "worker=%s error=\"%s\" what=\"%s\"", w->name,
			strerror(-error), why);
		w->owner->fault(w->owner->ctx, w->name);
	}
	close_pipe(w);
}

/* --- workers --- */

static struct worker *find(struct candidates *c, struct msg_span name)
{
	struct worker *w;

	for (w = TAILQ_FIRST(&c->workers); w != NULL; w = TAILQ_NEXT(w, next))
		if (msg_span_eq(name, w->name))
			return w;
	return NULL;
}

/* NULL for a name that no strategy has. */
static struct worker *intern(struct candidates *c, struct msg_span name)
{
	struct worker *w = find(c, name);

	if (w != NULL)
		return w;
	w = xcalloc(1, sizeof *w);
	w->owner = c;
	if (c->n >= IPC_WORKERS_MAX || name.n == 0 ||
		!msg_span_copy(w->name, sizeof w->name, name)) {
		free(w);
		return NULL;
	}
	snprintf(w->state, sizeof w->state, "starting");
	TAILQ_INSERT_TAIL(&c->workers, w, next);
	c->n++;
	return w;
}

static void drop(struct worker *w)
{
	struct candidates *c = w->owner;

	close_pipe(w);
	set_free(&w->current);
	TAILQ_REMOVE(&c->workers, w, next);
	c->n--;
	free(w);
}

struct candidates *candidates_new(struct ev_loop *loop, candidates_changed *changed,
	candidates_fault *fault, void *ctx)
{
	struct candidates *c = xcalloc(1, sizeof *c);

	c->loop = loop;
	c->changed = changed;
	c->fault = fault;
	c->ctx = ctx;
	TAILQ_INIT(&c->workers);
	ev_prepare_init(&c->reaper, on_reap);
	c->reaper.data = c;
	return c;
}

void candidates_close(struct candidates *c)
{
	struct worker *w, *next;

	if (c == NULL)
		return;
	for (w = TAILQ_FIRST(&c->workers); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		drop(w);
	}
	ev_clear_pending(c->loop, &c->reaper);
	free(c);
}

void candidates_pipe(struct candidates *c, const struct ipc_worker_pipe *m, int fd)
{
	static const struct ipc_handlers handlers = {on_message, on_closed};
	struct worker *w = intern(c, m->name);

	if (w == NULL) {
		log_error("worker_unknown", "name_bytes=%u", m->name.n);
		close(fd);
		return;
	}
	close_pipe(w);
	w->bad = false;
	w->pipe = ipc_chan_new(c->loop, fd, IPC_MEMBERSHIP, IPC_WORKER, &handlers, w);
}

void candidates_table(struct candidates *c, const struct ipc_workers *m)
{
	const struct ipc_worker_row *row = m->rows.item;
	struct worker *w, *next;

	for (w = TAILQ_FIRST(&c->workers); w != NULL; w = TAILQ_NEXT(w, next))
		w->has_row = false;
	for (uint32_t i = 0; i < m->rows.n; i++) {
		w = intern(c, row[i].name);
		if (w == NULL)
			continue;
		w->has_row = true;
		msg_span_copy(w->state, sizeof w->state, row[i].state);
		msg_span_copy(w->last_exit, sizeof w->last_exit, row[i].last_exit);
		w->pid = row[i].pid;
		w->restarts = row[i].restarts;
		w->started_ms = row[i].started_ms;
	}
	for (w = TAILQ_FIRST(&c->workers); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		if (w->has_row)
			continue;
		if (w->reported)
			c->changed(c->ctx, w->name, NULL, 0);
		drop(w);
	}
}

void candidates_replay(struct candidates *c)
{
	struct worker *w;

	for (w = TAILQ_FIRST(&c->workers); w != NULL; w = TAILQ_NEXT(w, next))
		if (w->reported)
			c->changed(c->ctx, w->name, w->current.list, w->current.n);
}

size_t candidates_n_workers(const struct candidates *c)
{
	return c->n;
}

void candidates_worker_at(const struct candidates *c, size_t i, struct shell_worker *out)
{
	const struct worker *w = TAILQ_FIRST(&c->workers);

	while (i-- > 0)
		w = TAILQ_NEXT(w, next);
	*out = (struct shell_worker){
		.name = w->name,
		.state = w->state,
		.last_exit = w->last_exit,
		.pid = w->pid,
		.restarts = w->restarts,
		.started_ms = w->started_ms,
		.has_health = w->has_health,
		.ok = w->ok,
		.found_self = w->found_self,
		.text = w->text,
		.detail = w->detail,
		.last_sync_ms = w->last_sync_ms,
		.n_candidates = w->current.n,
	};
}

void candidates_each(const struct candidates *c, shell_candidate_visit *visit, void *ctx)
{
	const struct worker *w;

	for (w = TAILQ_FIRST(&c->workers); w != NULL; w = TAILQ_NEXT(w, next))
		for (size_t i = 0; i < w->current.n; i++)
			visit(ctx, w->name, &w->current.list[i]);
}
