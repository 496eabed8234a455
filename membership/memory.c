#include "membership/memory.h"

#include <malloc.h>

#define TRIM_S 5.0

enum { LARGE_BYTES = 128 * 1024, LARGE_IN_BURST_BYTES = 4 * 1024 * 1024 };

static void large_from(int bytes)
{
	mallopt(M_MMAP_THRESHOLD, bytes);
	mallopt(M_TRIM_THRESHOLD, bytes);
}

static void on_trim(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct memory *m = t->data;

	(void)revents;
	ev_timer_stop(loop, t);
	m->burst = false;
	large_from(LARGE_BYTES);
	malloc_trim(0);
}

void memory_init(struct memory *m, struct ev_loop *loop)
{
	mallopt(M_ARENA_MAX, 1); /* its threads hardly ever allocate at once */
	large_from(LARGE_BYTES);
	m->loop = loop;
	m->burst = false;
	ev_init(&m->trim, on_trim);
	m->trim.repeat = TRIM_S;
	m->trim.data = m;
}

void memory_fini(struct memory *m)
{
	ev_timer_stop(m->loop, &m->trim);
}

void memory_trim_later(struct memory *m)
{
	ev_timer_again(m->loop, &m->trim);
}

void memory_burst(struct memory *m)
{
	if (!m->burst)
		large_from(LARGE_IN_BURST_BYTES);
	m->burst = true;
	memory_trim_later(m);
}
