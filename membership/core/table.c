#include "membership/core/core_int.h"

void bits_set(struct bits *b, size_t index)
{
	size_t word = index / 64;

	if (word >= b->n_words) {
		size_t n = 2 * word + 1;

		b->word = xrealloc(b->word, n, sizeof *b->word);
		memset(b->word + b->n_words, 0, (n - b->n_words) * sizeof *b->word);
		b->n_words = n;
	}
	b->n += (b->word[word] >> index % 64 & 1) == 0;
	b->word[word] |= 1ULL << index % 64;
}

bool bits_has(const struct bits *b, size_t index)
{
	return index / 64 < b->n_words && (b->word[index / 64] >> index % 64 & 1) != 0;
}

void bits_clear(struct bits *b, size_t index)
{
	if (!bits_has(b, index))
		return;
	b->word[index / 64] &= ~(1ULL << index % 64);
	b->n--;
}

void bits_free(struct bits *b)
{
	free(b->word);
	*b = (struct bits){0};
}

/* Its place in the table, or the free one where it belongs; *tag is what to write there with it. */
static struct slot *slot_of(const struct core *c, const struct id128 *id, uint32_t *tag)
{
	/* seeded, so that nobody can make up ids that fall together */
	uint64_t hash = hash64_seed(id->b, sizeof id->b, c->session);
	size_t i = (size_t)hash & (c->n_slots - 1);

	*tag = (uint32_t)(hash >> 32);
	while (c->slot[i].index != NO_INDEX &&
		(c->slot[i].tag != *tag || !id_eq(&c->member[c->slot[i].index]->id, id)))
		i = (i + 1) & (c->n_slots - 1);
	return &c->slot[i];
}

static void slot_put(struct core *c, const struct id128 *id, int32_t index)
{
	uint32_t tag;
	struct slot *slot = slot_of(c, id, &tag);

	*slot = (struct slot){tag, index};
}

static void slots_clear(struct core *c)
{
	for (size_t i = 0; i < c->n_slots; i++)
		c->slot[i].index = NO_INDEX;
}

static void slots_fill(struct core *c)
{
	slots_clear(c);
	for (size_t i = 0; i < c->n; i++)
		if (i == 0 || !id_is_zero(&c->member[i]->id)) /* else the place is vacant */
			slot_put(c, &c->member[i]->id, (int32_t)i);
}

static void slots_grow(struct core *c)
{
	c->n_slots = c->n_slots == 0 ? 64 : c->n_slots * 2;
	c->slot = xrealloc(c->slot, c->n_slots, sizeof *c->slot);
	slots_fill(c);
}

int32_t member_index(const struct core *c, const struct id128 *id)
{
	uint32_t tag;

	return c->n_slots == 0 ? NO_INDEX : slot_of(c, id, &tag)->index;
}

struct member *member_find(const struct core *c, const struct id128 *id)
{
	int32_t i = member_index(c, id);

	return i == NO_INDEX ? NULL : c->member[i];
}

void set_text(char **dst, struct msg_span s)
{
	char *copy = xcalloc(1, s.n + 1);

	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	free(*dst);
	*dst = copy;
}

void member_name(struct core *c, struct member *m, struct msg_span name)
{
	set_text(&m->name, name);
	m->named = name.n > 0;
	c->namesake |= m != self(c) && msg_span_eq(name, c->node_name);
}

static struct member *member_new(const struct id128 *id)
{
	struct member *m = xcalloc(1, sizeof *m);

	m->id = *id;
	m->name = xstrdup("");
	m->host = xstrdup("");
	m->program = xstrdup("");
	m->link.rtt_us = -1;
	ring_hashes(m);
	return m;
}

int32_t member_intern(struct core *c, const struct id128 *id)
{
	int32_t i = member_index(c, id);

	if (i != NO_INDEX)
		return i;
	if (c->n_vacant > 0) {
		i = c->vacant[--c->n_vacant];
		c->member[i]->id = *id;
		ring_hashes(c->member[i]);
		slot_put(c, id, i);
		return i;
	}
	if (c->n * 2 >= c->n_slots)
		slots_grow(c);
	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 16 : c->cap * 2;
		c->member = xrealloc(c->member, c->cap, sizeof *c->member);
	}
	i = (int32_t)c->n;
	c->member[c->n++] = member_new(id);
	slot_put(c, id, i);
	return i;
}

