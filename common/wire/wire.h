#ifndef COMMON_WIRE_WIRE_H
#define COMMON_WIRE_WIRE_H
/*
 * Every message between nodes, as one struct and one table row each (wire.c), on the engine of common/msg. Pure: the
 * core of membership encodes and decodes with it. docs/protocol.md is generated from the rows.
 *
 * Distribution connections (4370) carry notifications only: `hello` from the dialer, `hello` and `welcome` or `bye`
 * from the acceptor, `welcome` or `bye` from the dialer; then any of the rest. RPC connections (5370) carry requests.
 */
#include "common/msg/msg.h"

enum { WIRE_PROTO_LO = 1, WIRE_PROTO_HI = 1 };
enum {
	WIRE_NAME_MAX = 255,
	WIRE_CLUSTER_NAME_MAX = 64,
	WIRE_HOST_MAX = 253,
	WIRE_VERSION_MAX = 32,
	WIRE_TEXT_MAX = 400,
	WIRE_TAGS_MAX = 64,
	WIRE_FIRST_MAX = 8,
	WIRE_TAG_KEY_MAX = 64,
	WIRE_TAG_VALUE_MAX = 256,
	WIRE_LINKS_MAX = 1024,
	WIRE_BODY_MAX = 56 * 1024, /* of a record */
	WIRE_CHUNK_BYTES = 16 * 1024,
	WIRE_CHUNK_ITEMS = 1024,
	WIRE_BUCKETS = 64, /* of the id space, by the top 6 bits */
	WIRE_SEES_MAX = 128,
};

enum wire_type {
	WIRE_HELLO,
	WIRE_WELCOME,
	WIRE_BYE,
	WIRE_PING,
	WIRE_STATE,
	WIRE_RANGES,
	WIRE_SUMMARY,
	WIRE_DROP,
	WIRE_COMMIT,
	WIRE_ADMIT,
	WIRE_JOINED,
	WIRE_DEPART_ACK,
	WIRE_N_TYPES
};

enum wire_role { WIRE_CORE = 0, WIRE_REPLICA = 1 };

enum wire_hello_flag {
	WIRE_HF_QUERY = 1,     /* who are you? closes after the answer */
	WIRE_HF_PROBE = 2,     /* can I reach your listener? closes after the answer */
	WIRE_HF_JOINING = 4,   /* wants to be admitted by COMMIT */
	WIRE_HF_APART = 8,     /* standing apart: nobody merges with it or admits it unasked */
	WIRE_HF_AUTO = 16,     /* the cluster's mode */
	WIRE_HF_SINGLE = 32,   /* its cluster has no other member */
	WIRE_HF_BUSY = 64,     /* joining or leaving: merges and joins answer busy */
	WIRE_HF_EMPTY = 128,   /* its data is empty */
	WIRE_HF_NO_HEAL = 256, /* the cluster's autoheal is false */
	WIRE_HF_HEAL = 512     /* an operator let the sides through */
};

struct wire_identity {
	uint64_t created_ms; /* the smaller pair wins */
	struct id128 cluster_id;
};

struct wire_hello {
	uint32_t proto_lo, proto_hi, flags, role;
	struct msg_span cluster_name, node_name, host, version;
	uint64_t created_ms;
	struct id128 cluster_id, member_id, node_id;
	uint64_t incarnation, session;
	uint32_t heartbeat_ms, timeout_ms;
	uint16_t dist_port, rpc_port;
	uint64_t nonce; /* of this link, drawn by the dialer; the acceptor repeats it */
	uint64_t
		held_nonce; /* of the link that I still hold to you; 0: none (or I don't know yet who you are) */
	struct msg_span
		sees; /* 8-byte prefixes of members that I see running, at most WIRE_SEES_MAX */
};

struct wire_welcome {
	bool knows_you;   /* your member id is in my records and not departed */
	bool conditional; /* other cluster, no merge allowed: only if you know me */
	uint64_t digest;
};

