/*
 * Catching up, the client's end: what a peer has and I lack comes in parts, in the order of its index, and its vector is
 * taken over as a whole with the last of them. A node that was away for so long that deletions it has not seen are
 * forgotten asks for everything: what the peer has seen and does not hold any more was replaced or deleted.
 */
#include <stdlib.h>

#include "membership/data/data_int.h"

enum { SYNCS_MAX = 2, DIFFERS_MS = 1000, ASK_AGAIN_MS = 5000 };

void sync_want(struct data *d, struct peer *p)
{
	if (p == NULL)
		return;
	p->sync.wanted = true;
	d->sync_due = true;
}

void sync_view(struct data *d, struct peer *p)
{
	if (p->fresh && p->core)
		sync_want(d, p);
	if (!p->near && !p->sync.pulled)
		sync_stop(d, p);
}

void sync_stop(struct data *d, struct peer *p)
{
	call_cancel(d, &p->sync.call);
	if (p->sync.running)
		d->syncs--;
	p->sync.running = false;
	vec_free(&p->sync.theirs);
	d->sync_due = true;
}

/* After a failure: again, a little later. Who wants to be caught up from and is no neighbour asks again for that himself. */
static void later(struct data *d, struct peer *p)
{
	sync_stop(d, p);
	p->sync.pulled &= p->near;
	p->sync.wanted = true;
	p->sync.at_ms = call_again_ms(d, &p->sync.backoff_ms);
}

static void ask(struct data *d, struct peer *p)
{
	struct wire_data_sync s = {.mode = p->sync.mode,
		.gc = vec_list(&d->gc),
		.epoch = p->sync.epoch,
		.index = p->sync.index};

	if (p->sync.mode == WIRE_SYNC_TAIL)
		s.vector = vec_list(&d->vector);
	p->sync.call = call_peer(d, CALL_SYNC, p, &s);
}

/* From where the last complete one ended, or from the beginning. */
static void start(struct data *d, struct peer *p, enum wire_sync_mode mode)
{
	struct sync *s = &p->sync;

	if (!s->running)
		d->syncs++;
	s->running = true;
	s->wanted = false;
	s->mode = mode;
	s->epoch = mode == WIRE_SYNC_TAIL ? s->done_epoch : 0;
	s->index = mode == WIRE_SYNC_TAIL ? s->done_index : 0;
	s->mark = ++d->next_mark;
	s->sweep = 0;
	s->theirs.n = 0;
	ask(d, p);
}

/*
 * One at a time: an entry says which comparison met it last, and another's sweep would take it for deleted. And nothing
 * else meanwhile: what the source has replaced and others still send would stand beside what took its place until the end.
 */
bool sync_comparing(const struct data *d)
{
	for (size_t i = 0; i < d->n_peers; i++)
		if (d->peer[i].sync.running && d->peer[i].sync.mode == WIRE_SYNC_COPY)
			return true;
	return false;
}

void sync_run(struct data *d)
{
	if (!d->sync_due || sync_comparing(d))
		return;
	d->sync_due = false;
	for (size_t i = 0; i < d->n_peers && d->syncs < SYNCS_MAX; i++) {
		struct peer *p = &d->peer[i];

		if (!p->sync.wanted || p->sync.running || d->now_ms < p->sync.at_ms)
			continue;
		if (p->sync.pulled || (p->near && p->core))
			start(d, p, p->sync.compare ? WIRE_SYNC_ALL : WIRE_SYNC_TAIL);
	}
}

/* --- when nothing else has told that somebody has more */

static void look_at(struct data *d, struct peer *p)
{
	struct sync *s = &p->sync;
	bool same = p->vector_hash == d->vector_hash, differs;

	differs = p->near && p->core && !s->running && !s->wanted && p->vector_hash != 0 &&
		  (!same || p->data_hash != d->map.hash);
	if (!differs || same != s->same) {
		s->differs_ms = 0;
		s->same = same;
	}
	if (!differs)
		return;
	if (s->differs_ms == 0)
		s->differs_ms = d->now_ms;
	if (d->now_ms < s->differs_ms + DIFFERS_MS) {
		wake_at(d, s->differs_ms + DIFFERS_MS);
		return;
	}
	s->differs_ms = 0;
	if (same)
		tell_event(d, DATA_EV_DIFFERS, &p->id,
			"equal vectors, other data: compared anew");
	s->compare |= same;
	sync_want(d, p);
}

void sync_tick(struct data *d)
{
	for (size_t i = 0; i < d->n_peers; i++) {
		struct peer *p = &d->peer[i];

		look_at(d, p);
		if (p->sync.wanted && p->sync.at_ms > d->now_ms)
			wake_at(d, p->sync.at_ms);
	}
	d->sync_due = true;
}

void sync_hashes(struct data *d, struct peer *p)
{
	look_at(d, p);
}

/* --- answers */

