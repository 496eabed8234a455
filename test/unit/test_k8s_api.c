#include <check.h>
#include <string.h>

#include "workers/k8s/k8s_api.h"

static const struct k8s_service svc = {"default", "emqx"};

static const struct {
	enum k8s_source source;
	unsigned limit;
	const char *next, *path;
} lists[] = {
	{K8S_SLICES, 250, "",
		"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
		"?labelSelector=kubernetes.io%2Fservice-name%3Demqx&limit=250"},
	{K8S_SLICES, 0, "",
		"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
		"?labelSelector=kubernetes.io%2Fservice-name%3Demqx"},
	{K8S_ENDPOINTS, 1, "a+/=b",
		"/api/v1/namespaces/default/endpoints"
		"?fieldSelector=metadata.name%3Demqx&limit=1&continue=a%2B%2F%3Db"},
	{K8S_ENDPOINTS_GET, 250, "", "/api/v1/namespaces/default/endpoints/emqx"},
};

START_TEST(test_list_path)
{
	struct buf b = {0};

	k8s_put_list_path(&b, lists[_i].source, &svc, lists[_i].limit, lists[_i].next);
	buf_put(&b, "", 1);
	ck_assert_str_eq((char *)b.p, lists[_i].path);
	buf_free(&b);
}
END_TEST

START_TEST(test_watch_path)
{
	struct buf b = {0};

	k8s_put_watch_path(&b, K8S_SLICES, &svc, "887", 150);
	buf_put(&b, "", 1);
	ck_assert_str_eq((char *)b.p,
		"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
		"?labelSelector=kubernetes.io%2Fservice-name%3Demqx&watch=1&allowWatchBookmarks=true"
		"&timeoutSeconds=150&resourceVersion=887");
	buf_free(&b);
}
END_TEST

static const struct {
	enum k8s_source source;
	unsigned status;
	const char *part;
} refusals[] = {
	{K8S_SLICES, 403,
		"- {apiGroups: [\"discovery.k8s.io\"], resources: [\"endpointslices\"], "
		"verbs: [\"get\", \"list\", \"watch\"]}"},
	{K8S_SLICES, 401, "token"},
	{K8S_ENDPOINTS_GET, 404, "cluster.k8s.service_name"},
	{K8S_SLICES, 500, "endpointslices of default/emqx: HTTP 500: boom"},
};

START_TEST(test_explain)
{
	struct k8s_status st = {.code = 1, .message = "boom"};
	char out[K8S_EXPLAIN_MAX];

	k8s_explain(refusals[_i].source, &svc, refusals[_i].status, &st, out);
	ck_assert_msg(strstr(out, refusals[_i].part) != NULL, "%s", out);
	/* With the longest message the advice still fits. */
	memset(st.message, 'm', sizeof st.message - 1);
	k8s_explain(refusals[_i].source, &svc, refusals[_i].status, &st, out);
	if (refusals[_i].status == 403)
		ck_assert_msg(strstr(out, refusals[_i].part) != NULL, "%s", out);
}
END_TEST

static const struct {
	struct k8s_skipped skipped;
	const char *part;
} skips[] = {
	{{.no_hostname = 2}, "2 endpoints of default/emqx have no hostname"},
	{{.other_family = 3}, "3 endpoints of default/emqx are IPv6 only"},
	{{.bad = 1}, "1 endpoints of default/emqx make no node name"},
	{{0}, ""},
};

START_TEST(test_skipped)
{
	struct k8s_naming how = {.ns = "default", .service = "emqx", .family = K8S_IPV4};
	char out[K8S_EXPLAIN_MAX];

	k8s_explain_skipped(&skips[_i].skipped, &how, out);
	ck_assert_msg(strncmp(out, skips[_i].part, strlen(skips[_i].part)) == 0, "%s", out);
	ck_assert_int_eq(out[0] == '\0', skips[_i].part[0] == '\0');
}
END_TEST

#define LOOP(t, test, table) \
	tcase_add_loop_test(t, test, 0, (int)(sizeof(table) / sizeof *(table)))

int main(void)
{
	TCase *t = tcase_create("k8s_api");
	Suite *s = suite_create("k8s_api");
	SRunner *r;
	int failed;

	LOOP(t, test_list_path, lists);
	tcase_add_test(t, test_watch_path);
	LOOP(t, test_explain, refusals);
	LOOP(t, test_skipped, skips);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
