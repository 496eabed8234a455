#ifndef COMMON_MSG_MSG_SCAN_H
#define COMMON_MSG_MSG_SCAN_H
/*
 * The lowest layer of msgpack: one tag at a time, and the non-recursive scan that refuses hostile input before anything
 * is decoded or allocated. Every function stays inside its reader even when the bytes were never scanned.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/msg/msg.h"

enum { MSG_DEPTH_MAX = 8 };

enum msg_tag {
	MSG_TAG_NIL,
	MSG_TAG_BOOL,
	MSG_TAG_UINT, /* every value ≥ 0, however it was packed */
	MSG_TAG_INT,  /* values < 0 */
	MSG_TAG_FLOAT,
	MSG_TAG_STR,
	MSG_TAG_BIN,
	MSG_TAG_ARRAY,
	MSG_TAG_MAP,
	MSG_TAG_REFUSED /* ext types and 0xc1 */
};

struct msg_head {
	enum msg_tag tag;
	uint64_t
		n; /* value (INT: two's complement), bytes of STR and BIN, objects inside ARRAY and MAP */
};

/*
 * Reads one tag with all that belongs to it except the objects inside an array or map: after a STR or BIN of n bytes
 * they lie at r->p - n. False for a refused tag, and for a count above the bytes that are left.
 */
bool msg_head_next(struct msg_reader *r, struct msg_head *h);

/* Skips whole objects; false when they are not all there. */
bool msg_skip(struct msg_reader *r, uint64_t objects);

/*
 * True when p holds exactly one object, at most MSG_DEPTH_MAX containers deep, with no ext type and no count above
 * the bytes that are there.
 */
bool msg_scan(const uint8_t *p, size_t n);

#endif
