#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/msg/msg.h"

enum { CHUNK_MIN = 1024 };

/* Sits in front of each chunk's memory; the newest chunk is the one in use. */
struct chunk {
	struct chunk *older;
	size_t before; /* bytes handed out from all older chunks */
	_Alignas(max_align_t) uint8_t mem[];
};

void msg_arena_init(struct msg_arena *a, size_t max_bytes)
{
	*a = (struct msg_arena){.max_bytes = max_bytes};
}

static void free_chain(struct chunk *c)
{
	while (c != NULL) {
		struct chunk *older = c->older;

		free(c);
		c = older;
	}
}

void msg_arena_reset(struct msg_arena *a)
{
	struct chunk *c = a->chunks;

	a->n = 0;
	if (c == NULL)
		return;
	free_chain(c->older); /* the newest is the largest: enough for the next time */
	c->older = NULL;
	c->before = 0;
}

void msg_arena_free(struct msg_arena *a)
{
	free_chain(a->chunks);
	msg_arena_init(a, a->max_bytes);
}

static void add_chunk(struct msg_arena *a, size_t n)
{
	struct chunk *old = a->chunks, *c;
	size_t cap = a->cap < CHUNK_MIN / 2 ? CHUNK_MIN : 2 * a->cap;

	if (cap < n)
		cap = n;
	c = xcalloc(1, sizeof *c + cap);
	c->older = old;
	c->before = old == NULL ? 0 : old->before + a->n;
	*a = (struct msg_arena){c->mem, 0, cap, a->max_bytes, c};
}

void *msg_arena_alloc(struct msg_arena *a, size_t n)
{
	const size_t align = _Alignof(max_align_t);
	const struct chunk *c = a->chunks;
	size_t used = a->n + (c == NULL ? 0 : c->before);
	void *p;

	assert(used <= a->max_bytes);
	if (n > a->max_bytes - used)
		return NULL;
	n = (n + align - 1) / align * align;
	if (n > a->max_bytes - used)
		return NULL;
	if (a->cap - a->n < n || a->p == NULL)
		add_chunk(a, n);
	p = a->p + a->n;
	a->n += n;
	return memset(p, 0, n);
}
