#ifndef MEMBERSHIP_CORE_CORE_H
#define MEMBERSHIP_CORE_CORE_H
/*
 * Link-state membership as a pure state machine (docs/protocol.md has the rules in prose).
 *
 * It owns no descriptor and reads no clock and no random source but the ones handed in: the daemon turns sockets, timers
 * and disk into inputs and effects into sockets, timers and disk; the simulator does the same with a queue and a seed.
 *
 * The shell's loop, for every thing that happens:   core_clock(); core_<input>(); while (core_next_fx()) do it;
 * then arm one timer for core_deadline(), at which core_tick() is called.
 * Effects are executed after the input returned, in order, never inside. Sending is by pulling: CORE_FX_WAKE says that a
 * connection has something to say; the shell calls core_conn_pull() until it returns 0, whenever its own queue for
 * that connection is nearly empty (≤ 16 KiB), so heartbeats come first and nothing queues up behind a slow peer.
 *
 * Times: milliseconds of the monotonic clock handed in, unless a name says wall. Strings borrowed by inputs are copied.
 */
#include "common/base/id.h"
#include "common/base/node.h"
#include "common/wire/wire.h"

struct core;

enum core_mode { CORE_MANUAL, CORE_AUTO, CORE_SINGLETON };

struct core_tag {
	const char *key, *value;
};

struct core_conf {
	const char *node_name, *cluster_name;
	const char *host; /* where others dial us: the name's host or node.advertise */
	uint16_t dist_port, rpc_port;
	enum wire_role role;
	enum core_mode mode; /* from discovery_strategy; the mode of a cluster of one */
	bool autoheal;
	uint64_t autoclean_ms; /* 0: never */
	uint32_t heartbeat_ms, timeout_ms;
	uint32_t members_max;
	const char *version;
	const struct core_tag *tags;
	size_t n_tags;
};

/* One key of the durable state, written and read back as opaque bytes. */
struct core_kv {
	const uint8_t *key, *value;
	size_t key_n, value_n;
};

/* All of them, in any order; none for a new data directory. */
struct core_stored {
	const struct core_kv *kv;
	size_t n;
};

/* The clocks and something unpredictable, at the start. */
struct core_birth {
	uint64_t seed, mono_us, wall_ms;
};

enum core_stage { CORE_STAGE_RESOLVE, CORE_STAGE_CONNECT, CORE_STAGE_TLS, CORE_STAGE_HELLO };

/* How a connection failed, as far as the state machine cares. */
enum core_loss {
	CORE_LOSS_EOF, /* end of stream */
	CORE_LOSS_RESET,
	CORE_LOSS_REFUSED, /* dial: ECONNREFUSED */
	CORE_LOSS_TIMEOUT, /* dial or handshake */
	CORE_LOSS_AUTH,    /* TLS: cookie or cluster name, no cookie, impostor */
	CORE_LOSS_SELF,    /* TLS: our own nonce, this is us */
	CORE_LOSS_RESOLVE,
	CORE_LOSS_ERROR, /* anything else */
};

/*
 * conf's strings are copied. stored: what earlier CORE_FX_PERSIST wrote. NULL with a message for the operator in err when the state can't be used (foreign name,
 * newer format, torn).
 */
struct core *core_new(const struct core_conf *conf, const struct core_stored *stored,
	const struct core_birth *birth, char *err, size_t err_cap);
void core_free(struct core *c);

/* --- inputs --- */

/* Before every other input: now. late_ms: how much later than the armed deadline the loop came round (0 in the usual case);
 * pending input is to be fed before core_tick(). */
void core_clock(struct core *c, uint64_t mono_us, uint64_t wall_ms);
void core_tick(struct core *c);
uint64_t core_deadline(const struct core *c); /* ms; UINT64_MAX: none */

/* An accepted connection on the distribution port whose TLS handshake is done. Returns its handle. */
uint32_t core_conn_accepted(struct core *c, const char *remote);
/* A dialled one: how far it is; at CORE_STAGE_HELLO TLS is done and hello may be sent. */
void core_conn_stage(struct core *c, uint32_t conn, enum core_stage stage);
void core_conn_frame(struct core *c, uint32_t conn, const uint8_t *frame, size_t n);
/* The connection (or the attempt) is gone; the handle is not used again by either side. text: for people. */
void core_conn_lost(struct core *c, uint32_t conn, enum core_loss loss, const char *text);
/* Up to cap (≥ 64 KiB + 4) bytes of whole frames, most urgent first; 0: nothing more to say. */
size_t core_conn_pull(struct core *c, uint32_t conn, uint8_t *out, size_t cap);

