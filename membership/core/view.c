#include "membership/core/core_int.h"

void expire_at(struct core *c, uint64_t at_ms)
{
	if (c->expire_ms == 0 || at_ms < c->expire_ms)
		c->expire_ms = at_ms;
}

void view_expire(struct core *c)
{
	if (!due(c, c->expire_ms))
		return;
	c->expire_ms = 0;
	c->view_dirty = true;
	for (size_t i = 1; i < c->n; i++) {
		struct member *m = c->member[i];

		if (m->restart_deadline_ms > c->now_ms)
			expire_at(c, m->restart_deadline_ms);
		if (m->old_session == 0)
			continue;
		if (m->old_session_until_ms > c->now_ms) {
			expire_at(c, m->old_session_until_ms);
			continue;
		}
		m->old_session = 0;
		edges_resolve(c, (int32_t)i);
	}
}

/* Has anybody announced a restart whose time is not over? */
bool any_restarts(const struct core *c)
{
	return c->now_ms < c->restarts_until_ms;
}

/* --- the search --- */

struct search {
	bool view;         /* its tree is that of the view */
	int32_t skip_edge; /* my edge to it is not used; NO_INDEX: all are */
	bool skip_going;   /* nor those that are about to be dropped, or just were */
	bool skip_me;      /* begin at my first neighbour and don't pass me */
	uint32_t n;
};

static void scratch_reserve(struct core *c)
{
	if (c->queue_cap < c->cap) {
		c->queue_cap = c->cap;
		c->queue = xrealloc(c->queue, c->queue_cap, sizeof *c->queue);
	}
	if (c->marks_cap < c->cap) {
		size_t from = c->marks_cap;

		c->marks = xrealloc(c->marks, c->cap, sizeof *c->marks);
		c->ways = xrealloc(c->ways, c->cap, sizeof *c->ways);
		memset(c->marks + from, 0, (c->cap - from) * sizeof *c->marks);
		c->marks_cap = c->cap;
		ways_clear(c, from);
	}
}

/* Did the last search come there? */
static bool marked(const struct core *c, size_t index)
{
	return index < c->marks_cap && c->marks[index] == c->mark;
}

/* Announced a restart and has not been reached since: its new record may be here before the links that lead to it. */
static bool restarting(const struct core *c, const struct member *m)
{
	return !MUTANT(NO_RESTART_GRACE) &&
	       (m->state == WIRE_RESTARTING || m->state == WIRE_UP) &&
	       c->now_ms < m->restart_deadline_ms && !m->departed;
}

/* Over one edge; bridge: over whatever it lists, or is listed by. */
static bool leads(const struct core *c, const struct half_edge *e, bool bridge)
{
	return e->peer != NO_INDEX &&
	       (e->mutual || (bridge && (e->flags & WIRE_LF_REFUSED) == 0)) &&
	       !c->member[e->peer]->departed;
}

/*
 * Where a search goes on from a member. A large cluster is more than fits into the processor's caches: what is asked
 * again and again is kept close together. Restarts are a matter of time, and of who has very many links there are few:
 * those are looked up each time.
 */
static size_t ways_from(struct core *c, int32_t index, const int32_t **out)
{
	const struct member *m = c->member[index];
	struct ways *w = &c->ways[index];
	bool bridge = any_restarts(c) && restarting(c, m);
	size_t n = 0;

	*out = w->to;
	if (w->known && !bridge)
		return w->n;
	if (!passes(c, m))
		return 0;
	if (c->wide_cap < m->n_edges) {
		c->wide_cap = m->n_edges;
		c->wide = xrealloc(c->wide, c->wide_cap, sizeof *c->wide);
	}
	for (size_t i = 0; i < m->n_edges; i++)
		if (leads(c, &m->edge[i], bridge))
			c->wide[n++] = m->edge[i].peer;
	*out = c->wide;
	w->known = !bridge && n <= sizeof w->to / sizeof w->to[0];
	if (w->known && n > 0)
		memcpy(w->to, c->wide, n * sizeof w->to[0]);
	w->n = w->known ? (uint8_t)n : 0;
	return n;
}

/* Not to be relied on: about to be dropped, by me or by the other end, or just lost. */
static bool goes(const struct core *c, const struct member *m)
{
	return m->link.retired || c->now_ms < m->link.let_go_ms || !edge_counts(c, m);
}

static bool skipped(const struct core *c, const struct search *s, int32_t from, int32_t to)
{
	int32_t other = from == 0 ? to : from;

	if (from != 0 && to != 0)
		return false;
	return (s->skip_me && to == 0) || other == s->skip_edge ||
	       (s->skip_going && goes(c, c->member[other]));
}

