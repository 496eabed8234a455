#include "common/wire/wire.h"

#include <errno.h>

static const struct msg_field identity_fields[] = {
	MSG_FIELD(MSG_U64, wire_identity, created_ms, 0, "when the cluster was created"),
	MSG_FIELD(MSG_ID, wire_identity, cluster_id, 0, "random"),
};
static const struct msg_desc identity_desc = MSG_DESC(wire_identity, identity_fields, 2,
	"Names a cluster; where two meet the smaller pair wins.");

static const struct msg_field hello_fields[] = {
	MSG_FIELD(MSG_U32, wire_hello, proto_lo, 0, "lowest protocol spoken"),
	MSG_FIELD(MSG_U32, wire_hello, proto_hi, 0, "highest protocol spoken"),
	MSG_FIELD(MSG_U32, wire_hello, flags, 0,
		"query 1, probe 2, joining 4, apart 8, auto 16, single 32, busy 64, empty 128, no_heal 256, heal 512"),
	MSG_FIELD(MSG_U32, wire_hello, role, 0, "0 core, 1 replica"),
	MSG_FIELD(MSG_STR, wire_hello, cluster_name, WIRE_CLUSTER_NAME_MAX,
		"must be equal on both sides"),
	MSG_FIELD(MSG_STR, wire_hello, node_name, WIRE_NAME_MAX, "name@host"),
	MSG_FIELD(MSG_STR, wire_hello, host, WIRE_HOST_MAX, "where others dial it"),
	MSG_FIELD(MSG_STR, wire_hello, version, WIRE_VERSION_MAX, "of the program"),
	MSG_FIELD(MSG_U64, wire_hello, created_ms, 0, "cluster identity"),
	MSG_FIELD(MSG_ID, wire_hello, cluster_id, 0, "cluster identity"),
	MSG_FIELD(MSG_ID, wire_hello, member_id, 0, "new at each joining"),
	MSG_FIELD(MSG_ID, wire_hello, node_id, 0, "made with the data directory"),
	MSG_FIELD(MSG_U64, wire_hello, incarnation, 0, "counted up at each start"),
	MSG_FIELD(MSG_U64, wire_hello, session, 0, "random at each start"),
	MSG_FIELD(MSG_U32, wire_hello, heartbeat_ms, 0, "both ends use the slower"),
	MSG_FIELD(MSG_U32, wire_hello, timeout_ms, 0, "both ends use the slower"),
	MSG_FIELD(MSG_U16, wire_hello, dist_port, 0, "distribution listener"),
	MSG_FIELD(MSG_U16, wire_hello, rpc_port, 0, "RPC listener"),
	MSG_FIELD(MSG_U64, wire_hello, nonce, 0, "names this link; drawn by the dialer"),
	MSG_FIELD(MSG_U64, wire_hello, held_nonce, 0,
		"the link still held to the other end, 0: none"),
	MSG_FIELD(MSG_BIN, wire_hello, sees, WIRE_SEES_MAX * 8,
		"8-byte prefixes of members seen running"),
};
static const struct msg_desc hello_desc = MSG_DESC(wire_hello, hello_fields, 21,
	"First message of either end: who I am, what I speak.");

static const struct msg_field welcome_fields[] = {
	MSG_FIELD(MSG_BOOL, wire_welcome, knows_you, 0, "your member id is in my records"),
	MSG_FIELD(MSG_BOOL, wire_welcome, conditional, 0, "welcome only if you know me"),
	MSG_FIELD(MSG_U64, wire_welcome, digest, 0, "of everything flooded"),
};
static const struct msg_desc welcome_desc =
	MSG_DESC(wire_welcome, welcome_fields, 3, "The hello is accepted.");

static const struct msg_field departed_fields[] = {
	MSG_FIELD(MSG_ID, wire_departed, id, 0, "the member that is gone"),
	MSG_FIELD(MSG_ID, wire_departed, node_id, 0, "its node id"),
	MSG_FIELD(MSG_ID, wire_departed, by, 0, "member that says so"),
	MSG_FIELD(MSG_U32, wire_departed, reason, WIRE_FORCED,
		"0 cleaned, 1 replaced, 2 name, 3 left, 4 forced"),
	MSG_FIELD(MSG_U32, wire_departed, flags, 3, "1 no quorum, 2 void"),
	MSG_FIELD(MSG_STR, wire_departed, name, WIRE_NAME_MAX, "its node name"),
	MSG_FIELD(MSG_STR, wire_departed, by_name, WIRE_NAME_MAX, "who says so"),
	MSG_FIELD(MSG_U64, wire_departed, when_ms, 0, "wall clock of the author, for people"),
	MSG_FIELD(MSG_U64, wire_departed, ban_ms, 0, "keeps the node id out, from receipt"),
};
const struct msg_desc wire_departed_desc =
	MSG_DESC(wire_departed, departed_fields, 8, "A member id that never comes back.");

