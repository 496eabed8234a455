#include "membership/core/core_int.h"

/* What the shared data asks of membership: whom there is, and to whom its writes are passed on. Nothing is changed here. */

static const struct conn *notice_conn(const struct core *c, int32_t index)
{
	for (size_t i = 0; i < c->n_conns; i++)
		if (c->conn[i]->phase == CONN_NOTICE && c->conn[i]->peer == index)
			return c->conn[i];
	return NULL;
}

static void visit_member(const struct core *c, const struct member *m, core_data_visit *visit,
	void *ctx)
{
	bool told_me =
		c->leave.phase == LEAVE_COVER && (m->told_me || id_eq(&m->id, &c->leave.to));
	bool live = m->link.state == EDGE_LIVE;

	visit(ctx, &(struct core_data_member){.id = m->id,
			   .name = m->name,
			   .host = m->host,
			   .rpc_port = m->rpc_port,
			   .core = m->role == WIRE_CORE,
			   .running = m->running || told_me,
			   .link = live,
			   .data_ok = live && !m->link.data_failed,
			   .joined_ms = m->joined_ms,
			   .vector_hash = m->vector_hash,
			   .data_hash = m->data_hash});
}

/* Its record is forgotten already: all that is left of it is what it said in its hello. */
static void visit_departed(const struct conn *k, core_data_visit *visit, void *ctx)
{
	visit(ctx, &(struct core_data_member){.id = k->peer_id,
			   .name = k->peer_name,
			   .host = k->peer_host,
			   .rpc_port = k->peer_rpc_port,
			   .core = k->peer_role == WIRE_CORE,
			   .departed = true});
}

void core_each_data_member(const struct core *c, core_data_visit *visit, void *ctx)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct member *m = c->member[i];
		const struct conn *k = m->departed ? notice_conn(c, (int32_t)i) : NULL;

		if (is_member(m) || i == 0)
			visit_member(c, m, visit, ctx);
		else if (k != NULL)
			visit_departed(k, visit, ctx);
	}
}

/* --- trees --- */

/* An edge that data may take: usable, and each end reaches the other's RPC port. */
static struct member *data_edge(const struct core *c, const struct member *from,
	const struct half_edge *e)
{
	struct member *to = e->peer == NO_INDEX ? NULL : c->member[e->peer];
	const struct half_edge *back;

	if (to == NULL || !e->mutual || !to->running || !is_member(to) ||
		(e->flags & WIRE_LF_DATA_OK) == 0)
		return NULL;
	back = edge_half(to, &from->id);
	return back != NULL && (back->flags & WIRE_LF_DATA_OK) != 0 ? to : NULL;
}

/* Numbers the members by their distance from root, as far as me and one further. Nothing goes through a replica. */
static void distances(struct core *c, struct member *root)
{
	size_t head = 0, tail = 0;

	c->tree++;
	if (c->queue_cap < c->n) {
		c->queue_cap = c->n;
		c->queue = xrealloc(c->queue, c->queue_cap, sizeof *c->queue);
	}
	root->tree = c->tree;
	root->hops = 0;
	c->queue[tail++] = member_index(c, &root->id);
	while (head < tail) {
		const struct member *m = c->member[c->queue[head++]];

		if (self(c)->tree == c->tree && m->hops > self(c)->hops)
			return;
		for (size_t i = 0; i < m->n_edges && m->role == WIRE_CORE; i++) {
			struct member *to = data_edge(c, m, &m->edge[i]);

			if (to == NULL || to->tree == c->tree)
				continue;
			to->tree = c->tree;
			to->hops = m->hops + 1;
			c->queue[tail++] = m->edge[i].peer;
		}
	}
}

/* Of all that are one step nearer to the root, the one with the smallest id is m's parent. */
static bool is_my_child(const struct core *c, const struct member *m)
{
	if (m->tree != c->tree || m->hops != self(c)->hops + 1)
		return false;
	for (size_t i = 0; i < m->n_edges; i++) {
		const struct member *p = data_edge(c, m, &m->edge[i]);

		if (p != NULL && p->tree == c->tree && p->hops + 1 == m->hops &&
			p->role == WIRE_CORE)
			return p == self(c); /* edges are sorted by id */
	}
	return false;
}

size_t core_tree_children(const struct core *c, const struct id128 *root, struct id128 *out,
	size_t cap)
{
	struct core *w = (struct core *)(uintptr_t)c; /* the numbers are notes of this search */
	struct member *r = member_find(c, root);
	size_t n = 0;

	if (r == NULL || !is_member(r) || !r->running || r->role != WIRE_CORE ||
		c->role != WIRE_CORE)
		return 0;
	distances(w, r);
	if (self(c)->tree != c->tree)
		return 0;
	for (size_t i = 0; i < self(c)->n_edges && n < cap; i++) {
		const struct member *m = data_edge(c, self(c), &self(c)->edge[i]);

		if (m != NULL && is_my_child(c, m))
			out[n++] = m->id;
	}
	return n;
}
