#include "membership/core/core_int.h"

static struct msg_span span_own(struct msg_span s)
{
	char *copy = xcalloc(1, s.n + 1);

	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	return (struct msg_span){copy, s.n};
}

void entry_copy(struct wire_departed *dst, const struct wire_departed *src)
{
	*dst = *src;
	dst->name = span_own(src->name);
	dst->by_name = span_own(src->by_name);
}

void entry_free(struct wire_departed *e)
{
	free((void *)(uintptr_t)e->name.p);
	free((void *)(uintptr_t)e->by_name.p);
	memset(e, 0, sizeof *e);
}

/* A void entry beats what it voids; then the reason's precedence, then quorum, time and author: a fixed order. */
int entry_cmp(const struct wire_departed *a, const struct wire_departed *b)
{
	bool void_a = a->flags & WIRE_DF_VOID, void_b = b->flags & WIRE_DF_VOID;

	if (void_a != void_b &&
		((a->flags | b->flags) & WIRE_DF_NO_QUORUM) == WIRE_DF_NO_QUORUM &&
		(a->flags & b->flags & WIRE_DF_NO_QUORUM) != 0)
		return void_a ? 1 : -1;
	if ((a->flags & WIRE_DF_NO_QUORUM) != (b->flags & WIRE_DF_NO_QUORUM))
		return (a->flags & WIRE_DF_NO_QUORUM) == 0 ? 1 : -1;
	if (a->reason != b->reason)
		return a->reason > b->reason ? 1 : -1;
	if (a->when_ms != b->when_ms)
		return a->when_ms < b->when_ms ? 1 : -1;
	return id_cmp(&b->by, &a->by);
}

uint32_t entry_rank(const struct wire_departed *e)
{
	uint32_t flags = e->flags & 3u;

	/* final, then void, then without quorum; the reason below that */
	return 1 +
	       ((flags & WIRE_DF_NO_QUORUM) == 0     ? 32u
		       : (flags & WIRE_DF_VOID) != 0 ? 16u
						     : 0u) +
	       e->reason;
}

uint32_t departed_rank(const struct member *m)
{
	return m->has_entry ? entry_rank(&m->entry) : 0;
}

bool untold(const struct core *c, const struct member *m)
{
	return m->departed && (m->entry.flags & WIRE_DF_NO_QUORUM) != 0 && m->lost_ms != 0 &&
	       c->now_ms < m->lost_ms + LOST_EDGE_MS;
}

bool departed_known(const struct core *c, const struct wire_departed *e)
{
	const struct member *m = member_find(c, &e->id);
	const struct grave *g = grave_find(c, &e->id);
	struct wire_departed buried;

	if (g != NULL)
		buried = grave_entry(g);
	return (m != NULL && m->has_entry && entry_cmp(e, &m->entry) <= 0) ||
	       (g != NULL && entry_cmp(e, &buried) <= 0);
}

static enum core_event_kind event_of(uint32_t reason)
{
	static const enum core_event_kind kinds[] = {[WIRE_CLEANED] = CORE_EV_NODE_CLEANED,
		[WIRE_REPLACED] = CORE_EV_NODE_REPLACED,
		[WIRE_NAME] = CORE_EV_NAME_CONFLICT,
		[WIRE_LEFT] = CORE_EV_NODE_LEFT,
		[WIRE_FORCED] = CORE_EV_NODE_REMOVED};

	return kinds[reason];
}

static void forget_link(struct core *c, struct member *m)
{
	struct conn *k = m->link.conn == 0 ? NULL : conn_find(c, m->link.conn);

	if (m->link.listed)
		m->lost_ms = c->now_ms;
	m->link.listed = false;
	m->link.state = EDGE_NONE;
	m->link.conn = 0;
	if (k != NULL) {
		/* it hears of it on this connection; then only that and its question for cover pass */
		k->phase = CONN_NOTICE;
		k->deadline_ms = c->now_ms + NOTICE_MS;
		notice_send(c, k, m);
	}
	record_touch(c, true);
}

static void entry_set(struct core *c, struct member *m, const struct wire_departed *e)
{
	if (m->has_entry)
		entry_free(&m->entry);
	entry_copy(&m->entry, e);
	m->has_entry = true;
	m->kept_ran_ms = ran_ms(c);
	m->departed = (e->flags & WIRE_DF_VOID) == 0;
	member_digest(c, m);
	c->view_dirty = true;
	c->plan_dirty = true;
}

static int32_t entry_member(struct core *c, const struct wire_departed *e)
{
	int32_t index = member_intern(c, &e->id);
	struct member *m = c->member[index];

	/* a void word makes nobody a member */
	if (m->name[0] == '\0' && (e->flags & WIRE_DF_VOID) == 0)
		member_name(c, m, e->name);
	return index;
}

/* Where it can be looked for after a restart: at its name's host, by the rule for ports. */
static void address_by_name(const struct core *c, struct member *m)
{
	struct node_addr a;
	const char *why;

	if (node_parse(m->name, NULL, &a, &why) != 0)
		return;
	set_text(&m->host, msg_str(a.host));
	m->dist_port = node_dist_port(a.name);
	m->lost_ms = c->now_ms;
}

