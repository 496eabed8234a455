#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/block.h"

/* What a reader makes of a text: the lines for inih with their numbers, `!line:key:text` for errors, `-key` for skipped. */
struct seen {
	char text[8192];
};

static void note(struct seen *s, const char *sign, unsigned line, const char *a, const char *b)
{
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof s->text - n, "%s%u:%s%s%s\n", sign, line, a, *b ? ":" : "",
		b);
}

static void note_field(struct seen *s, unsigned line, const char *key, const char *value)
{
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof s->text - n, "%u:%s %s\n", line, key, value);
}

static bool on_skip(void *ctx, unsigned line, const char *key)
{
	if (strncmp(key, "mqtt", 4) != 0 && strncmp(key, "log.console", 11) != 0)
		return false;
	note(ctx, "-", line, key, "");
	return true;
}

static void on_error(void *ctx, unsigned line, const char *key, const char *text)
{
	char start[24];

	snprintf(start, sizeof start, "%s", text);
	note(ctx, "!", line, key, start);
}

static void read_all(const char *text, size_t n, struct seen *s)
{
	const struct block_hooks hooks = {.skip = on_skip, .error = on_error, .ctx = s};
	char line[200], *copy = malloc(n + 1); /* no NUL behind the text, for the sanitizer */
	struct block *b = malloc(sizeof *b);

	memcpy(copy, text, n);
	s->text[0] = '\0';
	block_init(b, copy, n, &hooks);
	while (block_read(line, sizeof line, b)) {
		size_t len = strlen(line);

		ck_assert_int_eq(line[len - 1], '\n');
		line[len - 1] = '\0';
		if (line[0] == '[')
			note(s, "", b->start_line, line, "");
		else
			note_field(s, b->start_line, line, b->value);
	}
	free(b);
	free(copy);
}

