#include <check.h>
#include <errno.h>
#include <string.h>

#include "common/base/base64.h"
#include "workers/etcd/etcd_json.h"
#include "workers/etcd/etcd_nodes.h"
#include "workers/worker.h"

static const struct {
	const char *plain, *coded;
} pairs[] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
	{"\xff\xfe\xfd>?", "//79Pj8="},
};

START_TEST(test_base64)
{
	const char *plain = pairs[_i].plain, *coded = pairs[_i].coded;
	struct buf b = {0};
	char out[16] = {0};
	size_t n;

	base64_put(&b, plain, strlen(plain));
	buf_put(&b, "", 1);
	ck_assert_str_eq((char *)b.p, coded);
	ck_assert_int_eq(base64_get(coded, strlen(coded), out, sizeof out, &n), 0);
	ck_assert_uint_eq(n, strlen(plain));
	ck_assert_mem_eq(out, plain, n);
	buf_free(&b);
}
END_TEST

static const char *const bad_base64[] = {"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9v ",
	"Zm-v", "Zm_v", "=m9v", "Zm=v"};

START_TEST(test_bad_base64)
{
	char out[16];
	size_t n;

	ck_assert_int_eq(base64_get(bad_base64[_i], strlen(bad_base64[_i]), out, sizeof out,
				 &n),
		-EPROTO);
}
END_TEST

START_TEST(test_base64_too_long)
{
	char out[4];
	size_t n;

	ck_assert_int_eq(base64_get("Zm9vYmFy", 8, out, 5, &n), -EMSGSIZE);
	ck_assert_int_eq(base64_get("Zm9v", 4, out, 3, &n), 0);
}
END_TEST

static void expect(struct buf *b, const char *text)
{
	buf_put(b, "", 1);
	ck_assert_str_eq((char *)b->p, text);
	buf_free(b);
}

START_TEST(test_requests)
{
	struct buf b = {0};

	etcd_put_authenticate(&b, "ro\"ot", "p\\\xc3\xa4\n");
	expect(&b, "{\"name\":\"ro\\\"ot\",\"password\":\"p\\\\\xc3\xa4\\n\"}");
	etcd_put_grant(&b, 59);
	expect(&b, "{\"TTL\":\"59\"}");
	etcd_put_lease_id(&b, UINT64_MAX);
	expect(&b, "{\"ID\":\"18446744073709551615\"}");
	etcd_put_put(&b, "foo", "foob", 7);
	expect(&b, "{\"key\":\"Zm9v\",\"value\":\"Zm9vYg==\",\"lease\":\"7\"}");
	etcd_put_range(&b, "foo", "fop", 1000);
	expect(&b, "{\"key\":\"Zm9v\",\"range_end\":\"Zm9w\",\"limit\":\"1000\"}");
	etcd_put_watch(&b, "foo", "fop", 10);
	expect(&b, "{\"create_request\":{\"key\":\"Zm9v\",\"range_end\":\"Zm9w\","
		   "\"start_revision\":\"10\"}}");
}
END_TEST

/* emqxcl must see nothing of emqxcl2: the end is behind the last key of ours and before the first of theirs. */
START_TEST(test_prefix_end)
{
	char end[64];

	etcd_prefix_end("/emqxcl/emqxcl/nodes/", end, sizeof end);
	ck_assert_str_eq(end, "/emqxcl/emqxcl/nodes0");
	ck_assert_int_lt(strcmp("/emqxcl/emqxcl/nodes/\x7f", end), 0);
	ck_assert_int_gt(strcmp("/emqxcl2/emqxcl/nodes/a@h", end), 0);
}
END_TEST

static const struct {
	const char *text;
	int rc;
	uint64_t id, ttl_s;
} leases[] = {
	{"{\"header\":{},\"ID\":\"7587\",\"TTL\":\"60\"}", 0, 7587, 60},
	{"{\"result\":{\"header\":{},\"ID\":\"7587\",\"TTL\":\"60\"}}", 0, 7587, 60},
	{"{\"result\":{\"header\":{},\"ID\":\"7587\"}}", 0, 7587, 0},
	{"{\"result\":{}}", -EPROTO, 0, 0},
	{"{\"ID\":\"x\"}", -EPROTO, 0, 0},
	{"{\"ID\":\"-1\"}", -EPROTO, 0, 0},
	{"{\"ID\":\"99999999999999999999999\",\"TTL\":\"1\"}", -EPROTO, 0, 0},
	{"[]", -EPROTO, 0, 0},
	{"", -EPROTO, 0, 0},
};

