#include <check.h>
#include <errno.h>

#include "common/base/id.h"

START_TEST(test_round_trip)
{
	const char *text = "00ff102030405060708090a0b0c0d0ef";
	struct id128 id;
	char out[ID_HEX_MAX];

	ck_assert_int_eq(id_parse(text, &id), 0);
	ck_assert_uint_eq(id.b[1], 0xff);
	ck_assert_uint_eq(id.b[15], 0xef);
	ck_assert_ptr_eq(id_hex(&id, out), out);
	ck_assert_str_eq(out, text);
	ck_assert_int_eq(id_parse("00FF102030405060708090A0B0C0D0EF", &id), 0);
	ck_assert_str_eq(id_hex(&id, out), text);
}
END_TEST

static const char *const bad[] = {
	"",
	"0",
	"00ff102030405060708090a0b0c0d0e",
	"00ff102030405060708090a0b0c0d0ef0",
	"00ff102030405060708090a0b0c0d0eg",
	" 0ff102030405060708090a0b0c0d0ef",
	"0x0f102030405060708090a0b0c0d0ef",
};

START_TEST(test_bad)
{
	struct id128 id = {{7}};

	ck_assert_int_eq(id_parse(bad[_i], &id), -EINVAL);
	ck_assert_uint_eq(id.b[0], 7);
}
END_TEST

START_TEST(test_order)
{
	struct id128 a = {{0, 1}}, b = {{1, 0}}, zero = {{0}};

	ck_assert_int_lt(id_cmp(&a, &b), 0);
	ck_assert_int_gt(id_cmp(&b, &a), 0);
	ck_assert(id_eq(&a, &a));
	ck_assert(!id_eq(&a, &b));
	ck_assert(id_is_zero(&zero));
	ck_assert(!id_is_zero(&a));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("id");
	Suite *s = suite_create("id");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_round_trip);
	tcase_add_loop_test(t, test_bad, 0, (int)(sizeof bad / sizeof *bad));
	tcase_add_test(t, test_order);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
