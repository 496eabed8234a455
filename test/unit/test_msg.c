#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "common/msg/msg_scan.h"
#include "test/unit/msg_samples.h"

static struct msg_reader reader(const struct buf *b)
{
	return (struct msg_reader){b->p, b->p + b->n};
}

static void fill_items(struct sample_item item[2], struct sample_tag tag[2])
{
	tag[0].n = 1;
	tag[1].n = UINT32_MAX;
	item[0] = (struct sample_item){msg_str("n1@h"), 4370, {tag, 2}};
	item[1] = (struct sample_item){msg_str(""), 0, {NULL, 0}};
}

static struct sample whole(struct msg_list items, struct msg_span bin)
{
	struct sample s = {.yes = true,
		.u16 = UINT16_MAX,
		.u32 = UINT32_MAX,
		.u64 = UINT64_MAX,
		.i64 = INT64_MIN,
		.str = msg_str("text"),
		.bin = bin,
		.items = items,
		.inner = {7, msg_str("note")},
		.small = 100,
		.late = msg_str("late"),
		.late_inner = {8, msg_str("more")}};

	memset(s.id.b, 0xab, sizeof s.id.b);
	return s;
}

static bool span_same(struct msg_span a, struct msg_span b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

START_TEST(test_round_trip_of_every_kind)
{
	static char big[66000];
	static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536, sizeof big};
	struct sample_item item[2], *got;
	struct sample_tag tag[2];
	struct buf b = {0}, again = {0};
	struct msg_arena a;
	struct sample in, out;

	fill_items(item, tag);
	in = whole((struct msg_list){item, 2}, (struct msg_span){big, (uint32_t)sizes[_i]});
	msg_arena_init(&a, 4096);
	msg_encode(&b, &sample_desc, &in);
	ck_assert_int_eq(msg_decode(&sample_desc, reader(&b), &a, &out, NULL), 0);
	ck_assert(out.yes && out.u16 == in.u16 && out.u32 == in.u32 && out.u64 == in.u64);
	ck_assert(out.i64 == in.i64 && id_eq(&out.id, &in.id) && out.small == 100);
	ck_assert(span_same(out.str, in.str) && span_same(out.bin, in.bin));
	ck_assert(out.inner.at == 7 && msg_span_eq(out.inner.note, "note"));
	ck_assert(msg_span_eq(out.late, "late") && msg_span_eq(out.late_inner.note, "more"));
	ck_assert_uint_eq(out.items.n, 2);
	got = out.items.item;
	ck_assert(
		msg_span_eq(got[0].name, "n1@h") && got[0].port == 4370 && got[0].tags.n == 2);
	ck_assert(((struct sample_tag *)got[0].tags.item)[1].n == UINT32_MAX);
	ck_assert(got[1].name.n == 0 && got[1].name.p != NULL && got[1].tags.item == NULL);
	msg_encode(&again, &sample_desc, &out);
	ck_assert(b.n == again.n && memcmp(b.p, again.p, b.n) == 0);
	msg_arena_free(&a);
	buf_free(&b);
	buf_free(&again);
}
END_TEST

/* Each cut is an exact heap copy, so that the sanitizer sees one byte too many. */
START_TEST(test_every_truncation_is_refused)
{
	struct sample_item item[2];
	struct sample_tag tag[2];
	struct msg_arena a;
	struct msg_env env;
	struct buf b = {0};
	struct sample in, out;

	fill_items(item, tag);
	in = whole((struct msg_list){item, 2}, msg_str("0123456789"));
	msg_arena_init(&a, 4096);
	msg_put_request(&b, 9, "sample", &sample_desc, &in);
	ck_assert_int_eq(msg_env_parse(b.p + 4, b.n - 4, &env), 0);
	for (size_t cut = 0; cut < b.n - 4; cut++) {
		uint8_t *p = malloc(cut + 1);
		struct msg_reader body = {p, p};

		memcpy(p, b.p + 4, cut);
		ck_assert_int_eq(msg_env_parse(p, cut, &env), -EPROTO);
		memcpy(p, b.p + 13, cut); /* the body, after [0, 9, "sample" */
		body.end += cut;
		if (cut < b.n - 13)
			ck_assert_int_eq(msg_decode(&sample_desc, body, &a, &out, NULL),
				-EPROTO);
		msg_arena_reset(&a);
		free(p);
	}
	msg_arena_free(&a);
	buf_free(&b);
}
END_TEST

