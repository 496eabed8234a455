#include "membership/shell_int.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "membership/datapath.h"
#include "membership/known.h"
#include "membership/links.h"
#include "membership/shared.h"

#define LOG_COMPONENT "membership"

enum { LATE_MS = 10, LATE_TURNS = 3 };

/* --- inputs and effects --- */

struct core *shell_in(struct shell *s)
{
	assert(!s->in_effects);
	core_clock(s->core, clock_mono_us(), clock_wall_ms());
	return s->core;
}

static void persist(struct shell *s, const struct core_fx *fx)
{
	s->persists++;
	state_put(s->state, STATE_CORE, fx->u.persist.seq, fx->u.persist.write,
		fx->u.persist.n);
}

static void tell_event(struct shell *s, const struct core_event *e)
{
	static const enum log_level level[] =
		{[CORE_INFO] = LOG_INFO, [CORE_WARN] = LOG_WARN, [CORE_ERROR] = LOG_ERROR};
	char text[2 * sizeof e->text], id[ID_HEX_MAX];

	log_event(level[core_event_severity(e->kind)], LOG_COMPONENT, core_event_name(e->kind),
		"node=%s member=%s text=%s", e->node, id_hex(&e->member_id, id),
		log_quote(text, sizeof text, e->text, strlen(e->text)));
	if (s->hooks != NULL && s->hooks->event != NULL)
		s->hooks->event(s->hooks_ctx, e);
}

static void tell_reply(struct shell *s, const struct core_reply *r)
{
	if (r->request == s->stop_request && s->stop_request != 0) {
		ev_break(s->loop, EVBREAK_ALL);
		return;
	}
	if (s->hooks != NULL && s->hooks->reply != NULL)
		s->hooks->reply(s->hooks_ctx, r);
}

static void view_changed(struct shell *s)
{
	s->view_changed = true;
	known_stale(s->known);
	if (s->hooks != NULL && s->hooks->view != NULL)
		s->hooks->view(s->hooks_ctx);
}

/* Hooks may ask the core, which ends the life of what fx points at: they get copies. */
static void execute(struct shell *s, const struct core_fx *fx)
{
	union {
		struct core_event event;
		struct core_reply reply;
	} copy;

	switch (fx->kind) {
	case CORE_FX_DIAL:
	case CORE_FX_CLOSE:
	case CORE_FX_WAKE:
	case CORE_FX_ACCEPTED:
		links_effect(s->links, fx);
		break;
	case CORE_FX_PERSIST:
		persist(s, fx);
		break;
	case CORE_FX_COPY:
	case CORE_FX_COPY_CANCEL:
	case CORE_FX_HANDOVER:
	case CORE_FX_DATA_SWAP:
	case CORE_FX_DATA_PEER:
		shared_effect(s->shared, fx);
		break;
	case CORE_FX_EVENT:
		copy.event = fx->u.event;
		tell_event(s, &copy.event);
		break;
	case CORE_FX_REPLY:
		copy.reply = fx->u.reply;
		tell_reply(s, &copy.reply);
		break;
	case CORE_FX_VIEW:
		view_changed(s);
		break;
	}
}

void shell_out(struct shell *s)
{
	const struct core_fx *fx;

	assert(!s->in_effects);
	s->in_effects = true;
	do
		while ((fx = core_next_fx(s->core)) != NULL)
			execute(s, fx);
	while (shared_run(s->shared));
	s->in_effects = false;
}

void shell_candidates(struct shell *s, const char *strategy, const struct core_candidate *list,
	size_t n)
{
	known_stale(s->known);
	core_candidates(shell_in(s), strategy, list, n);
	shell_out(s);
}

void shell_persisted(void *ctx, enum state_owner owner, uint64_t seq, int error)
{
	struct shell *s = ctx;

	s->persist_errors += error != 0;
	if (owner == STATE_DATA) {
		shared_persisted(s->shared, seq, error);
		return;
	}
	core_persisted(shell_in(s), seq, error);
	shell_out(s);
}

/* --- time --- */

/*
 * The loop came round late when this process didn't run for a while. Then more has arrived than one turn reads (epoll
 * hands out 64 events, a stream reads a bounded share), and judging deadlines now would be judging by old news.
 */
static bool read_first(struct shell *s, uint64_t late_ms)
{
	bool more = s->env->more_input;

	s->env->more_input = false;
	if ((late_ms < LATE_MS && !more) || s->late_turns >= LATE_TURNS) {
		s->late_turns = 0;
		return false;
	}
	s->late_turns++;
	return true;
}

