#include <unistd.h>

#include "conf_help.h"

/* The snippets of EMQX's page "Create and Manage Cluster", as they stand there, wide blanks included. */
#define SEED "test/fixtures/conf/seed-"

START_TEST(test_manual)
{
	static const char *const file[] = {SEED "manual.conf", SEED "manual-indented.conf"};

	for (int i = 0; i < 2; i++) {
		struct help h = help_load(file[i], NULL, NULL, 0);

		help_ok(&h);
		ck_assert_uint_eq(h.is.n, 0);
		ck_assert_uint_eq(h.c->cluster.discovery, DISCOVERY_MANUAL);
		ck_assert_uint_eq(h.c->cluster.strategies, 0);
		help_free(&h);
	}
}
END_TEST

START_TEST(test_name)
{
	struct help h = help_load(SEED "name.conf", NULL, NULL, 0);

	help_ok(&h);
	ck_assert_str_eq(h.c->node.name, "emqx@s1.emqx.io");
	help_free(&h);
}
END_TEST

START_TEST(test_cookie)
{
	static const char *const none[] = {NULL};
	struct help h = help_load(SEED "cookie.conf", none, NULL, 0);

	help_ok(&h);
	ck_assert_str_eq(h.c->node.cookie, "<a Secret cookie>");
	help_free(&h);
}
END_TEST

START_TEST(test_static)
{
	struct help h = help_load(SEED "static.conf", NULL, NULL, 0);

	help_ok(&h);
	ck_assert_uint_eq(h.c->cluster.discovery, DISCOVERY_AUTO);
	ck_assert_uint_eq(h.c->cluster.strategies, STRATEGY_STATIC);
	ck_assert_str_eq(help_joined(&h.c->cluster.static_seeds),
		"emqx@s1.emqx.io emqx@s2.emqx.io");
	help_free(&h);
}
END_TEST

START_TEST(test_dns)
{
	struct help h = help_load(SEED "dns.conf", NULL, NULL, 0);

	help_ok(&h);
	ck_assert_uint_eq(h.c->cluster.strategies, STRATEGY_DNS);
	ck_assert_str_eq(help_joined(&h.c->cluster.dns.name), "localhost");
	ck_assert_uint_eq(h.c->cluster.dns.record_type, 0);
	help_free(&h);
}
END_TEST

START_TEST(test_etcd)
{
	struct help h = help_load(SEED "etcd.conf", NULL, NULL, 0);

	help_ok(&h);
	ck_assert_uint_eq(h.c->cluster.strategies, STRATEGY_ETCD);
	ck_assert_str_eq(help_joined(&h.c->cluster.etcd.server), "http://127.0.0.1:2379");
	ck_assert_str_eq(h.c->cluster.etcd.prefix, "emqxcl");
	ck_assert_uint_eq(h.c->cluster.etcd.node_ttl_ms, 60000);
	help_free(&h);
}
END_TEST

START_TEST(test_k8s)
{
	struct help h = help_load(SEED "k8s.conf", NULL, NULL, 0);

	help_ok(&h);
	ck_assert_uint_eq(h.c->cluster.strategies, STRATEGY_K8S);
	ck_assert_str_eq(h.c->cluster.k8s.apiserver, "http://10.110.111.204:8080");
	ck_assert_str_eq(h.c->cluster.k8s.service_name, "emqx");
	ck_assert_str_eq(h.c->cluster.k8s.ns, "default");
	ck_assert_str_eq(h.c->cluster.k8s.suffix, "pod.local");
	ck_assert_uint_eq(h.c->cluster.k8s.address_type, 0);
	help_free(&h);
}
END_TEST

/* `-e "NAME=value" \` of docker, or `NAME='value'` of a unit's file, which is left as it is. */
static const char *variable(char *line)
{
	char *from = strchr(line, '"'), *to;

	line[strcspn(line, "\n")] = '\0';
	if (!from)
		return line;
	to = strchr(from + 1, '"');
	ck_assert_ptr_nonnull(to);
	*to = '\0';
	return from + 1;
}

START_TEST(test_environment)
{
	FILE *f = fopen(SEED "environment.txt", "r");
	char line[256];
	unsigned n = 0, n_names = 0, n_seeds = 0, n_strategies = 0;

	ck_assert_ptr_nonnull(f);
	for (; fgets(line, sizeof line, f); n++) {
		const char *env[] = {COOKIE_ENV, variable(line), NULL};
		struct help h = help_load(NULL, env, NULL, 0);

		help_ok(&h);
		n_names += !strncmp(h.c->node.name, "emqx@node", 9) ||
			   !strcmp(h.c->node.name, "emqx@s1.emqx.io");
		n_seeds += !strcmp(help_joined(&h.c->cluster.static_seeds),
			"emqx@node1.emqx.com emqx@node2.emqx.com");
		n_strategies += h.c->cluster.strategies == STRATEGY_STATIC;
		help_free(&h);
	}
	fclose(f);
	ck_assert_uint_eq(n, 17);
	ck_assert_uint_eq(n_names, 9);
	ck_assert_uint_eq(n_seeds, 4);
	ck_assert_uint_eq(n_strategies, 4);
}
END_TEST