static void put_array(struct buf *b, const uint8_t *body, size_t n, unsigned count)
{
	buf_put(b, &(uint8_t){(uint8_t)(0x90u + count)}, 1);
	buf_put(b, body, n);
}

START_TEST(test_missing_trailing_fields_stay_zero)
{
	struct buf b = {0};
	struct sample in = whole((struct msg_list){NULL, 0}, msg_str("")), out;
	struct msg_reader r;
	const char *bad;

	msg_encode(&b, &sample_desc, &in);
	r = reader(&b);
	r.p++;
	ck_assert(msg_skip(&r, SAMPLE_REQUIRED));
	r = (struct msg_reader){b.p, r.p};
	b.p[0] = 0x90 + SAMPLE_REQUIRED;
	ck_assert_int_eq(msg_decode(&sample_desc, r, NULL, &out, &bad), 0);
	ck_assert_ptr_null(bad);
	ck_assert(out.small == 100 && out.late.n == 0 && out.late.p != NULL);
	ck_assert(out.late_inner.at == 0 && out.late_inner.note.p != NULL);
	b.p[0] = 0x90 + SAMPLE_REQUIRED - 1;
	r.end--;
	ck_assert_int_eq(msg_decode(&sample_desc, r, NULL, &out, &bad), -EPROTO);
	ck_assert_str_eq(bad, "small");
	buf_free(&b);
}
END_TEST

START_TEST(test_unknown_trailing_fields_are_skipped)
{
	static const uint8_t more[] = {7, 0x92, 1, 0x81, 0xa1, 'k', 0xcb, 0, 0, 0, 0, 0, 0, 0,
		0, 0xc0};
	struct sample_tag tag;
	struct buf b = {0};

	put_array(&b, more, sizeof more, 3);
	ck_assert(msg_scan(b.p, b.n));
	ck_assert_int_eq(msg_decode(&sample_tag_desc, reader(&b), NULL, &tag, NULL), 0);
	ck_assert_uint_eq(tag.n, 7);
	buf_put(&b, "", 1);
	ck_assert_int_eq(msg_decode(&sample_tag_desc, reader(&b), NULL, &tag, NULL), -EPROTO);
	buf_free(&b);
}
END_TEST

/* One message in which one field is wrong, and what is said about it. */
static const struct {
	const char *title, *field;
	int rc;
	const char *with; /* the field's bytes */
	size_t n;
} wrongs[] = {
	{"a bool is no number", "yes", -EPROTO, "\1", 1},
	{"a u16 of 65536", "u16", -ERANGE, "\xce\0\1\0\0", 5},
	{"a u32 of 2^32", "u32", -ERANGE, "\xcf\0\0\0\1\0\0\0\0", 9},
	{"a negative u64", "u64", -EPROTO, "\xff", 1},
	{"an i64 of 2^63", "i64", -ERANGE, "\xcf\x80\0\0\0\0\0\0\0", 9},
	{"an i64 that is a float", "i64", -EPROTO, "\xca\0\0\0\0", 5},
	{"an id of 15 bytes", "id", -EPROTO,
		"\xc4\x0f"
		"123456789012345",
		17},
	{"an id as text", "id", -EPROTO,
		"\xb0"
		"1234567890123456",
		17},
	{"a string as bytes", "str", -EPROTO, "\xc4\1x", 3},
	{"bytes as a string", "bin", -EPROTO, "\xa1x", 2},
	{"nil for a list", "items", -EPROTO, "\xc0", 1},
	{"a number as an item", "item", -EPROTO, "\x91\1", 2},
	{"a map for a list", "items", -EPROTO, "\x80", 1},
	{"an item without its name", "name", -EPROTO, "\x91\x90", 2},
	{"a number for a struct", "inner", -EPROTO, "\1", 1},
	{"a field in a struct over its maximum", "note", -ERANGE,
		"\x92\1\xd9\x21"
		"123456789012345678901234567890123",
		37},
	{"a number over the field's maximum", "small", -ERANGE, "\x65", 1},
};