void core_persisted(struct core *c, uint64_t seq, int error);

struct core_candidate {
	const char *name, *host;
	uint16_t port; /* 0: by the rule */
};
/* The whole current set of one strategy, replacing its last. */
void core_candidates(struct core *c, const char *strategy, const struct core_candidate *list,
	size_t n);

/* The joiner's copy (CORE_FX_COPY) ended: staged as this generation of the data, or a reason in words. */
void core_copied(struct core *c, uint32_t job, bool ok, uint64_t generation, const char *text);
/*
 * The answer to CORE_FX_HANDOVER. ok: a running member that stays has all of the data that is here; else text says why
 * not.
 */
void core_handed(struct core *c, uint32_t job, bool ok, const char *text);
/* What the shared data (membership/data) says of itself; kept current by the shell. */
struct core_data {
	uint64_t vector_hash, data_hash; /* go out with each heartbeat */
	bool empty;                      /* nothing was ever written here */
};
void core_data(struct core *c, const struct core_data *d);
/* The data path (RPC) to a link's peer works or not. */
void core_data_ok(struct core *c, const struct id128 *member, bool ok);

enum core_command_kind {
	CORE_CMD_JOIN,
	CORE_CMD_LEAVE,
	CORE_CMD_FORCE_LEAVE,
	CORE_CMD_DISCOVERY, /* on: enable, else disable */
	CORE_CMD_MODE,      /* on: auto, else manual */
	CORE_CMD_AUTOHEAL,  /* on */
	CORE_CMD_HEAL,
	CORE_CMD_REPLACE,
	CORE_CMD_TAG_SET,
	CORE_CMD_TAG_UNSET,
	CORE_CMD_CHECK,
	CORE_CMD_ANNOUNCE_RESTART,
	CORE_CMD_STOP /* SIGTERM: tell the neighbours; reply when it is safe to exit */
};

struct core_command {
	enum core_command_kind kind;
	uint32_t request;      /* the shell's; comes back with the reply */
	struct node_addr node; /* JOIN, FORCE_LEAVE, REPLACE, CHECK */
	bool on, force;
	bool no_backup; /* JOIN: what is replaced is not saved first */
	uint64_t ban_ms;
	const char *key, *value; /* tags */
};
/* Every command gets exactly one CORE_FX_REPLY (CHECK: one per step, the last with `last`). */
void core_command(struct core *c, const struct core_command *cmd);

/* Hot keys only (autoheal, autoclean, heartbeat, timeout, tags, mode of a cluster of one). */
void core_reload(struct core *c, const struct core_conf *conf);

/* --- effects --- */

enum core_fx_kind {
	CORE_FX_DIAL,
	CORE_FX_CLOSE,
	CORE_FX_WAKE,
	CORE_FX_ACCEPTED, /* hello accepted: out of the pool of strangers, full frame size */
	CORE_FX_PERSIST,
	CORE_FX_COPY,
	CORE_FX_COPY_CANCEL, /* also of one that had ended well: what it staged is of no use any more */
	CORE_FX_HANDOVER, /* answered by core_handed(); from now on this node takes no writes */
	CORE_FX_DATA_SWAP, /* a transaction has made another generation the data: joined, left, removed */
	CORE_FX_DATA_PEER, /* a neighbour's heartbeat carries other hashes of its data */
	CORE_FX_EVENT,
	CORE_FX_REPLY,
	CORE_FX_VIEW /* something that status or members show has changed */
};

/* Terms of clusterctl's answers; the texts are in cli/. */
enum core_code {
	CORE_OK,
	CORE_E_SELF,               /* Ignore. */
	CORE_E_NODE_DOWN,          /* {node_down,<N>}: any other failure, the reason in text */
	CORE_E_ALREADY_IN_CLUSTER, /* {already_in_cluster,<N>} */
	CORE_E_NAME_IN_USE,
	CORE_E_STANDING_APART,
	CORE_E_BUSY,
	CORE_E_NOT_IN_CLUSTER, /* node_not_in_cluster */
	CORE_E_SINGLETON,
	CORE_E_REPLICANT, /* {cannot_join_to_replicant,<N>} */
	CORE_E_STORE,     /* the disk said no */
	CORE_E_INVALID
};

