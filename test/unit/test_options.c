#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/options.h"

enum { ARGV_MAX = 8 };

static int parse(const char *const *argv, struct options *o, const char **why, const char **arg)
{
	char *copy[ARGV_MAX + 1] = {NULL};
	int argc = 0;

	for (; argv[argc] != NULL; argc++)
		memcpy(&copy[argc], &argv[argc], sizeof copy[argc]);
	return options_parse(o, argc, copy, why, arg);
}

static const struct good_row {
	const char *argv[ARGV_MAX];
	enum options_mode mode;
	bool online;
	const char *file; /* NULL: the default */
	const char *set[3];
} good[] = {
	{{"x"}, OPTIONS_RUN, false, NULL, {NULL}},
	{{"x", "-c", "f"}, OPTIONS_RUN, false, "f", {NULL}},
	{{"x", "--config=f=1"}, OPTIONS_RUN, false, "f=1", {NULL}},
	{{"x", "--set", "a=1", "--set=b=2=3"}, OPTIONS_RUN, false, NULL, {"a=1", "b=2=3"}},
	{{"x", "--check"}, OPTIONS_CHECK, false, NULL, {NULL}},
	{{"x", "--rename", "-c", "f"}, OPTIONS_RENAME, false, "f", {NULL}},
	{{"x", "--new-identity"}, OPTIONS_NEW_IDENTITY, false, NULL, {NULL}},
	{{"x", "-V"}, OPTIONS_VERSION, false, NULL, {NULL}},
	{{"x", "-h"}, OPTIONS_HELP, false, NULL, {NULL}},
	{{"x", "--check", "--online"}, OPTIONS_CHECK, true, NULL, {"log.level=error"}},
	{{"x", "--online", "--set", "a=1", "--check"}, OPTIONS_CHECK, true, NULL,
		{"a=1", "log.level=error"}},
	{{"x", "--check", "--online", "--set", "Log.level=info"}, OPTIONS_CHECK, true, NULL,
		{"Log.level=info"}},
	{{"x", "--check", "--online", "--online"}, OPTIONS_CHECK, true, NULL,
		{"log.level=error"}},
};

START_TEST(test_good)
{
	const struct good_row *row = &good[_i];
	const char *why, *arg;
	struct options o;
	size_t n = 0;

	ck_assert_msg(parse(row->argv, &o, &why, &arg) == 0, "row %d", _i);
	ck_assert_int_eq(o.mode, row->mode);
	ck_assert_int_eq(o.online, row->online);
	if (row->file != NULL)
		ck_assert_str_eq(o.file, row->file);
	for (; row->set[n] != NULL; n++) {
		ck_assert_uint_lt(n, o.n_set);
		ck_assert_str_eq(o.set[n], row->set[n]);
	}
	ck_assert_uint_eq(o.n_set, n);
	options_free(&o);
}
END_TEST

static const struct bad_row {
	const char *argv[ARGV_MAX], *arg, *why;
} bad[] = {
	{{"x", "--online"}, "--online", "goes with --check only"},
	{{"x", "--online", "--rename"}, "--online", "goes with --check only"},
	{{"x", "--check", "--online=1"}, "--online=1", "takes no value"},
	{{"x", "--check=1"}, "--check=1", "takes no value"},
	{{"x", "--onlin", "--check"}, "--onlin", "unknown option"},
	{{"x", "-c"}, "-c", "wants a value"},
	{{"x", "--set", "a"}, "--set", "--set wants KEY=VALUE"},
	{{"x", "--set", "=1"}, "--set", "--set wants KEY=VALUE"},
	{{"x", "--check", "--rename"}, "--rename",
		"only one of --check, --rename, --new-identity, --version, --help"},
};

START_TEST(test_bad)
{
	const char *why = "", *arg = "";
	struct options o;

	ck_assert_int_eq(parse(bad[_i].argv, &o, &why, &arg), -EINVAL);
	ck_assert_str_eq(arg, bad[_i].arg);
	ck_assert_str_eq(why, bad[_i].why);
	options_free(&o);
}
END_TEST

#define N_ROWS(a) (int)(sizeof(a) / sizeof(a)[0])

int main(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, test_good, 0, N_ROWS(good));
	tcase_add_loop_test(t, test_bad, 0, N_ROWS(bad));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
