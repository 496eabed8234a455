#include "membership/core/core_int.h"

/*
 * Flooding and its repair. For every link a set of members whose record or departure the other end lacks, not a queue
 * of frames: what changes twice before the peer reads is sent once. Repair compares digests by range of ids.
 */

void flood_to(struct core *c, struct conn *k, int32_t index)
{
	bits_set(&k->dirty, (size_t)index);
	conn_wake(c, k);
}

/* Nothing goes through a replica: it speaks of itself, and of whom it removed. */
static bool may_say(const struct core *c, int32_t index)
{
	const struct member *m = c->member[index];

	return c->role == WIRE_CORE || index == 0 ||
	       (m->has_entry && id_eq(&m->entry.by, &self(c)->id));
}

/*
 * Where two compare what they have, a replica also says what it may be the last to know: of the other itself, which may
 * have an old disk, and of those that are stopped. None of that makes anybody running.
 */
static bool may_repair(const struct core *c, const struct conn *k, int32_t index)
{
	return may_say(c, index) || index == k->peer || !c->member[index]->running;
}

/*
 * When a replica is lost each of its cores says so, and every other replica is linked with most of them: it hears from the
 * owner itself, where the owner has a link to it, and the others don't repeat it.
 */
static bool told_by_owner(const struct core *c, const struct conn *k, int32_t index)
{
	const struct member *owner = c->member[index];
	const struct half_edge *e;

	if (k->peer_role != WIRE_REPLICA || index == 0 || owner->role != WIRE_CORE ||
		owner->departed)
		return false;
	e = edge_half(owner, &k->peer_id);
	return e != NULL && e->mutual;
}

void flood(struct core *c, int32_t index, const struct conn *except)
{
	for (size_t i = 0; i < c->n_conns; i++) {
		struct conn *k = c->conn[i];

		if (k->phase == CONN_UP && k != except && may_say(c, index) &&
			!told_by_owner(c, k, index))
			flood_to(c, k, index);
	}
}

/* Nothing goes through a replica, and what it said itself its core has buried as well. */
void flood_grave(struct core *c, int32_t index, const struct conn *except)
{
	for (size_t i = 0; i < c->n_conns && c->role == WIRE_CORE; i++) {
		struct conn *k = c->conn[i];

		if (k->phase != CONN_UP || k == except)
			continue;
		bits_set(&k->dirty_graves, (size_t)index);
		conn_wake(c, k);
	}
}

void flood_settings(struct core *c, const struct conn *except)
{
	for (size_t i = 0; i < c->n_conns; i++)
		if (c->conn[i]->phase == CONN_UP && c->conn[i] != except) {
			c->conn[i]->send_settings = true;
			conn_wake(c, c->conn[i]);
		}
}

void flood_identity(struct core *c, const struct conn *except)
{
	for (size_t i = 0; i < c->n_conns; i++)
		if (c->conn[i]->phase == CONN_UP && c->conn[i] != except) {
			c->conn[i]->send_identity = true;
			conn_wake(c, c->conn[i]);
		}
}

void flood_all_to(struct core *c, struct conn *k)
{
	for (size_t i = 0; i < c->n; i++)
		if (may_repair(c, k, (int32_t)i))
			bits_set(&k->dirty, i);
	for (size_t i = 0; i < c->n_graves && c->role == WIRE_CORE; i++)
		bits_set(&k->dirty_graves, i);
	k->send_settings = true;
	conn_wake(c, k);
}

/* A new link: a small table is pushed as it is, a large one is compared first. */
void flood_start(struct core *c, struct conn *k, uint64_t their_digest)
{
	if (k->phase != CONN_UP || their_digest == digest_total(c) || MUTANT(NO_ANTI_ENTROPY))
		return;
	k->send_settings = k->send_identity = true;
	if (c->n + c->n_graves <= PUSH_ALL_MAX || c->role == WIRE_REPLICA)
		flood_all_to(c, k);
	else
		k->send_ranges = true;
	conn_wake(c, k);
}

bool flood_pending(const struct core *c, const struct conn *k)
{
	(void)c;
	return k->dirty.n > 0 || k->dirty_graves.n > 0 || k->send_settings ||
	       k->send_identity || k->send_ranges || k->summary_buckets != 0;
}

/* --- out --- */

struct chunk {
	struct wire_record record[64];
	struct wire_departed departed[64];
	size_t n_records, n_departed, bytes;
};