static const struct {
	const char *title, *text, *seen;
} rows[] = {
	{"nothing", "", ""},
	{"comments and blank lines", "# a\n; b\n// c\n\n \t\r\n  # d", ""},
	{"dotted keys", "a.b = c\nd.e=f\n", "1:a.b = c\n2:d.e = f\n"},
	{"no line break at the end", "a = b", "1:a = b\n"},
	{"a colon assigns too", "a: b\nc : http://d:1\n", "1:a = b\n2:c = http://d:1\n"},
	{"indentation means nothing", "a = 1\n   b = 2\n", "1:a = 1\n2:b = 2\n"},
	{"carriage returns", "a = 1\r\nb = 2 \r\n", "1:a = 1\n2:b = 2\n"},
	{"a mark at the file's start",
		"\xef\xbb\xbf"
		"a = 1\n",
		"1:a = 1\n"},
	{"empty values", "a =\nb = # c\n{ c = \n}", "1:a = \n2:b = \n3:c = \n"},
	{"comments behind values", "a = b # c\nd = e // f\ng = h ; i\nj = k#l;m//n\n",
		"1:a = b\n2:d = e\n3:g = h\n4:j = k#l;m//n\n"},
	{"quotes hide comments and more", "a = \"b # c // d , } ; e\" # f\n",
		"1:a = \"b # c // d , } ; e\"\n"},
	{"escapes in quotes", "a = \"b \\\" # \\\\\" # c\n", "1:a = \"b \\\" # \\\\\"\n"},
	{"sections", "[a]\nb = c\n [ d.e ] # f\ng = h\n", "1:[a]\n2:b = c\n3:[d.e]\n4:g = h\n"},
	{"a block", "a {\n b = c\n d = e\n}\nf = g\n", "2:a.b = c\n3:a.d = e\n5:f = g\n"},
	{"a block with =", "a = {\n b = c\n}\nd: { e: f }", "2:a.b = c\n4:d.e = f\n"},
	{"blocks in one line", "a { b { c = d }, e = f }\ng = h",
		"1:a.b.c = d\n1:a.e = f\n2:g = h\n"},
	{"dotted blocks", "a.b { c.d = e }", "1:a.b.c.d = e\n"},
	{"commas between fields", "a { b = c, d = e\n, f = g, }",
		"1:a.b = c\n1:a.d = e\n2:a.f = g\n"},
	{"a comma outside of blocks belongs to the value", "a = b, c\n", "1:a = b, c\n"},
	{"JSON", "{\"a\": {\"b\": \"c\", \"d\": [\"e\"]}}", "1:a.b = \"c\"\n1:a.d = [\"e\"]\n"},
	{"a block in a section", "[a]\nb { c = d }\n", "1:[a]\n2:b.c = d\n"},
	{"a list", "a = [b, \"c d\"]\n", "1:a = [b, \"c d\"]\n"},
	{"a list over lines", "a = [\n \"b\", # c\n // d\n \"e\"\n] # f\ng = h",
		"1:a = [  \"b\",     \"e\" ]\n6:g = h\n"},
	{"a list in a block", "a { b = [c,d], e = [f] }", "1:a.b = [c,d]\n1:a.e = [f]\n"},
	{"an empty list", "a = []\nb = [ ]\n", "1:a = []\n2:b = [ ]\n"},
	{"hosts in brackets", "a = [::1]:53\nb = [x@[::1]:1, [::2]:3, [::4]]\nc = x@[::1]:1\n",
		"1:a = [::1]:53\n2:b = [x@[::1]:1, [::2]:3, [::4]]\n3:c = x@[::1]:1\n"},
	{"a ; in a list's quotes", "a = [\"b ; c\"]", "1:a = [\"b ; c\"]\n"},
	{"wide blanks",
		"a\xc2\xa0{\xe3\x80\x80\n\xc2\xa0"
		"b = c\xe2\x80\x83# d\n\xe1\x9a\x80}\xe2\x80\xaf\n",
		"2:a.b = c\n"},
	{"wide blanks in quotes stay", "a = \"\xc2\xa0\"", "1:a = \"\xc2\xa0\"\n"},
	{"skipped values",
		"mqtt.a = ${b}\nc = d\nmqtt { x = [{ y = \"}\" }]\n # }\n }\ne = f\n",
		"-1:mqtt.a\n2:c = d\n-3:mqtt\n6:e = f\n"},
	{"a skipped triple quote", "mqtt.a = \"\"\"b\n}] \" ${c}\"\"\"\"\nd = e\n",
		"-1:mqtt.a\n3:d = e\n"},
	{"skipped inside a block of ours", "log { console { a = ${b} }, level = info }",
		"-1:log.console\n1:log.level = info\n"},
	{"skipped in a section", "[mqtt]\na = [{}]\n[log]\nconsole.b = {c = {}}\nd = e",
		"1:[mqtt]\n-2:mqtt.a\n3:[log]\n-4:log.console.b\n5:d = e\n"},
	{"skipped +=", "mqtt.a += {b = c}\nd = e", "-1:mqtt.a\n2:d = e\n"},
	{"skipped in one line of a block", "a { b = c }\n{ mqtt.x = y, d = e }",
		"1:a.b = c\n-2:mqtt.x\n2:d = e\n"},

	{"no value", "a\nb = c", "!1:a:expected `=` or `{` beh\n2:b = c\n"},
	{"no key", "= a\nb = c", "!1::expected `key = value`,\n2:b = c\n"},
	{"odd key", "a b = c\na$ = b\n\xff = 1\n",
		"!1:a:expected `=` or `{` beh\n!2:a:expected `=` or `{` beh\n"
		"!3::expected `key = value`,\n"},
	{"quoted key with a blank", "\"a b\" = c", "!1:a:a quoted key holds lett\n"},
	{"include", "include \"x.conf\"\ninclude required(file(\"y\"))\na { include \"z\"\n}",
		"!1:include:include is not supporte\n!2:include:include is not supporte\n"
		"!3:a.include:include is not supporte\n"},
	{"substitution", "a = ${b}\nc = x${d}\ne = [${f}]\ng = \"${h}\"",
		"!1:a:substitutions ${...} ar\n!2:c:substitutions ${...} ar\n!3:e:substitutions ${...} ar\n"
		"4:g = \"${h}\"\n"},
	{"+=", "a += b\nc = d", "!1:a:+= is not supported; wr\n2:c = d\n"},
	{"triple quotes", "a = \"\"\"b\"\"\"\nc = d",
		"!1:a:triple quotes are not s\n2:c = d\n"},
	{"open quote", "a = \"b\nc = d\ne = [\"f\n]",
		"!1:a:a quote \" is not closed\n2:c = d\n"
		"!3:e:a quote \" is not closed\n!4::expected `key = value`,\n"},
	{"open list", "a = [b,\nc", "!1:a:a list [ is not closed\n"},
	{"open blocks", "a {\n b {\n c = d",
		"3:a.b.c = d\n!2:a.b:the block that begins h\n"
		"!1:a:the block that begins h\n"},
	{"surplus }", "a = b\n}\nc = d", "1:a = b\n!2::} without a block that \n3:c = d\n"},
	{"text behind }", "a { b = c } d\ne = f",
		"1:a.b = c\n!1:a.b:nothing but a comment m\n2:e = f\n"},
	{"text behind ]", "a = [b] c\n[d] e\n",
		"!1:a:unexpected text behind \n!2:[d]:nothing but a comment m\n"},
	{"blocks in a list", "a = [{b = c}]", "!1:a:blocks inside a list ar\n"},
	{"lists in a list", "a = [[b], [c]]", "!1:a:lists inside a list are\n"},
	{"sections in a block", "a {\n[b]\n}", "!2:[b]:a section can't begin i\n"},
	{"bad sections", "[]\n[a b]\n[a\n[0123456789012345678901234567890123456789012345678]",
		"!1:[]:a section is written [n\n!2:[a]:a section is written [n\n!3:[a]:a section is written [n\n"
		"!4:[0123456789012345678901234567890123456789012345678]:a section is written [n\n"},
	{"deep blocks", "a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{b=1\n}}}}}}}}}}}}}}}}",
		"!1:a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a:blocks are nested too d\n"},
};

