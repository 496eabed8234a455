/*
 * A joiner's copy: all that the source has goes into a generation of its own, on disk beside the present one and in a
 * map beside the present map. It becomes the data when the core says so, in one transaction with the new identity.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "membership/data/data_int.h"

enum { PARTS_UNDER_WAY = 2, GIVE_UP_MS = 30000, BEGIN_MS = 5000 };

static void ask(struct data *d)
{
	struct copy *c = &d->copy;
	struct call_to to = {c->source, c->host, c->rpc_port};
	struct wire_data_sync s = {.mode = WIRE_SYNC_COPY,
		.staged = c->staged,
		.epoch = c->epoch,
		.index = c->index};

	c->call = call_send(d, CALL_COPY, &to, &s, 0);
}

/* The next part travels while the last one is on its way to the disk: no more, so that memory is bounded. */
static void ask_more(struct data *d)
{
	struct copy *c = &d->copy;

	if (c->call != 0 || c->at_ms != 0 || c->all_told || c->under_way == PARTS_UNDER_WAY)
		return;
	c->heard_ms = d->now_ms; /* what it took until now was this node's */
	ask(d);
}

/* A new generation, empty. What was staged before goes bit by bit. */
static void stage(struct data *d)
{
	struct copy *c = &d->copy;

	if (c->generation != 0)
		disk_doom(d, c->generation, &c->map, &c->vector, &c->gc);
	map_clear(&c->map);
	c->vector.n = c->gc.n = 0;
	do
		c->generation = rng_u64(&d->rng);
	while (c->generation == 0 || c->generation == d->generation);
	c->data_epoch = rng_u64(&d->rng) | 1;
	c->entries = c->bytes = 0;
	c->placed = 0;
	c->under_way = 0;
	c->all_told = false;
}

static void forget(struct data *d)
{
	struct copy *c = &d->copy;

	call_cancel(d, &c->call);
	map_clear(&c->map);
	vec_free(&c->vector);
	vec_free(&c->gc);
	free(c->host);
	*c = (struct copy){.life = c->life + 1};
	map_init(&c->map);
}

void copy_free(struct data *d)
{
	forget(d);
}

void data_copy(struct data *d, const struct data_copy *cp)
{
	struct copy *c = &d->copy;

	fx_forget(d);
	copy_drop(d);
	c->active = true;
	c->job = cp->job;
	c->source = cp->source.id;
	c->host = xstrdup(cp->source.host);
	c->rpc_port = cp->source.rpc_port;
	c->staged = cp->staged;
	c->heard_ms = d->now_ms;
	d->status_changed = true;
	stage(d);
	ask(d);
	data_run(d);
}

/* What was staged is of no use. */
void copy_drop(struct data *d)
{
	struct copy *c = &d->copy;

	if (!c->active)
		return;
	disk_doom(d, c->generation, &c->map, &c->vector, &c->gc);
	forget(d);
	d->status_changed = true;
}

void data_copy_cancel(struct data *d, uint32_t job)
{
	fx_forget(d);
	if (d->copy.job == job)
		copy_drop(d);
	data_run(d);
}

static void end(struct data *d, bool ok, const char *text)
{
	struct data_fx *fx = fx_new(d, DATA_FX_COPIED);

	fx->u.done.job = d->copy.job;
	fx->u.done.ok = ok;
	fx->u.done.generation = d->copy.generation;
	snprintf(fx->u.done.text, sizeof fx->u.done.text, "%s", text);
	if (!ok)
		copy_drop(d);
}

/*
 * The connection broke or the source does not answer: again from there, for a while. A source that never answered is
 * told of soon: a firewall, most of the time.
 */
static void again(struct data *d, const char *error)
{
	struct copy *c = &d->copy;
	char text[256];

	if (d->now_ms < c->heard_ms + (c->epoch != 0 ? GIVE_UP_MS : BEGIN_MS)) {
		c->at_ms = call_again_ms(d, &c->backoff_ms);
		return;
	}
	snprintf(text, sizeof text, "copying the data: %s", error);
	end(d, false, text);
}

