#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_help.h"

static struct help load_env(const char *a, const char *b)
{
	const char *env[] = {COOKIE_ENV, a, b, NULL};

	return help_load(NULL, env, NULL, 0);
}

/* Every spelling of two seeds that EMQX takes, in the environment. */
static const char *const two_seeds[] = {
	"[a@h,b@h]",
	"[\"a@h\",\"b@h\"]",
	"a@h,b@h",
	"\"a@h, b@h\"",
	"a@h b@h",
	"'a@h,b@h'",
	"'[\"a@h\", \"b@h\"]'",
};

START_TEST(test_seeds)
{
	static const char *const prefix[] = {"EMQX_", "CLUSTERD_"};

	for (unsigned i = 0; i < 2; i++) {
		char var[128];
		struct help h;

		snprintf(var, sizeof var, "%sCLUSTER__STATIC__SEEDS=%s", prefix[i],
			two_seeds[_i]);
		h = load_env(var, NULL);
		help_ok(&h);
		ck_assert_str_eq(help_joined(&h.c->cluster.static_seeds), "a@h b@h");
		help_free(&h);
	}
}
END_TEST

START_TEST(test_indexes)
{
	struct help h = load_env("EMQX_CLUSTER__STATIC__SEEDS__2=b@h",
		"EMQX_CLUSTER__STATIC__SEEDS__1=\"a@h\"");

	help_ok(&h);
	ck_assert_str_eq(help_joined(&h.c->cluster.static_seeds), "a@h b@h");
	help_free(&h);
	h = load_env("CLUSTERD_CLUSTER__STATIC__SEEDS=x@h,y@h,z@h",
		"CLUSTERD_CLUSTER__STATIC__SEEDS__2=b@[::1]:4400");
	help_ok(&h);
	ck_assert_str_eq(help_joined(&h.c->cluster.static_seeds), "x@h b@[::1]:4400 z@h");
	help_free(&h);
	h = load_env("CLUSTERD_CLUSTER__STATIC__SEEDS__2=b@h", NULL);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h,
		"CLUSTERD_CLUSTER__STATIC__SEEDS__2: cluster.static.seeds = \"b@h\": there is no item "
		"before this one");
	help_free(&h);
	h = load_env("CLUSTERD_CLUSTER__STATIC__SEEDS__1=a@h,b@h", NULL);
	help_want(&h, "one item only");
	help_free(&h);
	h = load_env("CLUSTERD_CLUSTER__STATIC__SEEDS__1=", NULL);
	help_want(&h, "one item only");
	help_free(&h);
	h = load_env("CLUSTERD_CLUSTER__STATIC__SEEDS__1=\"a", NULL);
	help_want(&h, "`\"a` is not allowed");
	help_free(&h);
	h = load_env("CLUSTERD_CLUSTER__STATIC__SEEDS__0=a@h", NULL);
	help_want(&h, "cluster.static.seeds.0: unknown key");
	help_free(&h);
}
END_TEST

static const struct {
	const char *a, *b, *name; /* of the cluster and node, joined by a blank */
} names[] = {
	{"EMQX_NODE__NAME=a@h", "EMQX_CLUSTER__NAME=x", "x a@h"},
	{"EMQX_NODE_NAME=a@h", "EMQX_NODE__NAME=b@h", "emqxcl a@h"},
	{"EMQX_NODE__NAME=b@h", "EMQX_NODE_NAME=a@h", "emqxcl a@h"},
	{"CLUSTERD_NODE__NAME=a@h", "EMQX_NODE_NAME=b@h", "emqxcl a@h"},
	{"CLUSTERD_NODE_NAME='a@h'", NULL, "emqxcl a@h"},
	{"EMQX_NODE__NAME=\"a@h\"", NULL, "emqxcl a@h"},
	{"EMQX___NODE____NAME__=a@h", NULL, "emqxcl a@h"},
	{"NODE__NAME=b@h", "XEMQX_NODE__NAME=b@h", "emqxcl emqx@127.0.0.1"},
	{"EMQX_", "CLUSTERD_=x", "emqxcl emqx@127.0.0.1"},
};

START_TEST(test_names)
{
	struct help h = load_env(names[_i].a, names[_i].b);
	char both[128];

	help_ok(&h);
	snprintf(both, sizeof both, "%s %s", h.c->cluster.name, h.c->node.name);
	ck_assert_str_eq(both, names[_i].name);
	help_free(&h);
}
END_TEST

