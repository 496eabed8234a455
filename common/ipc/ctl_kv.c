#include "common/ipc/ctl_kv.h"

#include "common/ipc/ctl.h"

/* All fields are required. */
#define DESC(type, fields, text) \
	MSG_DESC(type, fields, sizeof(fields) / sizeof((fields)[0]), text)
#define F(kind, type, member, max, doc) MSG_FIELD(kind, type, member, max, doc)
#define LIST(type, member, max, desc, doc) \
	MSG_FIELD_OF(MSG_LIST, type, member, max, &(desc), doc)
#define KEY(type, member, doc)     MSG_FIELD(MSG_BIN, type, member, CTL_KV_KEY_MAX, doc)
#define INDEX(type, member, doc)   MSG_FIELD(MSG_STR, type, member, CTL_KV_INDEX_MAX, doc)
#define VERSION(type, member, doc) MSG_FIELD(MSG_STR, type, member, CTL_KV_VERSION_MAX, doc)
#define TEXT(type, member, doc)    MSG_FIELD(MSG_STR, type, member, CTL_TEXT_MAX, doc)

static const struct msg_field key_fields[] = {
	KEY(ctl_kv_key, key, ""),
};
const struct msg_desc ctl_kv_key_desc = DESC(ctl_kv_key, key_fields, "A key.");

static const struct msg_field sibling_fields[] = {
	F(MSG_BIN, ctl_kv_sibling, value, CTL_KV_VALUE_MAX, ""),
	F(MSG_BOOL, ctl_kv_sibling, deleted, 0, "no value: a deletion"),
	F(MSG_U64, ctl_kv_sibling, ms, 0, "wall clock of the node that wrote it"),
	F(MSG_ID, ctl_kv_sibling, member_id, 0, "that node"),
};
static const struct msg_desc sibling_desc =
	DESC(ctl_kv_sibling, sibling_fields, "One of a key's concurrent values.");

static const struct msg_field item_fields[] = {
	F(MSG_BOOL, ctl_kv_item, found, 0, "false: there is no such key"),
	KEY(ctl_kv_item, key, ""),
	F(MSG_BIN, ctl_kv_item, value, CTL_KV_SHOWN_MAX, "as readers see it"),
	F(MSG_BOOL, ctl_kv_item, deleted, 0, "no value: a deletion"),
	F(MSG_BOOL, ctl_kv_item, conflict, 0, "there are concurrent values"),
	VERSION(ctl_kv_item, version, "for a conditional write"),
	INDEX(ctl_kv_item, index, "of its last change on the answering node"),
	F(MSG_U64, ctl_kv_item, ms, 0, "when it was written, wall clock of the node that did"),
	F(MSG_U32, ctl_kv_item, n_values, 0, "how many concurrent values there are"),
	LIST(ctl_kv_item, siblings, CTL_KV_SIBLINGS_MAX, sibling_desc,
		"in conflict: as many as fit, the winner first"),
};
const struct msg_desc ctl_kv_item_desc = DESC(ctl_kv_item, item_fields, "A key and its value.");

static const struct msg_field write_fields[] = {
	KEY(ctl_kv_write, key, ""),
	F(MSG_BIN, ctl_kv_write, value, CTL_KV_VALUE_MAX, "put"),
	F(MSG_U32, ctl_kv_write, ack, 2, "0 local, 1 one, 2 majority"),
	F(MSG_U64, ctl_kv_write, timeout_ms, 0, "for the acknowledgement, 0: the default"),
	F(MSG_BOOL, ctl_kv_write, conditional, 0, ""),
	VERSION(ctl_kv_write, if_version, "conditional: it must be this; empty: no value"),
	F(MSG_U32, ctl_kv_write, pick, CTL_KV_SIBLINGS_MAX, "resolve: which value, from 1"),
};
const struct msg_desc ctl_kv_write_desc = DESC(ctl_kv_write, write_fields, "A write.");

static const struct msg_field written_fields[] = {
	F(MSG_BOOL, ctl_kv_written, ok, 0, "done as asked"),
	F(MSG_STR, ctl_kv_written, code, CTL_WORD_MAX, "stable name of the answer"),
	TEXT(ctl_kv_written, text, "what and why"),
	TEXT(ctl_kv_written, hint, "what to do"),
	VERSION(ctl_kv_written, version, "what is there now"),
	F(MSG_U32, ctl_kv_written, acked, 0, "running cores known to have it on disk"),
};
const struct msg_desc ctl_kv_written_desc =
	DESC(ctl_kv_written, written_fields, "How a write ended.");

