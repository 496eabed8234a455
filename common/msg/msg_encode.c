#include <assert.h>
#include <msgpack.h>

#include "common/msg/msg.h"

static int to_buf(void *data, const char *p, size_t n)
{
	buf_put(data, p, n);
	return 0;
}

static uint64_t load_uint(const struct msg_field *f, const uint8_t *from)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	if (f->kind == MSG_U16) {
		memcpy(&u16, from, sizeof u16);
		return u16;
	}
	if (f->kind == MSG_U32) {
		memcpy(&u32, from, sizeof u32);
		return u32;
	}
	memcpy(&u64, from, sizeof u64);
	return u64;
}

static void pack_struct(msgpack_packer *pk, const struct msg_desc *d, const uint8_t *in);

static void pack_bool(msgpack_packer *pk, const struct msg_field *f, const uint8_t *from)
{
	bool yes;

	(void)f;
	memcpy(&yes, from, sizeof yes);
	if (yes)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
}

static void pack_uint(msgpack_packer *pk, const struct msg_field *f, const uint8_t *from)
{
	msgpack_pack_uint64(pk, load_uint(f, from));
}

static void pack_i64(msgpack_packer *pk, const struct msg_field *f, const uint8_t *from)
{
	int64_t n;

	(void)f;
	memcpy(&n, from, sizeof n);
	msgpack_pack_int64(pk, n);
}

static void pack_id(msgpack_packer *pk, const struct msg_field *f, const uint8_t *from)
{
	(void)f;
	msgpack_pack_bin_with_body(pk, from, sizeof(struct id128));
}

static void pack_span(msgpack_packer *pk, const struct msg_field *f, const uint8_t *from)
{
	struct msg_span s;

	memcpy(&s, from, sizeof s);
	if (f->kind == MSG_STR)
		msgpack_pack_str(pk, s.n);
	else
		msgpack_pack_bin(pk, s.n);
	if (s.n > 0)
		msgpack_pack_str_body(pk, s.p, s.n);
}

static void pack_list(msgpack_packer *pk, const struct msg_field *f, const uint8_t *from)
{
	struct msg_list list;

	memcpy(&list, from, sizeof list);
	msgpack_pack_array(pk, list.n);
	for (uint32_t i = 0; i < list.n; i++)
		pack_struct(pk, f->of, (const uint8_t *)list.item + i * f->of->size);
}

static void pack_nested(msgpack_packer *pk, const struct msg_field *f, const uint8_t *from)
{
	pack_struct(pk, f->of, from);
}

static void (*const pack_kind[])(msgpack_packer *, const struct msg_field *,
	const uint8_t *) = {
	[MSG_BOOL] = pack_bool,
	[MSG_U16] = pack_uint,
	[MSG_U32] = pack_uint,
	[MSG_U64] = pack_uint,
	[MSG_I64] = pack_i64,
	[MSG_ID] = pack_id,
	[MSG_STR] = pack_span,
	[MSG_BIN] = pack_span,
	[MSG_LIST] = pack_list,
	[MSG_STRUCT] = pack_nested,
};

static void pack_struct(msgpack_packer *pk, const struct msg_desc *d, const uint8_t *in)
{
	msgpack_pack_array(pk, d->n_fields);
	for (unsigned i = 0; i < d->n_fields; i++)
		pack_kind[d->field[i].kind](pk, &d->field[i], in + d->field[i].offset);
}

void msg_encode(struct buf *out, const struct msg_desc *d, const void *in)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, to_buf);
	pack_struct(&pk, d, in);
}

/* What goes into the array around a body. */
struct head {
	enum msg_type type;
	uint32_t id;
	const char *method; /* NULL: a response */
	bool is_error;
};

/* By a table, or raw; neither: no fields. */
struct body {
	const struct msg_desc *d;
	const void *in;
	struct msg_reader raw;
};

static void put_body(msgpack_packer *pk, struct buf *out, const struct body *b)
{
	if (b->in != NULL)
		pack_struct(pk, b->d, b->in);
	else if (b->raw.p != b->raw.end)
		buf_put(out, b->raw.p, (size_t)(b->raw.end - b->raw.p));
	else
		msgpack_pack_array(pk, 0);
}

static void put_frame(struct buf *out, const struct head *h, const struct body *body)
{
	size_t start = out->n, n;
	msgpack_packer pk;

	buf_put(out, (const uint8_t[4]){0}, 4);
	msgpack_packer_init(&pk, out, to_buf);
	msgpack_pack_array(&pk, h->type == MSG_NOTIFY ? 3 : 4);
	msgpack_pack_uint8(&pk, (uint8_t)h->type);
	if (h->type != MSG_NOTIFY)
		msgpack_pack_uint32(&pk, h->id);
	if (h->method != NULL)
		msgpack_pack_str_with_body(&pk, h->method, strlen(h->method));
	else if (!h->is_error)
		msgpack_pack_nil(&pk);
	put_body(&pk, out, body);
	if (h->is_error)
		msgpack_pack_nil(&pk);
	n = out->n - start - 4;
	assert(n <= UINT32_MAX);
	for (unsigned i = 0; i < 4; i++)
		out->p[start + i] = (uint8_t)(n >> (24 - 8 * i));
}

void msg_put_request(struct buf *out, uint32_t id, const char *method, const struct msg_desc *d,
	const void *in)
{
	put_frame(out, &(struct head){MSG_REQUEST, id, method, false},
		&(struct body){.d = d, .in = in});
}

void msg_put_result(struct buf *out, uint32_t id, const struct msg_desc *d, const void *in)
{
	put_frame(out, &(struct head){MSG_RESPONSE, id, NULL, false},
		&(struct body){.d = d, .in = in});
}

void msg_put_error(struct buf *out, uint32_t id, const struct msg_desc *d, const void *in)
{
	put_frame(out, &(struct head){MSG_RESPONSE, id, NULL, true},
		&(struct body){.d = d, .in = in});
}

void msg_put_notify(struct buf *out, const char *method, const struct msg_desc *d,
	const void *in)
{
	put_frame(out, &(struct head){MSG_NOTIFY, 0, method, false},
		&(struct body){.d = d, .in = in});
}

void msg_put_request_raw(struct buf *out, uint32_t id, const char *method,
	struct msg_reader params)
{
	put_frame(out, &(struct head){MSG_REQUEST, id, method, false},
		&(struct body){.raw = params});
}

void msg_put_response_raw(struct buf *out, uint32_t id, bool is_error, struct msg_reader body)
{
	put_frame(out, &(struct head){MSG_RESPONSE, id, NULL, is_error},
		&(struct body){.raw = body});
}

bool msg_span_copy(char *out, size_t cap, struct msg_span s)
{
	if (s.n >= cap || (s.n > 0 && memchr(s.p, '\0', s.n) != NULL))
		return false;
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

bool msg_span_eq(struct msg_span s, const char *text)
{
	return s.n == strlen(text) && (s.n == 0 || memcmp(s.p, text, s.n) == 0);
}
