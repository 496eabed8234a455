#include <check.h>
#include <errno.h>
#include <string.h>

#include "common/base/kvline.h"

#define FIELD(s)                                    \
	{                                           \
		(const uint8_t *)(s), sizeof(s) - 1 \
	}

static const struct {
	struct kvline_field field[3];
	size_t n;
	const char *line;
} lines[] = {
	{{FIELD("a"), FIELD("b")}, 2, "a\tb\n"},
	{{FIELD("a"), FIELD("")}, 2, "a\t\n"},
	{{FIELD("a"), {NULL, 0}, FIELD("x")}, 3, "a\t\\N\tx\n"},
	{{FIELD("k\tey"), FIELD("line\nline\r\\N")}, 2, "k\\tey\tline\\nline\\r\\\\N\n"},
	{{FIELD("\0\x7f\x1b"), FIELD("\xff\xc3")}, 2, "\\x00\\x7f\\x1b\t\\xff\\xc3\n"},
	{{FIELD("gr\xc3\xbc\xc3\x9f"), FIELD("\xe2\x82\xac \xf0\x9f\x98\x80")}, 2,
		"gr\xc3\xbc\xc3\x9f\t\xe2\x82\xac \xf0\x9f\x98\x80\n"},
	/* overlong, a surrogate, C1, beyond Unicode, a lone continuation */
	{{FIELD("\xc0\xaf"), FIELD("\xed\xa0\x80\xc2\x85\xf4\x90\x80\x80\x80")}, 2,
		"\\xc0\\xaf\t\\xed\\xa0\\x80\\xc2\\x85\\xf4\\x90\\x80\\x80\\x80\n"},
};

START_TEST(test_both_ways)
{
	struct kvline_field got[KVLINE_FIELDS_MAX];
	struct buf out = {0}, store = {0};
	const char *why;

	kvline_put(&out, lines[_i].field, lines[_i].n);
	ck_assert_mem_eq(out.p, lines[_i].line, strlen(lines[_i].line));
	ck_assert_uint_eq(out.n, strlen(lines[_i].line));
	ck_assert_int_eq(kvline_get((const char *)out.p, out.n - 1, &store, got, &why),
		(int)lines[_i].n);
	for (size_t i = 0; i < lines[_i].n; i++) {
		ck_assert((got[i].p == NULL) == (lines[_i].field[i].p == NULL));
		ck_assert_uint_eq(got[i].n, lines[_i].field[i].n);
		if (got[i].n > 0)
			ck_assert_mem_eq(got[i].p, lines[_i].field[i].p, got[i].n);
	}
	buf_free(&out);
	buf_free(&store);
}
END_TEST

static const char *const wrong[] = {"", "key", "\tvalue", "\\N\tvalue", "a\t\\", "a\t\\q",
	"a\t\\x1", "a\t\\xAA", "a\tx\\N", "a\t\\x4"};

START_TEST(test_wrong_lines)
{
	struct kvline_field got[KVLINE_FIELDS_MAX];
	struct buf store = {0};
	const char *why = NULL;

	ck_assert_int_eq(kvline_get(wrong[_i], strlen(wrong[_i]), &store, got, &why), -EINVAL);
	ck_assert_ptr_nonnull(why);
	buf_free(&store);
}
END_TEST

START_TEST(test_too_many_fields)
{
	struct kvline_field got[KVLINE_FIELDS_MAX];
	struct buf store = {0};
	char line[2 * KVLINE_FIELDS_MAX + 2] = "a";
	const char *why = NULL;

	for (int i = 1; i <= KVLINE_FIELDS_MAX; i++)
		memcpy(line + 2 * i - 1, "\tb", 3);
	ck_assert_int_eq(kvline_get(line, strlen(line) - 2, &store, got, &why),
		KVLINE_FIELDS_MAX);
	ck_assert_int_eq(kvline_get(line, strlen(line), &store, got, &why), -EINVAL);
	ck_assert_str_eq(why, "more values than a key can have");
	buf_free(&store);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("kvline");
	Suite *s = suite_create("kvline");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_both_ways, 0, (int)(sizeof lines / sizeof lines[0]));
	tcase_add_loop_test(t, test_wrong_lines, 0, (int)(sizeof wrong / sizeof wrong[0]));
	tcase_add_test(t, test_too_many_fields);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