/* What EMQX's package and a long life leave in a file: our parts are taken, the others named once each. */
START_TEST(test_whole_emqx_conf)
{
	static const char *const none[] = {NULL};
	struct help h = help_load("test/fixtures/conf/emqx-whole.conf", none, NULL, 0);
	unsigned n_listeners = 0;

	help_ok(&h);
	ck_assert_str_eq(h.c->node.name, "emqx2@10.0.0.2");
	ck_assert_str_eq(h.c->node.cookie, "a cookie # of some length");
	ck_assert_uint_eq(h.c->node.role, 1);
	ck_assert_str_eq(help_joined(&h.c->cluster.static_seeds),
		"emqx1@10.0.0.1 emqx2@10.0.0.2 emqx3@10.0.0.3:4400");
	ck_assert_uint_eq(h.c->cluster.autoclean_ms, 5 * 60 * 1000);
	ck_assert(!h.c->cluster.autoheal);
	ck_assert_uint_eq(h.c->rpc.server_port, 5369);
	for (size_t i = 0; i < h.is.n; i++)
		n_listeners += !strcmp(h.is.item[i].key, "listeners");
	ck_assert_uint_eq(n_listeners, 1);
	help_want(&h, "emqx-whole.conf:4: node.process_limit: belongs to EMQX");
	help_want(&h, "authorization: belongs to EMQX");
	help_want(&h, "log.console: belongs to EMQX");
	help_free(&h);
}
END_TEST

/* The shipped example names every key, with its default where it has one. */
START_TEST(test_example)
{
	struct help h = help_load("conf/clusterd.conf", NULL, NULL, 0);
	FILE *f = fopen("conf/clusterd.conf", "r");
	static char text[65536];
	size_t n;

	help_ok(&h);
	ck_assert_uint_eq(h.is.n, 0);
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	for (size_t i = 0; i < conf_n_keys; i++) {
		char line[256];
		const struct conf_key *k = &conf_key[i];

		snprintf(line, sizeof line, "%s%s", k->name, k->kind == CONF_MAP ? "." : " =");
		ck_assert_msg(strstr(text, line) != NULL, "not in the example: %s", line);
		if (k->def && *k->def) {
			snprintf(line, sizeof line, "%s = %s\n", k->name, k->def);
			ck_assert_msg(strstr(text, line) != NULL, "not in the example: %s",
				line);
		}
	}
	help_free(&h);
}
END_TEST

/* With the # taken away from each key of the example, what it shows is taken too, and is the default. */
START_TEST(test_example_uncommented)
{
	/* whose default depends on who runs the test */
	static const char *const env[] = {COOKIE_ENV, "CLUSTERD_CONTROL__SOCKET=/x", NULL};
	char dir[] = "/tmp/test_conf_XXXXXX", path[64], line[512];
	FILE *in = fopen("conf/clusterd.conf", "r"), *out;
	struct help plain = help_load("conf/clusterd.conf", env, NULL, 0), h;
	struct conf_issues changes = {0};

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/c.conf", dir);
	out = fopen(path, "w");
	ck_assert(in && out);
	while (fgets(line, sizeof line, in))
		fputs(line[0] == '#' && line[1] >= 'a' && line[1] <= 'z' ? line + 1 : line,
			out);
	fclose(in);
	ck_assert_int_eq(fclose(out), 0);
	h = help_load(path, env, NULL, 0);
	unlink(path);
	rmdir(dir);
	help_ok(&h);
	ck_assert_uint_eq(h.is.n, 1);
	help_want(&h, "rpc.server_port = \"5369\": has no effect");
	/* tags, seeds, etcd's server and a policy have examples in place of defaults */
	ck_assert_uint_eq(conf_diff(plain.l, h.l, &changes), 4);
	ck_assert_uint_eq(changes.n, 0);
	help_free(&plain);
	help_free(&h);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("conf_seed");
	Suite *s = suite_create("conf_seed");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_manual);
	tcase_add_test(t, test_name);
	tcase_add_test(t, test_cookie);
	tcase_add_test(t, test_static);
	tcase_add_test(t, test_dns);
	tcase_add_test(t, test_etcd);
	tcase_add_test(t, test_k8s);
	tcase_add_test(t, test_environment);
	tcase_add_test(t, test_whole_emqx_conf);
	tcase_add_test(t, test_example);
	tcase_add_test(t, test_example_uncommented);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