START_TEST(test_row)
{
	struct seen s;

	read_all(rows[_i].text, strlen(rows[_i].text), &s);
	ck_assert_msg(!strcmp(s.text, rows[_i].seen), "%s:\n%swanted\n%s", rows[_i].title,
		s.text, rows[_i].seen);
}
END_TEST

/* A value is whole or an error, never half. */
START_TEST(test_long_values)
{
	static char text[BLOCK_VALUE_MAX + 64];
	size_t n = BLOCK_VALUE_MAX - 1;
	struct seen s;

	memcpy(text, "a = ", 4);
	memset(text + 4, 'x', n);
	memcpy(text + 4 + n, "\nb = c\n", 8);
	read_all(text, n + 11, &s);
	ck_assert_ptr_null(strchr(s.text, '!'));
	text[4 + n] = 'x';
	memcpy(text + 5 + n, "\nb = c\n", 8);
	read_all(text, n + 12, &s);
	ck_assert_str_eq(s.text, "!1:a:the value is too long; \n2:b = c\n");
}
END_TEST

START_TEST(test_long_key)
{
	char text[BLOCK_KEY_MAX + 16];
	struct seen s;

	memset(text, 'k', sizeof text);
	memcpy(text + sizeof text - 5, " = 1\n", 5);
	read_all(text, sizeof text, &s);
	ck_assert_ptr_nonnull(strstr(s.text, ":the key is too long"));
	memcpy(text + BLOCK_KEY_MAX - 1, " = 1\n", 5);
	read_all(text, BLOCK_KEY_MAX + 4, &s);
	ck_assert_ptr_null(strchr(s.text, '!'));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("conf_block");
	Suite *s = suite_create("conf_block");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_row, 0, (int)(sizeof rows / sizeof *rows));
	tcase_add_test(t, test_long_values);
	tcase_add_test(t, test_long_key);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