static size_t field_index(const char *bad)
{
	if (strcmp(bad, "item") == 0 || strcmp(bad, "name") == 0)
		bad = "items";
	if (strcmp(bad, "note") == 0)
		bad = "inner";
	for (size_t i = 0; i < sample_desc.n_fields; i++)
		if (strcmp(sample_fields[i].name, bad) == 0)
			return i;
	ck_abort_msg("no field %s", bad);
}

START_TEST(test_a_wrong_field_is_named)
{
	size_t at = field_index(wrongs[_i].field);
	struct sample in = whole((struct msg_list){NULL, 0}, msg_str("")), out;
	struct buf good = {0}, b = {0};
	struct msg_reader before, after;
	struct msg_arena a;
	const char *bad = NULL;

	msg_encode(&good, &sample_desc, &in);
	before = reader(&good);
	before.p++;
	ck_assert(msg_skip(&before, at));
	after = before;
	ck_assert(msg_skip(&after, 1));
	buf_put(&b, good.p, (size_t)(before.p - good.p));
	buf_put(&b, wrongs[_i].with, wrongs[_i].n);
	buf_put(&b, after.p, (size_t)(after.end - after.p));
	msg_arena_init(&a, 4096);
	ck_assert_msg(msg_decode(&sample_desc, reader(&b), &a, &out, &bad) == wrongs[_i].rc,
		"%s", wrongs[_i].title);
	ck_assert_str_eq(bad, wrongs[_i].field);
	msg_arena_free(&a);
	buf_free(&b);
	buf_free(&good);
}
END_TEST

START_TEST(test_limits_of_strings_and_lists)
{
	static struct sample_item item[SAMPLE_ITEMS_MAX + 1];
	static char text[SAMPLE_STR_MAX + 1];
	struct msg_arena a;

	msg_arena_init(&a, 1048576);
	for (uint32_t over = 0; over < 4; over++) {
		struct sample in = whole((struct msg_list){item, SAMPLE_ITEMS_MAX + (over & 1)},
			msg_str(""));
		struct sample out;
		struct buf b = {0};

		in.str = (struct msg_span){text, SAMPLE_STR_MAX + (over >> 1)};
		msg_encode(&b, &sample_desc, &in);
		ck_assert_int_eq(msg_decode(&sample_desc, reader(&b), &a, &out, NULL),
			over == 0 ? 0 : -ERANGE);
		msg_arena_reset(&a);
		buf_free(&b);
	}
	msg_arena_free(&a);
}
END_TEST

START_TEST(test_list_needs_room_in_the_arena)
{
	struct sample_item item[100] = {0};
	struct sample in = whole((struct msg_list){item, 100}, msg_str("")), out;
	struct msg_arena a;
	struct buf b = {0};
	const char *bad;

	msg_encode(&b, &sample_desc, &in);
	msg_arena_init(&a, sizeof item - 1);
	ck_assert_int_eq(msg_decode(&sample_desc, reader(&b), &a, &out, &bad), -EMSGSIZE);
	ck_assert_str_eq(bad, "items");
	ck_assert_int_eq(msg_decode(&sample_desc, reader(&b), NULL, &out, NULL), -EMSGSIZE);
	msg_arena_free(&a);
	msg_arena_init(&a, sizeof item + 16);
	ck_assert_int_eq(msg_decode(&sample_desc, reader(&b), &a, &out, NULL), 0);
	msg_arena_free(&a);
	buf_free(&b);
}
END_TEST

