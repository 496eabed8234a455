#include "membership/shared_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "membership/datapath.h"

#define LOG_COMPONENT "data"

enum { BURST_BYTES = 8 * 1024 };

struct data *shared_in(struct shared *d)
{
	data_clock(d->data, clock_mono_us(), clock_wall_ms());
	return d->data;
}

/* --- from the data to everybody --- */

static void call(struct shared *d, const struct data_fx *fx)
{
	rpc_pool_call(d->pool,
		&(struct rpc_call){.call = fx->u.call.call,
			.peer = fx->u.call.peer,
			.host = fx->u.call.host,
			.port = fx->u.call.rpc_port,
			.method = wire_data_rows[fx->u.call.method].method,
			.params = {fx->u.call.params, fx->u.call.params + fx->u.call.n},
			.timeout_ms = fx->u.call.timeout_ms});
}

void shared_tell_event(struct shared *d, const struct data_event *e)
{
	static const enum log_level level[] =
		{[CORE_INFO] = LOG_INFO, [CORE_WARN] = LOG_WARN, [CORE_ERROR] = LOG_ERROR};
	const struct shell *s = d->shell;
	char text[2 * sizeof e->text], id[ID_HEX_MAX];

	log_event(level[data_event_severity(e->kind)], LOG_COMPONENT, data_event_name(e->kind),
		"member=%s text=%s", id_hex(&e->member_id, id),
		log_quote(text, sizeof text, e->text, strlen(e->text)));
	if (s->hooks != NULL && s->hooks->data_event != NULL)
		s->hooks->data_event(s->hooks_ctx, e);
}

static void note_progress(struct shared *d, const struct data_fx *fx)
{
	if (fx->u.progress.job != d->job)
		return;
	d->progress = (struct shell_progress){fx->u.progress.entries,
		fx->u.progress.entries_total, fx->u.progress.bytes, fx->u.progress.bytes_total};
}

struct word *shared_word(struct shared *d)
{
	if (d->n_words == d->words_cap) {
		d->words_cap = d->words_cap == 0 ? 4 : 2 * d->words_cap;
		d->word = xrealloc(d->word, d->words_cap, sizeof *d->word);
	}
	return &d->word[d->n_words++];
}

static void note_word(struct shared *d, const struct data_fx *fx)
{
	struct word *w = shared_word(d);

	*w = (struct word){.kind = fx->kind,
		.job = fx->u.done.job,
		.ok = fx->u.done.ok,
		.generation = fx->u.done.generation};
	snprintf(w->text, sizeof w->text, "%s", fx->u.done.text);
}

static void persist(struct shell *s, const struct data_fx *fx)
{
	size_t bytes = 0;

	for (size_t i = 0; i < fx->u.persist.n; i++)
		bytes += fx->u.persist.write[i].value_n;
	if (bytes >= BURST_BYTES)
		memory_burst(&s->memory);
	s->persists++;
	state_put(s->state, STATE_DATA, fx->u.persist.seq, fx->u.persist.write,
		fx->u.persist.n);
}

/* Hooks may ask the data, which ends the life of what fx points at: they get copies. */
static void execute(struct shared *d, const struct data_fx *fx)
{
	struct shell *s = d->shell;
	union {
		struct data_event event;
		struct data_reply reply;
	} copied;

	switch (fx->kind) {
	case DATA_FX_PERSIST:
		persist(s, fx);
		break;
	case DATA_FX_CALL:
		call(d, fx);
		break;
	case DATA_FX_CALL_CANCEL:
		rpc_pool_cancel(d->pool, fx->u.call.call);
		break;
	case DATA_FX_ANSWER:
		rpc_server_answer(s->rpc_server, fx->u.answer.serve, fx->u.answer.ok,
			(struct msg_reader){fx->u.answer.result,
				fx->u.answer.result + fx->u.answer.n});
		break;
	case DATA_FX_REPLY:
		copied.reply = fx->u.reply;
		if (s->hooks != NULL && s->hooks->data_reply != NULL)
			s->hooks->data_reply(s->hooks_ctx, &copied.reply);
		break;
	case DATA_FX_CHANGED:
		if (s->hooks != NULL && s->hooks->data_changed != NULL)
			s->hooks->data_changed(s->hooks_ctx);
		break;
	case DATA_FX_EVENT:
		copied.event = fx->u.event;
		shared_tell_event(d, &copied.event);
		break;
	case DATA_FX_COPIED:
	case DATA_FX_HANDED:
		note_word(d, fx);
		break;
	case DATA_FX_PROGRESS:
		note_progress(d, fx);
		break;
	case DATA_FX_STATUS:
		d->status_changed = true;
		break;
	}
}

