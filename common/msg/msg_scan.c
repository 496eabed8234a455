#include "common/msg/msg_scan.h"

#include <assert.h>

/* Tags 0xc0 … 0xdf: what follows the tag is `width` bytes, a big-endian count or value. */
struct wide {
	uint8_t tag, width;
};

static const struct wide wide[32] = {
	[0xc0 - 0xc0] = {MSG_TAG_NIL, 0},
	[0xc1 - 0xc0] = {MSG_TAG_REFUSED, 0},
	[0xc2 - 0xc0] = {MSG_TAG_BOOL, 0},
	[0xc3 - 0xc0] = {MSG_TAG_BOOL, 0},
	[0xc4 - 0xc0] = {MSG_TAG_BIN, 1},
	[0xc5 - 0xc0] = {MSG_TAG_BIN, 2},
	[0xc6 - 0xc0] = {MSG_TAG_BIN, 4},
	[0xc7 - 0xc0] = {MSG_TAG_REFUSED, 0},
	[0xc8 - 0xc0] = {MSG_TAG_REFUSED, 0},
	[0xc9 - 0xc0] = {MSG_TAG_REFUSED, 0},
	[0xca - 0xc0] = {MSG_TAG_FLOAT, 4},
	[0xcb - 0xc0] = {MSG_TAG_FLOAT, 8},
	[0xcc - 0xc0] = {MSG_TAG_UINT, 1},
	[0xcd - 0xc0] = {MSG_TAG_UINT, 2},
	[0xce - 0xc0] = {MSG_TAG_UINT, 4},
	[0xcf - 0xc0] = {MSG_TAG_UINT, 8},
	[0xd0 - 0xc0] = {MSG_TAG_INT, 1},
	[0xd1 - 0xc0] = {MSG_TAG_INT, 2},
	[0xd2 - 0xc0] = {MSG_TAG_INT, 4},
	[0xd3 - 0xc0] = {MSG_TAG_INT, 8},
	[0xd4 - 0xc0] = {MSG_TAG_REFUSED, 0},
	[0xd5 - 0xc0] = {MSG_TAG_REFUSED, 0},
	[0xd6 - 0xc0] = {MSG_TAG_REFUSED, 0},
	[0xd7 - 0xc0] = {MSG_TAG_REFUSED, 0},
	[0xd8 - 0xc0] = {MSG_TAG_REFUSED, 0},
	[0xd9 - 0xc0] = {MSG_TAG_STR, 1},
	[0xda - 0xc0] = {MSG_TAG_STR, 2},
	[0xdb - 0xc0] = {MSG_TAG_STR, 4},
	[0xdc - 0xc0] = {MSG_TAG_ARRAY, 2},
	[0xdd - 0xc0] = {MSG_TAG_ARRAY, 4},
	[0xde - 0xc0] = {MSG_TAG_MAP, 2},
	[0xdf - 0xc0] = {MSG_TAG_MAP, 4},
};

/* Tags whose count or small value sits in the tag itself. */
static void narrow_head(uint8_t tag, struct msg_head *h)
{
	if (tag <= 0x7f)
		*h = (struct msg_head){MSG_TAG_UINT, tag};
	else if (tag <= 0x8f)
		*h = (struct msg_head){MSG_TAG_MAP, tag & 0x0fu};
	else if (tag <= 0x9f)
		*h = (struct msg_head){MSG_TAG_ARRAY, tag & 0x0fu};
	else if (tag <= 0xbf)
		*h = (struct msg_head){MSG_TAG_STR, tag & 0x1fu};
	else
		*h = (struct msg_head){MSG_TAG_INT, (uint64_t)(int64_t)(int8_t)tag};
}

/* A signed value of width bytes, to 64 bits; a positive one is told as MSG_TAG_UINT. */
static void widen_int(struct msg_head *h, unsigned width)
{
	uint64_t sign;

	assert(width > 0 && width <= 8);
	sign = UINT64_C(1) << (8 * width - 1);

	h->n = (h->n ^ sign) - sign;
	if ((int64_t)h->n >= 0)
		h->tag = MSG_TAG_UINT;
}

static bool wide_head(struct msg_reader *r, uint8_t tag, struct msg_head *h)
{
	const struct wide *w = &wide[tag - 0xc0];
	uint64_t n = 0;

	if (w->tag == MSG_TAG_REFUSED || (size_t)(r->end - r->p) < w->width)
		return false;
	for (unsigned i = 0; i < w->width; i++)
		n = n << 8 | r->p[i];
	r->p += w->width;
	*h = (struct msg_head){(enum msg_tag)w->tag, n};
	if (h->tag == MSG_TAG_BOOL)
		h->n = tag & 1u;
	else if (h->tag == MSG_TAG_INT)
		widen_int(h, w->width);
	return true;
}

bool msg_head_next(struct msg_reader *r, struct msg_head *h)
{
	uint64_t left;
	uint8_t tag;

	if (r->p >= r->end)
		return false;
	tag = *r->p++;
	if (tag < 0xc0 || tag >= 0xe0)
		narrow_head(tag, h);
	else if (!wide_head(r, tag, h))
		return false;
	if (h->tag < MSG_TAG_STR)
		return true;
	left = (uint64_t)(r->end - r->p);
	if (h->tag == MSG_TAG_MAP)
		h->n *= 2; /* n came from 32 bits at most */
	if (h->n > left)
		return false;
	if (h->tag == MSG_TAG_STR || h->tag == MSG_TAG_BIN)
		r->p += h->n;
	return true;
}

bool msg_skip(struct msg_reader *r, uint64_t objects)
{
	struct msg_head h;

	for (; objects > 0; objects--) {
		if (!msg_head_next(r, &h))
			return false;
		if (h.tag >= MSG_TAG_ARRAY)
			objects +=
				h.n; /* no overflow: each step takes a byte, each n is at most what is left */
	}
	return true;
}

bool msg_scan(const uint8_t *p, size_t n)
{
	struct msg_reader r = {p, n == 0 ? p : p + n};
	uint64_t todo[MSG_DEPTH_MAX + 1] = {1};
	unsigned depth = 0;
	struct msg_head h;

	for (;;) {
		while (todo[depth] == 0)
			if (depth-- == 0)
				return r.p == r.end;
		todo[depth]--;
		if (!msg_head_next(&r, &h))
			return false;
		if (h.tag < MSG_TAG_ARRAY)
			continue;
		if (++depth > MSG_DEPTH_MAX)
			return false;
		todo[depth] = h.n;
	}
}
