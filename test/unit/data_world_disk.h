#ifndef TEST_UNIT_DATA_WORLD_DISK_H
#define TEST_UNIT_DATA_WORLD_DISK_H
/* What the world of data_world.h is made of, and its nodes' disks. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/wire/wire.h"
#include "membership/data/data.h"

/* The largest number of a request, at each node. */
#ifndef DW_REQUESTS
#define DW_REQUESTS 65536
#endif

enum {
	DW_NODES = 12,
	DW_MESSAGES = 4096,
	DW_REPLIES = DW_REQUESTS,
	DW_DELAY_US = 1000,
	DW_PIECE = 7,
	DW_REFUSED_US = 2000
};

struct dw_pair {
	uint8_t *key, *value;
	size_t key_n, value_n;
};

struct dw_node {
	struct data *data;
	struct id128 id;
	char name[32], host[32];
	struct dw_pair *disk; /* sorted by key */
	size_t n_pairs, cap_pairs;
	int disk_error;
	bool slow_disk,
		disk_lies; /* waits for dw_disk(); an error was none: what was written is there */
	uint64_t waiting; /* the transaction that waits */
	struct buf waiting_bytes;
	size_t persists;
	enum wire_role role;
	bool down, apart, leaving, no_quorum;
	uint64_t joined_ms;
	int64_t wall_off_ms;
	uint64_t heard[DW_NODES]; /* the last vector hash of each other one */
	struct data_reply *reply; /* by request */
	bool *replied;
	unsigned n_events[DATA_EV_N];
	char last_event[256];
	bool copied, copied_ok, handed, handed_ok;
	uint64_t copied_generation, progress_entries;
	char done_text[256];
};

struct dw_message {
	uint64_t at_us;
	int from, to;
	bool is_answer, ok, lost;
	uint32_t call; /* of the client */
	enum wire_data method;
	struct buf bytes;
};

struct dw_serve {
	int client, server;
	uint32_t call;
	enum wire_data method;
};

struct dworld {
	struct dw_node node[DW_NODES];
	int n;
	uint64_t now_us, wall_ms;
	bool cut[DW_NODES][DW_NODES]; /* requests from the first to the second get nowhere */
	bool unlinked[DW_NODES][DW_NODES];
	bool unlisted[DW_NODES][DW_NODES]; /* a link that stands and is in no record yet */
	bool (*drop)(struct dworld *w, const struct dw_message *m); /* a test's own faults */
	bool tell_once; /* heartbeats that bring nothing new are not passed on, as the core does it */
	struct dw_message message[DW_MESSAGES];
	size_t n_messages;
	struct dw_serve serve[DW_MESSAGES];
	uint32_t next_serve;
	struct data_conf conf;
	size_t calls[WIRE_DATA_N];
	uint64_t sent_bytes;
};

static inline struct msg_span dw_span(const char *s)
{
	return (struct msg_span){s, (uint32_t)strlen(s)};
}

/* --- disk */

static inline size_t dw_place(const struct dw_node *n, const uint8_t *key, size_t key_n,
	bool *found)
{
	size_t lo = 0, hi = n->n_pairs;

	*found = false;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2, len = n->disk[mid].key_n;
		int c = memcmp(n->disk[mid].key, key, len < key_n ? len : key_n);

		if (c == 0)
			c = len < key_n ? -1 : len > key_n;
		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline void dw_write(struct dw_node *n, const struct core_write *x)
{
	bool found;
	size_t at = dw_place(n, x->key, x->key_n, &found);

	if (found) {
		free(n->disk[at].key);
		free(n->disk[at].value);
		memmove(&n->disk[at], &n->disk[at + 1], (--n->n_pairs - at) * sizeof *n->disk);
	}
	if (x->value == NULL)
		return;
	if (n->n_pairs == n->cap_pairs) {
		n->cap_pairs = n->cap_pairs == 0 ? 64 : n->cap_pairs * 2;
		n->disk = xrealloc(n->disk, n->cap_pairs, sizeof *n->disk);
	}
	memmove(&n->disk[at + 1], &n->disk[at], (n->n_pairs++ - at) * sizeof *n->disk);
	n->disk[at] = (struct dw_pair){xmemdup(x->key, x->key_n), xmemdup(x->value, x->value_n),
		x->key_n, x->value_n};
}

static inline void dw_disk_clear(struct dw_node *n)
{
	for (size_t i = 0; i < n->n_pairs; i++) {
		free(n->disk[i].key);
		free(n->disk[i].value);
	}
	n->n_pairs = 0;
}

/* A copy of the pairs, to roll back to. */
static inline struct dw_pair *dw_disk_save(const struct dw_node *n, size_t *count)
{
	struct dw_pair *copy = xcalloc(n->n_pairs, sizeof *copy);

	*count = n->n_pairs;
	for (size_t i = 0; i < n->n_pairs; i++)
		copy[i] = (struct dw_pair){xmemdup(n->disk[i].key, n->disk[i].key_n),
			xmemdup(n->disk[i].value, n->disk[i].value_n), n->disk[i].key_n,
			n->disk[i].value_n};
	return copy;
}

static inline void dw_disk_restore(struct dw_node *n, struct dw_pair *copy, size_t count)
{
	dw_disk_clear(n);
	free(n->disk);
	n->disk = copy;
	n->n_pairs = n->cap_pairs = count;
}

#endif
