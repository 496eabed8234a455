/* Files, conf.d, the environment and --set over each other; files that can't be read, or say too much. */
#include <sys/stat.h>

#include "test/unit/conf_dir.h"

static void find_origin(void *ctx, const struct conf_key *key, const char *full_key,
	const char *value, const char *origin)
{
	char *out = ctx;

	(void)key;
	snprintf(out + strlen(out), 8192 - strlen(out), "%s=%s<%s>\n", full_key, value, origin);
}

START_TEST(test_layers)
{
	static const char *const env[] = {"CLUSTERD_CLUSTER__K8S__SUFFIX=clusterd",
		"EMQX_CLUSTER__K8S__SUFFIX=emqx", "EMQX_CLUSTER__K8S__NAMESPACE=emqx",
		"EMQX_NODE_COOKIE=cookie-of-the-environment", "CLUSTERD_LOG__LEVEL=debug",
		NULL};
	static const char *const set[] = {"log.level=warn", "node.tags.rack=\"r 9\""};
	static char out[8192], want[256];
	struct help h;

	write_file("clusterd.conf",
		"cluster.name = a\nnode.name = n@h\nlog.level = error\n"
		"cluster.k8s.namespace = file\ncluster.k8s.suffix = file\nnode.tags.a = 1\n");
	write_file("20.conf", "not read");
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(mkdir("conf.d", 0700), 0);
	write_file("conf.d/20.conf", "[cluster]\nname = second\n");
	write_file("conf.d/10.conf", "\ncluster.name = first\ncluster.autoheal = false\n");
	write_file("conf.d/.hidden.conf", "rubbish");
	write_file("conf.d/30.conf.dpkg-old", "rubbish");
	h = help_load("clusterd.conf", env, set, 2);
	help_ok(&h);
	ck_assert_uint_eq(h.is.n, 0);
	conf_each(h.l, false, find_origin, out);
	static const char *const line[] = {
		"node.name=n@h<clusterd.conf:2>\n",
		"node.cookie=******<EMQX_NODE_COOKIE>\n",
		"node.role=core<default>\n",
		"node.tags.a=1<clusterd.conf:6>\nnode.tags.rack=r 9<--set>\nnode.dist_port=4370<node.name>\n",
		"cluster.name=second<conf.d/20.conf:2>\n",
		"cluster.autoheal=false<conf.d/10.conf:3>\n",
		"cluster.heartbeat_interval=500ms<cluster.profile>\n",
		"cluster.k8s.namespace=emqx<EMQX_CLUSTER__K8S__NAMESPACE>\n",
		"cluster.k8s.suffix=clusterd<CLUSTERD_CLUSTER__K8S__SUFFIX>\n",
		"log.level=warn<--set>\n",
	};
	for (unsigned i = 0; i < sizeof line / sizeof *line; i++)
		ck_assert_msg(strstr(out, line[i]) != NULL, "%s is not in\n%s", line[i], out);
	out[0] = '\0';
	conf_each(h.l, true, find_origin, out);
	snprintf(want, sizeof want, "node.cookie=cookie-of-the-environment<");
	ck_assert_ptr_nonnull(strstr(out, want));
	help_free(&h);
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(test_bad_file_values_count_even_when_overridden)
{
	static const char *const set[] = {"log.level=warn"};
	struct help h;

	write_file("clusterd.conf", "log.level = loud\n");
	h = help_load(file, NULL, set, 1);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, ":1: log.level = \"loud\"");
	help_free(&h);
}
END_TEST

