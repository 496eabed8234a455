#ifndef MEMBERSHIP_DATA_DATA_INT_H
#define MEMBERSHIP_DATA_DATA_INT_H
/*
 * What the files of membership/data share. One object, no globals; a file for each subject:
 *   vec entry map   values: vectors, one key, all keys
 *   disk            keys and values of the log on disk, loading
 *   txn             what waits for the disk, takes effect in one transaction, or fails
 *   command ack     writes of this node, and when they are answered
 *   clock           stamps, and whether this node's clock can be trusted
 *   read            questions
 *   peer call       who the others are, and requests to them
 *   spread          live spread along the trees
 *   origin report   numbers of my own, who has which
 *   sync sync_serve sweep   catching up, both ends
 *   copy generation a joiner's copy, another generation
 *   collect         when deletions are forgotten
 *   cover           hand-over, and how far somebody is
 *   replica         writes done elsewhere
 */
#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "membership/core/mutants.h"
#include "membership/data/data.h"
#include "membership/data/txn.h"

enum {
	DATA_ACK_TIMEOUT_MS = 5000,
	DATA_ARENA_MAX = 64 * 1024 * 1024,
	DATA_FRAME_MAX = 4 * 1024 * 1024,
	DATA_REDO_MS = 1000,
	DATA_LEAD_MS = 60000, /* how far ahead a stamp is followed, a clock believed */
};

/* --- the others */

/* Catching up from a peer. */
struct sync {
	bool wanted, running;
	bool pulled;  /* asked for by the peer: also when it is no neighbour */
	bool compare; /* everything */
	bool same;    /* its vector was equal when it was last looked at */
	enum wire_sync_mode mode;
	uint32_t call, mark, backoff_ms;
	uint64_t epoch, index;           /* the cursor */
	uint64_t done_epoch, done_index; /* where the last complete one ended */
	uint64_t at_ms, differs_ms, sweep;
	struct vec theirs; /* COPY: what it had when it began */
};

/* A member, not me. */
struct peer {
	struct id128 id;
	char *host;
	uint16_t rpc_port;
	bool core, running;
	bool departed; /* is only caught up from, so that it can clear what it has */
	bool near;     /* linked, and its RPC port answers: data is exchanged */
	bool fresh;    /* since this view */
	uint64_t joined_ms, vector_hash, data_hash;
	struct vec have;      /* of what was pushed: what it has for sure */
	int64_t clock_ms;     /* its clock against my monotonic one */
	uint64_t clock_at_ms; /* when that was seen; 0: never */
	/* live spread */
	uint64_t cursor, pushed_from, push_at_ms;
	uint32_t push_call, push_backoff_ms;
	struct buf holders; /* struct wire_data_holder, to be told */
	uint32_t have_call;
	struct sync sync;
	uint32_t hand_no; /* takes no hand-over of this job */
};

TAILQ_HEAD(waiters, waiter);
TAILQ_HEAD(calls, call);
TAILQ_HEAD(forwards, forward);

enum call_kind {
	CALL_PUSH,
	CALL_HAVE,
	CALL_SYNC,
	CALL_COPY,
	CALL_COLLECT,
	CALL_HAND,
	CALL_WRITE
};

struct call {
	TAILQ_ENTRY(call) next;
	uint32_t id;
	enum call_kind kind;
	struct id128 peer;
	uint64_t at_us;
};

struct call_to {
	struct id128 id;
	const char *host;
	uint16_t rpc_port;
};

/* The last writes, for those who follow; by number, the oldest go first. */
struct ring {
	struct record *r;
	uint64_t tail, head;
	size_t bytes;
};

/* To whom the word of who has an origin's writes goes. */
struct report {
	struct wire_origin origin;
	struct id128 parent;
};

struct copy {
	bool active, whole;
	uint32_t job, life;
	struct id128 source, staged;
	char *host;
	uint16_t rpc_port;
	uint64_t generation, data_epoch;
	struct map map;
	struct vec vector, gc;
	uint64_t epoch, index; /* the cursor */
	uint32_t call, backoff_ms;
	uint64_t at_ms, heard_ms;
	uint64_t entries, bytes, placed;
	unsigned under_way; /* parts that are here and not yet on disk */
	bool all_told;      /* the last part is here */
};

struct hand {
	bool active;
	uint32_t job, call[2], next;
	uint64_t until_ms, at_ms;
};

/* --- the object */

struct fx {
	TAILQ_ENTRY(fx) next;
	struct data_fx fx;
	struct buf bytes;
};
TAILQ_HEAD(fx_list, fx);

struct data {
	/* configuration */
	uint64_t max_bytes, tombstone_ttl_ms;
	bool require_quorum;
	struct policy {
		char *text;
		size_t n;
		enum data_policy policy;
	} * policy;
	size_t n_policies;

