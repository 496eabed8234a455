#ifndef MEMBERSHIP_DATA_VEC_H
#define MEMBERSHIP_DATA_VEC_H
/*
 * Version vectors: for each origin the number up to which something is covered, ascending by (member, epoch). The items
 * are those of the wire, so that a vector is sent and received as it is.
 */
#include "common/wire/wire_data.h"

struct vec {
	struct wire_origin *o;
	uint32_t n, cap;
};

static inline struct msg_list vec_list(const struct vec *v)
{
	return (struct msg_list){v->o, v->n};
}

/* The same items, borrowed: for reading only. */
static inline struct vec vec_of(const struct msg_list *list)
{
	return (struct vec){list->item, list->n, list->n};
}

int origin_cmp(const struct wire_origin *a, const struct wire_origin *b);
static inline bool origin_eq(const struct wire_origin *a, const struct wire_origin *b)
{
	return a->epoch == b->epoch && id_eq(&a->member, &b->member);
}
uint64_t origin_hash(const struct wire_origin *o);

/* From outside: is it ascending, without repeats and zeros? */
bool vec_valid(const struct msg_list *list);
void vec_free(struct vec *v);
void vec_copy(struct vec *to, const struct vec *from);
/* The number of o's origin; 0: none. o->n does not matter. */
uint64_t vec_get(const struct vec *v, const struct wire_origin *o);
bool vec_has(const struct vec *v, const struct wire_origin *dot);
/* To at least o->n; true when it grew. */
bool vec_raise(struct vec *v, const struct wire_origin *o);
/* To the larger of both; true when it grew. */
bool vec_merge(struct vec *v, const struct vec *with);
/* To the smaller of both. */
void vec_limit(struct vec *v, const struct vec *to);
/* Does a have all that b has? */
bool vec_covers(const struct vec *a, const struct vec *b);
uint64_t vec_hash(const struct vec *v);

#endif
