#include "workers/worker.h"

enum { FIRST_MS = 1000, JITTER_PERCENT = 20 };

uint64_t worker_backoff_next(struct worker *w, struct worker_backoff *b, uint64_t max_ms)
{
	uint64_t now_ms = b->next_ms == 0 ? FIRST_MS : b->next_ms, spread;

	if (now_ms > max_ms)
		now_ms = max_ms;
	b->next_ms = 2 * now_ms;
	spread = now_ms * JITTER_PERCENT / 100;
	return rng_range(&w->rng, now_ms - spread, now_ms + spread);
}

void worker_backoff_reset(struct worker_backoff *b)
{
	b->next_ms = 0;
}
