#ifndef TEST_SIM_QUEUE_H
#define TEST_SIM_QUEUE_H
/*
 * The events to come, ordered by (time, sequence): what was queued first happens first at equal times, so a run depends on
 * its seed alone. Knows nothing of what the events mean; p is the caller's and not freed here.
 */
#include <stddef.h>
#include <stdint.h>

struct queue_ev {
	uint64_t at_us;
	uint64_t seq; /* set by queue_push() */
	uint32_t kind, who, gen, x;
	void *p;
};

struct queue {
	struct queue_ev *heap;
	size_t n, cap;
	uint64_t next_seq;
};

void queue_free(struct queue *q);
/* Forgets every event, keeps the memory. */
void queue_clear(struct queue *q);
void queue_push(struct queue *q, struct queue_ev ev);
/* The earliest event, NULL when there is none; valid until the next push or pop. */
const struct queue_ev *queue_first(const struct queue *q);
/* Takes the earliest event; there must be one. */
struct queue_ev queue_pop(struct queue *q);

#endif
