#include "membership/core/core_int.h"

/* What records list, and which edges there are by it. */

struct half_edge *edge_half(const struct member *m, const struct id128 *id)
{
	size_t lo = 0, hi = m->n_edges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = id_cmp(&m->edge[mid].id, id);

		if (cmp == 0)
			return &m->edge[mid];
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* An entry of a record that counts, other than a refusal. */
static bool lists(const struct half_edge *e)
{
	return e != NULL && !e->implied && (e->flags & WIRE_LF_REFUSED) == 0;
}

bool lists_session(const struct member *m, const struct id128 *id, uint64_t session)
{
	const struct half_edge *e = edge_half(m, id);

	return lists(e) && e->session == session;
}

/*
 * Is it m whom a record names with this session? For a moment after its restart the old session counts as well: its new
 * record may arrive before those of the members that list it are renewed. Not so in the record of who is stopped here:
 * it is from before a split, and no link that it lists is there any more.
 */
static bool names(const struct core *c, const struct member *lister, const struct member *m,
	uint64_t session)
{
	return session == m->ver.session ||
	       (!MUTANT(NO_OLD_SESSION) && session == m->old_session && m->old_session != 0 &&
		       c->now_ms < m->old_session_until_ms && lister->running);
}

uint64_t link_session(const struct core *c, const struct member *m)
{
	/* a core's silence confirms what a replica lists: that has to be a link with this very process */
	if (c->role == WIRE_REPLICA && m->link.state == EDGE_REDIAL)
		return m->link.session;
	/*
	 * The record that I hold is what others hold too: the new session is named once the new record is here. But who
	 * is stopped does not run by a record of its former life, whose links are gone.
	 */
	return m->has_record && m->link.listed && m->running ? m->ver.session : m->link.session;
}

void ways_clear(struct core *c, size_t from)
{
	for (size_t i = from; i < c->marks_cap; i++)
		c->ways[i] = (struct ways){.via = NO_INDEX};
}

static int32_t via(const struct core *c, int32_t index)
{
	return (size_t)index < c->marks_cap ? c->ways[index].via : NO_INDEX;
}

static void ways_forget(struct core *c, int32_t index)
{
	if ((size_t)index < c->marks_cap)
		c->ways[index].known = false;
}

bool passes(const struct core *c, const struct member *m)
{
	/* no path leads through a replica, but one may begin at me */
	return (m->role == WIRE_CORE || m == self(c) || MUTANT(REPLICA_TRANSIT)) &&
	       !m->departed;
}

/* Its way to me went over an edge that is no more. */
static void orphan_add(struct core *c, int32_t index)
{
	if (c->n_orphans == sizeof c->orphan / sizeof c->orphan[0])
		c->view_dirty = true;
	else
		c->orphan[c->n_orphans++] = index;
	c->ways[index].via = NO_INDEX;
}

/*
 * Does it matter for who runs that the edge between a and b comes or goes? The view reaches everybody along a tree: what
 * joins two that are in it, or goes and was none of its branches, changes nothing. Who was at the end of a branch that goes
 * is looked for another one; it may be reached all the same, and then whom an edge leads to from it is as well. My own edges
 * tell more than that.
 */
static void edge_weigh(struct core *c, int32_t a, int32_t b, bool comes)
{
	int32_t x = via(c, a), y = via(c, b);

	if (c->view_dirty)
		return;
	if (a == 0 || b == 0 || c->keep_view_until_ms != 0 || any_restarts(c))
		c->view_dirty = true;
	else if (comes)
		c->view_dirty = (x == NO_INDEX) != (y == NO_INDEX) ||
				(x == NO_INDEX && c->n_orphans > 0);
	else if (x == b)
		orphan_add(c, a);
	else if (y == a)
		orphan_add(c, b);
}

static void edge_set(struct core *c, struct half_edge *e, struct half_edge *back, bool mutual)
{
	if (e->mutual == mutual && back->mutual == mutual)
		return;
	e->mutual = back->mutual = mutual;
	ways_forget(c, e->peer);
	ways_forget(c, back->peer);
	c->edges_dirty = true;
	edge_weigh(c, back->peer, e->peer, mutual);
}

/* Do its branches lead to me, within as many steps as are worth it? */
static bool hangs_on_me(const struct core *c, int32_t index)
{
	unsigned steps = 0;

	while (index > 0 && steps++ < BRANCHES_MAX)
		index = via(c, index);
	return index == 0;
}

static bool adopt(struct core *c, int32_t index)
{
	const struct member *m = c->member[index];

	for (size_t i = 0; i < m->n_edges; i++) {
		int32_t to = m->edge[i].peer;

		if (!m->edge[i].mutual || to == NO_INDEX || !passes(c, c->member[to]) ||
			!hangs_on_me(c, to))
			continue;
		c->ways[index].via = to;
		return true;
	}
	return false;
}

/* At the end of a change: whom no other branch leads to a new search may reach all the same, or nobody any more. */
static void orphans_adopt(struct core *c)
{
	for (unsigned i = 0; i < c->n_orphans && !c->view_dirty; i++)
		c->view_dirty = !adopt(c, c->orphan[i]);
	c->n_orphans = 0;
}

/*
 * Replica and core: it is the replica's record that lists the link, and the core's that refuses it where there is none. Only
 * the core's present session will do: just started, it has none of the links that it had, and refuses none yet.
 */
static bool attached(const struct half_edge *replicas, const struct member *core,
	const struct half_edge *cores)
{
	return lists(replicas) && core->has_record && !core->unreadable &&
	       (replicas->session == core->ver.session || MUTANT(FORMER_ATTACHED)) &&
	       ((cores->flags & WIRE_LF_REFUSED) == 0 || MUTANT(NO_REFUSAL));
}

/* Is it an edge? Cores: both records list it, each in the other's present session. Mine are those that I have. */
static bool stands(const struct core *c, const struct member *m, const struct half_edge *e,
	const struct member *other, const struct half_edge *back)
{
	if (m->departed || other->departed)
		return false;
	if (m->role == WIRE_REPLICA && other->role == WIRE_REPLICA)
		return false;
	if (m->role == WIRE_REPLICA && other != self(c))
		return attached(e, other, back);
	if (other->role == WIRE_REPLICA && m != self(c))
		return attached(back, m, e);
	return lists(e) && lists(back) && names(c, other, m, back->session) &&
	       names(c, m, other, e->session);
}

/* A replica lists a core whose record says nothing of it: the way back has to be found from there all the same. */
static struct half_edge *implied_add(struct core *c, int32_t core, int32_t replica)
{
	struct member *m = c->member[core];
	const struct id128 *id = &c->member[replica]->id;
	size_t at = m->n_edges;

