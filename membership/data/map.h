#ifndef MEMBERSHIP_DATA_MAP_H
#define MEMBERSHIP_DATA_MAP_H
/*
 * Entries by key, by the order of their last change (a changed one moves to the end), and those of which something may
 * once be collected. Owns its entries. Sums are kept up to date with every change.
 */
#include "membership/data/entry.h"

RB_HEAD(keys, entry);
RB_HEAD(changes, entry);
TAILQ_HEAD(entry_list, entry);

struct map {
	struct keys by_key;
	struct changes by_index;
	struct entry_list loose;
	uint64_t n;                            /* of all, reserved ones too */
	uint64_t alive, tombstones, conflicts; /* reserved ones left out */
	uint64_t bytes, size;                  /* keys and values; on the heap */
	uint64_t hash;                         /* of all that is not only deleted */
};

void map_init(struct map *m);
void map_clear(struct map *m);
struct entry *map_find(const struct map *m, struct msg_span key);
/* The first key ≥ key, or > key. */
struct entry *map_from(const struct map *m, struct msg_span key);
struct entry *map_after(const struct map *m, struct msg_span key);
struct entry *map_next(struct entry *e);
/* Takes the place of an entry of that key. Its index is one that no other entry has. */
void map_put(struct map *m, struct entry *e);
/* Out of the map, or with it freed. */
void map_take(struct map *m, struct entry *e);
void map_drop(struct map *m, struct entry *e);
/* The first entry with an index > after. */
struct entry *map_since(const struct map *m, uint64_t after);
/* The one changed next after e. */
struct entry *map_later(struct entry *e);
/* All m->n of them in the order of their changes; the map is empty, they and the list are the caller's. */
struct entry **map_take_all(struct map *m);

#endif
