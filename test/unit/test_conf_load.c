/* What one file says: values, their forms, and what is wrong in it. */
#include "test/unit/conf_dir.h"

START_TEST(test_defaults)
{
	struct help h = help_load(NULL, NULL, NULL, 0);
	const struct conf *c = h.c;

	help_ok(&h);
	ck_assert_uint_eq(h.is.n, 0);
	ck_assert_str_eq(c->node.name, "emqx@127.0.0.1");
	ck_assert_str_eq(c->node.cookie, "cookie-of-the-unit-tests");
	ck_assert_str_eq(c->node.data_dir, "/var/lib/clusterd");
	ck_assert_str_eq(c->node.bind_address, "");
	ck_assert_uint_eq(c->node.role, 0);
	ck_assert_uint_eq(c->node.dist_port, 4370);
	ck_assert_uint_eq(c->node.tags.n, 0);
	ck_assert_uint_eq(c->store.max_size, 256 * 1024 * 1024);
	ck_assert(!c->store.require_quorum);
	ck_assert_uint_eq(c->store.policy.n, 0);
	ck_assert_uint_eq(c->cluster.tombstone_ttl_ms, (uint64_t)7 * 24 * 3600 * 1000);
	ck_assert_str_eq(c->cluster.name, "emqxcl");
	ck_assert_uint_eq(c->cluster.discovery, DISCOVERY_MANUAL);
	ck_assert_uint_eq(c->cluster.proto_dist, PROTO_INET_TCP);
	ck_assert(c->cluster.autoheal);
	ck_assert_uint_eq(c->cluster.autoclean_ms, 86400000);
	ck_assert_uint_eq(c->cluster.heartbeat_interval_ms, 500);
	ck_assert_uint_eq(c->cluster.link_timeout_ms, 2500);
	ck_assert_uint_eq(c->cluster.static_seeds.n, 0);
	ck_assert_uint_eq(c->cluster.etcd.node_ttl_ms, 60000);
	ck_assert_uint_eq(c->cluster.etcd.ssl.verify, 1);
	ck_assert_str_eq(c->cluster.k8s.apiserver, "https://kubernetes.default.svc:443");
	ck_assert_uint_eq(c->rpc.port_discovery, 0);
	ck_assert_uint_eq(c->rpc.server_port, 5370);
	ck_assert_uint_eq(c->log.level, 2);
	ck_assert_uint_eq(c->supervisor.worker_watchdog_ms, 10000);
	ck_assert_uint_eq(c->supervisor.membership_watchdog_ms, 30000);
	ck_assert_uint_eq(c->supervisor.restart_min_ms, 100);
	ck_assert_uint_eq(c->supervisor.restart_max_ms, 30000);
	ck_assert_str_eq(c->supervisor.user, "clusterd");
	ck_assert_uint_eq(c->limits.members, 10000);
	help_free(&h);
}
END_TEST

