#include <stdio.h>

#include "membership/core/core_int.h"

/*
 * Leaving and being removed. Nobody's word makes this node clear anything: who learns of its departure hands its
 * data over first, and stands apart with it when no running member that stays has all of it.
 */

/* --- my own leave --- */

static void leave_reply(struct core *c, enum core_code code, const char *text)
{
	if (c->leave.has_request)
		fx_reply(c, c->leave.request, code, c->node_name, "%s", text);
	c->leave.has_request = false;
}

static void leave_over(struct core *c)
{
	entry_free(&c->leave.entry);
	memset(&c->leave, 0, sizeof c->leave);
	c->plan_dirty = true;
	fx_view(c);
}

static void own_entry(const struct core *c, struct wire_departed *e, enum wire_reason reason)
{
	*e = (struct wire_departed){.id = self(c)->id,
		.node_id = c->node_id,
		.by = self(c)->id,
		.reason = reason,
		.name = msg_str(c->node_name),
		.by_name = msg_str(c->node_name),
		.when_ms = c->wall_ms};
}

static void leave_persist(struct core *c)
{
	struct wire_departed e;

	own_entry(c, &e, c->leave.reason);
	c->leave.phase = LEAVE_PERSIST;
	state_put_departed(c, &e);
	persist_wait(c, persist_commit(c), WAIT_LEAVE);
}

static void leave_clear(struct core *c, enum core_apart apart, const char *by)
{
	c->leave.phase = LEAVE_CLEAR;
	standing_fresh(c, &c->next, apart, by);
	if (c->leave.keep)
		c->next.generation = c->generation;
	standing_persist(c, &c->next, WAIT_CLEAR);
}

static void hand_over(struct core *c, enum leave_phase phase)
{
	struct core_fx *fx = fx_add(c, CORE_FX_HANDOVER);

	c->leave.phase = phase;
	c->leave.job = (uint32_t)rng_u64(&c->rng) | 1;
	fx->u.handover.job = c->leave.job;
	fx->u.handover.force = c->leave.force;
	fx->u.handover.removed = phase == LEAVE_COVER;
	fx_view(c);
}

static void leave_begin(struct core *c)
{
	c->leave.phase = LEAVE_TRANSIT;
	c->leave.deadline_ms = c->now_ms + TRANSIT_MS;
	fx_view(c);
	if (connected_without_me(c)) {
		leave_persist(c);
		return;
	}
	/* others still pass through me: let them link round me first */
	c->own_state = WIRE_LEAVING;
	record_touch(c, true);
}

void leave_start(struct core *c, uint32_t request, bool force)
{
	if (c->leave.phase != LEAVE_NONE || c->join.phase != JOIN_NONE || c->stopping) {
		fx_reply(c, request, CORE_E_BUSY, c->node_name,
			"another join or leave is under way on this node");
		return;
	}
	if (admitting(c)) {
		fx_reply(c, request, CORE_E_BUSY, c->node_name,
			"another node is just joining this one; try again");
		return;
	}
	if (c->n_running <= 1 && !(force && !single(c))) {
		fx_reply(c, request, CORE_E_NOT_IN_CLUSTER, c->node_name, "%s",
			single(c)
				? "this node is the only member of its cluster"
				: "no other member is running, so nobody could take over what only this node has; "
				  "`--force` leaves all the same and forgets it");
		return;
	}
	c->leave = (struct leave){.reason = WIRE_LEFT,
		.has_request = true,
		.request = request,
		.force = force};
	hand_over(c, LEAVE_HANDOVER);
}

static void leave_handed(struct core *c, bool ok, const char *text)
{
	char why[512];

	if (!ok && !c->leave.force) {
		snprintf(why, sizeof why,
			"no running member took over what is here (%s), so nothing was changed; `--force` leaves all the same",
			text);
		leave_reply(c, CORE_E_NOT_IN_CLUSTER, why);
		leave_over(c);
		return;
	}
	if (!ok)
		snprintf(c->leave.text, sizeof c->leave.text,
			"left, although nobody took over what was here: %s", text);
	if (c->n_running <= 1)
		leave_clear(c, CORE_APART_LEFT, "");
	else
		leave_begin(c);
}

void leave_for_name(struct core *c)
{
	if (c->leave.phase != LEAVE_NONE || c->join.phase != JOIN_NONE || c->stopping)
		return;
	/* it comes back, so its data stays and is merged then */
	c->leave = (struct leave){.reason = WIRE_NAME, .keep = true};
	leave_begin(c);
}

/* My departure to one neighbour: when it is on my disk, on each link that comes up after, and again while none confirms. */
void leave_tell(struct core *c, struct conn *k)
{
	struct wire_departed e;

	if (c->leave.phase != LEAVE_ACK || k->phase != CONN_UP)
		return;
	own_entry(c, &e, c->leave.reason);
	conn_send(c, k, WIRE_STATE, &(struct wire_state){.departed = {&e, 1}});
}

