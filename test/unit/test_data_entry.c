/* One key and its siblings: whatever the order in which histories meet, the same is left. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "membership/data/map.h"

enum { NODES = 4, HISTORIES = 3000 };

static struct msg_arena arena;
static const struct merge_rule plain;

static void setup(void)
{
	msg_arena_init(&arena, 64 * 1024 * 1024);
}

static void teardown(void)
{
	msg_arena_free(&arena);
}

static struct id128 node_id(unsigned i)
{
	return (struct id128){{(uint8_t)(i + 1)}};
}

static struct wire_entry *keep(const struct wire_entry *w)
{
	struct entry *e = entry_new(w);
	struct wire_entry *copy = msg_arena_alloc(&arena, sizeof *copy);
	struct wire_origin *o = msg_arena_alloc(&arena, (w->context.n + 1) * sizeof *o);
	struct wire_sibling *s = msg_arena_alloc(&arena, (w->siblings.n + 1) * sizeof *s);

	memcpy(o, e->w.context.item, w->context.n * sizeof *o);
	for (uint32_t i = 0; i < w->siblings.n; i++) {
		char *value = msg_arena_alloc(&arena, 16);

		s[i] = *sibling_at(w, i);
		memcpy(value, s[i].value.p, s[i].value.n);
		s[i].value.p = value;
	}
	*copy = (struct wire_entry){.key = msg_str("k"),
		.context = {o, w->context.n},
		.siblings = {s, w->siblings.n}};
	free(e);
	return copy;
}

static struct wire_entry *merged(const struct wire_entry *a, const struct wire_entry *b)
{
	struct wire_entry *out = msg_arena_alloc(&arena, sizeof *out);
	unsigned flags;

	if (b == NULL)
		return keep(a);
	ck_assert(entry_merge(a, b, &plain, &arena, out, &flags));
	return out;
}

static bool same(const struct wire_entry *a, const struct wire_entry *b)
{
	struct entry *x = entry_new(a), *y = entry_new(b);
	bool yes =
		x->hash == y->hash && a->context.n == b->context.n &&
		(a->context.n == 0 || memcmp(a->context.item, b->context.item,
					      a->context.n * sizeof(struct wire_origin)) == 0);

	free(x);
	free(y);
	return yes;
}

/* A write at one node, over all that it holds. */
static struct wire_entry *written(const struct wire_entry *now, unsigned node, uint64_t n,
	struct rng *r)
{
	struct wire_sibling s = {.member = node_id(node),
		.epoch = 1,
		.n = n,
		.ms = rng_below(r, 4),
		.deleted = rng_below(r, 4) == 0};
	struct wire_origin dot = sibling_dot(&s);
	struct wire_entry w = {.key = msg_str("k"), .siblings = {&s, 1}};
	struct vec context = {0};
	struct wire_entry *out;
	char text[16];

	snprintf(text, sizeof text, "%u.%u", node, (unsigned)n);
	s.value = s.deleted ? msg_str("") : msg_str(text);
	if (now != NULL)
		vec_copy(&context, &(struct vec){now->context.item, now->context.n, 0});
	vec_raise(&context, &dot);
	w.context = vec_list(&context);
	ck_assert(entry_valid(&w));
	out = keep(&w);
	vec_free(&context);
	return out;
}

/* Some writes and some meetings of a few nodes; what three of them hold in the end. */
static void history(struct rng *r, struct wire_entry *held[NODES])
{
	uint64_t n[NODES] = {0};
	unsigned steps = 1 + (unsigned)rng_below(r, 12);

	memset(held, 0, NODES * sizeof *held);
	while (steps-- > 0) {
		unsigned a = (unsigned)rng_below(r, NODES), b = (unsigned)rng_below(r, NODES);

		if (rng_below(r, 2) == 0)
			held[a] = written(held[a], a, ++n[a], r);
		else if (held[b] != NULL)
			held[a] = merged(held[b], held[a]);
	}
	for (unsigned i = 0; i < NODES; i++)
		if (held[i] == NULL)
			held[i] = written(NULL, i, ++n[i], r);
}

