#include "test/sim/path.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/mem.h"

void paths_init(struct paths *p, size_t n, uint32_t base_us, uint32_t jitter_us)
{
	*p = (struct paths){.n = n, .base_us = base_us, .jitter_us = jitter_us};
	p->at = xcalloc(n * n, sizeof *p->at);
}

void paths_init_sides(struct paths *p, size_t n, uint32_t base_us, uint32_t jitter_us)
{
	*p = (struct paths){.n = n,
		.between = {.by = {[PATH_CUT] = 1}, .n_faults = 1},
		.base_us = base_us,
		.jitter_us = jitter_us};
	p->side = xcalloc(n, sizeof *p->side);
}

void paths_free(struct paths *p)
{
	free(p->at);
	free(p->side);
	*p = (struct paths){0};
}

struct path *path_of(struct paths *p, unsigned from, unsigned to)
{
	assert(from < p->n);
	assert(to < p->n);
	if (p->at == NULL)
		return p->side[from] == p->side[to] ? &p->within : &p->between;
	return &p->at[from * p->n + to];
}

void path_fault(struct paths *p, unsigned from, unsigned to, enum path_fault kind, int32_t by,
	bool begin, uint64_t now_us)
{
	struct path *t = path_of(p, from, to);

	assert(p->at != NULL);
	t->by[kind] += begin ? by : -by;
	assert(t->by[kind] >= 0);
	assert(begin || t->n_faults > 0);
	if (begin)
		t->n_faults++;
	else
		t->n_faults--;
	t->changed_us = now_us;
}

bool path_passes(struct paths *p, unsigned from, unsigned to, struct rng *r)
{
	const struct path *t = path_of(p, from, to);

	if (t->n_faults == 0)
		return true;
	if (t->by[PATH_CUT] > 0)
		return false;
	return t->by[PATH_LOSS] == 0 || (int32_t)rng_below(r, 1000) >= t->by[PATH_LOSS];
}

uint64_t path_latency_us(struct paths *p, unsigned from, unsigned to, struct rng *r)
{
	uint64_t us = p->base_us;

	if (p->jitter_us > 0)
		us += rng_below(r, p->jitter_us);
	return us + (uint64_t)path_of(p, from, to)->by[PATH_DELAY];
}

bool path_is_quiet(struct paths *p, unsigned a, unsigned b, uint64_t since_us)
{
	const struct path *to = path_of(p, a, b), *back = path_of(p, b, a);

	if (to->n_faults > 0 || back->n_faults > 0)
		return false;
	return to->changed_us < since_us && back->changed_us < since_us;
}