/* One problem a line; what is said about it must hold the second text. Line numbers are those of the file. */
static const struct {
	const char *text, *said;
} bad[] = {
	{"cluster.nmae = x\n",
		"clusterd.conf:1: cluster.nmae = \"x\": unknown key; did you mean cluster.name?"},
	{"\ncluster.quite_other = 1", ":2: cluster.quite_other = \"1\": unknown key"},
	{"foo.bar = 1", ":1: foo.bar = \"1\": unknown key"},
	{"name = x", ":1: name = \"x\": unknown key"},
	{"node.cooki = topsecret",
		":1: node.cooki = \"******\": unknown key; did you mean node.cookie?"},
	{"[cluster]\n\nname = 9\n", ":3: cluster.name = \"9\": not allowed; must be: a letter"},
	{"cluster {\n name = \"a b\"\n}", ":2: cluster.name = \"a b\": not allowed"},
	{"node.dist_port = 70000",
		":1: node.dist_port = \"70000\": allowed: a number from 1 to 65535"},
	{"node.name = emqx",
		":1: node.name = \"emqx\": not allowed; must be: a node is named name@host"},
	{"node.name = \"a\" b",
		":1: node.name = \"\\\"a\\\" b\": unexpected text behind the closing quote"},
	{"log.level = loud", ":1: log.level = \"loud\": allowed: error, warn, info, debug"},
	{"cluster.autoheal = maybe",
		":1: cluster.autoheal = \"maybe\": allowed: true or false"},
	{"cluster.heartbeat_interval = soon",
		":1: cluster.heartbeat_interval = \"soon\": not a duration; allowed"},
	{"cluster.heartbeat_interval = 1", "\"1\": out of range; allowed: 50ms to 1m"},
	{"cluster.static.seeds = [\n \"a@h\",\n \"b\" ]",
		":1: cluster.static.seeds = \"a@h,b\": `b` is not allowed"},
	{"cluster.name = a\ncluster.name = b",
		":2: cluster.name = \"b\": is already set in line 1 of this file"},
	{"cluster.name = a\ncluster { Name = b }",
		":2: cluster.name = \"b\": is already set in line 1"},
	{"rpc.server_port = 1\nrpc.tcp_server_port = 2",
		":2: rpc.server_port = \"2\": is already set in line 1"},
	{"node.tags.a = 1\nnode.tags.a = 2",
		":2: node.tags.a = \"2\": is already set in line 1"},
	{"node.tags.\"a b\" = 1", ":1: node.tags.a: a quoted key holds letters"},
	{"node.tags.\"a/b\" = 1", ":1: node.tags.a/b = \"1\": a tag's name is letters, digits"},
	{"store.policy.\"a/b\" = first",
		":1: store.policy.a/b = \"first\": allowed: lww, max or union"},
	{"store.max_size = 1kb",
		":1: store.max_size = \"1kb\": out of range; allowed: 1048576 to"},
	{"cluster.tombstone_ttl = 5",
		":1: cluster.tombstone_ttl = \"5\": out of range; allowed: 1m"},
	{"node.tags = 1",
		":1: node.tags = \"1\": each entry is a key of its own: node.tags.NAME = value"},
	{"cluster.name = a\x01",
		":1: cluster.name = \"a\\u0001\": control characters are not allowed"},
	{"just words\n", ":1: just: expected `=` or `{` behind the key"},
	{"cluster {\n", ":1: cluster: the block that begins here is not closed"},
	{"cluster.discovery_strategy = [static, manual]",
		"cluster.discovery_strategy = \"static,manual\": manual and singleton stand alone"},
	{"cluster.discovery_strategy = [singleton, k8s]", "stand alone"},
	{"cluster.discovery_strategy = zookeeper",
		"`zookeeper` is not allowed; must be: manual, singleton, or"},
	{"cluster.discovery_strategy = []", "0 values; allowed: 1 to"},
	{"cluster.discovery_strategy = etcd",
		"default: cluster.etcd.server: needed by the strategy etcd"},
	{"cluster.link_timeout = 1499ms",
		"at least 3 times cluster.heartbeat_interval, which is 500ms"},
	{"cluster.heartbeat_interval = 1s",
		"cluster.profile: cluster.link_timeout = \"2500ms\": must be at least 3 times"},
	{"supervisor.restart_min = 1m",
		"must not be less than supervisor.restart_min, which is 60000ms"},
	{"node.bind_address = ::1",
		"node.bind_address = \"::1\": cluster.proto_dist wants an IPv4 address"},
	{"node.name = a@::1",
		"node.name = \"a@::1\": cluster.proto_dist wants an IPv4 address"},
	{"node.dist_port = 5370",
		"node.dist_port = \"5370\": is also the port for joins and data"},
	{"node.cookie = \"a\\nb\"",
		"node.cookie = \"******\": control characters are not allowed"},
	{"control.socket = here",
		"control.socket = \"here\": not allowed; must be: an absolute path"},
	{"control.socket = /1234567890123456789012345123456789012345678901234567890123456789012345678901234567890123456789012345678901234567",
		"allowed: 1 to 107"},
};

