#include <stdio.h>

#include "membership/core/core_int.h"

/* Whom to link with and when: ring neighbours, the lost, and what is to go. */

static bool may_dial(const struct core *c)
{
	return c->started && !c->stopping && c->apart == CORE_APART_NO &&
	       c->leave.phase == LEAVE_NONE;
}

static bool has_address(const struct core *c, const struct member *m)
{
	return m->dialing == 0 && m->dist_port != 0 && m->host[0] != '\0' &&
	       !(m->role == WIRE_REPLICA && c->role == WIRE_REPLICA);
}

static bool dialable(const struct core *c, const struct member *m)
{
	return (is_member(m) || untold(c, m)) && has_address(c, m) &&
	       c->now_ms >= m->refused_until_ms;
}

/*
 * With autoheal off a process that has just started takes one side's word first: linked with both sides at once it would
 * heal a split that waits for the operator. Over when it sees somebody running, which a hold may delay.
 */
bool side_taken(const struct core *c, const struct conn *by)
{
	bool first_second = c->now_ms < c->start_ms + READY_MS;

	if (c->settings.autoheal || c->heal_once || c->side_chosen)
		return false;
	for (size_t i = 0; i < c->n_conns; i++) {
		const struct conn *k = c->conn[i];

		if (k == by || (k->purpose != FOR_LINK && k->purpose != FOR_CANDIDATE))
			continue;
		if (k->phase == CONN_UP ||
			(first_second && k->phase < CONN_UP && (k->dialed || k->peer_known)))
			return true;
	}
	return false;
}

void dial_member(struct core *c, struct member *m)
{
	struct conn *k;

	if (side_taken(c, NULL)) {
		m->next_dial_ms = m->link.redial_ms = c->now_ms + SIDE_WAIT_MS;
		return;
	}
	if (!dialable(c, m) || (!may_dial(c) && m->link.state != EDGE_REDIAL))
		return;
	k = conn_dial(c, FOR_LINK, m->host, m->dist_port);
	k->target = member_index(c, &m->id);
	m->dialing = k->id;
}

static uint64_t again_ms(struct core *c, const struct member *m)
{
	uint64_t ms = 100ULL << (m->tries < 6 ? m->tries : 6);

	if (ms > REACH_MS)
		ms = REACH_MS;
	return c->now_ms + rng_range(&c->rng, ms * 4 / 5, ms * 6 / 5);
}

static void member_failed(struct core *c, struct member *m, const char *text)
{
	if (m->tries < UINT8_MAX)
		m->tries++;
	m->next_dial_ms = again_ms(c, m);
	snprintf(m->last_error, sizeof m->last_error, "%s", text);
	if ((!c->mesh || c->role == WIRE_REPLICA) && m->tries >= RING_TRIES && m->running)
		m->unlinkable_until_ms = c->now_ms + UNLINKABLE_MS;
	c->plan_dirty = true;
}

void dial_failed(struct core *c, struct conn *k, enum core_loss loss, const char *text)
{
	struct member *m = k->target == NO_INDEX ? NULL : c->member[k->target];

	if (k->purpose == FOR_CANDIDATE) {
		candidate_result(c, k, false, WIRE_RETRY_1S, loss == CORE_LOSS_SELF);
		return;
	}
	if (m == NULL || k->purpose != FOR_LINK)
		return;
	m->dialing = 0;
	if (m->link.state == EDGE_REDIAL)
		edge_redial_failed(c, m, loss, text);
	else
		member_failed(c, m, text);
}

void dial_refused(struct core *c, struct conn *k, enum wire_class retry, const char *text)
{
	static const uint64_t wait_ms[] = {[WIRE_RETRY_NOW] = 50,
		[WIRE_RETRY_1S] = 1000,
		[WIRE_RETRY_30S] = 30000,
		[WIRE_RETRY_STATE] = 30000};
	struct member *m = k->target == NO_INDEX ? NULL : c->member[k->target];

	if (m == NULL)
		return;
	m->dialing = 0;
	if (m->link.state == EDGE_REDIAL) {
		edge_redial_failed(c, m, CORE_LOSS_ERROR, text);
		m->link.redial_ms = c->now_ms + (retry == WIRE_RETRY_NOW ? 50 : 200);
		return;
	}
	member_failed(c, m, text);
	m->next_dial_ms = c->now_ms + wait_ms[retry];
}

/* --- reaching the lost --- */

