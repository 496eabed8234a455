/* What a person at a terminal and what a program sees of a copy. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"

static char *shown(struct progress *p, enum progress_how how, uint64_t entries, uint64_t bytes,
	uint64_t now_ms)
{
	struct ctl_progress note = {.text = msg_str("joining"),
		.entries = entries,
		.entries_total = 200,
		.bytes = bytes,
		.bytes_total = 40000000};
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(out);
	progress_show(p, out, how, &note, now_ms);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void expect(char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no %s in %s", part, text);
	free(text);
}

START_TEST(test_bar)
{
	struct progress p = {0};

	free(shown(&p, PROGRESS_BAR, 0, 0, 1000));
	expect(shown(&p, PROGRESS_BAR, 50, 10000000, 3000),
		"joining [#####               ] 25 %  50 of about 200 keys, 10 MB, 5 MB/s");
	/* the totals were too small: the answer tells the end */
	expect(shown(&p, PROGRESS_BAR, 250, 50000000, 5000), "] 99 %");
}
END_TEST

START_TEST(test_json_line)
{
	struct progress p = {0};

	free(shown(&p, PROGRESS_JSON, 0, 0, 1000));
	expect(shown(&p, PROGRESS_JSON, 50, 10000000, 3000),
		"{\"progress\":\"joining\",\"entries\":50,\"entries_total\":200,\"bytes\":10000000,"
		"\"bytes_total\":40000000,\"percent\":25,\"bytes_per_s\":5000000}\n");
}
END_TEST

START_TEST(test_nowhere_to_show_it)
{
	struct progress p = {0};
	char *text = shown(&p, PROGRESS_NONE, 1, 1, 1);

	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

/* A copy that begins anew counts from there. */
START_TEST(test_begun_anew)
{
	struct progress p = {0};

	free(shown(&p, PROGRESS_BAR, 100, 20000000, 1000));
	free(shown(&p, PROGRESS_BAR, 0, 0, 2000));
	expect(shown(&p, PROGRESS_BAR, 10, 2000000, 3000), "2 MB, 2 MB/s");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("progress");
	Suite *s = suite_create("progress");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_bar);
	tcase_add_test(t, test_json_line);
	tcase_add_test(t, test_nowhere_to_show_it);
	tcase_add_test(t, test_begun_anew);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