static const struct msg_field list_ask_fields[] = {
	KEY(ctl_kv_list_ask, prefix, ""),
	KEY(ctl_kv_list_ask, after, "the last key received; empty: from the first"),
	F(MSG_BOOL, ctl_kv_list_ask, values, 0, "not the keys alone"),
};
const struct msg_desc ctl_kv_list_ask_desc =
	DESC(ctl_kv_list_ask, list_ask_fields, "Which keys.");

static const struct msg_field list_fields[] = {
	F(MSG_BOOL, ctl_kv_list, more, 0, "another page follows"),
	LIST(ctl_kv_list, items, CTL_PAGE_ITEMS, ctl_kv_item_desc, "by key"),
};
const struct msg_desc ctl_kv_list_desc = DESC(ctl_kv_list, list_fields, "Keys in byte order.");

static const struct msg_field watch_ask_fields[] = {
	KEY(ctl_kv_watch_ask, prefix, ""),
	INDEX(ctl_kv_watch_ask, index,
		"changes behind it; 0: all that there is; empty: only what comes"),
	F(MSG_BOOL, ctl_kv_watch_ask, follow, 0, "go on with notifications"),
};
const struct msg_desc ctl_kv_watch_ask_desc =
	DESC(ctl_kv_watch_ask, watch_ask_fields, "Which changes.");

static const struct msg_field changes_fields[] = {
	INDEX(ctl_kv_changes, index, "to go on from"),
	F(MSG_BOOL, ctl_kv_changes, anew, 0,
		"the index asked for is forgotten or of other data: all keys follow"),
	F(MSG_BOOL, ctl_kv_changes, more, 0, "another page follows"),
	LIST(ctl_kv_changes, items, CTL_PAGE_ITEMS, ctl_kv_item_desc, "the last of each key"),
};
const struct msg_desc ctl_kv_changes_desc =
	DESC(ctl_kv_changes, changes_fields, "Changes in their order on the answering node.");

static const struct msg_field status_fields[] = {
	F(MSG_U64, ctl_kv_status, entries, 0, "keys that have a value"),
	F(MSG_U64, ctl_kv_status, tombstones, 0, "deleted keys that are not forgotten yet"),
	F(MSG_U64, ctl_kv_status, bytes, 0, "of keys and values"),
	F(MSG_U64, ctl_kv_status, max_bytes, 0, "store.max_size"),
	F(MSG_U64, ctl_kv_status, conflicts, 0, "keys in conflict"),
	F(MSG_U64, ctl_kv_status, origins, 0, "lives of members that wrote"),
	F(MSG_U64, ctl_kv_status, vector_hash, 0, "of what is known of each origin"),
	F(MSG_U64, ctl_kv_status, data_hash, 0, "of keys and values"),
	F(MSG_U64, ctl_kv_status, queued_bytes, 0, "waiting for the disk"),
	F(MSG_U64, ctl_kv_status, behind, 0, "peers that it catches up from"),
	INDEX(ctl_kv_status, index, "of the last change here"),
	TEXT(ctl_kv_status, store_error, "why the disk refuses; empty: it does not"),
	TEXT(ctl_kv_status, copy, "what a copy does; empty: there is none"),
	F(MSG_BOOL, ctl_kv_status, skewed, 0, "the clock is too far off to write"),
	F(MSG_BOOL, ctl_kv_status, stale, 0, "away too long: copies anew"),
	F(MSG_I64, ctl_kv_status, skew_ms, 0, "own clock against the neighbours' median"),
	TEXT(ctl_kv_status, state, "ready, loading, or why it can't be used"),
};
const struct msg_desc ctl_kv_status_desc =
	DESC(ctl_kv_status, status_fields, "The shared data on this node.");

static const struct msg_field repair_fields[] = {
	F(MSG_BOOL, ctl_kv_repair, force, 0,
		"though no other core runs that it could be copied from"),
};
const struct msg_desc ctl_kv_repair_desc = DESC(ctl_kv_repair, repair_fields, "Repair.");
