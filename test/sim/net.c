#include "test/sim/net.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/mem.h"

enum {
	SYN_RETRY_US = 1000 * 1000,
	SYNS_MAX = 6,
	ACCEPT_TIMEOUT_US = 5000 * 1000,
	LINGER_US = 2000 * 1000,
	PROOF_FINE = 0xff
};

void net_init(struct net *n, size_t n_hosts, struct net_pool *pool, struct queue *q,
	struct rng *r, const uint64_t *now_us)
{
	*n = (struct net){.pool = pool,
		.queue = q,
		.rng = r,
		.now_us = now_us,
		.n_hosts = n_hosts};
	n->host = xcalloc(n_hosts, sizeof *n->host);
	for (size_t i = 0; i < n_hosts; i++)
		n->host[i].up = true;
}

void net_post(struct net *n, struct net_conn *c, enum net_event kind, struct queue_ev ev)
{
	ev.kind = kind;
	if (kind != NET_EV_ARRIVES)
		ev.p = c;
	c->refs++;
	queue_push(n->queue, ev);
}

static void free_if_done(struct net *n, struct net_conn *c)
{
	if (c->refs > 0 || c->side[0].open || c->side[1].open)
		return;
	net_flow_drop(n, &c->side[0]);
	net_flow_drop(n, &c->side[1]);
	c->next_free = n->pool->conns;
	n->pool->conns = c;
	n->n_open--;
}

void net_unref(struct net *n, struct net_conn *c)
{
	assert(c->refs > 0);
	c->refs--;
	free_if_done(n, c);
}

void net_side_open(struct net *n, struct net_conn *c, enum net_end end, unsigned host)
{
	struct net_side *side = &c->side[end];
	struct net_host *h = &n->host[host];

	side->host = host;
	side->open = true;
	side->rto_us = NET_RTO_MIN_US;
	side->prev = NULL;
	side->next = h->sides;
	if (h->sides != NULL)
		h->sides->prev = side;
	h->sides = side;
}

void net_side_close(struct net *n, struct net_conn *c, enum net_end end)
{
	struct net_side *side = &c->side[end];

	(void)n;
	if (!side->open)
		return;
	side->open = false;
	side->app = false;
	if (side->prev != NULL)
		side->prev->next = side->next;
	else
		n->host[side->host].sides = side->next;
	if (side->next != NULL)
		side->next->prev = side->prev;
	side->next = side->prev = NULL;
}

void net_side_lost(struct net *n, struct net_conn *c, enum net_end end, enum core_loss loss)
{
	bool app = c->side[end].app;

	if (!c->side[end].open)
		return;
	net_side_close(n, c, end);
	if (app)
		n->ops->lost(n->ctx, c, end, loss);
}

struct net_conn *net_dial(struct net *n, unsigned from, unsigned to, uint16_t port,
	uint32_t timeout_ms, uint32_t handle)
{
	struct net_conn *c = n->pool->conns;

	if (c != NULL)
		n->pool->conns = c->next_free;
	else
		c = xcalloc(1, sizeof *c);
	*c = (struct net_conn){.port = port,
		.known_host = to < n->n_hosts,
		.side = {{.conn = c, .end = NET_DIALER}, {.conn = c, .end = NET_ACCEPTOR}}};
	n->n_conns++;
	n->n_open++;
	net_side_open(n, c, NET_DIALER, from);
	c->side[NET_DIALER].app = true;
	c->side[NET_DIALER].handle = handle;
	c->side[NET_ACCEPTOR].host = c->known_host ? to : from;
	net_post(n, c, NET_EV_SYN, (struct queue_ev){.at_us = *n->now_us});
	net_post(n, c, NET_EV_DIAL_TIMEOUT,
		(struct queue_ev){.at_us = *n->now_us + (uint64_t)timeout_ms * 1000});
	return c;
}

static uint64_t latency_us(struct net *n, unsigned from, unsigned to)
{
	return path_latency_us(&n->paths, from, to, n->rng);
}

