#include "test/sim/queue.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/base/mem.h"

enum { QUEUE_FAN = 4 }; /* children of a heap entry: flatter than two, fewer cache misses */

void queue_free(struct queue *q)
{
	free(q->heap);
	*q = (struct queue){0};
}

void queue_clear(struct queue *q)
{
	q->n = 0;
	q->next_seq = 0;
}

static bool is_before(const struct queue_ev *a, const struct queue_ev *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

void queue_push(struct queue *q, struct queue_ev ev)
{
	size_t i;

	if (q->n == q->cap) {
		q->cap = q->cap == 0 ? 256 : q->cap * 2;
		q->heap = xrealloc(q->heap, q->cap, sizeof *q->heap);
	}
	ev.seq = q->next_seq++;
	for (i = q->n++; i > 0; i = (i - 1) / QUEUE_FAN) {
		struct queue_ev *up = &q->heap[(i - 1) / QUEUE_FAN];

		if (!is_before(&ev, up))
			break;
		q->heap[i] = *up;
	}
	q->heap[i] = ev;
}

const struct queue_ev *queue_first(const struct queue *q)
{
	return q->n == 0 ? NULL : &q->heap[0];
}

static size_t first_child(const struct queue *q, size_t i)
{
	size_t lo = i * QUEUE_FAN + 1, best = lo;

	for (size_t k = lo + 1; k < lo + QUEUE_FAN && k < q->n; k++)
		if (is_before(&q->heap[k], &q->heap[best]))
			best = k;
	return best;
}

struct queue_ev queue_pop(struct queue *q)
{
	struct queue_ev top, last;
	size_t i = 0;

	assert(q->n > 0);
	top = q->heap[0];
	last = q->heap[--q->n];
	while (i * QUEUE_FAN + 1 < q->n) {
		size_t k = first_child(q, i);

		if (!is_before(&q->heap[k], &last))
			break;
		q->heap[i] = q->heap[k];
		i = k;
	}
	if (q->n > 0)
		q->heap[i] = last;
	return top;
}
