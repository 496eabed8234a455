#include "cli/json.h"
#include "common/ipc/ctl.h"

#define AT(key, kind, type, member)                            \
	{                                                      \
		key, kind, offsetof(struct type, member), NULL \
	}
#define OF(key, kind, type, member, of)                      \
	{                                                    \
		key, kind, offsetof(struct type, member), of \
	}
#define SHAPE(name, type, fields)                                    \
	const struct json_shape name = {sizeof(struct type), fields, \
		sizeof(fields) / sizeof((fields)[0])}

static const char *const state[] = {"stopped", "running"};
static const char *const mode[] = {"manual", "auto"};
static const char *const storage[] = {"ok", "failed"};

static const struct json_field warning_fields[] = {
	AT("code", JK_TEXT, ctl_warning, code),
	AT("text", JK_TEXT, ctl_warning, text),
	AT("hint", JK_TEXT_OR, ctl_warning, hint),
};
SHAPE(json_warning, ctl_warning, warning_fields);

static const struct json_field status_fields[] = {
	AT("node", JK_TEXT, ctl_status, node_name),
	AT("version", JK_TEXT, ctl_status, version),
	AT("role", JK_TEXT_OR, ctl_status, role),
	AT("starting", JK_BOOL, ctl_status, starting),
	AT("ready", JK_BOOL, ctl_status, ready),
	AT("busy", JK_TEXT_OR, ctl_status, busy),
	AT("node_id", JK_ID, ctl_status, node_id),
	AT("member_id", JK_ID, ctl_status, member_id),
	AT("incarnation", JK_U64, ctl_status, incarnation),
	AT("session", JK_HEX, ctl_status, session),
	AT("uptime_ms", JK_U64, ctl_status, uptime_ms),
	AT("cluster_name", JK_TEXT, ctl_status, cluster_name),
	AT("cluster_id", JK_ID, ctl_status, cluster_id),
	AT("cluster_created", JK_TIME, ctl_status, cluster_created_ms),
	OF("mode", JK_CHOICE, ctl_status, mode_auto, mode),
	AT("singleton", JK_BOOL, ctl_status, singleton),
	AT("discovery_strategies", JK_WORDS, ctl_status, strategies),
	AT("discovery_enabled", JK_NOT, ctl_status, discovery_paused),
	AT("autoheal", JK_BOOL, ctl_status, autoheal),
	AT("waiting_heal", JK_BOOL, ctl_status, waiting_heal),
	AT("running", JK_U32, ctl_status, running),
	AT("stopped", JK_U32, ctl_status, stopped),
	AT("quorum", JK_BOOL, ctl_status, quorum),
	AT("voters", JK_U32, ctl_status, voters),
	AT("voters_running", JK_U32, ctl_status, voters_running),
	AT("standing_apart", JK_TEXT_OR, ctl_status, apart),
	AT("standing_apart_by", JK_TEXT_OR, ctl_status, apart_by),
	OF("storage", JK_CHOICE, ctl_status, store_failed, storage),
	AT("storage_text", JK_TEXT, ctl_status, storage),
	AT("stalls", JK_U64, ctl_status, stalls),
	AT("stall_ms_max", JK_U64, ctl_status, stall_ms_max),
	AT("digest", JK_HEX, ctl_status, digest),
	AT("events_newest", JK_U64, ctl_status, events_newest),
	AT("frames_in", JK_U64, ctl_status, frames_in),
	AT("frames_out", JK_U64, ctl_status, frames_out),
	AT("bytes_in", JK_U64, ctl_status, bytes_in),
	AT("bytes_out", JK_U64, ctl_status, bytes_out),
	OF("warnings", JK_LIST, ctl_status, warnings, &json_warning),
};
SHAPE(json_status, ctl_status, status_fields);

static const struct json_field discovery_fields[] = {
	OF("mode", JK_CHOICE, ctl_status, mode_auto, mode),
	AT("singleton", JK_BOOL, ctl_status, singleton),
	AT("discovery_strategies", JK_WORDS, ctl_status, strategies),
	AT("discovery_enabled", JK_NOT, ctl_status, discovery_paused),
};
SHAPE(json_discovery, ctl_status, discovery_fields);

static const struct json_field member_fields[] = {
	AT("name", JK_TEXT, ctl_member, name),
	OF("state", JK_CHOICE, ctl_member, running, state),
	AT("role", JK_TEXT, ctl_member, role),
	AT("self", JK_BOOL, ctl_member, self),
	AT("member_id", JK_ID, ctl_member, member_id),
	AT("node_id", JK_ID, ctl_member, node_id),
	AT("incarnation", JK_U64, ctl_member, incarnation),
	AT("session", JK_HEX, ctl_member, session),
	AT("sequence", JK_U64, ctl_member, seq),
	AT("since", JK_TIME, ctl_member, since_ms),
	AT("address", JK_TEXT, ctl_member, host),
	AT("dist_port", JK_U16, ctl_member, dist_port),
	AT("rpc_port", JK_U16, ctl_member, rpc_port),
	AT("version", JK_TEXT, ctl_member, version),
	AT("phase", JK_TEXT_OR, ctl_member, state),
	AT("voter", JK_BOOL, ctl_member, voter),
	AT("unreadable", JK_BOOL, ctl_member, unreadable),
	AT("rtt_ms", JK_MS, ctl_member, rtt_us),
	AT("rtt_us", JK_US, ctl_member, rtt_us),
	AT("last_error", JK_TEXT_OR, ctl_member, last_error),
	AT("tags", JK_TAGS, ctl_member, tags),
};
SHAPE(json_member, ctl_member, member_fields);

