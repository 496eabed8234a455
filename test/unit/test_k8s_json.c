#include <check.h>
#include <errno.h>
#include <string.h>

#include "test/unit/fixture.h"
#include "workers/k8s/k8s_json.h"

static struct buf read_sample(const char *name)
{
	return fixture_read("k8s", name);
}

static const struct {
	const char *file;
	size_t objects, endpoints;
	const char *version;
	bool more;
} lists[] = {
	{"v1.36/ep-get-emqx-curl-ua.json", 1, 4, "855", false},
	{"v1.36/ep-get-emqx-empty.json", 1, 0, "359", false},
	{"v1.36/ep-get-emqx-headless-all.json", 1, 5, "821", false},
	{"v1.36/ep-get-emqx-headless.json", 1, 4, "824", false},
	{"v1.36/ep-get-emqx-nobody.json", 1, 0, "870", false},
	{"v1.36/ep-get-emqx-notready.json", 1, 1, "358", false},
	{"v1.36/ep-get-emqx-pretty.json", 1, 4, "855", false},
	{"v1.36/ep-get-emqx-subsets.json", 1, 5, "360", false},
	{"v1.36/ep-get-emqx.json", 1, 4, "855", false},
	{"v1.36/ep-get-getonly.json", 1, 4, "855", false},
	{"v1.36/ep-get-gzip-asked.json", 1, 4, "855", false},
	{"v1.36/ep-get-legacy-token.json", 1, 4, "855", false},
	{"v1.36/ep-list-continue.json", 1, 0, "887", true},
	{"v1.36/ep-list-fieldselector.json", 1, 4, "887", false},
	{"v1.36/ep-list-labelselector.json", 1, 4, "887", false},
	{"v1.36/ep-list-limit1.json", 1, 4, "887", true},
	{"v1.36/ep-list-none.json", 0, 0, "887", false},
	{"v1.36/ep-list-rv0.json", 7, 19, "887", false},
	{"v1.36/ep-list.json", 7, 19, "887", false},
	{"v1.36/es-get-v6.json", 1, 2, "251", false},
	{"v1.36/es-list-emqx-headless-all.json", 1, 5, "887", false},
	{"v1.36/es-list-emqx-headless.json", 2, 9, "887", false},
	{"v1.36/es-list-emqx-nobody.json", 1, 0, "887", false},
	{"v1.36/es-list-emqx-slices.json", 4, 8, "887", false},
	{"v1.36/es-list-emqx.json", 1, 4, "887", false},
	{"v1.36/es-list.json", 14, 32, "887", false},
	{"v1.20/ep-get-emqx-curl-ua.json", 1, 4, "242", false},
	{"v1.20/ep-get-emqx-empty.json", 1, 0, "249", false},
	{"v1.20/ep-get-emqx-headless-all.json", 1, 4, "341", false},
	{"v1.20/ep-get-emqx-headless.json", 1, 4, "340", false},
	{"v1.20/ep-get-emqx-nobody.json", 1, 0, "292", false},
	{"v1.20/ep-get-emqx-notready.json", 1, 1, "247", false},
	{"v1.20/ep-get-emqx-pretty.json", 1, 4, "242", false},
	{"v1.20/ep-get-emqx-subsets.json", 1, 5, "250", false},
	{"v1.20/ep-get-emqx.json", 1, 4, "242", false},
	{"v1.20/ep-get-getonly.json", 1, 4, "242", false},
	{"v1.20/ep-get-gzip-asked.json", 1, 4, "242", false},
	{"v1.20/ep-get-legacy-token.json", 1, 4, "242", false},
	{"v1.20/ep-list-continue.json", 1, 0, "343", true},
	{"v1.20/ep-list-fieldselector.json", 1, 4, "343", false},
	{"v1.20/ep-list-labelselector.json", 1, 4, "343", false},
	{"v1.20/ep-list-limit1.json", 1, 4, "343", true},
	{"v1.20/ep-list-none.json", 0, 0, "343", false},
	{"v1.20/ep-list-rv0.json", 7, 18, "341", false},
	{"v1.20/ep-list.json", 7, 18, "343", false},
	{"v1.20/es-get-v6.json", 1, 2, "258", false},
	{"v1.20/es-list-emqx-headless-all.json", 2, 8, "343", false},
	{"v1.20/es-list-emqx-headless.json", 2, 8, "343", false},
	{"v1.20/es-list-emqx-nobody.json", 2, 0, "343", false},
	{"v1.20/es-list-emqx-slices.json", 4, 7, "343", false},
	{"v1.20/es-list-emqx.json", 1, 4, "343", false},
	{"v1.20/es-list.json", 16, 33, "343", false},
};