/* False when the chunk is full; the member stays in the set. What alone is too large for a chunk goes alone. */
static bool chunk_add(struct chunk *ch, const struct member *m)
{
	bool record = m->has_record && !m->departed;
	size_t bytes = (record ? 64 + m->body_n : 0) +
		       (m->has_entry ? 160 + m->entry.name.n + m->entry.by_name.n : 0);

	if (ch->n_departed == 64 || ch->n_records == 64 ||
		(ch->bytes > 0 && ch->bytes + bytes > WIRE_CHUNK_BYTES))
		return false;
	if (m->has_entry)
		ch->departed[ch->n_departed++] = m->entry;
	if (record)
		ch->record[ch->n_records++] = (struct wire_record){m->id, m->ver.incarnation,
			m->ver.session, m->ver.seq, {(const char *)m->body, m->body_n}};
	ch->bytes += bytes;
	return true;
}

static bool add_member(const struct core *c, struct chunk *ch, size_t index)
{
	return index >= c->n || chunk_add(ch, c->member[index]);
}

static bool add_grave(const struct core *c, struct chunk *ch, size_t index)
{
	if (ch->n_departed == 64)
		return false;
	if (index < c->n_graves && !id_is_zero(&c->grave[index].id))
		ch->departed[ch->n_departed++] = grave_entry(&c->grave[index]);
	return true;
}

/* As many of a set as fit; the others stay in it. */
static void chunk_fill(const struct core *c, struct bits *set, struct chunk *ch,
	bool (*add)(const struct core *c, struct chunk *ch, size_t index))
{
	for (size_t w = 0; w < set->n_words && set->n > 0; w++) {
		while (set->word[w] != 0) {
			size_t index = w * 64 + (unsigned)__builtin_ctzll(set->word[w]);

			if (!add(c, ch, index))
				return;
			bits_clear(set, index);
		}
	}
}

static void state_pull(struct core *c, struct conn *k, struct buf *out)
{
	struct chunk *ch = xcalloc(1, sizeof *ch);
	struct wire_settings settings = {c->settings.counter, c->settings.by,
		c->settings.mode_auto, c->settings.autoheal};
	struct wire_state s = {0};

	chunk_fill(c, &k->dirty, ch, add_member);
	chunk_fill(c, &k->dirty_graves, ch, add_grave);
	s.records = (struct msg_list){ch->record, (uint32_t)ch->n_records};
	s.departed = (struct msg_list){ch->departed, (uint32_t)ch->n_departed};
	if (k->send_settings)
		s.settings = (struct msg_list){&settings, 1};
	if (k->send_identity)
		s.identity = (struct msg_list){&c->identity, 1};
	k->send_settings = k->send_identity = false;
	if (s.records.n + s.departed.n + s.settings.n + s.identity.n > 0)
		wire_put(out, WIRE_STATE, &s);
	free(ch);
}

static void ranges_pull(struct core *c, struct conn *k, struct buf *out)
{
	uint8_t digests[WIRE_BUCKETS * 8];

	for (unsigned i = 0; i < WIRE_BUCKETS; i++)
		for (unsigned b = 0; b < 8; b++)
			digests[i * 8 + b] = (uint8_t)(c->bucket[i] >> (56 - 8 * b));
	k->send_ranges = false;
	wire_put(out, WIRE_RANGES,
		&(struct wire_ranges){{(const char *)digests, sizeof digests}});
}

static int version_id_cmp(const void *a, const void *b)
{
	const struct wire_version *x = a, *y = b;

	return id_cmp(&x->id, &y->id);
}

static struct wire_version version_of(const struct member *m)
{
	struct wire_version v = {.id = m->id, .departed = departed_rank(m)};

	if (m->has_record && !m->departed) {
		v.incarnation = m->ver.incarnation;
		v.session = m->ver.session;
		v.seq = m->ver.seq;
		v.hash = m->body_hash;
	}
	return v;
}

static uint32_t grave_rank(const struct grave *g)
{
	struct wire_departed e = grave_entry(g);

	return entry_rank(&e);
}

static void id_fill(struct id128 *id, uint8_t byte)
{
	memset(id->b, byte, sizeof id->b);
}

