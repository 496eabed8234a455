#ifndef COMMON_IPC_CTL_H
#define COMMON_IPC_CTL_H
/*
 * Every message of the control socket, as one struct and one table row each (ctl.c), on the engine of common/msg.
 *
 * clusterctl (and the http worker) → membership   requests; membership → them   one response each, in any order, and
 * notifications for what goes on: `event` for a follower, `progress` while a join or leave lasts, `bye` before a close.
 *
 * Answers that grow with the cluster come in pages: the request names the last item it has, the answer says whether
 * there is more. Neither side keeps anything between two pages.
 * What the daemon knows as an enum travels as its name: clusterctl prints names that it has never heard of.
 */
#include "common/ipc/ctl_kv.h"
#include "common/msg/msg.h"

enum {
	CTL_NAME_MAX = 255, /* as common/base/node.h */
	CTL_ADDR_MAX = 320, /* name@host:port, as an operator types it */
	CTL_WORD_MAX = 64,
	CTL_TEXT_MAX = 1024,
	CTL_TAGS_MAX = 64, /* as common/wire/wire.h */
	CTL_TAG_KEY_MAX = 64,
	CTL_TAG_VALUE_MAX = 256,
	CTL_PAGE_ITEMS = 1000,
	CTL_PAGE_BYTES = 512 * 1024, /* about; one more item fits the frame in any case */
	CTL_WARNINGS_MAX = 64,
	CTL_STEPS_MAX = 12,
	CTL_WORKERS_MAX = 32,
	CTL_ARENA_MAX = 8 * 1024 * 1024, /* enough for any page */
};

enum ctl_method {
	CTL_VERSION,
	CTL_STATUS,
	CTL_CLUSTER_STATUS,
	CTL_MEMBERS,
	CTL_LINKS,
	CTL_WORKERS,
	CTL_EVENTS,
	CTL_TARGETS,
	CTL_CHECK,
	CTL_JOIN,
	CTL_LEAVE,
	CTL_FORCE_LEAVE,
	CTL_DISCOVERY,
	CTL_MODE,
	CTL_HEAL,
	CTL_REPLACE,
	CTL_TAG_SET,
	CTL_TAG_UNSET,
	CTL_WORKER_RESTART,
	CTL_RELOAD,
	CTL_KV_GET,
	CTL_KV_PUT,
	CTL_KV_DELETE,
	CTL_KV_RESOLVE,
	CTL_KV_LIST,
	CTL_KV_WATCH,
	CTL_KV_STATUS,
	CTL_RESTART,
	CTL_KV_REPAIR,
	CTL_N_METHODS
};

enum ctl_notice {
	CTL_EVENT,
	CTL_EVENTS_LOST,
	CTL_PROGRESS,
	CTL_KV_CHANGES,
	CTL_BYE,
	CTL_N_NOTICES
};

struct ctl_empty {
	char unused;
};

struct ctl_version {
	struct msg_span version, commit, node_name;
	uint32_t proto_lo, proto_hi; /* of the distribution protocol */
};

struct ctl_warning {
	struct msg_span code, text, hint;
};

struct ctl_status {
	struct msg_span node_name, cluster_name, version;
	struct id128 node_id, member_id, cluster_id;
	uint64_t cluster_created_ms, incarnation, session;
	struct msg_span role, strategies; /* "static,dns"; "" when manual or singleton */
	bool starting; /* the state is still being opened: the rest is not known yet */
	bool ready, mode_auto, singleton, discovery_paused, autoheal, quorum;
	uint32_t running, stopped, voters, voters_running;
	struct msg_span apart,
		apart_by;     /* "" or left, removed, name_conflict, identity_in_use, banned */
	struct msg_span busy; /* "" or joining, leaving, … */
	bool store_failed, waiting_heal;
	uint64_t stalls, stall_ms_max, digest, events_newest, uptime_ms;
	uint64_t frames_in, frames_out, bytes_in,
		bytes_out;        /* of the distribution, unencrypted */
	struct msg_list warnings; /* struct ctl_warning */
	struct msg_span storage;  /* "ok", or what is the matter with it */
};

/* The last member that the caller has; both zero: from the first. */
struct ctl_after {
	struct msg_span name;
	struct id128 member_id;
};

struct ctl_cluster_node {
	struct msg_span name;
	struct id128 member_id;
	bool running;
};

struct ctl_cluster_status {
	struct msg_span node_name;
	bool more;
	struct msg_list nodes;    /* struct ctl_cluster_node, by name, then id */
	struct msg_list warnings; /* struct ctl_warning */
};

struct ctl_tag {
	struct msg_span key, value;
};

struct ctl_member {
	struct msg_span name, host, version, role, state;
	struct id128 member_id, node_id;
	uint64_t incarnation, session, seq, since_ms;
	bool running, self, unreadable, voter;
	uint16_t dist_port, rpc_port;
	int64_t rtt_us; /* -1: no direct link */
	struct msg_span last_error;
	struct msg_list tags; /* struct ctl_tag */
};

struct ctl_members {
	bool more;
	struct msg_list members; /* struct ctl_member, by name, then id */
};

/* How many items the caller has already. */
struct ctl_skip {
	uint32_t skip;
};

struct ctl_link {
	struct msg_span from, to, state;
	struct id128 from_id, to_id;
	bool own;
	int64_t rtt_us;
	uint64_t age_ms, hold_ms;
	struct msg_span last_error;
	bool data_failed;
};

