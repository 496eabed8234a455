#ifndef MEMBERSHIP_MEMORY_H
#define MEMBERSHIP_MEMORY_H
/*
 * What this process does with memory that is free. What is large is mapped by itself: pages that nobody touches cost
 * nothing, and it is the kernel's again when it is freed. While large transactions follow each other, their buffers come
 * and go many times a second; to map each anew would cost more than all else that is done to them, so until a while after
 * the last one they are kept.
 */
#include <ev.h>
#include <stdbool.h>

struct memory {
	struct ev_loop *loop;
	ev_timer trim; /* runs since the last call of the two below */
	bool burst;
};

/* Before there is a second thread. */
void memory_init(struct memory *m, struct ev_loop *loop);
void memory_fini(struct memory *m);
/* Much has been freed that will not be wanted soon: the kernel gets it, once this is not called for some seconds. */
void memory_trim_later(struct memory *m);
/* A large transaction. */
void memory_burst(struct memory *m);

#endif
