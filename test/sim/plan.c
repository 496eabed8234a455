#include "test/sim/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/faults.h"

/* --- drawing */

enum { SEEN_US = 4000000 }; /* a split is known to both sides by then */

static bool chance(struct rng *r, unsigned percent)
{
	return rng_below(r, 100) < percent;
}

static void draw_setup(struct sim_setup *s, struct rng *r, unsigned n)
{
	static const unsigned sizes[] = {2, 3, 3, 4, 5, 5, 6, 7, 7, 7, 9, 12, 15};
	static const uint32_t latencies_us[] = {50, 200, 200, 1000, 5000, 40000};
	static const struct {
		uint32_t heartbeat_ms, timeout_ms;
	} profiles[] = {{500, 2500}, {500, 2500}, {500, 2500}, {100, 500}, {2000, 10000}};
	static const uint32_t write_ms[] = {300, 1000, 1000, 3000};
	size_t profile = rng_below(r, 5);

	*s = sim_setup_default();
	s->n = n != 0 ? n : sizes[rng_below(r, sizeof sizes / sizeof sizes[0])];
	s->n_spare = (unsigned)rng_below(r, 3);
	s->manual = chance(r, 20);
	s->latency_us = latencies_us[rng_below(r, 6)];
	s->jitter_us = s->latency_us;
	if (n == 0 && s->latency_us <= 5000) {
		s->heartbeat_ms = profiles[profile].heartbeat_ms;
		s->timeout_ms = profiles[profile].timeout_ms;
	}
	s->seeds = 1 + (uint32_t)rng_below(r, s->n);
	s->replicas = chance(r, 20) ? (uint32_t)rng_below(r, s->n / 2 + 1) : 0;
	if (s->manual)
		s->replicas = 0;
	s->autoclean_ms = chance(r, 10) ? rng_range(r, 5000, 20000) : 0;
	s->start_spread_ms = chance(r, 70) ? 100 : (uint32_t)rng_below(r, 5000);
	s->drift_ppm = chance(r, 50) ? 0 : 200;
	s->disk_us = chance(r, 70) ? 1000 : 30000;
	s->copy_us = chance(r, 70) ? 20000 : 2000000;
	s->tombstone_ttl_ms = chance(r, 70) ? s->tombstone_ttl_ms : rng_range(r, 1000, 20000);
	s->require_quorum = chance(r, 10);
	s->write_ms = chance(r, 15) ? 0 : write_ms[rng_below(r, 4)];
	s->newer = chance(r, 25) ? rng_below(r, UINT64_C(1) << (s->n + s->n_spare)) : 0;
}

static uint64_t some_of(struct rng *r, unsigned n, unsigned most)
{
	uint64_t mask = 0;
	unsigned want = 1 + (unsigned)rng_below(r, most);

	while (want-- > 0)
		mask |= UINT64_C(1) << rng_below(r, n);
	return mask;
}

static void draw_item(struct plan_item *it, const struct plan *p, struct rng *r)
{
	const struct fault_row *row = &fault_rows[it->kind];
	unsigned n = p->setup.n;
	uint64_t room;

	it->at_us = rng_below(r, p->end_us);
	it->a = (unsigned)rng_below(r, n);
	it->b = (it->a + 1 + (unsigned)rng_below(r, n - 1)) % n;
	if (row->about & FAULT_SIDE)
		it->mask = some_of(r, n, n - 1);
	if (row->about & FAULT_FEW)
		it->mask = some_of(r, n, n / 5 + 1);
	it->x = row->x_lo + (int64_t)rng_below(r, (uint64_t)(row->x_hi - row->x_lo + 1));
	if (row->about & FAULT_EVER) {
		it->at_us = 0;
		it->for_us = UINT64_MAX;
		return;
	}
	if (row->for_hi_ms == 0)
		return;
	it->for_us = rng_range(r, row->for_lo_ms, row->for_hi_ms) * 1000;
	room = p->end_us - it->at_us;
	if (it->for_us > room)
		it->for_us = room;
}

/* Each seed has its own taste: half of the rows not at all, the rest with weights of its own. */
static unsigned draw_weights(const struct plan *p, struct rng *r, unsigned *weight)
{
	bool ops = chance(r, 40), discovery = !p->setup.manual;
	unsigned sum = 0;

	for (size_t i = 0; i < n_fault_rows; i++) {
		const struct fault_row *row = &fault_rows[i];
		bool off = chance(r, 50);

		weight[i] = row->weight * (1 + (unsigned)rng_below(r, 4));
		off = off || (row->about & FAULT_OP && !ops && !p->setup.manual);
		off = off || (row->about & FAULT_SPARE && p->setup.n_spare == 0);
		off = off || (row->about & FAULT_AUTO && !discovery);
		off = off || (row->about & FAULT_EVER && p->setup.n < 4);
		if (off)
			weight[i] = 0;
		sum += weight[i];
	}
	return sum;
}

