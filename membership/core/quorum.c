#include "membership/core/core_int.h"

/* Who counts, and whether enough of them run. */

/* --- the set of voters */

uint64_t voters_of(const struct wire_identity *i)
{
	uint64_t set = 0;

	for (unsigned b = 0; b < 8; b++)
		set = set << 8 | i->cluster_id.b[b];
	return set | 1; /* 0 is none */
}

struct voters {
	uint64_t set;
	size_t n;
};

/* Where two sets meet the larger wins; of two as large the one that began under the identity that all have now. */
static bool wins(const struct core *c, const struct voters *a, const struct voters *b)
{
	uint64_t own = voters_of(&c->identity);

	if (a->n != b->n && !MUTANT(SMALLER_VOTERS))
		return a->n > b->n;
	return a->set == own || (b->set != own && a->set < b->set);
}

static int set_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct voters largest(const struct core *c, uint64_t *set, size_t n)
{
	struct voters best = {0, 0}, next;

	qsort(set, n, sizeof *set, set_cmp);
	for (size_t i = 0; i < n; i += next.n) {
		next = (struct voters){set[i], 1};
		while (i + next.n < n && set[i + next.n] == next.set)
			next.n++;
		if (best.n == 0 || wins(c, &next, &best))
			best = next;
	}
	return best;
}

static bool in_a_set(const struct member *m)
{
	return is_member(m) && m->role == WIRE_CORE && m->voters != 0;
}

/* Clusters that merged bring a set each. Nearly always there is one, which costs no sorting. */
void voters_choose(struct core *c)
{
	bool several = false;
	uint64_t *set, one = 0;
	size_t n = 0;

	self(c)->voters = c->voters;
	for (size_t i = 0; i < c->n; i++) {
		struct member *m = member_pass(c, i);

		m->voter = in_a_set(m);
		if (m->voter) {
			several |= one != 0 && m->voters != one;
			one = m->voters;
		}
		m->voter |= MUTANT(ALL_ARE_VOTERS) && is_member(m) && m->role == WIRE_CORE;
	}
	c->voters_now = one;
	if (!several)
		return;
	set = xcalloc(c->n, sizeof *set);
	for (size_t i = 0; i < c->n; i++)
		if (in_a_set(c->member[i]))
			set[n++] = c->member[i]->voters;
	c->voters_now = largest(c, set, n).set;
	free(set);
	for (size_t i = 0; i < c->n; i++)
		c->member[i]->voter &=
			MUTANT(ALL_ARE_VOTERS) || c->member[i]->voters == c->voters_now;
}

/* --- how many run */

/* A replica that has lost all of its cores looks for others after a while (hello.c: stranded). */
static void coreless_update(struct core *c, uint32_t cores)
{
	if (c->role == WIRE_CORE || cores > 0) {
		c->coreless_ms = c->look_ms = 0;
	} else if (c->coreless_ms == 0) {
		c->coreless_ms = c->now_ms;
		c->look_ms = c->now_ms + CORELESS_MS;
	}
}

/* Where no voter is left, every core counts: else nobody ever could again. */
void members_count(struct core *c)
{
	uint32_t cores = 0;

	c->n_running = c->n_voters = c->n_voters_running = 0;
	c->n_stopped_cores = c->n_watched = c->n_untold = c->n_unannounced = 0;
	for (size_t i = 0; i < c->n; i++) {
		const struct member *m = member_pass(c, i);

		c->n_untold += untold(c, m) ? 1 : 0;
		if (!is_member(m))
			continue;
		c->n_running += m->running ? 1 : 0;
		c->n_unannounced += m->running != m->announced ? 1 : 0;
		c->n_stopped_cores += !m->running && m->role == WIRE_CORE ? 1 : 0;
		c->n_watched += !m->running || m->watch_ms != 0 ? 1 : 0;
		cores += m->running && m->role == WIRE_CORE ? 1 : 0;
		if (!m->voter)
			continue;
		c->n_voters++;
		c->n_voters_running += m->running ? 1 : 0;
	}
	coreless_update(c, cores);
	c->all_vote = c->n_voters == 0;
	if (!c->all_vote)
		return;
	c->n_voters = cores + c->n_stopped_cores;
	c->n_voters_running = cores;
}

static uint32_t voting_without(const struct core *c, const struct member *absent)
{
	bool counted = absent != NULL && absent->running && absent->role == WIRE_CORE &&
		       (absent->voter || c->all_vote);

	return c->n_voters_running - (counted ? 1 : 0);
}

bool quorum_without(const struct core *c, const struct member *absent)
{
	return voting_without(c, absent) * 2 > c->n_voters;
}

bool quorum_to_remove(const struct core *c, const struct member *absent)
{
	uint32_t voters = c->n_voters;

	for (size_t i = 1; i < c->n; i++) {
		const struct member *m = c->member[i];

		/* who was replaced is there again under another id */
		voters += m->departed && (m->entry.flags & WIRE_DF_NO_QUORUM) != 0 &&
					  m->entry.reason != WIRE_REPLACED
				  ? 1
				  : 0;
	}
	return voting_without(c, absent) * 2 > voters;
}

bool quorum_soon(const struct core *c)
{
	if (!c->ready)
		return true;
	for (size_t i = 0; i < c->n && c->quorum; i++) {
		const struct member *m = c->member[i];

		if (is_member(m) && m->running && m->role == WIRE_CORE && !m->voter)
			return true;
	}
	return false;
}

/* Do so many of those that count list me that they are a quorum without me? Then they know that I am here. */
static bool listed_by_quorum(const struct core *c)
{
	uint32_t n = 0;

	for (size_t i = 0; i < self(c)->n_edges; i++) {
		const struct half_edge *e = &self(c)->edge[i];
		const struct member *m = e->mutual ? c->member[e->peer] : NULL;

		n += m != NULL && m->running && m->role == WIRE_CORE &&
				     (m->voter || c->all_vote)
			     ? 1
			     : 0;
	}
	return n * 2 > c->n_voters;
}

/*
 * A core counts from when it has run together with a quorum of those that counted before, and that knew of it: joiners can't
 * make a majority, not even while a cut is not yet noticed. Where links don't tell, time does: a cut is noticed meanwhile.
 */
static void voter_update(struct core *c)
{
	bool may =
		!self(c)->voter && c->quorum && c->role == WIRE_CORE && c->ready && c->agreed;

	if (!may)
		c->vote_ms = 0;
	else if (c->vote_ms == 0)
		c->vote_ms = c->now_ms + c->timeout_ms + 2ULL * c->heartbeat_ms;
	if (!due(c, c->vote_ms) && !(may && listed_by_quorum(c)))
		return;
	c->vote_ms = 0;
	c->voters = c->all_vote ? voters_of(&c->identity) : c->voters_now;
	c->self_dirty = true;
	c->members_dirty = true;
	c->view_dirty = true;
	record_touch(c, false);
}

void quorum_update(struct core *c)
{
	bool quorum = quorum_without(c, NULL);

	if (quorum != c->quorum && c->ready)
		fx_event(c, quorum ? CORE_EV_QUORUM_BACK : CORE_EV_QUORUM_LOST, self(c),
			"%u of %u voters run", c->n_voters_running, c->n_voters);
	c->quorum = quorum;
	voter_update(c);
}
