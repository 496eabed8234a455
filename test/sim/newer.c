#include "test/sim/newer.h"

#include <assert.h>

#include "common/msg/msg.h"
#include "common/wire/wire.h"

static size_t frame_length(const uint8_t *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static void put_length(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 24);
	p[1] = (uint8_t)(n >> 16);
	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
}

/* The parameters are an array of up to 15, or of up to 65 535. */
static uint32_t array_length(const uint8_t *p, size_t *head)
{
	*head = p[0] == 0xdc ? 3 : 1;
	return p[0] == 0xdc ? (uint32_t)p[1] << 8 | p[2] : p[0] & 15u;
}

static void with_a_field_more(const uint8_t *frame, size_t n, struct buf *out)
{
	static const uint8_t more[] = {0xa4, 'm', 'o', 'r', 'e'};
	size_t start = out->n, head;
	struct msg_env env;
	uint32_t fields;
	uint8_t array[3] = {0xdc};

	if (msg_env_parse(frame, n, &env) != 0)
		assert(false);
	fields = array_length(env.body.p, &head) + 1;
	array[1] = (uint8_t)(fields >> 8);
	array[2] = (uint8_t)fields;
	buf_put(out, "\0\0\0\0", 4);
	buf_put(out, frame, (size_t)(env.body.p - frame));
	buf_put(out, array, sizeof array);
	buf_put(out, env.body.p + head, (size_t)(env.body.end - env.body.p) - head);
	buf_put(out, more, sizeof more);
	if (msg_span_eq(env.method, wire_rows[WIRE_HELLO].method)) {
		uint8_t *offer = out->p + start + 4 + (env.body.p - frame) + sizeof array;

		assert(offer[1] ==
			WIRE_PROTO_HI); /* the first two fields: lowest and highest */
		offer[1]++;
	}
	put_length(out->p + start, out->n - start - 4);
}

static void never_heard_of(struct buf *out)
{
	static const uint8_t frame[] = {0, 0, 0, 11, 0x93, 2, 0xa7, 'w', 'h', 'i', 's', 'p',
		'e', 'r', 0x90};

	buf_put(out, frame, sizeof frame);
}

void newer_speak(const uint8_t *frames, size_t n, struct buf *out)
{
	for (size_t at = 0; at < n;) {
		size_t length = frame_length(frames + at);
		struct msg_env env;

		assert(at + 4 + length <= n);
		with_a_field_more(frames + at + 4, length, out);
		if (msg_env_parse(frames + at + 4, length, &env) == 0 &&
			msg_span_eq(env.method, wire_rows[WIRE_WELCOME].method))
			never_heard_of(out);
		at += 4 + length;
	}
}
