#include "common/msg/frame.h"

#include <assert.h>
#include <errno.h>

enum { READ_MIN = 4 * 1024, READ_MAX = 64 * 1024, KEEP_MAX = 16 * 1024 };

void frame_in_init(struct frame_in *f, uint32_t max)
{
	*f = (struct frame_in){.max = max};
}

void frame_in_free(struct frame_in *f)
{
	buf_free(&f->buf);
	f->off = 0;
}

/*
 * Room grows with what has come, not with what was announced: a peer that says 4 MiB and sends nothing costs 4 KiB.
 * A large frame's memory goes back when the buffer is empty.
 */
uint8_t *frame_in_space(struct frame_in *f, size_t *room)
{
	size_t have = f->buf.n - f->off;

	buf_drop(&f->buf, f->off);
	f->off = 0;
	if (have == 0 && f->buf.cap > KEEP_MAX)
		buf_free(&f->buf);
	*room = have < READ_MIN ? READ_MIN : have > READ_MAX ? READ_MAX : have;
	return buf_reserve(&f->buf, *room);
}

void frame_in_fed(struct frame_in *f, size_t n)
{
	assert(n <= f->buf.cap - f->buf.n);
	f->buf.n += n;
}

int frame_in_next(struct frame_in *f, const uint8_t **body, size_t *n)
{
	size_t have = f->buf.n - f->off;
	const uint8_t *p;
	uint32_t size;

	if (have < 4)
		return 0;
	p = f->buf.p + f->off;
	size = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	if (size == 0 || size > f->max)
		return -EMSGSIZE;
	if (have - 4 < size)
		return 0;
	*body = p + 4;
	*n = size;
	f->off += 4 + (size_t)size;
	return 1;
}

bool frame_in_partial(const struct frame_in *f)
{
	return f->buf.n > f->off;
}