START_TEST(test_bad)
{
	struct help h = load_text(bad[_i].text);

	help_want(&h, bad[_i].said);
	if (h.is.n_errors != 1)
		help_print(&h);
	ck_assert_uint_eq(h.is.n_errors, 1);
	ck_assert_uint_eq(help_find(&h, bad[_i].said)->severity, CONF_ERROR);
	help_free(&h);
}
END_TEST

static const struct {
	const char *text, *said;
} warned[] = {
	{"cluster.discovery_strategy = k8s",
		"default: node.name = \"emqx@127.0.0.1\": no other machine can reach"},
	{"cluster.discovery_strategy = static\nnode.name = a@h",
		"cluster.static.seeds: the strategy static has no seeds"},
	{"node.role = replica", "node.role = \"replica\": a replica can't join by hand"},
	{"rpc.server_port = 7000",
		"rpc.server_port = \"7000\": has no effect unless rpc.port_discovery = manual"},
	{"node.data_dir = data", "node.data_dir = \"data\": is relative"},
	{"listeners.tcp.default.bind = 1883\nlisteners.ssl.default.bind = 8883",
		"listeners: belongs to EMQX"},
	{"[log.console]\nlevel = info\n[Mqtt]\nx = y", "log.console: belongs to EMQX"},
	{"cluster.etcd.ssl.depth = 3", "cluster.etcd.ssl_options.depth: belongs to EMQX"},
	{"cluster.discovery_strategy = etcd\nnode.name = a@h\ncluster.etcd.server = https://h:1\ncluster.etcd.ssl.verify = verify_none",
		"etcd's certificate is not checked"},
};

START_TEST(test_warned)
{
	struct help h = load_text(warned[_i].text);

	help_ok(&h);
	help_want(&h, warned[_i].said);
	ck_assert_uint_eq(help_find(&h, warned[_i].said)->severity, CONF_WARNING);
	help_free(&h);
}
END_TEST

START_TEST(test_everything_wrong_is_told_at_once)
{
	struct help h =
		load_text("cluster.name = 9\nx = ${y}\n[node]\nname = a\nrole = king\n\n"
			  "[rpc]\nserver_port = 0\n[limits]\nmembers = none\n"
			  "cluster.dns.record_type = mx\n");
	static const unsigned line[] = {1, 2, 4, 5, 8, 10, 11};

	ck_assert_uint_eq(h.is.n_errors, 7);
	for (unsigned i = 0; i < 7; i++)
		ck_assert_uint_eq(h.is.item[i].line, line[i]);
	help_free(&h);
}
END_TEST

START_TEST(test_forms_agree)
{
	static const char *const form[] = {
		"cluster.static.seeds = [a@h, b@h]\ncluster.autoclean = 1h30m\nnode.tags.Rack = r 1\n"
		"cluster.k8s.namespace = ns\ncluster.etcd.ssl.enable = on\n",
		"[cluster]\nautoclean = 1.5h\nstatic.seeds = a@h b@h\nK8S.namespace = ns\n[node.tags]\n"
		"Rack = \"r 1\"\n[cluster.etcd.ssl_options]\nenable = yes\n",
		"Cluster { STATIC { seeds = \"a@h, b@h\" }, autoclean = 5400, K8s.namespace = \"ns\"\n"
		"etcd { ssl_options.enable = true } }\nnode { tags { Rack = r 1 } }\n",
		"cluster:{static:{seeds:[\"a@h\"\n\"b@h\"]}}\ncluster.autoclean : \"90m\"\n"
		"\"node\" { \"tags\" { Rack: \"r 1\" } }\ncluster { k8s { namespace = ns }\n"
		"etcd.ssl.enable = true }",
	};

	for (unsigned i = 0; i < sizeof form / sizeof *form; i++) {
		struct help h = load_text(form[i]);

		help_ok(&h);
		ck_assert_str_eq(help_joined(&h.c->cluster.static_seeds), "a@h b@h");
		ck_assert_uint_eq(h.c->cluster.autoclean_ms, 5400000);
		ck_assert_uint_eq(h.c->node.tags.n, 1);
		ck_assert_str_eq(h.c->node.tags.item[0].key, "Rack");
		ck_assert_str_eq(h.c->node.tags.item[0].value, "r 1");
		ck_assert_str_eq(h.c->cluster.k8s.ns, "ns");
		ck_assert(h.c->cluster.etcd.ssl.enable);
		help_free(&h);
	}
}
END_TEST

