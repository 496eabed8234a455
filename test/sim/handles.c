#include "test/sim/handles.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

static size_t home(const struct handles *h, uint32_t handle)
{
	return (handle * UINT32_C(0x9e3779b1) >> 8) & (h->cap - 1);
}

static size_t find(const struct handles *h, uint32_t handle)
{
	size_t i = home(h, handle);

	while (h->slot[i].handle != 0 && h->slot[i].handle != handle)
		i = (i + 1) & (h->cap - 1);
	return i;
}

void handles_free(struct handles *h)
{
	free(h->slot);
	*h = (struct handles){0};
}

void handles_clear(struct handles *h)
{
	if (h->n > 0)
		memset(h->slot, 0, h->cap * sizeof *h->slot);
	h->n = 0;
}

static void grow(struct handles *h)
{
	struct handles bigger = {.cap = h->cap == 0 ? 32 : h->cap * 2, .n = h->n};

	bigger.slot = xcalloc(bigger.cap, sizeof *bigger.slot);
	for (size_t i = 0; i < h->cap; i++)
		if (h->slot[i].handle != 0)
			bigger.slot[find(&bigger, h->slot[i].handle)] = h->slot[i];
	free(h->slot);
	*h = bigger;
}

void handles_put(struct handles *h, uint32_t handle, struct net_side *side)
{
	size_t i;

	assert(handle != 0);
	if (h->n * 2 >= h->cap)
		grow(h);
	i = find(h, handle);
	assert(h->slot[i].handle == 0);
	h->slot[i] = (struct handle_slot){handle, side};
	h->n++;
}

struct net_side *handles_get(const struct handles *h, uint32_t handle)
{
	return h->cap == 0 ? NULL : h->slot[find(h, handle)].side;
}

void handles_drop(struct handles *h, uint32_t handle)
{
	size_t hole, i;

	if (h->cap == 0)
		return;
	hole = find(h, handle);
	if (h->slot[hole].handle == 0)
		return;
	h->n--;
	for (i = (hole + 1) & (h->cap - 1); h->slot[i].handle != 0;
		i = (i + 1) & (h->cap - 1)) {
		size_t want = home(h, h->slot[i].handle);

		/* may it move back into the hole: is its home not between hole (excluded) and i? */
		if (((i - want) & (h->cap - 1)) < ((i - hole) & (h->cap - 1)))
			continue;
		h->slot[hole] = h->slot[i];
		hole = i;
	}
	h->slot[hole] = (struct handle_slot){0, NULL};
}
