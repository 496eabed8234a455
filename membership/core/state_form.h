#ifndef MEMBERSHIP_CORE_STATE_FORM_H
#define MEMBERSHIP_CORE_STATE_FORM_H
/*
 * What is on disk, as opaque keys and values: "meta", "self", "data" (the generation), "m"+id for each member, "d"+id for
 * each departure, "b"+node id for each ban. Values are msgpack arrays by tables, so that a later version may add fields.
 */
#include "membership/core/core_int.h"

enum { STATE_FORMAT = 1 };

struct state_meta {
	uint32_t format;
	struct id128 node_id;
	struct msg_span node_name, cluster_name;
};

struct state_self {
	struct id128 member_id, cluster_id, settings_by;
	uint64_t created_ms, incarnation, settings_counter, joined_ms;
	bool mode_auto, autoheal, paused;
	uint32_t apart;
	struct msg_span apart_by;
	struct msg_list absorbed; /* struct wire_identity */
	uint64_t voters;
	bool tags_set;
	struct msg_list tags; /* struct wire_tag, when they were set by command */
	uint64_t ran_ms;
	uint32_t heal_conf; /* what the file said of autoheal: 0 unknown, 1 false, 2 true */
};

struct state_member {
	struct id128 node_id;
	struct msg_span name, host;
	uint16_t dist_port, rpc_port;
	uint32_t role;
	uint64_t joined_ms, watch_ms, voters;
};

struct state_departed {
	struct wire_departed entry;
	uint64_t kept_ran_ms;
};

struct state_grave {
	uint32_t reason, flags;
	uint64_t when_ms;
};

struct state_ban {
	uint64_t left_ms;
};

extern const struct msg_desc state_meta_desc, state_self_desc, state_member_desc,
	state_departed_desc, state_grave_desc, state_ban_desc;

#endif
