#ifndef WORKERS_CANDSET_H
#define WORKERS_CANDSET_H
/*
 * A growing set of candidates that owns its strings: what a strategy fills while it reads an answer and then reports.
 * Bounded: beyond IPC_CANDIDATES_MAX entries are counted, not kept. Order and duplicates are the
 * harness's business.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;
struct worker_candidate;

struct candset {
	struct worker_candidate *item; /* NULL when empty */
	size_t n, cap;
	size_t n_cut; /* not kept for want of room */
};

/* Copies what it is given. False when the set is full. */
bool candset_add(struct candset *s, const char *name, const char *host, uint16_t port,
	const char *source);
/* Hands all but this node itself to worker_report(). Returns whether this node was among them; the set is empty then. */
bool candset_report(struct worker *w, struct candset *s);
/* Empties the set and frees everything; it can be used again. */
void candset_clear(struct candset *s);

#endif