START_TEST(merging_is_commutative_associative_idempotent)
{
	struct rng r;

	rng_init(&r, 1);
	for (unsigned i = 0; i < HISTORIES; i++) {
		struct wire_entry *x[NODES], *left, *right;

		msg_arena_reset(&arena);
		history(&r, x);
		ck_assert(same(merged(x[0], x[1]), merged(x[1], x[0])));
		ck_assert(same(merged(x[0], x[0]), x[0]));
		left = merged(merged(x[0], x[1]), x[2]);
		right = merged(x[0], merged(x[1], x[2]));
		ck_assert(same(left, right));
		ck_assert(same(merged(left, x[1]), left));
		ck_assert(entry_valid(left) || left->siblings.n == 0);
	}
}
END_TEST

/* What nobody has replaced is still there, and what was replaced is not. */
START_TEST(no_write_is_lost_and_none_comes_back)
{
	struct rng r;

	rng_init(&r, 2);
	for (unsigned i = 0; i < HISTORIES; i++) {
		struct wire_entry *x[NODES], *all;
		struct vec context;

		msg_arena_reset(&arena);
		history(&r, x);
		all = merged(merged(merged(x[0], x[1]), x[2]), x[3]);
		for (unsigned k = 0; k < NODES; k++)
			for (uint32_t s = 0; s < x[k]->siblings.n; s++) {
				struct wire_origin dot = sibling_dot(sibling_at(x[k], s));
				bool stands = true, there = false;

				for (unsigned j = 0; j < NODES; j++) {
					bool holds = false;

					for (uint32_t t = 0; t < x[j]->siblings.n; t++) {
						struct wire_origin o =
							sibling_dot(sibling_at(x[j], t));

						holds |= origin_eq(&o, &dot) && o.n == dot.n;
					}
					context = vec_of(&x[j]->context);
					stands &= holds || !vec_has(&context, &dot);
				}
				for (uint32_t t = 0; t < all->siblings.n; t++) {
					struct wire_origin o = sibling_dot(sibling_at(all, t));

					there |= origin_eq(&o, &dot) && o.n == dot.n;
				}
				ck_assert(stands == there);
			}
	}
}
END_TEST

static struct wire_sibling sib(unsigned node, uint64_t n, uint64_t ms, const char *value)
{
	return (struct wire_sibling){.member = node_id(node),
		.epoch = 1,
		.n = n,
		.ms = ms,
		.deleted = value == NULL,
		.value = msg_str(value == NULL ? "" : value)};
}

START_TEST(one_number_with_two_contents_keeps_both)
{
	struct wire_sibling x = sib(0, 1, 5, "x"), y = sib(0, 1, 6, "y");
	struct wire_origin o = sibling_dot(&x);
	struct wire_entry a = {msg_str("k"), {&o, 1}, {&x, 1}}, b = a, out, back;
	unsigned flags;

	b.siblings.item = &y;
	ck_assert(entry_merge(&a, &b, &plain, &arena, &out, &flags));
	ck_assert_uint_eq(flags, MERGE_REUSED);
	ck_assert_uint_eq(out.siblings.n, 2);
	ck_assert(entry_merge(&b, &a, &plain, &arena, &back, &flags));
	ck_assert(same(&out, &back));
	ck_assert_str_eq(entry_winner(&out)->value.p, "y");
}
END_TEST

START_TEST(what_a_vector_covers_and_is_not_there_was_replaced)
{
	struct wire_sibling x = sib(0, 1, 5, "x");
	struct wire_origin o = sibling_dot(&x), more = {o.member, o.epoch, 7};
	struct vec v = {&more, 1, 1};
	struct wire_entry a = {msg_str("k"), {&o, 1}, {&x, 1}}, none = {msg_str("k"), {0}, {0}},
			  out;
	unsigned flags;

	ck_assert(
		entry_merge(NULL, &a, &(struct merge_rule){.mine = &v}, &arena, &out, &flags));
	ck_assert_uint_eq(out.siblings.n, 0);
	ck_assert(entry_merge(&a, &a, &(struct merge_rule){.mine = &v}, &arena, &out, &flags));
	ck_assert_uint_eq(out.siblings.n, 1);
	ck_assert(entry_merge(&a, &none, &(struct merge_rule){.theirs = &v}, &arena, &out,
		&flags));
	ck_assert_uint_eq(out.siblings.n, 0);
}
END_TEST