static void leave_tell_all(struct core *c)
{
	for (size_t i = 0; i < c->n_conns; i++)
		leave_tell(c, c->conn[i]);
	c->leave.tell_ms = c->now_ms + LEAVE_TELL_MS;
}

void leave_persisted(struct core *c, int error)
{
	if (error != 0) {
		c->own_state = WIRE_UP;
		record_touch(c, false);
		leave_reply(c, CORE_E_STORE,
			"the data directory can't be written; nothing was changed");
		leave_over(c);
		return;
	}
	c->leave.phase = LEAVE_ACK;
	c->leave.deadline_ms = c->now_ms + LEAVE_ACK_MS;
	if (MUTANT(LEAVE_WITHOUT_ACK)) {
		leave_clear(c, CORE_APART_LEFT, "");
		return;
	}
	leave_tell_all(c);
}

void on_depart_ack(struct core *c, struct conn *k, const struct wire_depart_ack *m)
{
	(void)k;
	if (c->leave.phase != LEAVE_ACK || !id_eq(&m->id, &self(c)->id))
		return;
	leave_clear(c, c->leave.reason == WIRE_NAME ? CORE_APART_NAME : CORE_APART_LEFT,
		c->leave.reason == WIRE_NAME ? c->node_name : "");
}

static void leave_unheard(struct core *c)
{
	state_del_departed(c, &self(c)->id);
	persist_wait(c, persist_commit(c), WAIT_SELF);
	c->own_state = WIRE_UP;
	record_touch(c, true);
	leave_reply(c, CORE_E_NODE_DOWN,
		"no member confirmed in time that it has this node's departure on disk; nothing was cleared here");
	leave_over(c);
}

static const enum core_event_kind apart_events[] = {[CORE_APART_NO] = CORE_EV_LEFT,
	[CORE_APART_LEFT] = CORE_EV_LEFT,
	[CORE_APART_REMOVED] = CORE_EV_REMOVED,
	[CORE_APART_NAME] = CORE_EV_NAME_CONFLICT,
	[CORE_APART_IDENTITY] = CORE_EV_IDENTITY_CONFLICT,
	[CORE_APART_BANNED] = CORE_EV_REMOVED};

void leave_cleared(struct core *c, int error)
{
	if (error != 0)
		return; /* persist_tick tries again; until then this node is departed and says so */
	goodbye(c, NULL, WIRE_BYE_UNWANTED, "left the cluster");
	standing_data(c, &c->next);
	standing_take(c, &c->next);
	if (c->apart == CORE_APART_NAME)
		name_wait(c);
	else if (c->apart == CORE_APART_NO)
		candidates_unblock(c);
	fx_event(c, apart_events[c->apart], self(c), "%s%s",
		c->apart_by[0] != '\0' ? "by " : "", c->apart_by);
	leave_reply(c, CORE_OK, c->leave.text);
	leave_over(c);
}

/* --- removed by others --- */

static enum core_apart apart_of(uint32_t reason)
{
	static const enum core_apart of[] = {[WIRE_CLEANED] = CORE_APART_NO,
		[WIRE_REPLACED] = CORE_APART_REMOVED,
		[WIRE_NAME] = CORE_APART_NAME,
		[WIRE_LEFT] = CORE_APART_LEFT,
		[WIRE_FORCED] = CORE_APART_REMOVED};

	return of[reason];
}

/* Off a link nothing is flooded: who holds me for departed is told at once, as often as it says so. */
static void tell_void(struct core *c, struct conn *from)
{
	if (from->phase == CONN_UP || from->phase == CONN_CLOSING)
		return;
	notice_send(c, from, self(c));
	conn_close(c, from, true);
}

/*
 * Said without quorum, and this side had quorum all the while: the word is void, and everybody hears so. An entry that
 * is void already was ours, and is told to a process that has an older disk.
 */
static void departure_void(struct core *c, const struct wire_departed *e, struct conn *from)
{
	struct wire_departed voided = *e;
	struct member *me = self(c);

	voided.flags |= WIRE_DF_VOID;
	if (me->has_entry)
		entry_free(&me->entry);
	entry_copy(&me->entry, &voided);
	me->has_entry = true;
	member_digest(c, me);
	state_put_departed(c, &voided);
	persist_wait(c, persist_commit(c), WAIT_SELF);
	flood(c, 0, NULL);
	tell_void(c, from);
}

static void cover_end(struct core *c, bool covered)
{
	char by[NODE_NAME_MAX + 1];
	enum core_apart apart = apart_of(c->leave.entry.reason);

	if (!msg_span_copy(by, sizeof by, c->leave.entry.by_name))
		by[0] = '\0';
	/* cleaned and covered: comes back by itself as a new member; not covered: stands apart with what it has */
	c->leave.keep = !covered;
	if (!covered && apart == CORE_APART_NO)
		apart = CORE_APART_REMOVED;
	if (apart == CORE_APART_REMOVED && c->leave.entry.ban_ms != 0)
		apart = CORE_APART_BANNED;
	leave_clear(c, apart, by);
}