START_TEST(test_lease)
{
	struct etcd_lease l;

	ck_assert_int_eq(etcd_parse_keepalive(leases[_i].text, strlen(leases[_i].text), &l),
		leases[_i].rc);
	if (leases[_i].rc < 0)
		return;
	ck_assert_uint_eq(l.id, leases[_i].id);
	ck_assert_uint_eq(l.ttl_s, leases[_i].ttl_s);
	ck_assert_int_eq(etcd_parse_grant(leases[_i].text, strlen(leases[_i].text), &l),
		leases[_i].ttl_s == 0 ? -EPROTO : 0);
}
END_TEST

START_TEST(test_token)
{
	char token[ETCD_TOKEN_MAX];
	static const char good[] = "{\"header\":{},\"token\":\"abc.12\"}";
	static const char split[] = "{\"token\":\"abc\\r\\nX-Evil: 1\"}";

	ck_assert_int_eq(etcd_parse_token(good, strlen(good), token), 0);
	ck_assert_str_eq(token, "abc.12");
	ck_assert_int_eq(etcd_parse_token(split, strlen(split), token), -EPROTO);
	ck_assert_int_eq(etcd_parse_token("{}", 2, token), -EPROTO);
}
END_TEST

START_TEST(test_range)
{
	static const char text[] =
		"{\"header\":{\"cluster_id\":\"1\",\"revision\":\"5\"},\"kvs\":["
		"{\"key\":\"L2E=\",\"value\":\"ZW1xeEBoOjQ0MDA=\",\"lease\":\"1\"},"
		"{\"key\":\"L2I=\"},{\"key\":\"%%\",\"value\":\"Zm9v\"},"
		"{\"key\":\"L2M=\",\"value\":\"AAAA\"}],\"more\":true,\"count\":\"9\"}";
	struct etcd_range r;

	ck_assert_int_eq(etcd_parse_range(text, strlen(text), &r), 0);
	ck_assert_uint_eq(r.revision, 5);
	ck_assert(r.more);
	ck_assert_uint_eq(r.kvs.n, 4);
	ck_assert_str_eq(r.kvs.item[0].key, "/a");
	ck_assert_str_eq(r.kvs.item[0].value, "emqx@h:4400");
	ck_assert(!r.kvs.item[0].bad);
	ck_assert_str_eq(r.kvs.item[1].value, "");
	ck_assert(r.kvs.item[2].bad);
	ck_assert(r.kvs.item[3].bad);
	etcd_kvs_free(&r.kvs);
}
END_TEST

static const char *const bad_ranges[] = {"", "{}", "{\"header\":{}}",
	"{\"header\":{\"revision\":true}}", "{\"header\":{\"revision\":\"5\"},\"kvs\":{}}",
	"{\"header\":{\"revision\":\"5\"}"};

START_TEST(test_bad_range)
{
	struct etcd_range r;

	ck_assert_int_eq(etcd_parse_range(bad_ranges[_i], strlen(bad_ranges[_i]), &r), -EPROTO);
}
END_TEST

START_TEST(test_empty_range)
{
	static const char text[] = "{\"header\":{\"revision\":\"1\"}}";
	struct etcd_range r;

	ck_assert_int_eq(etcd_parse_range(text, strlen(text), &r), 0);
	ck_assert_uint_eq(r.kvs.n, 0);
	ck_assert(!r.more);
}
END_TEST

static const struct {
	const char *text;
	int rc;
	enum etcd_watch_kind kind;
	uint64_t compact;
	size_t n;
	const char *reason;
} watches[] = {
	{"{\"result\":{\"header\":{\"revision\":\"4\"},\"created\":true}}", 0,
		ETCD_WATCH_CREATED, 0, 0, ""},
	{"{\"result\":{\"header\":{\"revision\":\"5\"},\"events\":[{\"kv\":{\"key\":\"L2E=\","
	 "\"value\":\"Zm9v\"}},{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2I=\"}}]}}",
		0, ETCD_WATCH_EVENTS, 0, 2, ""},
	{"{\"result\":{\"header\":{\"revision\":\"9\"},\"canceled\":true,\"compact_revision\":\"3\"}}",
		0, ETCD_WATCH_CANCELED, 3, 0, ""},
	{"{\"result\":{\"canceled\":true,\"created\":true,\"cancel_reason\":\"permission denied\"}}",
		0, ETCD_WATCH_CANCELED, 0, 0, "permission denied"},
	{"{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"transport is closing\"}}",
		0, ETCD_WATCH_CANCELED, 0, 0, "transport is closing"},
	{"{\"result\":{\"events\":7}}", -EPROTO, 0, 0, 0, ""},
	{"{\"result\":7}", -EPROTO, 0, 0, 0, ""},
	{"", -EPROTO, 0, 0, 0, ""},
};