START_TEST(test_unreadable)
{
	char path[160], big[200];
	struct help h = help_load("/nonexistent/clusterd.conf", NULL, NULL, 0);
	FILE *f;

	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "/nonexistent/clusterd.conf: No such file or directory");
	help_free(&h);
	h = help_load(dir, NULL, NULL, 0);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "is a directory, not a file");
	help_free(&h);
	help_write(file, "a\nb\0c", 5);
	h = help_load(file, NULL, NULL, 0);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "clusterd.conf:2: contains a NUL byte");
	help_free(&h);
	unlink(file);
	ck_assert_int_eq(mkfifo(file, 0600), 0);
	h = help_load(file, NULL, NULL, 0);
	help_want(&h, "is not a regular file");
	help_free(&h);
	unlink(file);
	f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	memset(big, '#', sizeof big);
	big[sizeof big - 1] = '\n';
	for (unsigned i = 0; i < 5300; i++)
		ck_assert_uint_eq(fwrite(big, sizeof big, 1, f), 1);
	fclose(f);
	h = help_load(file, NULL, NULL, 0);
	help_want(&h, "is longer than 1 MiB");
	help_free(&h);
	write_file("clusterd.conf", "");
	snprintf(path, sizeof path, "%s/conf.d", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/conf.d/x.conf", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	h = help_load(file, NULL, NULL, 0);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "conf.d/x.conf: is a directory, not a file");
	help_free(&h);
}
END_TEST

START_TEST(test_long_list)
{
	struct buf b = {0};
	struct help h;

	buf_str(&b, "cluster.static.seeds = [");
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&b, "\"emqx%u@node%u.emqx.example.com\",\n", i, i);
	buf_str(&b, "]\ncluster.name = after\n");
	help_write(file, (const char *)b.p, b.n);
	h = help_load(file, NULL, NULL, 0);
	help_ok(&h);
	ck_assert_uint_eq(h.c->cluster.static_seeds.n, 1000);
	ck_assert_str_eq(h.c->cluster.static_seeds.item[999],
		"emqx999@node999.emqx.example.com");
	ck_assert_str_eq(h.c->cluster.name, "after");
	help_free(&h);
	b.n = 0;
	buf_str(&b, "cluster.name = ");
	for (unsigned i = 0; i < 70000; i++)
		buf_str(&b, "x");
	buf_str(&b, "\nlimits.members = 0\n");
	help_write(file, (const char *)b.p, b.n);
	h = help_load(file, NULL, NULL, 0);
	ck_assert_uint_eq(h.is.n_errors, 2);
	help_want(&h, ":1: cluster.name: the value is too long");
	help_want(&h, ":2: limits.members");
	help_free(&h);
	buf_free(&b);
}
END_TEST

START_TEST(test_issues_are_bounded)
{
	struct buf b = {0};
	struct help h;

	for (unsigned i = 0; i < 1500; i++)
		buf_printf(&b, "foo%u = 1\n", i);
	help_write(file, (const char *)b.p, b.n);
	h = help_load(file, NULL, NULL, 0);
	ck_assert_uint_eq(h.is.n, CONF_ISSUES_MAX);
	ck_assert_uint_eq(h.is.n_errors, 1500);
	help_free(&h);
	buf_free(&b);
}
END_TEST

START_TEST(test_issue_lines_are_clean)
{
	struct conf_issue i = {.where = (char[]){"f\n"},
		.line = 3,
		.key = (char[]){"k\x1b"},
		.value = (char[]){"\x1b[31m\""},
		.text = (char[]){"t\n\" \\"}};
	char out[256], tiny[8];

	ck_assert_str_eq(conf_issue_format(&i, out, sizeof out),
		"f\\n:3: k\\u001b = \"\\u001b[31m\\\"\": t\\n\" \\\\");
	i.value = NULL;
	i.line = 0;
	ck_assert_str_eq(conf_issue_format(&i, out, sizeof out), "f\\n: k\\u001b: t\\n\" \\\\");
	ck_assert_uint_eq(strlen(conf_issue_format(&i, tiny, sizeof tiny)), 7);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("conf_layers");
	Suite *s = suite_create("conf_layers");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_layers);
	tcase_add_test(t, test_bad_file_values_count_even_when_overridden);
	tcase_add_test(t, test_unreadable);
	tcase_add_test(t, test_long_list);
	tcase_add_test(t, test_issues_are_bounded);
	tcase_add_test(t, test_issue_lines_are_clean);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