START_TEST(too_many_siblings_lose_the_oldest)
{
	struct wire_entry all = {.key = msg_str("k")}, out = {.key = msg_str("k")};
	unsigned flags = 0;

	for (unsigned i = 0; i < WIRE_DATA_SIBLINGS_MAX + 5; i++) {
		struct wire_sibling s = sib(i, 1, 100 + i, "v");
		struct wire_origin o = sibling_dot(&s);
		struct wire_entry *one =
			keep(&(struct wire_entry){msg_str("k"), {&o, 1}, {&s, 1}});

		ck_assert_uint_eq(flags, i > WIRE_DATA_SIBLINGS_MAX ? MERGE_CUT : 0);
		ck_assert(entry_merge(&all, one, &plain, &arena, &out, &flags));
		all = out;
	}
	ck_assert_uint_eq(all.siblings.n, WIRE_DATA_SIBLINGS_MAX);
	ck_assert_uint_eq(sibling_at(&all, 0)->ms, 105);
	ck_assert_uint_eq(all.context.n, WIRE_DATA_SIBLINGS_MAX + 5);
}
END_TEST

START_TEST(what_everybody_has_is_forgotten)
{
	struct wire_sibling gone = sib(1, 3, 5, NULL), stays = sib(1, 3, 5, "x");
	struct wire_origin context[] = {{node_id(0), 1, 2}, {node_id(1), 1, 3}};
	struct wire_origin less[] = {{node_id(0), 1, 1}, {node_id(1), 1, 3}};
	struct vec all = {context, 2, 2}, some = {less, 2, 2};
	struct wire_entry a = {msg_str("k"), {context, 2}, {&gone, 1}}, b = a, out;

	b.siblings.item = &stays;
	ck_assert(!entry_collect(&a, &some, &arena, &out));
	ck_assert(entry_collect(&a, &all, &arena, &out));
	ck_assert_uint_eq(out.siblings.n, 0);
	ck_assert(!entry_collect(&b, &some, &arena, &out));
	ck_assert(entry_collect(&b, &all, &arena, &out));
	ck_assert_uint_eq(out.siblings.n, 1);
	ck_assert_uint_eq(out.context.n, 1);
	ck_assert(!entry_collect(&out, &all, &arena, &b));
}
END_TEST

START_TEST(entries_from_outside_are_checked)
{
	struct wire_sibling two[] = {sib(0, 1, 5, "x"), sib(1, 1, 5, "y")},
			    swapped[] = {two[1], two[0]}, bad = sib(0, 1, 5, NULL);
	struct wire_origin context[] = {{node_id(0), 1, 1}, {node_id(1), 1, 1}};
	struct wire_entry good = {msg_str("k"), {context, 2}, {two, 2}}, w = good;

	ck_assert(entry_valid(&good));
	w.key = msg_str("");
	ck_assert(!entry_valid(&w));
	w = good;
	w.context.n = 1;
	ck_assert(!entry_valid(&w));
	w = good;
	w.siblings.item = swapped;
	ck_assert(!entry_valid(&w));
	w.siblings = (struct msg_list){NULL, 0};
	ck_assert(!entry_valid(&w));
	bad.value = msg_str("x");
	w.siblings = (struct msg_list){&bad, 1};
	ck_assert(!entry_valid(&w));
	bad = sib(0, 0, 5, "x");
	ck_assert(!entry_valid(&w));
}
END_TEST

