#include "membership/data/vec.h"

#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

int origin_cmp(const struct wire_origin *a, const struct wire_origin *b)
{
	int c = id_cmp(&a->member, &b->member);

	if (c != 0)
		return c;
	return a->epoch < b->epoch ? -1 : a->epoch > b->epoch;
}

uint64_t origin_hash(const struct wire_origin *o)
{
	_Static_assert(sizeof *o == 32, "no padding");
	return hash64(o, sizeof *o);
}

bool vec_valid(const struct msg_list *list)
{
	const struct wire_origin *o = list->item;

	for (uint32_t i = 0; i < list->n; i++)
		if (o[i].n == 0 || (i > 0 && origin_cmp(&o[i - 1], &o[i]) >= 0))
			return false;
	return true;
}

void vec_free(struct vec *v)
{
	free(v->o);
	*v = (struct vec){0};
}

static void room(struct vec *v, uint32_t n)
{
	if (n <= v->cap)
		return;
	v->cap = n < 4 ? 4 : n + n / 2;
	v->o = xrealloc(v->o, v->cap, sizeof *v->o);
}

void vec_copy(struct vec *to, const struct vec *from)
{
	room(to, from->n);
	if (from->n > 0)
		memcpy(to->o, from->o, from->n * sizeof *to->o);
	to->n = from->n;
}

/* Where o is, or belongs. */
static uint32_t place(const struct vec *v, const struct wire_origin *o, bool *found)
{
	uint32_t lo = 0, hi = v->n;

	*found = false;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = origin_cmp(&v->o[mid], o);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint64_t vec_get(const struct vec *v, const struct wire_origin *o)
{
	bool found;
	uint32_t at = place(v, o, &found);

	return found ? v->o[at].n : 0;
}

bool vec_has(const struct vec *v, const struct wire_origin *dot)
{
	return vec_get(v, dot) >= dot->n;
}

bool vec_raise(struct vec *v, const struct wire_origin *o)
{
	bool found;
	uint32_t at = place(v, o, &found);

	if (found) {
		if (v->o[at].n >= o->n)
			return false;
		v->o[at].n = o->n;
		return true;
	}
	room(v, v->n + 1);
	memmove(&v->o[at + 1], &v->o[at], (v->n - at) * sizeof *v->o);
	v->o[at] = *o;
	v->n++;
	return true;
}

bool vec_merge(struct vec *v, const struct vec *with)
{
	bool grew = false;

	for (uint32_t i = 0; i < with->n; i++)
		grew |= vec_raise(v, &with->o[i]);
	return grew;
}

void vec_limit(struct vec *v, const struct vec *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->n; i++) {
		uint64_t most = vec_get(to, &v->o[i]);

		if (most == 0)
			continue;
		v->o[n] = v->o[i];
		if (v->o[n].n > most)
			v->o[n].n = most;
		n++;
	}
	v->n = n;
}

bool vec_covers(const struct vec *a, const struct vec *b)
{
	uint32_t i = 0;

	for (uint32_t j = 0; j < b->n; j++) {
		while (i < a->n && origin_cmp(&a->o[i], &b->o[j]) < 0)
			i++;
		if (i == a->n || !origin_eq(&a->o[i], &b->o[j]) || a->o[i].n < b->o[j].n)
			return false;
	}
	return true;
}

uint64_t vec_hash(const struct vec *v)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < v->n; i++)
		sum += origin_hash(&v->o[i]);
	return sum;
}