static unsigned pick(struct rng *r, const unsigned *weight, unsigned sum)
{
	unsigned at = (unsigned)rng_below(r, sum), i = 0;

	while (at >= weight[i])
		at -= weight[i++];
	return i;
}

/* Operators of both sides of a split do what they like, as the other side's do at the same time. */
static void draw_quarrel(struct plan *p, const struct plan_item *split, struct rng *r,
	const unsigned *weight)
{
	unsigned at[FAULT_ROWS_MAX] = {0}, sum = 0;

	for (size_t i = 0; i < n_fault_rows; i++) {
		at[i] = fault_rows[i].about & FAULT_OP ? weight[i] : 0;
		sum += at[i];
	}
	if (sum == 0 || split->for_us < SEEN_US || !chance(r, 40))
		return;
	for (unsigned side = 0; side < 2 && p->n < PLAN_ITEMS_MAX; side++) {
		struct plan_item *it = &p->item[p->n++];

		it->kind = pick(r, at, sum);
		draw_item(it, p, r);
		it->at_us = split->at_us + rng_range(r, SEEN_US / 2, split->for_us);
		while ((split->mask >> it->a & 1) != side)
			it->a = (it->a + 1) % p->setup.n;
		if (it->b == it->a)
			it->b = (it->a + 1) % p->setup.n;
		if (it->for_us > p->end_us - it->at_us)
			it->for_us = p->end_us - it->at_us;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct plan_item *x = a, *y = b;

	return x->at_us < y->at_us ? -1 : x->at_us > y->at_us;
}

/* A manual cluster is made by joins. */
static void draw_joins(struct plan *p, struct rng *r)
{
	unsigned kind = fault_kind("join");

	for (unsigned i = 1; i < p->setup.n && p->n < PLAN_ITEMS_MAX / 2; i++)
		p->item[p->n++] = (struct plan_item){.kind = kind,
			.at_us = 1000000 + rng_below(r, 3000000),
			.a = i,
			.b = (unsigned)rng_below(r, i)};
}

void plan_draw(struct plan *p, uint64_t seed, unsigned n)
{
	unsigned weight[FAULT_ROWS_MAX] = {0}, sum;
	struct rng r;
	size_t want;

	*p = (struct plan){.seed = seed};
	rng_init(&r, seed ^ UINT64_C(0x706c616e));
	draw_setup(&p->setup, &r, n);
	p->end_us = n != 0 ? 60000000 : rng_range(&r, 10, 60) * 1000000;
	if (p->setup.manual)
		draw_joins(p, &r);
	sum = draw_weights(p, &r, weight);
	want = p->n + (sum == 0 ? 0 : 1 + rng_below(&r, 20));
	while (p->n < want && p->n < PLAN_ITEMS_MAX) {
		struct plan_item *it = &p->item[p->n++];

		it->kind = pick(&r, weight, sum);
		draw_item(it, p, &r);
		if (fault_rows[it->kind].about & FAULT_CUTS)
			draw_quarrel(p, it, &r, weight);
	}
	qsort(p->item, p->n, sizeof p->item[0], by_time);
}

/* --- as text */

unsigned fault_kind(const char *name)
{
	unsigned i = 0;

	while (i < n_fault_rows && strcmp(fault_rows[i].name, name) != 0)
		i++;
	return i;
}

void plan_item_text(const struct plan_item *it, char *out, size_t cap)
{
	const struct fault_row *row = &fault_rows[it->kind];
	int n = snprintf(out, cap, "%.6f %s", (double)it->at_us / 1e6, row->name);
	size_t at = (size_t)n;

	if (row->about & (FAULT_NODE | FAULT_PAIR))
		at += (size_t)snprintf(out + at, cap - at, " n%u", it->a + 1);
	if (row->about & FAULT_PAIR)
		at += (size_t)snprintf(out + at, cap - at, " n%u", it->b + 1);
	if (row->about & (FAULT_SIDE | FAULT_FEW))
		at += (size_t)snprintf(out + at, cap - at, " {%" PRIx64 "}", it->mask);
	if (row->x_lo != row->x_hi)
		at += (size_t)snprintf(out + at, cap - at, " x=%" PRId64, it->x);
	if (it->for_us > 0 && it->for_us != UINT64_MAX)
		snprintf(out + at, cap - at, " for %.6f", (double)it->for_us / 1e6);
}

struct number {
	const char *name;
	size_t offset, size;
};

#define NUMBER(name)                                                                         \
	{                                                                                    \
#name, offsetof(struct sim_setup, name), sizeof((struct sim_setup *)0)->name \
	}
static const struct number numbers[] = {NUMBER(n), NUMBER(n_spare), NUMBER(manual),
	NUMBER(heartbeat_ms), NUMBER(timeout_ms), NUMBER(latency_us), NUMBER(jitter_us),
	NUMBER(replicas), NUMBER(seeds), NUMBER(autoheal), NUMBER(autoclean_ms),
	NUMBER(start_spread_ms), NUMBER(drift_ppm), NUMBER(disk_us), NUMBER(copy_us),
	NUMBER(members_max), NUMBER(newer), NUMBER(data_bytes), NUMBER(tombstone_ttl_ms),
	NUMBER(require_quorum), NUMBER(write_ms)};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0] };

