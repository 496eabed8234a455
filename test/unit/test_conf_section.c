#include "conf_help.h"

static const char *const full[] = {
	"EMQX_NODE_COOKIE=the-cookie-of-all \\ \\n",
	"CLUSTERD_NODE__NAME=emqx3@h",
	"CLUSTERD_NODE__TAGS__RACK=r 1",
	"CLUSTERD_NODE__TAGS__A=",
	"CLUSTERD_CLUSTER__DISCOVERY_STRATEGY=[static, etcd]",
	"CLUSTERD_CLUSTER__STATIC__SEEDS=a@h,b@[::1]:1",
	"CLUSTERD_CLUSTER__ETCD__SERVER=http://h:1",
	"CLUSTERD_CLUSTER__ETCD__PASSWORD=the-password",
	"CLUSTERD_CLUSTER__PROFILE=wan",
	NULL,
};

static char *section_of(const struct help *h, unsigned role)
{
	struct buf b = {0};

	conf_section(h->l, role, &b);
	buf_put(&b, "", 1);
	return (char *)b.p;
}

static const unsigned roles[] = {CONF_FOR_SUPERVISOR, CONF_FOR_MEMBERSHIP, CONF_FOR_STATIC,
	CONF_FOR_DNS, CONF_FOR_ETCD, CONF_FOR_K8S, CONF_FOR_HTTP};

START_TEST(test_round_trip)
{
	struct help h = help_load(NULL, full, NULL, 0);
	char *text = section_of(&h, roles[_i]);
	struct conf_loaded *l = conf_section_parse(text, strlen(text));
	struct help child = {.l = l};
	char *again;

	help_ok(&h);
	ck_assert_ptr_nonnull(l);
	again = section_of(&child, CONF_FOR_ALL);
	ck_assert_str_eq(again, text);
	ck_assert_str_eq(conf_values(l)->node.name, "emqx3@h");
	free(again);
	free(text);
	conf_loaded_free(l);
	help_free(&h);
}
END_TEST

START_TEST(test_who_sees_what)
{
	struct help h = help_load(NULL, full, NULL, 0);

	help_ok(&h);
	for (unsigned i = 0; i < sizeof roles / sizeof *roles; i++) {
		unsigned role = roles[i];
		char *text = section_of(&h, role);
		bool sees_all = role == CONF_FOR_SUPERVISOR;

		ck_assert_int_eq(strstr(text, "the-cookie") != NULL,
			sees_all || role == CONF_FOR_MEMBERSHIP);
		ck_assert_int_eq(strstr(text, "the-password") != NULL,
			sees_all || role == CONF_FOR_ETCD);
		ck_assert_int_eq(strstr(text, "cluster.static.seeds=") != NULL,
			sees_all || role == CONF_FOR_STATIC);
		ck_assert_int_eq(strstr(text, "cluster.k8s.") != NULL,
			sees_all || role == CONF_FOR_K8S);
		ck_assert_int_eq(strstr(text, "cluster.dns.") != NULL,
			sees_all || role == CONF_FOR_DNS);
		ck_assert_ptr_nonnull(strstr(text, "log.level=info\n"));
		free(text);
	}
	help_free(&h);
}
END_TEST

START_TEST(test_values_in_a_child)
{
	struct help h = help_load(NULL, full, NULL, 0);
	char *text = section_of(&h, CONF_FOR_MEMBERSHIP);
	struct conf_loaded *l = conf_section_parse(text, strlen(text));
	const struct conf *c = conf_values(l);

	ck_assert_str_eq(c->node.cookie, "the-cookie-of-all \\ \\n");
	ck_assert_uint_eq(c->node.tags.n, 2);
	ck_assert_str_eq(c->node.tags.item[1].value, "r 1");
	ck_assert_uint_eq(c->node.dist_port, 4373);
	ck_assert_uint_eq(c->rpc.server_port, 5373);
	ck_assert_uint_eq(c->cluster.heartbeat_interval_ms, 2000);
	ck_assert_uint_eq(c->cluster.discovery, DISCOVERY_AUTO);
	ck_assert_uint_eq(c->cluster.strategies, STRATEGY_STATIC | STRATEGY_ETCD);
	/* not its business */
	ck_assert_str_eq(c->cluster.etcd.password, "");
	ck_assert_uint_eq(c->cluster.static_seeds.n, 0);
	ck_assert_uint_eq(c->supervisor.restart_max_ms, 0);
	free(text);
	conf_loaded_free(l);
	help_free(&h);
}
END_TEST

