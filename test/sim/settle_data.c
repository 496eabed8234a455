#include "test/sim/settle_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "membership/data/data_int.h"
#include "test/sim/proc_data.h"

static bool same_values(const struct data_item *x, const struct data_item *y)
{
	if (x->n_siblings != y->n_siblings || strcmp(x->version, y->version) != 0 ||
		x->conflict != y->conflict)
		return false;
	for (size_t i = 0; i < x->n_siblings; i++)
		if (x->sibling[i].deleted != y->sibling[i].deleted ||
			x->sibling[i].ms != y->sibling[i].ms ||
			!id_eq(&x->sibling[i].origin, &y->sibling[i].origin) ||
			x->sibling[i].value.n != y->sibling[i].value.n ||
			memcmp(x->sibling[i].value.p, y->sibling[i].value.p,
				x->sibling[i].value.n) != 0)
			return false;
	return true;
}

/* Each keeps the answer to one question at a time. */
static bool same_entries(struct data *p, struct data *q, char *why, size_t cap)
{
	struct msg_span after[2] = {{NULL, 0}, {NULL, 0}};
	struct data_item x, y;
	const struct msg_span all = {"", 0};

	for (;;) {
		bool more = data_next(p, all, after[0], &x);

		if (data_next(q, all, after[1], &y) != more) {
			snprintf(why, cap, "one has more keys");
			return false;
		}
		if (!more)
			return true;
		if (x.key.n != y.key.n || memcmp(x.key.p, y.key.p, x.key.n) != 0 ||
			!same_values(&x, &y)) {
			snprintf(why, cap, "%.*s is not the same", (int)x.key.n, x.key.p);
			return false;
		}
		after[0] = x.key;
		after[1] = y.key;
	}
}

/* What q lacks of p's writes, is it all of members that are stopped in q's view? */
static bool lacks_only_of_stopped(const struct data *p, const struct data *q)
{
	for (uint32_t i = 0; i < p->vector.n; i++) {
		const struct wire_origin *o = &p->vector.o[i];
		const struct peer *writer = peer_find(q, &o->member);

		if (!vec_has(&q->vector, o) && (writer == NULL || writer->running))
			return false;
	}
	return true;
}

/* What only a replica has of a stopped member's writes is left to that one: nothing goes from side to side through it. */
static bool is_left_to_others(const struct proc *p, const struct proc *q)
{
	const struct data *a = p->kv->data, *b = q->kv->data;

	return (p->conf.role == WIRE_REPLICA ? lacks_only_of_stopped(a, b)
					     : vec_covers(&b->vector, &a->vector)) &&
	       (q->conf.role == WIRE_REPLICA ? lacks_only_of_stopped(b, a)
					     : vec_covers(&a->vector, &b->vector));
}

bool settle_data_equal(struct proc *p, struct proc *q, char *why, size_t cap)
{
	struct data_status x, y;
	char what[64];

	if (p->kv->data == NULL || q->kv->data == NULL)
		return true;
	data_status(p->kv->data, &x);
	data_status(q->kv->data, &y);
	if (x.vector_hash != y.vector_hash && is_left_to_others(p, q))
		return true;
	if (x.vector_hash != y.vector_hash) {
		snprintf(why, cap, "%s and %s don't have the same writes", p->label, q->label);
		return false;
	}
	if (same_entries(p->kv->data, q->kv->data, what, sizeof what) &&
		x.data_hash == y.data_hash)
		return true;
	snprintf(why, cap, "%s and %s have the same writes and different data: %s", p->label,
		q->label, what);
	return false;
}

struct near {
	struct id128 id;
	bool is;
};

static void look_for(void *ctx, const struct core_data_member *m)
{
	struct near *near = ctx;

	near->is |= id_eq(&m->id, &near->id) && m->core && m->running && m->link && m->data_ok;
}

static bool lacks(struct proc *p, struct proc *q, char *why, size_t cap)
{
	struct core_status st;
	struct near near = {.is = false};

	core_status(q->core, &st);
	near.id = st.member_id;
	core_each_data_member(p->core, look_for, &near);
	if (!near.is || vec_covers(&p->kv->data->vector, &q->kv->data->vector))
		return false;
	snprintf(why, cap, "%s fetches from %s, and lacks some of its writes", p->label,
		q->label);
	return true;
}

bool settle_data_fetched(struct proc *p, struct proc *q, char *why, size_t cap)
{
	if (p->kv->data == NULL || q->kv->data == NULL)
		return true;
	return !lacks(p, q, why, cap) && !lacks(q, p, why, cap);
}