static const struct msg_field bye_fields[] = {
	MSG_FIELD(MSG_U32, wire_bye, code, 0, "why"),
	MSG_FIELD(MSG_U32, wire_bye, retry, 0,
		"0 now, 1 in 1 s, 2 in 30 s, 3 when my state changes"),
	MSG_FIELD(MSG_STR, wire_bye, name, WIRE_NAME_MAX, "the node that the code speaks of"),
	MSG_FIELD(MSG_STR, wire_bye, text, WIRE_TEXT_MAX, "in plain words"),
	MSG_FIELD_OF(MSG_LIST, wire_bye, departed, 1, &wire_departed_desc,
		"your own departure"),
};
static const struct msg_desc bye_desc =
	MSG_DESC(wire_bye, bye_fields, 4, "Refusal or farewell; the sender closes.");

static const struct msg_field ping_fields[] = {
	MSG_FIELD(MSG_U64, wire_ping, seq, 0, "counts up on each link"),
	MSG_FIELD(MSG_U64, wire_ping, echo, 0, "last seq read from you"),
	MSG_FIELD(MSG_U32, wire_ping, echo_age_us, 0, "how long ago that was"),
	MSG_FIELD(MSG_U64, wire_ping, digest, 0, "of everything flooded"),
	MSG_FIELD(MSG_U64, wire_ping, vector_hash, 0, "of the data's vectors"),
	MSG_FIELD(MSG_U64, wire_ping, data_hash, 0, "of the data"),
};
static const struct msg_desc ping_desc = MSG_DESC(wire_ping, ping_fields, 4,
	"Heartbeat in both directions; proves the link by the echo.");

static const struct msg_field record_fields[] = {
	MSG_FIELD(MSG_ID, wire_record, id, 0, "owner's member id"),
	MSG_FIELD(MSG_U64, wire_record, incarnation, 0, "version, first part"),
	MSG_FIELD(MSG_U64, wire_record, session, 0, "version, second part"),
	MSG_FIELD(MSG_U64, wire_record, seq, 0, "version, third part"),
	MSG_FIELD(MSG_BIN, wire_record, body, WIRE_BODY_MAX,
		"struct body, opaque to who cannot read it"),
};
static const struct msg_desc record_desc =
	MSG_DESC(wire_record, record_fields, 5, "What one member says of itself.");

static const struct msg_field settings_fields[] = {
	MSG_FIELD(MSG_U64, wire_settings, counter, 0, "the higher one wins"),
	MSG_FIELD(MSG_ID, wire_settings, by, 0, "who set it"),
	MSG_FIELD(MSG_BOOL, wire_settings, mode_auto, 0, "clusters of this kind merge"),
	MSG_FIELD(MSG_BOOL, wire_settings, autoheal, 0, "false wins"),
};
const struct msg_desc wire_settings_desc =
	MSG_DESC(wire_settings, settings_fields, 4, "What holds for the whole cluster.");

static const struct msg_field state_fields[] = {
	MSG_FIELD_OF(MSG_LIST, wire_state, records, WIRE_CHUNK_ITEMS, &record_desc,
		"newer records"),
	MSG_FIELD_OF(MSG_LIST, wire_state, departed, WIRE_CHUNK_ITEMS, &wire_departed_desc,
		"departures"),
	MSG_FIELD_OF(MSG_LIST, wire_state, settings, 1, &wire_settings_desc,
		"cluster settings"),
	MSG_FIELD_OF(MSG_LIST, wire_state, identity, 1, &identity_desc, "cluster identity"),
};
static const struct msg_desc state_desc = MSG_DESC(wire_state, state_fields, 2,
	"Flooding: everything newer than what the link has seen.");

static const struct msg_field ranges_fields[] = {
	MSG_FIELD(MSG_BIN, wire_ranges, digests, WIRE_BUCKETS * 8,
		"a digest for each 64th of the id space"),
};
static const struct msg_desc ranges_desc =
	MSG_DESC(wire_ranges, ranges_fields, 1, "Starts an exchange: where do we differ?");

