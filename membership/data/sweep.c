/*
 * The end of comparing everything with a peer that has forgotten deletions: what it had seen, and did not tell of, it
 * does not hold any more; so it goes here too. What it had not seen stays, and spreads.
 */
#include "membership/data/data_int.h"

enum { SWEEP_MAX = 4096 };

void sweep_begin(struct data *d, struct peer *p, struct op *op)
{
	struct op *next = op_again(op, OP_SWEEP);

	p->sync.sweep = 0;
	queue_op(d, next);
}

static void drop_gone(struct data *d, struct op *op, struct peer *p, const struct entry *e)
{
	const struct wire_entry nothing = {.key = e->w.key};
	const struct merge_rule rule = {.theirs = &p->sync.theirs};
	const struct entry *now = txn_find(d, e->w.key);

	if (now == NULL || now->mark == op->mark)
		return;
	if (txn_merge(d, &nothing, &rule, &p->id) != now)
		d->txn.epoch = d->epoch + 2; /* watchers are not told of what goes this way */
}

void sweep_evaluate(struct data *d, struct op *op)
{
	struct peer *p = sync_waiting(d, op);
	struct entry *e;
	int n = 0;

	if (p == NULL)
		return;
	for (e = map_since(&d->map, p->sync.sweep); e != NULL && n < SWEEP_MAX; n++) {
		op->index = e->index;
		if (e->mark != op->mark)
			drop_gone(d, op, p, e);
		e = map_since(&d->map, e->index);
	}
	op->last = e == NULL;
	if (op->last)
		sync_adopt(d, p, &op->m.synced);
}

void sweep_done(struct data *d, struct op *op)
{
	struct peer *p = sync_waiting(d, op);

	if (p == NULL)
		return;
	if (op->last) {
		sync_finish(d, p, &op->m.synced);
		return;
	}
	p->sync.sweep = op->index;
	queue_op(d, op_again(op, OP_SWEEP));
}
