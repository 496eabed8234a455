/* Generations of the data: each join, leave and clearing makes another one the data, with everything that goes by it. */
#include "membership/data/data_int.h"

/* What is under way belonged to the old one. */
static void begin(struct data *d, uint64_t generation, uint64_t epoch)
{
	disk_doom(d, d->generation, &d->map, &d->vector, &d->gc);
	txn_replaced(d);
	ack_replaced(d);
	spread_clear(d);
	known_doom(d);
	map_clear(&d->map);
	d->vector.n = d->gc.n = 0;
	d->generation = generation;
	d->epoch = epoch;
	d->session = rng_u64(&d->rng) >> 1 | 1;
	d->index = d->floor = 0;
	d->meta_stored = false;
	d->own.epoch = 0;
	d->changed = d->status_changed = true;
	d->collecting = false;
}

static void take_staged(struct data *d)
{
	struct copy *c = &d->copy;
	struct entry *e;

	while ((e = map_since(&c->map, 0)) != NULL) {
		map_take(&c->map, e);
		map_put(&d->map, e);
		clock_seen(d, &e->w);
	}
	vec_copy(&d->vector, &c->vector);
	vec_copy(&d->gc, &c->gc);
	d->index = c->placed;
	d->meta_stored = true;
	copy_free(d);
}

void data_swapped(struct data *d, uint64_t generation)
{
	struct copy *c = &d->copy;

	fx_forget(d);
	if (generation == d->generation)
		return;
	if (c->active && c->whole && c->generation == generation) {
		begin(d, generation, c->data_epoch);
		take_staged(d);
	} else {
		begin(d, generation, rng_u64(&d->rng) | 1);
	}
	d->vector_hash = vec_hash(&d->vector);
	peers_replaced(d);
	data_run(d);
}
