#ifndef MEMBERSHIP_DATA_DATA_H
#define MEMBERSHIP_DATA_DATA_H
/*
 * The shared data: a replicated map of small values, as a pure state machine beside membership/core (docs/protocol.md,
 * "The shared data", has the rules in prose). It owns no descriptor, clock, random source or thread but what is handed in;
 * the daemon and the simulator run the same object code.
 *
 * All of the map is in memory; the disk is a log of it in whole transactions (DATA_FX_PERSIST), which load it at the next
 * start. What is not durable is not visible and not told to anyone: commands and received writes are collected into one
 * batch while the one before it is on its way to the disk (group commit), and take effect when it is there.
 *
 * The shell's loop is the core's: data_clock(); data_<input>(); while (data_next_fx()) do it; then one timer for
 * data_deadline(), at which data_tick() is called.
 *
 * Nodes talk by requests over RPC (common/wire/wire_data.h). The client is who wants something: DATA_FX_CALL, answered
 * once by data_answered(). A request that comes in is data_serve(), answered once by DATA_FX_ANSWER, maybe much later
 * (when it is durable). At most one call of each kind is out to one peer; the shell keeps one connection a peer, opened
 * by the first call and closed when idle, so that a cluster that writes nothing has none.
 *
 * Times: milliseconds of the monotonic clock unless a name says wall. What inputs borrow is copied.
 */
#include "common/base/id.h"
#include "common/msg/msg.h"
#include "common/wire/wire.h"
#include "common/wire/wire_data.h"
#include "membership/core/core.h"

struct data;

enum {
	DATA_KEY_MAX = 480,
	DATA_VALUE_MAX = 64 * 1024,
	DATA_ORIGINS_MAX =
		12288, /* no more begin here; clusters that merge may have more, up to what is sent */
	DATA_BATCH_BYTES = 4 * 1024 * 1024,
	DATA_QUEUE_BYTES =
		16 * 1024 *
		1024, /* commands waiting for the disk; more are refused with DATA_E_BUSY */
};

enum data_policy { DATA_SIBLINGS, DATA_LWW, DATA_MAX, DATA_UNION };

struct data_policy_row {
	const char *prefix; /* the longest that matches counts */
	enum data_policy policy;
};

struct data_conf {
	uint64_t max_bytes; /* store.max_size: keys and values with their siblings */
	bool require_quorum;
	uint64_t
		tombstone_ttl_ms; /* how long a stopped member may hold collection back, in time that others ran */
	const struct data_policy_row *policy;
	size_t n_policies;
};

/*
 * stored: the pairs whose keys data_owns(), and the core's key `data` with the present generation (8 bytes, big-endian; no
 * such key: generation 0); NULL with a message for the operator when they can't be used.
 */
bool data_owns(const struct core_kv *kv);
struct data *data_new(const struct data_conf *conf, const struct core_stored *stored,
	const struct core_birth *birth, char *err, size_t err_cap);
/*
 * The same bit by bit: data_begin(), data_load() for each part of the pairs, data_loaded(). Until then and after an error
 * nothing else may be done with it but data_reload(), data_free().
 */
uint64_t data_generation(const struct core_stored *stored);
struct data *data_begin(const struct data_conf *conf, uint64_t generation,
	const struct core_birth *birth);
bool data_load(struct data *d, const struct core_stored *stored, char *err, size_t err_cap);
void data_loaded(struct data *d);
void data_free(struct data *d);
void data_reload(struct data *d, const struct data_conf *conf);

/* --- inputs --- */

void data_clock(struct data *d, uint64_t mono_us, uint64_t wall_ms);
void data_tick(struct data *d);
uint64_t data_deadline(const struct data *d);

/* One running or stopped member as membership shows it. */
struct data_member {
	struct id128 id;
	const char *name, *host;
	uint16_t rpc_port;
	bool core, running;
	/*
	 * It is no member any more and has just been told so here: `vector` with pull is served to it, and it is caught up
	 * from, so that it can clear what it has; for everything else (counts, targets, spread) it is not there.
	 */
	bool departed;
	bool link;    /* a live link of mine leads there */
	bool data_ok; /* and its RPC port answers */
	uint64_t joined_ms;
	uint64_t vector_hash, data_hash; /* of its last PING; 0, 0: none yet */
};