static const struct msg_field version_fields[] = {
	MSG_FIELD(MSG_ID, wire_version, id, 0, "member"),
	MSG_FIELD(MSG_U64, wire_version, incarnation, 0, "its record's version"),
	MSG_FIELD(MSG_U64, wire_version, session, 0, ""),
	MSG_FIELD(MSG_U64, wire_version, seq, 0, ""),
	MSG_FIELD(MSG_U64, wire_version, hash, 0, "of the body"),
	MSG_FIELD(MSG_U32, wire_version, departed, 0, "0, or the rank of its entry"),
};
static const struct msg_desc version_desc =
	MSG_DESC(wire_version, version_fields, 6, "What the sender has of one member.");

static const struct msg_field summary_fields[] = {
	MSG_FIELD(MSG_ID, wire_summary, lo, 0, "first id of the range"),
	MSG_FIELD(MSG_ID, wire_summary, hi, 0, "last id of the range"),
	MSG_FIELD_OF(MSG_LIST, wire_summary, versions, WIRE_CHUNK_ITEMS, &version_desc,
		"ascending"),
	MSG_FIELD(MSG_BOOL, wire_summary, answer, 0, "sent in answer to a summary"),
};
static const struct msg_desc summary_desc =
	MSG_DESC(wire_summary, summary_fields, 4, "All that the sender has in a range of ids.");

static const struct msg_field drop_fields[] = {
	MSG_FIELD(MSG_U32, wire_drop, stage, 0, "0 propose, 1 agree, 2 refuse"),
};
static const struct msg_desc drop_desc =
	MSG_DESC(wire_drop, drop_fields, 1, "An unwanted link goes only when both ends agree.");

static const struct msg_field commit_fields[] = {
	MSG_FIELD(MSG_U64, wire_commit, created_ms, 0, "identity that the joiner saw"),
	MSG_FIELD(MSG_ID, wire_commit, cluster_id, 0, "identity that the joiner saw"),
	MSG_FIELD(MSG_ID, wire_commit, staged_id, 0, "its member id to be; same on retry"),
	MSG_FIELD(MSG_ID, wire_commit, node_id, 0, "the joiner's node id"),
	MSG_FIELD(MSG_STR, wire_commit, node_name, WIRE_NAME_MAX, "the joiner's name"),
};
static const struct msg_desc commit_desc = MSG_DESC(wire_commit, commit_fields, 5,
	"A joiner with its data staged asks to be admitted.");

static const struct msg_field first_fields[] = {
	MSG_FIELD(MSG_ID, wire_first, id, 0, "member"),
	MSG_FIELD(MSG_ID, wire_first, node_id, 0, "made with the data directory"),
	MSG_FIELD(MSG_STR, wire_first, name, WIRE_NAME_MAX, "name@host"),
	MSG_FIELD(MSG_STR, wire_first, host, WIRE_HOST_MAX, "where others dial it"),
	MSG_FIELD(MSG_U16, wire_first, dist_port, 0, "distribution listener"),
	MSG_FIELD(MSG_U16, wire_first, rpc_port, 0, "RPC listener"),
};
static const struct msg_desc first_desc = MSG_DESC(wire_first, first_fields, 6,
	"A member as somebody who joins needs it: to be known and dialled.");

static const struct msg_field admit_fields[] = {
	MSG_FIELD(MSG_BOOL, wire_admit, ok, 0, ""),
	MSG_FIELD(MSG_U32, wire_admit, code, 0, "as in bye"),
	MSG_FIELD(MSG_STR, wire_admit, name, WIRE_NAME_MAX, ""),
	MSG_FIELD(MSG_STR, wire_admit, text, WIRE_TEXT_MAX, "in plain words"),
	MSG_FIELD_OF(MSG_LIST, wire_admit, first, WIRE_FIRST_MAX, &first_desc,
		"running cores other than the sender"),
};
static const struct msg_desc admit_desc =
	MSG_DESC(wire_admit, admit_fields, 4, "The answer to commit.");

static const struct msg_field joined_fields[] = {
	MSG_FIELD(MSG_ID, wire_joined, member_id, 0, "the staged id, now in use"),
	MSG_FIELD(MSG_U64, wire_joined, incarnation, 0, ""),
	MSG_FIELD(MSG_U64, wire_joined, session, 0, ""),
};
static const struct msg_desc joined_desc = MSG_DESC(wire_joined, joined_fields, 3,
	"The joiner has swapped; this is a member's link now.");

