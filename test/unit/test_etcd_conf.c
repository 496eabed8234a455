#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "workers/etcd/etcd_conf.h"
#include "workers/etcd/etcd_explain.h"

static const struct {
	const char *text;
	bool tls;
	const char *url; /* NULL: refused */
} urls[] = {
	{"http://127.0.0.1:2379", false, "http://127.0.0.1:2379"},
	{"HTTPS://e1.example:2379/", false, "https://e1.example:2379"},
	{"e1", false, "http://e1:2379"},
	{"e1:4001", false, "http://e1:4001"},
	{"e1:4001", true, "https://e1:4001"},
	{"http://e1:4001", true, "https://e1:4001"},
	{"https://[fd00::1]:2379", false, "https://[fd00::1]:2379"},
	{"[::1]", false, "http://[::1]:2379"},
	{"", false, NULL},
	{"http://", false, NULL},
	{"http://e1:0", false, NULL},
	{"http://e1:65536", false, NULL},
	{"http://e1:x", false, NULL},
	{"http://e1:2379/v3", false, NULL},
	{"http://user@e1:2379", false, NULL},
	{"http://[::1", false, NULL},
	{"ftp://e1", false, NULL},
};

START_TEST(test_url)
{
	char *url = etcd_server_url(urls[_i].text, urls[_i].tls);

	if (urls[_i].url == NULL)
		ck_assert_msg(url == NULL, "%s became %s", urls[_i].text, url);
	else
		ck_assert_str_eq(url, urls[_i].url);
	free(url);
}
END_TEST

static char empty[] = "";

static struct conf base(char **servers, size_t n)
{
	struct conf c = {.node = {.advertise = empty}};

	c.cluster.name = (char *)(uintptr_t) "emqxcl";
	c.cluster.etcd.prefix = (char *)(uintptr_t) "emqxcl";
	c.cluster.etcd.server.item = servers;
	c.cluster.etcd.server.n = n;
	c.cluster.etcd.username = c.cluster.etcd.password = empty;
	c.cluster.etcd.ssl.cacertfile = c.cluster.etcd.ssl.certfile = empty;
	c.cluster.etcd.ssl.keyfile = c.cluster.etcd.ssl.server_name_indication = empty;
	c.cluster.etcd.node_ttl_ms = 60000;
	return c;
}

static char one_server[] = "127.0.0.1";
static char *one[] = {one_server};

static const struct {
	const char *prefix, *node, *advertise;
	uint64_t dist_port;
	const char *key, *value;
} keys[] = {
	{"emqxcl", "emqx@s1.emqx.io", "", 0, "/emqxcl/emqxcl/nodes/emqx@s1.emqx.io",
		"emqx@s1.emqx.io"},
	{"/a/b/", "emqx2@h", "", 4372, "/a/b/emqxcl/nodes/emqx2@h", "emqx2@h"},
	{"", "emqx@h", "", 4400, "/emqxcl/nodes/emqx@h", "emqx@h:4400"},
	{"p", "emqx@::1", "", 4400, "/p/emqxcl/nodes/emqx@::1", "emqx@[::1]:4400"},
	{"p", "emqx@h", "out.example:14370:15370", 4400, "/p/emqxcl/nodes/emqx@h",
		"emqx@h:14370"},
	{"p", "emqx@h", "[fd00::1]:14370", 0, "/p/emqxcl/nodes/emqx@h", "emqx@h:14370"},
	{"p", "emqx@h", "out.example", 4370, "/p/emqxcl/nodes/emqx@h", "emqx@h"},
};

START_TEST(test_keys)
{
	struct conf c = base(one, 1);
	struct etcd_conf e;
	const char *why = NULL;

	c.cluster.etcd.prefix = (char *)(uintptr_t)keys[_i].prefix;
	c.node.advertise = (char *)(uintptr_t)keys[_i].advertise;
	c.node.dist_port = keys[_i].dist_port;
	ck_assert_int_eq(etcd_conf_init(&e, &c, keys[_i].node, &why), 0);
	ck_assert_str_eq(e.key, keys[_i].key);
	ck_assert_str_eq(e.value, keys[_i].value);
	ck_assert_int_lt(strcmp(e.prefix, e.key), 0);
	ck_assert_int_gt(strcmp(e.prefix_end, e.key), 0);
	etcd_conf_fini(&e);
}
END_TEST

