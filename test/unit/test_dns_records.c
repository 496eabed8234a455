#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "workers/dns/hosts.h"
#include "workers/dns/records.h"
#include "workers/worker.h"

static struct dns_record address(const char *text, uint32_t ttl_s)
{
	struct dns_record r = {.ttl_s = ttl_s};

	if (inet_pton(AF_INET, text, &r.addr.in.sin_addr) == 1)
		r.addr.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &r.addr.in6.sin6_addr) == 1)
		r.addr.sa.sa_family = AF_INET6;
	return r;
}

START_TEST(test_addresses)
{
	struct dns_record r[] = {address("10.0.0.1", 60), address("fd00::1", 60)};
	struct dns_answer a = {r, 2};
	struct candset set = {0};

	records_add_addresses(&a, "emqx@me.example", "dns", &set);
	ck_assert_uint_eq(set.n, 2);
	ck_assert_str_eq(set.item[0].name, "emqx@10.0.0.1");
	ck_assert_str_eq(set.item[0].host, "10.0.0.1");
	ck_assert_str_eq(set.item[1].name, "emqx@fd00::1");
	ck_assert_uint_eq(set.item[1].port, 0);
	candset_clear(&set);
}
END_TEST

static const struct {
	uint32_t ttl_s[3];
	uint64_t next_ms;
} ttls[] = {
	{{60, 30, 90}, 30000},
	{{0, 30, 90}, 5000},
	{{4, 4, 4}, 5000},
	{{5, 6, 7}, 5000},
	{{86400, 3600, UINT32_MAX}, 300000},
};

START_TEST(test_next)
{
	struct dns_record r[3];
	struct dns_answer a = {r, 3};

	for (unsigned i = 0; i < 3; i++)
		r[i] = address("10.0.0.1", ttls[_i].ttl_s[i]);
	ck_assert_uint_eq(records_next_ms(&a), ttls[_i].next_ms);
}
END_TEST

static struct dns_record srv(const char *target, uint16_t port, uint16_t priority,
	uint16_t weight)
{
	return (struct dns_record){.target = (char *)(uintptr_t)target,
		.port = port,
		.priority = priority,
		.weight = weight};
}

START_TEST(test_targets)
{
	struct dns_record r[] = {
		srv("c.example", 3, 20, 1),
		srv("a.example", 1, 10, 1),
		srv("A.Example", 9, 20, 9),
		srv("", 7, 0, 0),
		srv("b.example", 2, 10, 5),
		srv("b.example", 8, 10, 4),
	};
	struct dns_answer a = {r, sizeof r / sizeof *r};
	struct records_targets t;

	records_targets(&a, &t);
	ck_assert_uint_eq(t.n, 3);
	ck_assert_str_eq(t.item[0].host, "b.example");
	ck_assert_uint_eq(t.item[0].port, 2);
	ck_assert_str_eq(t.item[1].host, "a.example");
	ck_assert_uint_eq(t.item[1].port, 1);
	ck_assert_str_eq(t.item[2].host, "c.example");
	records_targets_free(&t);
}
END_TEST

START_TEST(test_targets_bounded)
{
	struct dns_record *r = calloc(RECORDS_TARGETS_MAX + 5, sizeof *r);
	struct dns_answer a = {r, RECORDS_TARGETS_MAX + 5};
	struct records_targets t;
	char name[RECORDS_TARGETS_MAX + 5][16];

	for (unsigned i = 0; i < a.n; i++) {
		snprintf(name[i], sizeof name[i], "h%u", i);
		r[i] = srv(name[i], 1, (uint16_t)i, 0);
	}
	records_targets(&a, &t);
	ck_assert_uint_eq(t.n, RECORDS_TARGETS_MAX);
	ck_assert_str_eq(t.item[0].host, "h0");
	records_targets_free(&t);
	free(r);
}
END_TEST

static const char hosts[] = "127.0.0.1\tlocalhost loop\n"
			    "# 10.0.0.9 node1\n"
			    "10.0.0.1 node1.example node1 # node2\r\n"
			    "  10.0.0.2   node1\n"
			    "fd00::1 node1\n"
			    "::1 localhost\n"
			    "not-an-address node3\n"
			    "\n10.0.0.3\n"
			    "10.0.0.4 NODE4";

static const struct {
	const char *name;
	int family;
	size_t n;
	const char *first;
} lookups[] = {
	{"node1", AF_INET, 2, "10.0.0.1"},
	{"node1", AF_INET6, 1, "fd00::1"},
	{"NODE1.Example", AF_INET, 1, "10.0.0.1"},
	{"node2", AF_INET, 0, NULL},
	{"node3", AF_INET, 0, NULL},
	{"node4", AF_INET, 1, "10.0.0.4"},
	{"node", AF_INET, 0, NULL},
	{"localhost", AF_INET, 1, "127.0.0.1"},
	{"localhost", AF_INET6, 1, "::1"},
};

START_TEST(test_hosts)
{
	struct dns_answer a = {0};
	char text[64];

	hosts_find(hosts, strlen(hosts), lookups[_i].name, lookups[_i].family, &a);
	ck_assert_uint_eq(a.n, lookups[_i].n);
	if (a.n > 0) {
		records_address(&a.record[0].addr, text);
		ck_assert_str_eq(text, lookups[_i].first);
	}
	dns_answer_free(&a);
}
END_TEST

START_TEST(test_localhost_needs_no_file)
{
	struct dns_answer a = {0};

	hosts_find_in("/nonexistent/hosts", "localhost", AF_INET, &a);
	ck_assert_uint_eq(a.n, 1);
	dns_answer_free(&a);
}
END_TEST

#define LOOP(t, test, table) \
	tcase_add_loop_test(t, test, 0, (int)(sizeof(table) / sizeof *(table)))

int main(void)
{
	TCase *t = tcase_create("dns_records");
	Suite *s = suite_create("dns_records");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_addresses);
	LOOP(t, test_next, ttls);
	tcase_add_test(t, test_targets);
	tcase_add_test(t, test_targets_bounded);
	LOOP(t, test_hosts, lookups);
	tcase_add_test(t, test_localhost_needs_no_file);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