static const struct {
	const char *var, *said; /* said NULL: nothing */
	enum conf_severity severity;
} told[] = {
	{"EMQX_HOST=x", NULL, 0},
	{"EMQX_NAME=x", NULL, 0},
	{"CLUSTERD_SOCKET=/x", NULL, 0},
	{"EMQX_LISTENERS__TCP__DEFAULT__BIND=1883", NULL, 0},
	{"EMQX_LOG__CONSOLE__LEVEL=debug", NULL, 0},
	{"EMQX_NODE__PROCESS_LIMIT=1", NULL, 0},
	{"EMQX_CLUSTER__NMAE=x",
		"EMQX_CLUSTER__NMAE: cluster.nmae: unknown key; did you mean cluster.name?",
		CONF_WARNING},
	{"CLUSTERD_CLUSTER__NMAE=x", "CLUSTERD_CLUSTER__NMAE: cluster.nmae: unknown key",
		CONF_ERROR},
	{"CLUSTERD_CLUSTER=x", NULL, 0},
	{"CLUSTERD_CLUSTER__=x", NULL, 0},
	{"CLUSTERD_NODE__TAGS=x", "node.tags.NAME = value", CONF_ERROR},
	{"CLUSTERD_LOG__LEVEL=loud",
		"CLUSTERD_LOG__LEVEL: log.level = \"loud\": allowed: error, warn", CONF_ERROR},
	{"EMQX_CLUSTER__AUTOHEAL=",
		"EMQX_CLUSTER__AUTOHEAL: cluster.autoheal = \"\": allowed: true", CONF_ERROR},
	{"CLUSTERD_NODE__TAGS__A__B=1", NULL, 0},
	{"CLUSTERD_LIMITS__MEMBERS__1=5", "limits.members.1: unknown key", CONF_ERROR},
};

START_TEST(test_told)
{
	struct help h = load_env(told[_i].var, NULL);

	if (!told[_i].said) {
		help_print(&h);
		ck_assert_uint_eq(h.is.n, 0);
	} else {
		help_want(&h, told[_i].said);
		ck_assert_uint_eq(h.is.n, 1);
		ck_assert_int_eq(h.is.item[0].severity, told[_i].severity);
	}
	help_free(&h);
}
END_TEST

START_TEST(test_tags_and_raw_values)
{
	struct help h = load_env("CLUSTERD_NODE__TAGS__RACK=\"r 1",
		"EMQX_CLUSTER__ETCD__PASSWORD=\"x\" y");

	help_ok(&h);
	ck_assert_str_eq(h.c->node.tags.item[0].key, "rack");
	ck_assert_str_eq(h.c->node.tags.item[0].value, "\"r 1");
	ck_assert_str_eq(h.c->cluster.etcd.password, "\"x\" y");
	help_free(&h);
}
END_TEST

START_TEST(test_long_names_are_no_keys)
{
	char var[1024] = "CLUSTERD_CLUSTER__";
	struct help h;

	memset(var + 18, 'A', 900);
	memcpy(var + 918, "=1", 3);
	h = load_env(var, NULL);
	ck_assert_uint_eq(h.is.n, 0);
	help_free(&h);
	memcpy(var + 300, "=1", 3);
	h = load_env(var, NULL);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_free(&h);
}
END_TEST

/* ---- --set */

static const struct {
	const char *set, *said;
} sets[] = {
	{"cluster.name", "--set: \"cluster.name\": --set wants key=value"},
	{"=x", "--set: \"x\": unknown key"},
	{"cluster.nmae=x",
		"--set: cluster.nmae = \"x\": unknown key; did you mean cluster.name?"},
	{"cluster.name=9", "--set: cluster.name = \"9\": not allowed"},
	{"cluster.name=\"x", "--set: cluster.name = \"\\\"x\": a quote"},
	{"node.cookie=hush", "--set: node.cookie = \"******\": everybody can see"},
	{"NODE.Cookie=hush", "--set: node.cookie = \"******\": everybody can see"},
	{"node.cookie=", "--set: node.cookie = \"\": everybody can see"},
	{"node.cookie=file:///x", "everybody can see"},
	{"cluster.etcd.password=hush",
		"--set: cluster.etcd.password = \"******\": everybody can see"},
	{"mqtt.x=1", "--set: mqtt.x = \"1\": unknown key"},
};

