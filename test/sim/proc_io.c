#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "test/sim/check.h"
#include "test/sim/proc.h"
#include "test/sim/proc_data.h"

enum { FX_MAX = 100000, TICKS_HERE_MAX = 1000 };

/* --- effects */

static void fx_dial(struct proc *p, const struct core_fx *fx)
{
	struct sim *s = p->sim;
	unsigned host = proc_host_of(s, fx->u.dial.host);
	struct net_conn *c;

	c = net_dial(&s->net, p->host, host, fx->u.dial.port, fx->u.dial.timeout_ms, fx->conn);
	handles_put(&p->handles, fx->conn, &c->side[NET_DIALER]);
}

static void fx_wake(struct proc *p, const struct core_fx *fx)
{
	struct net_side *side = handles_get(&p->handles, fx->conn);

	if (side == NULL || side->fin_sent)
		return;
	if (side->end == NET_DIALER && !side->conn->tls_done)
		return;
	proc_pull(p, side, false);
}

static void fx_close(struct proc *p, const struct core_fx *fx)
{
	struct net_side *side = handles_get(&p->handles, fx->conn);
	bool linger = fx->u.close.linger;

	if (side == NULL)
		return;
	if (linger && side->conn->tls_done) {
		proc_pull(p, side, true);
		net_linger(&p->sim->net, side->conn, side->end);
		return;
	}
	handles_drop(&p->handles, fx->conn);
	net_close(&p->sim->net, side->conn, side->end);
}

static void fx_accepted(struct proc *p, const struct core_fx *fx)
{
	struct net_side *side = handles_get(&p->handles, fx->conn);
	struct net_side *peer;

	if (side == NULL)
		return;
	side->admitted = true;
	peer = &side->conn->side[net_other(side->end)];
	if (peer->admitted)
		side->conn->admitted_us = p->sim->now_us;
}

/* --- the disk: what waits while a commit runs goes into the next one */

static void write_on(struct proc *p)
{
	struct sim *s = p->sim;
	uint64_t took = s->setup.disk_us / 2 + rng_below(&s->rng, s->setup.disk_us + 1);

	p->writing = p->disk.n_batches - p->disk.n_committed;
	if (p->writing == 0)
		return;
	if (p->disk_slow > 0)
		took += rng_range(&s->rng, 500000, 3000000);
	sim_post(s, SIM_EV_PERSISTED, p->id, p->life, 0, took);
}

void proc_persist(struct proc *p, enum disk_owner owner, uint64_t seq,
	const struct core_write *w, size_t n)
{
	disk_write(&p->disk, owner, seq, w, n);
	if (p->writing == 0)
		write_on(p);
}

static void tell_persisted(struct proc *p, const struct disk_batch *b, bool bad)
{
	int error = bad ? -ENOSPC : 0;

	if (b->owner == DISK_DATA) {
		proc_data_persisted(p, b->seq, error);
		return;
	}
	p->on_disk |= !bad;
	proc_enter(p);
	core_persisted(p->core, b->seq, error);
	proc_leave(p);
}

static void on_persisted(struct proc *p)
{
	size_t n = p->writing;
	struct disk_batch *done = xcalloc(n, sizeof *done);
	bool *bad = xcalloc(n, sizeof *bad);

	for (size_t i = 0; i < n; i++) {
		done[i] = *disk_pending(&p->disk);
		bad[i] = p->disk_bad > 0 || (p->disk_full > 0 && done[i].owner == DISK_DATA);
		disk_commit(&p->disk, bad[i]);
	}
	write_on(p);
	for (size_t i = 0; i < n; i++)
		tell_persisted(p, &done[i], bad[i]);
	free(done);
	free(bad);
}

/* --- news of the core */

static void fx_event(struct proc *p, const struct core_event *e)
{
	struct sim *s = p->sim;

	sim_say(s, p, "%s%s%s%s%s", core_event_name(e->kind), e->node[0] ? " " : "", e->node,
		e->text[0] ? ": " : "", e->text);
	check_event(p, e);
	if (s->on_event != NULL)
		s->on_event(s, p, e);
}

static void fx_reply(struct proc *p, const struct core_reply *r)
{
	struct sim *s = p->sim;

	sim_say(s, p, "reply %u: code %d %s%s%s", r->request, (int)r->code, r->name,
		r->text[0] ? ": " : "", r->text);
	check_reply(p, r);
	if (r->request == p->stop_request)
		sim_post(s, SIM_EV_EXIT, p->id, p->life, 0, 0);
	if (s->on_reply != NULL)
		s->on_reply(s, p, r);
}