START_TEST(test_list)
{
	struct buf b = read_sample(lists[_i].file);
	struct k8s_list l;
	size_t n = 0;

	ck_assert_int_eq(k8s_parse_list((char *)b.p, b.n, &l), 0);
	ck_assert_uint_eq(l.n_objects, lists[_i].objects);
	for (size_t i = 0; i < l.n_objects; i++) {
		n += l.object[i].n_endpoints;
		ck_assert_uint_eq(l.object[i].n_bad, 0);
		ck_assert(l.object[i].name[0] != '\0');
	}
	ck_assert_uint_eq(n, lists[_i].endpoints);
	if (l.resource_version[0] == '\0')
		ck_assert_str_eq(l.object[0].resource_version, lists[_i].version);
	else
		ck_assert_str_eq(l.resource_version, lists[_i].version);
	ck_assert_int_eq(l.next[0] != '\0', lists[_i].more);
	k8s_list_free(&l);
	buf_free(&b);
}
END_TEST

/* Every prefix of a real answer is a cut connection: refused, and nothing leaks. */
START_TEST(test_cut_list)
{
	struct buf b = read_sample("v1.36/es-list-emqx-slices.json");
	struct k8s_list l;

	while (b.n > 0 && b.p[b.n - 1] == '\n')
		b.n--;
	for (size_t n = 0; n < b.n; n++) {
		ck_assert_int_eq(k8s_parse_list((char *)b.p, n, &l), -EPROTO);
		ck_assert_ptr_null(l.object);
	}
	ck_assert_int_eq(k8s_parse_list((char *)b.p, b.n, &l), 0);
	k8s_list_free(&l);
	buf_free(&b);
}
END_TEST

START_TEST(test_slices)
{
	struct buf b = read_sample("v1.36/es-list-emqx-slices.json");
	struct k8s_list l;

	ck_assert_int_eq(k8s_parse_list((char *)b.p, b.n, &l), 0);
	ck_assert_str_eq(l.object[0].name, "emqx-slices-fqdn");
	ck_assert_int_eq(l.object[0].endpoint[0].family, K8S_FQDN);
	ck_assert_str_eq(l.object[0].endpoint[0].address, "emqx-9.example.com");
	ck_assert_str_eq(l.object[1].endpoint[1].address, "10.244.1.12");
	ck_assert_str_eq(l.object[1].endpoint[1].hostname, "emqx-1");
	ck_assert_str_eq(l.object[2].endpoint[0].hostname, "");
	ck_assert_int_eq(l.object[3].endpoint[0].family, K8S_IPV6);
	k8s_list_free(&l);
	buf_free(&b);
}
END_TEST

static const struct {
	const char *text;
	int rc;
} odd[] = {
	{"", -EPROTO},
	{"[]", -EPROTO},
	{"{}", -EPROTO},
	{"{\"kind\":\"PodList\",\"items\":[]}", -EPROTO},
	{"{\"kind\":\"EndpointsList\",\"items\":7}", -EPROTO},
	{"{\"kind\":\"EndpointsList\",\"items\":[7]}", -EPROTO},
	{"{\"kind\":\"EndpointsList\",\"items\":[{\"metadata\":{}}]}", -EPROTO},
	{"{\"kind\":\"Endpoints\",\"metadata\":{\"name\":\"a\"},\"subsets\":{}}", -EPROTO},
	{"{\"kind\":\"EndpointSliceList\"}", 0},
	{"{\"kind\":\"EndpointSliceList\",\"metadata\":null,\"items\":null}", 0},
	{"{\"kind\":\"EndpointSliceList\",\"items\":[{\"metadata\":{\"name\":\"a\"},\"endpoints\":"
	 "[null,7,{},{\"addresses\":null},{\"addresses\":[7,\"\",\"a b\",\"1.2.3.4\"]}]}]}",
		0},
};

START_TEST(test_odd_list)
{
	struct k8s_list l;

	ck_assert_int_eq(k8s_parse_list(odd[_i].text, strlen(odd[_i].text), &l), odd[_i].rc);
	k8s_list_free(&l);
}
END_TEST

START_TEST(test_bad_addresses_are_counted)
{
	const char *text = odd[sizeof odd / sizeof *odd - 1].text;
	struct k8s_list l;

	ck_assert_int_eq(k8s_parse_list(text, strlen(text), &l), 0);
	ck_assert_uint_eq(l.object[0].n_endpoints, 1);
	ck_assert_uint_eq(l.object[0].n_bad, 3);
	k8s_list_free(&l);
}
END_TEST

