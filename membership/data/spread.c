/*
 * Live spread: each write goes, as it was written, along the tree of shortest paths from its origin. A record is applied
 * only as the next one of its origin; whoever misses one catches up (sync.c).
 */
#include <assert.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "membership/data/data_int.h"

enum { RING_RECORDS = 16384, RING_BYTES = 4 * 1024 * 1024, TREES = 16 };

/* The children that a root's tree gives me, as bits by index of peer. */
struct tree {
	struct id128 root;
	uint8_t *child;
};

void spread_init(struct data *d)
{
	d->trees = xcalloc(TREES, sizeof *d->trees);
}

void spread_view(struct data *d)
{
	for (int i = 0; i < TREES; i++) {
		free(d->trees[i].child);
		d->trees[i] = (struct tree){.child = NULL};
	}
}

static void drop_oldest(struct ring *ring)
{
	struct record *r;

	assert(ring->r != NULL);
	r = &ring->r[ring->tail++ % RING_RECORDS];

	ring->bytes -= entry_size(r->e);
	free(r->e);
}

void spread_clear(struct data *d)
{
	while (d->ring.tail < d->ring.head)
		drop_oldest(&d->ring);
}

void spread_free(struct data *d)
{
	spread_clear(d);
	spread_view(d);
	free(d->ring.r);
	free(d->trees);
}

void spread_add(struct data *d, struct records *list)
{
	struct ring *ring = &d->ring;

	if (ring->r == NULL && list->n > 0) /* a node that writes nothing does without */
		ring->r = xcalloc(RING_RECORDS, sizeof *ring->r);
	for (size_t i = 0; i < list->n; i++) {
		if (ring->head - ring->tail == RING_RECORDS)
			drop_oldest(ring);
		ring->r[ring->head++ % RING_RECORDS] = list->r[i];
		ring->bytes += entry_size(list->r[i].e);
	}
	while (ring->bytes > RING_BYTES)
		drop_oldest(ring);
	d->spread_due |= list->n > 0;
	list->n = 0;
}

/* --- whom it goes to */

static struct tree *tree_of(struct data *d, const struct id128 *root)
{
	uint32_t *list;
	struct tree *t;
	size_t n;

	for (t = d->trees; t < d->trees + TREES; t++)
		if (t->child != NULL && id_eq(&t->root, root))
			return t;
	t = &d->trees[d->next_tree++ % TREES];
	free(t->child);
	*t = (struct tree){.root = *root, .child = xcalloc(d->n_peers / 8 + 1, 1)};
	list = xcalloc(d->n_peers + 1, sizeof *list);
	n = d->children == NULL ? 0 : d->children(d->children_ctx, root, list, d->n_peers + 1);
	for (size_t i = 0; i < n; i++) {
		/* members are peers and me */
		size_t k = list[i] > d->self_at ? list[i] - 1 : list[i];

		if (list[i] != d->self_at && k < d->n_peers)
			t->child[k / 8] |= (uint8_t)(1 << k % 8);
	}
	free(list);
	return t;
}

static bool goes_to(struct data *d, const struct record *r, const struct peer *p)
{
	size_t k = (size_t)(p - d->peer);

	if (id_eq(&r->from, &p->id) || id_eq(&r->dot.member, &p->id) ||
		vec_has(&p->have, &r->dot))
		return false;
	return !p->core || (tree_of(d, &r->dot.member)->child[k / 8] >> k % 8 & 1) != 0;
}

/* As much as fits one request; where the cursor is then. */
static uint64_t gather(struct data *d, const struct peer *p, struct wire_data_record *list,
	uint32_t *n)
{
	struct ring *ring = &d->ring;
	uint64_t at = p->cursor;
	size_t bytes = 0;

	for (*n = 0; at < ring->head && bytes < WIRE_DATA_PART_BYTES; at++) {
		struct record *r = &ring->r[at % RING_RECORDS];

		if (!goes_to(d, r, p))
			continue;
		list[(*n)++] = (struct wire_data_record){.member = r->dot.member,
			.epoch = r->dot.epoch,
			.n = r->dot.n,
			.report = r->report,
			.entry = {&r->e->w, 1}};
		bytes += entry_size(r->e);
	}
	return at;
}

static void push_to(struct data *d, struct peer *p)
{
	struct wire_data_push push = {.records = {NULL, 0}};
	struct wire_data_record *list;
	uint64_t end;

	if (p->cursor < d->ring.tail)
		p->cursor = d->ring.tail; /* it will notice the gap */
	if (p->push_call != 0 || p->cursor == d->ring.head || d->now_ms < p->push_at_ms)
		return;
	list = xcalloc((size_t)(d->ring.head - p->cursor), sizeof *list);
	end = gather(d, p, list, &push.records.n);
	push.records.item = list;
	p->pushed_from = p->cursor;
	p->cursor = end;
	if (push.records.n > 0)
		p->push_call = call_peer(d, CALL_PUSH, p, &push);
	free(list);
}