static bool passes(struct net *n, unsigned from, unsigned to)
{
	return n->host[to].up && path_passes(&n->paths, from, to, n->rng);
}

static void fail_dial(struct net *n, struct net_conn *c, enum core_loss loss, uint64_t in_us)
{
	net_post(n, c, NET_EV_FAILED,
		(struct queue_ev){.at_us = *n->now_us + in_us, .x = loss});
}

static void on_syn(struct net *n, struct net_conn *c)
{
	unsigned from = c->side[NET_DIALER].host, to = c->side[NET_ACCEPTOR].host;

	if (!c->side[NET_DIALER].open || c->established)
		return;
	if (c->syns < SYNS_MAX)
		net_post(n, c, NET_EV_SYN,
			(struct queue_ev){
				.at_us = *n->now_us + ((uint64_t)SYN_RETRY_US << c->syns)});
	c->syns++;
	if (!c->known_host)
		return;
	if (path_of(&n->paths, from, to)->by[PATH_REJECT] > 0)
		fail_dial(n, c, CORE_LOSS_REFUSED, n->paths.base_us);
	else if (from == to || passes(n, from, to))
		net_post(n, c, NET_EV_SYN_ARRIVES,
			(struct queue_ev){.at_us = *n->now_us + latency_us(n, from, to)});
}

static void on_syn_arrives(struct net *n, struct net_conn *c)
{
	unsigned from = c->side[NET_DIALER].host, to = c->side[NET_ACCEPTOR].host;
	enum net_answer answer = n->ops->syn(n->ctx, to, c->port);
	uint64_t back_us = latency_us(n, to, from);

	if (answer == NET_SILENT || !n->host[to].up)
		return;
	if (from != to && !passes(n, to, from))
		back_us = UINT64_MAX;
	if (answer == NET_REFUSE) {
		if (back_us != UINT64_MAX)
			fail_dial(n, c, CORE_LOSS_REFUSED, back_us);
		return;
	}
	if (!c->side[NET_ACCEPTOR].open && !c->established && c->side[NET_DIALER].open)
		net_side_open(n, c, NET_ACCEPTOR, to);
	if (back_us != UINT64_MAX)
		net_post(n, c, NET_EV_ESTABLISHED,
			(struct queue_ev){.at_us = *n->now_us + back_us});
}

static void on_established(struct net *n, struct net_conn *c)
{
	if (c->established)
		return;
	c->established = true;
	if (!c->side[NET_DIALER].open) {
		net_flow_reset(n, c, NET_ACCEPTOR);
		return;
	}
	n->ops->stage(n->ctx, c, CORE_STAGE_TLS);
	net_flow_send(n, c, NET_DIALER, net_seg_new(n, NET_CLIENT_HELLO, NULL, 0));
}

static void on_client_hello(struct net *n, struct net_conn *c)
{
	int loss = n->ops->proof(n->ctx, c);
	uint8_t verdict = loss < 0 ? PROOF_FINE : (uint8_t)loss;

	c->side[NET_ACCEPTOR].taken = true;
	net_flow_send(n, c, NET_ACCEPTOR, net_seg_new(n, NET_SERVER_HELLO, &verdict, 1));
	if (loss >= 0)
		net_close(n, c, NET_ACCEPTOR);
	else
		net_post(n, c, NET_EV_ACCEPT_TIMEOUT,
			(struct queue_ev){.at_us = *n->now_us + ACCEPT_TIMEOUT_US});
}

static void on_server_hello(struct net *n, struct net_conn *c, uint8_t verdict)
{
	if (verdict != PROOF_FINE) {
		net_side_lost(n, c, NET_DIALER, (enum core_loss)verdict);
		return;
	}
	c->tls_done = true;
	net_flow_send(n, c, NET_DIALER, net_seg_new(n, NET_CLIENT_DONE, NULL, 0));
	n->ops->stage(n->ctx, c, CORE_STAGE_HELLO);
}

