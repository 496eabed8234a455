#include "cli/json.h"

#include <stdlib.h>

#include "cli/text.h"
#include "common/base/mem.h"
#include "common/ipc/ctl.h"

json_t *json_text(struct msg_span s)
{
	json_t *j = json_stringn(s.p, s.n);
	char *copy;

	if (j != NULL)
		return j;
	copy = xmemdup(s.p, s.n);
	for (uint32_t i = 0; i < s.n; i++)
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	j = json_stringn(copy, s.n);
	free(copy);
	return j;
}

json_t *json_text_or_null(struct msg_span s)
{
	return s.n == 0 ? json_null() : json_text(s);
}

static json_t *of_words(struct msg_span s)
{
	json_t *a = json_array();
	uint32_t from = 0;

	for (uint32_t i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != ',')
			continue;
		if (i > from)
			json_array_append_new(a,
				json_text((struct msg_span){s.p + from, i - from}));
		from = i + 1;
	}
	return a;
}

static json_t *of_tags(const struct msg_list *list)
{
	const struct ctl_tag *t = list->item;
	json_t *o = json_object();

	for (uint32_t i = 0; i < list->n; i++) {
		char key[CTL_TAG_KEY_MAX + 1];

		if (msg_span_copy(key, sizeof key, t[i].key))
			json_object_set_new(o, key, json_text(t[i].value));
	}
	return o;
}

static json_t *of_time(uint64_t wall_ms)
{
	char s[TEXT_TIME_MAX];

	return wall_ms == 0 ? json_null() : json_string(text_time(wall_ms, true, s));
}

static json_t *of_id(const struct id128 *id)
{
	char hex[ID_HEX_MAX];

	return id_is_zero(id) ? json_null() : json_string(id_hex(id, hex));
}

static json_t *of_hex(uint64_t n)
{
	char s[17];

	snprintf(s, sizeof s, "%016llx", (unsigned long long)n);
	return json_string(s);
}

static json_t *of_number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *of_rtt(int64_t us, int64_t unit_us)
{
	return us < 0 ? json_null() : json_integer((us + unit_us / 2) / unit_us);
}

/* A field's bytes as whatever they are. */
union value {
	const void *p;
	const struct msg_span *span;
	const struct msg_list *list;
	const struct id128 *id;
	const bool *flag;
	const uint16_t *u16;
	const uint32_t *u32;
	const uint64_t *u64;
	const int64_t *i64;
};

static json_t *of_field(const struct json_field *f, union value v)
{
	switch (f->kind) {
	case JK_TEXT:
		return json_text(*v.span);
	case JK_TEXT_OR:
		return json_text_or_null(*v.span);
	case JK_WORDS:
		return of_words(*v.span);
	case JK_BOOL:
		return json_boolean(*v.flag);
	case JK_NOT:
		return json_boolean(!*v.flag);
	case JK_CHOICE:
		return json_string(((const char *const *)f->of)[*v.flag]);
	case JK_U16:
		return json_integer(*v.u16);
	case JK_U32:
		return json_integer(*v.u32);
	case JK_U32_OR:
		return *v.u32 == 0 ? json_null() : json_integer(*v.u32);
	case JK_U64:
		return of_number(*v.u64);
	case JK_I64:
		return json_integer(*v.i64);
	case JK_HEX:
		return of_hex(*v.u64);
	case JK_TIME:
		return of_time(*v.u64);
	case JK_ID:
		return of_id(v.id);
	case JK_MS:
		return of_rtt(*v.i64, 1000);
	case JK_US:
		return of_rtt(*v.i64, 1);
	case JK_LIST:
		return json_of_list(f->of, v.list);
	case JK_TAGS:
		return of_tags(v.list);
	}
	return json_null();
}

json_t *json_of(const struct json_shape *shape, const void *msg)
{
	json_t *o = json_object();

	for (size_t i = 0; i < shape->n; i++) {
		const struct json_field *f = &shape->field[i];
		union value v = {.p = (const uint8_t *)msg + f->offset};

		json_object_set_new(o, f->key, of_field(f, v));
	}
	return o;
}

json_t *json_of_list(const struct json_shape *shape, const struct msg_list *list)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < list->n; i++)
		json_array_append_new(a,
			json_of(shape, (const uint8_t *)list->item + i * shape->size));
	return a;
}

static void put(FILE *out, json_t *j, size_t flags)
{
	json_dumpf(j, out, flags);
	fputc('\n', out);
	json_decref(j);
}

void json_put(FILE *out, json_t *j)
{
	put(out, j, JSON_INDENT(2));
}

void json_put_line(FILE *out, json_t *j)
{
	put(out, j, JSON_COMPACT);
}