/* A table that contains itself is stopped by the depth, scanned or not. */
static const struct msg_desc loop_desc;
struct loop {
	struct msg_list again;
};
static const struct msg_field loop_fields[] = {
	MSG_FIELD_OF(MSG_LIST, loop, again, 1, &loop_desc, "Itself."),
};
static const struct msg_desc loop_desc = {"loop", sizeof(struct loop), loop_fields, 1, 0,
	"Itself."};

START_TEST(test_a_table_in_itself_ends)
{
	static uint8_t deep[100000];
	struct msg_reader r = {deep, deep + sizeof deep};
	struct msg_arena a;
	struct loop out;

	memset(deep, 0x91, sizeof deep);
	msg_arena_init(&a, 1048576);
	ck_assert_int_eq(msg_decode(&loop_desc, r, &a, &out, NULL), -EPROTO);
	msg_arena_free(&a);
}
END_TEST

static const struct {
	const char *title, *bytes;
	size_t n;
	int rc;
	enum msg_type type;
	uint32_t id;
	const char *method;
	bool is_error;
	size_t body_at, body_n;
} envs[] = {
	{"a request", "\x94\0\5\xa1m\x90", 6, 0, MSG_REQUEST, 5, "m", false, 5, 1},
	{"a result", "\x94\1\xce\xff\xff\xff\xff\xc0\x91\1", 10, 0, MSG_RESPONSE, UINT32_MAX,
		"", false, 8, 2},
	{"an error", "\x94\1\5\x91\1\xc0", 6, 0, MSG_RESPONSE, 5, "", true, 3, 2},
	{"a notification", "\x93\2\xa2ok\x91\x92\1\2", 9, 0, MSG_NOTIFY, 0, "ok", false, 5, 4},
	{"a response without error and result", "\x94\1\5\xc0\xc0", 5, 0, MSG_RESPONSE, 5, "",
		false, 4, 1},
	{"a response with error and result", "\x94\1\5\x90\x90", 5, -EPROTO, 0, 0, "", false, 0,
		0},
	{"type 3", "\x94\3\5\xa1m\x90", 6, -EPROTO, 0, 0, "", false, 0, 0},
	{"a negative type", "\x94\xff\5\xa1m\x90", 6, -EPROTO, 0, 0, "", false, 0, 0},
	{"a request of three", "\x93\0\5\xa1m", 5, -EPROTO, 0, 0, "", false, 0, 0},
	{"a notification of four", "\x94\2\xa1m\x90\x90", 6, -EPROTO, 0, 0, "", false, 0, 0},
	{"an id of 2^32", "\x94\0\xcf\0\0\0\1\0\0\0\0\xa1m\x90", 14, -EPROTO, 0, 0, "", false,
		0, 0},
	{"a method that is a number", "\x94\0\5\1\x90", 5, -EPROTO, 0, 0, "", false, 0, 0},
	{"an empty method", "\x94\0\5\xa0\x90", 5, -EPROTO, 0, 0, "", false, 0, 0},
	{"a map", "\x82\0\5\1\1", 5, -EPROTO, 0, 0, "", false, 0, 0},
	{"an empty array", "\x90", 1, -EPROTO, 0, 0, "", false, 0, 0},
	{"a byte too many", "\x94\0\5\xa1m\x90\0", 7, -EPROTO, 0, 0, "", false, 0, 0},
};

START_TEST(test_envelope)
{
	const uint8_t *p = (const uint8_t *)envs[_i].bytes;
	struct msg_env e;

	ck_assert_msg(msg_env_parse(p, envs[_i].n, &e) == envs[_i].rc, "%s", envs[_i].title);
	if (envs[_i].rc != 0)
		return;
	ck_assert(e.type == envs[_i].type && e.id == envs[_i].id);
	ck_assert(msg_span_eq(e.method, envs[_i].method) && e.is_error == envs[_i].is_error);
	ck_assert(e.body.p == p + envs[_i].body_at);
	ck_assert(e.body.end == e.body.p + envs[_i].body_n);
}
END_TEST

