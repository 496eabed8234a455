#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/emqx_layout.h"

/*
 * What Erlang itself printed (OTP 25, io:format("Cluster status: ~p~n")): a line `> running|stopped`, names parted by
 * blanks, then the text. 1 to 50 names of mixed length, each limit from both sides, names that need escapes.
 */
#define FIXTURE "test/unit/data/emqx_layout.txt"
enum { NAMES_MAX = 128, CASES_MIN = 170 };

static struct emqx_names split(char *s, const char **item)
{
	struct emqx_names names = {item, 0};

	for (char *t = strtok(s, " "); t != NULL; t = strtok(NULL, " ")) {
		ck_assert_uint_lt(names.n, NAMES_MAX);
		item[names.n++] = t;
	}
	return names;
}

static void check_case(char *input, const struct buf *want)
{
	const char *r[NAMES_MAX], *s[NAMES_MAX];
	char *bar = strchr(input, '|');
	struct emqx_names running, stopped;
	struct buf got = {0};

	ck_assert_ptr_nonnull(bar);
	*bar = '\0';
	running = split(input, r);
	stopped = split(bar + 1, s);
	emqx_status(&got, running, stopped);
	ck_assert_msg(got.n == want->n && memcmp(got.p, want->p, want->n) == 0,
		"%zu and %zu names, wanted\n%.*sgot\n%.*s", running.n, stopped.n, (int)want->n,
		(char *)want->p, (int)got.n, (char *)got.p);
	buf_free(&got);
}

START_TEST(test_as_erlang)
{
	FILE *f = fopen(FIXTURE, "r");
	char *line = NULL, *input = NULL;
	size_t cap = 0, cases = 0;
	struct buf want = {0};

	ck_assert_msg(f != NULL, "run from the top of the tree: no %s", FIXTURE);
	for (;;) {
		ssize_t n = getline(&line, &cap, f);

		if (n > 0 && line[0] != '>') {
			buf_put(&want, line, (size_t)n);
			continue;
		}
		if (input != NULL) {
			check_case(input, &want);
			cases++;
		}
		free(input);
		input = NULL;
		want.n = 0;
		if (n <= 0)
			break;
		line[n - 1] = '\0';
		input = strdup(line + 2);
	}
	ck_assert_uint_ge(cases, CASES_MIN);
	fclose(f);
	free(line);
	buf_free(&want);
}
END_TEST

static const struct atom_row {
	const char *name, *atom;
} atoms[] = {
	{"emqx@localhost", "emqx@localhost"},
	{"a_B9@h", "a_B9@h"},
	{"emqx@127.0.0.1", "'emqx@127.0.0.1'"},
	{"Emqx@localhost", "'Emqx@localhost'"},
	{"_a@h", "'_a@h'"},
	{"9a@h", "'9a@h'"},
	{"a-1@h", "'a-1@h'"},
	{"emqx@::1", "'emqx@::1'"},
	{"", "''"},
	{"it's", "'it\\'s'"},
	{"a\\b", "'a\\\\b'"},
	{"\n\t\033\177\001", "'\\n\\t\\e\\d\\001'"},
};

START_TEST(test_atom)
{
	const struct atom_row *row = &atoms[_i];
	struct buf b = {0};

	emqx_atom(&b, row->name);
	buf_put(&b, "", 1);
	ck_assert_str_eq((char *)b.p, row->atom);
	buf_free(&b);
}
END_TEST

/* emqx-facts 3.3, to the byte. */
static const struct json_row {
	struct emqx_names running, stopped;
	const char *json;
} jsons[] = {
	{{(const char *const[]){"emqx@127.0.0.1"}, 1}, {NULL, 0},
		"{\n  \"running_nodes\" : [\n    \"emqx@127.0.0.1\"\n  ],\n"
		"  \"stopped_nodes\" : [\n    \n  ]\n}\n"},
	{{(const char *const[]){"a@h", "b@h"}, 2}, {(const char *const[]){"c@h"}, 1},
		"{\n  \"running_nodes\" : [\n    \"a@h\",\n    \"b@h\"\n  ],\n"
		"  \"stopped_nodes\" : [\n    \"c@h\"\n  ]\n}\n"},
	{{NULL, 0}, {(const char *const[]){"q\"\\\001"}, 1},
		"{\n  \"running_nodes\" : [\n    \n  ],\n"
		"  \"stopped_nodes\" : [\n    \"q\\\"\\\\\\u0001\"\n  ]\n}\n"},
};

START_TEST(test_json)
{
	struct buf b = {0};

	emqx_status_json(&b, jsons[_i].running, jsons[_i].stopped);
	buf_put(&b, "", 1);
	ck_assert_str_eq((char *)b.p, jsons[_i].json);
	buf_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("emqx_layout");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, test_as_erlang);
	tcase_add_loop_test(t, test_atom, 0, (int)(sizeof atoms / sizeof atoms[0]));
	tcase_add_loop_test(t, test_json, 0, (int)(sizeof jsons / sizeof jsons[0]));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
