#include "common/net/dns.h"
#include "common/net/dns_chan.h"
#include "test/unit/dns_servers.h"

enum { MANY = 60 };

/* What a lookup said; calls counts up at each callback. */
struct result {
	unsigned calls;
	enum dns_status status;
	size_t n;
	union dns_addr addr[DNS_ADDRS_MAX];
	uint32_t ttl_s;
	char target[64];
	uint16_t port, priority, weight;
};

static struct ev_loop *loop;
static struct dnsmasq server;
static struct stub stub;

static void got_host(void *ctx, enum dns_status status, const union dns_addr *addr, size_t n)
{
	struct result *r = ctx;

	r->calls++;
	r->status = status;
	r->n = n;
	ck_assert((n > 0) == (status == DNS_OK) && n <= DNS_ADDRS_MAX);
	if (n > 0)
		memcpy(r->addr, addr, n * sizeof *addr);
	ev_break(loop, EVBREAK_ONE);
}

static void got_records(void *ctx, enum dns_status status, const struct dns_answer *a)
{
	struct result *r = ctx;

	r->calls++;
	r->status = status;
	r->n = a->n;
	ck_assert((a->n > 0) == (status == DNS_OK));
	if (a->n > 0) {
		r->ttl_s = a->record[0].ttl_s;
		r->addr[0] = a->record[0].addr;
		r->port = a->record[0].port;
		r->priority = a->record[0].priority;
		r->weight = a->record[0].weight;
		if (a->record[0].target != NULL)
			snprintf(r->target, sizeof r->target, "%s", a->record[0].target);
	}
	ev_break(loop, EVBREAK_ONE);
}

static const char *text(const union dns_addr *a)
{
	static char out[INET6_ADDRSTRLEN];
	const void *ip = a->sa.sa_family == AF_INET ? (const void *)&a->in.sin_addr
						    : (const void *)&a->in6.sin6_addr;

	return inet_ntop(a->sa.sa_family, ip, out, sizeof out);
}

static struct dns *resolver(const char *servers)
{
	struct dns *dns;

	ck_assert_int_eq(dns_new(loop, &(struct dns_options){servers, NULL, 200, 2}, &dns), 0);
	return dns;
}

static void wait_for(struct result *r)
{
	ck_assert_uint_eq(r->calls, 0); /* never inside the call */
	while (r->calls == 0)
		ev_run(loop, 0);
	ck_assert_uint_eq(r->calls, 1);
}

static struct result resolve(struct dns *dns, const char *host, int family)
{
	struct result r = {0};

	dns_resolve_host(dns, host, family, 5000, got_host, &r);
	wait_for(&r);
	return r;
}

static struct result query(struct dns *dns, const char *name, enum dns_type type)
{
	struct result r = {0};

	dns_query(dns, name, type, 5000, got_records, &r);
	wait_for(&r);
	return r;
}

static void servers_up(void)
{
	static char many[MANY][64];
	const char *records[MANY + 8] = {"--host-record=two.test,10.0.0.1,fd00::1,42",
		"--host-record=four.test,10.0.0.4,9", "--cname=alias.test,two.test,7",
		"--srv-host=_ekka._tcp.test,node1.test,4370,10,20",
		"--srv-host=_two._tcp.test,node1.test,1,1,1",
		"--srv-host=_two._tcp.test,node2.test,1,1,1", "--txt-record=text.test,words",
		"--address=/refused.example/"};

	for (int i = 0; i < MANY; i++) {
		snprintf(many[i], sizeof many[i], "--host-record=many.test,10.1.0.%d", i + 1);
		records[8 + i] = many[i];
	}
	server = dnsmasq_start(records, MANY + 8);
	loop = ev_loop_new(EVFLAG_NOENV);
	stub_start(&stub, loop);
}

static void servers_down(void)
{
	stub_stop(&stub, loop);
	ev_loop_destroy(loop);
	dnsmasq_stop(&server);
}

