#include <check.h>
#include <errno.h>

#include "common/base/duration.h"

static const struct {
	const char *text;
	uint64_t unit_ms;
	int rc;
	uint64_t ms;
} duration[] = {
	{"500ms", 1, 0, 500},
	{"1m", 1, 0, 60000},
	{"1h30m", 1, 0, 5400000},
	{"1.5h", 1, 0, 5400000},
	{"1H30M5S", 1, 0, 5405000},
	{"1F", 1, 0, 1209600000},
	{"2w", 1, 0, 1209600000},
	{"1d", 1000, 0, 86400000},
	{"30m1h", 1, 0, 5400000},
	{"0", 1000, 0, 0},
	{"0s", 1, 0, 0},
	{"15", 1, 0, 15},
	{"15", 1000, 0, 15000},
	{"0.5ms", 1, 0, 1},
	{"0.0001ms", 1, 0, 1},
	{"1.0000000001s", 1, 0, 1001},
	{"0.1s", 1, 0, 100},
	{"1.25m500MS", 1, 0, 75500},
	{"18446744073709551615", 1, 0, UINT64_MAX},
	{"18446744073709551615ms", 1, 0, UINT64_MAX},
	{"18446744073709551616ms", 1, -ERANGE, 0},
	{"18446744073709551615ms1ms", 1, -ERANGE, 0},
	{"18446744073709551615s", 1, -ERANGE, 0},
	{"18446744073709551615", 1000, -ERANGE, 0},
	{"99999999999999999999999999", 1, -ERANGE, 0},
	{"", 1, -EINVAL, 0},
	{"s", 1, -EINVAL, 0},
	{"1.5", 1, -EINVAL, 0},
	{"1h30", 1, -EINVAL, 0},
	{"1 m", 1, -EINVAL, 0},
	{" 1m", 1, -EINVAL, 0},
	{"1m ", 1, -EINVAL, 0},
	{"-1s", 1, -EINVAL, 0},
	{"+1s", 1, -EINVAL, 0},
	{".5s", 1, -EINVAL, 0},
	{"1.s", 1, -EINVAL, 0},
	{"1x", 1, -EINVAL, 0},
	{"1sm", 1, -EINVAL, 0},
	{"1e3s", 1, -EINVAL, 0},
	{"disabled", 1, -EINVAL, 0},
};

START_TEST(test_duration)
{
	uint64_t ms = 77;
	int rc = duration_parse(duration[_i].text, duration[_i].unit_ms, &ms);

	ck_assert_msg(rc == duration[_i].rc, "%s: rc %d", duration[_i].text, rc);
	ck_assert_uint_eq(ms, rc ? 77 : duration[_i].ms);
}
END_TEST

static const struct {
	const char *text;
	int rc;
	uint64_t bytes;
} size[] = {
	{"0", 0, 0},
	{"100", 0, 100},
	{"100b", 0, 100},
	{"64kb", 0, 65536},
	{"64KB", 0, 65536},
	{"1mb", 0, 1048576},
	{"256MB", 0, 268435456},
	{"3GB", 0, 3221225472},
	{"17179869183GB", 0, 17179869183ULL << 30},
	{"17179869184GB", -ERANGE, 0},
	{"18446744073709551616", -ERANGE, 0},
	{"1Kb", -EINVAL, 0},
	{"1.5mb", -EINVAL, 0},
	{"1 kb", -EINVAL, 0},
	{"kb", -EINVAL, 0},
	{"", -EINVAL, 0},
	{"-1", -EINVAL, 0},
	{"1kbb", -EINVAL, 0},
};

START_TEST(test_size)
{
	uint64_t bytes = 77;
	int rc = size_parse(size[_i].text, &bytes);

	ck_assert_msg(rc == size[_i].rc, "%s: rc %d", size[_i].text, rc);
	ck_assert_uint_eq(bytes, rc ? 77 : size[_i].bytes);
}
END_TEST

static const struct {
	uint64_t ms;
	const char *text;
} format[] = {
	{0, "0"},
	{1, "1ms"},
	{1500, "1500ms"},
	{1000, "1s"},
	{60000, "1m"},
	{90000, "90s"},
	{5400000, "90m"},
	{86400000, "1d"},
	{604800000, "7d"},
	{UINT64_MAX, "18446744073709551615ms"},
};

START_TEST(test_format)
{
	char out[24];
	uint64_t back;

	ck_assert_str_eq(duration_format(format[_i].ms, out), format[_i].text);
	ck_assert_int_eq(duration_parse(out, 1, &back), 0);
	ck_assert_uint_eq(back, format[_i].ms);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("duration");
	Suite *s = suite_create("duration");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_duration, 0, (int)(sizeof duration / sizeof *duration));
	tcase_add_loop_test(t, test_size, 0, (int)(sizeof size / sizeof *size));
	tcase_add_loop_test(t, test_format, 0, (int)(sizeof format / sizeof *format));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