START_TEST(test_watch)
{
	struct etcd_watch w;

	ck_assert_int_eq(etcd_parse_watch(watches[_i].text, strlen(watches[_i].text), &w),
		watches[_i].rc);
	if (watches[_i].rc < 0)
		return;
	ck_assert_int_eq(w.kind, watches[_i].kind);
	ck_assert_uint_eq(w.compact_revision, watches[_i].compact);
	ck_assert_uint_eq(w.kvs.n, watches[_i].n);
	ck_assert_str_eq(w.reason, watches[_i].reason);
	if (w.kvs.n == 2) {
		ck_assert(!w.kvs.item[0].deleted);
		ck_assert(w.kvs.item[1].deleted);
	}
	etcd_kvs_free(&w.kvs);
}
END_TEST

static const struct {
	const char *text;
	int code;
	const char *message;
} errors[] = {
	{"{\"error\":\"etcdserver: user name is empty\",\"message\":\"etcdserver: user name is empty\","
	 "\"code\":3}",
		3, "etcdserver: user name is empty"},
	{"{\"error\":\"invalid auth token\",\"code\":16}", 16, "invalid auth token"},
	{"404 page not found\n", -1, "404 page not found"},
	{"", -1, ""},
};

START_TEST(test_error)
{
	struct etcd_error e;

	etcd_parse_error(errors[_i].text, strlen(errors[_i].text), &e);
	ck_assert_int_eq(e.code, errors[_i].code);
	ck_assert_str_eq(e.message, errors[_i].message);
}
END_TEST

START_TEST(test_nodes)
{
	struct etcd_kv first[] = {
		{.key = (char[]){"/n/a"}, .value = (char[]){"emqx@10.0.0.1"}},
		{.key = (char[]){"/n/b"}, .value = (char[]){"emqx@[::1]:4400"}},
		{.key = (char[]){"/n/c"}, .value = (char[]){"what is this"}},
		{.bad = true},
	};
	struct etcd_kv then[] = {
		{.key = (char[]){"/n/a"}, .value = (char[]){"emqx@10.0.0.9"}},
		{.key = (char[]){"/n/b"}, .value = (char[]){""}, .deleted = true},
		{.key = (char[]){"/n/z"}, .value = (char[]){""}, .deleted = true},
	};
	struct etcd_nodes s = {0};
	struct candset set = {0};

	ck_assert_int_eq(etcd_nodes_apply(&s, &(struct etcd_kvs){first, 4}), 0);
	ck_assert_uint_eq(etcd_nodes_candidates(&s, "etcd", &set), 1);
	ck_assert_uint_eq(set.n, 2);
	ck_assert_str_eq(set.item[1].name, "emqx@::1");
	ck_assert_str_eq(set.item[1].host, "::1");
	ck_assert_uint_eq(set.item[1].port, 4400);
	candset_clear(&set);
	ck_assert_int_eq(etcd_nodes_apply(&s, &(struct etcd_kvs){then, 3}), 0);
	ck_assert_uint_eq(etcd_nodes_candidates(&s, "etcd", &set), 1);
	ck_assert_uint_eq(set.n, 1);
	ck_assert_str_eq(set.item[0].name, "emqx@10.0.0.9");
	candset_clear(&set);
	etcd_nodes_clear(&s);
}
END_TEST

#define LOOP(t, test, table) \
	tcase_add_loop_test(t, test, 0, (int)(sizeof(table) / sizeof *(table)))

int main(void)
{
	TCase *t = tcase_create("etcd_json");
	Suite *s = suite_create("etcd_json");
	SRunner *r;
	int failed;

	LOOP(t, test_base64, pairs);
	LOOP(t, test_bad_base64, bad_base64);
	tcase_add_test(t, test_base64_too_long);
	tcase_add_test(t, test_requests);
	tcase_add_test(t, test_prefix_end);
	LOOP(t, test_lease, leases);
	tcase_add_test(t, test_token);
	tcase_add_test(t, test_range);
	LOOP(t, test_bad_range, bad_ranges);
	tcase_add_test(t, test_empty_range);
	LOOP(t, test_watch, watches);
	LOOP(t, test_error, errors);
	tcase_add_test(t, test_nodes);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
