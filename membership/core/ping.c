#include "membership/core/core_int.h"

/* All links of a node beat together: one wake-up serves them all. The phase is the node's own. */
uint64_t beat_after(const struct core *c, uint64_t ms, uint32_t heartbeat_ms)
{
	uint64_t phase = c->session % heartbeat_ms;

	return (ms + heartbeat_ms - phase) / heartbeat_ms * heartbeat_ms + phase;
}

uint64_t ping_next(const struct core *c, const struct conn *k)
{
	return beat_after(c, c->now_ms, k->heartbeat_ms);
}

void ping_put(struct core *c, struct conn *k)
{
	struct wire_ping p = {.seq = ++k->ping_seq,
		.echo = k->got_seq,
		.vector_hash = c->data.vector_hash,
		.data_hash = c->data.data_hash,
		.digest = digest_total(c)};

	if (k->got_seq != 0)
		p.echo_age_us = (uint32_t)(c->now_us - k->got_us);
	k->sent_us[k->ping_seq % RTT_SLOTS] = c->now_us;
	k->ping_wanted = false;
	conn_send(c, k, WIRE_PING, &p);
}

static void echo_new(struct core *c, struct conn *k, const struct wire_ping *p)
{
	uint64_t sent_us = k->sent_us[p->echo % RTT_SLOTS];

	k->echoed = p->echo;
	k->echo_ms = c->now_ms;
	if (k->ping_seq - p->echo < RTT_SLOTS && c->now_us >= sent_us + p->echo_age_us)
		k->rtt_us = (int64_t)(c->now_us - sent_us - p->echo_age_us);
	edge_echo(c, c->member[k->peer]);
}

static void digest_compare(struct core *c, struct conn *k, uint64_t theirs)
{
	if (theirs == digest_total(c)) {
		k->equal_ms = c->now_ms;
		if (!c->ready || !c->agreed) {
			c->ready = c->agreed = true;
			c->view_dirty = true;
			fx_view(c);
		}
	} else if (c->now_ms >= k->equal_ms + UNEQUAL_MS && !MUTANT(NO_ANTI_ENTROPY)) {
		k->equal_ms = c->now_ms;
		k->send_ranges = true;
		conn_wake(c, k);
	}
}

static void data_note(struct core *c, const struct conn *k, const struct wire_ping *p)
{
	struct member *m = c->member[k->peer];
	struct core_fx *fx;

	if (m->vector_hash == p->vector_hash && m->data_hash == p->data_hash)
		return;
	m->vector_hash = p->vector_hash;
	m->data_hash = p->data_hash;
	fx = fx_add(c, CORE_FX_DATA_PEER);
	fx->u.peer.id = m->id;
	fx->u.peer.vector_hash = p->vector_hash;
	fx->u.peer.data_hash = p->data_hash;
}

void on_ping(struct core *c, struct conn *k, const struct wire_ping *p)
{
	bool first = k->got_seq == 0;

	if (p->seq <= k->got_seq || p->echo > k->ping_seq)
		return; /* a repeated or an invented number proves nothing */
	k->got_seq = p->seq;
	k->got_us = c->now_us;
	if (p->echo > k->echoed)
		echo_new(c, k, p);
	digest_compare(c, k, p->digest);
	data_note(c, k, p);
	if (first && k->echoed == 0 && k->ping_ms > c->now_ms + k->heartbeat_ms / 4) {
		/* the first round trip at once: it tells the RTT and whether both directions work */
		k->ping_wanted = true;
		conn_wake(c, k);
	}
}
