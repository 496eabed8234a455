#include "membership/data/data_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum { DOOMED_IDLE = 1000, DOOMED_BUSY = 64, CONFLICT_MS = 1000 };

static const struct {
	op_fn *evaluate, *done;
	op_failed_fn *failed;
} kinds[] = {
	[OP_COMMAND] = {command_evaluate, command_done, command_failed},
	[OP_PUSH] = {spread_evaluate, spread_done, spread_failed},
	[OP_SYNCED] = {sync_evaluate, sync_done, sync_failed},
	[OP_SWEEP] = {sweep_evaluate, sweep_done, sync_failed},
	[OP_COPIED] = {copy_evaluate, copy_done, copy_failed},
	[OP_COLLECT] = {collect_evaluate, collect_done, collect_failed},
	[OP_KNOWN] = {known_evaluate, NULL, NULL},
};

struct op *op_new(enum op_kind kind, size_t bytes)
{
	struct op *op = xcalloc(1, sizeof *op);

	op->kind = kind;
	op->bytes = bytes;
	msg_arena_init(&op->arena, DATA_ARENA_MAX);
	return op;
}

struct op *op_again(struct op *op, enum op_kind kind)
{
	struct op *next = op_new(kind, op->bytes);

	next->peer = op->peer;
	next->mark = op->mark;
	next->m = op->m;
	next->frame = op->frame;
	next->arena = op->arena;
	op->frame = NULL;
	msg_arena_init(&op->arena, DATA_ARENA_MAX);
	return next;
}

void op_free(struct op *op)
{
	for (size_t i = 0; i < op->n_placed; i++)
		free(op->placed[i]);
	free(op->placed);
	vec_free(&op->min);
	msg_arena_free(&op->arena);
	free(op->frame);
	free(op);
}

void queue_op(struct data *d, struct op *op)
{
	TAILQ_INSERT_TAIL(&d->queue, op, next);
	d->queue_bytes += op->bytes;
}

/* --- evaluating against memory and what this transaction has changed already */

struct entry *txn_find(struct data *d, struct msg_span key)
{
	struct entry *e = map_find(&d->txn.overlay, key);

	if (e != NULL)
		return e->w.siblings.n > 0 ? e : NULL;
	return map_find(&d->map, key);
}

static struct entry *put(struct data *d, const struct entry *before, const struct wire_entry *w,
	uint64_t index)
{
	struct entry *e = entry_new(w);

	d->txn.grown += (int64_t)(w->siblings.n > 0 ? e->bytes : 0) -
			(before != NULL ? before->bytes : 0);
	e->mark = before != NULL ? before->mark : 0;
	e->index = index;
	map_put(&d->txn.overlay, e);
	return e;
}

struct entry *txn_put(struct data *d, const struct entry *now, const struct wire_entry *w)
{
	return put(d, now, w, ++d->txn.index);
}

void txn_keep(struct data *d, const struct entry *now, const struct wire_entry *w)
{
	put(d, now, w, now->index);
}

static bool unchanged(const struct entry *now, const struct wire_entry *w)
{
	if (now == NULL)
		return w->siblings.n == 0;
	if (now->w.siblings.n != w->siblings.n || now->w.context.n != w->context.n ||
		memcmp(now->w.context.item, w->context.item,
			w->context.n * sizeof(struct wire_origin)) != 0)
		return false;
	for (uint32_t i = 0; i < w->siblings.n; i++) {
		struct wire_origin a = sibling_dot(sibling_at(&now->w, i)),
				   b = sibling_dot(sibling_at(w, i));

		if (!origin_eq(&a, &b) || a.n != b.n)
			return false;
	}
	return true;
}

static void tell_conflict(struct data *d, const struct entry *e, const struct id128 *from)
{
	if (entry_reserved(e) || !e->alive || !read_conflicts(d, e->w.key) ||
		(d->conflict_ms != 0 && d->now_ms < d->conflict_ms + CONFLICT_MS))
		return;
	d->conflict_ms = d->now_ms;
	tell_event(d, DATA_EV_CONFLICT, from, "%.*s has %u values", (int)e->w.key.n, e->w.key.p,
		e->w.siblings.n);
}

struct entry *txn_merge(struct data *d, const struct wire_entry *w,
	const struct merge_rule *rule, const struct id128 *from)
{
	struct entry *now = txn_find(d, w->key), *e;
	uint32_t before = now == NULL ? 0 : now->w.siblings.n;
	struct wire_entry out;
	unsigned flags;

	msg_arena_reset(&d->txn.arena);
	if (!entry_merge(now == NULL ? NULL : &now->w, w, rule, &d->txn.arena, &out, &flags))
		return now;
	clock_seen(d, w);
	if (unchanged(now, &out))
		return now;
	if ((flags & MERGE_REUSED) != 0 && out.siblings.n > before)
		own_reused(d, &(struct wire_origin){.n = sibling_at(w, 0)->n}, from);
	if ((flags & MERGE_CUT) != 0)
		tell_event(d, DATA_EV_CONFLICT, from,
			"%.*s has more than %d values: the oldest are gone", (int)w->key.n,
			w->key.p, WIRE_DATA_SIBLINGS_MAX);
	e = txn_put(d, now, &out);
	if (e->w.siblings.n > 1 && e->w.siblings.n > before)
		tell_conflict(d, e, from);
	return e;
}