struct core_reply {
	uint32_t request;
	enum core_code code;
	char name[NODE_NAME_MAX + 1]; /* the node the term speaks of */
	char text[512]; /* plain words: what, why, what to do; empty when all is well */
	/* CHECK only */
	char step[16];
	bool step_ok, last;
	uint64_t step_ms;
};

enum core_severity { CORE_INFO, CORE_WARN, CORE_ERROR };

/* kind, stable name, severity, what it means */
#define CORE_EVENTS(X)                                                                         \
	X(CORE_EV_STARTED, "node_started", CORE_INFO, "this node's membership runs")           \
	X(CORE_EV_NODE_JOINED, "node_joined", CORE_INFO, "a member was admitted or merged in") \
	X(CORE_EV_NODE_UP, "node_running", CORE_INFO, "a member is running")                   \
	X(CORE_EV_NODE_DOWN, "node_stopped", CORE_WARN, "a member is stopped")                 \
	X(CORE_EV_NODE_RESTARTED, "node_restarted", CORE_INFO, "a member came back anew")      \
	X(CORE_EV_NODE_LEFT, "node_left", CORE_INFO, "a member left")                          \
	X(CORE_EV_NODE_REMOVED, "node_removed", CORE_WARN, "a member was removed")             \
	X(CORE_EV_NODE_CLEANED, "node_cleaned", CORE_WARN, "a member was cleaned out")         \
	X(CORE_EV_NODE_REPLACED, "node_replaced", CORE_WARN, "a member was replaced")          \
	X(CORE_EV_JOINED, "joined_cluster", CORE_INFO, "this node joined a cluster")           \
	X(CORE_EV_LEFT, "left_cluster", CORE_INFO, "this node left its cluster")               \
	X(CORE_EV_REMOVED, "removed_from_cluster", CORE_WARN, "this node was removed")         \
	X(CORE_EV_MERGED, "clusters_merged", CORE_INFO, "two clusters became one")             \
	X(CORE_EV_NAME_CONFLICT, "name_conflict", CORE_ERROR, "another member has this name")  \
	X(CORE_EV_IDENTITY_CONFLICT, "identity_in_use", CORE_ERROR,                            \
		"a second process has this identity")                                          \
	X(CORE_EV_PARTITION, "partition_detected", CORE_WARN, "several members lost at once")  \
	X(CORE_EV_WAITING_HEAL, "partition_waiting", CORE_WARN,                                \
		"autoheal is off: waits for cluster heal")                                     \
	X(CORE_EV_HEALED, "partition_healed", CORE_INFO, "the sides see each other again")     \
	X(CORE_EV_QUORUM_LOST, "quorum_lost", CORE_WARN, "less than half of the voters run")   \
	X(CORE_EV_QUORUM_BACK, "quorum_gained", CORE_INFO, "more than half of the voters run") \
	X(CORE_EV_STALLED, "self_stalled", CORE_WARN, "this process did not run for a while")  \
	X(CORE_EV_REFUSED, "peer_refused", CORE_WARN, "a connection was refused")              \
	X(CORE_EV_SETTINGS, "settings_changed", CORE_INFO, "mode or autoheal was changed")     \
	X(CORE_EV_STORE, "store_failed", CORE_ERROR, "the durable state could not be written") \
	X(CORE_EV_UNREADABLE, "record_unreadable", CORE_WARN,                                  \
		"a member's record can't be read here")

#define CORE_EVENT_ENUM(id, name, severity, doc) id,
enum core_event_kind { CORE_EVENTS(CORE_EVENT_ENUM) CORE_EV_N };
#undef CORE_EVENT_ENUM

struct core_event {
	enum core_event_kind kind;
	uint64_t wall_ms;
	char node[NODE_NAME_MAX + 1];
	struct id128 member_id;
	char text[256];
};
const char *core_event_name(enum core_event_kind k);
enum core_severity core_event_severity(enum core_event_kind k);

struct core_write {
	const uint8_t *key, *value; /* value NULL: delete */
	size_t key_n, value_n;
};

struct core_fx {
	enum core_fx_kind kind;
	uint32_t conn; /* DIAL, CLOSE, WAKE, ACCEPTED */
	union {
		struct {
			const char *host;
			uint16_t port;
			uint32_t timeout_ms; /* for all of resolve, connect and TLS */
		} dial;
		struct {
			bool linger; /* pull and flush what is to be said (≤ 1 s), half-close, deliver what still comes ≤ 2 s */
		} close;
		struct {
			uint64_t seq; /* answered by core_persisted(), in order */
			const struct core_write *write; /* one transaction */
			size_t n;
		} persist;
		struct {
			uint32_t job;
			const char *host;
			uint16_t rpc_port;
			struct id128 source, staged;
			uint64_t source_session;
			bool no_backup;
		} copy;
		struct {
			uint32_t job;
			bool force; /* goes on even when nobody takes the data: save it first */
			bool removed; /* others said so: save it before it is cleared */
		} handover;
		struct {
			uint64_t generation;
		} swap;
		struct {
			struct id128 id;
			uint64_t vector_hash, data_hash;
		} peer;
		struct core_event event;
		struct core_reply reply;
	} u;
};