static const uint64_t ttls[][2] = {{60000, 59}, {5000, 4}, {4000, 4}, {4500, 4}, {1000, 2},
	{2000, 2}, {86400000, 86399}};

START_TEST(test_ttl)
{
	struct conf c = base(one, 1);
	struct etcd_conf e;
	const char *why;

	c.cluster.etcd.node_ttl_ms = ttls[_i][0];
	ck_assert_int_eq(etcd_conf_init(&e, &c, "emqx@h", &why), 0);
	ck_assert_uint_eq(e.ttl_s, ttls[_i][1]);
	etcd_conf_fini(&e);
}
END_TEST

START_TEST(test_refused)
{
	char bad[] = "http://e1:99999";
	char *servers[] = {one_server, bad};
	struct conf c = base(servers, 2);
	struct etcd_conf e;
	const char *why = NULL;

	ck_assert_int_lt(etcd_conf_init(&e, &c, "emqx@h", &why), 0);
	ck_assert_ptr_nonnull(strstr(why, "cluster.etcd.server"));
	c = base(servers, 0);
	ck_assert_int_lt(etcd_conf_init(&e, &c, "emqx@h", &why), 0);
}
END_TEST

START_TEST(test_equal)
{
	struct conf c = base(one, 1);
	struct etcd_conf a, b;
	const char *why;

	ck_assert_int_eq(etcd_conf_init(&a, &c, "emqx@h", &why), 0);
	ck_assert_int_eq(etcd_conf_init(&b, &c, "emqx@h", &why), 0);
	ck_assert(etcd_conf_equal(&a, &b));
	etcd_conf_fini(&b);
	c.cluster.etcd.password = (char *)(uintptr_t) "new";
	ck_assert_int_eq(etcd_conf_init(&b, &c, "emqx@h", &why), 0);
	ck_assert(!etcd_conf_equal(&a, &b));
	etcd_conf_fini(&b);
	etcd_conf_fini(&a);
}
END_TEST

static const struct {
	const char *body, *text;
} refusals[] = {
	{"{\"error\":\"etcdserver: permission denied\",\"code\":7}",
		"HTTP 403: etcdserver: permission denied; etcdctl role grant-permission ROLE readwrite "
		"--prefix=true /emqxcl/emqxcl/nodes/"},
	{"{\"error\":\"etcdserver: user name is empty\",\"code\":3}",
		"HTTP 403: etcdserver: user name is empty; etcd wants a user: set cluster.etcd.username "
		"and cluster.etcd.password"},
	{"404 page not found\n", "HTTP 403: 404 page not found"},
};

START_TEST(test_explain)
{
	struct conf c = base(one, 1);
	struct etcd_conf e;
	char out[ETCD_EXPLAIN_MAX];
	const char *why;

	ck_assert_int_eq(etcd_conf_init(&e, &c, "emqx@h", &why), 0);
	ck_assert_str_eq(etcd_explain(&e, 403, refusals[_i].body, strlen(refusals[_i].body),
				 out),
		refusals[_i].text);
	etcd_conf_fini(&e);
}
END_TEST

#define LOOP(t, test, table) \
	tcase_add_loop_test(t, test, 0, (int)(sizeof(table) / sizeof *(table)))

int main(void)
{
	TCase *t = tcase_create("etcd_conf");
	Suite *s = suite_create("etcd_conf");
	SRunner *r;
	int failed;

	LOOP(t, test_url, urls);
	LOOP(t, test_keys, keys);
	LOOP(t, test_ttl, ttls);
	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_equal);
	LOOP(t, test_explain, refusals);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