static uint64_t get_number(const struct sim_setup *s, const struct number *f)
{
	const uint8_t *p = (const uint8_t *)s + f->offset;
	uint64_t u64 = 0;
	uint32_t u32 = 0;

	if (f->size == 1)
		return *p;
	if (f->size == 4) {
		memcpy(&u32, p, 4);
		return u32;
	}
	memcpy(&u64, p, 8);
	return u64;
}

static void set_number(struct sim_setup *s, const struct number *f, uint64_t v)
{
	uint8_t *p = (uint8_t *)s + f->offset;
	uint32_t u32 = (uint32_t)v;

	if (f->size == 1)
		*p = v != 0;
	else if (f->size == 4)
		memcpy(p, &u32, 4);
	else
		memcpy(p, &v, 8);
}

void plan_write(const struct plan *p, FILE *out)
{
	fprintf(out, "seed=%" PRIu64 " end=%" PRIu64, p->seed, p->end_us);
	for (size_t i = 0; i < N_NUMBERS; i++)
		fprintf(out, " %s=%" PRIu64, numbers[i].name,
			get_number(&p->setup, &numbers[i]));
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_item *it = &p->item[i];

		fprintf(out, "; %" PRIu64 " %s %" PRIu64 " %u %u %" PRIx64 " %" PRId64,
			it->at_us, fault_rows[it->kind].name, it->for_us, it->a, it->b,
			it->mask, it->x);
	}
}

static int read_setup(struct plan *p, char *part, const char **why)
{
	char *save = NULL;

	for (char *w = strtok_r(part, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(w, '=');
		size_t i = 0;
		uint64_t v;

		*why = w;
		if (eq == NULL)
			return -EINVAL;
		*eq = '\0';
		v = strtoull(eq + 1, NULL, 10);
		while (i < N_NUMBERS && strcmp(numbers[i].name, w) != 0)
			i++;
		if (i < N_NUMBERS)
			set_number(&p->setup, &numbers[i], v);
		else if (strcmp(w, "seed") == 0)
			p->seed = v;
		else if (strcmp(w, "end") == 0)
			p->end_us = v;
		else
			return -EINVAL;
	}
	return 0;
}

static int read_item(struct plan *p, const char *part, const char **why)
{
	struct plan_item *it = &p->item[p->n];
	char name[32];

	*why = part;
	if (p->n == PLAN_ITEMS_MAX)
		return -EINVAL;
	if (sscanf(part, "%" SCNu64 " %31s %" SCNu64 " %u %u %" SCNx64 " %" SCNd64, &it->at_us,
		    name, &it->for_us, &it->a, &it->b, &it->mask, &it->x) != 7)
		return -EINVAL;
	it->kind = fault_kind(name);
	if (it->kind == n_fault_rows || it->a >= p->setup.n || it->b >= p->setup.n)
		return -EINVAL;
	p->n++;
	return 0;
}

int plan_read(struct plan *p, char *line, const char **why)
{
	char *save = NULL, *part = strtok_r(line, ";", &save);
	int rc;

	*p = (struct plan){.setup = sim_setup_default()};
	*why = "empty";
	if (part == NULL)
		return -EINVAL;
	rc = read_setup(p, part, why);
	while (rc == 0 && (part = strtok_r(NULL, ";", &save)) != NULL)
		rc = read_item(p, part, why);
	if (rc == 0 && (p->setup.n == 0 || p->setup.n + p->setup.n_spare > SIM_PROCS_MAX))
		rc = -EINVAL;
	return rc;
}
