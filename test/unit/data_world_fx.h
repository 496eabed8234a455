#ifndef TEST_UNIT_DATA_WORLD_FX_H
#define TEST_UNIT_DATA_WORLD_FX_H
/* What the nodes of data_world.h want is done, and whom they see. */
#include "test/unit/data_world_disk.h"

/* --- effects */

static void dw_effects(struct dworld *w, int i);

static inline void dw_clock(struct dworld *w, int i)
{
	data_clock(w->node[i].data, w->now_us,
		(uint64_t)((int64_t)(w->wall_ms + w->now_us / 1000) + w->node[i].wall_off_ms));
}

static inline int dw_of(const struct dworld *w, const struct id128 *id)
{
	for (int i = 0; i < w->n; i++)
		if (id_eq(&w->node[i].id, id))
			return i;
	return -1;
}

static inline void dw_post(struct dworld *w, const struct dw_message *m)
{
	assert(w->n_messages < DW_MESSAGES);
	w->message[w->n_messages++] = *m;
}

static inline void dw_fx_call(struct dworld *w, int i, const struct data_fx *fx)
{
	int to = dw_of(w, &fx->u.call.peer);
	struct dw_message m = {.from = i,
		.to = to,
		.call = fx->u.call.call,
		.method = fx->u.call.method,
		.at_us = w->now_us + DW_DELAY_US};

	w->calls[m.method]++;
	w->sent_bytes += fx->u.call.n;
	buf_put(&m.bytes, fx->u.call.params, fx->u.call.n);
	if (to < 0 || w->node[to].data == NULL || w->cut[i][to] || w->cut[to][i] ||
		(w->drop != NULL && w->drop(w, &m))) {
		m.is_answer = m.lost = true;
		m.to = i;
		m.at_us = w->now_us + DW_REFUSED_US;
	}
	dw_post(w, &m);
}

static inline void dw_fx_cancel(struct dworld *w, int i, uint32_t call)
{
	for (size_t k = 0; k < w->n_messages; k++)
		if (w->message[k].is_answer && w->message[k].to == i &&
			w->message[k].call == call)
			w->message[k].call = 0;
	for (uint32_t k = 1; k <= w->next_serve; k++)
		if (w->serve[k % DW_MESSAGES].client == i &&
			w->serve[k % DW_MESSAGES].call == call)
			w->serve[k % DW_MESSAGES].call = 0;
}

static inline void dw_fx_answer(struct dworld *w, int i, const struct data_fx *fx)
{
	struct dw_serve *s = &w->serve[fx->u.answer.serve % DW_MESSAGES];
	struct dw_message m = {.from = i,
		.to = s->client,
		.call = s->call,
		.method = s->method,
		.is_answer = true,
		.ok = fx->u.answer.ok,
		.at_us = w->now_us + DW_DELAY_US};

	if (s->client < 0)
		return;
	w->sent_bytes += fx->u.answer.n;
	buf_put(&m.bytes, fx->u.answer.result, fx->u.answer.n);
	m.lost = w->cut[i][m.to] || w->cut[m.to][i] || (w->drop != NULL && w->drop(w, &m));
	s->client = -1;
	dw_post(w, &m);
}

static inline void dw_fx_persist(struct dw_node *n, const struct data_fx *fx)
{
	n->persists++;
	if (n->slow_disk) {
		n->waiting = fx->u.persist.seq;
		for (size_t k = 0; k < fx->u.persist.n; k++) {
			const struct core_write *x = &fx->u.persist.write[k];
			size_t head[2] = {x->key_n, x->value == NULL ? SIZE_MAX : x->value_n};

			buf_put(&n->waiting_bytes, head, sizeof head);
			buf_put(&n->waiting_bytes, x->key, x->key_n);
			if (x->value != NULL)
				buf_put(&n->waiting_bytes, x->value, x->value_n);
		}
		return;
	}
	if (n->disk_error == 0 || n->disk_lies)
		for (size_t k = 0; k < fx->u.persist.n; k++)
			dw_write(n, &fx->u.persist.write[k]);
	data_persisted(n->data, fx->u.persist.seq, n->disk_error);
}

