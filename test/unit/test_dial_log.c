#include "membership/dial_log.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an operator is told of dials that fail: standing trouble only, and no longer than it stands. */

static unsigned n_shown;
static char shown[256];

static void on_failed(void *ctx, const char *host, uint16_t port, enum core_loss loss,
	const char *reason)
{
	(void)ctx;
	(void)loss;
	n_shown++;
	snprintf(shown, sizeof shown, "%s %u %s", host, port, reason);
}

static const struct {
	const char *title;
	enum core_loss loss;
	unsigned tries, shown;
} rows[] = {
	{"a try or two of an operator's own", CORE_LOSS_AUTH, 2, 0},
	{"the third with a wrong cookie", CORE_LOSS_AUTH, 3, 1},
	{"a name that does not resolve", CORE_LOSS_RESOLVE, 5, 1},
	{"no route", CORE_LOSS_ERROR, 3, 1},
	{"a node that is off", CORE_LOSS_REFUSED, 9, 0},
	{"a host that is off", CORE_LOSS_TIMEOUT, 9, 0},
	{"a candidate that is this node", CORE_LOSS_SELF, 9, 0},
};

START_TEST(test_row)
{
	struct dial_log *d = dial_log_new();

	n_shown = 0;
	for (unsigned i = 0; i < rows[_i].tries; i++)
		dial_log_failed(d, "10.0.0.9", 4370, rows[_i].loss, "because");
	dial_log_each(d, on_failed, NULL);
	ck_assert_msg(n_shown == rows[_i].shown, "%s", rows[_i].title);
	if (n_shown > 0)
		ck_assert_str_eq(shown, "10.0.0.9 4370 because");
	dial_log_free(d);
}
END_TEST

/* Success ends it, at that address only; another reason begins anew. */
START_TEST(test_ends)
{
	struct dial_log *d = dial_log_new();

	n_shown = 0;
	for (int i = 0; i < 3; i++)
		dial_log_failed(d, "10.0.0.9", 4370, CORE_LOSS_AUTH, "because");
	dial_log_ok(d, "10.0.0.9", 4371);
	dial_log_each(d, on_failed, NULL);
	ck_assert_uint_eq(n_shown, 1);
	dial_log_failed(d, "10.0.0.9", 4370, CORE_LOSS_RESOLVE, "otherwise");
	dial_log_each(d, on_failed, NULL);
	ck_assert_uint_eq(n_shown, 1);
	for (int i = 0; i < 3; i++)
		dial_log_failed(d, "10.0.0.9", 4370, CORE_LOSS_AUTH, "because");
	dial_log_ok(d, "10.0.0.9", 4370);
	dial_log_each(d, on_failed, NULL);
	ck_assert_uint_eq(n_shown, 1);
	dial_log_free(d);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dial_log");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, test_row, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(tc, test_ends);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
