#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/fixture.h"
#include "workers/k8s/k8s_store.h"
#include "workers/worker.h"

static struct k8s_store load(const char *name)
{
	struct buf b = fixture_read("k8s", name);
	struct k8s_store s = {0};
	struct k8s_list l;

	ck_assert_int_eq(k8s_parse_list((char *)b.p, b.n, &l), 0);
	ck_assert_int_eq(k8s_store_add_list(&s, &l), 0);
	buf_free(&b);
	return s;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name>host " of each candidate, sorted: one line to compare. */
static char *render(const struct candset *set, char *out, size_t cap)
{
	char **line = calloc(set->n + 1, sizeof *line);
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		line[i] = malloc(1024);
		snprintf(line[i], 1024, "%s>%s ", set->item[i].name, set->item[i].host);
	}
	qsort(line, set->n, sizeof *line, by_text);
	out[0] = '\0';
	for (size_t i = 0; i < set->n; i++) {
		n += (size_t)snprintf(out + n, cap - n, "%s", line[i]);
		ck_assert_uint_lt(n, cap);
		free(line[i]);
	}
	free(line);
	return out;
}

static const struct {
	const char *file;
	enum k8s_address_type type;
	enum k8s_family family;
	const char *suffix, *expected;
	size_t other_family, no_hostname;
} names[] = {
	{"v1.36/es-list-emqx-slices.json", K8S_BY_IP, K8S_IPV4, "pod.local",
		"emqx@10.244.1.11>10.244.1.11 emqx@10.244.1.11>10.244.1.11 emqx@10.244.1.12>10.244.1.12 "
		"emqx@10.244.1.13>10.244.1.13 emqx@10.244.2.21>10.244.2.21 "
		"emqx@emqx-9.example.com>emqx-9.example.com ",
		2, 0},
	{"v1.36/es-list-emqx-slices.json", K8S_BY_IP, K8S_IPV6, "",
		"emqx@emqx-9.example.com>emqx-9.example.com "
		"emqx@fd00:10:244::11>fd00:10:244::11 emqx@fd00:10:244::12>fd00:10:244::12 ",
		5, 0},
	{"v1.36/es-list-emqx-slices.json", K8S_BY_DNS, K8S_IPV6, "pod.cluster.local",
		"emqx@emqx-9.example.com>emqx-9.example.com "
		"emqx@fd00-10-244--11.default.pod.cluster.local>fd00:10:244::11 "
		"emqx@fd00-10-244--12.default.pod.cluster.local>fd00:10:244::12 ",
		5, 0},
	{"v1.36/es-list-emqx-slices.json", K8S_BY_HOSTNAME, K8S_IPV4, "svc.cluster.local",
		"emqx@emqx-0.emqx.default.svc.cluster.local>10.244.1.11 "
		"emqx@emqx-0.emqx.default.svc.cluster.local>10.244.1.11 "
		"emqx@emqx-1.emqx.default.svc.cluster.local>10.244.1.12 "
		"emqx@emqx-2.emqx.default.svc.cluster.local>10.244.1.13 ",
		2, 2},
	{"v1.36/ep-get-emqx-subsets.json", K8S_BY_DNS, K8S_IPV4, "",
		"emqx@10-244-4-1>10.244.4.1 emqx@10-244-4-2>10.244.4.2 emqx@10-244-4-2>10.244.4.2 "
		"emqx@10-244-4-9>10.244.4.9 ",
		1, 0},
	{"v1.36/ep-get-emqx-subsets.json", K8S_BY_HOSTNAME, K8S_IPV4, "",
		"emqx@b>10.244.4.2 emqx@b>10.244.4.2 ", 1, 2},
	{"v1.36/ep-get-emqx-notready.json", K8S_BY_IP, K8S_IPV4, "",
		"emqx@10.244.3.1>10.244.3.1 ", 0, 0},
	{"v1.36/es-list-emqx-nobody.json", K8S_BY_IP, K8S_IPV4, "", "", 0, 0},
	{"v1.20/es-list-emqx-headless.json", K8S_BY_HOSTNAME, K8S_IPV6, "svc.x",
		"emqx@emqx-sts-0.emqx.default.svc.x>fd00:10:244:7::10 "
		"emqx@emqx-sts-1.emqx.default.svc.x>fd00:10:244:7::11 "
		"emqx@emqx-sts-2.emqx.default.svc.x>fd00:10:244:7::12 "
		"emqx@emqx-sts-3.emqx.default.svc.x>fd00:10:244:7::13 ",
		4, 0},
};

