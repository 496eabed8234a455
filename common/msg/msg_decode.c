#include <errno.h>

#include "common/msg/msg_scan.h"

enum { NIL = 0xc0 };

/* One decode run. */
struct run {
	struct msg_reader r;
	struct msg_arena *arena;
	const char *bad_field;
	unsigned depth;
};

static int decode_struct(struct run *run, const struct msg_desc *d, uint8_t *out);

static int next(struct run *run, enum msg_tag tag, uint64_t *n)
{
	struct msg_head h;

	if (!msg_head_next(&run->r, &h) || h.tag != tag)
		return -EPROTO;
	*n = h.n;
	return 0;
}

static int decode_bool(struct run *run, const struct msg_field *f, uint8_t *to)
{
	uint64_t n;
	int rc = next(run, MSG_TAG_BOOL, &n);

	(void)f;
	if (rc == 0)
		memcpy(to, &(bool){n != 0}, sizeof(bool));
	return rc;
}

/* A number from 0 to the field's maximum or, when it names none, to that of its type. */
static int number(struct run *run, const struct msg_field *f, uint64_t type_max, uint64_t *n)
{
	int rc = next(run, MSG_TAG_UINT, n);

	if (rc == 0 && *n > (f->max == 0 ? type_max : f->max))
		return -ERANGE;
	return rc;
}

static int decode_u16(struct run *run, const struct msg_field *f, uint8_t *to)
{
	uint64_t n;
	int rc = number(run, f, UINT16_MAX, &n);

	if (rc == 0 && n > UINT16_MAX)
		return -ERANGE;
	if (rc == 0)
		memcpy(to, &(uint16_t){(uint16_t)n}, sizeof(uint16_t));
	return rc;
}

