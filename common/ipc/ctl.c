#include "common/ipc/ctl.h"

/* All fields are required. */
#define DESC(type, fields, text) \
	MSG_DESC(type, fields, sizeof(fields) / sizeof((fields)[0]), text)
#define F(kind, type, member, max, doc) MSG_FIELD(kind, type, member, max, doc)
#define LIST(type, member, max, desc, doc) \
	MSG_FIELD_OF(MSG_LIST, type, member, max, &(desc), doc)
#define NAME(type, member, doc) MSG_FIELD(MSG_STR, type, member, CTL_NAME_MAX, doc)
#define WORD(type, member, doc) MSG_FIELD(MSG_STR, type, member, CTL_WORD_MAX, doc)
#define TEXT(type, member, doc) MSG_FIELD(MSG_STR, type, member, CTL_TEXT_MAX, doc)

static const struct msg_desc empty_desc = {"ctl_empty", sizeof(struct ctl_empty), NULL, 0, 0,
	"Nothing."};

static const struct msg_field version_fields[] = {
	WORD(ctl_version, version, "of the daemon"),
	WORD(ctl_version, commit, "it was built from"),
	NAME(ctl_version, node_name, "name@host"),
	F(MSG_U32, ctl_version, proto_lo, 0, "lowest distribution protocol"),
	F(MSG_U32, ctl_version, proto_hi, 0, "highest distribution protocol"),
};
static const struct msg_desc version_desc = DESC(ctl_version, version_fields, "The daemon.");

static const struct msg_field warning_fields[] = {
	WORD(ctl_warning, code, "stable name"),
	TEXT(ctl_warning, text, "what is wrong"),
	TEXT(ctl_warning, hint, "what to do"),
};
static const struct msg_desc warning_desc =
	DESC(ctl_warning, warning_fields, "Something that an operator should look at.");

static const struct msg_field status_fields[] = {
	NAME(ctl_status, node_name, "name@host"),
	NAME(ctl_status, cluster_name, "must be equal on all nodes"),
	WORD(ctl_status, version, "of the daemon"),
	F(MSG_ID, ctl_status, node_id, 0, "made with the data directory"),
	F(MSG_ID, ctl_status, member_id, 0, "new at each joining"),
	F(MSG_ID, ctl_status, cluster_id, 0, "cluster identity"),
	F(MSG_U64, ctl_status, cluster_created_ms, 0, "cluster identity, wall clock"),
	F(MSG_U64, ctl_status, incarnation, 0, "counted up at each start"),
	F(MSG_U64, ctl_status, session, 0, "random at each start"),
	WORD(ctl_status, role, "core, replica"),
	WORD(ctl_status, strategies, "configured discovery, comma separated"),
	F(MSG_BOOL, ctl_status, starting, 0, "state not open yet, the rest is empty"),
	F(MSG_BOOL, ctl_status, ready, 0, "first agreed view reached"),
	F(MSG_BOOL, ctl_status, mode_auto, 0, "the cluster's mode"),
	F(MSG_BOOL, ctl_status, singleton, 0, "joins are refused"),
	F(MSG_BOOL, ctl_status, discovery_paused, 0, "until discovery enable or join"),
	F(MSG_BOOL, ctl_status, autoheal, 0, "the cluster's setting"),
	F(MSG_BOOL, ctl_status, quorum, 0, "more than half of the voters run"),
	F(MSG_U32, ctl_status, running, 0, "members"),
	F(MSG_U32, ctl_status, stopped, 0, "members"),
	F(MSG_U32, ctl_status, voters, 0, "members that count for quorum"),
	F(MSG_U32, ctl_status, voters_running, 0, "of them"),
	WORD(ctl_status, apart, "why this node stands apart"),
	NAME(ctl_status, apart_by, "who removed it or has its name"),
	WORD(ctl_status, busy, "joining, leaving, stopping, rejoining"),
	F(MSG_BOOL, ctl_status, store_failed, 0, "the disk refuses writes"),
	F(MSG_BOOL, ctl_status, waiting_heal, 0, "a partition waits for cluster heal"),
	F(MSG_U64, ctl_status, stalls, 0, "times that the process did not run"),
	F(MSG_U64, ctl_status, stall_ms_max, 0, "the longest"),
	F(MSG_U64, ctl_status, digest, 0, "of all that is flooded"),
	F(MSG_U64, ctl_status, events_newest, 0, "number of the newest event"),
	F(MSG_U64, ctl_status, uptime_ms, 0, "of membership"),
	F(MSG_U64, ctl_status, frames_in, 0, "from other nodes, on the distribution port"),
	F(MSG_U64, ctl_status, frames_out, 0, "to them"),
	F(MSG_U64, ctl_status, bytes_in, 0, "of those frames, before TLS"),
	F(MSG_U64, ctl_status, bytes_out, 0, ""),
	LIST(ctl_status, warnings, CTL_WARNINGS_MAX, warning_desc, "what needs attention"),
	F(MSG_STR, ctl_status, storage, CTL_TEXT_MAX, "ok, or what is the matter with it"),
};
static const struct msg_desc status_desc = DESC(ctl_status, status_fields, "This node.");