static const struct {
	const char *name;
	enum dns_type type;
	enum dns_status status;
	size_t n;
	uint32_t ttl_s;
} queries[] = {
	{"two.test", DNS_A, DNS_OK, 1, 42},
	{"TWO.test.", DNS_A, DNS_OK, 1, 42},
	{"two.test", DNS_AAAA, DNS_OK, 1, 42},
	{"alias.test", DNS_A, DNS_OK, 1, 7}, /* the alias is the shorter one */
	{"alias.test", DNS_SRV, DNS_NODATA, 0, 0},
	{"four.test", DNS_AAAA, DNS_NODATA, 0, 0},
	{"text.test", DNS_A, DNS_NODATA, 0, 0},
	{"many.test", DNS_A, DNS_OK, MANY,
		33}, /* too much for UDP: truncated, again over TCP */
	{"_ekka._tcp.test", DNS_SRV, DNS_OK, 1, 33},
	{"_two._tcp.test", DNS_SRV, DNS_OK, 2, 33},
	{"none.test", DNS_A, DNS_NXDOMAIN, 0, 0},
	{"_none._tcp.test", DNS_SRV, DNS_NXDOMAIN, 0, 0},
	{"elsewhere.example", DNS_A, DNS_REFUSED, 0, 0},
	{"", DNS_A, DNS_BAD_NAME, 0, 0},
	{"a..test", DNS_A, DNS_BAD_NAME, 0, 0},
};

START_TEST(test_query)
{
	struct dns *dns = resolver(server.server);
	struct result r = query(dns, queries[_i].name, queries[_i].type);

	ck_assert_msg(r.status == queries[_i].status, "%s: %s", queries[_i].name,
		dns_status_text(r.status));
	ck_assert_uint_eq(r.n, queries[_i].n);
	ck_assert_uint_eq(r.ttl_s, queries[_i].ttl_s);
	dns_free(dns);
}
END_TEST

START_TEST(test_query_contents)
{
	struct dns *dns = resolver(server.server);
	struct result r = query(dns, "_ekka._tcp.test", DNS_SRV);

	ck_assert_str_eq(r.target, "node1.test");
	ck_assert(r.port == 4370 && r.priority == 10 && r.weight == 20);
	r = query(dns, "alias.test", DNS_A);
	ck_assert_str_eq(text(&r.addr[0]), "10.0.0.1");
	r = query(dns, "two.test", DNS_AAAA);
	ck_assert_str_eq(text(&r.addr[0]), "fd00::1");
	dns_free(dns);
}
END_TEST

static const struct {
	const char *name;
	enum dns_status status;
} wrongs[] = {
	{"rcode1.x", DNS_GARBAGE}, /* the server could not read us */
	{"rcode2.x", DNS_SERVFAIL}, {"rcode3.x", DNS_NXDOMAIN}, {"rcode4.x", DNS_REFUSED},
	{"rcode5.x", DNS_REFUSED}, {"garbage.x", DNS_GARBAGE}, {"silent.x", DNS_TIMEOUT},
	{"short.x", DNS_TIMEOUT}, /* no answer to our question: as good as none */
};

START_TEST(test_servers_that_fail)
{
	struct dns *dns = resolver(stub.server);
	struct result r = query(dns, wrongs[_i].name, DNS_A);

	ck_assert_msg(r.status == wrongs[_i].status, "%s: %s", wrongs[_i].name,
		dns_status_text(r.status));
	ck_assert_uint_ge(stub.asked, 1);
	dns_free(dns);
}
END_TEST

START_TEST(test_nobody_listens)
{
	/* Below the ports that the kernel gives out: a socket that got the dead port itself would hear its own question. */
	struct dns *dns = resolver("127.0.0.1:1");

	ck_assert_int_eq(query(dns, "two.test", DNS_A).status, DNS_UNREACHABLE);
	ck_assert_int_eq(resolve(dns, "two.test", AF_UNSPEC).status, DNS_UNREACHABLE);
	dns_free(dns);
}
END_TEST

START_TEST(test_second_server_helps)
{
	char both[80];
	struct dns *dns;

	snprintf(both, sizeof both, "%s,%s", stub.server, server.server);
	dns = resolver(both);
	ck_assert_int_eq(resolve(dns, "two.test", AF_INET).status,
		DNS_NODATA); /* stub: no answers */
	ck_assert_int_eq(query(dns, "rcode2.test", DNS_A).status, DNS_NXDOMAIN);
	dns_free(dns);
}
END_TEST

static const struct {
	const char *host;
	int family;
	enum dns_status status;
	size_t n;
	const char *first;
} hosts[] = {
	{"two.test", AF_UNSPEC, DNS_OK, 2, NULL},
	{"two.test", AF_INET, DNS_OK, 1, "10.0.0.1"},
	{"two.test", AF_INET6, DNS_OK, 1, "fd00::1"},
	{"alias.test", AF_INET, DNS_OK, 1, "10.0.0.1"},
	{"four.test", AF_UNSPEC, DNS_OK, 1, "10.0.0.4"},
	{"four.test", AF_INET6, DNS_NODATA, 0, NULL},
	{"many.test", AF_INET, DNS_OK, MANY, NULL},
	{"none.test", AF_UNSPEC, DNS_NXDOMAIN, 0, NULL},
	{"localhost", AF_INET, DNS_OK, 1, "127.0.0.1"},
	{"10.1.2.3", AF_UNSPEC, DNS_OK, 1, "10.1.2.3"},
	{"10.1.2.3", AF_INET6, DNS_NODATA, 0, NULL},
	{"fd00::7", AF_UNSPEC, DNS_OK, 1, "fd00::7"},
	{"fd00::7", AF_INET, DNS_NODATA, 0, NULL},
	{"fe80::1%lo", AF_INET6, DNS_OK, 1, "fe80::1"},
	{"", AF_UNSPEC, DNS_BAD_NAME, 0, NULL},
};

