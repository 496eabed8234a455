#ifndef COMMON_IPC_CTL_KV_H
#define COMMON_IPC_CTL_KV_H
/* The messages of the control socket about the shared data; ctl.h has the methods that they belong to. */
#include "common/msg/msg.h"

enum {
	CTL_KV_KEY_MAX = 480, /* as common/wire/wire_data.h */
	CTL_KV_VALUE_MAX = 64 * 1024,
	CTL_KV_SHOWN_MAX =
		4 * 1024 * 1024, /* what a policy makes of many values may be longer than one */
	CTL_KV_SIBLINGS_MAX = 64,
	CTL_KV_VERSION_MAX = 64,
	CTL_KV_INDEX_MAX = 40, /* <epoch>.<number>, both in hex */
};

struct ctl_kv_key {
	struct msg_span key;
};

struct ctl_kv_sibling {
	struct msg_span value;
	bool deleted;
	uint64_t ms; /* wall clock of the node that wrote it */
	struct id128 member_id;
};

struct ctl_kv_item {
	bool found; /* false: there is no such key */
	struct msg_span key, value;
	bool deleted; /* the winner of a conflict, or the change that a watcher sees, is a deletion */
	bool conflict;
	struct msg_span version, index;
	uint64_t ms;
	uint32_t n_values; /* how many there are */
	struct msg_list
		siblings; /* struct ctl_kv_sibling, the winner first; as many as fit; none unless in conflict */
};

struct ctl_kv_write {
	struct msg_span key, value;
	uint32_t ack;        /* 0 local, 1 one, 2 majority */
	uint64_t timeout_ms; /* for the acknowledgement; 0: the daemon's default */
	bool conditional;
	struct msg_span
		if_version; /* conditional: the version that must be there; empty: no value at all */
	uint32_t pick;      /* resolve: number of the value that stands, from 1 */
};

struct ctl_kv_written {
	bool ok;
	struct msg_span code, text, hint, version;
	uint32_t acked; /* running cores that have it on disk, as far as is known */
};

struct ctl_kv_list_ask {
	struct msg_span prefix, after; /* after: the last key received; empty: from the first */
	bool values;
};

struct ctl_kv_list {
	bool more;
	struct msg_list items; /* struct ctl_kv_item, by key */
};

struct ctl_kv_watch_ask {
	struct msg_span prefix;
	struct msg_span
		index; /* changes behind it; "0": all that there is; empty: only what comes */
	bool follow;
};

struct ctl_kv_changes {
	struct msg_span index; /* to go on from */
	bool anew; /* the index asked for is of no use any more: all keys follow, forget the others */
	bool more;
	struct msg_list items; /* struct ctl_kv_item */
};

enum { CTL_KV_ORIGINS_MAX = 12288 };

struct ctl_kv_status {
	uint64_t entries, tombstones, bytes, max_bytes, conflicts, origins;
	uint64_t vector_hash, data_hash, queued_bytes, behind;
	struct msg_span index, store_error,
		copy; /* store_error, copy: empty when there is none */
	bool skewed, stale;
	int64_t skew_ms;
	struct msg_span
		state; /* "ready", "loading 37 %", or why it can't be used; then the rest is 0 */
};

struct ctl_kv_repair {
	bool force;
};

extern const struct msg_desc ctl_kv_key_desc, ctl_kv_item_desc, ctl_kv_write_desc,
	ctl_kv_written_desc, ctl_kv_list_ask_desc, ctl_kv_list_desc, ctl_kv_watch_ask_desc,
	ctl_kv_changes_desc, ctl_kv_status_desc, ctl_kv_repair_desc;

#endif