void departed_apply_stored(struct core *c, const struct wire_departed *e, uint64_t kept_ran_ms)
{
	int32_t index = entry_member(c, e);
	struct member *m = c->member[index];

	entry_set(c, m, e);
	m->kept_ran_ms = kept_ran_ms;
	c->n_departed += m->departed ? 1 : 0;
	if (m->departed && (e->flags & WIRE_DF_NO_QUORUM) != 0)
		address_by_name(c, m);
	bury_soon(c);
}

/* The leaver waits for a neighbour that has its departure on disk. */
static void ack_departed(struct core *c, const struct wire_departed *e, struct conn *from)
{
	if (from == NULL || !id_eq(&from->peer_id, &e->id) || e->reason < WIRE_NAME)
		return;
	if (c->rewrite)
		return; /* not on disk here; it will ask again */
	if (c->batches == NULL && c->batch == NULL) {
		conn_send(c, from, WIRE_DEPART_ACK, &(struct wire_depart_ack){.id = e->id});
		return;
	}
	from->ack_departed = true;
	from->ack_seq = persist_last(c);
}

static bool room_for(struct core *c, const struct wire_departed *e)
{
	bool unknown = member_index(c, &e->id) == NO_INDEX && grave_find(c, &e->id) == NULL;

	if ((e->flags & WIRE_DF_VOID) != 0)
		return !unknown || members_live(c) < c->members_max;
	return c->n_departed + c->n_graves < DEPARTED_MAX || !unknown ||
	       grave_forget_older(c, e);
}

bool departed_bare(const struct wire_departed *e)
{
	return (e->flags & (WIRE_DF_NO_QUORUM | WIRE_DF_VOID)) == 0 &&
	       (id_is_zero(&e->by) || (e->reason == WIRE_LEFT && id_eq(&e->by, &e->id)));
}

struct waiter *depart(struct core *c, struct member *m, enum wire_reason reason, uint32_t flags,
	uint64_t ban_ms)
{
	struct wire_departed e = {.id = m->id,
		.node_id = m->node_id,
		.by = self(c)->id,
		.reason = reason,
		.flags = flags,
		.name = msg_str(m->name),
		.by_name = msg_str(c->node_name),
		.when_ms = c->wall_ms,
		.ban_ms = ban_ms};
	struct waiter *w;

	m->departing = true;
	state_put_departed(c, &e);
	w = persist_wait(c, persist_commit(c), WAIT_DEPART);
	entry_copy(&w->entry, &e);
	return w;
}

/* Nothing goes through a replica but its own word, and what it says of who does not run here. */
static bool not_through(const struct core *c, const struct wire_departed *e,
	const struct conn *from)
{
	const struct member *m = member_find(c, &e->id);

	if (from == NULL || from->peer_role != WIRE_REPLICA || id_eq(&e->id, &from->peer_id) ||
		id_eq(&e->by, &from->peer_id))
		return false;
	return m != NULL && m->running;
}

void departed_take(struct core *c, const struct wire_departed *e, struct conn *from)
{
	struct member *m;
	int32_t index;
	bool was, known;

	if (id_is_zero(&e->id) || e->reason > WIRE_FORCED || swapping(c))
		return;
	if (not_through(c, e, from))
		return;
	if (id_eq(&e->id, &self(c)->id)) {
		own_departure(c, e, from);
		return;
	}
	if (departed_known(c, e)) {
		ack_departed(c, e, from);
		return;
	}
	if (!room_for(c, e))
		return;
	if (member_index(c, &e->id) == NO_INDEX &&
		(departed_bare(e) || grave_find(c, &e->id) != NULL)) {
		flood_grave(c, grave_put(c, e), from);
		ack_departed(c, e, from);
		return;
	}
	index = entry_member(c, e);
	m = c->member[index];
	was = m->departed;
	known = is_member(m);
	entry_set(c, m, e);
	if (m->departed)
		m->running = m->announced = false;
	if (m->departed && from == NULL && (e->flags & WIRE_DF_NO_QUORUM) != 0)
		m->lost_ms = c->now_ms; /* looked for, see untold() */
	state_put_departed(c, e);
	if (m->departed && !was) {
		if (e->ban_ms != 0)
			ban_add(c, &e->node_id, e->ban_ms);
		c->n_departed++;
		state_del_member(c, &m->id);
		forget_link(c, m);
		record_forget(c, index);
		if (known) /* of those that were gone before I came nobody needs to hear */
			fx_event(c, event_of(e->reason), m, "%s%.*s%s",
				e->by_name.n > 0 ? "by " : "", (int)e->by_name.n, e->by_name.p,
				(e->flags & WIRE_DF_NO_QUORUM) != 0 ? " without quorum" : "");
	} else if (!m->departed && was) {
		c->n_departed--;
	}
	flood(c, index, from);
	ack_departed(c, e, from);
	bury_soon(c);
	fx_view(c);
}