/* When the refused may try again. */
enum wire_class { WIRE_RETRY_NOW, WIRE_RETRY_1S, WIRE_RETRY_30S, WIRE_RETRY_STATE };

enum wire_bye_code {
	WIRE_BYE_DONE, /* query or probe answered */
	WIRE_BYE_DUPLICATE,
	WIRE_BYE_SELF,
	WIRE_BYE_CLUSTER_NAME,
	WIRE_BYE_VERSION,
	WIRE_BYE_OTHER_CLUSTER,
	WIRE_BYE_APART,
	WIRE_BYE_NAME_IN_USE,
	WIRE_BYE_IDENTITY_IN_USE,
	WIRE_BYE_BUSY,
	WIRE_BYE_CROSSED, /* the other one joined you */
	WIRE_BYE_REPLICA,
	WIRE_BYE_BANNED,
	WIRE_BYE_SINGLETON,
	WIRE_BYE_WAIT_HEAL,
	WIRE_BYE_STOPPING,
	WIRE_BYE_UNWANTED, /* both agreed to drop the link */
	WIRE_BYE_PROTOCOL, /* malformed or unexpected message */
	WIRE_BYE_N
};

struct wire_bye {
	uint32_t code, retry;     /* enum wire_bye_code, enum wire_class */
	struct msg_span name;     /* a node name that the code speaks of */
	struct msg_span text;     /* plain words */
	struct msg_list departed; /* 0 or 1 struct wire_departed: your own */
};

struct wire_ping {
	uint64_t seq, echo; /* mine, and the last of yours that I read */
	uint32_t echo_age_us;
	uint64_t digest;
	uint64_t vector_hash, data_hash;
};

struct wire_record {
	struct id128 id;
	uint64_t incarnation, session, seq;
	struct msg_span body; /* struct wire_body encoded; opaque to who can't read it */
};

enum wire_reason {
	WIRE_CLEANED,
	WIRE_REPLACED,
	WIRE_NAME,
	WIRE_LEFT,
	WIRE_FORCED
}; /* ascending precedence */
enum wire_departed_flag { WIRE_DF_NO_QUORUM = 1, WIRE_DF_VOID = 2 };

struct wire_departed {
	struct id128 id, node_id, by;
	uint32_t reason, flags;
	struct msg_span name, by_name;
	uint64_t when_ms; /* by's wall clock, shown only */
	uint64_t ban_ms;  /* keeps the node id out for so long from receipt */
};

/* What holds for the whole cluster. The higher counter wins, then autoheal=false, then the larger `by`. */
struct wire_settings {
	uint64_t counter;
	struct id128 by;
	bool mode_auto, autoheal;
};

struct wire_state {
	struct msg_list records;  /* struct wire_record */
	struct msg_list departed; /* struct wire_departed */
	struct msg_list settings; /* 0 or 1 struct wire_settings */
	struct msg_list identity; /* 0 or 1 struct wire_identity */
};

struct wire_ranges {
	struct msg_span digests; /* WIRE_BUCKETS big-endian u64 */
};

struct wire_version {
	struct id128 id;
	uint64_t incarnation, session, seq, hash; /* zero: departed only; hash of the body */
	uint32_t departed;                        /* 0: not; else the rank of the entry */
};

/* Everything that the sender has with lo ≤ id ≤ hi. */
struct wire_summary {
	struct id128 lo, hi;
	struct msg_list versions; /* struct wire_version, ascending */
	bool answer;              /* sent in answer: don't answer with a summary again */
};

enum wire_drop_stage { WIRE_DROP_PROPOSE, WIRE_DROP_AGREE, WIRE_DROP_REFUSE };

struct wire_drop {
	uint32_t stage;
};

struct wire_commit {
	uint64_t created_ms;
	struct id128 cluster_id; /* the identity that the joiner saw */
	struct id128 staged_id;  /* its member id to be; the same on retry */
	struct id128 node_id;
	struct msg_span node_name;
};

