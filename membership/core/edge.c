#include <stdio.h>

#include "membership/core/core_int.h"

static struct conn *edge_conn(const struct core *c, const struct member *m)
{
	return m->link.conn == 0 ? NULL : conn_find(c, m->link.conn);
}

static bool any_listed(const struct core *c)
{
	for (size_t i = 0; i < c->n_edged; i++)
		if (edge_counts(c, c->member[c->edged[i]]))
			return true;
	return false;
}

void edges_tick(struct core *c)
{
	size_t n = 0;

	for (size_t i = c->n_edged; i-- > 0;)
		edge_tick(c, c->member[c->edged[i]]);
	for (size_t i = 0; i < c->n_edged; i++)
		if (edge_in_use(c, c->member[c->edged[i]]))
			c->edged[n++] = c->edged[i];
	c->n_edged = n;
}

/*
 * Damping belongs to the member and counts its falls, not its links' troubles: who lost everything by time-outs, or was
 * itself away for longer than a time-out, waits before it lists a link again.
 */
void fall(struct core *c, const char *why)
{
	if (c->falls > 0 && c->now_ms >= c->fall_ms + HOLD_MEMORY_MS)
		c->falls = 0;
	if (c->falls > 0 && c->now_ms < c->fall_ms + c->timeout_ms)
		return; /* the same one: a pause ends with time-outs */
	c->falls++;
	c->fall_ms = c->now_ms;
	c->hold_ms = HOLD_FIRST_MS;
	for (unsigned i = 1; i < c->falls && c->hold_ms < HOLD_MAX_MS; i++)
		c->hold_ms = i == 1 ? HOLD_NEXT_MS : c->hold_ms * 2;
	if (c->hold_ms > HOLD_MAX_MS)
		c->hold_ms = HOLD_MAX_MS;
	if (c->falls > 1)
		fx_event(c, CORE_EV_STALLED, self(c),
			"%s, for the %u. time in 10 min: lists no link younger than %llu ms",
			why, c->falls, (unsigned long long)c->hold_ms);
}

uint64_t own_hold(const struct core *c)
{
	return c->falls > 0 && c->now_ms < c->fall_ms + HOLD_MEMORY_MS ? c->hold_ms : 0;
}

static void hold_from_now(struct core *c, struct member *m, bool failed_before)
{
	uint64_t hold = MUTANT(NO_HOLD) ? 0 : own_hold(c);

	if (failed_before && hold < LINK_HOLD_MS && !MUTANT(NO_HOLD))
		hold = LINK_HOLD_MS;
	m->link.since_ms = c->now_ms;
	m->link.hold_ms = hold;
	m->link.listed = hold == 0;
}

/* --- up --- */

bool links_to_spare(const struct core *c)
{
	return !c->mesh && !c->suspecting && self(c)->n_edges >= SPARE_EDGES;
}

/*
 * Neither end depends on this one. In a large cluster it is told with the ones that follow: after a heal each node makes
 * ten within a second.
 */
bool edge_spare(const struct core *c, const struct member *m)
{
	return links_to_spare(c) && m->running && m->n_edges >= SPARE_EDGES;
}

static void announce(struct core *c, const struct member *m)
{
	if (edge_spare(c, m))
		record_tidy(c, PUBLISH_SPARE_MS);
	else
		record_touch(c, false);
}

static bool newer_stays(const struct core *c, const struct member *m, const struct conn *older,
	const struct conn *k)
{
	if (k->supersedes || m->link.session != k->peer_ver.session ||
		older->dialed == k->dialed)
		return true;
	return k->dialed == (id_cmp(&self(c)->id, &m->id) < 0);
}

void edge_up(struct core *c, struct member *m, struct conn *k)
{
	struct conn *older = edge_conn(c, m);
	struct own_edge *e = &m->link;
	bool was_listed = edge_counts(c, m) && e->session == k->peer_ver.session,
	     first = !any_listed(c);

	if (older == k)
		return;
	if (older != NULL && older->phase == CONN_UP && e->state == EDGE_LIVE &&
		!newer_stays(c, m, older, k)) {
		conn_bye(c, k, WIRE_BYE_DUPLICATE, WIRE_RETRY_NOW, c->node_name,
			"linked twice; the other link stays");
		return;
	}
	e->conn = k->id;
	if (older != NULL && older->phase == CONN_UP)
		conn_bye(c, older, WIRE_BYE_DUPLICATE, WIRE_RETRY_NOW, c->node_name,
			"linked twice; the newer link stays");
	if (e->state == EDGE_NONE || e->state == EDGE_SUSPENDED)
		hold_from_now(c, m, e->by_timeout);
	if (e->state == EDGE_NONE)
		edged_add(c, k->peer);
	e->state = EDGE_LIVE;
	e->session = k->peer_ver.session;
	e->by_timeout = false;
	e->proven |= k->dialed;
	e->probe_ms = c->now_ms + 1000;
	e->deadline_ms = e->drop_ms = 0;
	e->rtt_us = k->rtt_us;
	m->tries = 0;
	m->refused_until_ms = 0;
	m->unlinkable_until_ms = 0;
	m->burst_left = 0;
	m->last_error[0] = '\0';
	/* what is held back is announced after that; of a replica it has to be refused until then */
	if (m->role == WIRE_REPLICA && c->role == WIRE_CORE)
		edge_tell(c, m, !e->listed);
	else if (!was_listed && e->listed)
		announce(c, m);
	if (first)
		c->publish_ms = c->now_ms;
	leave_tell(c, k);
	c->plan_dirty = c->timers_moved = true;
}