START_TEST(test_bad_set)
{
	struct help h = help_load(NULL, NULL, &sets[_i].set, 1);

	help_want(&h, sets[_i].said);
	ck_assert_uint_eq(h.is.n_errors, 1);
	ck_assert_ptr_null(help_find(&h, "hush"));
	help_free(&h);
}
END_TEST

START_TEST(test_good_set)
{
	static const char *const set[] = {"Cluster.K8s.namespace=ns",
		"cluster.static.seeds=[a@h, b@h]", "node.tags.a=x=y", "cluster.name=a",
		"cluster.name=b"};
	struct help h = help_load(NULL, NULL, set, 5);

	help_ok(&h);
	ck_assert_str_eq(h.c->cluster.k8s.ns, "ns");
	ck_assert_str_eq(help_joined(&h.c->cluster.static_seeds), "a@h b@h");
	ck_assert_str_eq(h.c->node.tags.item[0].value, "x=y");
	ck_assert_str_eq(h.c->cluster.name, "b");
	help_free(&h);
}
END_TEST

/* ---- the cookie */

static struct help load_cookie(const char *cookie)
{
	char var[512];
	const char *env[] = {var, NULL};

	snprintf(var, sizeof var, "EMQX_NODE_COOKIE=%s", cookie);
	return help_load(NULL, env, NULL, 0);
}

START_TEST(test_cookie_rules)
{
	static const char *const none[] = {NULL};
	struct help h = help_load(NULL, none, NULL, 0);
	char big[300];

	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "default: node.cookie: there is no cookie");
	help_want(&h, "clusterctl cookie generate");
	help_free(&h);
	h = load_cookie("");
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_free(&h);
	h = load_cookie("emqxsecretcookie");
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h,
		"EMQX_NODE_COOKIE: node.cookie: emqxsecretcookie is known to the whole world");
	help_want(&h, "clusterctl cookie generate");
	help_free(&h);
	h = load_cookie("123456789012345");
	help_ok(&h);
	ck_assert_uint_eq(h.is.n, 1);
	help_want(&h, "shorter than 16 characters");
	ck_assert_ptr_null(help_find(&h, "123456"));
	help_free(&h);
	h = load_cookie("1234567890123456");
	ck_assert_uint_eq(h.is.n, 0);
	help_free(&h);
	memset(big, 'x', sizeof big);
	big[255] = '\0';
	h = load_cookie(big);
	ck_assert_uint_eq(h.is.n, 0);
	help_free(&h);
	big[255] = 'x';
	big[256] = '\0';
	h = load_cookie(big);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "at most 255 bytes");
	help_free(&h);
	h = load_cookie("file://relative");
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "with three slashes");
	help_free(&h);
	h = load_cookie("file:///nonexistent/cookie");
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "/nonexistent/cookie: No such file");
	help_free(&h);
}
END_TEST

static const struct {
	const char *text;
	size_t n;
	mode_t mode;
	const char *cookie, *said;
} files[] = {
	{"a-cookie-in-a-file\n", 19, 0600, "a-cookie-in-a-file", NULL},
	{"a-cookie-in-a-file", 18, 0640, "a-cookie-in-a-file", NULL},
	{"a-cookie-in-a-file ", 19, 0600, "a-cookie-in-a-file ", NULL},
	{"a-cookie-in-a-file\n", 19, 0644, "a-cookie-in-a-file", "can be read by everybody"},
	{"a-cookie-in-a-file\n\n", 20, 0600, NULL, "without control characters"},
	{"emqxsecretcookie\n", 17, 0600, NULL, "known to the whole world"},
	{"short\n", 6, 0600, "short", "shorter than 16"},
	{"\n", 1, 0600, NULL, "there is no cookie"},
	{"", 0, 0600, NULL, "there is no cookie"},
	{"a-cookie\0in-a-file", 18, 0600, NULL, "does not hold a cookie"},
	{"file:///etc/passwd", 18, 0600, "file:///etc/passwd", NULL},
};

START_TEST(test_cookie_file)
{
	char path[] = "/tmp/test_cookie_XXXXXX", url[64];
	int fd = mkstemp(path);
	struct help h;

	ck_assert_int_ge(fd, 0);
	close(fd);
	help_write(path, files[_i].text, files[_i].n);
	ck_assert_int_eq(chmod(path, files[_i].mode), 0);
	snprintf(url, sizeof url, "file://%s", path);
	h = load_cookie(url);
	unlink(path);
	ck_assert_uint_eq(h.is.n_errors, !files[_i].cookie);
	ck_assert_uint_eq(h.is.n, files[_i].said != NULL);
	if (files[_i].said)
		help_want(&h, files[_i].said);
	if (files[_i].cookie)
		ck_assert_str_eq(h.c->node.cookie, files[_i].cookie);
	help_free(&h);
}
END_TEST