	uint64_t now_us, now_ms, wall_ms, wake_ms;
	struct rng rng;
	struct msg_arena arena; /* of one call */

	/* the present generation */
	uint64_t generation, epoch, index, floor;
	uint64_t session; /* of my cursors: another one in each life and generation */
	bool meta_stored;
	struct map map;
	struct vec vector, gc;
	uint64_t vector_hash;
	struct wire_origin own; /* my origin; epoch 0: to be drawn, n: the last one given */

	/* stamps and clocks */
	uint64_t stamp_ms;
	uint32_t stamp_counter;
	bool skewed, others_known;
	int64_t skew_ms, others_ms;
	uint64_t others_until_ms;

	/* the way to the disk */
	struct ops queue;
	size_t queue_bytes;
	uint64_t late_ms; /* when to look for commands that have waited too long */
	struct txn txn;
	uint64_t next_seq;
	struct buf redo;   /* keys that a failed transaction may have left, length-prefixed */
	struct buf doomed; /* keys of other generations, length-prefixed */
	size_t doomed_at;
	uint64_t redo_at_ms;
	int store_error;

	/* what the shell knows of the cluster */
	struct id128 self;
	enum wire_role role;
	bool quorum, apart, leaving;
	struct peer *peer; /* sorted by id */
	size_t n_peers;
	size_t self_at;                /* where I would be */
	uint32_t cores, cores_running; /* myself included */
	uint64_t joined_ms;            /* mine */
	size_t (*children)(void *ctx, const struct id128 *root, uint32_t *out, size_t cap);
	void *children_ctx;

	/* requests that are out */
	struct calls calls;
	uint32_t next_call;

	/* live spread, and who has what */
	struct ring ring;
	struct tree *trees;
	uint32_t next_tree;
	bool spread_due;
	struct report *report;
	size_t n_reports;
	uint32_t next_report;
	/* writes that wait to be had by others, in the order of their numbers */
	struct waiters waiters[DATA_ACK_MAJORITY + 1];
	uint64_t waiters_ms;

	/* catching up */
	bool sync_due;
	uint32_t syncs, next_mark;
	struct copy copy;

	/* collection */
	struct known *known;
	size_t n_known;
	struct {
		uint32_t left; /* answers that are missing */
		bool failed;
		uint64_t at_ms;
	} round;
	uint64_t lease_ms; /* a copy from here is open until then */
	uint64_t collections;
	bool collect_due, collecting, collect_more;

	struct hand hand;
	struct forwards forwards; /* a replica's writes */
	struct remote *remote;    /* those of replicas, and their answers */
	size_t n_remotes;
	uint64_t conflict_ms; /* the last event */

	/* effects and answers to questions */
	struct fx_list fx;
	struct fx *given;
	bool changed, status_changed;
	struct buf text; /* of the last question */
	struct data_value value[WIRE_DATA_SIBLINGS_MAX];
	const struct wire_sibling *sorted[WIRE_DATA_SIBLINGS_MAX];
};

