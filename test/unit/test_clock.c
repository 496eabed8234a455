#include <check.h>
#include <time.h>

#include "common/base/clock.h"

START_TEST(test_monotonic)
{
	uint64_t a = clock_mono_us(), ms = clock_mono_ms(), b = clock_mono_us();

	ck_assert_uint_gt(a, 0);
	ck_assert_uint_le(a, b);
	ck_assert_uint_ge(ms, a / 1000);
	ck_assert_uint_le(ms, b / 1000);
}
END_TEST

START_TEST(test_wall_is_utc_in_ms)
{
	uint64_t before = (uint64_t)time(NULL), ms = clock_wall_ms(),
		 after = (uint64_t)time(NULL);

	/* time() may be a tick behind */
	ck_assert_uint_ge(ms / 1000, before);
	ck_assert_uint_le(ms / 1000, after + 1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("clock");
	Suite *s = suite_create("clock");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_monotonic);
	tcase_add_test(t, test_wall_is_utc_in_ms);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