/* Whom to ask for cover: who told it, or another link when that one is just closing. */
static struct conn *cover_conn(const struct core *c, struct conn *from)
{
	if (from->phase != CONN_CLOSING)
		return from;
	for (size_t i = 0; i < c->n_conns; i++)
		if (c->conn[i]->phase == CONN_UP)
			return c->conn[i];
	return NULL;
}

void own_departure(struct core *c, const struct wire_departed *e, struct conn *from)
{
	char by[NODE_NAME_MAX + 1];

	if (c->leave.phase == LEAVE_COVER && from != NULL && from->peer != NO_INDEX)
		c->member[from->peer]->told_me = true;
	if (c->leave.phase == LEAVE_PERSIST || c->leave.phase == LEAVE_ACK ||
		c->leave.phase == LEAVE_CLEAR || c->leave.phase == LEAVE_COVER ||
		c->join.phase == JOIN_SWAP || from == NULL)
		return;
	if (self(c)->has_entry && departed_known(c, e)) {
		if ((self(c)->entry.flags & WIRE_DF_VOID) != 0 &&
			(e->flags & WIRE_DF_VOID) == 0)
			tell_void(c, from);
		return;
	}
	if ((e->flags & WIRE_DF_VOID) != 0) {
		departure_void(c, e, from);
		return;
	}
	/* the author's own voice does not count for us: of two nodes each may remove the other */
	if ((e->flags & WIRE_DF_NO_QUORUM) != 0 && !single(c) && !MUTANT(NEVER_VOID) &&
		quorum_without(c, member_find(c, &e->by))) {
		departure_void(c, e, from);
		return;
	}
	if (!msg_span_copy(by, sizeof by, e->by_name))
		by[0] = '\0';
	if (c->leave.phase == LEAVE_TRANSIT || c->leave.phase == LEAVE_HANDOVER)
		leave_reply(c, CORE_E_NOT_IN_CLUSTER, "this node was removed meanwhile");
	if (c->join.phase != JOIN_NONE)
		join_fail(c, CORE_E_BUSY, c->node_name,
			"this node was removed from its cluster meanwhile by %s", by);
	entry_free(&c->leave.entry);
	c->leave = (struct leave){.phase = LEAVE_COVER, .reason = (enum wire_reason)e->reason};
	entry_copy(&c->leave.entry, e);
	from = cover_conn(c, from);
	if (from != NULL && from->phase != CONN_UP) {
		from->phase = CONN_NOTICE;
		from->deadline_ms = c->now_ms + NOTICE_MS;
	}
	if (from != NULL)
		c->leave.to = from->peer_id;
	hand_over(c, LEAVE_COVER);
	if (MUTANT(CLEAR_WITHOUT_COVER))
		cover_end(c, true);
}

void core_handed(struct core *c, uint32_t job, bool ok, const char *text)
{
	if (job == 0 || c->leave.job != job)
		return;
	c->leave.job = 0;
	if (c->leave.phase == LEAVE_HANDOVER)
		leave_handed(c, ok, text);
	else if (c->leave.phase == LEAVE_COVER)
		cover_end(c, ok);
	settle(c);
}

void leave_tick(struct core *c)
{
	stop_tick(c);
	if (c->own_state == WIRE_RESTARTING && !c->stopping &&
		c->now_ms >= c->restart_announced_ms + RESTART_TAKEN_BACK_MS) {
		c->own_state = WIRE_UP; /* announced, but nobody restarted us */
		record_touch(c, true);
	}
	if (c->leave.phase == LEAVE_TRANSIT &&
		(due(c, c->leave.deadline_ms) || connected_without_me(c)))
		leave_persist(c);
	else if (c->leave.phase == LEAVE_ACK && due(c, c->leave.deadline_ms))
		leave_unheard(c);
	else if (c->leave.phase == LEAVE_ACK && due(c, c->leave.tell_ms))
		leave_tell_all(c);
}

uint64_t leave_deadline(const struct core *c)
{
	if (c->stop_wanted)
		return c->now_ms + 2 < c->stop_deadline_ms ? c->now_ms + 2
							   : c->stop_deadline_ms;
	if (c->own_state == WIRE_RESTARTING && !c->stopping)
		return c->restart_announced_ms + RESTART_TAKEN_BACK_MS;
	if (c->leave.phase == LEAVE_TRANSIT)
		return c->now_ms + 20 < c->leave.deadline_ms ? c->now_ms + 20
							     : c->leave.deadline_ms;
	if (c->leave.phase == LEAVE_ACK && c->leave.tell_ms < c->leave.deadline_ms)
		return c->leave.tell_ms;
	return c->leave.phase == LEAVE_ACK ? c->leave.deadline_ms : 0;
}