/* A member as somebody who joins needs it: to be known and dialled. */
struct wire_first {
	struct id128 id, node_id;
	struct msg_span name, host;
	uint16_t dist_port, rpc_port;
};

struct wire_admit {
	bool ok;
	uint32_t code; /* enum wire_bye_code when not ok */
	struct msg_span name, text;
	struct msg_list
		first; /* struct wire_first: others than the sender, should it be gone */
};

/* The joiner has swapped: this link is a member's from here on. */
struct wire_joined {
	struct id128 member_id;
	uint64_t incarnation, session;
};

struct wire_depart_ack {
	struct id128 id; /* its departure is on my disk */
};

enum wire_member_state { WIRE_UP, WIRE_LEAVING, WIRE_STOPPING, WIRE_RESTARTING };

struct wire_tag {
	struct msg_span key, value;
};

/* A core's record lists a replica only to refuse it, or because its data path fails. */
enum wire_link_flag { WIRE_LF_DATA_OK = 1, WIRE_LF_REPLICA = 2, WIRE_LF_REFUSED = 4 };

struct wire_link {
	struct id128 id;
	uint64_t session; /* of the peer, as seen by the record's owner */
	uint32_t flags;
};

struct wire_body {
	struct id128 node_id;
	struct msg_span name, host, version;
	uint16_t dist_port, rpc_port;
	uint32_t role, proto_lo, proto_hi, state;
	uint32_t deadline_ms;           /* RESTARTING: from receipt */
	uint32_t hold_ms;               /* what is left of its hold when written */
	uint64_t started_ms, joined_ms; /* its wall clock */
	struct msg_list tags;           /* struct wire_tag, sorted */
	struct msg_list links;          /* struct wire_link, sorted by id */
	uint64_t voters;                /* the set in which it counts for quorum; 0: none */
};

struct wire_row {
	const char *method;
	const struct msg_desc *desc;
	const char *doc;
};

extern const struct wire_row wire_rows[WIRE_N_TYPES];
extern const struct msg_desc wire_body_desc, wire_departed_desc, wire_settings_desc;

union wire_any {
	struct wire_hello hello;
	struct wire_welcome welcome;
	struct wire_bye bye;
	struct wire_ping ping;
	struct wire_state state;
	struct wire_ranges ranges;
	struct wire_summary summary;
	struct wire_drop drop;
	struct wire_commit commit;
	struct wire_admit admit;
	struct wire_joined joined;
	struct wire_depart_ack depart_ack;
};

/* Appends one frame, length included. */
void wire_put(struct buf *out, enum wire_type type, const void *msg);
/*
 * One frame body → its type and struct. 0 or -EPROTO, -ERANGE, -EMSGSIZE; *why (never NULL after a failure) names the
 * method or field at fault. An unknown method is -ENOSYS: newer peers may send one, the caller skips it.
 */
int wire_get(const uint8_t *frame, size_t n, struct msg_arena *a, enum wire_type *type,
	union wire_any *out, const char **why);
/* Static names for logs: "hello", "name_in_use", … */
const char *wire_bye_name(uint32_t code);

/* --- RPC (5370): requests on the joiner's, data's and operator's behalf --- */

/* The shared data's are in wire_data.h. */
enum wire_rpc { WIRE_RPC_HELLO, WIRE_RPC_PING, WIRE_RPC_N };

struct wire_rpc_hello { /* first request on a connection; the answer is the same struct */
	uint32_t proto_lo, proto_hi;
	struct msg_span cluster_name, node_name;
	struct id128 member_id;
	uint64_t session;
};

struct wire_rpc_error {
	uint32_t code; /* enum wire_bye_code */
	struct msg_span text;
};

struct wire_rpc_row {
	const char *method;
	const struct msg_desc *params, *result;
	const char *doc;
};

extern const struct wire_rpc_row wire_rpc_rows[WIRE_RPC_N];
extern const struct msg_desc wire_rpc_error_desc;

#endif
