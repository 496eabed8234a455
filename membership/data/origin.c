/* Origins: who numbers writes. The numbers of mine are drawn from a fresh epoch after each start, and never given twice. */
#include <inttypes.h>

#include "membership/data/data_int.h"

struct wire_origin own_next(struct data *d)
{
	while (d->own.epoch == 0)
		d->own = (struct wire_origin){.member = d->self,
			.epoch = rng_u64(&d->rng),
			.n = 0};
	d->own.n++;
	return d->own;
}

void own_reused(struct data *d, const struct wire_origin *dot, const struct id128 *from)
{
	tell_event(d, DATA_EV_ORIGIN, from,
		"write %" PRIu64
		" of one origin is two writes: a data directory was cloned or rolled back",
		dot->n);
}

void own_seen(struct data *d, const struct wire_origin *dot, const struct id128 *from)
{
	if (d->own.epoch == 0 || !origin_eq(&d->own, dot) || dot->n <= d->own.n)
		return;
	own_reused(d, dot, from);
	d->own.epoch = 0;
	sync_want(d, peer_find(d, from));
}

void own_seen_in(struct data *d, const struct msg_list *vector, const struct id128 *from)
{
	const struct wire_origin *o = vector->item;

	for (uint32_t i = 0; i < vector->n; i++)
		own_seen(d, &o[i], from);
}