static const struct msg_field depart_ack_fields[] = {
	MSG_FIELD(MSG_ID, wire_depart_ack, id, 0, "its departure is on my disk"),
};
static const struct msg_desc depart_ack_desc =
	MSG_DESC(wire_depart_ack, depart_ack_fields, 1, "Lets a leaving node go.");

static const struct msg_field tag_fields[] = {
	MSG_FIELD(MSG_STR, wire_tag, key, WIRE_TAG_KEY_MAX, ""),
	MSG_FIELD(MSG_STR, wire_tag, value, WIRE_TAG_VALUE_MAX, ""),
};
static const struct msg_desc tag_desc =
	MSG_DESC(wire_tag, tag_fields, 2, "A label of a member.");

static const struct msg_field link_fields[] = {
	MSG_FIELD(MSG_ID, wire_link, id, 0, "the peer"),
	MSG_FIELD(MSG_U64, wire_link, session, 0,
		"of the peer, as its end of the link knows it"),
	MSG_FIELD(MSG_U32, wire_link, flags, 0,
		"1 data ok, 2 replica, 4 refused: no link of mine, whatever its record lists"),
};
static const struct msg_desc link_desc =
	MSG_DESC(wire_link, link_fields, 3, "One end of an edge.");

static const struct msg_field body_fields[] = {
	MSG_FIELD(MSG_ID, wire_body, node_id, 0, "made with the data directory"),
	MSG_FIELD(MSG_STR, wire_body, name, WIRE_NAME_MAX, "name@host"),
	MSG_FIELD(MSG_STR, wire_body, host, WIRE_HOST_MAX, "where others dial it"),
	MSG_FIELD(MSG_STR, wire_body, version, WIRE_VERSION_MAX, "of the program"),
	MSG_FIELD(MSG_U16, wire_body, dist_port, 0, "distribution listener"),
	MSG_FIELD(MSG_U16, wire_body, rpc_port, 0, "RPC listener"),
	MSG_FIELD(MSG_U32, wire_body, role, 0, "0 core, 1 replica"),
	MSG_FIELD(MSG_U32, wire_body, proto_lo, 0, ""),
	MSG_FIELD(MSG_U32, wire_body, proto_hi, 0, ""),
	MSG_FIELD(MSG_U32, wire_body, state, 0, "0 up, 1 leaving, 2 stopping, 3 restarting"),
	MSG_FIELD(MSG_U32, wire_body, deadline_ms, 0, "restarting: back by then, from receipt"),
	MSG_FIELD(MSG_U32, wire_body, hold_ms, 0, "what is left of its hold"),
	MSG_FIELD(MSG_U64, wire_body, started_ms, 0, "its wall clock"),
	MSG_FIELD(MSG_U64, wire_body, joined_ms, 0, "its wall clock"),
	MSG_FIELD_OF(MSG_LIST, wire_body, tags, WIRE_TAGS_MAX, &tag_desc, "sorted"),
	MSG_FIELD_OF(MSG_LIST, wire_body, links, WIRE_LINKS_MAX, &link_desc, "sorted by id"),
	MSG_FIELD(MSG_U64, wire_body, voters, 0,
		"set of voters in which it counts: of the cluster id under which that began; 0: none"),
};
const struct msg_desc wire_body_desc =
	MSG_DESC(wire_body, body_fields, 16, "The inside of a record.");

const struct wire_row wire_rows[WIRE_N_TYPES] = {
	[WIRE_HELLO] = {"hello", &hello_desc, "Who I am, what I speak."},
	[WIRE_WELCOME] = {"welcome", &welcome_desc, "Accepted."},
	[WIRE_BYE] = {"bye", &bye_desc, "Refused, or farewell."},
	[WIRE_PING] = {"ping", &ping_desc, "Heartbeat, echo, digest."},
	[WIRE_STATE] = {"state", &state_desc, "Flooding."},
	[WIRE_RANGES] = {"ranges", &ranges_desc, "Anti-entropy, first step."},
	[WIRE_SUMMARY] = {"summary", &summary_desc, "Anti-entropy, second step."},
	[WIRE_DROP] = {"drop", &drop_desc, "Closing an unwanted link."},
	[WIRE_COMMIT] = {"commit", &commit_desc, "Manual join, the request."},
	[WIRE_ADMIT] = {"admit", &admit_desc, "Manual join, the answer."},
	[WIRE_JOINED] = {"joined", &joined_desc, "Manual join, done."},
	[WIRE_DEPART_ACK] = {"depart_ack", &depart_ack_desc, "Leaving."},
};

