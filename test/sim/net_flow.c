#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "test/sim/net.h"

enum {
	RTO_MAX_US = 120 * 1000 * 1000,
	RESENDS_MAX = 15,       /* tcp_retries2 */
	ORPHAN_RESENDS_MAX = 8, /* tcp_orphan_retries */
	PACKET_BYTES = 1448,
};

static const uint32_t seg_caps[] = {256, 2048, 16384 + 2048, NET_PULL_BYTES};

struct net_seg *net_seg_new(struct net *n, enum net_kind kind, const uint8_t *p, size_t len)
{
	size_t class = 0;
	struct net_seg *s;

	assert(len <= NET_PULL_BYTES);
	while (seg_caps[class] < len)
		class ++;
	s = n->pool->segs[class];
	if (s != NULL)
		n->pool->segs[class] = s->next;
	else
		s = xcalloc(1, sizeof *s + seg_caps[class]);
	s->next = NULL;
	s->kind = kind;
	s->cap = seg_caps[class];
	s->n = (uint32_t)len;
	s->packets = 1 + (uint32_t)len / PACKET_BYTES;
	if (len > 0)
		memcpy(s->data, p, len);
	n->n_segs++;
	return s;
}

void net_seg_free(struct net *n, struct net_seg *s)
{
	size_t class = 0;

	while (seg_caps[class] < s->cap)
		class ++;
	s->next = n->pool->segs[class];
	n->pool->segs[class] = s;
}

void net_flow_drop(struct net *n, struct net_side *side)
{
	while (side->held != NULL) {
		struct net_seg *s = side->held;

		side->held = s->next;
		net_seg_free(n, s);
	}
	side->held_last = NULL;
	side->held_bytes = 0;
	side->flow = NET_FLOWS;
	side->timer_gen++;
}

static void hold_last(struct net_side *side, struct net_seg *s)
{
	s->next = NULL;
	if (side->held == NULL)
		side->held = s;
	else
		side->held_last->next = s;
	side->held_last = s;
	side->held_bytes += s->n;
}

static void hold_first(struct net_side *side, struct net_seg *s)
{
	s->next = side->held;
	side->held = s;
	if (side->held_last == NULL)
		side->held_last = s;
	side->held_bytes += s->n;
}

static struct net_seg *take_held(struct net_side *side)
{
	struct net_seg *s = side->held;

	side->held = s->next;
	if (side->held == NULL)
		side->held_last = NULL;
	side->held_bytes -= s->n;
	return s;
}

/* Do all of the packets that are left of it get through? */
static bool gets_through(struct net *n, unsigned from, unsigned to, struct net_seg *s)
{
	const struct path *path = path_of(&n->paths, from, to);
	uint32_t lost = 0;

	if (!n->host[to].up || path->by[PATH_CUT] > 0)
		return false;
	if (path->by[PATH_LOSS] == 0)
		return true;
	for (uint32_t i = 0; i < s->packets; i++)
		lost += !path_passes(&n->paths, from, to, n->rng);
	if (lost > 0)
		s->packets = lost;
	return lost == 0;
}

static bool transmit(struct net *n, struct net_conn *c, enum net_end end, struct net_seg *s)
{
	struct net_side *from = &c->side[end], *to = &c->side[net_other(end)];
	uint64_t start = *n->now_us, at;

	if (path_of(&n->paths, from->host, to->host)->by[PATH_SLOW] > 0) {
		if (from->busy_until_us > start)
			start = from->busy_until_us;
		start += (uint64_t)s->n * 1000000 / PATH_SLOW_BYTES_PER_S;
		from->busy_until_us = start;
	}
	if (!gets_through(n, from->host, to->host, s))
		return false;
	at = start + path_latency_us(&n->paths, from->host, to->host, n->rng);
	if (at < from->last_arrival_us)
		at = from->last_arrival_us;
	from->last_arrival_us = at;
	n->bytes += s->n;
	s->conn = c;
	s->to = net_other(end);
	net_post(n, c, NET_EV_ARRIVES, (struct queue_ev){.at_us = at, .p = s});
	return true;
}

static bool is_acked(struct net *n, const struct net_conn *c, enum net_end end)
{
	unsigned from = c->side[net_other(end)].host, to = c->side[end].host;

	return n->host[to].up && path_passes(&n->paths, from, to, n->rng);
}

/* When a connection that a process holds is given up, whatever the number of resends. */
static uint64_t lost_at_us(const struct net *n, const struct net_side *side)
{
	return n->user_timeout_us > 0 && side->open ? side->since_us + n->user_timeout_us
						    : UINT64_MAX;
}

static void arm(struct net *n, struct net_conn *c, enum net_end end, uint64_t in_us)
{
	struct net_side *side = &c->side[end];
	uint64_t lost_us = lost_at_us(n, side);

	if (lost_us < *n->now_us + in_us)
		in_us = lost_us > *n->now_us ? lost_us - *n->now_us : 0;
	side->timer_gen++;
	net_post(n, c, NET_EV_RESEND,
		(struct queue_ev){.at_us = *n->now_us + in_us,
			.who = end,
			.gen = side->timer_gen});
}

static uint64_t rto_us(const struct net *n, const struct net_side *side)
{
	return side->rto_us + 2 * (uint64_t)n->paths.base_us;
}