static bool lost(const struct core *c, const struct member *m)
{
	const struct conn *k = m->link.conn == 0 ? NULL : conn_find(c, m->link.conn);

	if (!is_member(m) || m->role != WIRE_CORE)
		return false;
	if (m->link.state == EDGE_LIVE && k != NULL)
		return c->now_ms > k->echo_ms + k->heartbeat_ms * 12 / 5;
	return m->link.state != EDGE_REDIAL || !m->running;
}

/* Neither stopped nor linked: dialled only while most of my links are suspect. */
static bool merely_unlinked(const struct member *m)
{
	return m->running && m->link.state == EDGE_NONE;
}

static void burst_at(struct core *c, bool unlinked)
{
	for (size_t i = 1; i < c->n && !MUTANT(NO_BURST); i++)
		if (lost(c, c->member[i]) && (unlinked || !merely_unlinked(c->member[i])))
			c->member[i]->burst_left = 2;
	c->burst_on = true;
	c->plan_dirty = true;
}

void burst(struct core *c)
{
	burst_at(c, false);
}

/*
 * Half of my links are silent: the network may have been cut, and on my side of it there may be nobody whom I am linked
 * with. So everybody is dialled, until most of my links are sound: before the time-out I have links on my own side.
 */
void suspect_update(struct core *c)
{
	size_t live = 0, suspect = 0;
	bool half;

	for (size_t i = 0; i < c->n_conns; i++) {
		const struct conn *k = c->conn[i];
		const struct member *m = k->peer == NO_INDEX ? NULL : c->member[k->peer];

		if (k->phase != CONN_UP || m == NULL || m->link.conn != k->id ||
			m->link.state != EDGE_LIVE || !m->link.listed)
			continue;
		live++;
		suspect += lost(c, m) ? 1 : 0;
	}
	half = suspect > 0 && suspect * 2 >= live;
	if (half && !c->suspecting)
		burst_at(c, true);
	c->suspecting = half;
}

static void burst_step(struct core *c)
{
	int32_t ready[64];
	size_t n = 0, left = 0, start = c->n > 1 ? (size_t)rng_below(&c->rng, c->n - 1) : 0;

	for (size_t i = 0; i + 1 < c->n; i++) {
		size_t at = 1 + (start + i) % (c->n - 1);
		struct member *m = c->member[at];

		if (m->burst_left == 0)
			continue;
		if (!lost(c, m) || (!c->suspecting && merely_unlinked(m))) {
			m->burst_left = 0;
			continue;
		}
		left++;
		if (n < sizeof ready / sizeof ready[0] && m->dialing == 0 &&
			c->now_ms >= m->burst_ms)
			ready[n++] = (int32_t)at;
	}
	for (size_t i = 0; i < n && i < BURST_N; i++) {
		size_t pick = i + (size_t)rng_below(&c->rng, n - i);
		struct member *m = c->member[ready[pick]];

		int32_t at = ready[pick];

		ready[pick] = ready[i];
		m->burst_left--;
		m->burst_ms = c->now_ms + 500;
		want_for_now(c, at);
		dial_member(c, m);
	}
	c->burst_on = left > 0;
	c->burst_next_ms = c->now_ms + BURST_MS;
}

/*
 * Who was dialled as lost runs again, and no ring wants the link: a dial that the network held up all along is not to end
 * in a link to everybody of the other side.
 */
static void needless_cancel(struct core *c)
{
	for (size_t i = c->n_conns; i-- > 0;) {
		struct conn *k = c->conn[i];
		const struct member *m = k->target == NO_INDEX ? NULL : c->member[k->target];

		if (m == NULL || k->phase != CONN_DIALING || k->purpose != FOR_LINK ||
			m->wanted || !merely_unlinked(m) || c->suspecting ||
			MUTANT(BURST_WANTS_ALL))
			continue;
		conn_close(c, k, false);
	}
}

/* All together dial somebody who is stopped twice a second at most, however many they are. */
static bool my_turn(struct core *c, uint64_t n_stopped)
{
	uint64_t enough = REACH_TWICE_A_SECOND * n_stopped;

	return c->n_running <= enough || rng_below(&c->rng, c->n_running) < enough;
}

static void reach(struct core *c)
{
	int32_t pick = NO_INDEX;
	uint64_t seen = 0;

	for (size_t i = 1; i < c->n; i++) {
		struct member *m = c->member[i];

		if (!(is_member(m) || untold(c, m)) || m->role != WIRE_CORE ||
			m->link.state != EDGE_NONE || MUTANT(NO_REACH) || m->running)
			continue;
		if (m->lost_ms != 0 && c->now_ms < m->lost_ms + LOST_EDGE_MS &&
			due(c, m->next_dial_ms))
			dial_member(c, m);
		else if (rng_below(&c->rng, ++seen) == 0)
			pick = (int32_t)i;
	}
	if (pick != NO_INDEX && my_turn(c, seen))
		dial_member(c, c->member[pick]);
	c->reach_ms = c->now_ms + rng_range(&c->rng, REACH_MS * 4 / 5, REACH_MS * 6 / 5);
}