static const struct msg_field rpc_hello_fields[] = {
	MSG_FIELD(MSG_U32, wire_rpc_hello, proto_lo, 0, "lowest protocol spoken"),
	MSG_FIELD(MSG_U32, wire_rpc_hello, proto_hi, 0, "highest protocol spoken"),
	MSG_FIELD(MSG_STR, wire_rpc_hello, cluster_name, WIRE_CLUSTER_NAME_MAX, ""),
	MSG_FIELD(MSG_STR, wire_rpc_hello, node_name, WIRE_NAME_MAX, ""),
	MSG_FIELD(MSG_ID, wire_rpc_hello, member_id, 0, ""),
	MSG_FIELD(MSG_U64, wire_rpc_hello, session, 0, ""),
};
static const struct msg_desc rpc_hello_desc =
	MSG_DESC(wire_rpc_hello, rpc_hello_fields, 6, "First request of an RPC connection.");

static const struct msg_field rpc_error_fields[] = {
	MSG_FIELD(MSG_U32, wire_rpc_error, code, 0, "as in bye"),
	MSG_FIELD(MSG_STR, wire_rpc_error, text, WIRE_TEXT_MAX, "in plain words"),
};
const struct msg_desc wire_rpc_error_desc =
	MSG_DESC(wire_rpc_error, rpc_error_fields, 2, "Why a request was refused.");

const struct wire_rpc_row wire_rpc_rows[WIRE_RPC_N] = {
	[WIRE_RPC_HELLO] = {"hello", &rpc_hello_desc, &rpc_hello_desc,
		"Who I am; before anything else."},
	[WIRE_RPC_PING] = {"ping", NULL, NULL, "Is the data path open?"},
};

static const char *const bye_names[WIRE_BYE_N] = {
	[WIRE_BYE_DONE] = "done",
	[WIRE_BYE_DUPLICATE] = "duplicate",
	[WIRE_BYE_SELF] = "self",
	[WIRE_BYE_CLUSTER_NAME] = "cluster_name",
	[WIRE_BYE_VERSION] = "version",
	[WIRE_BYE_OTHER_CLUSTER] = "other_cluster",
	[WIRE_BYE_APART] = "standing_apart",
	[WIRE_BYE_NAME_IN_USE] = "name_in_use",
	[WIRE_BYE_IDENTITY_IN_USE] = "identity_in_use",
	[WIRE_BYE_BUSY] = "busy",
	[WIRE_BYE_CROSSED] = "crossed",
	[WIRE_BYE_REPLICA] = "replica",
	[WIRE_BYE_BANNED] = "banned",
	[WIRE_BYE_SINGLETON] = "singleton",
	[WIRE_BYE_WAIT_HEAL] = "wait_heal",
	[WIRE_BYE_STOPPING] = "stopping",
	[WIRE_BYE_UNWANTED] = "unwanted",
	[WIRE_BYE_PROTOCOL] = "protocol",
};

const char *wire_bye_name(uint32_t code)
{
	return code < WIRE_BYE_N ? bye_names[code] : "unknown";
}

void wire_put(struct buf *out, enum wire_type type, const void *msg)
{
	msg_put_notify(out, wire_rows[type].method, wire_rows[type].desc, msg);
}

int wire_get(const uint8_t *frame, size_t n, struct msg_arena *a, enum wire_type *type,
	union wire_any *out, const char **why)
{
	struct msg_env env;
	int rc = msg_env_parse(frame, n, &env);

	*why = "not a MessagePack-RPC notification";
	if (rc != 0)
		return rc;
	if (env.type != MSG_NOTIFY)
		return -EPROTO;
	for (unsigned i = 0; i < WIRE_N_TYPES; i++) {
		if (!msg_span_eq(env.method, wire_rows[i].method))
			continue;
		*type = (enum wire_type)i;
		*why = wire_rows[i].method;
		return msg_decode(wire_rows[i].desc, env.body, a, out, why);
	}
	*why = "unknown method";
	return -ENOSYS;
}
