#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"

#define LOG_COMPONENT "test"

static char out[65536];
static int saved = -1, pipe_fd[2];

static void begin(enum log_format format)
{
	ck_assert_int_eq(pipe(pipe_fd), 0);
	saved = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(pipe_fd[1], STDERR_FILENO), 0);
	close(pipe_fd[1]);
	log_init("unit", LOG_INFO, format);
}

/* What was logged since begin(), in out. */
static size_t end(void)
{
	size_t n = 0;
	ssize_t got;

	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	close(saved);
	while ((got = read(pipe_fd[0], out + n, sizeof out - 1 - n)) > 0)
		n += (size_t)got;
	close(pipe_fd[0]);
	out[n] = '\0';
	return n;
}

static void ends_with(const char *tail)
{
	size_t n = strlen(out), m = strlen(tail);

	ck_assert_msg(n >= m && !strcmp(out + n - m, tail), "%s", out);
}

static json_t *parsed(void)
{
	json_error_t error;
	json_t *j = json_loads(out, JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(j != NULL, "%s: %s", error.text, out);
	return j;
}

START_TEST(test_logfmt)
{
	begin(LOG_LOGFMT);
	errno = 5;
	log_info("peer_up", "node=%s rtt_us=%d ok", "a@h", 42);
	ck_assert_int_eq(errno, 5);
	end();
	ck_assert_int_eq(strncmp(out, "time=2", 6), 0);
	ends_with("Z level=info role=unit component=test event=peer_up node=a@h rtt_us=42 "
		  "ok=true\n");
}
END_TEST

START_TEST(test_level)
{
	begin(LOG_LOGFMT);
	log_debug("hidden", "a=1");
	log_event(LOG_DEBUG, "test", "hidden", "a=1");
	log_error("shown", "a=1");
	end();
	ck_assert_ptr_null(strstr(out, "hidden"));
	ck_assert_ptr_nonnull(strstr(out, "level=error"));
	ck_assert(log_enabled(LOG_INFO));
	ck_assert(!log_enabled(LOG_DEBUG));
}
END_TEST

START_TEST(test_no_injection_without_quotes)
{
	begin(LOG_LOGFMT);
	log_warn("bad_peer", "from=%s",
		"x\nlevel=error\x1b[31m\x7f\r\xc2\x9b \xff \xe2\x80\xae");
	end();
	ck_assert_ptr_eq(strchr(out, '\n'), out + strlen(out) - 1);
	for (const char *p = out; *p != '\n'; p++)
		ck_assert_msg((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f, "%s", out);
	ck_assert_ptr_nonnull(
		strstr(out, "from=\"x\\nlevel=error\\u001b[31m\\u007f\\r\\ufffd\\ufffd\""));
}
END_TEST

static const struct {
	const char *in;
	size_t n, cap;
	const char *out;
} quotes[] = {
	{"", 0, 64, "\"\""},
	{"a b", 3, 64, "\"a b\""},
	{"a\"b\\c", 5, 64, "\"a\\\"b\\\\c\""},
	{"a\0b", 3, 64, "\"a\\u0000b\""},
	{"\n\t\r\b\f\x1b", 6, 64, "\"\\n\\t\\r\\b\\f\\u001b\""},
	{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, 64,
		"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
	{"\xc0\x80\xed\xa0\x80", 5, 64, "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\""},
	{"\xf4\x90\x80\x80", 4, 64, "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
	{"\xc3", 1, 64, "\"\\ufffd\""},
	{"abcdef", 6, 6, "\"abc\""},
	{"ab\ncd", 5, 6, "\"ab\""},
	{"ab\xc3\xa4z", 5, 6, "\"ab\""},
	{"abc", 3, 3, "\"\""},
	{"abc", 3, 2, ""},
};

START_TEST(test_quote)
{
	char text[64];

	memset(text, '#', sizeof text);
	ck_assert_ptr_eq(log_quote(text, quotes[_i].cap, quotes[_i].in, quotes[_i].n), text);
	ck_assert_str_eq(text, quotes[_i].out);
	if (quotes[_i].cap < sizeof text)
		ck_assert_int_eq(text[quotes[_i].cap], '#');
}
END_TEST

START_TEST(test_quoted_value_stays_one_value)
{
	const char *evil = "a\" level=error x=\"b\\";
	char q[64];
	json_t *j;

	begin(LOG_LOGFMT);
	log_warn("e", "text=%s n=1", log_quote(q, sizeof q, evil, strlen(evil)));
	end();
	ends_with("event=e text=\"a\\\" level=error x=\\\"b\\\\\" n=1\n");
	begin(LOG_JSON);
	log_warn("e", "text=%s n=1", log_quote(q, sizeof q, evil, strlen(evil)));
	end();
	j = parsed();
	ck_assert_str_eq(json_string_value(json_object_get(j, "text")), evil);
	ck_assert_str_eq(json_string_value(json_object_get(j, "level")), "warn");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "n")), 1);
	json_decref(j);
}
END_TEST

START_TEST(test_json_types)
{
	json_t *j;

	begin(LOG_JSON);
	log_info("e",
		"a=12 b=-3 c=007 d=true e=1.5 f=12345678901234567890 g=\"12\" h= i=- word "
		"\"two words\" k=\"open");
	end();
	j = parsed();
	ck_assert_int_eq(json_integer_value(json_object_get(j, "a")), 12);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "b")), -3);
	ck_assert_str_eq(json_string_value(json_object_get(j, "c")), "007");
	ck_assert(json_is_true(json_object_get(j, "d")));
	ck_assert_str_eq(json_string_value(json_object_get(j, "e")), "1.5");
	ck_assert_str_eq(json_string_value(json_object_get(j, "f")), "12345678901234567890");
	ck_assert_str_eq(json_string_value(json_object_get(j, "g")), "12");
	ck_assert_str_eq(json_string_value(json_object_get(j, "h")), "");
	ck_assert_str_eq(json_string_value(json_object_get(j, "i")), "-");
	ck_assert(json_is_true(json_object_get(j, "word")));
	ck_assert(json_is_true(json_object_get(j, "two words")));
	ck_assert_str_eq(json_string_value(json_object_get(j, "k")), "open");
	ck_assert_str_eq(json_string_value(json_object_get(j, "event")), "e");
	json_decref(j);
}
END_TEST

