#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc/ctl.h"
#include "common/msg/frame.h"

/*
 * Each message of the table filled from the table, so that a new row or field is covered at once: encode, decode, encode
 * again, and the two byte strings are equal.
 */
enum { ITEMS = 3, TEXT_MOST = 64 * 1024, FILLED_MAX = 64 * 1024 * 1024 };

static void fill(const struct msg_desc *d, void *to, struct msg_arena *a, unsigned seed);

static void fill_text(const struct msg_field *f, void *to, struct msg_arena *a, unsigned seed)
{
	uint32_t most = f->max < TEXT_MOST ? f->max : TEXT_MOST;
	uint32_t n = seed % 2 == 0 ? most : seed % (most + 1);
	struct msg_span s = {"", n};

	if (n > 0) {
		char *p = msg_arena_alloc(a, n);

		for (uint32_t i = 0; i < n; i++)
			p[i] = (char)('a' + (seed + i) % 26);
		s.p = p;
	}
	memcpy(to, &s, sizeof s);
}

static void fill_list(const struct msg_field *f, void *to, struct msg_arena *a, unsigned seed)
{
	struct msg_list list = {msg_arena_alloc(a, ITEMS * f->of->size), ITEMS};

	for (unsigned i = 0; i < ITEMS; i++)
		fill(f->of, (uint8_t *)list.item + i * f->of->size, a, seed + i);
	memcpy(to, &list, sizeof list);
}

static void fill_number(const struct msg_field *f, void *to, unsigned seed)
{
	uint64_t n = seed * 0x9e3779b97f4a7c15ULL;

	if (f->max != 0)
		n %= (uint64_t)f->max + 1;

	switch (f->kind) {
	case MSG_BOOL:
		*(bool *)to = seed % 2 != 0;
		break;
	case MSG_U16:
		*(uint16_t *)to = (uint16_t)n;
		break;
	case MSG_U32:
		*(uint32_t *)to = (uint32_t)n;
		break;
	case MSG_I64:
		*(int64_t *)to = (int64_t)n;
		break;
	case MSG_U64:
		*(uint64_t *)to = n;
		break;
	default:
		ck_abort_msg("a kind that this test does not know: %s", f->name);
	}
}

static void fill(const struct msg_desc *d, void *out, struct msg_arena *a, unsigned seed)
{
	for (unsigned i = 0; i < d->n_fields; i++) {
		const struct msg_field *f = &d->field[i];
		void *to = (uint8_t *)out + f->offset;

		seed++;
		if (f->kind == MSG_STR || f->kind == MSG_BIN)
			fill_text(f, to, a, seed);
		else if (f->kind == MSG_LIST)
			fill_list(f, to, a, seed);
		else if (f->kind == MSG_STRUCT)
			fill(f->of, to, a, seed);
		else if (f->kind == MSG_ID)
			memset(to, (int)seed, sizeof(struct id128));
		else
			fill_number(f, to, seed);
	}
}

static void check_round_trip(const struct msg_desc *d, unsigned seed)
{
	struct msg_arena a, b;
	struct buf first = {0}, second = {0};
	void *in, *out = calloc(1, d->size);
	const char *bad = NULL;

	msg_arena_init(&a, FILLED_MAX);
	msg_arena_init(&b, CTL_ARENA_MAX);
	in = msg_arena_alloc(&a, d->size);
	fill(d, in, &a, seed);
	msg_encode(&first, d, in);
	ck_assert_msg(msg_decode(d, (struct msg_reader){first.p, first.p + first.n}, &b, out,
			      &bad) == 0,
		"%s: %s", d->name, bad);
	msg_encode(&second, d, out);
	ck_assert_uint_eq(first.n, second.n);
	ck_assert_mem_eq(first.p, second.p, first.n);
	buf_free(&first);
	buf_free(&second);
	msg_arena_free(&a);
	msg_arena_free(&b);
	free(out);
}

START_TEST(test_method)
{
	const struct ctl_row *row = &ctl_rows[_i];

	ck_assert_ptr_nonnull(row->method);
	ck_assert_ptr_nonnull(row->result);
	ck_assert_int_eq(ctl_method_find(msg_str(row->method)), _i);
	for (unsigned seed = 0; seed < 20; seed++) {
		check_round_trip(row->params, seed);
		check_round_trip(row->result, seed);
	}
}
END_TEST

START_TEST(test_notice)
{
	ck_assert_int_eq(ctl_notice_find(msg_str(ctl_notices[_i].method)), _i);
	check_round_trip(ctl_notices[_i].params, 1);
}
END_TEST

START_TEST(test_unknown_method)
{
	ck_assert_int_eq(ctl_method_find(msg_str("no_such_method")), -1);
	ck_assert_int_eq(ctl_method_find(msg_str("statu")), -1);
	ck_assert_int_eq(ctl_method_find((struct msg_span){"", 0}), -1);
	ck_assert_int_eq(ctl_notice_find(msg_str("status")), -1);
}
END_TEST

/* Requests come from outside: they fit the union that they are decoded to and need no memory. */
START_TEST(test_params_are_flat)
{
	const struct msg_desc *d = ctl_rows[_i].params;

	ck_assert_uint_le(d->size, sizeof(union ctl_params));
	for (unsigned i = 0; i < d->n_fields; i++)
		ck_assert_msg(d->field[i].kind != MSG_LIST, "%s.%s", d->name, d->field[i].name);
}
END_TEST

START_TEST(test_params_too_long)
{
	char name[CTL_ADDR_MAX + 2];
	struct ctl_join p = {.node = {name, CTL_ADDR_MAX + 1}};
	union ctl_params got;
	struct buf b = {0};
	const char *bad = NULL;

	memset(name, 'a', sizeof name);
	msg_encode(&b, ctl_rows[CTL_JOIN].params, &p);
	ck_assert_int_eq(ctl_params_get(CTL_JOIN, (struct msg_reader){b.p, b.p + b.n}, &got,
				 &bad),
		-ERANGE);
	ck_assert_str_eq(bad, "node");
	buf_free(&b);
}
END_TEST

/* The largest item of each page: one more than CTL_PAGE_BYTES still fits the frame. */
START_TEST(test_page_bounds)
{
	struct ctl_tag tag[CTL_TAGS_MAX];
	struct ctl_member m = {.tags = {tag, CTL_TAGS_MAX}};
	struct ctl_members page = {.members = {&m, 1}};
	char text[CTL_TEXT_MAX];
	struct buf b = {0};

	memset(text, 'x', sizeof text);
	m.name = m.host = (struct msg_span){text, CTL_NAME_MAX};
	m.version = m.role = m.state = (struct msg_span){text, CTL_WORD_MAX};
	m.last_error = (struct msg_span){text, CTL_TEXT_MAX};
	for (unsigned i = 0; i < CTL_TAGS_MAX; i++)
		tag[i] = (struct ctl_tag){{text, CTL_TAG_KEY_MAX}, {text, CTL_TAG_VALUE_MAX}};
	msg_put_result(&b, 1, ctl_rows[CTL_MEMBERS].result, &page);
	ck_assert_uint_lt(CTL_PAGE_BYTES + b.n, FRAME_MAX_IPC);
	buf_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ctl");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, test_method, 0, CTL_N_METHODS);
	tcase_add_loop_test(t, test_params_are_flat, 0, CTL_N_METHODS);
	tcase_add_loop_test(t, test_notice, 0, CTL_N_NOTICES);
	tcase_add_test(t, test_unknown_method);
	tcase_add_test(t, test_params_too_long);
	tcase_add_test(t, test_page_bounds);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