void txn_record(struct data *d, const struct record *like, const struct wire_entry *w)
{
	struct records *r = &d->txn.records;

	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 16 : r->cap * 2;
		r->r = xrealloc(r->r, r->cap, sizeof *r->r);
	}
	r->r[r->n] = *like;
	r->r[r->n++].e = entry_new(w);
}

static void begin(struct data *d)
{
	struct txn *b = &d->txn;

	b->index = d->index;
	b->floor = d->floor;
	b->epoch = d->epoch;
	b->grown = 0;
	vec_copy(&b->vector, &d->vector);
	vec_copy(&b->gc, &d->gc);
}

static void take_ops(struct data *d)
{
	struct txn *b = &d->txn;
	size_t bytes = 0;
	struct op *op;

	while (bytes < DATA_BATCH_BYTES && (op = TAILQ_FIRST(&d->queue)) != NULL) {
		TAILQ_REMOVE(&d->queue, op, next);
		bytes += op->bytes;
		TAILQ_INSERT_TAIL(&b->ops, op, next);
		kinds[op->kind].evaluate(d, op);
	}
}

/* --- the transaction's writes */

/* Both ascend, and the later one has at least the earlier one's origins. */
static void write_vector(struct data *d, enum disk_kind kind, const struct vec *now,
	const struct vec *next)
{
	uint32_t i = 0;

	for (uint32_t j = 0; j < next->n; j++) {
		if (i < now->n && origin_eq(&now->o[i], &next->o[j]) &&
			now->o[i++].n == next->o[j].n)
			continue;
		disk_put_origin(&d->txn.writes, d->generation, kind, &next->o[j]);
	}
}

/* The next key of a length-prefixed list. */
static const uint8_t *next_key(const struct buf *list, size_t *at, size_t *n)
{
	const uint8_t *key = list->p + *at + sizeof(uint16_t);
	uint16_t len;

	memcpy(&len, list->p + *at, sizeof len);
	*n = len;
	*at += sizeof len + len;
	return key;
}

static void write_again(struct data *d)
{
	size_t at = 0, n;

	while (at < d->redo.n) {
		const uint8_t *key = next_key(&d->redo, &at, &n);

		disk_put_again(d, &d->txn.writes, key, n);
	}
}

static void write_doomed(struct data *d)
{
	size_t n, left = TAILQ_EMPTY(&d->txn.ops) ? DOOMED_IDLE : DOOMED_BUSY;

	for (; left > 0 && d->doomed_at < d->doomed.n; left--) {
		const uint8_t *key = next_key(&d->doomed, &d->doomed_at, &n);

		disk_put_delete(&d->txn.writes, key, n);
	}
	if (d->doomed_at == d->doomed.n) {
		buf_free(&d->doomed);
		d->doomed_at = 0;
	}
}

static void write_all(struct data *d)
{
	struct txn *b = &d->txn;
	struct entry *e;

	for (e = map_since(&b->overlay, 0); e != NULL; e = map_later(e))
		disk_put_entry(&b->writes, d->generation, e);
	write_vector(d, DISK_VECTOR, &d->vector, &b->vector);
	write_vector(d, DISK_GC, &d->gc, &b->gc);
	if (b->overlay.n > 0 &&
		(!d->meta_stored || b->floor != d->floor || b->epoch != d->epoch))
		disk_put_meta(&b->writes, d->generation, b->epoch, b->floor);
	write_doomed(d);
}

/* --- the end */

static void clear(struct data *d)
{
	struct txn *b = &d->txn;
	struct op *op;

	while ((op = TAILQ_FIRST(&b->ops)) != NULL) {
		TAILQ_REMOVE(&b->ops, op, next);
		d->queue_bytes -= op->bytes;
		op_free(op);
	}
	map_clear(&b->overlay);
	for (size_t i = 0; i < b->records.n; i++)
		free(b->records.r[i].e);
	b->records.n = 0;
	writes_reset(&b->writes);
	msg_arena_reset(&b->arena);
	b->seq = 0;
	b->orphan = false;
}

/* The overlay's entries become the map's, in the order of their indices. */
static void apply_entries(struct data *d)
{
	size_t n = d->txn.overlay.n;
	struct entry **list = map_take_all(&d->txn.overlay);

	for (size_t i = 0; i < n; i++) {
		struct entry *e = list[i], *old;

		d->changed |= !entry_reserved(e);
		d->collect_due |= entry_reserved(e);
		if (e->w.siblings.n > 0) {
			map_put(&d->map, e);
			continue;
		}
		old = map_find(&d->map, e->w.key);
		if (old != NULL)
			map_drop(&d->map, old);
		free(e);
	}
	free(list);
}