struct data_view {
	struct id128 self; /* my member id: the origin of my writes */
	enum wire_role role;
	bool quorum;
	bool apart,
		leaving; /* standing apart: nothing is exchanged. leaving: takes no hand-over, no writes */
	const struct data_member *member; /* sorted by id, self included */
	size_t n;
	/*
	 * My children in the shortest-path tree rooted at an origin's member over usable edges marked data ok, computed by
	 * the core (core_tree_children()); fills in up to cap indices of member[], returns how many. Valid until the next
	 * data_view().
	 */
	size_t (*children)(void *ctx, const struct id128 *root, uint32_t *out, size_t cap);
	void *ctx;
};
/* At the start and whenever something of it changed; everything is copied but children, ctx. */
void data_view(struct data *d, const struct data_view *v);
/* The peer's PING carries other hashes than before. */
void data_peer_hashes(struct data *d, const struct id128 *peer, uint64_t vector_hash,
	uint64_t data_hash);

/* The answer to a call: error NULL and the result's bytes, or why there is none (lost, refused, timed out). */
void data_answered(struct data *d, uint32_t call, struct msg_reader result, const char *error);
/* A request of an authenticated peer (member id of its RPC hello). serve: the shell's handle of it. */
void data_serve(struct data *d, uint32_t serve, const struct id128 *from, enum wire_data method,
	struct msg_reader params);
/* The connection of a request went away before its answer. */
void data_serve_lost(struct data *d, uint32_t serve);

void data_persisted(struct data *d, uint64_t seq, int error);

enum data_op { DATA_GET, DATA_PUT, DATA_DELETE, DATA_RESOLVE };
enum data_ack { DATA_ACK_LOCAL, DATA_ACK_ONE, DATA_ACK_MAJORITY };

struct data_command {
	enum data_op op;
	uint32_t request; /* the shell's; comes back with the reply */
	enum data_ack ack;
	uint32_t
		timeout_ms; /* for the disk and the acknowledgement of others; 0: DATA_ACK_TIMEOUT_MS */
	struct msg_span key, value;
	struct msg_span
		if_version; /* p NULL: unconditional; n 0: only when there is no value */
	uint32_t
		sibling; /* RESOLVE: which of the conflicting values stands (as numbered by data_get) */
};
/* PUT, DELETE, RESOLVE: exactly one DATA_FX_REPLY. A replica forwards it to a core. */
void data_command(struct data *d, const struct data_command *cmd);

/*
 * The joiner's copy, CORE_FX_COPY: everything of source into a new generation beside the present data. Ends with
 * DATA_FX_COPIED. A broken connection is taken up again at the same source where it broke off.
 */
struct data_copy {
	uint32_t job;
	struct data_member source;
	struct id128 staged;
};
void data_copy(struct data *d, const struct data_copy *cp);
/* Drops what was staged; also after DATA_FX_COPIED, when the join failed behind it. */
void data_copy_cancel(struct data *d, uint32_t job);
/* The core has committed a transaction that makes this generation the data (join), or a new empty one (leave, cleaned). */
void data_swapped(struct data *d, uint64_t generation);
/*
 * Before leaving or clearing: until some running core covers everything that is here; at once when nothing is here or
 * nobody runs. Ends with DATA_FX_HANDED; the view says `leaving` from before. A second call replaces the first.
 */
void data_handover(struct data *d, uint32_t job);

/* --- effects --- */

enum data_fx_kind {
	DATA_FX_PERSIST, /* one transaction, answered by data_persisted() in order */
	DATA_FX_CALL,
	DATA_FX_CALL_CANCEL, /* its answer is of no interest any more: no data_answered() comes */
	DATA_FX_ANSWER,
	DATA_FX_REPLY,
	DATA_FX_CHANGED, /* something that watchers may want: ask data_changes() */
	DATA_FX_EVENT,
	DATA_FX_COPIED,
	DATA_FX_PROGRESS, /* of a copy or hand-over */
	DATA_FX_HANDED,
	DATA_FX_STATUS /* something that data_status() shows has changed, data_hash() first of all */
};

enum data_code {
	DATA_OK,
	DATA_E_TIMEOUT, /* durable here, not yet elsewhere: text says so */
	DATA_E_STORE,   /* the disk said no */
	DATA_E_FULL,    /* store.max_size */
	DATA_E_TOO_LARGE,
	DATA_E_VERSION, /* if_version is not what is there */
	DATA_E_QUORUM,
	DATA_E_CLOCK, /* this node's clock is wrong: not stamped */
	DATA_E_BUSY,
	DATA_E_NO_CORE, /* a replica without a core */
	DATA_E_NOT_FOUND,
	DATA_E_INVALID
};

struct data_reply {
	uint32_t request;
	enum data_code code;
	uint32_t acked;   /* running cores that have it, this one included */
	char version[64]; /* token of what is there now */
	char text[256];
};

