#include "membership/data/map.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/mem.h"

static int by_key(const struct entry *a, const struct entry *b)
{
	return key_cmp(a->w.key, b->w.key);
}

static int by_index(const struct entry *a, const struct entry *b)
{
	return a->index < b->index ? -1 : a->index > b->index;
}

/* cppcheck-suppress unknownMacro */
RB_GENERATE_INTERNAL(keys, entry, by_key, by_key, static __attribute__((unused)))
RB_GENERATE_INTERNAL(changes, entry, by_index, by_index, static __attribute__((unused)))

void map_init(struct map *m)
{
	*m = (struct map){.n = 0};
	RB_INIT(&m->by_key);
	RB_INIT(&m->by_index);
	TAILQ_INIT(&m->loose);
}

void map_clear(struct map *m)
{
	struct entry *e, *next;

	RB_FOREACH_SAFE(e, changes, &m->by_index, next)
	{
		RB_REMOVE(changes, &m->by_index, e);
		free(e);
	}
	map_init(m);
}

static struct entry sought(struct msg_span key)
{
	return (struct entry){.w = {.key = key}};
}

struct entry *map_find(const struct map *m, struct msg_span key)
{
	struct keys head = m->by_key;
	struct entry like = sought(key);

	return RB_FIND(keys, &head, &like);
}

struct entry *map_from(const struct map *m, struct msg_span key)
{
	struct keys head = m->by_key;
	struct entry like = sought(key);

	return RB_NFIND(keys, &head, &like);
}

struct entry *map_next(struct entry *e)
{
	return RB_NEXT(keys, NULL, e);
}

struct entry *map_after(const struct map *m, struct msg_span key)
{
	struct entry *e = map_from(m, key);

	return e != NULL && key_cmp(e->w.key, key) == 0 ? map_next(e) : e;
}

static void count(struct map *m, const struct entry *e, uint64_t by)
{
	m->n += by;
	m->size += by * (entry_size(e) + 16);
	if (e->alive)
		m->hash += by * e->hash;
	if (entry_reserved(e))
		return;
	m->bytes += by * e->bytes;
	m->alive += by * e->alive;
	m->tombstones += by * !e->alive;
	m->conflicts += by * (e->w.siblings.n > 1);
}

/* Of the same key: e takes the place of old in the tree, without a search and without balancing anything anew. */
static void replace(struct map *m, struct entry *old, struct entry *e)
{
	struct entry *parent = RB_PARENT(old, by_key);

	e->by_key = old->by_key;
	if (parent == NULL)
		RB_ROOT(&m->by_key) = e;
	else if (RB_LEFT(parent, by_key) == old)
		RB_LEFT(parent, by_key) = e;
	else
		RB_RIGHT(parent, by_key) = e;
	if (RB_LEFT(e, by_key) != NULL)
		RB_PARENT(RB_LEFT(e, by_key), by_key) = e;
	if (RB_RIGHT(e, by_key) != NULL)
		RB_PARENT(RB_RIGHT(e, by_key), by_key) = e;
}

/* Out of all but the order of keys. */
static void leave(struct map *m, struct entry *e)
{
	RB_REMOVE(changes, &m->by_index, e);
	if (e->loose)
		TAILQ_REMOVE(&m->loose, e, by_loose);
	count(m, e, UINT64_MAX);
}

void map_put(struct map *m, struct entry *e)
{
	struct entry *old = RB_INSERT(keys, &m->by_key, e);

	if (old != NULL) {
		replace(m, old, e);
		leave(m, old);
		free(old);
	}
	old = RB_INSERT(changes, &m->by_index, e);
	assert(old == NULL);
	if (e->loose)
		TAILQ_INSERT_TAIL(&m->loose, e, by_loose);
	count(m, e, 1);
}

void map_take(struct map *m, struct entry *e)
{
	RB_REMOVE(keys, &m->by_key, e);
	leave(m, e);
}

void map_drop(struct map *m, struct entry *e)
{
	map_take(m, e);
	free(e);
}

struct entry *map_since(const struct map *m, uint64_t after)
{
	struct changes head = m->by_index;
	struct entry like = {.index = after + 1};

	return RB_NFIND(changes, &head, &like);
}

struct entry *map_later(struct entry *e)
{
	return RB_NEXT(changes, NULL, e);
}

struct entry **map_take_all(struct map *m)
{
	struct entry **all = xcalloc(m->n, sizeof(struct entry *)), *e;
	size_t n = 0;

	RB_FOREACH(e, changes, &m->by_index)
	all[n++] = e;
	assert(n == m->n);
	map_init(m);
	return all;
}