static void swap_vec(struct vec *a, struct vec *b)
{
	struct vec t = *a;

	*a = *b;
	*b = t;
}

static void succeeded(struct data *d)
{
	struct txn *b = &d->txn;
	struct op *op;

	d->meta_stored |= b->overlay.n > 0;
	apply_entries(d);
	d->index = b->index;
	d->floor = b->floor;
	d->epoch = b->epoch;
	swap_vec(&d->vector, &b->vector);
	swap_vec(&d->gc, &b->gc);
	d->vector_hash = vec_hash(&d->vector);
	d->redo.n = 0;
	d->status_changed = true;
	if (d->store_error != 0 && b->writes.n > 0) {
		d->store_error = 0;
		tell_event(d, DATA_EV_STORE_OK, NULL, "the data can be written again");
	}
	spread_add(d, &b->records);
	TAILQ_FOREACH (op, &b->ops, next)
		if (kinds[op->kind].done != NULL)
			kinds[op->kind].done(d, op);
	clear(d);
	collect_arm(d);
}

static void redo_add(struct data *d, const uint8_t *key, size_t n)
{
	uint16_t len = (uint16_t)n;

	buf_put(&d->redo, &len, sizeof len);
	buf_put(&d->redo, key, n);
}

/*
 * The transaction may or may not have reached the disk: what it would have changed is written from memory next time,
 * and numbers that it gave are never given again.
 */
static void fail(struct data *d, enum data_code code, const char *why)
{
	struct txn *b = &d->txn;
	struct op *op;

	d->redo.n = 0;
	for (size_t i = 0; i < b->writes.n; i++)
		redo_add(d, b->writes.write[i].key, b->writes.write[i].key_n);
	d->own.epoch = 0;
	TAILQ_FOREACH (op, &b->ops, next)
		if (kinds[op->kind].failed != NULL)
			kinds[op->kind].failed(d, op, code, why);
	clear(d);
}

void data_persisted(struct data *d, uint64_t seq, int error)
{
	char why[128];

	fx_forget(d);
	assert(seq == d->txn.seq);
	if (d->txn.orphan) {
		fail(d, DATA_E_BUSY, "the data was replaced meanwhile");
	} else if (error == 0) {
		succeeded(d);
	} else {
		snprintf(why, sizeof why, "the data could not be written: %s",
			strerror(error < 0 ? -error : error));
		if (d->store_error == 0)
			tell_event(d, DATA_EV_STORE, NULL, "%s", why);
		d->store_error = error < 0 ? -error : error;
		d->status_changed = true;
		d->redo_at_ms = d->now_ms + DATA_REDO_MS;
		fail(d, DATA_E_STORE, why);
	}
	data_run(d);
}

bool txn_idle(const struct data *d)
{
	return d->txn.seq == 0 && TAILQ_EMPTY(&d->queue);
}

static bool wanted(struct data *d)
{
	collect_run(d);
	if (!TAILQ_EMPTY(&d->queue))
		return true;
	if (d->redo.n > 0 && d->now_ms < d->redo_at_ms) {
		wake_at(d, d->redo_at_ms);
		return false;
	}
	return d->redo.n > 0 || d->doomed.n > 0;
}

void txn_run(struct data *d)
{
	struct txn *b = &d->txn;

	while (b->seq == 0 && wanted(d)) {
		begin(d);
		write_again(d); /* first, so that this one's word is the last */
		take_ops(d);
		write_all(d);
		if (b->writes.n == 0 || d->role == WIRE_REPLICA) {
			succeeded(d);
			continue;
		}
		b->seq = ++d->next_seq;
		struct data_fx *fx = fx_new(d, DATA_FX_PERSIST);

		fx->u.persist.seq = b->seq;
		fx->u.persist.write = writes_done(&b->writes);
		fx->u.persist.n = b->writes.n;
	}
}

void txn_replaced(struct data *d)
{
	struct op *op;

	d->txn.orphan = d->txn.seq != 0;
	while ((op = TAILQ_FIRST(&d->queue)) != NULL) {
		TAILQ_REMOVE(&d->queue, op, next);
		if (kinds[op->kind].failed != NULL)
			kinds[op->kind].failed(d, op, DATA_E_BUSY,
				"the data was replaced meanwhile");
		d->queue_bytes -= op->bytes;
		op_free(op);
	}
}

void txn_init(struct data *d)
{
	TAILQ_INIT(&d->queue);
	TAILQ_INIT(&d->txn.ops);
	map_init(&d->txn.overlay);
	msg_arena_init(&d->txn.arena, DATA_ARENA_MAX);
}

void txn_free(struct data *d)
{
	struct txn *b = &d->txn;
	struct op *op;

	while ((op = TAILQ_FIRST(&d->queue)) != NULL) {
		TAILQ_REMOVE(&d->queue, op, next);
		op_free(op);
	}
	clear(d);
	vec_free(&b->vector);
	vec_free(&b->gc);
	free(b->records.r);
	writes_free(&b->writes);
	msg_arena_free(&b->arena);
	buf_free(&d->redo);
	buf_free(&d->doomed);
}