void spread_run(struct data *d)
{
	if (!d->spread_due || d->role != WIRE_CORE)
		return;
	d->spread_due = false;
	for (size_t i = 0; i < d->n_peers; i++)
		if (d->peer[i].near)
			push_to(d, &d->peer[i]);
}

void spread_tick(struct data *d)
{
	for (size_t i = 0; i < d->n_peers; i++) {
		struct peer *p = &d->peer[i];

		if (p->near && p->cursor < d->ring.head && p->push_at_ms > d->now_ms)
			wake_at(d, p->push_at_ms);
	}
	d->spread_due = true;
}

void spread_answered(struct data *d, const struct call *c, struct msg_reader r,
	const char *error)
{
	struct peer *p = peer_find(d, &c->peer);
	struct wire_data_pushed pushed;
	const struct wire_origin *have;

	if (p == NULL)
		return;
	p->push_call = 0;
	d->spread_due = true;
	if (error != NULL || !call_result(d, c, r, &pushed) || !vec_valid(&pushed.have)) {
		p->cursor = p->pushed_from;
		p->push_at_ms = call_again_ms(d, &p->push_backoff_ms);
		return;
	}
	p->push_backoff_ms = 0;
	p->push_at_ms = 0;
	clock_sample(d, p, c->at_us, pushed.wall_ms);
	have = pushed.have.item;
	for (uint32_t i = 0; i < pushed.have.n; i++)
		report_had(d, p, &have[i], &p->id);
	ack_check(d);
}

/* --- the receiver */

static bool well_formed(const struct wire_data_push *push)
{
	const struct wire_data_record *r = push->records.item;

	for (uint32_t i = 0; i < push->records.n; i++) {
		const struct wire_entry *w = r[i].entry.item;
		const struct wire_sibling *s;

		if (r[i].entry.n != 1 || !entry_valid(w) || w->siblings.n != 1)
			return false;
		s = sibling_at(w, 0);
		if (!id_eq(&s->member, &r[i].member) || s->epoch != r[i].epoch ||
			s->n != r[i].n)
			return false;
	}
	return true;
}

void spread_serve(struct data *d, struct op *op)
{
	if (well_formed(&op->m.push)) {
		queue_op(d, op);
		return;
	}
	serve_error(d, op->serve, "malformed record");
	op_free(op);
}

/* A number that I have seen: is it that write? What it replaced or what replaced it may have been forgotten. */
static bool is_known(struct data *d, const struct wire_origin *dot, const struct wire_entry *w)
{
	const struct entry *now = txn_find(d, w->key);
	struct vec context;

	if (vec_has(&d->txn.gc, dot))
		return true;
	if (now == NULL)
		return false;
	context = vec_of(&now->w.context);
	return vec_has(&context, dot);
}

static void apply(struct data *d, struct op *op, const struct wire_data_record *r)
{
	struct merge_rule rule = {.mine = &d->txn.vector};
	struct wire_origin dot = {r->member, r->epoch, r->n};
	const struct wire_entry *w = r->entry.item;
	uint64_t have = vec_get(&d->txn.vector, &dot);

	own_seen(d, &dot, &op->peer);
	if (sync_comparing(d)) {
		op->gap = true;
		return;
	}
	if (dot.n > have + 1 && !MUTANT(DATA_OVER_GAP)) {
		op->gap = true;
		return;
	}
	if (dot.n <= have) {
		if (!is_known(d, &dot, w)) {
			own_reused(d, &dot, &op->peer);
			rule.mine = NULL;
		}
		txn_merge(d, w, &rule, &op->peer);
		return;
	}
	txn_merge(d, w, &rule, &op->peer);
	vec_raise(&d->txn.vector, &dot);
	txn_record(d, &(struct record){.dot = dot, .from = op->peer, .report = r->report}, w);
	if (r->report)
		report_parent(d, &dot, &op->peer);
}

void spread_evaluate(struct data *d, struct op *op)
{
	const struct wire_data_record *r = op->m.push.records.item;

	for (uint32_t i = 0; i < op->m.push.records.n; i++)
		apply(d, op, &r[i]);
}

void spread_done(struct data *d, struct op *op)
{
	const struct wire_data_record *r = op->m.push.records.item;
	struct wire_data_pushed pushed = {.wall_ms = d->wall_ms, .gap = op->gap};
	struct vec have = {0};

	for (uint32_t i = 0; i < op->m.push.records.n; i++) {
		struct wire_origin o = {r[i].member, r[i].epoch, 0};

		o.n = vec_get(&d->vector, &o);
		if (o.n > 0)
			vec_raise(&have, &o);
	}
	pushed.have = vec_list(&have);
	serve_answer(d, op->serve, WIRE_DATA_PUSH, &pushed);
	vec_free(&have);
	if (op->gap)
		sync_want(d, peer_find(d, &op->peer));
}

void spread_failed(struct data *d, struct op *op, enum data_code code, const char *why)
{
	(void)code;
	serve_error(d, op->serve, why);
}
