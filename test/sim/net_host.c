#include <assert.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "test/sim/net.h"

void net_host_defer(struct net *n, unsigned host, const struct queue_ev *ev)
{
	struct net_host *h = &n->host[host];

	assert(h->asleep);
	if (h->n_deferred == h->cap_deferred) {
		h->cap_deferred = h->cap_deferred == 0 ? 32 : h->cap_deferred * 2;
		h->deferred = xrealloc(h->deferred, h->cap_deferred, sizeof *h->deferred);
	}
	h->deferred[h->n_deferred++] = *ev;
}

void net_host_sleep(struct net *n, unsigned host)
{
	n->host[host].asleep = true;
}

void net_host_wake(struct net *n, unsigned host, net_dispatch *dispatch)
{
	struct net_host *h = &n->host[host];
	struct queue_ev *ev = h->deferred;
	size_t n_ev = h->n_deferred;

	h->asleep = false;
	h->deferred = NULL;
	h->n_deferred = h->cap_deferred = 0;
	for (size_t i = 0; i < n_ev; i++)
		dispatch(n->ctx, &ev[i]);
	free(ev);
}

/* Closing a socket with unread data resets the connection. */
static bool has_unread(const struct net_host *h, const struct net_side *side)
{
	for (size_t i = 0; i < h->n_deferred; i++) {
		const struct net_seg *s = h->deferred[i].p;

		if (h->deferred[i].kind == NET_EV_ARRIVES && s->conn == side->conn &&
			s->to == side->end)
			return true;
	}
	return false;
}

/* The socket goes without a word. */
static void abandon(struct net *n, struct net_side *side)
{
	struct net_conn *c = side->conn;

	c->refs++;
	net_flow_drop(n, side);
	net_side_close(n, c, side->end);
	net_unref(n, c);
}

void net_host_kill(struct net *n, unsigned host, bool listener_held, net_dispatch *dispatch)
{
	struct net_host *h = &n->host[host];
	struct net_side *side = h->sides, *next;

	for (; side != NULL; side = next) {
		struct net_conn *c = side->conn;

		next = side->next;
		if (side->end == NET_ACCEPTOR && !side->taken) {
			if (listener_held)
				continue;
			net_flow_reset(n, c, NET_DIALER);
			abandon(n, side);
		} else if (has_unread(h, side)) {
			net_flow_reset(n, c, net_other(side->end));
			abandon(n, side);
		} else {
			net_close(n, c, side->end);
		}
	}
	if (listener_held)
		net_host_sleep(n, host);
	else
		net_host_wake(n, host, dispatch);
}

void net_host_off(struct net *n, unsigned host, net_dispatch *dispatch)
{
	struct net_host *h = &n->host[host];

	h->up = false;
	while (h->sides != NULL)
		abandon(n, h->sides);
	net_host_wake(n, host, dispatch);
}

void net_host_on(struct net *n, unsigned host)
{
	n->host[host].up = true;
}

static void dispose(struct net *n, const struct queue_ev *ev)
{
	struct net_conn *c = ev->p;

	if (ev->kind >= NET_EV_N)
		return;
	if (ev->kind == NET_EV_ARRIVES) {
		struct net_seg *s = ev->p;

		c = s->conn;
		net_seg_free(n, s);
	}
	net_unref(n, c);
}

void net_free(struct net *n)
{
	for (size_t i = 0; i < n->n_hosts; i++) {
		struct net_host *h = &n->host[i];

		while (h->sides != NULL)
			abandon(n, h->sides);
		for (size_t k = 0; k < h->n_deferred; k++)
			dispose(n, &h->deferred[k]);
		free(h->deferred);
	}
	while (queue_first(n->queue) != NULL) {
		struct queue_ev ev = queue_pop(n->queue);

		dispose(n, &ev);
	}
	assert(n->n_open == 0);
	free(n->host);
	paths_free(&n->paths);
	n->host = NULL;
}

void net_pool_free(struct net_pool *p)
{
	while (p->conns != NULL) {
		struct net_conn *c = p->conns;

		p->conns = c->next_free;
		free(c);
	}
	for (size_t i = 0; i < sizeof p->segs / sizeof p->segs[0]; i++)
		while (p->segs[i] != NULL) {
			struct net_seg *s = p->segs[i];

			p->segs[i] = s->next;
			free(s);
		}
}