START_TEST(test_resolve)
{
	struct dns *dns = resolver(server.server);
	struct result r = resolve(dns, hosts[_i].host, hosts[_i].family);

	ck_assert_msg(r.status == hosts[_i].status, "%s: %s", hosts[_i].host,
		dns_status_text(r.status));
	ck_assert_uint_eq(r.n, hosts[_i].n);
	if (hosts[_i].first != NULL)
		ck_assert_str_eq(text(&r.addr[0]), hosts[_i].first);
	dns_free(dns);
}
END_TEST

START_TEST(test_names_too_long)
{
	char name[300];
	struct dns *dns = resolver(server.server);

	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	ck_assert_int_eq(resolve(dns, name, AF_INET).status, DNS_BAD_NAME);
	name[70] = '\0'; /* a label of 70 */
	ck_assert_int_eq(query(dns, name, DNS_A).status, DNS_BAD_NAME);
	dns_free(dns);
}
END_TEST

START_TEST(test_own_timeout)
{
	struct dns *dns = resolver(stub.server);
	struct result slow = {0}, late = {0};

	dns_resolve_host(dns, "silent.x", AF_INET, 50, got_host, &slow);
	wait_for(&slow);
	ck_assert_int_eq(slow.status, DNS_TIMEOUT);
	ck_assert_uint_le(stub.asked, 1); /* well before c-ares asks again */
	dns_query(dns, "silent.x", DNS_A, 0, got_records, &late);
	wait_for(&late); /* by then c-ares has given up both */
	ck_assert_int_eq(late.status, DNS_TIMEOUT);
	ck_assert_uint_eq(slow.calls, 1);
	dns_free(dns);
}
END_TEST

START_TEST(test_cancel)
{
	struct dns *dns = resolver(stub.server);
	struct result never = {0}, r = {0};

	dns_cancel(dns_resolve_host(dns, "10.0.0.1", AF_INET, 0, got_host, &never));
	dns_cancel(dns_resolve_host(dns, "rcode2.x", AF_INET, 0, got_host, &never));
	dns_cancel(dns_query(dns, "rcode3.x", DNS_A, 100, got_records, &never));
	dns_query(dns, "rcode3.x", DNS_A, 0, got_records, &r);
	wait_for(&r);
	ck_assert_uint_eq(never.calls, 0);
	dns_free(dns);
}
END_TEST

START_TEST(test_free_drops_what_runs)
{
	struct dns *dns = resolver(stub.server);
	struct result never = {0};

	dns_resolve_host(dns, "silent.x", AF_UNSPEC, 1000, got_host, &never);
	dns_query(dns, "silent.x", DNS_SRV, 0, got_records, &never);
	dns_resolve_host(dns, "10.0.0.1", AF_INET, 0, got_host, &never);
	ev_run(loop, EVRUN_NOWAIT | EVRUN_ONCE);
	never.calls = 0; /* the literal may have been told */
	dns_free(dns);
	ev_run(loop, EVRUN_NOWAIT);
	ck_assert_uint_eq(never.calls, 0);
}
END_TEST

static void free_in_callback(void *ctx, enum dns_status status, const union dns_addr *addr,
	size_t n)
{
	(void)status;
	ck_assert(n == 1 && addr[0].sa.sa_family == AF_INET);
	dns_free(*(struct dns **)ctx);
	ck_assert_int_eq(addr[0].sa.sa_family, AF_INET); /* still there */
	*(struct dns **)ctx = NULL;
	ev_break(loop, EVBREAK_ONE);
}

START_TEST(test_free_in_a_callback)
{
	struct dns *dns = resolver(server.server);
	struct result never = {0};

	dns_resolve_host(dns, "10.0.0.1", AF_INET, 0, free_in_callback, &dns);
	dns_resolve_host(dns, "10.0.0.2", AF_INET, 0, got_host, &never);
	dns_resolve_host(dns, "two.test", AF_INET, 0, got_host, &never);
	ev_run(loop, 0);
	ck_assert_ptr_null(dns);
	ck_assert_uint_eq(never.calls, 0);
}
END_TEST