static const struct json_field link_fields[] = {
	AT("from", JK_TEXT, ctl_link, from),
	AT("to", JK_TEXT, ctl_link, to),
	AT("state", JK_TEXT, ctl_link, state),
	AT("own", JK_BOOL, ctl_link, own),
	AT("from_id", JK_ID, ctl_link, from_id),
	AT("to_id", JK_ID, ctl_link, to_id),
	AT("rtt_ms", JK_MS, ctl_link, rtt_us),
	AT("rtt_us", JK_US, ctl_link, rtt_us),
	AT("age_ms", JK_U64, ctl_link, age_ms),
	AT("hold_ms", JK_U64, ctl_link, hold_ms),
	AT("data_ok", JK_NOT, ctl_link, data_failed),
	AT("last_error", JK_TEXT_OR, ctl_link, last_error),
};
SHAPE(json_link, ctl_link, link_fields);

static const struct json_field worker_fields[] = {
	AT("name", JK_TEXT, ctl_worker, name),
	AT("state", JK_TEXT, ctl_worker, state),
	AT("pid", JK_U32_OR, ctl_worker, pid),
	AT("restarts", JK_U32, ctl_worker, restarts),
	AT("started", JK_TIME, ctl_worker, started_ms),
	AT("last_exit", JK_TEXT_OR, ctl_worker, last_exit),
	AT("last_error", JK_TEXT_OR, ctl_worker, text),
	AT("reported", JK_BOOL, ctl_worker, has_health),
	AT("ok", JK_BOOL, ctl_worker, ok),
	AT("found_self", JK_BOOL, ctl_worker, found_self),
	AT("detail", JK_TEXT_OR, ctl_worker, detail),
	AT("candidates", JK_U32, ctl_worker, candidates),
	AT("last_sync", JK_TIME, ctl_worker, last_sync_ms),
};
SHAPE(json_worker, ctl_worker, worker_fields);

static const struct json_field event_fields[] = {
	AT("n", JK_U64, ctl_event, n),
	AT("boot", JK_HEX, ctl_event, boot),
	AT("time", JK_TIME, ctl_event, time_ms),
	AT("kind", JK_TEXT, ctl_event, kind),
	AT("severity", JK_TEXT, ctl_event, severity),
	AT("node", JK_TEXT_OR, ctl_event, node),
	AT("member_id", JK_ID, ctl_event, member_id),
	AT("text", JK_TEXT, ctl_event, text),
};
SHAPE(json_event, ctl_event, event_fields);

static const struct json_field lost_fields[] = {
	AT("n", JK_U64, ctl_lost, last),
	AT("first", JK_U64, ctl_lost, first),
	AT("last", JK_U64, ctl_lost, last),
};
SHAPE(json_lost, ctl_lost, lost_fields);

static const struct json_field step_fields[] = {
	AT("name", JK_TEXT, ctl_step, name),
	AT("ok", JK_BOOL, ctl_step, ok),
	AT("ms", JK_U64, ctl_step, ms),
	AT("text", JK_TEXT, ctl_step, text),
};
static SHAPE(json_step, ctl_step, step_fields);

static const struct json_field check_fields[] = {
	AT("node", JK_TEXT, ctl_check, node),
	AT("ok", JK_BOOL, ctl_check, ok),
	OF("steps", JK_LIST, ctl_check, steps, &json_step),
	AT("advice", JK_TEXT_OR, ctl_check, advice),
};
SHAPE(json_check, ctl_check, check_fields);

static const struct json_field kv_sibling_fields[] = {
	AT("modified", JK_TIME, ctl_kv_sibling, ms),
	AT("member_id", JK_ID, ctl_kv_sibling, member_id),
};
SHAPE(json_kv_sibling, ctl_kv_sibling, kv_sibling_fields);

/* Beside key, value and values. */
static const struct json_field kv_item_fields[] = {
	AT("conflict", JK_BOOL, ctl_kv_item, conflict),
	AT("version", JK_TEXT, ctl_kv_item, version),
	AT("index", JK_TEXT, ctl_kv_item, index),
	AT("modified", JK_TIME, ctl_kv_item, ms),
	AT("n_values", JK_U32, ctl_kv_item, n_values),
};
SHAPE(json_kv_item, ctl_kv_item, kv_item_fields);

static const struct json_field kv_status_fields[] = {
	AT("keys", JK_U64, ctl_kv_status, entries),
	AT("conflicts", JK_U64, ctl_kv_status, conflicts),
	AT("tombstones", JK_U64, ctl_kv_status, tombstones),
	AT("bytes", JK_U64, ctl_kv_status, bytes),
	AT("max_bytes", JK_U64, ctl_kv_status, max_bytes),
	AT("origins", JK_U64, ctl_kv_status, origins),
	AT("index", JK_TEXT, ctl_kv_status, index),
	AT("vector_hash", JK_HEX, ctl_kv_status, vector_hash),
	AT("data_hash", JK_HEX, ctl_kv_status, data_hash),
	AT("queued_bytes", JK_U64, ctl_kv_status, queued_bytes),
	AT("catching_up", JK_U64, ctl_kv_status, behind),
	AT("skew_ms", JK_I64, ctl_kv_status, skew_ms),
	AT("clock_wrong", JK_BOOL, ctl_kv_status, skewed),
	AT("stale", JK_BOOL, ctl_kv_status, stale),
	AT("disk_error", JK_TEXT_OR, ctl_kv_status, store_error),
	AT("copy", JK_TEXT_OR, ctl_kv_status, copy),
	AT("state", JK_TEXT, ctl_kv_status, state),
};
SHAPE(json_kv_status, ctl_kv_status, kv_status_fields);