/* Against a plain array: sums, order by key, order by change. */
START_TEST(a_map_keeps_its_sums)
{
	struct map m;
	struct rng r;
	uint64_t index = 0, hash = 0, bytes = 0, alive = 0, last = 0, n;
	struct entry **all;

	map_init(&m);
	rng_init(&r, 3);
	for (unsigned i = 0; i < 20000; i++) {
		char key[16];
		struct wire_sibling s =
			sib(0, i + 1, 5, rng_below(&r, 5) == 0 ? NULL : "value");
		struct wire_origin o = sibling_dot(&s);
		struct wire_entry w = {msg_str(key), {&o, 1}, {&s, 1}};
		struct entry *e;

		snprintf(key, sizeof key, "%u", (unsigned)rng_below(&r, 500));
		w.key = msg_str(key);
		e = map_find(&m, w.key);
		if (e != NULL && rng_below(&r, 3) == 0) {
			map_drop(&m, e);
			continue;
		}
		e = entry_new(&w);
		e->index = ++index;
		map_put(&m, e);
	}
	for (struct entry *e = map_since(&m, 0); e != NULL; e = map_later(e)) {
		ck_assert_ptr_eq(map_later(e), map_since(&m, e->index));
		ck_assert_uint_gt(e->index, last);
		last = e->index;
		bytes += e->bytes;
		alive += e->alive;
		hash += e->alive ? e->hash : 0;
		ck_assert_ptr_eq(map_find(&m, e->w.key), e);
	}
	ck_assert_uint_eq(m.bytes, bytes);
	ck_assert_uint_eq(m.alive, alive);
	ck_assert_uint_eq(m.tombstones, m.n - alive);
	ck_assert_uint_eq(m.hash, hash);
	for (struct entry *e = map_from(&m, msg_str("")), *next; e != NULL; e = next) {
		next = map_next(e);
		ck_assert(next == NULL || key_cmp(e->w.key, next->w.key) < 0);
		ck_assert_ptr_eq(map_after(&m, e->w.key), next);
	}
	n = m.n;
	all = map_take_all(&m);
	ck_assert_uint_eq(m.n, 0);
	for (uint64_t i = 0; i < n; i++) {
		ck_assert(i == 0 || all[i - 1]->index < all[i]->index);
		map_put(&m, all[i]);
	}
	free(all);
	ck_assert_uint_eq(m.n, n);
	ck_assert_uint_eq(m.hash, hash);
	map_clear(&m);
	ck_assert_uint_eq(m.n, 0);
}
END_TEST

START_TEST(vectors)
{
	struct wire_origin o[] = {{node_id(2), 1, 5}, {node_id(0), 9, 1}, {node_id(0), 2, 3}};
	struct vec a = {0}, b = {0};
	struct msg_list list;

	for (int i = 0; i < 3; i++)
		ck_assert(vec_raise(&a, &o[i]));
	list = vec_list(&a);
	ck_assert(vec_valid(&list));
	ck_assert(!vec_raise(&a, &o[0]));
	vec_copy(&b, &a);
	ck_assert(vec_covers(&a, &b));
	ck_assert_uint_eq(vec_hash(&a), vec_hash(&b));
	o[0].n = 6;
	ck_assert(vec_raise(&b, &o[0]));
	ck_assert(!vec_covers(&a, &b) && vec_covers(&b, &a));
	ck_assert(vec_merge(&a, &b) && !vec_merge(&a, &b));
	o[0].n = 2;
	vec_limit(&a, &(struct vec){o, 1, 1});
	ck_assert_uint_eq(a.n, 1);
	ck_assert_uint_eq(a.o[0].n, 2);
	list = (struct msg_list){o, 3};
	ck_assert(!vec_valid(&list));
	vec_free(&a);
	vec_free(&b);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("data_entry");
	TCase *tc = tcase_create("entry");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, merging_is_commutative_associative_idempotent);
	tcase_add_test(tc, no_write_is_lost_and_none_comes_back);
	tcase_add_test(tc, one_number_with_two_contents_keeps_both);
	tcase_add_test(tc, what_a_vector_covers_and_is_not_there_was_replaced);
	tcase_add_test(tc, too_many_siblings_lose_the_oldest);
	tcase_add_test(tc, what_everybody_has_is_forgotten);
	tcase_add_test(tc, entries_from_outside_are_checked);
	tcase_add_test(tc, a_map_keeps_its_sums);
	tcase_add_test(tc, vectors);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