/* --- the plan --- */

/*
 * A link that either end still holds back is not in the view yet: it may be the only one there is. Which cores a replica
 * keeps is the replica's choice.
 */
static bool may_drop(const struct core *c, const struct member *m)
{
	return !m->wanted && (c->role == WIRE_REPLICA || m->role == WIRE_CORE) &&
	       m->link.listed && m->running;
}

/* What a node drops it drops together: that is one change of its record. */
static uint64_t drop_round(struct core *c)
{
	if (c->drop_round_ms < c->now_ms + DROP_MIN_MS || MUTANT(DROP_ONE_BY_ONE))
		c->drop_round_ms = c->now_ms + rng_range(&c->rng, DROP_MIN_MS, DROP_MAX_MS);
	return c->drop_round_ms;
}

static void plan_link(struct core *c, struct member *m)
{
	if (m->link.state != EDGE_LIVE)
		return;
	if (link_entry(c, m) != m->link.said && edge_counts(c, m) && !edge_spare(c, m))
		record_touch(c, false); /* it has lost the others, before this one was told */
	if (!may_drop(c, m))
		m->link.drop_ms = 0;
	else if (m->link.drop_ms == 0)
		m->link.drop_ms = drop_round(c);
}

/*
 * The smaller id dials, and a replica; the other end once it has waited in vain. While a large cluster comes together
 * others are nearer on the rings a moment later.
 */
static uint64_t dial_from_ms(const struct core *c, const struct member *m)
{
	bool first = id_cmp(&self(c)->id, &m->id) < 0 || c->role == WIRE_REPLICA;
	bool settles = c->role == WIRE_CORE && links_to_spare(c);
	uint64_t wait_ms = !first    ? OTHER_DIALS_MS
			   : settles ? RING_SETTLE_MS
				     : 0,
		 from = m->wanted_since_ms + wait_ms, at = m->next_dial_ms + 1;

	return at > from ? at : from;
}

static void plan_dial(struct core *c, struct member *m)
{
	if (m->dialing == 0 && m->link.state != EDGE_LIVE && m->link.state != EDGE_REDIAL &&
		due(c, dial_from_ms(c, m)))
		dial_member(c, m);
}

static void plan_at(struct core *c, uint64_t at_ms)
{
	if (at_ms < c->plan_ms)
		c->plan_ms = at_ms;
}

static void plan_next(struct core *c)
{
	c->plan_ms = UINT64_MAX;
	for (size_t i = 0; i < c->n_near; i++) {
		const struct member *m = c->member[c->near[i]];

		if (m->want_until_ms > c->now_ms)
			plan_at(c, m->want_until_ms);
		if (m->unlinkable_until_ms > c->now_ms)
			plan_at(c, m->unlinkable_until_ms);
		if (m->wanted && dialable(c, m) &&
			(m->link.state == EDGE_NONE || m->link.state == EDGE_SUSPENDED))
			plan_at(c, dial_from_ms(c, m));
	}
}

void plan(struct core *c)
{
	neighbours_update(c);
	if (!may_dial(c))
		return;
	for (size_t i = 0; i < c->n_edged; i++)
		plan_link(c, c->member[c->edged[i]]);
	for (size_t i = 0; i < c->n_near; i++)
		if (c->member[c->near[i]]->wanted)
			plan_dial(c, c->member[c->near[i]]);
	needless_cancel(c);
	if (c->burst_on && c->now_ms >= c->burst_next_ms)
		burst_step(c);
	if (c->reach_ms == 0)
		c->reach_ms = c->now_ms + REACH_MS;
	if (due(c, c->reach_ms))
		reach(c);
	plan_next(c);
}

uint64_t plan_deadline(const struct core *c)
{
	uint64_t at = c->plan_ms == 0 ? UINT64_MAX : c->plan_ms;

	if (!may_dial(c))
		return UINT64_MAX;
	if (c->burst_on && c->burst_next_ms < at)
		at = c->burst_next_ms;
	if (c->reach_ms != 0 && c->reach_ms < at && c->n_stopped_cores + c->n_untold > 0)
		at = c->reach_ms;
	return at;
}
