#include <check.h>
#include <string.h>

#include "common/base/hash.h"

/* Published XXH3-64 values: rings and digests must be equal on every build. */
START_TEST(test_reference)
{
	ck_assert_uint_eq(hash64("", 0), 0x2d06800538d394c2U);
	ck_assert_uint_eq(hash64("abc", 3), 0x78af5f94892f3950U);
}
END_TEST

START_TEST(test_seed)
{
	ck_assert_uint_eq(hash64_seed("abc", 3, 0), hash64("abc", 3));
	ck_assert_uint_ne(hash64_seed("abc", 3, 1), hash64("abc", 3));
	ck_assert_uint_ne(hash64_seed("abc", 3, 1), hash64_seed("abc", 3, 2));
}
END_TEST

START_TEST(test_every_length_differs)
{
	static const char zero[600];
	uint64_t last = hash64(zero, 0);

	for (size_t n = 1; n <= sizeof zero; n++) {
		uint64_t h = hash64(zero, n);

		ck_assert_uint_ne(h, last);
		last = h;
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hash");
	Suite *s = suite_create("hash");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_reference);
	tcase_add_test(t, test_seed);
	tcase_add_test(t, test_every_length_differs);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
