/*
 * Catching up, the server's end. It remembers nothing of a client: the cursor says up to where it was told, in the order
 * of the index; what changes meanwhile moves to the end and is met again. When the end is reached all that is here has
 * been told, so what the vector says now is true for the client too.
 */
#include "membership/data/data_int.h"

enum { SCAN_MAX = 20000, LEASE_MS = 60000 };

/* Cursors mean something for this life and generation; in a copy also only until something is forgotten here. */
static uint64_t cursor_epoch(const struct data *d, uint32_t mode)
{
	return d->session + (mode == WIRE_SYNC_COPY ? d->collections : 0);
}

static bool lacks(const struct vec *vector, const struct entry *e)
{
	const struct wire_origin *o = e->w.context.item;

	for (uint32_t i = 0; i < e->w.context.n; i++)
		if (!vec_has(vector, &o[i]))
			return true;
	return false;
}

/* One part: from the cursor on, as much as fits. */
static void gather(struct data *d, const struct wire_data_sync *req,
	struct wire_data_synced *out, struct wire_entry *list)
{
	struct vec vector = vec_of(&req->vector);
	struct entry *e = map_since(&d->map, out->index);
	size_t bytes = 0;

	for (int n = 0; e != NULL && n < SCAN_MAX && bytes < WIRE_DATA_PART_BYTES; n++) {
		out->index = e->index;
		if (req->mode != WIRE_SYNC_TAIL || lacks(&vector, e)) {
			list[out->entries.n++] = e->w;
			bytes += entry_size(e);
		}
		if (out->entries.n == WIRE_DATA_RECORDS_MAX)
			break;
		e = map_since(&d->map, e->index);
	}
	out->done = map_since(&d->map, out->index) == NULL;
	if (out->done)
		out->index = d->index;
}

static void answer(struct data *d, const struct op *op, struct wire_data_synced *out)
{
	const struct wire_data_sync *req = &op->m.sync;
	uint64_t epoch = cursor_epoch(d, req->mode);
	/* no more than there are: most answers are short, and the arena keeps its memory */
	uint64_t most = d->map.n < WIRE_DATA_RECORDS_MAX ? d->map.n : WIRE_DATA_RECORDS_MAX;
	struct wire_entry *list;
	bool first;

	if (req->epoch == epoch && req->index <= d->index)
		out->index = req->index;
	first = out->index == 0;
	out->epoch = epoch;
	msg_arena_reset(&d->arena);
	list = msg_arena_alloc(&d->arena, (most + 1) * sizeof *list);
	if (list == NULL)
		return;
	out->entries.item = list;
	gather(d, req, out, list);
	if (out->done || first || MUTANT(DATA_VECTOR_EARLY))
		out->vector = vec_list(&d->vector);
	if (out->done)
		out->gc = vec_list(&d->gc);
	if (!out->done || req->mode == WIRE_SYNC_COPY)
		d->lease_ms = d->now_ms + LEASE_MS;
}

/*
 * Does a replica have what is nowhere else? Nobody catches up from one, but it may have been a core until now, or a
 * core's disk may have gone back since it had it from there. What stopped cores wrote is left to them: nothing goes from
 * one side of a split to the other through a replica.
 */
static bool has_alone(const struct data *d, const struct peer *p, const struct vec *theirs)
{
	if (p == NULL || p->core || !p->running || d->role != WIRE_CORE || d->leaving ||
		d->apart)
		return false;
	for (uint32_t i = 0; i < theirs->n; i++) {
		const struct peer *writer = peer_find(d, &theirs->o[i].member);

		if (!vec_has(&d->vector, &theirs->o[i]) && (writer == NULL || writer->running))
			return true;
	}
	return false;
}

void sync_serve(struct data *d, struct op *op)
{
	struct peer *p = peer_find(d, &op->peer);
	const struct wire_data_sync *req = &op->m.sync;
	struct vec vector = vec_of(&req->vector), gc = vec_of(&req->gc);
	struct wire_data_synced out = {.wall_ms = d->wall_ms,
		.entries_total = d->map.n,
		.bytes_total = d->map.bytes};

	if (!vec_valid(&req->vector) || !vec_valid(&req->gc)) {
		serve_error(d, op->serve, "malformed vector");
		op_free(op);
		return;
	}
	own_seen_in(d, &req->vector, &op->peer);
	out.stale = req->mode == WIRE_SYNC_TAIL && !vec_covers(&vector, &d->gc) &&
		    !MUTANT(DATA_STALE_TAIL);
	out.behind = !vec_covers(&d->vector, &gc);
	if (out.behind)
		sync_want(d, p);
	if (has_alone(d, p, &vector) && !MUTANT(DATA_REPLICA_ALONE)) {
		p->sync.pulled = true;
		sync_want(d, p);
	}
	if (!out.stale)
		answer(d, op, &out);
	serve_answer(d, op->serve, WIRE_DATA_SYNC, &out);
	op_free(op);
}
