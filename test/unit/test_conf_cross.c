#include <sys/stat.h>
#include <unistd.h>

#include "conf_help.h"
#include "test/unit/scratch.h"

/* What must fit together across keys, and what must exist on disk. */
#define ETCD "cluster.discovery_strategy=etcd", "node.name=a@h"
enum { SET_MAX = 8 };

static const struct {
	const char *set[SET_MAX];
	size_t n_errors, n;
	const char *said;
} etcd[] = {
	{{ETCD, "cluster.etcd.server=http://h:1"}, 0, 0, NULL},
	{{ETCD}, 1, 1, "default: cluster.etcd.server: needed by the strategy etcd"},
	{{ETCD, "cluster.etcd.server=https://h:1",
		 "cluster.etcd.ssl.cacertfile=/nonexistent/ca"},
		1, 1,
		"--set: cluster.etcd.ssl_options.cacertfile = \"/nonexistent/ca\": no such file"},
	{{ETCD, "cluster.etcd.server=http://h:1,https://h:2",
		 "cluster.etcd.ssl.certfile=/dev/null"},
		1, 1, "certfile = \"/dev/null\": certfile and keyfile go together"},
	{{ETCD, "cluster.etcd.server=https://h:1", "cluster.etcd.ssl.keyfile=/dev/null"}, 1, 1,
		"keyfile = \"/dev/null\": certfile and keyfile go together"},
	{{ETCD, "cluster.etcd.server=https://h:1", "cluster.etcd.ssl.keyfile=/dev/null",
		 "cluster.etcd.ssl.certfile=/dev/null"},
		0, 0, NULL},
	{{ETCD, "cluster.etcd.server=http://h:1", "cluster.etcd.ssl.enable=true",
		 "cluster.etcd.ssl.verify=verify_none"},
		0, 1, "verify = \"verify_none\": etcd's certificate is not checked"},
	/* not asked for, so nothing to complain about */
	{{"cluster.etcd.server=https://h:1", "cluster.etcd.ssl.cacertfile=/nonexistent/ca"}, 0,
		0, NULL},
	/* what is not built is refused, not taken for something weaker */
	{{"cluster.proto_dist=inet_tls"}, 1, 1,
		"proto_dist = \"inet_tls\": certificates between nodes are not supported"},
	{{"cluster.proto_dist=inet6_tls"}, 1, 1, "not supported by this version"},
	/* one error is enough */
	{{ETCD, "cluster.etcd.server=h:1"}, 1, 1, "must be: http://host:port"},
};

START_TEST(test_etcd)
{
	size_t n = 0;
	struct help h;

	while (n < SET_MAX && etcd[_i].set[n])
		n++;
	h = help_load(NULL, NULL, etcd[_i].set, n);
	if (h.is.n != etcd[_i].n || h.is.n_errors != etcd[_i].n_errors)
		help_print(&h);
	ck_assert_uint_eq(h.is.n_errors, etcd[_i].n_errors);
	ck_assert_uint_eq(h.is.n, etcd[_i].n);
	if (etcd[_i].said)
		help_want(&h, etcd[_i].said);
	help_free(&h);
}
END_TEST

/* A key in error is not judged a second time by what it would have to fit with. */
static const char *const once[][2] = {
	{"cluster.heartbeat_interval=soon", NULL},
	{"cluster.link_timeout=soon", NULL},
	{"cluster.profile=moon", NULL},
	{"cluster.proto_dist=udp", "node.bind_address=::1"},
	{"node.dist_port=x", NULL},
	{"node.name=x", NULL},
	{"rpc.port_discovery=x", NULL},
	{"supervisor.restart_min=x", NULL},
	{"cluster.discovery_strategy=[manual, x]", NULL},
	{"node.data_dir=", NULL},
	{"supervisor.user=-x", NULL},
};

START_TEST(test_once)
{
	struct help h = help_load(NULL, NULL, once[_i], once[_i][1] ? 2 : 1);

	if (h.is.n_errors != 1)
		help_print(&h);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_free(&h);
}
END_TEST

START_TEST(test_conf_d)
{
	char dir[] = "/tmp/test_conf_XXXXXX", path[96], file[64];
	struct help h;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/c.conf", dir);
	help_write(file, "", 0);
	snprintf(path, sizeof path, "%s/conf.d", dir);
	help_write(path, "", 0);
	h = help_load(file, NULL, NULL, 0);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "conf.d: Not a directory");
	help_free(&h);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	for (unsigned i = 0; i <= 256; i++) {
		snprintf(path, sizeof path, "%s/conf.d/%u.conf", dir, i);
		help_write(path, "", 0);
	}
	h = help_load(file, NULL, NULL, 0);
	ck_assert_uint_eq(h.is.n_errors, 1);
	help_want(&h, "conf.d: holds more than 256 files");
	help_free(&h);
	scratch_remove(dir);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("conf_cross");
	Suite *s = suite_create("conf_cross");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_etcd, 0, (int)(sizeof etcd / sizeof *etcd));
	tcase_add_loop_test(t, test_once, 0, (int)(sizeof once / sizeof *once));
	tcase_add_test(t, test_conf_d);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