START_TEST(test_names)
{
	struct k8s_store s = load(names[_i].file);
	struct k8s_naming how = {
		.prefix = "emqx@host",
		.prefix_len = 4,
		.type = names[_i].type,
		.service = "emqx",
		.ns = "default",
		.suffix = names[_i].suffix,
		.family = names[_i].family,
	};
	struct candset set = {0};
	struct k8s_skipped skipped;
	char text[4096];

	k8s_store_candidates(&s, &how, "k8s", &set, &skipped);
	ck_assert_str_eq(render(&set, text, sizeof text), names[_i].expected);
	ck_assert_uint_eq(skipped.other_family, names[_i].other_family);
	ck_assert_uint_eq(skipped.no_hostname, names[_i].no_hostname);
	ck_assert_uint_eq(skipped.bad, 0);
	candset_clear(&set);
	k8s_store_clear(&s);
}
END_TEST

/* A recorded watch, applied to an empty store: what the last line said is what stays. */
START_TEST(test_watch_applies)
{
	struct buf b = fixture_read("k8s", "v1.36/ep-watch-from-list.json");
	struct k8s_store s = {0};
	const char *at = (char *)b.p, *nl;
	size_t most = 0;

	for (; (nl = memchr(at, '\n', b.n - (size_t)(at - (char *)b.p))) != NULL; at = nl + 1) {
		struct k8s_event e;

		ck_assert_int_eq(k8s_parse_event(at, (size_t)(nl - at), &e), 0);
		if (e.type == K8S_SET)
			ck_assert_int_eq(k8s_store_set(&s, &e.object), 0);
		else if (e.type == K8S_DELETED)
			k8s_store_delete(&s, e.object.name);
		most = s.n > most ? s.n : most;
		k8s_event_free(&e);
	}
	ck_assert_uint_gt(most, 0);
	ck_assert_uint_eq(s.n, most - 1);
	k8s_store_delete(&s, "never seen");
	k8s_store_clear(&s);
	buf_free(&b);
}
END_TEST

START_TEST(test_bounds)
{
	struct k8s_store s = {0};
	struct k8s_object o = {0};

	for (unsigned i = 0; i < K8S_OBJECTS_MAX; i++) {
		snprintf(o.name, sizeof o.name, "slice-%u", i);
		ck_assert_int_eq(k8s_store_set(&s, &o), 0);
	}
	snprintf(o.name, sizeof o.name, "one-more");
	ck_assert_int_eq(k8s_store_set(&s, &o), -EMSGSIZE);
	snprintf(o.name, sizeof o.name, "slice-7");
	ck_assert_int_eq(k8s_store_set(&s, &o), 0);
	k8s_store_clear(&s);
}
END_TEST

START_TEST(test_name_too_long)
{
	struct k8s_store s = {0};
	struct k8s_object o = {.name = "a", .n_endpoints = 1};
	struct k8s_naming how = {.prefix = "emqx",
		.prefix_len = 4,
		.type = K8S_BY_HOSTNAME,
		.service = "emqx",
		.ns = "default",
		.suffix = "svc.cluster.local"};
	struct candset set = {0};
	struct k8s_skipped skipped;

	o.endpoint = calloc(1, sizeof *o.endpoint);
	snprintf(o.endpoint->address, sizeof o.endpoint->address, "10.0.0.1");
	memset(o.endpoint->hostname, 'h', sizeof o.endpoint->hostname - 1);
	ck_assert_int_eq(k8s_store_set(&s, &o), 0);
	k8s_store_candidates(&s, &how, "k8s", &set, &skipped);
	ck_assert_uint_eq(set.n, 0);
	ck_assert_uint_eq(skipped.bad, 1);
	k8s_store_clear(&s);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("k8s_store");
	Suite *s = suite_create("k8s_store");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_names, 0, (int)(sizeof names / sizeof *names));
	tcase_add_test(t, test_watch_applies);
	tcase_add_test(t, test_bounds);
	tcase_add_test(t, test_name_too_long);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