bool is_member(const struct member *m)
{
	return !m->departed && m->named;
}

bool member_older(const struct member *a, const struct member *b)
{
	return a->joined_ms < b->joined_ms ||
	       (a->joined_ms == b->joined_ms && id_cmp(&a->id, &b->id) < 0);
}

struct member *member_by_name(const struct core *c, const char *name, bool running_only,
	const struct id128 *not_node)
{
	struct member *found = NULL;

	for (size_t i = 0; i < c->n; i++) {
		struct member *m = c->member[i];

		if (!is_member(m) || strcmp(m->name, name) != 0 ||
			(running_only && !m->running))
			continue;
		if (not_node != NULL && id_eq(&m->node_id, not_node))
			continue;
		/* of two with one name the stopped one is what an operator means */
		if (found == NULL || !m->running)
			found = m;
	}
	return found;
}

static void member_free(struct member *m)
{
	free(m->body);
	free(m->name);
	free(m->host);
	free(m->program);
	free(m->edge);
	tags_free(m->tags, m->n_tags);
	if (m->has_entry)
		entry_free(&m->entry);
	free(m);
}

size_t members_live(const struct core *c)
{
	return c->n - c->n_departed - c->n_vacant;
}

void member_vacate(struct core *c, int32_t index)
{
	const struct id128 nobody = {{0}};
	struct member *old = c->member[index];

	for (size_t i = 0; i < c->n; i++)
		for (size_t e = 0; e < c->member[i]->n_edges; e++)
			if (c->member[i]->edge[e].peer == index) {
				c->member[i]->edge[e].peer = NO_INDEX;
				c->member[i]->edge[e].mutual = false;
				c->unmet |= c->member[i]->role == WIRE_REPLICA;
			}
	c->bucket[old->id.b[0] >> 2] -= old->digest;
	member_free(old);
	c->member[index] = member_new(&nobody);
	if (c->n_vacant == c->vacant_cap) {
		c->vacant_cap = c->vacant_cap == 0 ? 16 : c->vacant_cap * 2;
		c->vacant = xrealloc(c->vacant, c->vacant_cap, sizeof *c->vacant);
	}
	c->vacant[c->n_vacant++] = index;
	c->n_sorted = 0;
	slots_fill(c);
}

void members_clear(struct core *c)
{
	c->n_sorted = 0;
	for (size_t i = 0; i < c->n; i++)
		member_free(c->member[i]);
	c->n = 0;
	c->n_departed = c->n_vacant = 0;
	graves_clear(c);
	memset(c->bucket, 0, sizeof c->bucket);
	ways_clear(c, 0);
	slots_clear(c);
}

/*
 * The digest is a sum, so that it can be kept as things change; it covers versions, bodies' hashes, departed ids and
 * what is void, and nothing that nodes expire on their own.
 */
void member_digest(struct core *c, struct member *m)
{
	struct {
		struct id128 id;
		uint64_t what[5];
	} in = {.id = m->id};
	uint64_t *bucket = &c->bucket[m->id.b[0] >> 2];

	*bucket -= m->digest;
	m->digest = 0;
	if (m->departed && grave_find(c, &m->id) != NULL) {
		return; /* counted there */
	} else if (m->departed) {
		in.what[0] = 1;
	} else if (m->has_record || m->has_entry) {
		in.what[0] = 2 + (m->has_entry ? 1 : 0);
		in.what[1] = m->ver.incarnation;
		in.what[2] = m->ver.session;
		in.what[3] = m->ver.seq;
		in.what[4] = m->body_hash;
	}
	if (in.what[0] != 0)
		m->digest = hash64(&in, sizeof in);
	*bucket += m->digest;
}

uint64_t digest_total(const struct core *c)
{
	struct {
		uint64_t sum, created_ms, counter;
		struct id128 cluster_id, by;
		uint64_t flags;
	} in = {.created_ms = c->identity.created_ms,
		.cluster_id = c->identity.cluster_id,
		.counter = c->settings.counter,
		.by = c->settings.by,
		.flags = (c->settings.mode_auto ? 1u : 0u) | (c->settings.autoheal ? 2u : 0u)};

	for (unsigned i = 0; i < WIRE_BUCKETS; i++)
		in.sum += c->bucket[i];
	return hash64(&in, sizeof in);
}
