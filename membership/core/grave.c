#include <assert.h>

#include "membership/core/core_int.h"

/*
 * Departed ids that need no more than to be remembered: who left by its own word, whom seven days have passed over, whose
 * node came back as a new member. They are never forgotten but by the cap, since nobody can know that no old disk and no
 * partition brings their records back; so they are kept small, apart from the members.
 */

enum { DETAILS_MS = 7 * 86400 * 1000, LOOK_MS = 1000, LOOK_AGAIN_MS = 3600 * 1000 };

uint64_t ran_ms(const struct core *c)
{
	return c->ran_ms + (c->now_ms - c->start_ms);
}

static size_t slot_of(const struct core *c, const struct id128 *id)
{
	size_t i =
		(size_t)hash64_seed(id->b, sizeof id->b, c->session) & (c->n_grave_slots - 1);

	while (c->grave_slot[i] != NO_INDEX && !id_eq(&c->grave[c->grave_slot[i]].id, id))
		i = (i + 1) & (c->n_grave_slots - 1);
	return i;
}

static void slots_fill(struct core *c, size_t n_slots)
{
	c->grave_slot = xrealloc(c->grave_slot, n_slots, sizeof *c->grave_slot);
	c->n_grave_slots = n_slots;
	for (size_t i = 0; i < n_slots; i++)
		c->grave_slot[i] = NO_INDEX;
	for (size_t i = 0; i < c->n_graves; i++)
		c->grave_slot[slot_of(c, &c->grave[i].id)] = (int32_t)i;
}

static int32_t index_of(const struct core *c, const struct id128 *id)
{
	return c->n_grave_slots == 0 ? NO_INDEX : c->grave_slot[slot_of(c, id)];
}

const struct grave *grave_find(const struct core *c, const struct id128 *id)
{
	int32_t i = index_of(c, id);

	return i == NO_INDEX ? NULL : &c->grave[i];
}

struct wire_departed grave_entry(const struct grave *g)
{
	return (struct wire_departed){.id = g->id,
		.reason = g->reason,
		.flags = g->flags,
		.name = {"", 0},
		.by_name = {"", 0},
		.when_ms = g->when_ms};
}

/* As a departed member counts, so that it does not matter who has buried it already. */
static uint64_t digest_of(const struct id128 *id)
{
	struct {
		struct id128 id;
		uint64_t what[5];
	} in = {*id, {1}};

	return hash64(&in, sizeof in);
}

static int32_t add(struct core *c, const struct id128 *id)
{
	struct member *m = member_find(c, id);

	if (c->n_graves == c->graves_cap) {
		c->graves_cap = c->graves_cap == 0 ? 64 : c->graves_cap + c->graves_cap / 2;
		c->grave = xrealloc(c->grave, c->graves_cap, sizeof *c->grave);
	}
	assert(c->grave != NULL);
	c->grave[c->n_graves++] = (struct grave){.id = *id};
	if (c->n_graves * 2 > c->n_grave_slots)
		slots_fill(c, c->n_grave_slots == 0 ? 128 : 2 * c->n_grave_slots);
	else
		c->grave_slot[slot_of(c, id)] = (int32_t)c->n_graves - 1;
	c->bucket[id->b[0] >> 2] += digest_of(id);
	if (m != NULL)
		member_digest(c, m);
	return (int32_t)c->n_graves - 1;
}

void grave_apply_stored(struct core *c, const struct wire_departed *e)
{
	int32_t i = index_of(c, &e->id);

	if (i == NO_INDEX)
		i = add(c, &e->id);
	assert(c->grave != NULL);
	c->grave[i].when_ms = e->when_ms;
	c->grave[i].reason = (uint8_t)e->reason;
	c->grave[i].flags = (uint8_t)e->flags;
}

int32_t grave_put(struct core *c, const struct wire_departed *e)
{
	struct wire_departed bare = *e;

	memset(&bare.by, 0, sizeof bare.by);
	bare.name = bare.by_name = (struct msg_span){"", 0};
	grave_apply_stored(c, &bare);
	state_put_departed(c, &bare);
	return index_of(c, &e->id);
}

void graves_clear(struct core *c)
{
	c->n_graves = 0;
	for (size_t i = 0; i < c->n_grave_slots; i++)
		c->grave_slot[i] = NO_INDEX;
}