#define TEXT(s) s, sizeof s - 1
static const struct {
	const char *text;
	size_t n;
	bool ok;
} texts[] = {
	{TEXT(""), true},
	{TEXT("node.name=a@h\n"), true},
	{TEXT("cluster.link_timeout=2500ms\n"), true},
	{TEXT("node.name=a@h"), false},
	{TEXT("\n"), false},
	{TEXT("node.name\n"), false},
	{TEXT("node.name=a\n"), false},
	{TEXT("node.name=a@h\nnode.name=a@h\n"), false},
	{TEXT("node.tags.a=1\nnode.tags.a=1\n"), false},
	{TEXT("node.tags.a b=1\n"), false},
	{TEXT("node.nmae=a@h\n"), false},
	{TEXT("Node.name=a@h\n"), false},
	{TEXT("rpc.tcp_server_port=1\n"), false},
	{TEXT("cluster.link_timeout=2.5s\n"), false},
	{TEXT("cluster.autoheal=on\n"), false},
	{TEXT("node.role=replicant\n"), false},
	{TEXT("node.cookie=a\\\\b\n"), true},
	{TEXT("node.cookie=a\\nb\n"), false},
	{TEXT("node.cookie=a\\tb\n"), false},
	{TEXT("node.cookie=a\\\n"), false},
	{TEXT("node.name=a@h\0x\n"), false},
	{TEXT("limits.members=70000\n"), false},
};

START_TEST(test_only_what_was_written)
{
	struct conf_loaded *l = conf_section_parse(texts[_i].text, texts[_i].n);

	ck_assert_msg((l != NULL) == texts[_i].ok, "%s", texts[_i].text);
	conf_loaded_free(l);
}
END_TEST

/* ---- reload */

static struct help load_set(const char *a, const char *b)
{
	const char *set[] = {a, b};

	return help_load(NULL, NULL, set, (size_t)(a != NULL) + (b != NULL));
}

static const struct {
	const char *a, *b;
	size_t n_hot, n_fixed, n_stamped;
	const char *said;
} diffs[] = {
	{NULL, NULL, 0, 0, 0, NULL},
	{"log.level=debug", NULL, 1, 0, 0, NULL},
	{"cluster.static.seeds=a@h", "log.level=debug", 2, 0, 0, NULL},
	{"node.tags.a=1", "node.tags.b=1", 1, 0, 0, NULL},
	{"cluster.profile=fast", NULL, 3, 0, 0, NULL},
	{"cluster.autoclean=86400", "log.format=LOGFMT", 0, 0, 0, NULL},
	{"cluster.proto_dist=inet6_tcp", NULL, 0, 1, 0,
		"--set: cluster.proto_dist = \"inet6_tcp\": can't change while clusterd runs (it is inet_tcp); restart"},
	{"cluster.name=other", "log.level=debug", 1, 1, 1,
		"(it is emqxcl); it is stamped into the data directory"},
	{"node.name=a7@h", NULL, 0, 3, 1, "node.name: node.dist_port = \"4377\": can't change"},
};

START_TEST(test_diff)
{
	struct help old = help_load(NULL, NULL, NULL, 0),
		    h = load_set(diffs[_i].a, diffs[_i].b);
	struct help found = {0};

	ck_assert_uint_eq(conf_diff(old.l, h.l, &found.is), diffs[_i].n_hot);
	ck_assert_uint_eq(found.is.n_errors, diffs[_i].n_fixed);
	if (diffs[_i].said)
		help_want(&found, diffs[_i].said);
	conf_issues_free(&found.is);
	/* and back, with what was removed */
	ck_assert_uint_eq(conf_diff(h.l, old.l, &found.is), diffs[_i].n_hot);
	ck_assert_uint_eq(found.is.n_errors, diffs[_i].n_fixed);
	conf_issues_free(&found.is);
	/* a restart changes all but what is stamped */
	conf_diff_stamped(old.l, h.l, &found.is);
	ck_assert_uint_eq(found.is.n_errors, diffs[_i].n_stamped);
	help_free(&old);
	help_free(&h);
	conf_issues_free(&found.is);
}
END_TEST

START_TEST(test_diff_hides_secrets)
{
	static const char *const env[] = {"EMQX_NODE_COOKIE=another-cookie-of-the-tests", NULL};
	struct help old = help_load(NULL, NULL, NULL, 0), h = help_load(NULL, env, NULL, 0);
	struct help found = {0};

	ck_assert_uint_eq(conf_diff(old.l, h.l, &found.is), 0);
	help_want(&found,
		"EMQX_NODE_COOKIE: node.cookie = \"******\": can't change while clusterd runs (it is ******)");
	ck_assert_ptr_null(help_find(&found, "cookie-of"));
	conf_issues_free(&found.is);
	help_free(&old);
	help_free(&h);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("conf_section");
	Suite *s = suite_create("conf_section");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_round_trip, 0, (int)(sizeof roles / sizeof *roles));
	tcase_add_test(t, test_who_sees_what);
	tcase_add_test(t, test_values_in_a_child);
	tcase_add_loop_test(t, test_only_what_was_written, 0,
		(int)(sizeof texts / sizeof *texts));
	tcase_add_loop_test(t, test_diff, 0, (int)(sizeof diffs / sizeof *diffs));
	tcase_add_test(t, test_diff_hides_secrets);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