static const struct {
	const char *file, *types; /* one letter a line: Set, Deleted, Bookmark, Error */
} watches[] = {
	{"v1.36/ep-watch-bookmark.json", "BB"},
	{"v1.36/ep-watch-from-list.json", "SSSSDB"},
	{"v1.36/ep-watch-idle-timeout.json", ""},
	{"v1.36/ep-watch-no-rv.json", "S"},
	{"v1.36/ep-watch-old-path.json", "S"},
	{"v1.36/ep-watch-one-name-controller.json", "SS"},
	{"v1.36/ep-watch-watchlist.json", "SB"},
	{"v1.36/err-410-slice-watch-rv1.json", "E"},
	{"v1.36/err-410-watch-one-name.json", "E"},
	{"v1.36/err-410-watch-rv1.json", "E"},
	{"v1.36/es-watch-controller.json", "SSSS"},
	{"v1.20/ep-watch-from-list.json", "SSSSDB"},
	{"v1.20/ep-watch-no-rv.json", "S"},
	{"v1.20/ep-watch-one-name-controller.json", "SS"},
	{"v1.20/err-410-slice-watch-rv1.json", "E"},
	{"v1.20/err-410-watch-rv1.json", "E"},
	{"v1.20/es-watch-controller.json", "SSSS"},
};

START_TEST(test_watch)
{
	struct buf b = read_sample(watches[_i].file);
	const char *at = (char *)b.p, *end = at + b.n, *type = watches[_i].types;

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		struct k8s_event e;

		ck_assert_ptr_nonnull(nl);
		ck_assert_int_eq(k8s_parse_event(at, (size_t)(nl - at), &e), 0);
		ck_assert_int_eq("SDBE"[e.type], *type++);
		if (e.type == K8S_ERROR)
			ck_assert_int_eq(e.status.code, 410);
		else
			ck_assert(e.object.resource_version[0] != '\0');
		k8s_event_free(&e);
		at = nl + 1;
	}
	ck_assert_int_eq(*type, '\0');
	buf_free(&b);
}
END_TEST

static const char *const bad_events[] = {
	"",
	"{}",
	"7",
	"{\"type\":\"ADDED\"}",
	"{\"type\":\"ADDED\",\"object\":{}}",
	"{\"type\":\"NEWS\",\"object\":{\"metadata\":{\"name\":\"a\"}}}",
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{}}}",
	"{\"type\":\"ERROR\",\"object\":{}}",
};

START_TEST(test_bad_event)
{
	struct k8s_event e;

	ck_assert_int_eq(k8s_parse_event(bad_events[_i], strlen(bad_events[_i]), &e), -EPROTO);
}
END_TEST

static const struct {
	const char *file;
	int code;
	const char *reason, *begins;
	int retry_after_s;
} errors[] = {
	{"v1.36/err-401-garbage-token.json", 401, "Unauthorized", "Unauthorized", 0},
	{"v1.36/err-403-anonymous.json", 403, "Forbidden", "endpoints \"emqx\" is forbidden",
		0},
	{"v1.36/err-403-norole.json", 403, "Forbidden", "endpoints \"emqx\" is forbidden", 0},
	{"v1.36/err-403-list-getonly.json", 403, "Forbidden", "endpoints is forbidden", 0},
	{"v1.36/err-404-endpoints.json", 404, "NotFound", "endpoints \"does-not-exist\"", 0},
	{"v1.36/err-404-apigroup.json", 404, "NotFound", "the server could not find", 0},
	{"v1.36/err-410-continue.json", 410, "Expired", "The provided continue", 0},
	{"v1.36/err-410-list-exact.json", 410, "Expired", "The resourceVersion", 0},
	{"v1.36/err-504-future-rv.json", 504, "Timeout", "Timeout: Too large", 1},
	{"v1.36/err-429.json", 0, "", "Too many requests", 0},
	{"v1.36/err-plain-http.json", 0, "", "Client sent an HTTP request", 0},
	{"v1.20/err-404-slice-v1.json", 404, "NotFound", "the server could not find", 0},
	{"v1.20/err-401-expired-token.json", 401, "Unauthorized", "Unauthorized", 0},
	{"v1.20/err-400-badrv.json", 500, "", "", 0},
};

START_TEST(test_status)
{
	struct buf b = read_sample(errors[_i].file);
	struct k8s_status s;

	k8s_parse_status((char *)b.p, b.n, &s);
	ck_assert_int_eq(s.code, errors[_i].code);
	ck_assert_str_eq(s.reason, errors[_i].reason);
	ck_assert_msg(strncmp(s.message, errors[_i].begins, strlen(errors[_i].begins)) == 0,
		"%s", s.message);
	ck_assert_int_eq(s.retry_after_s, errors[_i].retry_after_s);
	buf_free(&b);
}
END_TEST

#define LOOP(t, test, table) \
	tcase_add_loop_test(t, test, 0, (int)(sizeof(table) / sizeof *(table)))

int main(void)
{
	TCase *t = tcase_create("k8s_json");
	Suite *s = suite_create("k8s_json");
	SRunner *r;
	int failed;

	LOOP(t, test_list, lists);
	tcase_add_test(t, test_cut_list);
	tcase_add_test(t, test_slices);
	LOOP(t, test_odd_list, odd);
	tcase_add_test(t, test_bad_addresses_are_counted);
	LOOP(t, test_watch, watches);
	LOOP(t, test_bad_event, bad_events);
	LOOP(t, test_status, errors);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