/* One bucket's versions; a bucket too full for one message goes in several, each with the range that it speaks of. */
static void summary_pull(struct core *c, struct conn *k, struct buf *out)
{
	unsigned bucket = (unsigned)__builtin_ctzll(k->summary_buckets);
	struct wire_version *v = xcalloc(c->n + c->n_graves, sizeof *v);
	struct wire_summary s = {.versions = {v, 0},
		.answer = (k->answer_buckets >> bucket & 1) != 0};
	size_t n = 0;

	if (k->summary_from.b[0] >> 2 != bucket) /* a lower one was asked for meanwhile */
		id_fill(&k->summary_from, 0);
	for (size_t i = 0; i < c->n; i++) {
		const struct member *m = c->member[i];

		if (m->digest != 0 && m->id.b[0] >> 2 == bucket &&
			id_cmp(&m->id, &k->summary_from) >= 0)
			v[n++] = version_of(m);
	}
	for (size_t i = 0; i < c->n_graves; i++) {
		const struct grave *g = &c->grave[i];

		if (!id_is_zero(&g->id) && g->id.b[0] >> 2 == bucket &&
			id_cmp(&g->id, &k->summary_from) >= 0)
			v[n++] = (struct wire_version){.id = g->id, .departed = grave_rank(g)};
	}
	qsort(v, n, sizeof *v, version_id_cmp);
	id_fill(&s.lo, 0);
	s.lo.b[0] = (uint8_t)(bucket << 2);
	if (id_cmp(&k->summary_from, &s.lo) > 0)
		s.lo = k->summary_from;
	id_fill(&s.hi, 0xff);
	s.hi.b[0] = (uint8_t)(bucket << 2 | 3);
	if (n > WIRE_CHUNK_ITEMS / 4) {
		k->summary_from = v[WIRE_CHUNK_ITEMS / 4].id;
		n = WIRE_CHUNK_ITEMS / 4;
		s.hi = v[n - 1].id;
	} else {
		id_fill(&k->summary_from, 0);
		k->summary_buckets &= ~(1ULL << bucket);
		k->answer_buckets &= ~(1ULL << bucket);
	}
	s.versions.n = (uint32_t)n;
	wire_put(out, WIRE_SUMMARY, &s);
	free(v);
}

size_t flood_pull(struct core *c, struct conn *k, struct buf *out, size_t cap)
{
	(void)cap;
	if (k->dirty.n > 0 || k->dirty_graves.n > 0 || k->send_settings || k->send_identity)
		state_pull(c, k, out);
	else if (k->send_ranges)
		ranges_pull(c, k, out);
	else if (k->summary_buckets != 0)
		summary_pull(c, k, out);
	return out->n;
}

/* A departed member hears of it, and of nothing else. */
void notice_send(struct core *c, struct conn *k, const struct member *m)
{
	conn_send(c, k, WIRE_STATE,
		&(struct wire_state){.departed = {(void *)(uintptr_t)&m->entry, 1}});
}

/* --- in --- */

void on_state(struct core *c, struct conn *k, const struct wire_state *s)
{
	const struct wire_record *r = s->records.item;
	const struct wire_departed *d = s->departed.item;
	const struct wire_settings *g = s->settings.item;
	const struct wire_identity *identity = s->identity.item;
	uint32_t id = k->id;
	bool up = k->phase == CONN_UP || k->phase == CONN_CLOSING;

	for (uint32_t i = 0; i < s->departed.n; i++) {
		if (conn_find(c, id) != k)
			return;
		/* off a link only the word of my own departure counts, and what the other says of its own */
		if (up || id_eq(&d[i].id, &self(c)->id) ||
			(k->phase == CONN_NOTICE && id_eq(&d[i].id, &k->peer_id)))
			departed_take(c, &d[i], k);
	}
	if (!up)
		return;
	for (uint32_t i = 0; i < s->identity.n && k->peer_role == WIRE_CORE; i++)
		identity_take(c, &identity[i], k);
	for (uint32_t i = 0; i < s->settings.n; i++)
		settings_take(c, &g[i], k);
	for (uint32_t i = 0; i < s->records.n; i++) {
		int rc = record_take(c, &r[i], k);

		if (conn_find(c, id) != k)
			return;
		if (rc < 0 && k->peer != NO_INDEX && id_eq(&r[i].id, &c->member[k->peer]->id) &&
			c->member[k->peer]->unreadable && k->phase == CONN_UP) {
			edge_conn_lost(c, c->member[k->peer], k, CORE_LOSS_TIMEOUT,
				"its own record can't be read");
			if (conn_find(c, id) == k)
				conn_bye(c, k, WIRE_BYE_PROTOCOL, WIRE_RETRY_30S, c->node_name,
					"your record can't be read by %s", c->program);
			return;
		}
	}
}

