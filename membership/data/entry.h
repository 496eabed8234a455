#ifndef MEMBERSHIP_DATA_ENTRY_H
#define MEMBERSHIP_DATA_ENTRY_H
/*
 * One key: a context that covers every write ever seen of it, and the siblings, what of these writes still stands. The
 * same struct is on the wire, on disk and, packed into one allocation, in the map. Merging is commutative, associative
 * and idempotent.
 */
#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "membership/data/vec.h"

struct entry {
	RB_ENTRY(entry) by_key;
	RB_ENTRY(entry) by_index;
	TAILQ_ENTRY(entry) by_loose; /* there is something to collect, some day */
	uint64_t index;              /* of the last change here */
	uint64_t hash;               /* of the siblings, without the context */
	uint32_t bytes;              /* key and values */
	uint32_t mark;               /* met by the comparison of this number */
	bool alive;                  /* some sibling is no deletion */
	bool loose;                  /* in the list */
	struct wire_entry w;         /* all of it behind this struct */
};

/* From outside: everything that the rest of the code relies on. */
bool entry_valid(const struct wire_entry *w);
/* A packed copy, to be freed with free(). */
struct entry *entry_new(const struct wire_entry *w);
static inline size_t entry_size(const struct entry *e)
{
	return sizeof *e + e->w.context.n * sizeof(struct wire_origin) +
	       e->w.siblings.n * sizeof(struct wire_sibling) + e->bytes;
}
/* Only what has a reserved key; not listed, watched or counted. */
static inline bool entry_reserved(const struct entry *e)
{
	return e->w.key.p[0] == '\0';
}

static inline struct wire_sibling *sibling_at(const struct wire_entry *w, uint32_t i)
{
	return (struct wire_sibling *)w->siblings.item + i;
}
static inline struct wire_origin sibling_dot(const struct wire_sibling *s)
{
	return (struct wire_origin){s->member, s->epoch, s->n};
}
int key_cmp(struct msg_span a, struct msg_span b);
/* The order of last-writer-wins; never 0 for two siblings of one entry. */
int sibling_lww(const struct wire_sibling *a, const struct wire_sibling *b);
const struct wire_sibling *entry_winner(const struct wire_entry *w);

struct merge_rule {
	const struct vec *mine; /* not NULL: what it covers and I don't hold is superseded */
	const struct vec
		*theirs; /* not NULL: what it covers and they don't hold is superseded */
};

enum merge_flag {
	MERGE_REUSED = 1, /* one dot, two contents: both are kept */
	MERGE_CUT = 2     /* too many siblings: the oldest are gone */
};

/*
 * Both into *out, whose lists are in the arena and whose bytes are borrowed from both. own: NULL or siblings.n 0 when
 * there is none. False when the arena is full. No siblings: nothing stands.
 */
bool entry_merge(const struct wire_entry *own, const struct wire_entry *in,
	const struct merge_rule *rule, struct msg_arena *a, struct wire_entry *out,
	unsigned *flags);

/*
 * What is left once everybody has what min says: false when that is all of it. out->siblings.n 0: nothing. out's lists
 * are in the arena.
 */
bool entry_collect(const struct wire_entry *w, const struct vec *min, struct msg_arena *a,
	struct wire_entry *out);

#endif