START_TEST(test_strategies)
{
	struct help h = load_text("node.name = a@h\ncluster.static.seeds = a@h\n"
				  "cluster.discovery_strategy = [Static, K8s, DNS]\n");

	help_ok(&h);
	ck_assert_uint_eq(h.is.n, 0);
	ck_assert_uint_eq(h.c->cluster.discovery, DISCOVERY_AUTO);
	ck_assert_uint_eq(h.c->cluster.strategies,
		STRATEGY_STATIC | STRATEGY_K8S | STRATEGY_DNS);
	ck_assert_str_eq(help_joined(&h.c->cluster.discovery_strategy), "static k8s dns");
	help_free(&h);
	h = load_text("cluster.discovery_strategy = singleton\n");
	help_ok(&h);
	ck_assert_uint_eq(h.c->cluster.discovery, DISCOVERY_SINGLETON);
	ck_assert_uint_eq(h.c->cluster.strategies, 0);
	help_free(&h);
}
END_TEST

START_TEST(test_derived)
{
	struct help h = load_text("node.name = emqx12@h\ncluster.profile = wan\n"
				  "cluster.heartbeat_interval = 1s\n");

	help_ok(&h);
	ck_assert_uint_eq(h.c->node.dist_port, 4382);
	ck_assert_uint_eq(h.c->rpc.server_port, 5382);
	ck_assert_uint_eq(h.c->cluster.heartbeat_interval_ms, 1000);
	ck_assert_uint_eq(h.c->cluster.link_timeout_ms, 10000);
	help_free(&h);
	h = load_text(
		"node.name = emqx12@h\nrpc.port_discovery = manual\nnode.dist_port = 4400\n"
		"cluster.profile = fast\n");
	help_ok(&h);
	ck_assert_uint_eq(h.c->node.dist_port, 4400);
	ck_assert_uint_eq(h.c->rpc.server_port, 5369);
	ck_assert_uint_eq(h.c->cluster.heartbeat_interval_ms, 100);
	ck_assert_uint_eq(h.c->cluster.link_timeout_ms, 500);
	help_free(&h);
	h = load_text("rpc { port_discovery = manual, ssl_server_port = 7000 }");
	help_ok(&h);
	ck_assert_uint_eq(h.is.n, 0);
	ck_assert_uint_eq(h.c->rpc.server_port, 7000);
	help_free(&h);
	h = load_text(
		"cluster.autoclean = disabled\ncluster.proto_dist = inet6_tcp\nnode.name = a@::1\n"
		"node.bind_address = ::\n");
	help_ok(&h);
	ck_assert_uint_eq(h.c->cluster.autoclean_ms, 0);
	ck_assert_uint_eq(h.c->cluster.proto_dist, PROTO_INET6_TCP);
	help_free(&h);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("conf_load");
	Suite *s = suite_create("conf_load");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_defaults);
	tcase_add_loop_test(t, test_bad, 0, (int)(sizeof bad / sizeof *bad));
	tcase_add_loop_test(t, test_warned, 0, (int)(sizeof warned / sizeof *warned));
	tcase_add_test(t, test_everything_wrong_is_told_at_once);
	tcase_add_test(t, test_forms_agree);
	tcase_add_test(t, test_strategies);
	tcase_add_test(t, test_derived);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