/* kind, stable name, severity, what it means */
#define DATA_EVENTS(X)                                                                      \
	X(DATA_EV_CONFLICT, "data_conflict", CORE_WARN, "a key has concurrent values")      \
	X(DATA_EV_ORIGIN, "origin_reused", CORE_ERROR,                                      \
		"two writes with one number: a cloned or "                                  \
		"rolled back data directory")                                               \
	X(DATA_EV_DIFFERS, "data_differs", CORE_ERROR,                                      \
		"equal vectors, other data: compared anew")                                 \
	X(DATA_EV_SKEW, "clock_skew", CORE_WARN,                                            \
		"a clock is more than a minute from the others'")                           \
	X(DATA_EV_STALE, "data_stale", CORE_WARN, "away too long: the data is copied anew") \
	X(DATA_EV_STORE, "data_store_failed", CORE_ERROR, "the data could not be written")  \
	X(DATA_EV_STORE_OK, "data_store_ok", CORE_INFO, "the data can be written again")    \
	X(DATA_EV_UNUSABLE, "data_unusable", CORE_ERROR,                                    \
		"the data on disk can't be read: this node goes on without it")             \
	X(DATA_EV_REPAIRED, "data_put_aside", CORE_WARN,                                    \
		"the unreadable data is put aside, the others' is copied")

#define DATA_EVENT_ENUM(id, name, severity, doc) id,
enum data_event_kind { DATA_EVENTS(DATA_EVENT_ENUM) DATA_EV_N };
#undef DATA_EVENT_ENUM
const char *data_event_name(enum data_event_kind k);
enum core_severity data_event_severity(enum data_event_kind k);

struct data_event {
	enum data_event_kind kind;
	struct id128 member_id; /* whom it is about; zero: nobody */
	char text[256];
};

struct data_fx {
	enum data_fx_kind kind;
	union {
		struct {
			uint64_t seq;
			const struct core_write *write;
			size_t n;
		} persist;
		struct {
			uint32_t call;
			struct id128
				peer; /* with host and port as of the last data_view() or data_copy() */
			const char *host;
			uint16_t rpc_port;
			enum wire_data method;
			const uint8_t *params; /* encoded array */
			size_t n;
			uint32_t timeout_ms;
		} call;
		struct {
			uint32_t serve;
			bool ok;
			const uint8_t *
				result; /* encoded array: the row's result, or struct wire_rpc_error */
			size_t n;
		} answer;
		struct data_reply reply;
		struct data_event event;
		struct {
			uint32_t job;
			bool ok;
			uint64_t generation; /* COPIED: what the core writes with its swap */
			char text[256];
		} done;
		struct {
			uint32_t job;
			uint64_t entries, entries_total, bytes, bytes_total;
		} progress;
	} u;
};
/* The next effect or NULL. Valid, with all that it points at, until the next call of any function of data. */
const struct data_fx *data_next_fx(struct data *d);

/* --- questions (nothing changes; pointers valid until the next input) --- */

struct data_value {
	struct msg_span value;
	uint64_t ms; /* the stamp */
	struct id128 origin;
	bool deleted;
};

/* One key as readers see it. */
struct data_item {
	struct msg_span key, value; /* value: by policy; p NULL when the winner is a deletion */
	bool conflict;
	char version[64];
	uint64_t index;                   /* of its last change here */
	uint64_t ms;                      /* stamp of the winner */
	const struct data_value *sibling; /* all of them, the winner first */
	size_t n_siblings;
};
/* False when there is no such key (never written, or deleted without conflict). */
bool data_get(struct data *d, struct msg_span key, struct data_item *out);
/* The next key with this prefix after `after` (p NULL: the first), in byte order, deleted ones left out. */
bool data_next(struct data *d, struct msg_span prefix, struct msg_span after,
	struct data_item *out);
/*
 * Changes in the order in which they took effect here, the latest of each key: the first with an index > after. Deleted
 * ones are told with value.p NULL. False: none. epoch and floor: data_status().
 */
bool data_changes(struct data *d, uint64_t after, struct data_item *out);

struct data_status {
	uint64_t entries, tombstones, bytes, max_bytes, conflicts, origins;
	uint64_t index; /* of the last change here */
	uint64_t
		index_floor; /* changes up to here may have been forgotten (collected): begin anew */
	uint64_t epoch;      /* of the index: another one after a join or a fresh start */
	uint64_t vector_hash, data_hash;
	uint64_t queued_bytes;
	uint64_t behind; /* peers that I am catching up from */
	int store_error; /* 0, or errno of the last transaction */
	bool skewed, stale;
	int64_t skew_ms;  /* my clock against the median of the neighbours' */
	bool empty;       /* nothing was ever written here, or all of it is collected */
	const char *copy; /* "" or what a copy does */
};
void data_status(const struct data *d, struct data_status *out);
#endif
