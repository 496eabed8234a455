/*
 * When deletions are forgotten. No clock decides: the oldest running core asks everybody how far they are, takes the
 * minimum, with what is known of stopped members, and publishes it as the value of a reserved key; who applies that
 * forgets what the minimum covers, and remembers up to where in the gc vector.
 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/msg/msg_scan.h"
#include "membership/data/data_int.h"

enum {
	ROUND_MS = 60000,
	BEHIND_MS = 5000,
	COLLECT_MAX = 4096,
	PUBLISHED_MAX = 1700 /* origins, at most 37 bytes each: what a value has room for */
};

static const struct msg_span gc_key = {"\0gc", 3};

struct known {
	struct id128 member;
	struct vec vector;
	uint64_t stopped_ms; /* counted while a quorum ran */
};

/* --- the collector */

static bool is_collector(const struct data *d)
{
	if (d->role != WIRE_CORE || !d->quorum || d->apart || d->leaving)
		return false;
	for (size_t i = 0; i < d->n_peers; i++) {
		const struct peer *p = &d->peer[i];

		if (p->core && p->running &&
			(p->joined_ms < d->joined_ms ||
				(p->joined_ms == d->joined_ms && id_cmp(&p->id, &d->self) < 0)))
			return false;
	}
	return true;
}

static struct known *known_of(struct data *d, const struct id128 *member)
{
	for (size_t i = 0; i < d->n_known; i++)
		if (id_eq(&d->known[i].member, member))
			return &d->known[i];
	d->known = xrealloc(d->known, d->n_known + 1, sizeof *d->known);
	d->known[d->n_known] = (struct known){.member = *member};
	return &d->known[d->n_known++];
}

void knowns_free(struct data *d)
{
	for (size_t i = 0; i < d->n_known; i++)
		vec_free(&d->known[i].vector);
	free(d->known);
	d->known = NULL;
	d->n_known = 0;
}

void known_doom(struct data *d)
{
	for (size_t i = 0; i < d->n_known; i++)
		disk_doom_known(d, &d->known[i].member);
	knowns_free(d);
}

void known_load(struct data *d, const struct id128 *member, const struct msg_list *vector,
	uint64_t stopped_ms)
{
	struct known *k = known_of(d, member);
	struct vec v = vec_of(vector);

	vec_copy(&k->vector, &v);
	k->stopped_ms = stopped_ms;
}

void known_evaluate(struct data *d, struct op *op)
{
	struct writes *w = &d->txn.writes;
	size_t n = 0;

	(void)op;
	for (size_t i = 0; i < d->n_known; i++) {
		struct known *k = &d->known[i];

		if (peer_find(d, &k->member) != NULL) {
			disk_put_known(w, d->generation, &k->member, &k->vector, k->stopped_ms);
			d->known[n++] = *k;
			continue;
		}
		k->vector.n = 0;
		disk_put_known(w, d->generation, &k->member, &k->vector, 0);
		vec_free(&k->vector);
	}
	d->n_known = n;
}

void collect_arm(struct data *d)
{
	if (TAILQ_EMPTY(&d->map.loose) || d->round.left > 0)
		return;
	if (d->round.at_ms <= d->now_ms)
		d->round.at_ms = d->now_ms + ROUND_MS;
	wake_at(d, d->round.at_ms);
}

static void end_round(struct data *d)
{
	d->round.left = 0;
	d->round.at_ms = d->now_ms + ROUND_MS;
	wake_at(d, d->round.at_ms);
}

static void begin_round(struct data *d)
{
	d->round.left = 0;
	d->round.failed = false;
	for (size_t i = 0; i < d->n_peers; i++) {
		struct peer *p = &d->peer[i];

		if (!p->core || !p->running)
			continue;
		known_of(d, &p->id)->stopped_ms = 0;
		call_peer(d, CALL_COLLECT, p, &(struct wire_data_ask){.pull = false});
		d->round.left++;
	}
}

/* What everybody covers for sure. */
static void minimum(struct data *d, struct vec *min)
{
	vec_copy(min, &d->vector);
	for (size_t i = 0; i < d->n_peers; i++) {
		const struct peer *p = &d->peer[i];
		struct known *k;

		if (!p->core)
			continue;
		k = known_of(d, &p->id);
		if (!p->running)
			k->stopped_ms += ROUND_MS;
		if (p->running || k->stopped_ms <= d->tombstone_ttl_ms)
			vec_limit(min, &k->vector);
	}
}

static void publish(struct data *d, const struct vec *min)
{
	struct wire_data_vector v = {.vector = vec_list(min)};
	struct buf value = {0};

	msg_encode(&value, &wire_data_vector_desc, &v);
	command_internal(d, gc_key,
		(struct msg_span){(const char *)value.p, (uint32_t)value.n});
	buf_free(&value);
}