/* --- down --- */

/* When a network is cut, the links go one after the other, over the time of a heartbeat. */
static void announce_loss(struct core *c, const struct member *m)
{
	bool silent = m->link.by_timeout && !c->mesh,
	     again = silent && c->silent_ms != 0 && c->now_ms < c->silent_ms + PUBLISH_MAX_MS;

	record_within(c, again ? PUBLISH_CUT_MS : PUBLISH_LOSS_MS);
	if (silent)
		c->silent_ms = c->now_ms;
}

static void unlist(struct core *c, struct member *m, enum edge_state state)
{
	bool listed = edge_counts(c, m);

	m->link.listed = false;
	m->link.state = state;
	if (!listed)
		return;
	m->lost_ms = c->now_ms;
	c->view_dirty = true;
	if (link_entry(c, m) != m->link.said)
		announce_loss(c, m);
	if (m->link.by_timeout && !any_listed(c) && !c->stopping)
		fall(c, "lost its last link by a time-out");
}

void edge_lost(struct core *c, struct member *m, bool by_timeout, const char *why)
{
	struct conn *k = edge_conn(c, m);

	m->link.by_timeout = by_timeout;
	unlist(c, m, EDGE_NONE);
	m->link.conn = 0;
	m->link.proven = false;
	m->link.deadline_ms = m->link.drop_ms = 0;
	m->link.retired = false;
	m->link.rtt_us = -1;
	m->next_dial_ms = c->now_ms;
	snprintf(m->last_error, sizeof m->last_error, "%s", why);
	/* linked, but gone before its record came: it never was one of us */
	if (!m->has_record && !m->persisted)
		member_name(c, m, msg_str(""));
	if (k != NULL && k->phase == CONN_UP)
		conn_close(c, k, false);
	c->view_dirty = true;
	c->plan_dirty = c->timers_moved = true;
}

static struct conn *other_conn(const struct core *c, const struct member *m,
	const struct conn * not )
{
	for (size_t i = 0; i < c->n_conns; i++) {
		struct conn *k = c->conn[i];

		if (k != not &&k->phase == CONN_UP && k->peer != NO_INDEX &&
			c->member[k->peer] == m)
			return k;
	}
	return NULL;
}

static bool may_redial(const struct core *c, const struct member *m)
{
	return !m->departed && !MUTANT(NO_REDIAL) && m->state != WIRE_STOPPING && !c->stopping;
}

static void redial(struct core *c, struct member *m)
{
	m->link.state = EDGE_REDIAL;
	m->link.deadline_ms = c->now_ms + REDIAL_MS;
	m->link.redial_ms = c->now_ms;
	edge_tick(c, m);
}

void edge_conn_lost(struct core *c, struct member *m, struct conn *k, enum core_loss loss,
	const char *text)
{
	struct own_edge *e = &m->link;
	struct conn *other;

	if (e->conn != k->id)
		return;
	e->conn = 0;
	other = other_conn(c, m, k);
	if (other != NULL) {
		edge_up(c, m, other);
		return;
	}
	if (e->state == EDGE_SUSPENDED || loss == CORE_LOSS_TIMEOUT) {
		edge_lost(c, m, true, text);
		return;
	}
	if (!e->listed || !may_redial(c, m)) {
		edge_lost(c, m, false, text);
		return;
	}
	redial(c, m);
}

void edge_superseded(struct core *c, struct member *m, struct conn *k, const char *text)
{
	struct own_edge *e = &m->link;

	if (e->conn == k->id && e->state == EDGE_LIVE && !e->listed && may_redial(c, m) &&
		other_conn(c, m, k) == NULL) {
		e->conn = 0;
		redial(c, m);
		return;
	}
	edge_conn_lost(c, m, k, CORE_LOSS_EOF, text);
}