/* --- from the data to the core --- */

static void tell_status(struct shared *d)
{
	struct data_status st;

	d->status_changed = false;
	data_status(d->data, &st);
	core_data(d->shell->core, &(struct core_data){st.vector_hash, st.data_hash, st.empty});
}

static void tell_word(struct shared *d, const struct word *w)
{
	struct core *core = d->shell->core;

	core_clock(core, clock_mono_us(), clock_wall_ms());
	d->job = 0;
	if (w->kind == DATA_FX_COPIED)
		core_copied(core, w->job, w->ok, w->generation, w->text);
	else
		core_handed(core, w->job, w->ok, w->text);
}

/* Whether the core is about to replace or clear data that is saved first, and why. NULL: no. */
static const char *backup_reason(const struct shared *d, const struct word *w)
{
	struct data_status st;

	if (d->data == NULL)
		return NULL;
	data_status(d->data, &st);
	if (st.entries == 0 && st.conflicts == 0)
		return NULL;
	if (w->kind == DATA_FX_COPIED)
		return w->ok && !d->no_backup ? "join" : NULL;
	if (d->removed)
		return w->ok ? "removed" : NULL;
	return !w->ok && d->force ? "leave" : NULL;
}

/* Without its backup a join does not happen; a member that is gone already, or forced to go, goes all the same. */
static void on_backed_up(void *ctx, int error, const char *path)
{
	struct shared *d = ctx;
	struct word w = d->held;
	size_t n = strlen(w.text);

	d->held.job = 0;
	if (error == 0)
		log_info("backup_written", "path=%s", path);
	else
		log_warn("backup_failed", "error=\"%s\"", strerror(-error));
	if (w.kind == DATA_FX_COPIED && error != 0) {
		w.ok = false;
		snprintf(w.text, sizeof w.text,
			"the data that would be replaced could not be saved first: %s; `--no-backup` joins without",
			strerror(-error));
		data_copy_cancel(shared_in(d), w.job);
	} else if (error != 0) {
		snprintf(w.text + n, sizeof w.text - n, "; it could not be saved: %s",
			strerror(-error));
	} else {
		snprintf(w.text + n, sizeof w.text - n, "%sit was saved in %s",
			n > 0 ? "; " : "", path);
	}
	tell_word(d, &w);
	shell_out(d->shell);
}

static void hold_or_tell(struct shared *d, const struct word *w)
{
	const char *reason = w->job == d->job ? backup_reason(d, w) : NULL;

	if (reason == NULL) {
		tell_word(d, w);
		return;
	}
	d->held = *w;
	backup_start(d->backup, d->data, d->shell->state, reason, on_backed_up, d);
}

static void run(struct shared *d)
{
	const struct data_fx *fx;
	size_t n = d->n_wishes;

	for (size_t i = 0; i < n; i++)
		shared_grant(d, &d->wish[i]);
	d->n_wishes = 0;
	while ((fx = data_next_fx(d->data)) != NULL)
		execute(d, fx);
	if (d->status_changed)
		tell_status(d);
}

bool shared_run(struct shared *d)
{
	size_t n;

	if (d == NULL)
		return false;
	if (d->data != NULL)
		run(d);
	else
		shared_refuse(d);
	n = d->n_words;
	for (size_t i = 0; i < n; i++)
		hold_or_tell(d, &d->word[i]);
	d->n_words = 0;
	return n > 0;
}

/* --- from everybody to the data --- */

void shared_persisted(struct shared *d, uint64_t seq, int error)
{
	data_persisted(shared_in(d), seq, error);
	shell_out(d->shell);
}

static void on_answered(void *ctx, uint32_t number, struct msg_reader result, const char *error)
{
	struct shared *d = ctx;

	data_answered(shared_in(d), number, result, error);
	shell_out(d->shell);
}