static const struct msg_field after_fields[] = {
	NAME(ctl_after, name, "of the last member received"),
	F(MSG_ID, ctl_after, member_id, 0, "of the last member received"),
};
static const struct msg_desc after_desc = DESC(ctl_after, after_fields, "Cursor of a page.");

static const struct msg_field cluster_node_fields[] = {
	NAME(ctl_cluster_node, name, "name@host"),
	F(MSG_ID, ctl_cluster_node, member_id, 0, "for the cursor"),
	F(MSG_BOOL, ctl_cluster_node, running, 0, "or stopped"),
};
static const struct msg_desc cluster_node_desc =
	DESC(ctl_cluster_node, cluster_node_fields, "A member in brief.");

static const struct msg_field cluster_status_fields[] = {
	NAME(ctl_cluster_status, node_name, "of the answering node"),
	F(MSG_BOOL, ctl_cluster_status, more, 0, "another page follows"),
	LIST(ctl_cluster_status, nodes, CTL_PAGE_ITEMS, cluster_node_desc, "by name, then id"),
	LIST(ctl_cluster_status, warnings, CTL_WARNINGS_MAX, warning_desc,
		"what needs attention"),
};
static const struct msg_desc cluster_status_desc =
	DESC(ctl_cluster_status, cluster_status_fields, "Who is running and who is stopped.");

static const struct msg_field tag_fields[] = {
	F(MSG_STR, ctl_tag, key, CTL_TAG_KEY_MAX, "unique on a node"),
	F(MSG_STR, ctl_tag, value, CTL_TAG_VALUE_MAX, "free text"),
};
static const struct msg_desc tag_desc = DESC(ctl_tag, tag_fields, "A tag.");

static const struct msg_field member_fields[] = {
	NAME(ctl_member, name, "name@host"),
	NAME(ctl_member, host, "where others dial it"),
	WORD(ctl_member, version, "of its program"),
	WORD(ctl_member, role, "core, replica"),
	WORD(ctl_member, state, "up, leaving, stopping, restarting: by its own word"),
	F(MSG_ID, ctl_member, member_id, 0, "new at each joining"),
	F(MSG_ID, ctl_member, node_id, 0, "made with the data directory"),
	F(MSG_U64, ctl_member, incarnation, 0, "counted up at each start"),
	F(MSG_U64, ctl_member, session, 0, "random at each start"),
	F(MSG_U64, ctl_member, seq, 0, "of its record"),
	F(MSG_U64, ctl_member, since_ms, 0, "running or stopped since, wall clock here"),
	F(MSG_BOOL, ctl_member, running, 0, "in the answering node's view"),
	F(MSG_BOOL, ctl_member, self, 0, "the answering node"),
	F(MSG_BOOL, ctl_member, unreadable, 0, "its record can't be read here"),
	F(MSG_BOOL, ctl_member, voter, 0, "counts for quorum"),
	F(MSG_U16, ctl_member, dist_port, 0, "distribution listener"),
	F(MSG_U16, ctl_member, rpc_port, 0, "RPC listener"),
	F(MSG_I64, ctl_member, rtt_us, 0, "of the direct link, -1: none"),
	TEXT(ctl_member, last_error, "of the last dial"),
	LIST(ctl_member, tags, CTL_TAGS_MAX, tag_desc, "sorted by key"),
};
static const struct msg_desc member_desc = DESC(ctl_member, member_fields, "A member.");