struct ctl_links {
	bool more;
	struct msg_list links; /* struct ctl_link */
};

struct ctl_worker {
	struct msg_span name, state, last_exit;
	uint32_t pid, restarts;
	uint64_t started_ms;          /* wall clock */
	bool has_health;              /* the worker has said something of itself: the rest */
	bool ok, found_self;          /* found_self: this node is in its own answer */
	struct msg_span text, detail; /* the last error; server, lease, … */
	uint64_t last_sync_ms;        /* wall clock; 0: never */
	uint32_t candidates;
};

struct ctl_workers {
	struct msg_list workers; /* struct ctl_worker */
};

struct ctl_events_ask {
	uint64_t since; /* events with a larger number */
	bool follow;    /* when there are no more: go on with notifications */
};

struct ctl_event {
	uint64_t n, boot,
		time_ms; /* numbers start at 1 with each boot: a life of membership, random */
	struct msg_span kind, severity, node, text;
	struct id128 member_id; /* zero: none */
};

/* Numbers first to last were overwritten before they could be sent; first 0: none. */
struct ctl_lost {
	uint64_t first, last;
};

struct ctl_events {
	uint64_t boot;
	bool more, anew; /* anew: `since` is of an earlier boot, numbers have begun again */
	struct ctl_lost lost;
	struct msg_list events; /* struct ctl_event */
};

struct ctl_target {
	struct msg_span name, host, source;
	uint16_t port; /* 0: by the rule */
};

/* Members and candidates other than this node: whom a full check visits. */
struct ctl_targets {
	struct msg_span node_name;
	bool more;
	struct msg_list targets; /* struct ctl_target */
};

struct ctl_node { /* name, name@host, name@host:port as typed; the daemon completes it */
	struct msg_span node;
};

struct ctl_check_ask {
	struct msg_span node, host; /* host "": the name's */
	uint16_t port;              /* 0: the node's or by the rule */
};

struct ctl_step {
	struct msg_span name, text;
	bool ok;
	uint64_t ms;
};

struct ctl_check {
	struct msg_span node;
	bool ok;
	struct msg_list steps; /* struct ctl_step */
	struct msg_span advice;
};

struct ctl_join {
	struct msg_span node; /* as in struct ctl_node */
	bool no_backup;       /* what the copy replaces is not saved first */
};

struct ctl_leave {
	bool force;
};

struct ctl_force_leave {
	struct msg_span node;
	uint64_t ban_ms; /* 0: none */
};

struct ctl_switch {
	bool on; /* discovery enabled, mode auto */
};

struct ctl_restart {
	bool announce; /* only say so: the restart comes from elsewhere */
};

struct ctl_name {
	struct msg_span name;
};

/* How a change ended. Codes are those of clusterctl's answers ("ok", "node_down", …: cli/answer.c has their texts). */
struct ctl_result {
	bool ok;
	struct msg_span code;
	struct msg_span name;  /* the node that the code speaks of */
	struct msg_span text;  /* plain words: what, why */
	struct msg_span hint;  /* what to do */
	bool discovery_paused; /* leave: automatic discovery was on and is off now */
};

struct ctl_progress {
	uint32_t request;
	struct msg_span text;
	uint64_t entries, entries_total, bytes,
		bytes_total; /* of a copy; totals 0: there is none */
};

/* The error of a response that is none of the above: unknown_method, bad_params, starting, too_many. */
struct ctl_error {
	struct msg_span code, text;
};

enum ctl_flag {
	CTL_CHANGES =
		1, /* logged with the caller's uid and pid; refused on a read-only connection */
	CTL_NEEDS_CORE = 2, /* answered with `starting` until the state is open */
	CTL_NEEDS_DATA = 4  /* answered with `data_loading` or `data_unusable` without it */
};

struct ctl_row {
	const char *method;
	const struct msg_desc *params, *result; /* result NULL: a notification */
	unsigned flags;
	const char *doc;
};

extern const struct ctl_row ctl_rows[CTL_N_METHODS];
extern const struct ctl_row ctl_notices[CTL_N_NOTICES];
extern const struct msg_desc ctl_error_desc;

union ctl_params {
	struct ctl_empty empty;
	struct ctl_after after;
	struct ctl_skip skip;
	struct ctl_events_ask events;
	struct ctl_check_ask check;
	struct ctl_node node;
	struct ctl_join join;
	struct ctl_leave leave;
	struct ctl_force_leave force_leave;
	struct ctl_switch sw;
	struct ctl_restart restart;
	struct ctl_tag tag;
	struct ctl_name name;
	struct ctl_kv_key kv_key;
	struct ctl_kv_write kv_write;
	struct ctl_kv_list_ask kv_list;
	struct ctl_kv_watch_ask kv_watch;
	struct ctl_kv_repair kv_repair;
};

/* The row of a method; -1: unknown. */
int ctl_method_find(struct msg_span method);
int ctl_notice_find(struct msg_span method);
/*
 * Decodes the params of a request. 0, or what msg_decode() says with *bad_field named. Request parameters have no
 * lists, so no arena is needed.
 */
int ctl_params_get(enum ctl_method m, struct msg_reader body, union ctl_params *out,
	const char **bad_field);

#endif