static void on_reached(void *ctx, const struct id128 *member, bool ok, const char *text)
{
	struct shared *d = ctx;

	datapath_reached(d->shell->datapath, member, ok, text);
}

static void refuse_request(struct shell *s, uint32_t serve)
{
	struct wire_rpc_error e = {.code = WIRE_BYE_BUSY,
		.text = msg_str(s->shared->state == SHELL_DATA_LOADING
					? "its shared data is being loaded"
					: "its shared data on disk can't be read")};
	struct buf b = {0};

	msg_encode(&b, &wire_rpc_error_desc, &e);
	rpc_server_answer(s->rpc_server, serve, false, (struct msg_reader){b.p, b.p + b.n});
	buf_free(&b);
}

static bool on_request(void *ctx, const struct rpc_request *r)
{
	struct shell *s = ctx;

	for (unsigned i = 0; i < WIRE_DATA_N; i++) {
		if (!msg_span_eq(r->method, wire_data_rows[i].method))
			continue;
		if (s->shared->data == NULL) {
			refuse_request(s, r->serve);
			return true;
		}
		data_serve(shared_in(s->shared), r->serve, &r->from, (enum wire_data)i,
			r->params);
		shell_out(s);
		return true;
	}
	return false;
}

static void on_request_lost(void *ctx, uint32_t serve)
{
	struct shell *s = ctx;

	if (s->shared->data == NULL)
		return;
	data_serve_lost(shared_in(s->shared), serve);
	shell_out(s);
}

const struct rpc_server_handlers shared_requests = {on_request, on_request_lost};

struct data *shell_data(const struct shell *s)
{
	return s->shared == NULL ? NULL : s->shared->data;
}

void shell_data_command(struct shell *s, const struct data_command *cmd)
{
	data_command(shared_in(s->shared), cmd);
	shell_out(s);
}

bool shell_data_progress(const struct shell *s, struct shell_progress *out)
{
	if (s->shared == NULL || s->shared->job == 0)
		return false;
	*out = s->shared->progress;
	return true;
}

/* --- time --- */

static void on_tick(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct shared *d = t->data;

	(void)loop;
	(void)revents;
	d->armed_ms = UINT64_MAX;
	data_tick(shared_in(d));
	shell_out(d->shell);
}

static void arm(struct shared *d)
{
	uint64_t at_ms = data_deadline(d->data), now_us;
	struct ev_loop *loop = d->shell->loop;

	if (at_ms == d->armed_ms)
		return;
	ev_timer_stop(loop, &d->tick);
	d->armed_ms = at_ms;
	if (at_ms == UINT64_MAX)
		return;
	now_us = clock_mono_us();
	ev_now_update(loop);
	ev_timer_set(&d->tick,
		at_ms * 1000 > now_us ? (double)(at_ms * 1000 - now_us) / 1e6 : 0., 0.);
	ev_timer_start(loop, &d->tick);
}

void shared_before_wait(struct shared *d)
{
	if (d->data == NULL)
		return;
	if (core_views(d->shell->core) != d->views || d->shell->view_changed) {
		shared_tell_view(d);
		shell_out(d->shell);
	}
	arm(d);
}

/* --- life --- */

static void self(void *ctx, struct wire_rpc_hello *out)
{
	const struct shared *d = ctx;

	datapath_self(d->shell, out);
}

struct shared *shared_new(struct shell *s)
{
	static const struct rpc_pool_handlers handlers = {on_answered, on_reached};
	struct shared *d = xcalloc(1, sizeof *d);

	d->shell = s;
	d->armed_ms = UINT64_MAX;
	d->pool = rpc_pool_new(s->env, self, &handlers, d);
	ev_init(&d->tick, on_tick);
	ev_set_priority(&d->tick, NET_PRI_LAST);
	d->tick.data = d;
	return d;
}

void shared_free(struct shared *d)
{
	if (d == NULL)
		return;
	ev_timer_stop(d->shell->loop, &d->tick);
	rpc_pool_free(d->pool);
	backup_free(d->backup);
	data_free(d->data);
	data_free(d->coming);
	shared_view_free(&d->view);
	free(d->wish);
	free(d->word);
	free(d);
}