struct chain {
	struct dns *dns;
	unsigned left;
};

static void next_in_chain(void *ctx, enum dns_status status, const union dns_addr *addr,
	size_t n)
{
	struct chain *c = ctx;

	(void)addr;
	(void)n;
	ck_assert_int_eq(status, DNS_OK);
	if (--c->left > 0)
		dns_resolve_host(c->dns, "10.0.0.1", AF_INET, 0, next_in_chain, c);
}

START_TEST(test_lookups_from_callbacks_share_the_loop)
{
	struct chain c = {resolver(server.server), 3};

	dns_resolve_host(c.dns, "10.0.0.1", AF_INET, 0, next_in_chain, &c);
	for (unsigned left = 2; left < 3; left--) {
		ev_run(loop, EVRUN_ONCE);
		ck_assert_uint_eq(c.left, left);
	}
	dns_free(c.dns);
}
END_TEST

START_TEST(test_too_many_at_once)
{
	static struct result r[DNS_LOOKUPS_MAX + 1];
	struct dns *dns = resolver(stub.server);
	struct dns_req *first = NULL;

	for (size_t i = 0; i <= DNS_LOOKUPS_MAX; i++) {
		struct dns_req *req = dns_query(dns, "silent.x", DNS_A, 0, got_records, &r[i]);

		if (i == 0)
			first = req;
	}
	wait_for(&r[DNS_LOOKUPS_MAX]);
	ck_assert_int_eq(r[DNS_LOOKUPS_MAX].status, DNS_BUSY);
	dns_cancel(first);
	dns_free(dns);
}
END_TEST

START_TEST(test_servers_that_cannot_be_read)
{
	struct dns *dns;

	ck_assert_int_eq(dns_new(loop, &(struct dns_options){.servers = "what?"}, &dns),
		-EINVAL);
	ck_assert_ptr_null(dns);
	ck_assert_int_eq(dns_new(loop, &(struct dns_options){.servers = ""}, &dns), -EINVAL);
}
END_TEST

static void write_file(const char *path, const char *line)
{
	FILE *f = fopen(path, "w");

	fputs(line, f);
	fclose(f);
}

static const char *first_server(struct dns_chan *c)
{
	static char out[INET_ADDRSTRLEN];
	struct ares_addr_node *list;

	ck_assert_int_eq(ares_get_servers(c->ares, &list), ARES_SUCCESS);
	inet_ntop(list->family, &list->addr, out, sizeof out);
	ares_free_data(list);
	return out;
}

START_TEST(test_resolv_conf_is_read_again)
{
	char path[] = "/tmp/test_dns.XXXXXX";
	struct dns_chan c;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	write_file(path, "nameserver 127.0.0.1\n");
	ck_assert_int_eq(dns_chan_init(&c, loop, &(struct dns_options){.resolv_conf = path},
				 false),
		0);
	ck_assert_str_eq(first_server(&c), "127.0.0.1");
	write_file(path, "nameserver 127.0.0.22\n");
	dns_chan_refresh(&c, false);
	ck_assert_str_eq(first_server(&c), "127.0.0.1");
	dns_chan_refresh(&c, true);
	ck_assert_str_eq(first_server(&c), "127.0.0.22");
	unlink(path);
	dns_chan_refresh(&c, true);
	ck_assert_str_eq(first_server(&c), "127.0.0.22");
	dns_chan_free(&c);
}
END_TEST

#define N(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int main(void)
{
	Suite *s = suite_create("dns");
	TCase *tc = tcase_create("dns");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, servers_up, servers_down);
	tcase_add_loop_test(tc, test_query, 0, N(queries));
	tcase_add_test(tc, test_query_contents);
	tcase_add_loop_test(tc, test_servers_that_fail, 0, N(wrongs));
	tcase_add_test(tc, test_nobody_listens);
	tcase_add_test(tc, test_second_server_helps);
	tcase_add_loop_test(tc, test_resolve, 0, N(hosts));
	tcase_add_test(tc, test_names_too_long);
	tcase_add_test(tc, test_own_timeout);
	tcase_add_test(tc, test_cancel);
	tcase_add_test(tc, test_free_drops_what_runs);
	tcase_add_test(tc, test_free_in_a_callback);
	tcase_add_test(tc, test_lookups_from_callbacks_share_the_loop);
	tcase_add_test(tc, test_too_many_at_once);
	tcase_add_test(tc, test_servers_that_cannot_be_read);
	tcase_add_test(tc, test_resolv_conf_is_read_again);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