START_TEST(test_put_frames)
{
	struct sample_tag tag = {5};
	struct buf b = {0};

	msg_put_request(&b, 1, "m", &sample_tag_desc, &tag);
	msg_put_result(&b, 1, &sample_tag_desc, NULL);
	msg_put_error(&b, 1, &sample_tag_desc, &tag);
	msg_put_notify(&b, "n", &sample_tag_desc, &tag);
	ck_assert_uint_eq(b.n, 11 + 9 + 10 + 10);
	ck_assert_mem_eq(b.p, "\0\0\0\7\x94\0\1\xa1m\x91\5", 11);
	ck_assert_mem_eq(b.p + 11, "\0\0\0\5\x94\1\1\xc0\x90", 9);
	ck_assert_mem_eq(b.p + 20, "\0\0\0\6\x94\1\1\x91\5\xc0", 10);
	ck_assert_mem_eq(b.p + 30, "\0\0\0\6\x93\2\xa1n\x91\5", 10);
	buf_free(&b);
}
END_TEST

START_TEST(test_span_copy)
{
	char out[4] = "???";

	ck_assert(msg_span_copy(out, sizeof out, msg_str("abc")));
	ck_assert_str_eq(out, "abc");
	ck_assert(!msg_span_copy(out, sizeof out, msg_str("abcd")));
	ck_assert(!msg_span_copy(out, sizeof out, (struct msg_span){"a\0b", 3}));
	ck_assert(msg_span_copy(out, 1, (struct msg_span){NULL, 0}));
	ck_assert_str_eq(out, "");
	ck_assert(
		msg_span_eq((struct msg_span){"", 0}, "") && !msg_span_eq(msg_str("a"), "ab"));
}
END_TEST

START_TEST(test_arena)
{
	struct msg_arena a;
	uint8_t *first, *p;

	msg_arena_init(&a, 1000 * 16);
	first = msg_arena_alloc(&a, 3);
	memset(first, 0xff, 3);
	for (int i = 1; i < 1000; i++) {
		p = msg_arena_alloc(&a, 16);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		ck_assert(p[0] == 0 && memcmp(p, p + 1, 15) == 0);
		memset(p, 0xff, 16);
	}
	ck_assert(first[0] == 0xff && first[2] == 0xff); /* growth moves nothing */
	ck_assert_ptr_null(msg_arena_alloc(&a, 1));
	msg_arena_reset(&a);
	p = msg_arena_alloc(&a, 16);
	ck_assert(p != NULL && p[0] == 0); /* used memory comes back zeroed */
	ck_assert_ptr_null(msg_arena_alloc(&a, 1000 * 16));
	ck_assert_ptr_null(msg_arena_alloc(&a, SIZE_MAX));
	ck_assert_ptr_nonnull(msg_arena_alloc(&a, 999 * 16));
	msg_arena_free(&a);
}
END_TEST

#define N(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int main(void)
{
	Suite *s = suite_create("msg");
	TCase *tc = tcase_create("msg");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, test_round_trip_of_every_kind, 0, 9);
	tcase_add_test(tc, test_every_truncation_is_refused);
	tcase_add_test(tc, test_missing_trailing_fields_stay_zero);
	tcase_add_test(tc, test_unknown_trailing_fields_are_skipped);
	tcase_add_loop_test(tc, test_a_wrong_field_is_named, 0, N(wrongs));
	tcase_add_test(tc, test_limits_of_strings_and_lists);
	tcase_add_test(tc, test_list_needs_room_in_the_arena);
	tcase_add_test(tc, test_a_table_in_itself_ends);
	tcase_add_loop_test(tc, test_envelope, 0, N(envs));
	tcase_add_test(tc, test_put_frames);
	tcase_add_test(tc, test_span_copy);
	tcase_add_test(tc, test_arena);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
