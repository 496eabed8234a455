#ifndef TEST_BENCH_KV_LOAD_H
#define TEST_BENCH_KV_LOAD_H
/*
 * A load generator for key-value stores: so many puts under way at once, each answered one followed by the next, for some
 * seconds. One loop, one thread, the same for every store, so that only the stores are compared.
 *   kv_load.c           options, slots, the distribution
 *   kv_load_clusterd.c  clusterd's control socket; how long a write takes to reach all watchers
 *   kv_load_etcd.c      etcd's gRPC, as its own clients speak it
 */
#include <ev.h>

#include "common/msg/msg.h"

struct load;

/* One connection; what is queued on it is sent before the loop waits. */
struct conn {
	struct load *load;
	ev_io io;
	ev_prepare before_wait;
	void *state; /* the store's */
};

struct store {
	const char *name;
	/* target: a path or HOST:PORT. Connects, or ends the process with the reason. */
	void (*open)(struct conn *c, const char *target);
	/* Queues a put; load_answered() with the same number follows. */
	void (*put)(struct conn *c, uint32_t slot, struct msg_span key, struct msg_span value);
};
extern const struct store store_clusterd, store_etcd;

struct load_options {
	uint32_t outstanding, connections, value_bytes, keys, ack, pause_ms, ms, warm_up_ms;
	bool fill; /* each key once, and then the end */
};

/* error: NULL or why the put failed. */
void load_answered(struct load *l, uint32_t slot, const char *error);
const struct load_options *load_options(const struct load *l);

/* Numbers of microseconds, in the order of their coming. */
struct samples {
	uint32_t *us;
	size_t n, cap;
};
void samples_add(struct samples *s, uint64_t ns);
/* Sorts them; prints "p50_us": … as members of a JSON object. */
void samples_print(struct samples *s);

/* From the begin of a put on one of the nodes to the last watcher that sees it, one after the other. */
int spread_main(const struct load_options *o, char **socket, size_t n);

/* Ends the process: a benchmark has no other use of an error. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
uint64_t now_ns(void);

#endif