/* Sends one segment on a flow that may send. False: it is lost and the flow stalled behind it. */
static bool launch(struct net *n, struct net_conn *c, enum net_end end, struct net_seg *s)
{
	struct net_side *side = &c->side[end];
	uint32_t packets = s->packets;

	if (side->flow == NET_FLOWS)
		side->since_us = *n->now_us;
	if (!transmit(n, c, end, s)) {
		hold_first(side, s);
		side->flow = NET_STALLED;
		side->head_arrived = false;
		/* with later packets acknowledged, a loss is seen after a round trip */
		arm(n, c, end,
			s->packets < packets ? 1000 + 2 * (uint64_t)n->paths.base_us
					     : rto_us(n, side));
		return false;
	}
	if (is_acked(n, c, end)) {
		side->flow = NET_FLOWS;
		side->timer_gen++;
	} else if (side->flow == NET_FLOWS) {
		side->flow = NET_AWAITS;
		side->head_arrived = true;
		arm(n, c, end, rto_us(n, side));
	}
	return true;
}

void net_flow_send(struct net *n, struct net_conn *c, enum net_end end, struct net_seg *s)
{
	struct net_side *side = &c->side[end];

	if (side->held != NULL || side->flow == NET_STALLED)
		hold_last(side, s);
	else
		launch(n, c, end, s);
}

static void back_off(struct net *n, struct net_conn *c, enum net_end end)
{
	struct net_side *side = &c->side[end];

	if (side->rto_us < RTO_MAX_US / 2)
		side->rto_us *= 2;
	arm(n, c, end, rto_us(n, side));
}

/* Gets the head of a stalled flow over, and its acknowledgement back. */
static bool revive(struct net *n, struct net_conn *c, enum net_end end)
{
	struct net_side *side = &c->side[end];

	if (!side->head_arrived) {
		struct net_seg *s = take_held(side);

		if (!transmit(n, c, end, s)) {
			hold_first(side, s);
			return false;
		}
		side->head_arrived = true;
	} else {
		unsigned to = c->side[net_other(end)].host;

		if (!n->host[to].up || !path_passes(&n->paths, side->host, to, n->rng))
			return false;
		net_flow_acked(n, c, net_other(end));
	}
	return is_acked(n, c, end);
}

/* The head is over and acknowledged: what was held follows. */
static void flow_on(struct net *n, struct net_conn *c, enum net_end end)
{
	struct net_side *side = &c->side[end];

	side->flow = NET_FLOWS;
	side->timer_gen++;
	side->rto_us = NET_RTO_MIN_US;
	side->resends = 0;
	while (side->held != NULL && side->flow != NET_STALLED)
		if (!launch(n, c, end, take_held(side)))
			break;
}

void net_flow_acked(struct net *n, struct net_conn *c, enum net_end end)
{
	struct net_side *side = &c->side[end];

	if (side->flow != NET_FLOWS && side->head_arrived)
		flow_on(n, c, end);
}

void net_flow_resend(struct net *n, struct net_conn *c, enum net_end end)
{
	struct net_side *side = &c->side[end];
	uint32_t resends_max = side->open ? RESENDS_MAX : ORPHAN_RESENDS_MAX;

	side->flow = NET_STALLED;
	if (++side->resends > resends_max || *n->now_us >= lost_at_us(n, side)) {
		net_flow_drop(n, side);
		if (side->open)
			net_post(n, c, NET_EV_GIVEN_UP,
				(struct queue_ev){.at_us = *n->now_us, .who = end});
		return;
	}
	if (!revive(n, c, end)) {
		back_off(n, c, end);
		return;
	}
	flow_on(n, c, end);
	if (!c->side[net_other(end)].open && side->open && !side->lingers)
		net_flow_reset(n, c, end);
	if (side->open && side->starved && net_room(n, c, end)) {
		side->starved = false;
		n->ops->room(n->ctx, c, end);
	}
}

void net_flow_reset(struct net *n, struct net_conn *c, enum net_end to)
{
	struct net_side *dst = &c->side[to], *src = &c->side[net_other(to)];
	struct net_seg *s;

	if (!dst->open || !n->host[dst->host].up)
		return;
	if (!path_passes(&n->paths, src->host, dst->host, n->rng))
		return;
	s = net_seg_new(n, NET_RST, NULL, 0);
	s->conn = c;
	s->to = to;
	net_post(n, c, NET_EV_ARRIVES,
		(struct queue_ev){.at_us = *n->now_us + path_latency_us(&n->paths, src->host,
								dst->host, n->rng),
			.p = s});
}

bool net_room(struct net *n, struct net_conn *c, enum net_end end)
{
	struct net_side *side = &c->side[end];
	uint64_t waiting = side->held_bytes;

	if (side->busy_until_us > *n->now_us)
		waiting += (side->busy_until_us - *n->now_us) * PATH_SLOW_BYTES_PER_S / 1000000;
	if (waiting < NET_BACKLOG_BYTES)
		return true;
	if (!side->starved && side->held == NULL)
		net_post(n, c, NET_EV_ROOM,
			(struct queue_ev){.at_us = side->busy_until_us, .who = end});
	side->starved = true;
	return false;
}