static void search(struct core *c, int32_t from, struct search *s)
{
	enum { SEARCH_AHEAD = 4 };
	size_t head = 0, tail = 0;

	scratch_reserve(c);
	c->mark++;
	c->marks[from] = c->mark;
	if (s->view)
		c->ways[from].via = from;
	c->queue[tail++] = from;
	while (head < tail) {
		int32_t index = c->queue[head++];
		const int32_t *to;
		size_t n;

		if (head + SEARCH_AHEAD < tail) /* as in member_pass() */
			__builtin_prefetch(&c->ways[c->queue[head + SEARCH_AHEAD]]);
		n = ways_from(c, index, &to);

		for (size_t i = 0; i < n; i++) {
			if (c->marks[to[i]] == c->mark || skipped(c, s, index, to[i]))
				continue;
			c->marks[to[i]] = c->mark;
			if (s->view)
				c->ways[to[i]].via = index;
			c->queue[tail++] = to[i];
		}
	}
	s->n = (uint32_t)tail;
}

/*
 * It is back. The path may be one of its old session's edges, which go before all of the new ones are listed: for as long
 * as those count it keeps its place.
 */
static void restart_over(struct core *c, struct member *m)
{
	if (m->restart_deadline_ms <= c->now_ms + OLD_SESSION_MS)
		return;
	m->restart_deadline_ms = c->now_ms + OLD_SESSION_MS;
	expire_at(c, m->restart_deadline_ms);
}

/* Restarting members keep their place: they and what hangs on them count although their own links are gone. */
static void search_all(struct core *c, struct search *s)
{
	search(c, 0, s);
	if (!any_restarts(c))
		return;
	for (size_t i = 1; i < c->n; i++)
		if (marked(c, i) && c->member[i]->state == WIRE_UP)
			restart_over(c, c->member[i]);
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 1; i < c->n; i++) {
			struct member *m = c->member[i];

			if (marked(c, i) || !restarting(c, m) || !m->running)
				continue;
			uint32_t mark = c->mark;
			uint32_t n = s->n;

			search(c, (int32_t)i, s);
			for (size_t k = 0; k < c->n; k++)
				if (c->marks[k] == mark)
					c->marks[k] = c->mark;
			s->n += n;
			more = true;
		}
	}
}

bool reaches_without_edge(struct core *c, int32_t peer)
{
	struct search all = {.skip_edge = NO_INDEX},
		      without = {.skip_edge = peer, .skip_going = true};

	search(c, 0, &all);
	search(c, 0, &without);
	return without.n == all.n;
}

bool connected_without_me(struct core *c)
{
	struct search all = {.skip_edge = NO_INDEX},
		      without = {.skip_edge = NO_INDEX, .skip_me = true};
	int32_t first = NO_INDEX;

	search(c, 0, &all);
	for (size_t i = 0; i < self(c)->n_edges && first == NO_INDEX; i++)
		if (self(c)->edge[i].mutual)
			first = self(c)->edge[i].peer;
	if (first == NO_INDEX)
		return true;
	search(c, first, &without);
	return without.n + 1 == all.n;
}

/* --- who runs --- */

static bool runs(const struct core *c, size_t index)
{
	const struct member *m = c->member[index];
	bool reached = marked(c, index);

	if (m == self(c))
		return true;
	if (!is_member(m) || !m->has_record)
		return false;
	if (restarting(c, m))
		return reached || m->running;
	return reached && (m->state == WIRE_UP || m->state == WIRE_LEAVING);
}

static void member_event(struct core *c, struct member *m)
{
	if (m->running && !m->announced) {
		if (m->heard)
			fx_event(c, CORE_EV_NODE_UP, m, "%s",
				m->down_session == m->ver.session ? "reached again"
								  : "restarted");
		else
			fx_event(c, CORE_EV_NODE_UP, m, "%s",
				"first seen running by this process");
	} else if (!m->running && m->announced) {
		fx_event(c, CORE_EV_NODE_DOWN, m, "%s",
			m->state == WIRE_STOPPING ? "it said that it stops"
						  : "no path of links leads to it");
	}
	m->announced = m->running;
	m->heard |= m->running;
}

static void announce(struct core *c)
{
	uint32_t left = c->n_unannounced;

	for (size_t i = 1; i < c->n && left > 0; i++) {
		struct member *m = member_pass(c, i);

		if (!is_member(m) || m->running == m->announced)
			continue;
		member_event(c, m);
		left--;
	}
}