static bool apply(struct proc *p, const struct core_fx *fx)
{
	switch (fx->kind) {
	case CORE_FX_DIAL:
		fx_dial(p, fx);
		break;
	case CORE_FX_CLOSE:
		fx_close(p, fx);
		break;
	case CORE_FX_WAKE:
		fx_wake(p, fx);
		break;
	case CORE_FX_ACCEPTED:
		fx_accepted(p, fx);
		break;
	case CORE_FX_PERSIST:
		proc_persist(p, DISK_CORE, fx->u.persist.seq, fx->u.persist.write,
			fx->u.persist.n);
		break;
	case CORE_FX_DATA_SWAP:
		p->n_swaps++;
		if (!p->may_clear)
			sim_fail(p->sim, "e", "%s clears data that nobody has taken", p->label);
		p->may_clear = false;
		proc_data_effect(p, fx);
		break;
	case CORE_FX_COPY:
	case CORE_FX_COPY_CANCEL:
	case CORE_FX_HANDOVER:
	case CORE_FX_DATA_PEER:
		proc_data_effect(p, fx);
		break;
	case CORE_FX_EVENT:
		fx_event(p, &fx->u.event);
		break;
	case CORE_FX_REPLY:
		fx_reply(p, &fx->u.reply);
		break;
	case CORE_FX_VIEW:
		return true;
	}
	return false;
}

void proc_enter(struct proc *p)
{
	uint64_t mono_us = proc_mono_us(p), wall_ms = proc_wall_ms(p);

	assert(proc_runs(p));
	core_clock(p->core, mono_us, wall_ms);
	if (p->kv->data != NULL)
		data_clock(p->kv->data, mono_us, wall_ms);
}

/* When the node's clock will show ms. */
static uint64_t when_us(const struct proc *p, uint64_t ms)
{
	uint64_t want = ms * 1000, have = proc_mono_us(p), wait;

	if (want <= have)
		return p->sim->now_us;
	wait = want - have;
	if (p->drift_ppm != 0)
		wait += wait * (uint64_t)abs(p->drift_ppm) / 1000000 + 1; /* never early */
	return p->sim->now_us + wait;
}

static uint64_t deadline_ms(const struct proc *p)
{
	uint64_t core = core_deadline(p->core), data = UINT64_MAX, rpc = p->kv->rpc.due_ms;

	if (p->kv->data != NULL)
		data = data_deadline(p->kv->data);
	if (data < core)
		core = data;
	return rpc < core ? rpc : core;
}

static void rearm(struct proc *p)
{
	uint64_t deadline = deadline_ms(p), at;

	if (deadline == UINT64_MAX)
		return;
	at = when_us(p, deadline);
	if (p->armed_us != 0 && p->armed_us <= at)
		return;
	p->armed_us = at;
	sim_post(p->sim, SIM_EV_TIMER, p->id, ++p->armed_gen, 0, at - p->sim->now_us);
}

/* True: the view has changed. */
static bool run_effects(struct proc *p)
{
	const struct core_fx *fx;
	bool view = false;
	uint32_t n = 0;

	do
		while ((fx = core_next_fx(p->core)) != NULL) {
			view = apply(p, fx) || view;
			if (++n > FX_MAX) {
				sim_fail(p->sim, "g", "%s: effects without end", p->label);
				return view;
			}
		}
	while (proc_data_run(p));
	return view;
}

void proc_leave(struct proc *p)
{
	bool view = run_effects(p);

	if (proc_data_look(p))
		view = run_effects(p) || view;
	rearm(p);
	if (!view)
		return;
	check_view(p);
	if (p->sim->on_view != NULL)
		p->sim->on_view(p->sim, p);
}

/* --- other inputs */

static void tick_core(struct proc *p)
{
	if (core_deadline(p->core) > proc_mono_us(p) / 1000)
		return;
	proc_enter(p);
	core_tick(p->core);
	proc_leave(p);
}

void proc_tick(struct proc *p)
{
	struct sim *s = p->sim;

	p->armed_us = 0;
	if (p->last_tick_us != s->now_us)
		p->ticks_here = 0;
	p->last_tick_us = s->now_us;
	if (++p->ticks_here > TICKS_HERE_MAX) {
		sim_fail(s, "g", "%s: its deadline does not move on", p->label);
		return;
	}
	tick_core(p);
	if (p->kv->data != NULL && data_deadline(p->kv->data) <= proc_mono_us(p) / 1000) {
		proc_enter(p);
		data_tick(p->kv->data);
		proc_leave(p);
	}
	if (p->kv->rpc.due_ms <= proc_mono_us(p) / 1000)
		rpc_tick(p, proc_mono_us(p) / 1000);
	rearm(p);
}

