#include <check.h>

#include "common/base/rng.h"

/* The reference implementation's first outputs for the state 1, 2, 3, 4. */
static const uint64_t reference[] = {
	11520,
	0,
	1509978240,
	1215971899390074240,
	1216172134540287360,
	607988272756665600,
	16172922978634559625U,
	8476171486693032832,
	10595114339597558777U,
	2904607092377533576,
};

START_TEST(test_reference)
{
	struct rng r = {{1, 2, 3, 4}};

	for (unsigned i = 0; i < sizeof reference / sizeof *reference; i++)
		ck_assert_uint_eq(rng_u64(&r), reference[i]);
}
END_TEST

START_TEST(test_seed_is_splitmix64)
{
	struct rng r;

	rng_init(&r, 0);
	ck_assert_uint_eq(r.s[0], 16294208416658607535U);
	ck_assert_uint_eq(r.s[1], 7960286522194355700);
	ck_assert_uint_eq(r.s[2], 487617019471545679);
	ck_assert_uint_eq(r.s[3], 17909611376780542444U);
}
END_TEST

START_TEST(test_below_covers_all_evenly)
{
	struct rng r;
	unsigned count[7] = {0};

	rng_init(&r, 42);
	for (unsigned i = 0; i < 70000; i++) {
		uint64_t x = rng_below(&r, 7);

		ck_assert_uint_lt(x, 7);
		count[x]++;
	}
	for (unsigned i = 0; i < 7; i++) {
		ck_assert_uint_gt(count[i], 9500);
		ck_assert_uint_lt(count[i], 10500);
	}
	ck_assert_uint_eq(rng_below(&r, 1), 0);
}
END_TEST

START_TEST(test_range)
{
	struct rng r;
	bool lo = false, hi = false;

	rng_init(&r, 1);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t x = rng_range(&r, 10, 12);

		ck_assert_uint_ge(x, 10);
		ck_assert_uint_le(x, 12);
		lo |= x == 10;
		hi |= x == 12;
	}
	ck_assert(lo && hi);
	ck_assert_uint_eq(rng_range(&r, 5, 5), 5);
	ck_assert_uint_gt(rng_range(&r, 0, UINT64_MAX) | rng_range(&r, 0, UINT64_MAX), 0);
}
END_TEST

START_TEST(test_same_seed_same_ids)
{
	struct rng a, b;
	struct id128 x, y;

	rng_init(&a, 9);
	rng_init(&b, 9);
	x = rng_id(&a);
	y = rng_id(&b);
	ck_assert(id_eq(&x, &y));
	y = rng_id(&b);
	ck_assert(!id_eq(&x, &y));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("rng");
	Suite *s = suite_create("rng");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_reference);
	tcase_add_test(t, test_seed_is_splitmix64);
	tcase_add_test(t, test_below_covers_all_evenly);
	tcase_add_test(t, test_range);
	tcase_add_test(t, test_same_seed_same_ids);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
