/*
 * Hybrid logical clocks. A stamp that is far ahead of this node's clock is not followed. Whether the clock itself can be
 * trusted is judged once, before a write is stamped, by the median of what the others' answers showed.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "membership/data/data_int.h"

enum { SAMPLE_LIFE_MS = 600000, SAMPLES_MAX = 64 };

void clock_stamp(struct data *d, struct wire_sibling *s)
{
	if (d->wall_ms > d->stamp_ms) {
		d->stamp_ms = d->wall_ms;
		d->stamp_counter = 0;
	} else if (d->stamp_counter++ == UINT32_MAX) {
		d->stamp_ms++;
	}
	s->ms = d->stamp_ms;
	s->counter = d->stamp_counter;
}

void clock_seen(struct data *d, const struct wire_entry *w)
{
	for (uint32_t i = 0; i < w->siblings.n; i++) {
		const struct wire_sibling *s = sibling_at(w, i);

		if (s->ms > d->wall_ms + DATA_LEAD_MS || s->ms < d->stamp_ms)
			continue;
		if (s->ms > d->stamp_ms || s->counter > d->stamp_counter)
			d->stamp_counter = s->counter;
		d->stamp_ms = s->ms;
	}
}

static int by_size(const void *a, const void *b)
{
	int64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x < y ? -1 : x > y;
}

/* Of an even number the one that is nearer to my own: half of the others don't outvote it. */
static int64_t median(int64_t *list, size_t n, int64_t mine)
{
	qsort(list, n, sizeof *list, by_size);
	if (n % 2 == 0 && llabs(list[n / 2 - 1] - mine) < llabs(list[n / 2] - mine))
		return list[n / 2 - 1];
	return list[n / 2];
}

/* The others' clocks against the monotonic one of this node, which no operator sets. */
static void look_around(struct data *d)
{
	int64_t list[SAMPLES_MAX];
	size_t n = 0;

	d->others_until_ms = UINT64_MAX;
	for (size_t i = 0; i < d->n_peers && n < SAMPLES_MAX; i++) {
		const struct peer *p = &d->peer[i];
		uint64_t until = p->clock_at_ms + SAMPLE_LIFE_MS;

		if (!p->running || p->clock_at_ms == 0 || until <= d->now_ms)
			continue;
		list[n++] = p->clock_ms;
		if (until < d->others_until_ms)
			d->others_until_ms = until;
	}
	d->others_known = n > 0;
	d->others_ms = n == 0 ? 0 : median(list, n, (int64_t)(d->wall_ms - d->now_ms));
}

bool clock_skewed(struct data *d)
{
	bool skewed;

	if (d->now_ms >= d->others_until_ms)
		look_around(d);
	d->skew_ms = !d->others_known ? 0 : (int64_t)(d->wall_ms - d->now_ms) - d->others_ms;
	skewed = llabs(d->skew_ms) > DATA_LEAD_MS;
	if (skewed && !d->skewed)
		tell_event(d, DATA_EV_SKEW, NULL,
			"this node's clock is %" PRId64
			" s from the others'; writes are refused",
			d->skew_ms / 1000);
	d->status_changed |= skewed != d->skewed;
	d->skewed = skewed;
	return skewed;
}

void clock_sample(struct data *d, struct peer *p, uint64_t asked_us, uint64_t wall_ms)
{
	uint64_t half = (d->now_us - asked_us) / 2000;

	p->clock_ms = (int64_t)(wall_ms + half - d->now_ms);
	p->clock_at_ms = d->now_ms;
	look_around(d);
	clock_skewed(d);
}