	m->edge = xrealloc(m->edge, m->n_edges + 1, sizeof *m->edge);
	for (; at > 0 && id_cmp(&m->edge[at - 1].id, id) > 0; at--)
		m->edge[at] = m->edge[at - 1];
	m->edge[at] = (struct half_edge){.id = *id,
		.peer = replica,
		.flags = WIRE_LF_DATA_OK,
		.implied = true};
	m->n_edges++;
	return &m->edge[at];
}

static void implied_remove(struct member *m, struct half_edge *e)
{
	size_t at = (size_t)(e - m->edge);

	m->n_edges--;
	memmove(e, e + 1, (m->n_edges - at) * sizeof *e);
}

/* A core's new record says no more of them than the one before; what they list stands. Both lists are sorted. */
static void implied_keep(struct core *c, struct member *m, const struct half_edge *old,
	size_t n_old)
{
	struct half_edge *all;
	size_t n = 0, i = 0;

	if (!c->replicas || m == self(c))
		return;
	all = xcalloc(m->n_edges + n_old + 1, sizeof *all);
	for (size_t k = 0; k < n_old; k++) {
		const struct member *of =
			old[k].peer == NO_INDEX ? NULL : c->member[old[k].peer];

		while (i < m->n_edges && id_cmp(&m->edge[i].id, &old[k].id) < 0)
			all[n++] = m->edge[i++];
		if ((i == m->n_edges || !id_eq(&m->edge[i].id, &old[k].id)) && of != NULL &&
			of->role == WIRE_REPLICA && lists(edge_half(of, &m->id)))
			all[n++] = (struct half_edge){.id = old[k].id,
				.peer = old[k].peer,
				.flags = WIRE_LF_DATA_OK,
				.implied = true};
	}
	while (i < m->n_edges)
		all[n++] = m->edge[i++];
	free(m->edge);
	m->edge = all;
	m->n_edges = n;
}

static void edge_resolve(struct core *c, int32_t index, struct half_edge *e)
{
	struct member *m = c->member[index], *other;
	struct half_edge *back;

	if (e->peer == NO_INDEX)
		e->peer = member_index(c, &e->id);
	c->unmet |= e->peer == NO_INDEX && m->role == WIRE_REPLICA;
	if (e->peer == NO_INDEX || e->peer == index)
		return;
	other = c->member[e->peer];
	back = edge_half(other, &m->id);
	if (back == NULL && m->role == WIRE_REPLICA && other != self(c))
		back = implied_add(c, e->peer, index);
	if (back == NULL) {
		e->mutual = MUTANT(ONE_WAY_EDGE);
		return;
	}
	back->peer = index;
	edge_set(c, e, back, stands(c, m, e, other, back));
}

void edges_resolve(struct core *c, int32_t index)
{
	struct member *m = c->member[index];

	for (size_t i = 0; i < m->n_edges; i++)
		edge_resolve(c, index, &m->edge[i]);
	orphans_adopt(c);
}

void edges_met(struct core *c, int32_t index)
{
	for (size_t i = 1; i < c->n && c->unmet; i++) {
		const struct member *m = member_pass(c, i);
		struct half_edge *e =
			m->role == WIRE_REPLICA ? edge_half(m, &c->member[index]->id) : NULL;

		if (e != NULL && e->peer == NO_INDEX)
			edge_resolve(c, (int32_t)i, e);
	}
	orphans_adopt(c);
}

static void edge_ends(struct core *c, int32_t index, struct half_edge *e)
{
	struct half_edge *back = e->peer == NO_INDEX || e->peer == index
					 ? NULL
					 : edge_half(c->member[e->peer], &c->member[index]->id);

	if (back == NULL)
		return;
	back->peer = index;
	edge_set(c, e, back, false);
	if (back->implied)
		implied_remove(c->member[e->peer], back);
}

/* Its record says the same of the same process. */
static bool same_half(const struct half_edge *a, const struct half_edge *b)
{
	return a->session == b->session && a->implied == b->implied &&
	       ((a->flags ^ b->flags) & WIRE_LF_REFUSED) == 0;
}

/*
 * Both lists are in the order of ids: what is in both goes on, and is judged anew only where a session has changed, or
 * while a former one may count.
 */
void edges_replaced(struct core *c, int32_t index, struct half_edge *old, size_t n_old,
	bool anew)
{
	struct member *m = c->member[index];
	bool all = anew || c->now_ms < c->old_sessions_until_ms;
	size_t k = 0;

	ways_forget(c, index);
	implied_keep(c, m, old, n_old);
	for (size_t i = 0; i < m->n_edges; i++) {
		struct half_edge *e = &m->edge[i];
		bool goes_on = false;

		while (k < n_old && id_cmp(&old[k].id, &e->id) < 0)
			edge_ends(c, index, &old[k++]);
		if (k < n_old && id_eq(&old[k].id, &e->id)) {
			c->edges_dirty |= old[k].flags != e->flags;
			goes_on = same_half(&old[k], e) && old[k].peer != NO_INDEX;
			e->peer = old[k].peer;
			e->mutual = old[k++].mutual;
		}
		if (all || !goes_on)
			edge_resolve(c, index, e);
	}
	while (k < n_old)
		edge_ends(c, index, &old[k++]);
	orphans_adopt(c);
}

static int half_cmp(const void *a, const void *b)
{
	const struct half_edge *x = a, *y = b;

	return id_cmp(&x->id, &y->id);
}

/* My own half edges are what is live now; the record that says so may follow a little later. */
void own_edges_refresh(struct core *c)
{
	struct member *me = self(c);
	struct half_edge *old;
	size_t n_old = me->n_edges;

	old = me->edge;
	me->edge = xcalloc(c->n_edged + 1, sizeof *me->edge);
	me->n_edges = 0;
	for (size_t i = 0; i < c->n_edged; i++) {
		struct member *m = c->member[c->edged[i]];

		if (link_entry(c, m) != m->link.said)
			record_tidy(c, TIDY_MS);
		if (edge_counts(c, m))
			me->edge[me->n_edges++] = (struct half_edge){.id = m->id,
				.session = link_session(c, m),
				.flags = m->link.data_failed ? 0 : WIRE_LF_DATA_OK,
				.peer = c->edged[i]};
	}
	qsort(me->edge, me->n_edges, sizeof *me->edge, half_cmp);
	me->ver.session = c->session;
	edges_replaced(c, 0, old, n_old, false);
	free(old);
}
