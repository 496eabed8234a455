#include "membership/data/entry.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

static int span_cmp(struct msg_span a, struct msg_span b)
{
	uint32_t n = a.n < b.n ? a.n : b.n;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

int key_cmp(struct msg_span a, struct msg_span b)
{
	return span_cmp(a, b);
}

static int dot_cmp(const struct wire_sibling *a, const struct wire_sibling *b)
{
	struct wire_origin x = sibling_dot(a), y = sibling_dot(b);
	int c = origin_cmp(&x, &y);

	if (c != 0)
		return c;
	return a->n < b->n ? -1 : a->n > b->n;
}

static int stamp_cmp(const struct wire_sibling *a, const struct wire_sibling *b)
{
	if (a->ms != b->ms)
		return a->ms < b->ms ? -1 : 1;
	return a->counter < b->counter ? -1 : a->counter > b->counter;
}

static int content_cmp(const struct wire_sibling *a, const struct wire_sibling *b)
{
	int c = stamp_cmp(a, b);

	if (c != 0)
		return c;
	if (a->deleted != b->deleted)
		return a->deleted ? -1 : 1;
	return span_cmp(a->value, b->value);
}

/* The order in an entry: by dot, then by content. */
static int sibling_cmp(const struct wire_sibling *a, const struct wire_sibling *b)
{
	int c = dot_cmp(a, b);

	return c != 0 ? c : content_cmp(a, b);
}

int sibling_lww(const struct wire_sibling *a, const struct wire_sibling *b)
{
	int c = stamp_cmp(a, b);

	return c != 0 ? c : sibling_cmp(a, b);
}

const struct wire_sibling *entry_winner(const struct wire_entry *w)
{
	const struct wire_sibling *best = sibling_at(w, 0);

	assert(w->siblings.n > 0);
	for (uint32_t i = 1; i < w->siblings.n; i++)
		if (sibling_lww(sibling_at(w, i), best) > 0)
			best = sibling_at(w, i);
	return best;
}

bool entry_valid(const struct wire_entry *w)
{
	struct vec context = vec_of(&w->context);

	if (w->key.n == 0 || w->key.n > WIRE_DATA_KEY_MAX || w->siblings.n == 0 ||
		w->siblings.n > WIRE_DATA_SIBLINGS_MAX || !vec_valid(&w->context))
		return false;
	for (uint32_t i = 0; i < w->siblings.n; i++) {
		const struct wire_sibling *s = sibling_at(w, i);
		struct wire_origin dot = sibling_dot(s);

		if (dot.n == 0 || !vec_has(&context, &dot) || (s->deleted && s->value.n > 0))
			return false;
		if (i > 0 && sibling_cmp(s - 1, s) >= 0)
			return false;
	}
	return true;
}

/* --- packing */

static uint64_t hash_sibling(uint64_t h, const struct wire_sibling *s)
{
	struct {
		struct id128 member;
		uint64_t epoch, n, ms, counter_deleted;
	} fixed = {s->member, s->epoch, s->n, s->ms, (uint64_t)s->counter << 1 | s->deleted};

	_Static_assert(sizeof fixed == 48, "no padding");
	h = hash64_seed(&fixed, sizeof fixed, h);
	return hash64_seed(s->value.p, s->value.n, h);
}

/* More in its context than the siblings' own numbers, or a deletion. */
static bool has_loose(const struct wire_entry *w)
{
	const struct wire_origin *o = w->context.item;
	uint32_t origins = 0;

	for (uint32_t i = 0; i < w->siblings.n; i++) {
		const struct wire_sibling *s = sibling_at(w, i);
		struct wire_origin dot = sibling_dot(s);
		bool last;

		if (s->deleted)
			return true;
		last = i + 1 == w->siblings.n || s[1].epoch != s->epoch ||
		       !id_eq(&s[1].member, &s->member);
		if (!last)
			continue;
		if (origins == w->context.n || !origin_eq(&o[origins], &dot) ||
			o[origins].n != dot.n)
			return true;
		origins++;
	}
	return origins != w->context.n;
}

static struct msg_span put_span(char **to, struct msg_span from)
{
	struct msg_span s = {from.n == 0 ? "" : *to, from.n};

	if (from.n > 0)
		memcpy(*to, from.p, from.n);
	*to += from.n;
	return s;
}

struct entry *entry_new(const struct wire_entry *w)
{
	size_t contexts = w->context.n * sizeof(struct wire_origin);
	size_t siblings = w->siblings.n * sizeof(struct wire_sibling), bytes = w->key.n;
	struct entry *e;
	uint8_t *p;
	char *c;

	for (uint32_t i = 0; i < w->siblings.n; i++)
		bytes += sibling_at(w, i)->value.n;
	e = xrealloc(NULL, 1, sizeof *e + contexts + siblings + bytes);
	memset(e, 0, sizeof *e);
	p = (uint8_t *)(e + 1);
	if (contexts > 0)
		memcpy(p, w->context.item, contexts);
	if (siblings > 0)
		memcpy(p + contexts, w->siblings.item, siblings);
	c = (char *)p + contexts + siblings;
	e->w = (struct wire_entry){.key = put_span(&c, w->key),
		.context = {p, w->context.n},
		.siblings = {p + contexts, w->siblings.n}};
	e->hash = hash64(e->w.key.p, e->w.key.n);
	for (uint32_t i = 0; i < w->siblings.n; i++) {
		struct wire_sibling *s = sibling_at(&e->w, i);

		s->value = put_span(&c, s->value);
		e->alive |= !s->deleted;
		e->hash = hash_sibling(e->hash, s);
	}
	e->bytes = (uint32_t)bytes;
	e->loose = has_loose(&e->w);
	return e;
}

/* --- merging */

static const struct wire_entry nothing = {.key = {"", 0}};

/* Is exactly this one in w? *reused: one with its number but another content is. */
static bool holds(const struct wire_entry *w, const struct wire_sibling *s, bool *reused)
{
	*reused = false;
	for (uint32_t i = 0; i < w->siblings.n; i++) {
		if (dot_cmp(sibling_at(w, i), s) != 0)
			continue;
		if (content_cmp(sibling_at(w, i), s) == 0)
			return true;
		*reused = true;
	}
	return false;
}

/* Does s stand beside other, which may have seen and replaced it? covered: what other's node has seen besides. */
static bool stands(const struct wire_sibling *s, const struct wire_entry *other,
	const struct vec *covered, unsigned *flags)
{
	struct wire_origin dot = sibling_dot(s);
	struct vec context = vec_of(&other->context);
	bool reused;

	if (holds(other, s, &reused))
		return true;
	if (reused) {
		*flags |= MERGE_REUSED;
		return true;
	}
	return !vec_has(&context, &dot) && (covered == NULL || !vec_has(covered, &dot));
}

/* Inserts in order; what is there stays once. */
static void insert(struct wire_sibling *list, uint32_t *n, const struct wire_sibling *s)
{
	uint32_t at = *n;

	while (at > 0 && sibling_cmp(&list[at - 1], s) > 0)
		at--;
	if (at > 0 && sibling_cmp(&list[at - 1], s) == 0)
		return;
	memmove(&list[at + 1], &list[at], (*n - at) * sizeof *list);
	list[at] = *s;
	++*n;
}

static void cut(struct wire_sibling *list, uint32_t *n)
{
	uint32_t oldest = 0;

	for (uint32_t i = 1; i < *n; i++)
		if (sibling_lww(&list[i], &list[oldest]) < 0)
			oldest = i;
	--*n;
	memmove(&list[oldest], &list[oldest + 1], (*n - oldest) * sizeof *list);
}

/* Two ascending lists into one. */
static bool merge_context(const struct msg_list *a, const struct msg_list *b,
	struct msg_arena *arena, struct msg_list *out)
{
	const struct wire_origin *x = a->item, *y = b->item;
	struct wire_origin *to = msg_arena_alloc(arena, ((size_t)a->n + b->n + 1) * sizeof *to);
	uint32_t i = 0, j = 0, n = 0;

	if (to == NULL)
		return false;
	while (i < a->n || j < b->n) {
		int c = i == a->n ? 1 : j == b->n ? -1 : origin_cmp(&x[i], &y[j]);

		to[n] = c <= 0 ? x[i] : y[j];
		if (c == 0 && y[j].n > to[n].n)
			to[n].n = y[j].n;
		i += c <= 0;
		j += c >= 0;
		n++;
	}
	*out = (struct msg_list){to, n};
	return true;
}

bool entry_merge(const struct wire_entry *own, const struct wire_entry *in,
	const struct merge_rule *rule, struct msg_arena *a, struct wire_entry *out,
	unsigned *flags)
{
	struct wire_sibling *list;
	uint32_t n = 0;

	*flags = 0;
	if (own == NULL)
		own = &nothing;
	*out = (struct wire_entry){.key = in->key};
	list = msg_arena_alloc(a,
		((size_t)own->siblings.n + in->siblings.n + 1) * sizeof *list);
	if (list == NULL || !merge_context(&own->context, &in->context, a, &out->context))
		return false;
	for (uint32_t i = 0; i < own->siblings.n; i++)
		if (stands(sibling_at(own, i), in, rule->theirs, flags))
			insert(list, &n, sibling_at(own, i));
	for (uint32_t i = 0; i < in->siblings.n; i++)
		if (stands(sibling_at(in, i), own, rule->mine, flags))
			insert(list, &n, sibling_at(in, i));
	for (; n > WIRE_DATA_SIBLINGS_MAX; *flags |= MERGE_CUT)
		cut(list, &n);
	out->siblings = (struct msg_list){list, n};
	return true;
}

/* --- collecting */

bool entry_collect(const struct wire_entry *w, const struct vec *min, struct msg_arena *a,
	struct wire_entry *out)
{
	struct vec context = vec_of(&w->context), dots = {0};
	bool alive = false;

	*out = (struct wire_entry){.key = w->key};
	if (!vec_covers(min, &context))
		return false;
	for (uint32_t i = 0; i < w->siblings.n; i++)
		alive |= !sibling_at(w, i)->deleted;
	if (!alive)
		return true;
	dots.o = msg_arena_alloc(a, (w->siblings.n + 1) * sizeof *dots.o);
	if (dots.o == NULL)
		return false;
	dots.cap = w->siblings.n + 1;
	for (uint32_t i = 0; i < w->siblings.n; i++) {
		struct wire_origin dot = sibling_dot(sibling_at(w, i));

		vec_raise(&dots, &dot);
	}
	out->context = vec_list(&dots);
	out->siblings = w->siblings;
	return dots.n < context.n || !vec_covers(&dots, &context);
}