/* A refusal proves death only to the end that has itself reached this listener while the link lived. */
void edge_redial_failed(struct core *c, struct member *m, enum core_loss loss, const char *text)
{
	if (loss == CORE_LOSS_REFUSED && (m->link.proven || MUTANT(REFUSAL_PROVES))) {
		edge_lost(c, m, false, text);
		return;
	}
	m->link.redial_ms = c->now_ms + (loss == CORE_LOSS_RESET || loss == CORE_LOSS_EOF ||
								loss == CORE_LOSS_REFUSED
							? REDIAL_AGAIN_MS
							: 10 * REDIAL_AGAIN_MS);
	snprintf(m->last_error, sizeof m->last_error, "%s", text);
}

/* --- time --- */

static void suspend(struct core *c, struct member *m, uint32_t timeout_ms)
{
	m->link.by_timeout = true;
	unlist(c, m, EDGE_SUSPENDED);
	m->link.deadline_ms = c->now_ms + timeout_ms;
	m->next_dial_ms = c->now_ms;
	c->view_dirty = true;
	c->plan_dirty = c->timers_moved = true;
}

void edge_echo(struct core *c, struct member *m)
{
	struct conn *k = edge_conn(c, m);

	if (k == NULL)
		return;
	m->link.rtt_us = k->rtt_us;
	if (m->link.state != EDGE_SUSPENDED || c->now_ms >= k->echo_ms + k->timeout_ms)
		return;
	if (heal_is_asked(c, k) && !m->running) {
		/* the network was cut and is back before the connection was given up: that heals nothing by itself */
		conn_bye(c, k, WIRE_BYE_WAIT_HEAL, WIRE_RETRY_NOW, c->node_name,
			"partition waiting for heal: autoheal is false");
		edge_lost(c, m, true, "partition waiting for heal: autoheal is false");
		return;
	}
	m->link.state = EDGE_LIVE;
	m->link.deadline_ms = 0;
	hold_from_now(c, m, true);
	c->plan_dirty = c->timers_moved = true;
}

static void live_tick(struct core *c, struct member *m)
{
	struct own_edge *e = &m->link;
	struct conn *k = edge_conn(c, m);

	if (k == NULL)
		return;
	if (!MUTANT(NO_TIME_OUT) && c->now_ms >= k->echo_ms + k->timeout_ms) {
		suspend(c, m, k->timeout_ms);
		return;
	}
	if (!e->listed && c->now_ms >= e->since_ms + e->hold_ms) {
		e->listed = true;
		announce(c, m);
	}
	if (!e->proven && due(c, e->probe_ms) && m->dialing == 0) {
		struct conn *probe = conn_dial(c, FOR_PROBE, m->host, m->dist_port);

		probe->target = member_index(c, &m->id);
		e->probe_ms = c->now_ms + 60000;
	}
	drop_tick(c, m);
}

void edge_tick(struct core *c, struct member *m)
{
	struct own_edge *e = &m->link;

	switch (e->state) {
	case EDGE_NONE:
		break;
	case EDGE_LIVE:
		live_tick(c, m);
		break;
	case EDGE_REDIAL:
		if (due(c, e->deadline_ms))
			edge_lost(c, m, false,
				"the link broke and could not be made again within 1 s");
		else if (due(c, e->redial_ms) && m->dialing == 0) {
			/* may not be dialled at all: it has become a replica, as this node is */
			e->redial_ms = c->now_ms + 10 * REDIAL_AGAIN_MS;
			dial_member(c, m);
		}
		break;
	case EDGE_SUSPENDED:
		if (due(c, e->deadline_ms))
			edge_lost(c, m, true, "no heartbeat came back in time");
		break;
	}
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return b != 0 && b < a ? b : a;
}

uint64_t edge_deadline(const struct core *c, const struct member *m)
{
	const struct own_edge *e = &m->link;
	const struct conn *k = edge_conn(c, m);
	uint64_t at = UINT64_MAX;

	switch (e->state) {
	case EDGE_NONE:
		break;
	case EDGE_LIVE:
		if (k != NULL) {
			uint64_t suspect = k->echo_ms + k->heartbeat_ms * 12 / 5 + 1;

			at = suspect > c->now_ms ? suspect : k->echo_ms + k->timeout_ms;
		}
		if (!e->listed)
			at = sooner(at, e->since_ms + e->hold_ms);
		if (!e->proven && m->dialing == 0)
			at = sooner(at, e->probe_ms);
		at = sooner(at, e->drop_ms);
		break;
	case EDGE_REDIAL:
		at = e->deadline_ms;
		if (m->dialing == 0)
			at = sooner(at, e->redial_ms);
		break;
	case EDGE_SUSPENDED:
		at = e->deadline_ms;
		break;
	}
	return at;
}