static void on_tick(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct shell *s = t->data;
	uint64_t now_ms = clock_mono_ms();
	uint64_t late_ms = now_ms > s->armed_ms ? now_ms - s->armed_ms : 0;

	(void)loop;
	(void)revents;
	if (now_ms < s->armed_ms)
		return; /* the loop's clock is not quite ours: armed again before the wait */
	if (late_ms > s->late_ms_max)
		s->late_ms_max = late_ms;
	if (read_first(s, late_ms))
		return;
	core_tick(shell_in(s));
	shell_out(s);
	setup_beat_early(s);
}

static void arm(struct shell *s)
{
	uint64_t now_us, at_ms = core_deadline(s->core);

	if (at_ms == s->armed_ms && ev_is_active(&s->tick))
		return;
	ev_timer_stop(s->loop, &s->tick);
	s->armed_ms = at_ms;
	if (at_ms == UINT64_MAX)
		return;
	now_us = clock_mono_us();
	ev_now_update(s->loop);
	ev_timer_set(&s->tick,
		at_ms * 1000 > now_us ? (double)(at_ms * 1000 - now_us) / 1e6 : 0., 0.);
	ev_timer_start(s->loop, &s->tick);
}

static void before_wait(struct ev_loop *loop, ev_prepare *p, int revents)
{
	struct shell *s = p->data;

	(void)loop;
	(void)revents;
	if (s->core == NULL)
		return;
	shared_before_wait(s->shared);
	arm(s);
	if (!s->view_changed)
		return;
	s->view_changed = false;
	datapath_view_changed(s->datapath);
	setup_status(s);
}

/* --- what control sees --- */

struct ev_loop *shell_loop(const struct shell *s)
{
	return s->loop;
}

struct core *shell_core(const struct shell *s)
{
	return s->core;
}

const struct conf_loaded *shell_conf(const struct shell *s)
{
	return s->conf;
}

uint32_t shell_request(struct shell *s)
{
	if (++s->last_request == 0)
		s->last_request = 1;
	return s->last_request;
}

void shell_command(struct shell *s, const struct core_command *cmd)
{
	core_command(shell_in(s), cmd);
	shell_out(s);
}

void shell_hooks_set(struct shell *s, const struct shell_hooks *h, void *ctx)
{
	s->hooks = h;
	s->hooks_ctx = ctx;
}

size_t shell_n_workers(const struct shell *s)
{
	return candidates_n_workers(s->candidates);
}

void shell_worker_at(const struct shell *s, size_t i, struct shell_worker *out)
{
	candidates_worker_at(s->candidates, i, out);
}

void shell_each_candidate(const struct shell *s, shell_candidate_visit *visit, void *ctx)
{
	candidates_each(s->candidates, visit, ctx);
}

void shell_each_failed_dial(const struct shell *s, shell_dial_visit *visit, void *ctx)
{
	if (s->links != NULL)
		links_each_failed_dial(s->links, visit, ctx);
}

void shell_counters(const struct shell *s, struct shell_counters *out)
{
	struct gate_stats g = {0};

	if (s->gate != NULL)
		gate_stats(s->gate, &g);
	*out = (struct shell_counters){
		.accepted = g.entered,
		.refused_full = g.evicted,
		.handshake_failed = g.failed,
		.persists = s->persists,
		.persist_errors = s->persist_errors,
		.late_ms_max = s->late_ms_max,
		.unauthenticated = g.inside,
	};
}

/* --- life --- */

void shell_init(struct shell *s)
{
	memset(s, 0, sizeof *s);
	s->loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_SIGNALFD);
	assert(s->loop != NULL);
	memory_init(&s->memory, s->loop);
	s->armed_ms = UINT64_MAX;
	for (size_t i = 0; i < SHELL_LISTENERS; i++)
		s->listen_fd[i] = -1;
	ev_init(&s->tick, on_tick);
	ev_set_priority(&s->tick, NET_PRI_LAST);
	ev_prepare_init(&s->before_wait, before_wait);
	ev_prepare_start(s->loop, &s->before_wait);
	s->tick.data = s->before_wait.data = s;
}

/* Against the order of making. What is queued for the disk is still written. */
void shell_fini(struct shell *s)
{
	ev_timer_stop(s->loop, &s->tick);
	ev_prepare_stop(s->loop, &s->before_wait);
	listener_free(s->dist);
	listener_free(s->rpc);
	control_free(s->control);
	datapath_free(s->datapath);
	shared_free(s->shared);
	rpc_server_free(s->rpc_server);
	links_free(s->links);
	state_free(s->state);
	core_free(s->core);
	known_free(s->known);
	gate_free(s->gate);
	net_env_free(s->env);
	dns_free(s->dns);
	tls_ctx_free(s->tls);
	candidates_close(s->candidates);
	setup_fini(s);
	conf_loaded_free(s->conf);
	memory_fini(&s->memory);
	ev_loop_destroy(s->loop);
}