static const struct msg_field members_fields[] = {
	F(MSG_BOOL, ctl_members, more, 0, "another page follows"),
	LIST(ctl_members, members, CTL_PAGE_ITEMS, member_desc, "by name, then id"),
};
static const struct msg_desc members_desc = DESC(ctl_members, members_fields, "Members.");

static const struct msg_field skip_fields[] = {
	F(MSG_U32, ctl_skip, skip, 0, "items received so far"),
};
static const struct msg_desc skip_desc = DESC(ctl_skip, skip_fields, "Cursor of a page.");

static const struct msg_field link_fields[] = {
	NAME(ctl_link, from, "whose record lists the edge"),
	NAME(ctl_link, to, "name@host"),
	WORD(ctl_link, state,
		"own: live, suspect, redialing, held, dropping, unannounced; others': usable, one_way"),
	F(MSG_ID, ctl_link, from_id, 0, "member id"),
	F(MSG_ID, ctl_link, to_id, 0, "member id"),
	F(MSG_BOOL, ctl_link, own, 0, "from the answering node"),
	F(MSG_I64, ctl_link, rtt_us, 0, "-1: not known"),
	F(MSG_U64, ctl_link, age_ms, 0, "since it came up"),
	F(MSG_U64, ctl_link, hold_ms, 0, "what is left of its hold"),
	TEXT(ctl_link, last_error, "why it was lost last"),
	F(MSG_BOOL, ctl_link, data_failed, 0, "the RPC port of `to` can't be reached"),
};
static const struct msg_desc link_desc = DESC(ctl_link, link_fields, "Who sees whom.");

static const struct msg_field links_fields[] = {
	F(MSG_BOOL, ctl_links, more, 0, "another page follows"),
	LIST(ctl_links, links, CTL_PAGE_ITEMS, link_desc, "own first"),
};
static const struct msg_desc links_desc = DESC(ctl_links, links_fields, "Links.");

static const struct msg_field worker_fields[] = {
	WORD(ctl_worker, name, "strategy"),
	WORD(ctl_worker, state, "running, starting, backoff, stopped"),
	TEXT(ctl_worker, last_exit, "how its last life ended"),
	F(MSG_U32, ctl_worker, pid, 0, "0: none"),
	F(MSG_U32, ctl_worker, restarts, 0, "since the daemon's start"),
	F(MSG_U64, ctl_worker, started_ms, 0, "wall clock"),
	F(MSG_BOOL, ctl_worker, has_health, 0, "it has reported"),
	F(MSG_BOOL, ctl_worker, ok, 0, "its last look-up succeeded"),
	F(MSG_BOOL, ctl_worker, found_self, 0, "this node is in its own answer"),
	TEXT(ctl_worker, text, "the last error"),
	TEXT(ctl_worker, detail, "server, lease, …"),
	F(MSG_U64, ctl_worker, last_sync_ms, 0, "wall clock, 0: never"),
	F(MSG_U32, ctl_worker, candidates, 0, "in its present set"),
};
static const struct msg_desc worker_desc = DESC(ctl_worker, worker_fields, "A worker.");

static const struct msg_field workers_fields[] = {
	LIST(ctl_workers, workers, CTL_WORKERS_MAX, worker_desc, "one per strategy"),
};
static const struct msg_desc workers_desc = DESC(ctl_workers, workers_fields, "Workers.");

static const struct msg_field events_ask_fields[] = {
	F(MSG_U64, ctl_events_ask, since, 0, "the last number received"),
	F(MSG_BOOL, ctl_events_ask, follow, 0, "go on with notifications"),
};
static const struct msg_desc events_ask_desc =
	DESC(ctl_events_ask, events_ask_fields, "Which events.");

static const struct msg_field event_fields[] = {
	F(MSG_U64, ctl_event, n, 0, "number, from 1 at each boot"),
	F(MSG_U64, ctl_event, boot, 0, "random at each start of membership"),
	F(MSG_U64, ctl_event, time_ms, 0, "wall clock"),
	WORD(ctl_event, kind, "stable name"),
	WORD(ctl_event, severity, "info, warning, error"),
	NAME(ctl_event, node, "name@host or empty"),
	TEXT(ctl_event, text, "in plain words"),
	F(MSG_ID, ctl_event, member_id, 0, "zero: none"),
};
static const struct msg_desc event_desc = DESC(ctl_event, event_fields, "What happened.");

