#include <check.h>
#include <string.h>

#include "common/base/cookie.h"

static const struct {
	const char *cookie;
	bool yes;
} forms[] = {
	{"cd1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", true},
	{"cd1-___________________________________________", false}, /* 258 bits */
	{"cd1-__________________________________________8", true},
	{"cd1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh", false},
	{"cd1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A", false},
	{"cd1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+", false},
	{"cd2-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", false},
	{"emqxsecretcookie", false},
	{"cd1-", false},
	{"cd", false},
	{"", false},
};

START_TEST(test_form)
{
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		ck_assert_msg(cookie_is_generated(forms[i].cookie) == forms[i].yes, "%s",
			forms[i].cookie);
}
END_TEST

START_TEST(test_generated_cookies_differ)
{
	char a[COOKIE_GENERATED_MAX], b[COOKIE_GENERATED_MAX];

	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(cookie_generate(a), 0);
		ck_assert_int_eq(cookie_generate(b), 0);
		ck_assert(cookie_is_generated(a) && cookie_is_generated(b));
		ck_assert_str_ne(a, b);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cookie");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, test_form);
	tcase_add_test(t, test_generated_cookies_differ);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