/* --- data.c */
struct data_fx *fx_new(struct data *d, enum data_fx_kind kind);
/* Bytes that live as long as the effect just made. */
struct buf *fx_bytes(struct data *d);
/* At the begin of every input: the last effect is done with. */
void fx_forget(struct data *d);
void tell_event(struct data *d, enum data_event_kind kind, const struct id128 *member,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* data_tick() is wanted then. */
void wake_at(struct data *d, uint64_t ms);
/* At the end of every input: everything that can be begun now. */
void data_run(struct data *d);

/* --- command.c */
void command_begin(struct data *d, const struct data_command *cmd, const struct asker *asker);
void command_tick(struct data *d);
/* A value of a reserved key. */
void command_internal(struct data *d, struct msg_span key, struct msg_span value);
void command_reply(struct data *d, const struct asker *to, const struct data_reply *reply);
void reply_code(struct data_reply *r, enum data_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Of what stands: empty when nothing does. */
void token_of(const struct entry *e, char out[64]);

/* --- ack.c */
void ack_init(struct data *d);
void ack_free(struct data *d);
void ack_wait(struct data *d, struct op *op);
/* Somebody has more. */
void ack_check(struct data *d);
void ack_tick(struct data *d);
void ack_replaced(struct data *d);
/* Some core is no neighbour: it must be told of by others. */
bool ack_far(const struct data *d);

/* --- clock.c */
/* The next stamp of this node. */
void clock_stamp(struct data *d, struct wire_sibling *s);
void clock_seen(struct data *d, const struct wire_entry *w);
/* A peer's clock in an answer to what was asked then. */
void clock_sample(struct data *d, struct peer *p, uint64_t asked_us, uint64_t wall_ms);
bool clock_skewed(struct data *d);

/* --- read.c */
/* The i-th newest sibling. */
const struct wire_sibling *read_sorted(struct data *d, const struct wire_entry *w, uint32_t i);
/* Are concurrent values of this key a conflict? */
bool read_conflicts(const struct data *d, struct msg_span key);

/* --- peer.c */
struct peer *peer_find(const struct data *d, const struct id128 *id);
void peers_free(struct data *d);
/* Another generation: nothing that was had of the old one counts. */
void peers_replaced(struct data *d);

/* --- call.c */
uint32_t call_send(struct data *d, enum call_kind kind, const struct call_to *to,
	const void *params, uint32_t timeout_ms);
uint32_t call_peer(struct data *d, enum call_kind kind, const struct peer *p,
	const void *params);
void call_cancel(struct data *d, uint32_t *id);
void calls_free(struct data *d);
/* Decodes an answer; lists live until the next one. */
bool call_result(struct data *d, const struct call *c, struct msg_reader r, void *out);
/* When to try again: 100 ms, doubling to 5 s. */
uint64_t call_again_ms(struct data *d, uint32_t *backoff_ms);
typedef void answered_fn(struct data *d, const struct call *c, struct msg_reader r,
	const char *error);
answered_fn spread_answered, report_answered, sync_answered, copy_answered, collect_answered,
	hand_answered, replica_answered;
/* serve 0: nobody asks any more. */
void serve_answer(struct data *d, uint32_t serve, enum wire_data method, const void *result);
void serve_error(struct data *d, uint32_t serve, const char *text);
/* An op with a decoded message of its own, or NULL. */
struct op *op_from(enum op_kind kind, const struct msg_desc *desc, struct msg_reader r);
/* Each answers or queues the op, and owns it. */
op_fn spread_serve, report_serve, sync_serve, hand_serve, replica_serve;

/* --- spread.c */
void spread_init(struct data *d);
void spread_free(struct data *d);
void spread_clear(struct data *d);
void spread_view(struct data *d);
void spread_add(struct data *d, struct records *list);
void spread_run(struct data *d);
void spread_tick(struct data *d);

/* --- report.c */
/* by says that holder has these writes. */
void report_had(struct data *d, const struct peer *by, const struct wire_origin *o,
	const struct id128 *holder);
void report_parent(struct data *d, const struct wire_origin *dot, const struct id128 *parent);

/* --- origin.c */
struct wire_origin own_next(struct data *d);
/* Somebody shows a write: of my present origin, one that I have not given? */
void own_seen(struct data *d, const struct wire_origin *dot, const struct id128 *from);
void own_seen_in(struct data *d, const struct msg_list *vector, const struct id128 *from);
void own_reused(struct data *d, const struct wire_origin *dot, const struct id128 *from);

/* --- sync.c */
/* Catch up from p (NULL: nobody) as soon as may be. */
void sync_want(struct data *d, struct peer *p);
void sync_stop(struct data *d, struct peer *p);
void sync_view(struct data *d, struct peer *p);
void sync_hashes(struct data *d, struct peer *p);
/* Is everything being compared with a peer's? Nobody else is listened to meanwhile. */
bool sync_comparing(const struct data *d);
void sync_run(struct data *d);
void sync_tick(struct data *d);
/* An answer to sync as an op, or NULL when it makes no sense. */
struct op *sync_op(enum op_kind kind, struct msg_reader r);
/* The peer whose run this op belongs to, unless that is over. */
struct peer *sync_waiting(struct data *d, const struct op *op);
void sync_adopt(struct data *d, struct peer *p, const struct wire_data_synced *m);
void sync_finish(struct data *d, struct peer *p, const struct wire_data_synced *m);
void sweep_begin(struct data *d, struct peer *p, struct op *op);

/* --- copy.c */
void copy_tick(struct data *d);
void copy_drop(struct data *d);
void copy_free(struct data *d);

/* --- collect.c */
void collect_run(struct data *d);
void collect_tick(struct data *d);
/* There may be something to collect. */
void collect_arm(struct data *d);
void knowns_free(struct data *d);
void known_load(struct data *d, const struct id128 *member, const struct msg_list *vector,
	uint64_t stopped_ms);
void known_doom(struct data *d);

/* --- cover.c */
void hand_tick(struct data *d);

/* --- replica.c */
void replica_forward(struct data *d, struct op *op);
void replica_tick(struct data *d);
void replica_replied(struct data *d, const struct id128 *id, const struct data_reply *reply);
void replica_lost(struct data *d, uint32_t serve);
void replica_free(struct data *d);

#endif