static const struct msg_field lost_fields[] = {
	F(MSG_U64, ctl_lost, first, 0, "first number lost, 0: none"),
	F(MSG_U64, ctl_lost, last, 0, "last number lost"),
};
static const struct msg_desc lost_desc =
	DESC(ctl_lost, lost_fields, "Events that were overwritten before they were read.");

static const struct msg_field events_fields[] = {
	F(MSG_U64, ctl_events, boot, 0, "random at each start of membership"),
	F(MSG_BOOL, ctl_events, more, 0, "another page follows"),
	F(MSG_BOOL, ctl_events, anew, 0, "numbers have begun again"),
	MSG_FIELD_OF(MSG_STRUCT, ctl_events, lost, 0, &lost_desc, "a gap before these"),
	LIST(ctl_events, events, CTL_PAGE_ITEMS, event_desc, "ascending"),
};
static const struct msg_desc events_desc = DESC(ctl_events, events_fields, "Events.");

static const struct msg_field target_fields[] = {
	NAME(ctl_target, name, "name@host"),
	NAME(ctl_target, host, "where to dial"),
	WORD(ctl_target, source, "member or the strategy that found it"),
	F(MSG_U16, ctl_target, port, 0, "0: by the rule"),
};
static const struct msg_desc target_desc = DESC(ctl_target, target_fields, "Whom to check.");

static const struct msg_field targets_fields[] = {
	NAME(ctl_targets, node_name, "of the answering node"),
	F(MSG_BOOL, ctl_targets, more, 0, "another page follows"),
	LIST(ctl_targets, targets, CTL_PAGE_ITEMS, target_desc, "members, then candidates"),
};
static const struct msg_desc targets_desc = DESC(ctl_targets, targets_fields, "Others.");

static const struct msg_field node_fields[] = {
	F(MSG_STR, ctl_node, node, CTL_ADDR_MAX, "name[@host[:port]]"),
};
static const struct msg_desc node_desc = DESC(ctl_node, node_fields, "A node.");

static const struct msg_field check_ask_fields[] = {
	F(MSG_STR, ctl_check_ask, node, CTL_ADDR_MAX, "name[@host[:port]]"),
	NAME(ctl_check_ask, host, "where to dial, empty: the name's host"),
	F(MSG_U16, ctl_check_ask, port, 0, "0: the node's or by the rule"),
};
static const struct msg_desc check_ask_desc =
	DESC(ctl_check_ask, check_ask_fields, "Whom to check.");

static const struct msg_field step_fields[] = {
	WORD(ctl_step, name, "resolve, connect, tls, …"),
	TEXT(ctl_step, text, "result in plain words"),
	F(MSG_BOOL, ctl_step, ok, 0, "passed"),
	F(MSG_U64, ctl_step, ms, 0, "how long it took"),
};
static const struct msg_desc step_desc = DESC(ctl_step, step_fields, "A step of a check.");

static const struct msg_field check_fields[] = {
	NAME(ctl_check, node, "name@host"),
	F(MSG_BOOL, ctl_check, ok, 0, "all steps passed"),
	LIST(ctl_check, steps, CTL_STEPS_MAX, step_desc, "in order"),
	TEXT(ctl_check, advice, "what to do, empty when all is well"),
};
static const struct msg_desc check_desc = DESC(ctl_check, check_fields, "A check.");

static const struct msg_field join_fields[] = {
	F(MSG_STR, ctl_join, node, CTL_ADDR_MAX, "name[@host[:port]]"),
	F(MSG_BOOL, ctl_join, no_backup, 0, "what the copy replaces is not saved first"),
};
static const struct msg_desc join_desc = {"ctl_join", sizeof(struct ctl_join), join_fields, 2,
	1, "Whose cluster to join."};

static const struct msg_field leave_fields[] = {
	F(MSG_BOOL, ctl_leave, force, 0, "though nobody can take over what this node has"),
};
static const struct msg_desc leave_desc = DESC(ctl_leave, leave_fields, "Leave.");

static const struct msg_field force_leave_fields[] = {
	F(MSG_STR, ctl_force_leave, node, CTL_ADDR_MAX, "name[@host]"),
	F(MSG_U64, ctl_force_leave, ban_ms, 0, "keeps the node out for so long, 0: not"),
};
static const struct msg_desc force_leave_desc =
	DESC(ctl_force_leave, force_leave_fields, "Whom to remove.");