/* The next effect or NULL. Valid, with everything it points at, until the next call of any core function. */
const struct core_fx *core_next_fx(struct core *c);

/* --- questions (nothing changes; pointers valid until the next input) --- */

enum core_apart {
	CORE_APART_NO,
	CORE_APART_LEFT,
	CORE_APART_REMOVED,
	CORE_APART_NAME,
	CORE_APART_IDENTITY,
	CORE_APART_BANNED
};

struct core_status {
	const char *node_name, *cluster_name;
	struct id128 node_id, member_id;
	struct wire_identity identity;
	uint64_t incarnation, session;
	enum wire_role role;
	bool mode_auto, singleton, discovery_paused, autoheal;
	bool quorum;
	uint32_t running, stopped, voters, voters_running;
	enum core_apart apart;
	const char *apart_by; /* "" or who removed us, or whose name it is */
	const char *busy;     /* "" or "joining", "leaving", "stopping", "rejoining" */
	bool ready;           /* first agreed view, or 1 s after start */
	bool store_failed;
	bool waiting_heal;
	uint64_t stalls, stall_ms_max;
	uint64_t hold_ms; /* how long a new link waits before it counts, after falls; 0: none */
	uint64_t digest;
};
void core_status(const struct core *c, struct core_status *out);

struct core_member {
	const char *name, *host, *version;
	struct id128 member_id, node_id;
	uint64_t incarnation, session, seq;
	enum wire_role role;
	bool self, running, unreadable, voter;
	enum wire_member_state state;
	uint16_t dist_port, rpc_port;
	uint64_t since_wall_ms; /* of the present running/stopped */
	int64_t rtt_us;         /* -1: no direct link */
	const char *last_error; /* "" or why the last dial failed */
	const struct core_tag *tags;
	size_t n_tags;
};
/* i counts from 0, ordered by name then id, self included, departed left out. */
size_t core_n_members(const struct core *c);
void core_member_at(const struct core *c, size_t i, struct core_member *out);

struct core_link {
	struct id128 from, to;
	const char *from_name, *to_name;
	const char *
		state; /* own: live, suspect, redialing, held, dropping, unannounced; others': usable, one_way */
	bool own, data_failed; /* from's side can't reach to's RPC port */
	int64_t rtt_us;
	uint64_t age_ms, hold_ms;
	const char *last_error;
};
typedef void core_link_visit(void *ctx, const struct core_link *link);
/* Own links with all that is known, then the edges that others' records list. */
void core_each_link(const struct core *c, core_link_visit *visit, void *ctx);

/* Whom the shared data deals with, in no order, self included. */
struct core_data_member {
	struct id128 id;
	const char *name, *host;
	uint16_t rpc_port;
	bool core;
	bool running; /* or one of those that told me of my own departure */
	bool departed; /* it has just been told so here, and hands its data over: nothing else is done with it */
	bool link;    /* a live link of mine leads there */
	bool data_ok; /* and its RPC port answers */
	uint64_t joined_ms, vector_hash, data_hash;
};
typedef void core_data_visit(void *ctx, const struct core_data_member *m);
void core_each_data_member(const struct core *c, core_data_visit *visit, void *ctx);
/*
 * To whom I pass the writes of the member `root` on: my children in the tree of shortest paths from it, over usable edges
 * that are marked data ok at both ends. All nodes that hold the same records make the same tree. At most cap ids.
 */
size_t core_tree_children(const struct core *c, const struct id128 *root, struct id128 *out,
	size_t cap);

struct core_counters {
	uint64_t frames_in, frames_out, bytes_in, bytes_out, views, dials, records_in;
	size_t conns, links, degree_max;
	size_t places, graves; /* members in memory, departed ids besides */
};
void core_counters(const struct core *c, struct core_counters *out);
/* Of these: goes up whenever who runs, or which edges there are, may have changed. Costs nothing. */
uint64_t core_views(const struct core *c);

#endif