/* The last one moves into its place, in every link's set too. */
static void forget(struct core *c, int32_t index)
{
	size_t last = c->n_graves - 1, at = (size_t)index;
	const struct id128 id = c->grave[at].id;

	state_del_departed(c, &id);
	c->bucket[id.b[0] >> 2] -= digest_of(&id);
	for (size_t i = 0; i < c->n_conns; i++) {
		struct bits *set = &c->conn[i]->dirty_graves;
		bool moved = bits_has(set, last) && last != at;

		bits_clear(set, at);
		bits_clear(set, last);
		if (moved)
			bits_set(set, at);
	}
	c->grave[at] = c->grave[last];
	c->n_graves--;
	slots_fill(c, c->n_grave_slots);
}

void grave_rise(struct core *c, const struct id128 *id)
{
	const struct grave *g = grave_find(c, id);
	struct wire_departed e;

	if (g == NULL || member_index(c, id) != NO_INDEX)
		return;
	e = grave_entry(g);
	departed_apply_stored(c, &e, ran_ms(c));
}

/* --- burying --- */

void bury_soon(struct core *c)
{
	if (c->bury_ms == 0 || c->bury_ms > c->now_ms + LOOK_MS)
		c->bury_ms = c->now_ms + LOOK_MS;
}

/* Its node runs again under another member id. */
static bool back_as_another(const struct core *c, const struct member *m)
{
	if (id_is_zero(&m->entry.node_id))
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (is_member(c->member[i]) && c->member[i]->running &&
			id_eq(&c->member[i]->node_id, &m->entry.node_id))
			return true;
	return false;
}

static bool needs_no_details(const struct core *c, const struct member *m)
{
	if (!m->departed || m->departing || (m->entry.flags & WIRE_DF_NO_QUORUM) != 0)
		return false; /* one without quorum still counts, and may yet be void */
	if (m->entry.ban_ms != 0 && banned(c, &m->entry.node_id))
		return false;
	return departed_bare(&m->entry) || ran_ms(c) >= m->kept_ran_ms + DETAILS_MS ||
	       back_as_another(c, m);
}

static bool in_use(const struct core *c, int32_t index)
{
	if (c->member[index]->link.state != EDGE_NONE || c->member[index]->dialing != 0)
		return true;
	for (size_t i = 0; i < c->n_conns; i++)
		if (c->conn[i]->peer == index || c->conn[i]->target == index ||
			bits_has(&c->conn[i]->dirty, (size_t)index))
			return true;
	for (size_t i = 0; i < c->n_edged; i++)
		if (c->edged[i] == index)
			return true;
	return false;
}

/* Only what differs from its grave is written. */
static void bury(struct core *c, int32_t index)
{
	const struct member *m = c->member[index];
	const struct grave *g = grave_find(c, &m->id);
	struct wire_departed buried;

	if (g != NULL)
		buried = grave_entry(g);
	if (g == NULL && departed_bare(&m->entry))
		grave_apply_stored(c, &m->entry); /* it is on disk like that */
	else if (g == NULL || entry_cmp(&m->entry, &buried) > 0)
		(void)grave_put(c, &m->entry);
	member_vacate(c, index);
	c->n_departed--;
}

void bury_tick(struct core *c)
{
	bool again = false, details = false;

	if (!due(c, c->bury_ms))
		return;
	c->bury_ms = 0;
	if (swapping(c) || !c->started) {
		bury_soon(c);
		return;
	}
	for (size_t i = 1; i < c->n; i++) {
		const struct member *m = c->member[i];

		if (!m->departed)
			continue;
		if (!needs_no_details(c, m))
			details = true;
		else if (in_use(c, (int32_t)i))
			again = true;
		else
			bury(c, (int32_t)i);
	}
	if (again)
		c->bury_ms = c->now_ms + LOOK_MS;
	else if (details)
		c->bury_ms = c->now_ms + LOOK_AGAIN_MS;
	c->self_dirty |= details; /* how long this node has run */
	c->view_dirty = true;
}

static bool older(const struct wire_departed *a, const struct wire_departed *b)
{
	return a->when_ms != b->when_ms ? a->when_ms < b->when_ms : id_cmp(&a->id, &b->id) < 0;
}

bool grave_forget_older(struct core *c, const struct wire_departed *e)
{
	struct wire_departed oldest = *e;
	const struct id128 *id;
	int32_t at;

	for (size_t i = 0; i < c->n_graves; i++) {
		struct wire_departed buried = grave_entry(&c->grave[i]);

		if (older(&buried, &oldest))
			oldest = buried;
	}
	for (size_t i = 1; i < c->n; i++)
		if (c->member[i]->departed && older(&c->member[i]->entry, &oldest))
			oldest = c->member[i]->entry;
	id = &oldest.id;
	at = member_index(c, id);
	if (id_eq(id, &e->id) || (at != NO_INDEX && in_use(c, at)))
		return false;
	if (at != NO_INDEX)
		bury(c, at);
	forget(c, index_of(c, id));
	return true;
}