static const struct msg_field switch_fields[] = {
	F(MSG_BOOL, ctl_switch, on, 0, "enabled; for the mode: automatic"),
};
static const struct msg_desc switch_desc = DESC(ctl_switch, switch_fields, "On or off.");

static const struct msg_field restart_fields[] = {
	F(MSG_BOOL, ctl_restart, announce, 0, "only say so: the restart comes from elsewhere"),
};
static const struct msg_desc restart_desc =
	DESC(ctl_restart, restart_fields, "A planned restart.");

static const struct msg_field name_fields[] = {
	WORD(ctl_name, name, "a worker, a key"),
};
static const struct msg_desc name_desc = DESC(ctl_name, name_fields, "A name.");

static const struct msg_field result_fields[] = {
	F(MSG_BOOL, ctl_result, ok, 0, "done"),
	WORD(ctl_result, code, "stable name of the answer"),
	F(MSG_STR, ctl_result, name, CTL_ADDR_MAX, "the node that the code speaks of"),
	TEXT(ctl_result, text, "what and why"),
	TEXT(ctl_result, hint, "what to do"),
	F(MSG_BOOL, ctl_result, discovery_paused, 0, "leave: discovery was on and is off now"),
};
static const struct msg_desc result_desc = DESC(ctl_result, result_fields, "How it ended.");

static const struct msg_field progress_fields[] = {
	F(MSG_U32, ctl_progress, request, 0, "id of the request"),
	TEXT(ctl_progress, text, "what is being done"),
	F(MSG_U64, ctl_progress, entries, 0, "copied"),
	F(MSG_U64, ctl_progress, entries_total, 0, "about; 0: nothing is being copied"),
	F(MSG_U64, ctl_progress, bytes, 0, "copied"),
	F(MSG_U64, ctl_progress, bytes_total, 0, "about"),
};
static const struct msg_desc progress_desc = {"ctl_progress", sizeof(struct ctl_progress),
	progress_fields, 6, 2, "A change goes on."};

static const struct msg_field error_fields[] = {
	WORD(ctl_error, code, "stable name"),
	TEXT(ctl_error, text, "in plain words"),
};
const struct msg_desc ctl_error_desc =
	DESC(ctl_error, error_fields, "The request was not understood or not taken.");

enum { READS = CTL_NEEDS_CORE | CTL_NEEDS_DATA, WRITES = READS | CTL_CHANGES };

