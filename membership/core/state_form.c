#include "membership/core/state_form.h"

static const struct msg_field meta_fields[] = {
	MSG_FIELD(MSG_U32, state_meta, format, 0, "of the state"),
	MSG_FIELD(MSG_ID, state_meta, node_id, 0, ""),
	MSG_FIELD(MSG_STR, state_meta, node_name, WIRE_NAME_MAX, ""),
	MSG_FIELD(MSG_STR, state_meta, cluster_name, WIRE_CLUSTER_NAME_MAX, ""),
};
const struct msg_desc state_meta_desc = {"state_meta", sizeof(struct state_meta), meta_fields,
	4, 4, "Whose data directory this is."};

static const struct msg_field absorbed_fields[] = {
	MSG_FIELD(MSG_U64, wire_identity, created_ms, 0, ""),
	MSG_FIELD(MSG_ID, wire_identity, cluster_id, 0, ""),
};
static const struct msg_desc absorbed_desc = {"absorbed", sizeof(struct wire_identity),
	absorbed_fields, 2, 2, "An identity that became ours."};
static const struct msg_field tag_fields[] = {
	MSG_FIELD(MSG_STR, wire_tag, key, WIRE_TAG_KEY_MAX, ""),
	MSG_FIELD(MSG_STR, wire_tag, value, WIRE_TAG_VALUE_MAX, ""),
};
static const struct msg_desc tag_desc = {"tag", sizeof(struct wire_tag), tag_fields, 2, 2,
	"A label."};
static const struct msg_field self_fields[] = {
	MSG_FIELD(MSG_ID, state_self, member_id, 0, ""),
	MSG_FIELD(MSG_ID, state_self, cluster_id, 0, ""),
	MSG_FIELD(MSG_ID, state_self, settings_by, 0, ""),
	MSG_FIELD(MSG_U64, state_self, created_ms, 0, ""),
	MSG_FIELD(MSG_U64, state_self, incarnation, 0, ""),
	MSG_FIELD(MSG_U64, state_self, settings_counter, 0, ""),
	MSG_FIELD(MSG_U64, state_self, joined_ms, 0, ""),
	MSG_FIELD(MSG_BOOL, state_self, mode_auto, 0, ""),
	MSG_FIELD(MSG_BOOL, state_self, autoheal, 0, ""),
	MSG_FIELD(MSG_BOOL, state_self, paused, 0, ""),
	MSG_FIELD(MSG_U32, state_self, apart, CORE_APART_BANNED, ""),
	MSG_FIELD(MSG_STR, state_self, apart_by, WIRE_NAME_MAX, ""),
	MSG_FIELD_OF(MSG_LIST, state_self, absorbed, ABSORBED_MAX, &absorbed_desc, ""),
	MSG_FIELD(MSG_U64, state_self, voters, 0, ""),
	MSG_FIELD(MSG_BOOL, state_self, tags_set, 0, ""),
	MSG_FIELD_OF(MSG_LIST, state_self, tags, WIRE_TAGS_MAX, &tag_desc, ""),
	MSG_FIELD(MSG_U64, state_self, ran_ms, 0, ""),
	MSG_FIELD(MSG_U32, state_self, heal_conf, 2, ""),
};
const struct msg_desc state_self_desc = {"state_self", sizeof(struct state_self), self_fields,
	18, 13, "My standing."};

static const struct msg_field member_fields[] = {
	MSG_FIELD(MSG_ID, state_member, node_id, 0, ""),
	MSG_FIELD(MSG_STR, state_member, name, WIRE_NAME_MAX, ""),
	MSG_FIELD(MSG_STR, state_member, host, WIRE_HOST_MAX, ""),
	MSG_FIELD(MSG_U16, state_member, dist_port, 0, ""),
	MSG_FIELD(MSG_U16, state_member, rpc_port, 0, ""),
	MSG_FIELD(MSG_U32, state_member, role, 1, ""),
	MSG_FIELD(MSG_U64, state_member, joined_ms, 0, ""),
	MSG_FIELD(MSG_U64, state_member, watch_ms, 0, ""),
	MSG_FIELD(MSG_U64, state_member, voters, 0, ""),
};
const struct msg_desc state_member_desc = {"state_member", sizeof(struct state_member),
	member_fields, 9, 7, "A member as it was last known."};

static const struct msg_field departed_fields[] = {
	MSG_FIELD_OF(MSG_STRUCT, state_departed, entry, 0, &wire_departed_desc, ""),
	MSG_FIELD(MSG_U64, state_departed, kept_ran_ms, 0, ""),
};
const struct msg_desc state_departed_desc = {"state_departed", sizeof(struct state_departed),
	departed_fields, 2, 2, "Who departed, with the details."};

static const struct msg_field grave_fields[] = {
	MSG_FIELD(MSG_U32, state_grave, reason, WIRE_FORCED, ""),
	MSG_FIELD(MSG_U32, state_grave, flags, 0, ""),
	MSG_FIELD(MSG_U64, state_grave, when_ms, 0, ""),
};
const struct msg_desc state_grave_desc = {"state_grave", sizeof(struct state_grave),
	grave_fields, 3, 3, "A departed id."};

static const struct msg_field ban_fields[] = {MSG_FIELD(MSG_U64, state_ban, left_ms, 0, "")};
const struct msg_desc state_ban_desc = {"state_ban", sizeof(struct state_ban), ban_fields, 1, 1,
	"A ban."};