/* The other end has said its last word. */
static void on_fin(struct net *n, struct net_conn *c, enum net_end end)
{
	bool answer = !c->side[end].fin_sent;

	net_side_lost(n, c, end, CORE_LOSS_EOF);
	if (answer && c->side[net_other(end)].open) {
		c->side[end].fin_sent = true;
		net_flow_send(n, c, end, net_seg_new(n, NET_FIN, NULL, 0));
	}
}

static void on_segment(struct net *n, struct net_conn *c, struct net_seg *s)
{
	struct net_side *side = &c->side[s->to];

	switch (s->kind) {
	case NET_CLIENT_HELLO:
		on_client_hello(n, c);
		break;
	case NET_SERVER_HELLO:
		on_server_hello(n, c, s->data[0]);
		break;
	case NET_CLIENT_DONE:
		side->app = true;
		n->ops->accepted(n->ctx, c);
		break;
	case NET_DATA:
		if (side->app)
			n->ops->data(n->ctx, c, s->to, s->data, s->n);
		break;
	case NET_FIN:
		on_fin(n, c, s->to);
		break;
	case NET_RST:
		net_flow_drop(n, side);
		net_side_lost(n, c, s->to, CORE_LOSS_RESET);
		break;
	}
}

/* Is this for a process that is asleep? What the kernel does alone goes on. */
static bool waits_for_process(const struct net *n, const struct net_side *side,
	enum net_kind kind)
{
	if (!n->host[side->host].asleep || !side->open)
		return false;
	return side->app || kind == NET_CLIENT_HELLO || kind == NET_CLIENT_DONE;
}

static void on_arrives(struct net *n, const struct queue_ev *ev)
{
	struct net_seg *s = ev->p;
	struct net_conn *c = s->conn;
	struct net_side *side = &c->side[s->to];

	if (waits_for_process(n, side, s->kind)) {
		net_host_defer(n, side->host, ev);
		return;
	}
	if (s->kind != NET_RST)
		net_flow_acked(n, c, s->to);
	if (side->open)
		on_segment(n, c, s);
	else if (n->host[side->host].up && s->kind != NET_FIN && s->kind != NET_RST)
		net_flow_reset(n, c, net_other(s->to));
	net_seg_free(n, s);
	net_unref(n, c);
}

static void on_timeout(struct net *n, struct net_conn *c, const struct queue_ev *ev)
{
	struct net_side *acceptor = &c->side[NET_ACCEPTOR];

	switch ((enum net_event)ev->kind) {
	case NET_EV_DIAL_TIMEOUT:
		if (!c->tls_done && c->side[NET_DIALER].open) {
			bool said = c->established;

			net_side_lost(n, c, NET_DIALER, CORE_LOSS_TIMEOUT);
			if (said)
				net_flow_send(n, c, NET_DIALER,
					net_seg_new(n, NET_FIN, NULL, 0));
		}
		break;
	case NET_EV_ACCEPT_TIMEOUT:
		if (acceptor->open && !acceptor->admitted) {
			net_side_lost(n, c, NET_ACCEPTOR, CORE_LOSS_TIMEOUT);
			net_flow_reset(n, c, NET_DIALER);
		}
		break;
	case NET_EV_LINGER:
		if (c->side[ev->who].lingers)
			net_side_lost(n, c, (enum net_end)ev->who, CORE_LOSS_EOF);
		break;
	default:
		break;
	}
}

/* The end whose process an event speaks to, or -1: the kernel's own business. */
static int process_end(const struct net_conn *c, const struct queue_ev *ev)
{
	switch ((enum net_event)ev->kind) {
	case NET_EV_ESTABLISHED:
		return c->side[NET_DIALER].open ? NET_DIALER : -1;
	case NET_EV_FAILED:
	case NET_EV_DIAL_TIMEOUT:
		return NET_DIALER;
	case NET_EV_ACCEPT_TIMEOUT:
		return NET_ACCEPTOR;
	case NET_EV_ROOM:
	case NET_EV_LINGER:
	case NET_EV_GIVEN_UP:
		return (int)ev->who;
	default:
		return -1;
	}
}