static bool well_formed(const struct wire_data_synced *s)
{
	const struct wire_entry *w = s->entries.item;

	if (!vec_valid(&s->vector) || !vec_valid(&s->gc))
		return false;
	for (uint32_t i = 0; i < s->entries.n; i++)
		if (!entry_valid(&w[i]))
			return false;
	return true;
}

struct op *sync_op(enum op_kind kind, struct msg_reader r)
{
	struct op *op = op_from(kind, wire_data_rows[WIRE_DATA_SYNC].result, r);

	if (op != NULL && !well_formed(&op->m.synced)) {
		op_free(op);
		op = NULL;
	}
	return op;
}

void sync_answered(struct data *d, const struct call *c, struct msg_reader r, const char *error)
{
	struct peer *p = peer_find(d, &c->peer);
	struct wire_data_synced *m;
	struct op *op;

	if (p == NULL)
		return;
	p->sync.call = 0;
	op = error == NULL ? sync_op(OP_SYNCED, r) : NULL;
	if (op == NULL) {
		later(d, p);
		return;
	}
	m = &op->m.synced;
	clock_sample(d, p, c->at_us, m->wall_ms);
	if (p->sync.mode != WIRE_SYNC_COPY && sync_comparing(d)) {
		op_free(op);
		later(d, p);
		return;
	}
	if (m->stale && p->sync.mode == WIRE_SYNC_TAIL) {
		op_free(op);
		tell_event(d, DATA_EV_STALE, &p->id,
			"away too long: everything is compared with what others have");
		start(d, p, WIRE_SYNC_COPY);
		return;
	}
	if (p->sync.mode == WIRE_SYNC_COPY && m->epoch != p->sync.epoch) {
		/* the first part: from now on its word counts for what it does not hold */
		p->sync.mark = ++d->next_mark;
		vec_free(&p->sync.theirs);
		vec_copy(&p->sync.theirs, &(struct vec){m->vector.item, m->vector.n, 0});
	}
	op->peer = p->id;
	op->mark = p->sync.mark;
	queue_op(d, op);
}

struct peer *sync_waiting(struct data *d, const struct op *op)
{
	struct peer *p = peer_find(d, &op->peer);

	return p != NULL && p->sync.running && p->sync.mark == op->mark ? p : NULL;
}

/* What the vector says is true only now that all of it has been told. */
void sync_adopt(struct data *d, struct peer *p, const struct wire_data_synced *m)
{
	struct vec vector = vec_of(&m->vector), gc = vec_of(&m->gc);

	own_seen_in(d, &m->vector, &p->id);
	vec_merge(&d->txn.vector, &vector);
	if (p->sync.mode == WIRE_SYNC_COPY)
		vec_merge(&d->txn.gc, &gc);
}

void sync_evaluate(struct data *d, struct op *op)
{
	struct wire_data_synced *m = &op->m.synced;
	const struct wire_entry *w = m->entries.item;
	struct peer *p = sync_waiting(d, op);
	struct merge_rule rule = {.mine = &d->txn.vector};

	if (p == NULL)
		return;
	if (p->sync.mode == WIRE_SYNC_ALL)
		rule.mine = NULL;
	if (p->sync.mode == WIRE_SYNC_COPY)
		rule.theirs = &p->sync.theirs;
	for (uint32_t i = 0; i < m->entries.n; i++) {
		struct entry *e = txn_merge(d, &w[i], &rule, &p->id);

		if (e != NULL && p->sync.mode == WIRE_SYNC_COPY)
			e->mark = op->mark;
	}
	if ((m->done && p->sync.mode != WIRE_SYNC_COPY) || MUTANT(DATA_VECTOR_EARLY))
		sync_adopt(d, p, m);
}

void sync_finish(struct data *d, struct peer *p, const struct wire_data_synced *m)
{
	p->sync.done_epoch = p->sync.mode == WIRE_SYNC_COPY ? 0 : m->epoch;
	p->sync.done_index = p->sync.mode == WIRE_SYNC_COPY ? 0 : m->index;
	p->sync.backoff_ms = 0;
	p->sync.at_ms = 0;
	p->sync.compare = p->sync.pulled = false;
	sync_stop(d, p);
	wake_at(d, d->now_ms + DIFFERS_MS); /* what it has told meanwhile it tells once */
	/* what it left to a stopped core it may take later: when it has heard that this one left */
	if (d->role == WIRE_REPLICA)
		wake_at(d, d->now_ms + ASK_AGAIN_MS);
}

void sync_done(struct data *d, struct op *op)
{
	struct wire_data_synced *m = &op->m.synced;
	struct peer *p = sync_waiting(d, op);

	if (p == NULL)
		return;
	p->sync.epoch = m->epoch;
	p->sync.index = m->index;
	if (!m->done)
		ask(d, p);
	else if (p->sync.mode == WIRE_SYNC_COPY)
		sweep_begin(d, p, op);
	else
		sync_finish(d, p, m);
}

void sync_failed(struct data *d, struct op *op, enum data_code code, const char *why)
{
	struct peer *p = sync_waiting(d, op);

	(void)code;
	(void)why;
	if (p != NULL)
		later(d, p);
}