void copy_tick(struct data *d)
{
	struct copy *c = &d->copy;

	if (c->at_ms == 0)
		return;
	if (d->now_ms < c->at_ms) {
		wake_at(d, c->at_ms);
		return;
	}
	c->at_ms = 0;
	ask(d);
}

void copy_answered(struct data *d, const struct call *call, struct msg_reader r,
	const char *error)
{
	struct copy *c = &d->copy;
	struct op *op;

	if (c->call != call->id)
		return;
	c->call = 0;
	op = error == NULL ? sync_op(OP_COPIED, r) : NULL;
	if (op == NULL) {
		again(d, error != NULL ? error : "the answer makes no sense");
		return;
	}
	if (c->epoch != 0 && op->m.synced.epoch != c->epoch)
		stage(d); /* the source began anew: so do I */
	c->epoch = op->m.synced.epoch;
	c->index = op->m.synced.index;
	c->all_told = op->m.synced.done;
	c->under_way++;
	op->mark = c->life;
	op->generation = c->generation;
	queue_op(d, op);
	ask_more(d);
}

/* --- on their way to the disk, beside the present data */

static bool goes_on(const struct data *d, const struct op *op)
{
	return d->copy.active && op->mark == d->copy.life &&
	       op->generation == d->copy.generation;
}

static void put_vec(struct data *d, uint64_t generation, enum disk_kind kind,
	const struct msg_list *list)
{
	const struct wire_origin *o = list->item;

	for (uint32_t i = 0; i < list->n; i++)
		disk_put_origin(&d->txn.writes, generation, kind, &o[i]);
}

void copy_evaluate(struct data *d, struct op *op)
{
	struct wire_data_synced *m = &op->m.synced;
	const struct wire_entry *w = m->entries.item;
	struct copy *c = &d->copy;

	if (!goes_on(d, op))
		return;
	op->placed = xcalloc(m->entries.n + 1, sizeof *op->placed);
	for (uint32_t i = 0; i < m->entries.n; i++) {
		struct entry *e = entry_new(&w[i]);

		e->index = ++c->placed;
		op->placed[op->n_placed++] = e;
		disk_put_entry(&d->txn.writes, c->generation, e);
	}
	if (!m->done)
		return;
	put_vec(d, c->generation, DISK_VECTOR, &m->vector);
	put_vec(d, c->generation, DISK_GC, &m->gc);
	disk_put_meta(&d->txn.writes, c->generation, c->data_epoch, 0);
}

static void tell_progress(struct data *d, const struct wire_data_synced *m)
{
	struct data_fx *fx = fx_new(d, DATA_FX_PROGRESS);

	fx->u.progress.job = d->copy.job;
	fx->u.progress.entries = d->copy.entries;
	fx->u.progress.bytes = d->copy.bytes;
	fx->u.progress.entries_total = m->entries_total;
	fx->u.progress.bytes_total = m->bytes_total;
}

void copy_done(struct data *d, struct op *op)
{
	struct wire_data_synced *m = &op->m.synced;
	struct copy *c = &d->copy;
	struct vec vector = vec_of(&m->vector), gc = vec_of(&m->gc);

	if (!goes_on(d, op))
		return;
	for (size_t i = 0; i < op->n_placed; i++) {
		c->bytes += op->placed[i]->bytes;
		map_put(&c->map, op->placed[i]);
	}
	c->entries += op->n_placed;
	op->n_placed = 0;
	c->under_way--;
	c->backoff_ms = 0;
	tell_progress(d, m);
	if (!m->done) {
		ask_more(d);
		return;
	}
	vec_copy(&c->vector, &vector);
	vec_copy(&c->gc, &gc);
	c->whole = true;
	end(d, true, "");
}

void copy_failed(struct data *d, struct op *op, enum data_code code, const char *why)
{
	char text[256];

	(void)code;
	if (!goes_on(d, op))
		return;
	snprintf(text, sizeof text, "copying the data: %s", why);
	end(d, false, text);
}
