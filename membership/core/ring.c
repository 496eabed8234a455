#include "membership/core/core_int.h"

void ring_hashes(struct member *m)
{
	for (unsigned k = 0; k < RINGS; k++)
		m->ring[k] = hash64_seed(m->id.b, sizeof m->id.b, k + 1);
}

static bool ring_member(const struct core *c, const struct member *m)
{
	if (m == self(c))
		return true;
	return m->running && m->role == WIRE_CORE && !m->unreadable &&
	       (m->state == WIRE_UP || m->state == WIRE_RESTARTING);
}

static bool linkable(const struct core *c, const struct member *m)
{
	return ring_member(c, m) &&
	       (m->unlinkable_until_ms == 0 || due(c, m->unlinkable_until_ms));
}

/* The nearest on a ring so far, going either way. */
struct nearest {
	uint64_t up, down;
	int32_t next, prev;
};

static void ring_offer(struct nearest *n, uint64_t mine, uint64_t its, int32_t index)
{
	if (its - mine <= n->up) {
		n->up = its - mine;
		n->next = index;
	}
	if (mine - its <= n->down) {
		n->down = mine - its;
		n->prev = index;
	}
}

/* Has the plan anything to do with it? Few in a large cluster, and no more than those are gone through again. */
static bool is_near(const struct member *m)
{
	return m->wanted || m->was_wanted || m->want_until_ms != 0 ||
	       m->unlinkable_until_ms != 0;
}

static void near_add(struct core *c, int32_t index)
{
	if (c->n_near == c->near_cap) {
		c->near_cap = c->near_cap == 0 ? 32 : c->near_cap * 2;
		c->near = xrealloc(c->near, c->near_cap, sizeof *c->near);
	}
	c->near[c->n_near++] = index;
}

static void want(struct core *c, int32_t index)
{
	if (index == NO_INDEX)
		return;
	if (!is_near(c->member[index]))
		near_add(c, index);
	c->member[index]->wanted = true;
}

void want_for_now(struct core *c, int32_t index)
{
	if (!is_near(c->member[index]))
		near_add(c, index);
	c->member[index]->want_until_ms = c->now_ms + WANT_STABLE_MS;
}

/* Among those that are not wanted yet; NO_INDEX: there is no more. */
static int32_t heaviest(const struct core *c,
	bool (*eligible)(const struct core *c, const struct member *m))
{
	uint64_t best = 0;
	int32_t at = NO_INDEX;

	for (size_t i = 1; i < c->n; i++) {
		const struct member *m = c->member[i];
		uint64_t weight = hash64_seed(m->id.b, sizeof m->id.b, self(c)->ring[0]);

		if (!m->wanted && eligible(c, m) && weight >= best) {
			best = weight;
			at = (int32_t)i;
		}
	}
	return at;
}

/*
 * A replica's cores: the min(3, cores) with the highest weight, by rendezvous hashing. One that can't be linked is
 * replaced by the next; where there is none it goes on trying.
 */
static void want_cores(struct core *c)
{
	for (int n = 0; n < 3; n++) {
		int32_t at = heaviest(c, linkable);

		want(c, at != NO_INDEX ? at : heaviest(c, ring_member));
	}
}

/* Begins anew; on the way each ring is told who is there and can be linked. Returns the number of cores. */
static uint32_t rings_walk(struct core *c, struct nearest *ring)
{
	uint32_t cores = 0;

	c->n_near = 0;
	for (unsigned k = 0; k < RINGS; k++)
		ring[k] = (struct nearest){UINT64_MAX, UINT64_MAX, NO_INDEX, NO_INDEX};
	for (size_t i = 0; i < c->n; i++) {
		struct member *m = member_pass(c, i);

		m->was_wanted = m->wanted;
		m->wanted = false;
		if (i > 0 && is_near(m))
			near_add(c, (int32_t)i);
		if (!ring_member(c, m))
			continue;
		cores++;
		if (i == 0 || !linkable(c, m))
			continue;
		for (unsigned k = 0; k < RINGS; k++)
			ring_offer(&ring[k], self(c)->ring[k], m->ring[k], (int32_t)i);
	}
	return cores;
}

static int index_cmp(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void neighbours_update(struct core *c)
{
	struct nearest ring[RINGS];
	uint32_t cores = rings_walk(c, ring);

	if (cores <= MESH_MAX)
		c->mesh = true;
	else if (cores >= RINGS_MIN)
		c->mesh = false;
	if (c->role == WIRE_REPLICA) {
		want_cores(c);
	} else if (c->mesh) {
		for (size_t i = 1; i < c->n; i++)
			if (ring_member(c, c->member[i]))
				want(c, (int32_t)i);
	} else {
		for (unsigned k = 0; k < RINGS; k++) {
			want(c, ring[k].next);
			want(c, ring[k].prev);
		}
	}
	if (c->n_near > 1)
		qsort(c->near, c->n_near, sizeof *c->near, index_cmp);
	for (size_t i = 0; i < c->n_near; i++) {
		struct member *m = c->member[c->near[i]];

		if (due(c, m->want_until_ms))
			m->want_until_ms = 0;
		if (due(c, m->unlinkable_until_ms))
			m->unlinkable_until_ms = 0;
		/* a link that is there, not one that is yet to be made */
		if (m->want_until_ms != 0 && ring_member(c, m) &&
			(m->link.state != EDGE_NONE || MUTANT(BURST_WANTS_ALL)))
			m->wanted = true;
		if (m->wanted != m->was_wanted)
			m->wanted_since_ms = m->wanted ? c->now_ms : 0;
	}
}