/* More than there is room for: only what something that can be forgotten hangs on. */
static void shorten(struct data *d, struct vec *min)
{
	struct vec few = {0};
	const struct entry *e = TAILQ_FIRST(&d->map.loose);

	if (min->n <= PUBLISHED_MAX)
		return;
	for (; e != NULL; e = TAILQ_NEXT(e, by_loose)) {
		struct vec context = vec_of(&e->w.context);

		if (entry_reserved(e) || !vec_covers(min, &context))
			continue;
		if (few.n + context.n > PUBLISHED_MAX)
			break;
		vec_merge(&few, &context);
	}
	vec_free(min);
	*min = few;
}

static void conclude(struct data *d)
{
	struct vec min = {0};

	if (!d->round.failed && is_collector(d)) {
		if (MUTANT(DATA_NO_MINIMUM))
			vec_copy(&min, &d->vector);
		if (min.n == 0)
			minimum(d, &min);
		shorten(d, &min);
		if (!vec_covers(&d->gc, &min))
			publish(d, &min);
		queue_op(d, op_new(OP_KNOWN, sizeof(struct op)));
	}
	vec_free(&min);
	end_round(d);
}

void collect_answered(struct data *d, const struct call *c, struct msg_reader r,
	const char *error)
{
	struct peer *p = peer_find(d, &c->peer);
	struct wire_data_vector v;

	if (d->round.left == 0)
		return;
	if (error != NULL || !call_result(d, c, r, &v) || !vec_valid(&v.vector) || p == NULL) {
		d->round.failed = true;
	} else {
		struct vec vector = vec_of(&v.vector);

		clock_sample(d, p, c->at_us, v.wall_ms);
		vec_copy(&known_of(d, &p->id)->vector, &vector);
	}
	if (--d->round.left == 0)
		conclude(d);
}

/* --- everybody */

/* The published minimum, once what I have covers it and nobody is in the middle of a copy from here. */
static bool may_forget(struct data *d, struct vec *min)
{
	const struct entry *e = map_find(&d->map, gc_key);
	struct wire_data_vector v;

	for (uint32_t i = 0; e != NULL && i < e->w.siblings.n; i++) {
		const struct wire_sibling *s = sibling_at(&e->w, i);
		struct msg_reader r = {(const uint8_t *)s->value.p,
			(const uint8_t *)s->value.p + s->value.n};
		struct vec one;

		msg_arena_reset(&d->arena);
		if (!msg_scan(r.p, s->value.n) ||
			msg_decode(&wire_data_vector_desc, r, &d->arena, &v, NULL) != 0 ||
			!vec_valid(&v.vector))
			continue;
		one = vec_of(&v.vector);
		vec_merge(min, &one);
	}
	if (!vec_covers(&d->vector, min)) {
		wake_at(d, d->now_ms + BEHIND_MS);
		return false;
	}
	if (d->now_ms < d->lease_ms && !MUTANT(DATA_NO_LEASE)) {
		wake_at(d, d->lease_ms);
		return false;
	}
	return min->n > 0;
}

void collect_run(struct data *d)
{
	struct vec min = {0};
	struct op *op;

	if (!d->collect_due || d->collecting)
		return;
	d->collect_due = false;
	if (may_forget(d, &min) && (!vec_covers(&d->gc, &min) || d->collect_more)) {
		op = op_new(OP_COLLECT, sizeof *op);
		op->min = min;
		d->collecting = true;
		queue_op(d, op);
		return;
	}
	vec_free(&min);
}

void collect_tick(struct data *d)
{
	d->collect_due = true;
	if (d->round.left > 0 || TAILQ_EMPTY(&d->map.loose) || !is_collector(d))
		return;
	if (d->now_ms < d->round.at_ms) {
		wake_at(d, d->round.at_ms);
		return;
	}
	begin_round(d);
	if (d->round.left == 0)
		conclude(d);
}

void collect_evaluate(struct data *d, struct op *op)
{
	struct entry *e = TAILQ_FIRST(&d->map.loose);
	struct wire_entry w;
	int n = 0;

	vec_merge(&d->txn.gc, &op->min);
	for (; e != NULL && n < COLLECT_MAX; e = TAILQ_NEXT(e, by_loose)) {
		const struct entry *now = txn_find(d, e->w.key);

		msg_arena_reset(&d->txn.arena);
		if (now != e || entry_reserved(e) ||
			!entry_collect(&e->w, &op->min, &d->txn.arena, &w))
			continue;
		txn_keep(d, e, &w);
		if (w.siblings.n == 0 && e->index > d->txn.floor)
			d->txn.floor = e->index;
		n++;
	}
	op->last = e == NULL;
}

void collect_done(struct data *d, struct op *op)
{
	d->collecting = false;
	d->collect_more = !op->last;
	d->collect_due = true;
	d->collections++;
}

void collect_failed(struct data *d, struct op *op, enum data_code code, const char *why)
{
	(void)op;
	(void)code;
	(void)why;
	d->collecting = false;
	wake_at(d, d->now_ms + DATA_REDO_MS);
}
