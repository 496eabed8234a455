#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/check.h"
#include "common/conf/value.h"

static const struct {
	enum conf_kind kind;
	const char *written, *plain; /* plain NULL: refused */
} decode[] = {
	{CONF_STR, "", ""},
	{CONF_STR, "a b", "a b"},
	{CONF_STR, "\"a b\"", "a b"},
	{CONF_STR, "\"\"", ""},
	{CONF_STR, "a\"b", "a\"b"},
	{CONF_STR, "[a]", "[a]"},
	{CONF_STR, "'a'", "'a'"},
	{CONF_STR, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
	{CONF_STR, "\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\"",
		"A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
	{CONF_STR, "\"\\u00E4\"", "\xc3\xa4"},
	{CONF_STR, "\"a ; b\"", "a ; b"},
	{CONF_STR, "\"a \\u003b b\"", "a ; b"},
	{CONF_STR, "\"a", NULL},
	{CONF_STR, "\"a\\", NULL},
	{CONF_STR, "\"a\\\"", NULL},
	{CONF_STR, "\"a\" b", NULL},
	{CONF_STR, "\"a\"\"b\"", NULL},
	{CONF_STR, "\"\\x41\"", NULL},
	{CONF_STR, "\"\\u12\"", NULL},
	{CONF_STR, "\"\\u0000\"", NULL},
	{CONF_STR, "\"\\ud83d\"", NULL},
	{CONF_STR, "\"\\ud83d\\u0041\"", NULL},
	{CONF_STR, "\"\\ude00\"", NULL},
	{CONF_LIST, "", ""},
	{CONF_LIST, "[]", ""},
	{CONF_LIST, "[ ]", ""},
	{CONF_LIST, "a@h", "a@h"},
	{CONF_LIST, "[a@h,b@h]", "a@h,b@h"},
	{CONF_LIST, "[\"a@h\",\"b@h\"]", "a@h,b@h"},
	{CONF_LIST, "a@h,b@h", "a@h,b@h"},
	{CONF_LIST, "a@h b@h", "a@h,b@h"},
	{CONF_LIST, " a@h ,\t b@h, ", "a@h,b@h"},
	{CONF_LIST, "\"a@h, b@h\"", "a@h,b@h"},
	{CONF_LIST, "\"a@h\", \"b@h\"", "a@h,b@h"},
	{CONF_LIST, "[\"a@h, b@h\", c@h]", "a@h,b@h,c@h"},
	{CONF_LIST, "[a@[::1]:1, b@[::2]]", "a@[::1]:1,b@[::2]"},
	{CONF_LIST, "[::1]:53", "[::1]:53"},
	{CONF_LIST, "[::1]:53,[::2]:54", "[::1]:53,[::2]:54"},
	{CONF_LIST, "[::1]:53 [::2]", "[::1]:53,[::2]"},
	{CONF_LIST, "[[::1]:53,[::2]]", "[::1]:53,[::2]"},
	{CONF_LIST, "[::1]", "::1"},
	{CONF_LIST, "[\"]\", a]", "],a"},
	{CONF_LIST, "[\"\\\"]\", a]", "\"],a"},
	{CONF_LIST, "[a", "[a"},
	{CONF_LIST, "[\"a", "[\"a"},
	{CONF_LIST, "\"a\"b", NULL},
	{CONF_LIST, "[\"a\" \"\\q\"]", NULL},
};

START_TEST(test_decode)
{
	const char *why = NULL;
	char *plain = NULL;
	int rc = value_decode(decode[_i].kind, decode[_i].written, &plain, &why);

	if (!decode[_i].plain) {
		ck_assert_msg(rc == -EINVAL && why && !plain, "%s", decode[_i].written);
		return;
	}
	ck_assert_msg(rc == 0, "%s: %s", decode[_i].written, why);
	ck_assert_str_eq(plain, decode[_i].plain);
	free(plain);
}
END_TEST

static const char *const choices[] = {"core", "replica|replicant", NULL};
static const struct conf_key
	str = {.kind = CONF_STR, .min = 1, .max = 8},
	named = {.kind = CONF_STR, .max = 300, .check = check_node}, flag = {.kind = CONF_BOOL},
	port = {.kind = CONF_UINT, .min = 1, .max = 65535},
	wide = {.kind = CONF_UINT, .max = UINT64_MAX},
	span = {.kind = CONF_DURATION, .min = 100, .max = 60000, .unit_ms = 1},
	clean = {.kind = CONF_DURATION, .max = 86400000, .unit_ms = 1000},
	size = {.kind = CONF_SIZE, .min = 1024, .max = 1 << 20},
	role = {.kind = CONF_ENUM, .choice = choices},
	seeds = {.kind = CONF_LIST, .min = 1, .max = 2, .check = check_seed},
	any = {.kind = CONF_LIST, .max = 9, .flags = CONF_ANY_CASE, .check = check_strategy},
	tags = {.kind = CONF_MAP, .max = 4};

static const struct {
	const struct conf_key *key;
	const char *plain, *text, *why; /* text NULL: refused, and why holds this */
} canon[] = {
	{&str, "abc", "abc", NULL},
	{&str, "\xc3\xa4 \"", "\xc3\xa4 \"", NULL},
	{&str, "", NULL, "allowed: 1 to 8"},
	{&str, "123456789", NULL, "9 bytes; allowed: 1 to 8"},
	{&str, "a\nb", NULL, "control characters"},
	{&str, "a\x7f", NULL, "control characters"},
	{&named, "a@h", "a@h", NULL},
	{&named, "a", NULL, "must be: a node is named name@host"},
	{&named, "a@h:1", NULL, "node.dist_port"},
	{&flag, "true", "true", NULL},
	{&flag, "On", "true", NULL},
	{&flag, "yes", "true", NULL},
	{&flag, "FALSE", "false", NULL},
	{&flag, "off", "false", NULL},
	{&flag, "no", "false", NULL},
	{&flag, "1", NULL, "allowed: true or false"},
	{&flag, "", NULL, "allowed: true or false"},
	{&port, "1", "1", NULL},
	{&port, "0065535", "65535", NULL},
	{&port, "0", NULL, "a number from 1 to 65535"},
	{&port, "65536", NULL, "a number from 1 to 65535"},
	{&port, "-1", NULL, "a number from"},
	{&port, "1x", NULL, "a number from"},
	{&port, "", NULL, "a number from"},
	{&port, "99999999999999999999", NULL, "a number from"},
	{&wide, "9999999999999999999", "9999999999999999999", NULL},
	{&span, "500", "500ms", NULL},
	{&span, "60s", "1m", NULL},
	{&span, "1.5S", "1500ms", NULL},
	{&span, "99ms", NULL, "out of range; allowed: 100ms to 1m"},
	{&span, "61s", NULL, "out of range"},
	{&span, "disabled", NULL, "a bare number counts milliseconds"},
	{&span, "soon", NULL, "not a duration; allowed: 100ms to 1m, like 500ms"},
	{&span, "99999999999999999999s", NULL, "out of range"},
	{&clean, "60", "1m", NULL},
	{&clean, "0", "0", NULL},
	{&clean, "Disabled", "0", NULL},
	{&clean, "never", NULL, "counts seconds; 0 or disabled is never"},
	{&size, "64kb", "65536", NULL},
	{&size, "1MB", "1048576", NULL},
	{&size, "1023", NULL, "out of range; allowed: 1024 to 1048576 bytes"},
	{&size, "1GB", NULL, "out of range"},
	{&size, "many", NULL, "not a size"},
	{&role, "core", "core", NULL},
	{&role, "Replica", "replica", NULL},
	{&role, "replicant", "replica", NULL},
	{&role, "rep", NULL, "allowed: core, replica"},
	{&role, "core|", NULL, "allowed: core, replica"},
	{&role, "", NULL, "allowed: core, replica"},
	{&seeds, "a@h", "a@h", NULL},
	{&seeds, "a@h,b@[::1]:1", "a@h,b@[::1]:1", NULL},
	{&seeds, "", NULL, "0 values; allowed: 1 to 2"},
	{&seeds, "a@h,b@h,c@h", NULL, "3 values; allowed: 1 to 2"},
	{&seeds, "a@h,b", NULL, "`b` is not allowed; must be: a node is named"},
	{&seeds, "a@h\x01", NULL, "control characters"},
	{&any, "K8s,DNS", "k8s,dns", NULL},
	{&any, "zookeeper", NULL, "`zookeeper` is not allowed; must be: manual"},
	{&tags, "", "", NULL},
	{&tags, "r 1", "r 1", NULL},
	{&tags, "r\t1", NULL, "256 bytes"},
};

START_TEST(test_canon)
{
	char why[VALUE_WHY_MAX] = "";
	char *text = NULL, *again = NULL;
	int rc = value_canon(canon[_i].key, canon[_i].plain, &text, why);

	if (!canon[_i].text) {
		ck_assert_int_eq(rc, -EINVAL);
		ck_assert_ptr_null(text);
		ck_assert_msg(strstr(why, canon[_i].why) != NULL, "%s: %s", canon[_i].plain,
			why);
		return;
	}
	ck_assert_msg(rc == 0, "%s: %s", canon[_i].plain, why);
	ck_assert_str_eq(text, canon[_i].text);
	/* what is canonical stays as it is: sections rely on it */
	ck_assert_int_eq(value_canon(canon[_i].key, text, &again, why), 0);
	ck_assert_str_eq(again, text);
	free(text);
	free(again);
}
END_TEST

START_TEST(test_long_values)
{
	char big[2000], why[VALUE_WHY_MAX];
	char *text = NULL;
	const struct conf_key free_list = {.kind = CONF_LIST, .max = 3};

	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	ck_assert_int_eq(value_canon(&free_list, big, &text, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "too long"));
	ck_assert_int_eq(value_canon(&tags, big, &text, why), -EINVAL);
	ck_assert_int_eq(value_canon(&seeds, big, &text, why), -EINVAL);
}
END_TEST

START_TEST(test_every_default_is_canonical)
{
	char why[VALUE_WHY_MAX];

	for (size_t i = 0; i < conf_n_keys; i++) {
		const struct conf_key *k = &conf_key[i];
		char *text = NULL;

		ck_assert_msg(k->doc && *k->doc, "%s has no doc", k->name);
		ck_assert_msg(k->roles & CONF_FOR_SUPERVISOR, "%s", k->name);
		ck_assert_msg((k->kind == CONF_ENUM) == (k->choice != NULL), "%s", k->name);
		ck_assert_msg(k->kind != CONF_DURATION || k->unit_ms, "%s", k->name);
		if (!k->def)
			continue;
		ck_assert_msg(!value_canon(k, k->def, &text, why), "%s: %s", k->name, why);
		free(text);
	}
}
END_TEST

static const struct check_row {
	int (*check)(const char *value, const char **why);
	const char *value;
	bool ok;
} checks[] = {
	{check_node, "emqx@::1", true},
	{check_node, "emqx@[::1]", false},
	{check_cluster_name, "emqxcl", true},
	{check_cluster_name, "a-B_9", true},
	{check_cluster_name, "9a", false},
	{check_cluster_name, "a/b", false},
	{check_cluster_name, "", false},
	{check_strategy, "singleton", true},
	{check_strategy, "mcast", false},
	{check_seed, "a@h:1", true},
	{check_seed, "a", false},
	{check_address, "", true},
	{check_address, "10.0.0.1", true},
	{check_address, "::1", true},
	{check_address, "[::1]", false},
	{check_address, "h", false},
	{check_address, "10.0.0.1:1", false},
	{check_advertise, "", true},
	{check_advertise, "h", true},
	{check_advertise, "h:1", true},
	{check_advertise, "h:1:65535", true},
	{check_advertise, "10.0.0.1:4370:5370", true},
	{check_advertise, "[::1]", true},
	{check_advertise, "[::1]:1", true},
	{check_advertise, "[::1]:1:2", true},
	{check_advertise, "h:1:2:3", false},
	{check_advertise, "h:", false},
	{check_advertise, "h:1:", false},
	{check_advertise, "h::1", false},
	{check_advertise, "h:0:1", false},
	{check_advertise, "[::1", false},
	{check_advertise, "a@h", false},
	{check_advertise, ":1", false},
	{check_domain, "emqx.example.com", true},
	{check_domain, "emqx.example.com.", true},
	{check_domain, "_emqx._tcp.example.com", true},
	{check_domain, "", false},
	{check_domain, ".", false},
	{check_domain, "a..", false},
	{check_domain, "a:1", false},
	{check_domain, "a b", false},
	{check_dns_server, "127.0.0.1", true},
	{check_dns_server, "127.0.0.1:53", true},
	{check_dns_server, "::1", true},
	{check_dns_server, "[::1]:53", true},
	{check_dns_server, "h", false},
	{check_dns_server, "127.0.0.1:0", false},
	{check_url, "http://127.0.0.1:2379", true},
	{check_url, "https://[::1]:2379/", true},
	{check_url, "etcd:2379", false},
	{check_url, "http://", false},
	{check_url, "http:///x", false},
	{check_url, "http://:2379", false},
	{check_url, "http://user:pw@h:1", false},
	{check_prefix, "emqxcl", true},
	{check_prefix, "a/b.c", true},
	{check_prefix, "/a", false},
	{check_prefix, "a/", false},
	{check_prefix, "a//b", false},
	{check_prefix, "", false},
	{check_prefix, "a b", false},
	{check_label, "emqx-headless", true},
	{check_label, "a/b", false},
	{check_label, "", false},
	{check_path, "", true},
	{check_path, "/a b", true},
	{check_path, "a", false},
	{check_user, "clusterd", true},
	{check_user, "-x", false},
	{check_user, "a:b", false},
	{check_tag_name, "rack.1", true},
	{check_tag_name, "", false},
	{check_tag_name, "a=b", false},
	{check_tag_name, "1234567890123456789012345678901234567890123456789012345678901234",
		true},
	{check_tag_name, "12345678901234567890123456789012345678901234567890123456789012345",
		false},
};

START_TEST(test_check)
{
	const struct check_row *r = &checks[_i];
	const char *why = NULL;
	int rc = r->check(r->value, &why);

	ck_assert_msg(rc == (r->ok ? 0 : -EINVAL), "%s: %s", r->value, why ? why : "-");
	ck_assert(r->ok || (why && *why));
}
END_TEST

START_TEST(test_huge_values_are_refused)
{
	static char big[70000];
	const char *why;

	memset(big, '1', sizeof big - 1);
	ck_assert_int_eq(check_advertise(big, &why), -EINVAL);
	ck_assert_int_eq(check_domain(big, &why), -EINVAL);
	ck_assert_int_eq(check_dns_server(big, &why), -EINVAL);
	ck_assert_int_eq(check_node(big, &why), -EINVAL);
	memcpy(big, "h:1:", 4);
	ck_assert_int_eq(check_advertise(big, &why), -EINVAL);
}
END_TEST

START_TEST(test_store)
{
	struct conf c = {0};

	for (size_t i = 0; i < conf_n_keys; i++)
		if (conf_key[i].kind == CONF_MAP) {
			value_store(&c, &conf_key[i], "b", "2");
			value_store(&c, &conf_key[i], "a", "1");
			value_store(&c, &conf_key[i], "c", "3");
			value_store(&c, &conf_key[i], "b", "two");
		}
	ck_assert_uint_eq(c.node.tags.n, 3);
	ck_assert_str_eq(c.node.tags.item[0].key, "a");
	ck_assert_str_eq(c.node.tags.item[1].value, "two");
	ck_assert_str_eq(c.node.tags.item[2].key, "c");
	for (size_t i = 0; i < conf_n_keys; i++)
		value_clear(&c, &conf_key[i]);
	ck_assert_uint_eq(c.node.tags.n, 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("conf_value");
	Suite *s = suite_create("conf_value");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_decode, 0, (int)(sizeof decode / sizeof *decode));
	tcase_add_loop_test(t, test_canon, 0, (int)(sizeof canon / sizeof *canon));
	tcase_add_test(t, test_long_values);
	tcase_add_test(t, test_every_default_is_canonical);
	tcase_add_loop_test(t, test_check, 0, (int)(sizeof checks / sizeof *checks));
	tcase_add_test(t, test_huge_values_are_refused);
	tcase_add_test(t, test_store);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
