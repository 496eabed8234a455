#ifndef MEMBERSHIP_DATA_TXN_H
#define MEMBERSHIP_DATA_TXN_H
/* What is queued for a transaction, the one that is on its way, and what each kind of op does in it. */
#include "membership/data/disk.h"

struct data;

/* Who wants a write: a command of the shell, a replica's request, or this node itself. */
enum asker_kind { ASK_SHELL, ASK_REMOTE, ASK_NOBODY };
struct asker {
	enum asker_kind kind;
	uint32_t request;
	struct id128 id; /* REMOTE */
};

enum op_kind {
	OP_COMMAND,
	OP_PUSH,    /* records of a peer */
	OP_SYNCED,  /* one part of catching up */
	OP_SWEEP,   /* the end of comparing everything */
	OP_COPIED,  /* one part of a joiner's copy, into the staged map */
	OP_COLLECT, /* forgetting */
	OP_KNOWN    /* how far stopped members were */
};

struct op {
	TAILQ_ENTRY(op) next;
	enum op_kind kind;
	size_t bytes;
	uint32_t serve; /* to be answered, 0: nobody */
	struct id128 peer;
	struct msg_arena arena;
	uint8_t *frame;
	union { /* a request or an answer, borrowed from both */
		struct wire_data_push push;
		struct wire_data_sync sync;
		struct wire_data_ask ask;
		struct wire_data_have have;
		struct wire_data_write write;
		struct wire_data_synced synced;
	} m;
	/* COMMAND */
	struct data_command cmd;
	struct asker asker;
	uint64_t deadline_ms;
	struct data_reply reply; /* of the evaluation; code DATA_OK: written as dot */
	struct wire_origin dot;
	/* PUSH */
	bool gap;
	/* SYNCED, SWEEP, COPIED: which run of it this belongs to */
	uint32_t mark;
	uint64_t index, generation;
	bool last;
	/* COPIED */
	struct entry **placed;
	size_t n_placed;
	/* COLLECT */
	struct vec min;
};
TAILQ_HEAD(ops, op);

/* A write on its way through the tree. */
struct record {
	struct wire_origin dot;
	struct id128 from; /* who pushed it here; zero: written here */
	bool report;
	struct entry *e;
};
struct records {
	struct record *r;
	size_t n, cap;
};

struct txn {
	uint64_t seq; /* 0: none is on its way */
	bool orphan;  /* its generation went meanwhile */
	struct ops ops;
	struct map overlay;     /* what it changes; no siblings: goes */
	struct vec vector, gc;  /* as they will be */
	struct records records; /* what it adds to the live spread */
	struct writes writes;
	struct msg_arena arena; /* of one merge */
	uint64_t index, floor, epoch;
	int64_t grown; /* bytes of keys and values */
};

void txn_init(struct data *d);
void txn_free(struct data *d);
struct op *op_new(enum op_kind kind, size_t bytes);
void op_free(struct op *op);
/* Another one with the same message, which it takes over. */
struct op *op_again(struct op *op, enum op_kind kind);
void queue_op(struct data *d, struct op *op);
/* Begins the next transaction when none is on its way. */
void txn_run(struct data *d);
bool txn_idle(const struct data *d);
/* What is there now, with what the running evaluation has changed. NULL: nothing. */
struct entry *txn_find(struct data *d, struct msg_span key);
/* The key's new state; now: what txn_find() has found of it, gone afterwards perhaps. */
struct entry *txn_put(struct data *d, const struct entry *now, const struct wire_entry *w);
/* The same to readers: keeps its place among the changes. */
void txn_keep(struct data *d, const struct entry *now, const struct wire_entry *w);
/* What comes from a peer. What is there afterwards, changed or not. */
struct entry *txn_merge(struct data *d, const struct wire_entry *w,
	const struct merge_rule *rule, const struct id128 *from);
/* A write that the others are told of. */
void txn_record(struct data *d, const struct record *like, const struct wire_entry *w);
/* Another generation is the data: what is under way belonged to the old one. */
void txn_replaced(struct data *d);

/* What each kind of op does when it is evaluated, when that is durable, and when it can't be. */
typedef void op_fn(struct data *d, struct op *op);
typedef void op_failed_fn(struct data *d, struct op *op, enum data_code code, const char *why);
op_fn command_evaluate, command_done, spread_evaluate, spread_done, sync_evaluate, sync_done,
	sweep_evaluate, sweep_done, copy_evaluate, copy_done, collect_evaluate, collect_done,
	known_evaluate;
op_failed_fn command_failed, spread_failed, sync_failed, copy_failed, collect_failed;

#endif