static int decode_u32(struct run *run, const struct msg_field *f, uint8_t *to)
{
	uint64_t n;
	int rc = number(run, f, UINT32_MAX, &n);

	if (rc == 0)
		memcpy(to, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
	return rc;
}

static int decode_u64(struct run *run, const struct msg_field *f, uint8_t *to)
{
	uint64_t n;
	int rc = number(run, f, UINT64_MAX, &n);

	if (rc == 0)
		memcpy(to, &n, sizeof n);
	return rc;
}

static int decode_i64(struct run *run, const struct msg_field *f, uint8_t *to)
{
	struct msg_head h;

	if (!msg_head_next(&run->r, &h) || (h.tag != MSG_TAG_UINT && h.tag != MSG_TAG_INT))
		return -EPROTO;
	if (h.tag == MSG_TAG_UINT && h.n > (f->max == 0 ? (uint64_t)INT64_MAX : f->max))
		return -ERANGE;
	memcpy(to, &h.n, sizeof h.n);
	return 0;
}

static int decode_id(struct run *run, const struct msg_field *f, uint8_t *to)
{
	uint64_t n;

	(void)f;
	if (next(run, MSG_TAG_BIN, &n) != 0 || n != sizeof(struct id128))
		return -EPROTO;
	memcpy(to, run->r.p - n, n);
	return 0;
}

static int span(struct run *run, const struct msg_field *f, enum msg_tag tag, uint8_t *to)
{
	struct msg_span s = {"", 0};
	uint64_t n;
	int rc = next(run, tag, &n);

	if (rc == 0 && n > f->max)
		return -ERANGE;
	if (rc == 0 && n > 0)
		s = (struct msg_span){(const char *)run->r.p - n, (uint32_t)n};
	memcpy(to, &s, sizeof s);
	return rc;
}

static int decode_str(struct run *run, const struct msg_field *f, uint8_t *to)
{
	return span(run, f, MSG_TAG_STR, to);
}

static int decode_bin(struct run *run, const struct msg_field *f, uint8_t *to)
{
	return span(run, f, MSG_TAG_BIN, to);
}

static int decode_list(struct run *run, const struct msg_field *f, uint8_t *to)
{
	struct msg_list list = {NULL, 0};
	uint64_t n;
	int rc = next(run, MSG_TAG_ARRAY, &n);

	if (rc < 0)
		return rc;
	if (n > f->max)
		return -ERANGE;
	if (n > 0) {
		if (run->arena == NULL || n > SIZE_MAX / f->of->size)
			return -EMSGSIZE;
		list.item = msg_arena_alloc(run->arena, (size_t)n * f->of->size);
		if (list.item == NULL)
			return -EMSGSIZE;
		list.n = (uint32_t)n;
	}
	memcpy(to, &list, sizeof list);
	for (uint32_t i = 0; i < list.n && rc == 0; i++)
		rc = decode_struct(run, f->of, (uint8_t *)list.item + i * f->of->size);
	return rc;
}

static int decode_nested(struct run *run, const struct msg_field *f, uint8_t *to)
{
	return decode_struct(run, f->of, to);
}

static int (*const decode_kind[])(struct run *, const struct msg_field *, uint8_t *) = {
	[MSG_BOOL] = decode_bool,
	[MSG_U16] = decode_u16,
	[MSG_U32] = decode_u32,
	[MSG_U64] = decode_u64,
	[MSG_I64] = decode_i64,
	[MSG_ID] = decode_id,
	[MSG_STR] = decode_str,
	[MSG_BIN] = decode_bin,
	[MSG_LIST] = decode_list,
	[MSG_STRUCT] = decode_nested,
};

/* Fields that an older sender left out stay zero, but a span never has a NULL pointer. */
static void fill_absent(const struct msg_field *f, uint8_t *to)
{
	if (f->kind == MSG_STR || f->kind == MSG_BIN)
		memcpy(to, &(struct msg_span){"", 0}, sizeof(struct msg_span));
	if (f->kind != MSG_STRUCT)
		return;
	for (unsigned i = 0; i < f->of->n_fields; i++)
		fill_absent(&f->of->field[i], to + f->of->field[i].offset);
}

/* The table bounds this recursion, and the depth counter does so for a table that contains itself. */
static int decode_struct(struct run *run, const struct msg_desc *d, uint8_t *out)
{
	uint64_t n;
	int rc = 0;

	run->bad_field = d->name;
	if (run->depth == MSG_DEPTH_MAX || next(run, MSG_TAG_ARRAY, &n) != 0)
		return -EPROTO;
	if (n < d->n_required) {
		run->bad_field = d->field[n].name;
		return -EPROTO;
	}
	run->depth++;
	for (unsigned i = 0; i < d->n_fields; i++) {
		const struct msg_field *f = &d->field[i];

		if (i >= n) {
			fill_absent(f, out + f->offset);
			continue;
		}
		run->bad_field = f->name;
		rc = decode_kind[f->kind](run, f, out + f->offset);
		if (rc < 0)
			return rc;
	}
	run->depth--;
	run->bad_field = d->name;
	if (n > d->n_fields && !msg_skip(&run->r, n - d->n_fields))
		return -EPROTO;
	return 0;
}

int msg_decode(const struct msg_desc *d, struct msg_reader body, struct msg_arena *a, void *out,
	const char **bad_field)
{
	struct run run = {body, a, NULL, 0};
	int rc;

	memset(out, 0, d->size);
	rc = decode_struct(&run, d, out);
	if (rc == 0 && run.r.p != run.r.end) {
		run.bad_field = d->name;
		rc = -EPROTO;
	}
	if (bad_field != NULL)
		*bad_field = rc < 0 ? run.bad_field : NULL;
	return rc;
}

/* [1, id, error, result]: one of the two is nil, the other is the body. The frame was scanned: both are whole. */
static bool parse_response(struct msg_reader r, struct msg_env *out)
{
	out->is_error = *r.p != NIL;
	if (out->is_error)
		r.end--;
	else
		r.p++;
	out->body = r;
	return !out->is_error || (*r.end == NIL && msg_skip(&r, 1) && r.p == r.end);
}

/* [0, id, method, params] and [2, method, params], from the method on. */
static bool parse_call(struct msg_reader r, struct msg_env *out)
{
	struct msg_head h;

	if (!msg_head_next(&r, &h) || h.tag != MSG_TAG_STR || h.n == 0)
		return false;
	out->method = (struct msg_span){(const char *)r.p - h.n, (uint32_t)h.n};
	out->body = r;
	return true;
}

int msg_env_parse(const uint8_t *frame, size_t n, struct msg_env *out)
{
	struct msg_reader r = {frame, n == 0 ? frame : frame + n};
	struct msg_head array, h;
	bool ok;

	*out = (struct msg_env){.method = {"", 0}};
	if (n > UINT32_MAX || !msg_scan(frame, n))
		return -EPROTO;
	if (!msg_head_next(&r, &array) || array.tag != MSG_TAG_ARRAY)
		return -EPROTO;
	if (!msg_head_next(&r, &h) || h.tag != MSG_TAG_UINT || h.n > MSG_NOTIFY)
		return -EPROTO;
	out->type = (enum msg_type)h.n;
	if (array.n != (out->type == MSG_NOTIFY ? 3 : 4))
		return -EPROTO;
	if (out->type != MSG_NOTIFY) {
		if (!msg_head_next(&r, &h) || h.tag != MSG_TAG_UINT || h.n > UINT32_MAX)
			return -EPROTO;
		out->id = (uint32_t)h.n;
	}
	ok = out->type == MSG_RESPONSE ? parse_response(r, out) : parse_call(r, out);
	return ok ? 0 : -EPROTO;
}