/* A backslash that is no escape would break JSON when passed on. */
static const char *const odd[] = {
	"a=\"\\x\"",
	"a=\"\\u12\"",
	"a=\"\\",
	"a=\"\\u12g4\"",
	"=b",
	"==",
	"\"",
	"a=\"b\"c=d",
	"\xff=\xfe",
	"a=\x01",
	"  ",
};

START_TEST(test_odd_text_is_valid_json)
{
	begin(LOG_JSON);
	log_info("e", "%s", odd[_i]);
	end();
	json_decref(parsed());
}
END_TEST

START_TEST(test_long_lines_lose_whole_pairs)
{
	char *big = malloc(9001);
	json_t *j;

	memset(big, '\n', 9000);
	big[9000] = '\0';
	for (int i = 0; i < 2; i++) {
		begin(i ? LOG_JSON : LOG_LOGFMT);
		log_info("e", "a=1 b=%s c=3", big);
		ck_assert_uint_le(end(), 4096);
		ck_assert_ptr_eq(strchr(out, '\n'), out + strlen(out) - 1);
		if (!i)
			ends_with("a=1 cut=true\n");
	}
	j = parsed();
	ck_assert_int_eq(json_integer_value(json_object_get(j, "a")), 1);
	ck_assert(json_is_true(json_object_get(j, "cut")));
	ck_assert_ptr_null(json_object_get(j, "b"));
	json_decref(j);
	free(big);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("log");
	Suite *s = suite_create("log");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_logfmt);
	tcase_add_test(t, test_level);
	tcase_add_test(t, test_no_injection_without_quotes);
	tcase_add_loop_test(t, test_quote, 0, (int)(sizeof quotes / sizeof *quotes));
	tcase_add_test(t, test_quoted_value_stays_one_value);
	tcase_add_test(t, test_json_types);
	tcase_add_loop_test(t, test_odd_text_is_valid_json, 0, (int)(sizeof odd / sizeof *odd));
	tcase_add_test(t, test_long_lines_lose_whole_pairs);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
