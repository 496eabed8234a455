#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"

START_TEST(test_append_and_drop)
{
	struct buf b = {0};

	buf_put(&b, "", 0);
	ck_assert_uint_eq(b.n, 0);
	buf_str(&b, "hello ");
	buf_printf(&b, "%s-%d", "world", 42);
	ck_assert_uint_eq(b.n, 14);
	ck_assert_mem_eq(b.p, "hello world-42", 14);
	buf_drop(&b, 6);
	ck_assert_uint_eq(b.n, 8);
	ck_assert_mem_eq(b.p, "world-42", 8);
	buf_drop(&b, 8);
	ck_assert_uint_eq(b.n, 0);
	buf_free(&b);
	ck_assert_ptr_null(b.p);
	buf_free(&b);
}
END_TEST

START_TEST(test_grows)
{
	struct buf b = {0};
	uint8_t chunk[1000];

	memset(chunk, 'x', sizeof chunk);
	for (unsigned i = 0; i < 100; i++)
		buf_put(&b, chunk, sizeof chunk);
	ck_assert_uint_eq(b.n, 100000);
	ck_assert_uint_ge(b.cap, b.n);
	ck_assert_uint_eq(b.p[99999], 'x');
	buf_free(&b);
}
END_TEST

START_TEST(test_reserve)
{
	struct buf b = {0};
	uint8_t *at;

	buf_str(&b, "ab");
	at = buf_reserve(&b, 500);
	ck_assert_ptr_eq(at, b.p + 2);
	ck_assert_uint_ge(b.cap - b.n, 500);
	memset(at, 'z', 500);
	b.n += 500;
	ck_assert_mem_eq(b.p, "abz", 3);
	buf_free(&b);
}
END_TEST

START_TEST(test_long_printf)
{
	struct buf b = {0};

	buf_printf(&b, "%0500d", 7);
	ck_assert_uint_eq(b.n, 500);
	ck_assert_uint_eq(b.p[499], '7');
	buf_free(&b);
}
END_TEST

START_TEST(test_mem)
{
	char *s = xstrdup("abc"), *empty = xmemdup(NULL, 0);
	int *v = xcalloc(4, sizeof *v);

	ck_assert_str_eq(s, "abc");
	ck_assert_ptr_nonnull(empty);
	ck_assert_int_eq(v[0] | v[1] | v[2] | v[3], 0);
	v = xrealloc(v, 100, sizeof *v);
	v[99] = 1;
	ck_assert_int_eq(v[0], 0);
	free(v);
	v = xcalloc(0, sizeof *v);
	ck_assert_ptr_nonnull(v);
	free(v);
	free(s);
	free(empty);
}
END_TEST

/* The product of the two would wrap to something small. */
START_TEST(test_overflow_aborts)
{
	volatile size_t n = SIZE_MAX / 2 + 2;

	free(xrealloc(NULL, n, 2));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("buf");
	Suite *s = suite_create("buf");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_append_and_drop);
	tcase_add_test(t, test_grows);
	tcase_add_test(t, test_reserve);
	tcase_add_test(t, test_long_printf);
	tcase_add_test(t, test_mem);
	tcase_add_test_raise_signal(t, test_overflow_aborts, SIGABRT);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