/* --- my own stalls --- */

void self_stalled(struct core *c, uint64_t ms)
{
	c->stalls++;
	c->stalled_ms = c->now_ms;
	if (ms > c->stall_ms_max)
		c->stall_ms_max = ms;
	fx_event(c, CORE_EV_STALLED, self(c),
		"this process did not run for %llu ms (paused, or the machine is overloaded)",
		(unsigned long long)ms);
	for (size_t i = 0; i < c->n_conns && !MUTANT(STALL_IS_SILENCE); i++) {
		struct conn *k = c->conn[i];
		uint64_t away = 2ULL * k->heartbeat_ms, at_least = c->now_ms;

		at_least -= at_least < away ? at_least : away;

		/* nothing could be said while I was away: let the peers answer before they are judged */
		if (k->phase == CONN_UP && ms < k->timeout_ms && k->echo_ms < at_least)
			k->echo_ms = at_least;
	}
	if (ms >= c->timeout_ms && !MUTANT(STALL_IS_SILENCE)) {
		fall(c, "was away for longer than a time-out");
		c->keep_view_until_ms = c->now_ms + KEEP_VIEW_MS;
		burst(c);
	}
	fx_view(c);
}

/* --- closing what nobody wants --- */

void drop_tick(struct core *c, struct member *m)
{
	struct conn *k = edge_conn(c, m);

	if (!due(c, m->link.drop_ms))
		return;
	m->link.drop_ms = 0;
	if (m->wanted || k == NULL || k->drop_proposed)
		return;
	if (!MUTANT(DROP_WITHOUT_SEARCH) && !reaches_without_edge(c, member_index(c, &m->id))) {
		c->plan_dirty = c->timers_moved = true;
		return;
	}
	k->drop_proposed = true;
	if (MUTANT(DROP_WITHOUT_AGREEMENT)) {
		on_drop(c, k, &(struct wire_drop){.stage = WIRE_DROP_AGREE});
		return;
	}
	conn_send(c, k, WIRE_DROP, &(struct wire_drop){.stage = WIRE_DROP_PROPOSE});
}

void on_drop(struct core *c, struct conn *k, const struct wire_drop *d)
{
	struct member *m = c->member[k->peer];
	bool mine = m->link.conn == k->id;

	if (d->stage == WIRE_DROP_PROPOSE) {
		bool agree = mine && !m->wanted && m->link.listed && m->running &&
			     (MUTANT(DROP_WITHOUT_SEARCH) || reaches_without_edge(c, k->peer));

		k->drop_agreed = agree;
		if (agree)
			m->link.let_go_ms = c->now_ms + LET_GO_MS;
		conn_send(c, k, WIRE_DROP,
			&(struct wire_drop){
				.stage = agree ? WIRE_DROP_AGREE : WIRE_DROP_REFUSE});
		return;
	}
	if (!k->drop_proposed || !mine)
		return;
	k->drop_proposed = false;
	c->plan_dirty = c->timers_moved = true;
	if (d->stage != WIRE_DROP_AGREE || m->wanted ||
		(!MUTANT(DROP_WITHOUT_SEARCH) && !reaches_without_edge(c, k->peer)))
		return;
	m->link.retired = true;
	c->n_retired++;
	record_tidy(c, MUTANT(DROP_ONE_BY_ONE) ? 0 : RETIRE_MS);
}

/* Closed by agreement: the other end's record goes first, so mine is in no hurry and nothing is lost. */
static void edge_over(struct core *c, struct member *m)
{
	m->link.listed = false;
	edge_lost(c, m, false, "");
	m->lost_ms = 0;
}

void edge_unwanted(struct core *c, struct member *m)
{
	edge_over(c, m);
	record_tidy(c, MUTANT(DROP_ONE_BY_ONE) ? 0 : TIDY_MS);
}

/* The last look: what was agreed upon a moment ago may have been agreed upon with others as well. */
void edges_retire(struct core *c)
{
	bool all;

	if (c->n_retired == 0)
		return;
	c->n_retired = 0;
	all = MUTANT(DROP_WITHOUT_SEARCH) || reaches_without_edge(c, NO_INDEX);
	for (size_t i = 0; i < c->n_edged; i++) {
		struct member *m = c->member[c->edged[i]];
		struct conn *k = edge_conn(c, m);

		if (!m->link.retired)
			continue;
		m->link.retired = false;
		c->plan_dirty = true;
		if (!all || m->wanted || k == NULL || !edge_counts(c, m))
			continue;
		m->link.conn = 0;
		conn_bye(c, k, WIRE_BYE_UNWANTED, WIRE_RETRY_NOW, c->node_name,
			"neither end needs this link any more");
		edge_over(c, m);
	}
}