void on_ranges(struct core *c, struct conn *k, const struct wire_ranges *r)
{
	bool differ = false;

	if (r->digests.n != WIRE_BUCKETS * 8)
		return;
	for (unsigned i = 0; i < WIRE_BUCKETS; i++) {
		uint64_t theirs = 0;

		for (unsigned b = 0; b < 8; b++)
			theirs = theirs << 8 | (uint8_t)r->digests.p[i * 8 + b];
		if (theirs == c->bucket[i])
			continue;
		k->summary_buckets |= 1ULL << i;
		k->answer_buckets &= ~(1ULL << i);
		differ = true;
	}
	k->send_settings = k->send_identity = true;
	k->equal_ms = c->now_ms;
	if (differ || flood_pending(c, k))
		conn_wake(c, k);
}

/* How what I have of a member compares with what the other end has: > 0 newer here. */
static int compare(const struct member *m, const struct wire_version *v)
{
	struct version theirs = {v->incarnation, v->session, v->seq};
	uint32_t rank = departed_rank(m);
	int cmp;

	if (rank != v->departed)
		return rank > v->departed ? 1 : -1;
	if (!m->has_record)
		return v->session != 0 ? -1 : 0;
	if (m->departed)
		return 0;
	cmp = version_cmp(&m->ver, &theirs);
	return cmp != 0 ? cmp : m->body_hash == v->hash ? 0 : m->body_hash > v->hash ? 1 : -1;
}

/* Do they have something of an id that I lack? */
static bool lacks(const struct core *c, const struct wire_version *v)
{
	const struct member *m = member_find(c, &v->id);
	const struct grave *g = grave_find(c, &v->id);

	if (g != NULL)
		return grave_rank(g) < v->departed;
	return m == NULL ? v->departed != 0 || v->session != 0 : compare(m, v) < 0;
}

static int key_cmp(const void *key, const void *item)
{
	return id_cmp(key, &((const struct wire_version *)item)->id);
}

static const struct wire_version *version_in(const struct wire_summary *s,
	const struct id128 *id)
{
	return s->versions.n == 0 ? NULL
				  : bsearch(id, s->versions.item, s->versions.n,
					    sizeof(struct wire_version), key_cmp);
}

/* Sends what the other lacks in the range; asks for what it has newer by sending my own versions of the range, once. */
void on_summary(struct core *c, struct conn *k, const struct wire_summary *s)
{
	const struct wire_version *v = s->versions.item;
	bool lacking = false;

	for (uint32_t i = 1; i < s->versions.n; i++)
		if (id_cmp(&v[i - 1].id, &v[i].id) >= 0)
			return;
	for (size_t i = 0; i < c->n; i++) {
		const struct member *m = c->member[i];
		const struct wire_version *theirs;

		if (m->digest == 0 || id_cmp(&m->id, &s->lo) < 0 || id_cmp(&m->id, &s->hi) > 0)
			continue;
		theirs = version_in(s, &m->id);
		if (may_repair(c, k, (int32_t)i) && (theirs == NULL || compare(m, theirs) > 0))
			bits_set(&k->dirty, i);
	}
	for (size_t i = 0; i < c->n_graves; i++) {
		const struct grave *g = &c->grave[i];
		const struct wire_version *theirs;

		if (id_is_zero(&g->id) || id_cmp(&g->id, &s->lo) < 0 ||
			id_cmp(&g->id, &s->hi) > 0)
			continue;
		theirs = version_in(s, &g->id);
		if (theirs == NULL || theirs->departed < grave_rank(g))
			bits_set(&k->dirty_graves, i);
	}
	for (uint32_t i = 0; i < s->versions.n && !lacking; i++)
		lacking = lacks(c, &v[i]);
	if (lacking && !s->answer) {
		k->summary_buckets |= 1ULL << (s->lo.b[0] >> 2);
		k->answer_buckets |= 1ULL << (s->lo.b[0] >> 2);
	}
	k->equal_ms = c->now_ms;
	conn_wake(c, k);
}