/* The transaction that waits reaches the disk. */
static inline void dw_disk(struct dworld *w, int i)
{
	struct dw_node *n = &w->node[i];
	uint64_t seq = n->waiting;
	size_t at = 0;

	if (seq == 0)
		return;
	while (at < n->waiting_bytes.n && n->disk_error == 0) {
		size_t head[2];
		struct core_write x;

		memcpy(head, n->waiting_bytes.p + at, sizeof head);
		at += sizeof head;
		x.key_n = head[0];
		x.key = n->waiting_bytes.p + at;
		at += x.key_n;
		x.value = head[1] == SIZE_MAX ? NULL : n->waiting_bytes.p + at;
		x.value_n = head[1] == SIZE_MAX ? 0 : head[1];
		at += x.value_n;
		dw_write(n, &x);
	}
	n->waiting_bytes.n = 0;
	n->waiting = 0;
	dw_clock(w, i);
	data_persisted(n->data, seq, n->disk_error);
	dw_effects(w, i);
}

static inline void dw_fx_reply(struct dw_node *n, const struct data_reply *r)
{
	assert(r->request < DW_REPLIES);
	assert(!n->replied[r->request]); /* once */
	n->replied[r->request] = true;
	n->reply[r->request] = *r;
}

static inline void dw_effects(struct dworld *w, int i)
{
	struct dw_node *n = &w->node[i];
	const struct data_fx *fx;

	while (n->data != NULL && (fx = data_next_fx(n->data)) != NULL) {
		switch (fx->kind) {
		case DATA_FX_PERSIST:
			dw_fx_persist(n, fx);
			break;
		case DATA_FX_CALL:
			dw_fx_call(w, i, fx);
			break;
		case DATA_FX_CALL_CANCEL:
			dw_fx_cancel(w, i, fx->u.call.call);
			break;
		case DATA_FX_ANSWER:
			dw_fx_answer(w, i, fx);
			break;
		case DATA_FX_REPLY:
			dw_fx_reply(n, &fx->u.reply);
			break;
		case DATA_FX_EVENT:
			n->n_events[fx->u.event.kind]++;
			snprintf(n->last_event, sizeof n->last_event, "%s", fx->u.event.text);
			break;
		case DATA_FX_COPIED:
			n->copied = true;
			n->copied_ok = fx->u.done.ok;
			n->copied_generation = fx->u.done.generation;
			snprintf(n->done_text, sizeof n->done_text, "%s", fx->u.done.text);
			break;
		case DATA_FX_HANDED:
			n->handed = true;
			n->handed_ok = fx->u.done.ok;
			snprintf(n->done_text, sizeof n->done_text, "%s", fx->u.done.text);
			break;
		case DATA_FX_PROGRESS:
			n->progress_entries = fx->u.progress.entries;
			break;
		case DATA_FX_CHANGED:
		case DATA_FX_STATUS:
			break;
		}
	}
}

/* --- who sees whom */

struct dw_ctx {
	struct dworld *w;
	int self;
	int member[DW_NODES]; /* index in the view to node */
};
static struct dw_ctx dw_ctx[DW_NODES];

static inline bool dw_linked(const struct dworld *w, int a, int b)
{
	return a != b && w->node[a].data != NULL && w->node[b].data != NULL &&
	       !w->unlinked[a][b] && !w->cut[a][b] && !w->cut[b][a] && !w->node[a].down &&
	       !w->node[b].down;
}

/* As the records have it: what trees are made of. */
static inline bool dw_edge(const struct dworld *w, int a, int b)
{
	return dw_linked(w, a, b) && !w->unlisted[a][b] && !w->unlisted[b][a];
}

