#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

enum { ARGV_MAX = 8 };

static int parse(const char *const *argv, struct cli_args *out, char *why, size_t cap)
{
	char *copy[ARGV_MAX + 1] = {NULL};
	int argc = 0;

	for (; argv[argc] != NULL; argc++)
		memcpy(&copy[argc], &argv[argc], sizeof copy[argc]);
	return cli_args_parse(argc, copy, out, why, cap);
}

static const struct good_row {
	const char *argv[ARGV_MAX];
	unsigned given;
	const char *socket;
	uint64_t timeout_ms, ban_ms, since;
	const char *word[3];
} good[] = {
	{{"x", "status"}, 0, NULL, 15000, 0, 0, {"status"}},
	{{"x", "--json", "status"}, OPT_JSON, NULL, 15000, 0, 0, {"status"}},
	{{"x", "status", "--json"}, OPT_JSON, NULL, 15000, 0, 0, {"status"}},
	{{"x", "--socket", "/a b", "status"}, OPT_SOCKET, "/a b", 15000, 0, 0, {"status"}},
	{{"x", "--socket=/s=1", "status"}, OPT_SOCKET, "/s=1", 15000, 0, 0, {"status"}},
	{{"x", "--timeout", "2", "status"}, OPT_TIMEOUT, NULL, 2000, 0, 0, {"status"}},
	{{"x", "--timeout=500ms", "status"}, OPT_TIMEOUT, NULL, 500, 0, 0, {"status"}},
	{{"x", "cluster", "force-leave", "a@h", "--ban", "1h"}, OPT_BAN, NULL, 15000, 3600000,
		0, {"cluster", "force-leave", "a@h"}},
	{{"x", "events", "--since", "18446744073709551615", "--follow"}, OPT_SINCE | OPT_FOLLOW,
		NULL, 15000, 0, UINT64_MAX, {"events"}},
	{{"x", "-h"}, OPT_HELP, NULL, 15000, 0, 0, {NULL}},
	{{"x", "tag", "--", "--json"}, 0, NULL, 15000, 0, 0, {"tag", "--json"}},
	{{"x", "-"}, 0, NULL, 15000, 0, 0, {"-"}},
};

START_TEST(test_good)
{
	const struct good_row *row = &good[_i];
	struct cli_args a;
	char why[128] = "";
	int n = 0;

	ck_assert_msg(parse(row->argv, &a, why, sizeof why) == 0, "row %d: %s", _i, why);
	ck_assert_uint_eq(a.given, row->given);
	ck_assert_uint_eq(a.timeout_ms, row->timeout_ms);
	ck_assert_uint_eq(a.ban_ms, row->ban_ms);
	ck_assert_uint_eq(a.since, row->since);
	if (row->socket != NULL)
		ck_assert_str_eq(a.socket, row->socket);
	else
		ck_assert_ptr_null(a.socket);
	for (; n < 3 && row->word[n] != NULL; n++)
		ck_assert_str_eq(a.word[n], row->word[n]);
	ck_assert_int_eq(a.n_words, n);
}
END_TEST

static const struct bad_row {
	const char *argv[ARGV_MAX], *why;
} bad[] = {
	{{"x", "--colour"}, "unknown option --colour"},
	{{"x", "--jsonx"}, "unknown option --jsonx"},
	{{"x", "--js"}, "unknown option --js"},
	{{"x", "-v"}, "unknown option -v"},
	{{"x", "--json=yes"}, "option --json takes no value"},
	{{"x", "--socket"}, "option --socket needs a value (PATH)"},
	{{"x", "--socket="}, "option --socket: not a valid PATH: "},
	{{"x", "--timeout", "soon"}, "option --timeout: not a valid DURATION: soon"},
	{{"x", "--timeout", "0"}, "option --timeout: not a valid DURATION: 0"},
	{{"x", "--since", "-1"}, "option --since: not a valid N: -1"},
	{{"x", "--since", "3x"}, "option --since: not a valid N: 3x"},
	{{"x", "--since", "18446744073709551616"},
		"option --since: not a valid N: 18446744073709551616"},
	{{"x", "--ban", "1y"}, "option --ban: not a valid DURATION: 1y"},
};

START_TEST(test_bad)
{
	struct cli_args a;
	char why[128] = "";

	ck_assert_int_eq(parse(bad[_i].argv, &a, why, sizeof why), -EINVAL);
	ck_assert_str_eq(why, bad[_i].why);
}
END_TEST

START_TEST(test_too_many_words)
{
	char word[] = "w", *argv[CLI_WORDS_MAX + 2];
	struct cli_args a;
	char why[128] = "";

	for (size_t i = 0; i < CLI_WORDS_MAX + 2; i++)
		argv[i] = word;
	ck_assert_int_eq(cli_args_parse(CLI_WORDS_MAX + 1, argv, &a, why, sizeof why), 0);
	ck_assert_int_eq(cli_args_parse(CLI_WORDS_MAX + 2, argv, &a, why, sizeof why), -EINVAL);
}
END_TEST

/* --- the table of commands --- */

START_TEST(test_table)
{
	const struct command *cmd = &commands[_i];
	const char *word[4];
	char words[64];
	int n = 0, n_words;

	ck_assert_uint_lt(strlen(cmd->words), sizeof words);
	strcpy(words, cmd->words);
	for (char *t = strtok(words, " "); t != NULL; t = strtok(NULL, " "))
		word[n++] = t;
	ck_assert_ptr_eq(command_find(word, n, &n_words), cmd);
	ck_assert_int_eq(n_words, n);
	ck_assert_int_le(cmd->min_args, cmd->max_args);
	ck_assert_int_eq(*cmd->args == '\0', cmd->max_args == 0);
	ck_assert_int_eq(*cmd->args == '[', cmd->min_args == 0 && cmd->max_args > 0);
	ck_assert_uint_eq(cmd->options & OPT_GLOBAL, 0);
	ck_assert(cmd->help[strlen(cmd->help) - 1] == '.');
	ck_assert(cmd->run != NULL);
}
END_TEST

static const struct find_row {
	const char *word[4];
	int n;
	const char *words; /* NULL: none */
} finds[] = {
	{{"workers"}, 1, "workers"},
	{{"workers", "restart", "static"}, 3, "workers restart"},
	{{"workers", "other"}, 2, "workers"},
	{{"cluster"}, 1, NULL},
	{{"cluster", "discovery"}, 2, NULL},
	{{"cluster", "status", "x"}, 3, "cluster status"},
	{{"clusterstatus"}, 1, NULL},
	{{"cluster status"}, 1, NULL},
	{{"stat"}, 1, NULL},
	{{NULL}, 0, NULL},
};

START_TEST(test_find)
{
	int n_words;
	const struct command *cmd = command_find(finds[_i].word, finds[_i].n, &n_words);

	if (finds[_i].words == NULL)
		ck_assert_ptr_null(cmd);
	else
		ck_assert_str_eq(cmd->words, finds[_i].words);
}
END_TEST

#define N_ROWS(a) (int)(sizeof(a) / sizeof(a)[0])

int main(void)
{
	Suite *s = suite_create("command_line");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, test_good, 0, N_ROWS(good));
	tcase_add_loop_test(t, test_bad, 0, N_ROWS(bad));
	tcase_add_test(t, test_too_many_words);
	tcase_add_loop_test(t, test_table, 0, (int)n_commands);
	tcase_add_loop_test(t, test_find, 0, N_ROWS(finds));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