static void on_conn_event(struct net *n, struct net_conn *c, const struct queue_ev *ev)
{
	struct net_side *side = &c->side[ev->who];

	switch ((enum net_event)ev->kind) {
	case NET_EV_SYN:
		on_syn(n, c);
		break;
	case NET_EV_SYN_ARRIVES:
		on_syn_arrives(n, c);
		break;
	case NET_EV_ESTABLISHED:
		on_established(n, c);
		break;
	case NET_EV_FAILED:
		if (!c->established)
			net_side_lost(n, c, NET_DIALER, (enum core_loss)ev->x);
		break;
	case NET_EV_RESEND:
		if (ev->gen == side->timer_gen)
			net_flow_resend(n, c, (enum net_end)ev->who);
		break;
	case NET_EV_GIVEN_UP:
		net_side_lost(n, c, (enum net_end)ev->who, CORE_LOSS_TIMEOUT);
		break;
	case NET_EV_ROOM:
		side->starved = false;
		if (side->open && net_room(n, c, (enum net_end)ev->who))
			n->ops->room(n->ctx, c, (enum net_end)ev->who);
		break;
	case NET_EV_DIAL_TIMEOUT:
	case NET_EV_ACCEPT_TIMEOUT:
	case NET_EV_LINGER:
		on_timeout(n, c, ev);
		break;
	case NET_EV_ARRIVES:
	case NET_EV_N:
		assert(false);
	}
}

void net_event(struct net *n, const struct queue_ev *ev)
{
	struct net_conn *c;
	int end;

	if (ev->kind == NET_EV_ARRIVES) {
		on_arrives(n, ev);
		return;
	}
	c = ev->p;
	end = process_end(c, ev);
	if (end >= 0 && c->side[end].open && n->host[c->side[end].host].asleep) {
		net_host_defer(n, c->side[end].host, ev);
		return;
	}
	on_conn_event(n, c, ev);
	net_unref(n, c);
}

void net_send(struct net *n, struct net_conn *c, enum net_end end, const uint8_t *p, size_t len)
{
	assert(c->side[end].open);
	assert(!c->side[end].fin_sent);
	net_flow_send(n, c, end, net_seg_new(n, NET_DATA, p, len));
}

void net_close(struct net *n, struct net_conn *c, enum net_end end)
{
	struct net_side *side = &c->side[end];
	bool say = c->established && !side->fin_sent;

	if (!side->open)
		return;
	side->fin_sent = true;
	net_side_close(n, c, end);
	if (say)
		net_flow_send(n, c, end, net_seg_new(n, NET_FIN, NULL, 0));
	free_if_done(n, c);
}

void net_linger(struct net *n, struct net_conn *c, enum net_end end)
{
	struct net_side *side = &c->side[end];

	assert(side->open);
	side->lingers = true;
	if (c->established && !side->fin_sent) {
		side->fin_sent = true;
		net_flow_send(n, c, end, net_seg_new(n, NET_FIN, NULL, 0));
	}
	net_post(n, c, NET_EV_LINGER,
		(struct queue_ev){.at_us = *n->now_us + LINGER_US, .who = end});
}

void net_inject_reset(struct net *n, struct net_conn *c, bool dialer, bool acceptor)
{
	bool hit[2] = {dialer, acceptor};

	for (int end = 0; end < 2; end++) {
		struct net_seg *s;

		if (!hit[end] || !c->side[end].open)
			continue;
		s = net_seg_new(n, NET_RST, NULL, 0);
		s->conn = c;
		s->to = (enum net_end)end;
		net_post(n, c, NET_EV_ARRIVES, (struct queue_ev){.at_us = *n->now_us, .p = s});
	}
}