/* Method, params, result, flags, what it does. */
const struct ctl_row ctl_rows[CTL_N_METHODS] = {
	[CTL_VERSION] = {"version", &empty_desc, &version_desc, 0, "The daemon's version."},
	[CTL_STATUS] = {"status", &empty_desc, &status_desc, 0, "This node and its cluster."},
	[CTL_CLUSTER_STATUS] = {"cluster_status", &after_desc, &cluster_status_desc, 0,
		"A page of who is running and who is stopped."},
	[CTL_MEMBERS] = {"members", &after_desc, &members_desc, CTL_NEEDS_CORE,
		"A page of members."},
	[CTL_LINKS] = {"links", &skip_desc, &links_desc, CTL_NEEDS_CORE, "A page of links."},
	[CTL_WORKERS] = {"workers", &empty_desc, &workers_desc, 0, "Discovery workers."},
	[CTL_EVENTS] = {"events", &events_ask_desc, &events_desc, 0, "A page of events."},
	[CTL_TARGETS] = {"targets", &skip_desc, &targets_desc, CTL_NEEDS_CORE,
		"A page of whom a full check visits."},
	[CTL_CHECK] = {"check", &check_ask_desc, &check_desc, CTL_NEEDS_CORE,
		"Tries to reach a node, step by step."},
	[CTL_JOIN] = {"join", &join_desc, &result_desc, CTL_CHANGES | CTL_NEEDS_CORE,
		"Joins the cluster of a node."},
	[CTL_LEAVE] = {"leave", &leave_desc, &result_desc, CTL_CHANGES | CTL_NEEDS_CORE,
		"Leaves the cluster."},
	[CTL_FORCE_LEAVE] = {"force_leave", &force_leave_desc, &result_desc,
		CTL_CHANGES | CTL_NEEDS_CORE, "Removes a node from the cluster."},
	[CTL_DISCOVERY] = {"discovery", &switch_desc, &result_desc,
		CTL_CHANGES | CTL_NEEDS_CORE, "Switches automatic discovery."},
	[CTL_MODE] = {"mode", &switch_desc, &result_desc, CTL_CHANGES | CTL_NEEDS_CORE,
		"Changes the cluster's mode."},
	[CTL_HEAL] = {"heal", &empty_desc, &result_desc, CTL_CHANGES | CTL_NEEDS_CORE,
		"Lets a waiting partition heal."},
	[CTL_REPLACE] = {"replace", &node_desc, &result_desc, CTL_CHANGES | CTL_NEEDS_CORE,
		"Declares the stopped member of a name replaced."},
	[CTL_TAG_SET] = {"tag_set", &tag_desc, &result_desc, CTL_CHANGES | CTL_NEEDS_CORE,
		"Sets a tag of this node."},
	[CTL_TAG_UNSET] = {"tag_unset", &name_desc, &result_desc, CTL_CHANGES | CTL_NEEDS_CORE,
		"Removes a tag of this node."},
	[CTL_WORKER_RESTART] = {"worker_restart", &name_desc, &result_desc, CTL_CHANGES,
		"Restarts a worker."},
	[CTL_RELOAD] = {"reload", &empty_desc, &result_desc, CTL_CHANGES,
		"Reads the configuration again."},
	[CTL_KV_GET] = {"kv_get", &ctl_kv_key_desc, &ctl_kv_item_desc, READS,
		"The value of a key."},
	[CTL_KV_PUT] = {"kv_put", &ctl_kv_write_desc, &ctl_kv_written_desc, WRITES,
		"Writes a key."},
	[CTL_KV_DELETE] = {"kv_delete", &ctl_kv_write_desc, &ctl_kv_written_desc, WRITES,
		"Deletes a key."},
	[CTL_KV_RESOLVE] = {"kv_resolve", &ctl_kv_write_desc, &ctl_kv_written_desc, WRITES,
		"Ends a conflict with one of its values."},
	[CTL_KV_LIST] = {"kv_list", &ctl_kv_list_ask_desc, &ctl_kv_list_desc, READS,
		"A page of keys."},
	[CTL_KV_WATCH] = {"kv_watch", &ctl_kv_watch_ask_desc, &ctl_kv_changes_desc, READS,
		"A page of changes, then notifications."},
	[CTL_KV_STATUS] = {"kv_status", &empty_desc, &ctl_kv_status_desc, CTL_NEEDS_CORE,
		"The shared data on this node."},
	[CTL_RESTART] = {"restart", &restart_desc, &result_desc, CTL_CHANGES | CTL_NEEDS_CORE,
		"Announces a restart of this node, and restarts it."},
	[CTL_KV_REPAIR] = {"kv_repair", &ctl_kv_repair_desc, &result_desc,
		CTL_CHANGES | CTL_NEEDS_CORE,
		"Puts shared data that can't be read aside and copies the others'."},
};

const struct ctl_row ctl_notices[CTL_N_NOTICES] = {
	[CTL_EVENT] = {"event", &event_desc, NULL, 0, "An event, to a follower."},
	[CTL_EVENTS_LOST] = {"events_lost", &lost_desc, NULL, 0,
		"The follower reads too slowly: the ring has overtaken it."},
	[CTL_PROGRESS] = {"progress", &progress_desc, NULL, 0,
		"Each second while a join or leave lasts."},
	[CTL_KV_CHANGES] = {"kv_changes", &ctl_kv_changes_desc, NULL, 0,
		"What a watcher waited for."},
	[CTL_BYE] = {"bye", &ctl_error_desc, NULL, 0, "Why the connection is closed."},
};

static int find(const struct ctl_row *rows, int n, struct msg_span method)
{
	for (int i = 0; i < n; i++)
		if (msg_span_eq(method, rows[i].method))
			return i;
	return -1;
}

int ctl_method_find(struct msg_span method)
{
	return find(ctl_rows, CTL_N_METHODS, method);
}

int ctl_notice_find(struct msg_span method)
{
	return find(ctl_notices, CTL_N_NOTICES, method);
}

int ctl_params_get(enum ctl_method m, struct msg_reader body, union ctl_params *out,
	const char **bad_field)
{
	return msg_decode(ctl_rows[m].params, body, NULL, out, bad_field);
}
