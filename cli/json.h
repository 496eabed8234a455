#ifndef CLI_JSON_H
#define CLI_JSON_H
/*
 * Control messages as JSON: one table per message (json_shape.c), one loop for all. Times are RFC 3339 in UTC with
 * milliseconds, durations integer milliseconds in `*_ms`, what is absent is null.
 */
#include <jansson.h>
#include <stdio.h>

#include "common/msg/msg.h"

enum json_kind {
	JK_TEXT,    /* msg_span */
	JK_TEXT_OR, /* msg_span, null when empty */
	JK_WORDS,   /* msg_span, comma separated: an array */
	JK_BOOL,
	JK_NOT,    /* bool, reversed */
	JK_CHOICE, /* bool: two texts in `of` */
	JK_U16,
	JK_U32,
	JK_U32_OR, /* null when 0 */
	JK_U64,
	JK_I64,
	JK_HEX,  /* uint64_t as 16 digits */
	JK_TIME, /* uint64_t wall ms, null when 0 */
	JK_ID,   /* struct id128, null when zero */
	JK_MS,   /* int64_t microseconds in milliseconds, null when negative */
	JK_US,   /* int64_t microseconds, null when negative */
	JK_LIST, /* msg_list: an array of the shape in `of` */
	JK_TAGS  /* msg_list of struct ctl_tag: an object */
};

struct json_field {
	const char *key;
	enum json_kind kind;
	size_t offset;
	const void *of; /* LIST: struct json_shape; CHOICE: const char *const[2], false first */
};

struct json_shape {
	size_t size; /* of the struct */
	const struct json_field *field;
	size_t n;
};

extern const struct json_shape json_status, json_discovery, json_member, json_link, json_worker,
	json_event, json_lost, json_check, json_warning, json_kv_item, json_kv_sibling,
	json_kv_status;

json_t *json_of(const struct json_shape *shape, const void *msg);
/* All items of a list. */
json_t *json_of_list(const struct json_shape *shape, const struct msg_list *list);
/* Text from anywhere: bytes that are no UTF-8 become '?'. */
json_t *json_text(struct msg_span s);
json_t *json_text_or_null(struct msg_span s);
/* Prints it with two blanks of indentation and a newline, and frees it. */
void json_put(FILE *out, json_t *j);
/* On one line. */
void json_put_line(FILE *out, json_t *j);

#endif