struct reached {
	struct proc *from;
	struct id128 id[SIM_PROCS_MAX];
	bool ok[SIM_PROCS_MAX];
	size_t n;
};

static bool rpc_open(const struct proc *p, const struct proc *q)
{
	struct paths *paths = &p->sim->net.paths;
	const struct path *to = path_of(paths, p->host, q->host),
			  *back = path_of(paths, q->host, p->host);

	return p->rpc_blocked == 0 && q->rpc_blocked == 0 && to->by[PATH_REJECT] == 0 &&
	       to->by[PATH_CUT] == 0 && back->by[PATH_CUT] == 0;
}

static void note_link(void *ctx, const struct core_data_member *m)
{
	struct reached *r = ctx;
	struct sim *s = r->from->sim;
	struct core_status st;

	for (unsigned i = 0; i < s->n_procs && m->link && r->n < SIM_PROCS_MAX; i++) {
		struct proc *q = &s->proc[i];

		if (q->core == NULL || q == r->from)
			continue;
		core_status(q->core, &st);
		if (!id_eq(&st.member_id, &m->id))
			continue;
		r->id[r->n] = m->id;
		r->ok[r->n++] = rpc_open(r->from, q);
	}
}

/* What the daemon finds when it calls its neighbours on their RPC ports. */
void proc_try_rpc(struct proc *p)
{
	struct reached r = {.from = p};

	core_each_data_member(p->core, note_link, &r);
	for (size_t i = 0; i < r.n && proc_runs(p); i++) {
		proc_enter(p);
		core_data_ok(p->core, &r.id[i], r.ok[i]);
		proc_leave(p);
	}
}

void proc_event(struct sim *s, const struct queue_ev *ev)
{
	struct proc *p = &s->proc[ev->who];

	if (p->core == NULL || ev->gen != (ev->kind == SIM_EV_TIMER ? p->armed_gen : p->life))
		return;
	if (p->paused) {
		/* continuing arms the timer anew */
		if (ev->kind == SIM_EV_TIMER)
			p->armed_us = 0;
		else
			net_host_defer(&s->net, p->host, ev);
		return;
	}
	switch ((enum sim_event)ev->kind) {
	case SIM_EV_TIMER:
		proc_tick(p);
		break;
	case SIM_EV_PERSISTED:
		on_persisted(p);
		break;
	case SIM_EV_SAVED:
		proc_data_saved(p, ev->x);
		break;
	case SIM_EV_EXIT:
		proc_exit(p);
		break;
	default:
		break;
	}
}

void proc_report_candidates(struct proc *p)
{
	struct core_candidate list[SIM_PROCS_MAX + 2];
	struct sim *s = p->sim;
	size_t n = 0;

	if (!proc_runs(p))
		return;
	for (unsigned i = 0; i < s->n_procs && i < SIM_PROCS_MAX; i++) {
		size_t named = p->discovery == PROC_DISCOVERS_STALE ? (i + 1) % s->n_procs : i;

		if (p->candidates >> i & 1)
			list[n++] = (struct core_candidate){s->proc[named].name,
				s->proc[i].addr, 0};
	}
	if (p->discovery == PROC_DISCOVERS_WRONG) {
		list[n++] = (struct core_candidate){"n99@10.9.9.9", "10.9.9.9", 0};
		list[n++] = (struct core_candidate){"n98@10.0.0.1", "10.0.0.1", 4371};
	}
	proc_enter(p);
	core_candidates(p->core, "static", list, n);
	proc_leave(p);
}

/* SIGHUP. A stopped process takes it when it goes on. */
void proc_reload(struct proc *p)
{
	p->reload = p->paused;
	if (!proc_runs(p))
		return;
	proc_enter(p);
	core_reload(p->core, &p->conf);
	proc_leave(p);
}

void proc_address(const struct proc *p, struct node_addr *out)
{
	*out = (struct node_addr){.port = 0};
	snprintf(out->name, sizeof out->name, "%s", p->name);
	snprintf(out->host, sizeof out->host, "%s", p->addr);
}

uint32_t proc_command(struct proc *p, struct core_command *cmd)
{
	if (!proc_runs(p) || p->exiting)
		return 0;
	cmd->request = ++p->next_request;
	check_command(p, cmd);
	p->may_clear |= cmd->kind == CORE_CMD_LEAVE && cmd->force;
	proc_enter(p);
	core_command(p->core, cmd);
	proc_leave(p);
	return cmd->request;
}
