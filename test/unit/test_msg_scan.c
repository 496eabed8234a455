#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/msg_scan.h"

static const struct {
	const char *title, *bytes;
	size_t n;
	bool ok;
} scans[] = {
	{"nothing", "", 0, false},
	{"one number", "\1", 1, true},
	{"two objects", "\1\1", 2, false},
	{"eight deep", "\x91\x91\x91\x91\x91\x91\x91\x91\1", 9, true},
	{"eight deep and empty", "\x91\x91\x91\x91\x91\x91\x91\x90", 8, true},
	{"nine deep", "\x91\x91\x91\x91\x91\x91\x91\x91\x90", 9, false},
	{"an array of 2^28", "\xdd\x10\0\0\0", 5, false},
	{"an array of 2^32 - 1", "\xdd\xff\xff\xff\xff\1\1", 7, false},
	{"an array of one more than there is", "\xdc\0\3\1\1", 5, false},
	{"a map of 2^31 pairs", "\xdf\x80\0\0\0\1\1", 7, false},
	{"a map whose last value is missing", "\x82\1\1\1", 4, false},
	{"a map", "\x82\1\1\1\1", 5, true},
	{"a string of 4 GiB",
		"\xdb\xff\xff\xff\xff"
		"abc",
		8, false},
	{"bytes, one short", "\xc4\4abc", 5, false},
	{"a count cut in the middle", "\xdd\0\0", 3, false},
	{"a double", "\xcb\0\0\0\0\0\0\0\0", 9, true},
	{"a double cut short", "\xcb\0\0\0\0\0\0\0", 8, false},
	{"fixext 1", "\xd4\1\1", 3, false},
	{"ext 8", "\xc7\1\1\1", 4, false},
	{"the unused tag", "\xc1", 1, false},
	{"an ext inside", "\x92\1\xd4\1\1", 5, false},
};

START_TEST(test_scan)
{
	uint8_t *p = malloc(scans[_i].n + 1);

	memcpy(p, scans[_i].bytes, scans[_i].n);
	ck_assert_msg(msg_scan(p, scans[_i].n) == scans[_i].ok, "%s", scans[_i].title);
	free(p);
}
END_TEST

START_TEST(test_whole_numbers_however_packed)
{
	static const struct {
		const char *bytes;
		size_t n;
		int64_t value;
	} rows[] = {
		{"\x7f", 1, 127},
		{"\xe0", 1, -32},
		{"\xcc\xff", 2, 255},
		{"\xd0\xff", 2, -1},
		{"\xd0\x7f", 2, 127},
		{"\xd1\x80\0", 3, -32768},
		{"\xd2\xff\xff\xff\xfe", 5, -2},
		{"\xd3\0\0\0\0\0\0\0\5", 9, 5},
		{"\xd3\x80\0\0\0\0\0\0\0", 9, INT64_MIN},
		{"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const uint8_t *p = (const uint8_t *)rows[i].bytes;
		struct msg_reader r = {p, p + rows[i].n};
		struct msg_head h;

		ck_assert(msg_head_next(&r, &h) && r.p == r.end);
		ck_assert_int_eq((int64_t)h.n, rows[i].value);
		ck_assert_int_eq(h.tag, rows[i].value < 0 ? MSG_TAG_INT : MSG_TAG_UINT);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("msg_scan");
	TCase *tc = tcase_create("msg_scan");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, test_scan, 0, (int)(sizeof scans / sizeof scans[0]));
	tcase_add_test(tc, test_whole_numbers_however_packed);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
