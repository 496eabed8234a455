#ifndef COMMON_WIRE_WIRE_DATA_H
#define COMMON_WIRE_WIRE_DATA_H
/*
 * The RPC requests of the shared data (membership/data), one struct and one table row each. docs/protocol.md is generated
 * from the rows. Counts are bounded by the tables, bytes by the RPC frame (4 MiB).
 */
#include "common/msg/msg.h"

enum {
	WIRE_DATA_KEY_MAX = 480,
	WIRE_DATA_VALUE_MAX = 64 * 1024,
	WIRE_DATA_SIBLINGS_MAX = 64,
	WIRE_DATA_CONTEXT_MAX = 16384, /* what the vector has, a context may have */
	WIRE_DATA_ORIGINS_MAX = 16384,
	WIRE_DATA_RECORDS_MAX = 16384,
	WIRE_DATA_PART_BYTES =
		1024 * 1024, /* about; one more record fits the frame in any case */
	WIRE_DATA_TOKEN_MAX = 64
};

/* Who numbered a write: a member's life, and from its first write on. */
struct wire_origin {
	struct id128 member;
	uint64_t epoch;
	uint64_t n; /* the number; in a vector: everything up to it */
};

struct wire_sibling {
	struct id128 member;
	uint64_t epoch, n; /* its dot */
	uint64_t ms;       /* hybrid logical clock */
	uint32_t counter;
	bool deleted;
	struct msg_span value;
};

/* All of one key: a context that covers everything seen of it, and what of that still stands. */
struct wire_entry {
	struct msg_span key;
	struct msg_list context;  /* struct wire_origin, sorted */
	struct msg_list siblings; /* struct wire_sibling, sorted */
};

enum wire_data {
	WIRE_DATA_PUSH,
	WIRE_DATA_SYNC,
	WIRE_DATA_VECTOR,
	WIRE_DATA_HAVE,
	WIRE_DATA_WRITE,
	WIRE_DATA_N
};

/* Live spread: writes in the order of their numbers, each as it was when it was written. */
struct wire_data_record {
	struct id128 member;
	uint64_t epoch, n;     /* the write that this is about: the next one of its origin */
	bool report;           /* tell upwards by `have` who has it */
	struct msg_list entry; /* 1 struct wire_entry */
};

struct wire_data_push {
	struct msg_list records; /* struct wire_data_record */
};

struct wire_data_pushed {
	struct msg_list
		have; /* struct wire_origin: durable here, of the origins that were pushed */
	uint64_t wall_ms;
	bool gap; /* something before the first is missing: I catch up from you */
};

enum wire_sync_mode { WIRE_SYNC_TAIL, WIRE_SYNC_ALL, WIRE_SYNC_COPY };

/* Catching up, comparing everything, copying. The cursor is the server's; the first request has none. */
struct wire_data_sync {
	uint32_t mode;
	struct msg_list vector; /* struct wire_origin: what I have; empty with ALL, COPY */
	struct msg_list gc;     /* what I have forgotten the deletions of */
	struct id128 staged;    /* COPY: the joiner's member id to be */
	uint64_t epoch, index;  /* the cursor */
};

struct wire_data_synced {
	uint64_t epoch, index;
	struct msg_list entries; /* struct wire_entry */
	bool done;
	struct msg_list vector,
		gc; /* with done: adopt them with the last entry; vector: in a copy also first */
	uint64_t entries_total, bytes_total; /* about */
	bool stale;  /* your vector does not cover what I have forgotten: COPY */
	bool behind; /* my vector does not cover what you have forgotten: I am the stale one */
	uint64_t wall_ms;
};

struct wire_data_ask {
	bool pull; /* catch up from me now */
};

struct wire_data_vector {
	struct msg_list vector, gc;
	uint64_t data_hash, wall_ms;
	bool leaving; /* takes no hand-over */
};

struct wire_data_holder {
	struct id128 holder;
	struct id128 member;
	uint64_t epoch, n;
};

/* Up the tree: who else has these durable. */
struct wire_data_have {
	struct msg_list holders; /* struct wire_data_holder */
};

/* A replica's write, done by a core. */
struct wire_data_write {
	struct id128 id; /* the same on retry: done once */
	uint32_t op, ack, timeout_ms;
	struct msg_span key, value, if_version;
	bool conditional;
	uint32_t sibling;
};

struct wire_data_written {
	uint32_t code, acked;
	struct msg_span version, text;
};

struct wire_data_row {
	const char *method;
	const struct msg_desc *params, *result; /* NULL: none */
	const char *doc;
};

extern const struct wire_data_row wire_data_rows[WIRE_DATA_N];
extern const struct msg_desc wire_entry_desc, wire_data_vector_desc;

#endif