START_TEST(test_cookie_file_size)
{
	char path[] = "/tmp/test_cookie_XXXXXX", url[64], text[257];
	int fd = mkstemp(path);
	struct help h;

	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(url, sizeof url, "file://%s", path);
	memset(text, 'c', sizeof text);
	text[255] = '\n';
	help_write(path, text, 256);
	h = load_cookie(url);
	help_ok(&h);
	ck_assert_uint_eq(strlen(h.c->node.cookie), 255);
	help_free(&h);
	text[255] = 'c';
	for (size_t n = 256; n <= 257; n++) {
		help_write(path, text, n);
		h = load_cookie(url);
		ck_assert_uint_eq(h.is.n_errors, 1);
		help_want(&h, n == 256 ? "1 to 255 bytes" : "at most 255 bytes");
		help_free(&h);
	}
	unlink(path);
}
END_TEST

/* ---- the control socket */

START_TEST(test_sockets)
{
	struct conf_sockets s;
	char longest[] =
		"/123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
		"567890123";

	conf_socket_candidates("/data", "/run/user/1", &s);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_str_eq(s.path[0], "/run/clusterd/clusterd.sock");
	ck_assert_str_eq(s.path[1], "/run/user/1/clusterd.sock");
	ck_assert_str_eq(s.path[2], "/data/clusterd.sock");
	conf_socket_candidates(NULL, NULL, &s);
	ck_assert_uint_eq(s.n, 1);
	conf_socket_candidates("/data", "", &s);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_str_eq(s.path[1], "/data/clusterd.sock");
	conf_socket_candidates("data", "relative", &s);
	ck_assert_uint_eq(s.n, 1);
	conf_socket_candidates(longest, NULL, &s);
	ck_assert_uint_eq(s.n, 1);
	longest[93] = '\0';
	conf_socket_candidates(longest, NULL, &s);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(strlen(s.path[1]), 107);
}
END_TEST

/* Root gets the system's; anybody else the first of the others that there is. */
START_TEST(test_default_socket)
{
	struct help h = load_env("XDG_RUNTIME_DIR=/run/user/7", "CLUSTERD_NODE__DATA_DIR=/d");
	bool root = geteuid() == 0;

	help_ok(&h);
	ck_assert_str_eq(h.c->control.socket,
		root ? "/run/clusterd/clusterd.sock" : "/run/user/7/clusterd.sock");
	help_free(&h);
	if (root)
		ck_assert_int_eq(seteuid(65534), 0);
	h = load_env("XDG_RUNTIME_DIR=/run/user/7", NULL);
	ck_assert_str_eq(h.c->control.socket, "/run/user/7/clusterd.sock");
	help_free(&h);
	h = load_env("CLUSTERD_NODE__DATA_DIR=/d", NULL);
	ck_assert_str_eq(h.c->control.socket, "/d/clusterd.sock");
	help_free(&h);
	if (root) {
		h = load_env("CLUSTERD_SUPERVISOR__USER=nobody", "XDG_RUNTIME_DIR=/run/user/7");
		ck_assert_str_eq(h.c->control.socket, "/run/clusterd/clusterd.sock");
		help_free(&h);
		/* what looks for leaks at the end must be able to trace us again */
		ck_assert_int_eq(seteuid(0), 0);
		ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("conf_env");
	Suite *s = suite_create("conf_env");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_seeds, 0, (int)(sizeof two_seeds / sizeof *two_seeds));
	tcase_add_test(t, test_indexes);
	tcase_add_loop_test(t, test_names, 0, (int)(sizeof names / sizeof *names));
	tcase_add_loop_test(t, test_told, 0, (int)(sizeof told / sizeof *told));
	tcase_add_test(t, test_tags_and_raw_values);
	tcase_add_test(t, test_long_names_are_no_keys);
	tcase_add_loop_test(t, test_bad_set, 0, (int)(sizeof sets / sizeof *sets));
	tcase_add_test(t, test_good_set);
	tcase_add_test(t, test_cookie_rules);
	tcase_add_loop_test(t, test_cookie_file, 0, (int)(sizeof files / sizeof *files));
	tcase_add_test(t, test_cookie_file_size);
	tcase_add_test(t, test_sockets);
	tcase_add_test(t, test_default_socket);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