struct side {
	uint32_t n, voters;
	const struct member *oldest;
};

struct change {
	uint32_t lost, back, n_before;
};

static void side_add(struct side *s, const struct member *m)
{
	s->n++;
	s->voters += m->voter ? 1 : 0;
	if (s->oldest == NULL || member_older(m, s->oldest))
		s->oldest = m;
}

/*
 * Both sides judge by what both know now, so that they can't come to different ends: the side with quorum, else the
 * larger one, else the one with the oldest member.
 */
static bool mine_is_majority(const struct core *c, const struct side *mine,
	const struct side *theirs)
{
	if (mine->voters * 2 > c->n_voters || theirs->voters * 2 > c->n_voters)
		return mine->voters > theirs->voters;
	if (mine->n != theirs->n)
		return mine->n > theirs->n;
	return theirs->oldest == NULL || member_older(mine->oldest, theirs->oldest);
}

/* Members lost at once, not by their own word, that come back in the same process: the network was cut. */
static void split_update(struct core *c, const struct change *ch)
{
	if (ch->lost > 0 && c->ready) {
		if (ch->lost > 1)
			fx_event(c, CORE_EV_PARTITION, self(c),
				"%u members lost at once, %u run on this side", ch->lost,
				c->n_running);
		c->split = true;
	}
	if (ch->back > 0 && c->split) {
		struct side mine = {.n = 0},
			    theirs = {.n = 0}; /* who ran before; who is back */

		for (size_t i = 0; i < c->n; i++)
			if (member_pass(c, i)->running && is_member(c->member[i]))
				side_add(c->member[i]->turned ? &theirs : &mine, c->member[i]);
		fx_event(c, CORE_EV_HEALED, self(c), "side=%s had=%u met=%u",
			mine_is_majority(c, &mine, &theirs) ? "majority" : "minority", mine.n,
			theirs.n);
		c->split = false;
		c->heal_once = false;
		c->waiting_heal = false;
	}
}

static void turn(struct core *c, struct member *m, bool running, struct change *ch)
{
	m->turned = running != m->running;
	if (!m->turned)
		return;
	m->running = running;
	m->since_wall_ms = c->wall_ms;
	if (running)
		m->next_dial_ms = c->now_ms; /* it can be reached again */
	if (!running && is_member(m)) {
		m->down_session = m->ver.session;
		ch->lost += m->state == WIRE_UP ? 1 : 0;
	} else if (running && m->heard && m->down_session == m->ver.session) {
		ch->back++;
	}
}

static void diff(struct core *c, struct change *ch)
{
	for (size_t i = 0; i < c->n; i++) {
		turn(c, member_pass(c, i), runs(c, i), ch);
		if (!marked(c, i))
			c->ways[i].via = NO_INDEX;
	}
}

/* After my own pause the others have un-listed me while I still hold live links: what I saw stands for a moment. */
/* An edge of mine that was proven since this process runs again; what else I know of edges is from before. */
static bool proven_edge(const struct core *c, const struct half_edge *e)
{
	const struct conn *k = NULL;

	if (e->mutual && e->peer != NO_INDEX && c->member[e->peer]->link.conn != 0)
		k = conn_find(c, c->member[e->peer]->link.conn);
	return k != NULL && k->phase == CONN_UP && k->echo_ms > c->stalled_ms;
}

static bool keeps_view(struct core *c, uint32_t n_before)
{
	if (c->keep_view_until_ms == 0)
		return false;
	for (size_t i = 0; i < self(c)->n_edges; i++)
		if (proven_edge(c, &self(c)->edge[i]))
			c->keep_view_until_ms = c->now_ms;
	if (!due(c, c->keep_view_until_ms))
		return n_before > 1;
	c->keep_view_until_ms = 0;
	return false;
}

void view_update(struct core *c)
{
	struct search s = {.skip_edge = NO_INDEX, .view = true};
	struct change ch = {.n_before = c->n_running};

	c->counters.views++;
	own_edges_refresh(c);
	c->view_dirty = c->edges_dirty = false;
	if (keeps_view(c, c->n_running))
		return;
	search_all(c, &s);
	voters_choose(c);
	diff(c, &ch);
	members_count(c);
	c->side_chosen |= c->n_running > 1;
	quorum_update(c);
	if (c->ready)
		announce(c);
	if (ch.n_before != c->n_running || ch.lost > 0 || ch.back > 0)
		fx_view(c);
	split_update(c, &ch);
	if (ch.lost >= 2)
		burst(c);
	if (c->n_stopped_cores == 0)
		c->heal_once = c->waiting_heal = false;
	names_check(c);
}
