#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "membership/core/core_int.h"

/* They are kept in the order in which they were made; numbers begin anew some day, and then count from the oldest. */
struct conn *conn_find(const struct core *c, uint32_t id)
{
	size_t lo = 0, hi = c->n_conns;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		uint32_t oldest = c->conn[0]->id, at = c->conn[mid]->id;

		if (at == id)
			return c->conn[mid];
		if (at - oldest < id - oldest)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

struct conn *conn_new(struct core *c)
{
	struct conn *k = xcalloc(1, sizeof *k);

	if (c->n_conns == c->conns_cap) {
		c->conns_cap = c->conns_cap == 0 ? 16 : c->conns_cap * 2;
		c->conn = xrealloc(c->conn, c->conns_cap, sizeof *c->conn);
	}
	k->id = c->next_conn++;
	if (c->next_conn == 0)
		c->next_conn = 1;
	k->target = k->peer = NO_INDEX;
	k->rtt_us = -1;
	c->conn[c->n_conns++] = k;
	c->timers_moved = true;
	return k;
}

struct conn *conn_dial(struct core *c, enum conn_purpose purpose, const char *host,
	uint16_t port)
{
	struct conn *k = conn_new(c);
	struct core_fx *fx;

	k->dialed = true;
	k->purpose = purpose;
	k->phase = CONN_DIALING;
	k->nonce = rng_u64(&c->rng) | 1;
	snprintf(k->host, sizeof k->host, "%s", host);
	k->port = port;
	fx = fx_add(c, CORE_FX_DIAL);
	fx->conn = k->id;
	fx->u.dial.host = k->host;
	fx->u.dial.port = port;
	fx->u.dial.timeout_ms = DIAL_TIMEOUT_MS;
	c->counters.dials++;
	return k;
}

void conn_gone(struct core *c, struct conn *k)
{
	size_t i = 0;

	while (c->conn[i] != k)
		i++;
	memmove(&c->conn[i], &c->conn[i + 1], (c->n_conns - i - 1) * sizeof *c->conn);
	c->n_conns--;
	if (k->target != NO_INDEX && c->member[k->target]->dialing == k->id)
		c->member[k->target]->dialing = 0;
	if (k->purpose ==
		FOR_CANDIDATE) /* ended without a result: the candidate may be tried again */
		candidate_result(c, k, false, WIRE_RETRY_1S, false);
	buf_free(&k->out);
	buf_free(&k->early);
	bits_free(&k->dirty);
	bits_free(&k->dirty_graves);
	free(k);
}

void conn_wake(struct core *c, struct conn *k)
{
	if (k->state_ms > c->now_ms && k->state_ms < c->timers_ms)
		c->timers_ms = k->state_ms;
	if (k->wake_queued || k->phase == CONN_DIALING)
		return;
	k->wake_queued = true;
	fx_add(c, CORE_FX_WAKE)->conn = k->id;
}

void conn_send(struct core *c, struct conn *k, enum wire_type type, const void *msg)
{
	size_t before = k->out.n;

	if (before > OUT_MAX)
		return;
	wire_put(&k->out, type, msg);
	c->counters.frames_out++;
	c->counters.bytes_out += k->out.n - before;
	conn_wake(c, k);
}

/* An edge that stood on k must have been told before. */
void conn_close(struct core *c, struct conn *k, bool linger)
{
	struct core_fx *fx;

	c->timers_moved = true;
	if (k->phase == CONN_DIALING)
		linger = false;
	fx = fx_add(c, CORE_FX_CLOSE);
	fx->conn = k->id;
	fx->u.close.linger = linger;
	if (!linger) {
		conn_gone(c, k);
		return;
	}
	if (k->target != NO_INDEX && c->member[k->target]->dialing == k->id)
		c->member[k->target]->dialing = 0;
	k->phase = CONN_CLOSING;
	k->deadline_ms = c->now_ms + 4000;
}

void conn_bye(struct core *c, struct conn *k, enum wire_bye_code code, enum wire_class retry,
	const char *name, const char *fmt, ...)
{
	char text[WIRE_TEXT_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!k->said_bye)
		conn_send(c, k, WIRE_BYE,
			&(struct wire_bye){.code = code,
				.retry = retry,
				.name = msg_str(name),
				.text = msg_str(text)});
	k->said_bye = true;
	conn_close(c, k, true);
}

bool conn_live(const struct core *c, const struct conn *k)
{
	return k->phase == CONN_UP && c->now_ms < k->echo_ms + k->timeout_ms;
}

/* --- inputs --- */

uint32_t core_conn_accepted(struct core *c, const char *remote)
{
	struct conn *k = conn_new(c);
	uint32_t id = k->id;

	snprintf(k->host, sizeof k->host, "%s", remote);
	k->phase = CONN_HELLO;
	k->stage = CORE_STAGE_HELLO;
	k->deadline_ms = c->now_ms + HELLO_TIMEOUT_MS;
	settle(c);
	return id;
}

void core_conn_stage(struct core *c, uint32_t conn, enum core_stage stage)
{
	struct conn *k = conn_find(c, conn);

	if (k == NULL || k->phase != CONN_DIALING)
		return;
	k->stage = stage;
	if (k->purpose == FOR_CHECK)
		check_stage(c, k);
	if (stage == CORE_STAGE_HELLO) {
		k->phase = CONN_HELLO;
		k->deadline_ms = c->now_ms + DIAL_TIMEOUT_MS;
		hello_send(c, k);
	}
	settle(c);
}

/* What its end means to who wanted the connection; k itself is forgotten by the caller. */
static void lost(struct core *c, struct conn *k, enum core_loss loss, const char *text)
{
	if (k->phase == CONN_CLOSING)
		return;
	if (k->purpose == FOR_JOIN)
		join_conn_lost(c, k, loss, text);
	else if (k->purpose == FOR_CHECK)
		check_lost(c, k, loss, text);
	else if (k->phase == CONN_UP && k->peer != NO_INDEX)
		edge_conn_lost(c, c->member[k->peer], k, loss, text);
	else if (k->dialed && k->phase != CONN_NOTICE)
		dial_failed(c, k, loss, text);
}

void core_conn_lost(struct core *c, uint32_t conn, enum core_loss loss, const char *text)
{
	struct conn *k = conn_find(c, conn);

	if (k == NULL)
		return;
	lost(c, k, loss, text);
	if (conn_find(c, conn) == k)
		conn_gone(c, k);
	settle(c);
}

static void malformed(struct core *c, struct conn *k, const char *what, int rc)
{
	uint32_t id = k->id;

	fx_event_for(c, CORE_EV_REFUSED, k->peer_known ? k->peer_name : k->host, &k->peer_id,
		"malformed message: %s (%s); connection closed", what, strerror(-rc));
	lost(c, k, CORE_LOSS_ERROR, "malformed message");
	if (conn_find(c, id) == k)
		conn_bye(c, k, WIRE_BYE_PROTOCOL, WIRE_RETRY_1S, c->node_name,
			"malformed message: %s", what);
}

enum allowed_phase {
	IN_HELLO = 1,
	IN_WELCOME = 2,
	IN_UP = 4,
	IN_NOTICE = 8,
	IN_JOINER = 16,
	IN_JOINING = 32,
	IN_CLOSING = 64
};

static const unsigned phase_bit[] = {
	[CONN_DIALING] = 0,
	[CONN_HELLO] = IN_HELLO,
	[CONN_WELCOME] = IN_WELCOME,
	[CONN_CONDITIONAL] = IN_WELCOME,
	[CONN_UP] = IN_UP,
	[CONN_NOTICE] = IN_NOTICE,
	[CONN_JOINER] = IN_JOINER,
	[CONN_JOINING] = IN_JOINING,
	[CONN_CLOSING] = IN_CLOSING,
};

/* In which phases a message may come. */
static const unsigned allowed[WIRE_N_TYPES] = {
	[WIRE_HELLO] = IN_HELLO,
	[WIRE_WELCOME] = IN_WELCOME,
	[WIRE_BYE] =
		IN_HELLO | IN_WELCOME | IN_UP | IN_NOTICE | IN_JOINER | IN_JOINING | IN_CLOSING,
	[WIRE_PING] = IN_UP,
	[WIRE_STATE] = IN_UP | IN_WELCOME | IN_NOTICE | IN_JOINING | IN_JOINER | IN_CLOSING,
	[WIRE_RANGES] = IN_UP,
	[WIRE_SUMMARY] = IN_UP,
	[WIRE_DROP] = IN_UP,
	[WIRE_COMMIT] = IN_JOINER,
	[WIRE_ADMIT] = IN_JOINING,
	[WIRE_JOINED] = IN_JOINER,
	[WIRE_DEPART_ACK] = IN_UP | IN_NOTICE,
};

static void dispatch(struct core *c, struct conn *k, enum wire_type type,
	const union wire_any *m)
{
	switch (type) {
	case WIRE_HELLO:
		on_hello(c, k, &m->hello);
		break;
	case WIRE_WELCOME:
		on_welcome(c, k, &m->welcome);
		break;
	case WIRE_BYE:
		on_bye(c, k, &m->bye);
		break;
	case WIRE_PING:
		on_ping(c, k, &m->ping);
		break;
	case WIRE_STATE:
		on_state(c, k, &m->state);
		break;
	case WIRE_RANGES:
		on_ranges(c, k, &m->ranges);
		break;
	case WIRE_SUMMARY:
		on_summary(c, k, &m->summary);
		break;
	case WIRE_DROP:
		on_drop(c, k, &m->drop);
		break;
	case WIRE_COMMIT:
		on_commit(c, k, &m->commit);
		break;
	case WIRE_ADMIT:
		on_admit(c, k, &m->admit);
		break;
	case WIRE_JOINED:
		on_joined(c, k, &m->joined);
		break;
	case WIRE_DEPART_ACK:
		on_depart_ack(c, k, &m->depart_ack);
		break;
	case WIRE_N_TYPES:
		break;
	}
}

static void frame_take(struct core *c, struct conn *k, const uint8_t *frame, size_t n)
{
	union wire_any m;
	enum wire_type type = WIRE_N_TYPES;
	const char *why;
	int rc;

	msg_arena_reset(&c->arena);
	rc = wire_get(frame, n, &c->arena, &type, &m, &why);
	c->timers_moved |= type != WIRE_STATE && type != WIRE_PING;
	if (rc == -ENOSYS && k->peer_known)
		return; /* a newer peer may say more than we know */
	if (rc == 0 && (allowed[type] & phase_bit[k->phase]) == 0) {
		/* a link that is being closed may still flood; the rest of what it says is late */
		if (k->phase == CONN_CLOSING || k->phase == CONN_NOTICE)
			return;
		rc = -EPROTO;
	}
	if (rc == 0)
		dispatch(c, k, type, &m);
	else
		malformed(c, k, why, rc);
}

void core_conn_frame(struct core *c, uint32_t conn, const uint8_t *frame, size_t n)
{
	struct conn *k = conn_find(c, conn);

	if (k == NULL || k->phase == CONN_DIALING)
		return;
	/* a link of the cluster that this node was in before: what it floods is not for us any more */
	if (k->phase == CONN_CLOSING && k->peer == NO_INDEX)
		return;
	c->counters.frames_in++;
	c->counters.bytes_in += n + 4;
	/* until the new incarnation is on disk nobody hears of it; who says more than hello unanswered has given up */
	if (c->started)
		frame_take(c, k, frame, n);
	else if (k->early.n == 0)
		buf_put(&k->early, frame, n);
	else
		conn_close(c, k, false);
	settle_flood(c);
}

void conns_started(struct core *c)
{
	for (size_t i = c->n_conns; i-- > 0;) {
		struct buf early;

		if (i >= c->n_conns || c->conn[i]->early.n == 0)
			continue;
		early = c->conn[i]->early;
		c->conn[i]->early = (struct buf){0};
		frame_take(c, c->conn[i], early.p, early.n);
		buf_free(&early);
	}
}

/* How many of the bytes that are due are whole frames and fit; none of what the core says is longer than cap. */
static size_t whole_frames(const struct buf *b, size_t cap)
{
	size_t n = 0;

	while (n < b->n) {
		const uint8_t *p = b->p + n;
		size_t frame = 4 + ((size_t)p[0] << 24 | (size_t)p[1] << 16 |
					   (size_t)p[2] << 8 | p[3]);

		if (n + frame > cap)
			break;
		n += frame;
	}
	return n;
}

/* Who pulls asks until there is nothing more: it needs no waking for what it is about to be given. */
static void ping_pulled(struct core *c, struct conn *k)
{
	bool queued = k->wake_queued;

	k->wake_queued = true;
	ping_put(c, k);
	k->wake_queued = queued;
}

size_t core_conn_pull(struct core *c, uint32_t conn, uint8_t *out, size_t cap)
{
	struct conn *k = conn_find(c, conn);
	struct buf b = {0};
	size_t n = 0;

	if (k == NULL || k->phase == CONN_DIALING)
		return 0;
	if (k->out.n > 0) {
		n = whole_frames(&k->out, cap);
		memcpy(out, k->out.p, n);
		buf_drop(&k->out, n);
		return n;
	}
	if (k->phase != CONN_UP)
		return 0;
	if (k->ping_wanted) {
		ping_pulled(c, k);
	} else if (flood_pending(c, k) && c->now_ms >= k->state_ms) {
		flood_pull(c, k, &b, WIRE_CHUNK_BYTES);
		k->state_ms = c->now_ms + STATE_GAP_MS;
		c->timers_moved |= flood_pending(c, k);
		deadline_arm(c);
	}
	if (k->out.n > 0)
		return core_conn_pull(c, conn, out, cap);
	if (b.n > 0) {
		n = b.n;
		memcpy(out, b.p, n);
		c->counters.frames_out++;
		c->counters.bytes_out += n;
	}
	buf_free(&b);
	return n;
}

/* --- time --- */

static void phase_expired(struct core *c, struct conn *k)
{
	uint32_t id = k->id;

	switch (k->phase) {
	case CONN_HELLO:
	case CONN_WELCOME:
	case CONN_CONDITIONAL:
	case CONN_JOINING:
		lost(c, k, CORE_LOSS_TIMEOUT, "connected, but no answer to hello in time");
		break;
	case CONN_DIALING:
	case CONN_UP:
	case CONN_NOTICE:
	case CONN_JOINER:
	case CONN_CLOSING:
		break;
	}
	if (conn_find(c, id) == k)
		conn_close(c, k, false);
}

void conn_tick(struct core *c, struct conn *k)
{
	if (due(c, k->deadline_ms)) {
		phase_expired(c, k);
		return;
	}
	if (k->phase != CONN_UP)
		return;
	if (due(c, k->ping_ms)) {
		k->ping_wanted = true;
		k->ping_ms = ping_next(c, k);
		conn_wake(c, k);
	} else if (flood_pending(c, k) && c->now_ms >= k->state_ms) {
		conn_wake(c, k);
	}
}

uint64_t conn_deadline(const struct core *c, const struct conn *k)
{
	uint64_t at = k->deadline_ms;

	if (k->phase != CONN_UP)
		return at;
	if (at == 0 || k->ping_ms < at)
		at = k->ping_ms;
	if (flood_pending(c, k) && k->state_ms > c->now_ms && k->state_ms < at)
		at = k->state_ms;
	return at;
}
