#include "membership/shared_view.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

static void see(void *ctx, const struct core_data_member *m)
{
	struct shared_view *v = ctx;

	if (v->n == v->cap) {
		v->cap = v->cap == 0 ? 16 : 2 * v->cap;
		v->member = xrealloc(v->member, v->cap, sizeof *v->member);
	}
	v->member[v->n++] = (struct data_member){.id = m->id,
		.name = m->name,
		.host = m->host,
		.rpc_port = m->rpc_port,
		.core = m->core,
		.running = m->running,
		.departed = m->departed,
		.link = m->link,
		.data_ok = m->data_ok,
		.joined_ms = m->joined_ms,
		.vector_hash = m->vector_hash,
		.data_hash = m->data_hash};
}

static int by_id(const void *a, const void *b)
{
	const struct data_member *x = a, *y = b;

	return id_cmp(&x->id, &y->id);
}

/* Whom the data has not been told of yet is left out: it hears of it with the next view. */
static size_t children(void *ctx, const struct id128 *root, uint32_t *out, size_t cap)
{
	const struct shared_view *v = ctx;
	struct id128 child[WIRE_LINKS_MAX];
	size_t n = core_tree_children(v->core, root, child, WIRE_LINKS_MAX), found = 0;

	for (size_t i = 0; i < n && found < cap; i++) {
		const struct data_member key = {.id = child[i]};
		const struct data_member *m =
			bsearch(&key, v->member, v->n, sizeof *v->member, by_id);

		if (m != NULL)
			out[found++] = (uint32_t)(m - v->member);
	}
	return found;
}

void shared_view_make(struct shared_view *v, const struct core *core, struct data_view *out)
{
	struct core_status st;

	core_status(core, &st);
	v->core = core;
	v->self = st.member_id;
	v->n = 0;
	core_each_data_member(core, see, v);
	qsort(v->member, v->n, sizeof *v->member, by_id);
	*out = (struct data_view){.self = st.member_id,
		.role = st.role,
		.quorum = st.quorum,
		.apart = st.apart != CORE_APART_NO,
		.leaving = strcmp(st.busy, "leaving") == 0,
		.member = v->member,
		.n = v->n,
		.children = children,
		.ctx = v};
}

bool shared_view_has(void *view, const struct id128 *id)
{
	const struct shared_view *v = view;
	const struct data_member key = {.id = *id};

	return bsearch(&key, v->member, v->n, sizeof *v->member, by_id) != NULL;
}

void shared_view_free(struct shared_view *v)
{
	free(v->member);
}