static inline void dw_distances(const struct dworld *w, int from, int dist[DW_NODES])
{
	int queue[DW_NODES], head = 0, tail = 0;

	for (int i = 0; i < w->n; i++)
		dist[i] = -1;
	dist[from] = 0;
	queue[tail++] = from;
	while (head < tail) {
		int at = queue[head++];

		if (at != from && w->node[at].role == WIRE_REPLICA)
			continue;
		for (int i = 0; i < w->n; i++)
			if (dist[i] < 0 && dw_edge(w, at, i)) {
				dist[i] = dist[at] + 1;
				queue[tail++] = i;
			}
	}
}

/* My children: the next ones whose first neighbour nearer to the root I am. */
static inline size_t dw_children(void *arg, const struct id128 *root, uint32_t *out, size_t cap)
{
	struct dw_ctx *ctx = arg;
	struct dworld *w = ctx->w;
	int dist[DW_NODES], at = dw_of(w, root);
	size_t n = 0;

	if (at < 0)
		return 0;
	dw_distances(w, at, dist);
	for (uint32_t m = 0; m < (uint32_t)w->n; m++) {
		int i = ctx->member[m], parent = -1;

		if (i == ctx->self || !dw_edge(w, ctx->self, i) ||
			dist[i] != dist[ctx->self] + 1)
			continue;
		for (int k = 0; k < w->n && parent < 0; k++)
			if (dist[k] == dist[i] - 1 && dw_edge(w, k, i) &&
				w->node[k].role == WIRE_CORE)
				parent = k;
		if (parent == ctx->self && n < cap)
			out[n++] = m;
	}
	return n;
}

static inline int dw_by_id(const void *a, const void *b)
{
	const struct data_member *x = a, *y = b;

	return id_cmp(&x->id, &y->id);
}

static inline void dw_view(struct dworld *w, int i)
{
	struct dw_node *n = &w->node[i];
	struct data_member list[DW_NODES] = {{.name = NULL}};
	struct data_view v = {.self = n->id,
		.role = n->role,
		.quorum = !n->no_quorum,
		.apart = n->apart,
		.leaving = n->leaving,
		.member = list,
		.n = (size_t)w->n,
		.children = dw_children,
		.ctx = &dw_ctx[i]};
	int dist[DW_NODES];

	if (n->data == NULL)
		return;
	dw_distances(w, i, dist);
	for (int k = 0; k < w->n; k++) {
		struct data_status st = {.vector_hash = 0};

		if (w->node[k].data != NULL && dw_linked(w, i, k))
			data_status(w->node[k].data, &st);
		list[k] = (struct data_member){.id = w->node[k].id,
			.name = w->node[k].name,
			.host = w->node[k].host,
			.rpc_port = 5370,
			.core = w->node[k].role == WIRE_CORE,
			.running = k == i || dist[k] > 0,
			.link = dw_linked(w, i, k),
			.data_ok = dw_linked(w, i, k),
			.joined_ms = w->node[k].joined_ms,
			.vector_hash = st.vector_hash,
			.data_hash = st.data_hash};
	}
	qsort(list, (size_t)w->n, sizeof list[0], dw_by_id);
	dw_ctx[i] = (struct dw_ctx){.w = w, .self = i};
	for (int k = 0; k < w->n; k++)
		dw_ctx[i].member[k] = dw_of(w, &list[k].id);
	dw_clock(w, i);
	data_view(n->data, &v);
	dw_effects(w, i);
}

static inline void dw_views(struct dworld *w)
{
	for (int i = 0; i < w->n; i++)
		dw_view(w, i);
}

/* What a heartbeat would tell. */
static inline void dw_hashes(struct dworld *w)
{
	for (int i = 0; i < w->n; i++)
		for (int k = 0; k < w->n; k++) {
			struct data_status st;

			if (!dw_linked(w, i, k))
				continue;
			data_status(w->node[k].data, &st);
			if (w->tell_once && w->node[i].heard[k] == st.vector_hash)
				continue;
			w->node[i].heard[k] = st.vector_hash;
			dw_clock(w, i);
			data_peer_hashes(w->node[i].data, &w->node[k].id, st.vector_hash,
				st.data_hash);
			dw_effects(w, i);
		}
}

#endif
