#ifndef TEST_UNIT_MSG_SAMPLES_H
#define TEST_UNIT_MSG_SAMPLES_H
/* A table with every kind of field, for the tests and fuzzers of common/msg. */
#include "common/msg/msg.h"

struct sample_item {
	struct msg_span name;
	uint16_t port;
	struct msg_list tags; /* struct sample_tag */
};

struct sample_tag {
	uint32_t n;
};

struct sample_inner {
	uint64_t at;
	struct msg_span note;
};

struct sample {
	bool yes;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;
	struct id128 id;
	struct msg_span str;
	struct msg_span bin;
	struct msg_list items; /* struct sample_item */
	struct sample_inner inner;
	uint16_t small;       /* max 100 */
	struct msg_span late; /* from here on optional */
	struct sample_inner late_inner;
};

enum { SAMPLE_STR_MAX = 300, SAMPLE_ITEMS_MAX = 1000, SAMPLE_REQUIRED = 11 };

static const struct msg_field sample_tag_fields[] = {
	MSG_FIELD(MSG_U32, sample_tag, n, 0, "A number."),
};
static const struct msg_desc sample_tag_desc = {"tag", sizeof(struct sample_tag),
	sample_tag_fields, 1, 1, "A tag."};

static const struct msg_field sample_item_fields[] = {
	MSG_FIELD(MSG_STR, sample_item, name, 64, "A name."),
	MSG_FIELD(MSG_U16, sample_item, port, 0, "A port."),
	MSG_FIELD_OF(MSG_LIST, sample_item, tags, 20, &sample_tag_desc, "A list in a list."),
};
static const struct msg_desc sample_item_desc = {"item", sizeof(struct sample_item),
	sample_item_fields, 3, 1, "An item."};

static const struct msg_field sample_inner_fields[] = {
	MSG_FIELD(MSG_U64, sample_inner, at, 0, "A time."),
	MSG_FIELD(MSG_STR, sample_inner, note, 32, "A text."),
};
static const struct msg_desc sample_inner_desc = {"inner", sizeof(struct sample_inner),
	sample_inner_fields, 2, 1, "A nested struct."};

static const struct msg_field sample_fields[] = {
	MSG_FIELD(MSG_BOOL, sample, yes, 0, "A bool."),
	MSG_FIELD(MSG_U16, sample, u16, 0, "A u16."),
	MSG_FIELD(MSG_U32, sample, u32, 0, "A u32."),
	MSG_FIELD(MSG_U64, sample, u64, 0, "A u64."),
	MSG_FIELD(MSG_I64, sample, i64, 0, "An i64."),
	MSG_FIELD(MSG_ID, sample, id, 0, "An id."),
	MSG_FIELD(MSG_STR, sample, str, SAMPLE_STR_MAX, "A string."),
	MSG_FIELD(MSG_BIN, sample, bin, 70000, "Bytes."),
	MSG_FIELD_OF(MSG_LIST, sample, items, SAMPLE_ITEMS_MAX, &sample_item_desc, "Items."),
	MSG_FIELD_OF(MSG_STRUCT, sample, inner, 0, &sample_inner_desc, "A struct."),
	MSG_FIELD(MSG_U16, sample, small, 100, "A bounded number."),
	MSG_FIELD(MSG_STR, sample, late, 8, "A field of a later version."),
	MSG_FIELD_OF(MSG_STRUCT, sample, late_inner, 0, &sample_inner_desc, "A later struct."),
};
static const struct msg_desc sample_desc = {"sample", sizeof(struct sample), sample_fields,
	sizeof sample_fields / sizeof sample_fields[0], SAMPLE_REQUIRED, "Every kind."};

#endif
