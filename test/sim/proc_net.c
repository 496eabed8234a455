#include <stdio.h>

#include "test/sim/newer.h"
#include "test/sim/proc.h"
#include "test/sim/proc_data.h"

/* What comes over the network, to the core's port and to that of the shared data, and what the core says there. */

/* The host that an address leads to at present; none: n_procs. */
unsigned proc_host_of(const struct sim *s, const char *addr)
{
	unsigned a = 0, b = 0, i = (unsigned)s->n_procs;

	if (sscanf(addr, "10.0.%u.%u", &a, &b) == 2 && b > 0)
		i = a * 250 + b - 1;
	return i < s->n_procs ? s->proc[i].leads_to : (unsigned)s->n_procs;
}

/* What the core has to say goes out, as it is or in the words of a later version. */
static void send_out(struct proc *p, struct net_side *side, size_t n)
{
	struct sim *s = p->sim;
	struct buf more = {0};

	if (s->on_sent != NULL)
		s->on_sent(s, p, s->scratch, n);
	if (p->newer)
		newer_speak(s->scratch, n, &more);
	if (p->newer)
		net_send(&s->net, side->conn, side->end, more.p, more.n);
	else
		net_send(&s->net, side->conn, side->end, s->scratch, n);
	buf_free(&more);
}

void proc_pull(struct proc *p, struct net_side *side, bool to_the_end)
{
	struct sim *s = p->sim;
	size_t n;

	while (to_the_end || net_room(&s->net, side->conn, side->end)) {
		n = core_conn_pull(p->core, side->handle, s->scratch, NET_PULL_BYTES);
		if (n == 0)
			return;
		if (!p->on_disk)
			sim_fail(s, "g", "%s speaks before its incarnation is on disk",
				p->label);
		send_out(p, side, n);
	}
}

/* --- inputs from the network */

static struct proc *owner(struct sim *s, const struct net_conn *c, enum net_end end)
{
	return proc_on_host(s, c->side[end].host);
}

static enum net_answer on_syn(void *ctx, unsigned host, uint16_t port)
{
	struct sim *s = ctx;
	struct proc *p = proc_on_host(s, host);

	if (!s->net.host[host].up)
		return NET_SILENT;
	if (p->core == NULL && !p->held)
		return NET_REFUSE;
	if (p->port == port)
		return NET_TAKE;
	if (s->setup.data_bytes == 0 || p->conf.rpc_port != port)
		return NET_REFUSE;
	return p->rpc_blocked > 0 ? NET_SILENT : NET_TAKE;
}

static int on_proof(void *ctx, const struct net_conn *c)
{
	struct sim *s = ctx;

	if (c->side[NET_DIALER].host == c->side[NET_ACCEPTOR].host)
		return CORE_LOSS_SELF;
	return owner(s, c, NET_DIALER)->cookie == owner(s, c, NET_ACCEPTOR)->cookie
		       ? -1
		       : CORE_LOSS_AUTH;
}

static void on_stage(void *ctx, struct net_conn *c, enum core_stage stage)
{
	struct proc *p = owner(ctx, c, NET_DIALER);

	if (!proc_runs(p))
		return;
	if (c->bulk) {
		rpc_stage(p, c, stage);
		return;
	}
	proc_enter(p);
	core_conn_stage(p->core, c->side[NET_DIALER].handle, stage);
	proc_leave(p);
}

static void on_accepted(void *ctx, struct net_conn *c)
{
	struct proc *p = owner(ctx, c, NET_ACCEPTOR);
	struct net_side *side = &c->side[NET_ACCEPTOR];

	if (c->bulk) {
		rpc_accepted(p, c);
		return;
	}
	proc_enter(p);
	side->handle = core_conn_accepted(p->core, owner(ctx, c, NET_DIALER)->addr);
	handles_put(&p->handles, side->handle, side);
	proc_leave(p);
}

static void say_frame(struct proc *p, const struct net_conn *c, enum net_end end,
	const uint8_t *frame, size_t n)
{
	struct msg_arena arena;
	union wire_any m;
	enum wire_type type = WIRE_N_TYPES;
	const char *why, *from = owner(p->sim, c, net_other(end))->label;

	msg_arena_init(&arena, 1024 * 1024);
	if (wire_get(frame, n, &arena, &type, &m, &why) != 0)
		sim_say(p->sim, p, "  <- %s not a message: %s", from, why);
	else if (type == WIRE_STATE)
		sim_say(p->sim, p, "  <- %s state: %u records, %u departed", from,
			m.state.records.n, m.state.departed.n);
	else if (type == WIRE_BYE)
		sim_say(p->sim, p, "  <- %s bye %s: %.*s", from, wire_bye_name(m.bye.code),
			(int)m.bye.text.n, m.bye.text.p);
	else
		sim_say(p->sim, p, "  <- %s %s", from, wire_rows[type].method);
	msg_arena_free(&arena);
}

static void on_data(void *ctx, struct net_conn *c, enum net_end end, const uint8_t *b, size_t n)
{
	struct sim *s = ctx;
	struct proc *p = owner(s, c, end);
	uint32_t handle = c->side[end].handle;
	size_t at = 0;

	sim_mix(s, b, n);
	if (c->bulk) {
		rpc_data(p, c, end, b, n);
		return;
	}
	while (at + 4 <= n && p->core != NULL && c->side[end].app) {
		size_t len = (size_t)b[at] << 24 | (size_t)b[at + 1] << 16 |
			     (size_t)b[at + 2] << 8 | b[at + 3];

		if (len > n - at - 4) {
			sim_fail(s, "g", "half a frame was pulled");
			return;
		}
		if (s->frames)
			say_frame(p, c, end, b + at + 4, len);
		proc_enter(p);
		core_conn_frame(p->core, handle, b + at + 4, len);
		proc_leave(p);
		at += 4 + len;
	}
}

static void on_lost(void *ctx, struct net_conn *c, enum net_end end, enum core_loss loss)
{
	static const char *const text[] = {"end of stream", "connection reset",
		"connection refused", "timed out", "handshake failed", "that is myself",
		"no such host", "failed"};
	struct proc *p = owner(ctx, c, end);

	if (c->bulk) {
		if (p->core != NULL)
			rpc_lost(p, c, end);
		return;
	}
	handles_drop(&p->handles, c->side[end].handle);
	if (p->core == NULL)
		return;
	proc_enter(p);
	core_conn_lost(p->core, c->side[end].handle, loss, text[loss]);
	proc_leave(p);
}

static void on_room(void *ctx, struct net_conn *c, enum net_end end)
{
	struct proc *p = owner(ctx, c, end);

	if (!proc_runs(p) || c->side[end].fin_sent)
		return;
	if (c->bulk) {
		rpc_room(p, c, end);
		return;
	}
	proc_enter(p);
	proc_pull(p, &c->side[end], false);
	proc_leave(p);
}

const struct net_ops proc_net_ops = {.syn = on_syn,
	.proof = on_proof,
	.stage = on_stage,
	.accepted = on_accepted,
	.data = on_data,
	.lost = on_lost,
	.room = on_room};
