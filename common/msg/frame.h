#ifndef COMMON_MSG_FRAME_H
#define COMMON_MSG_FRAME_H
/*
 * Cuts a byte stream into frames (u32 big-endian length + body) as a pure byte machine. The limit is checked when the
 * length is known and before memory is taken.
 */
#include <stdbool.h>

#include "common/base/buf.h"

enum {
	FRAME_MAX_HELLO = 4 * 1024,
	FRAME_MAX_LINK = 1024 * 1024,
	FRAME_MAX_RPC = 4 * 1024 * 1024,
	FRAME_MAX_IPC = 1024 * 1024
};

struct frame_in {
	struct buf buf;
	size_t off; /* bytes of buf already handed out */
	uint32_t max;
};

void frame_in_init(struct frame_in *f, uint32_t max);
void frame_in_free(struct frame_in *f);
/* Where the next read goes; *room ≥ 1. Then frame_in_fed(). */
uint8_t *frame_in_space(struct frame_in *f, size_t *room);
void frame_in_fed(struct frame_in *f, size_t n);
/* 1 and the body (valid until the next space/fed call), 0: more bytes needed, -EMSGSIZE: announced length over max or 0. */
int frame_in_next(struct frame_in *f, const uint8_t **body, size_t *n);
/* True when a frame has begun but is not whole. */
bool frame_in_partial(const struct frame_in *f);

#endif
