#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/node.h"
#include "common/base/rng.h"

static const struct {
	const char *text, *default_host, *name, *host;
	uint16_t port;
} good[] = {
	{"emqx@127.0.0.1", NULL, "emqx@127.0.0.1", "127.0.0.1", 0},
	{"emqx@s1.emqx.io", NULL, "emqx@s1.emqx.io", "s1.emqx.io", 0},
	{"a_b-C9@h", NULL, "a_b-C9@h", "h", 0},
	{"emqx@10.0.0.7:4400", NULL, "emqx@10.0.0.7", "10.0.0.7", 4400},
	{"emqx@h:65535", NULL, "emqx@h", "h", 65535},
	{"emqx@::1", NULL, "emqx@::1", "::1", 0},
	{"emqx@[::1]", NULL, "emqx@::1", "::1", 0},
	{"emqx@[::1]:4400", NULL, "emqx@::1", "::1", 4400},
	{"emqx@fe80::1:2", NULL, "emqx@fe80::1:2", "fe80::1:2", 0},
	{"emqx1", "10.0.0.1", "emqx1@10.0.0.1", "10.0.0.1", 0},
	{"emqx1@h", "10.0.0.1", "emqx1@h", "h", 0},
	{"emqx@my_pod.svc", NULL, "emqx@my_pod.svc", "my_pod.svc", 0},
};

START_TEST(test_good)
{
	struct node_addr a;
	const char *why = "unset";

	ck_assert_msg(node_parse(good[_i].text, good[_i].default_host, &a, &why) == 0, "%s: %s",
		good[_i].text, why);
	ck_assert_ptr_null(why);
	ck_assert_str_eq(a.name, good[_i].name);
	ck_assert_str_eq(a.host, good[_i].host);
	ck_assert_uint_eq(a.port, good[_i].port);
}
END_TEST

static const struct {
	const char *text, *why;
} bad[] = {
	{"", "name@host"},
	{"emqx", "name@host"},
	{"@h", "before @"},
	{"a b@h", "before @"},
	{"a.b@h", "before @"},
	{"\xc3\xa4@h", "before @"},
	{"emqx@", "host"},
	{"emqx@a@b", "host"},
	{"emqx@a b", "host"},
	{"emqx@.a", "host"},
	{"emqx@a..b", "host"},
	{"emqx@a.", "host"},
	{"emqx@-a", "host"},
	{"emqx@a.-b", "host"},
	{"emqx@a\nb", "host"},
	{"emqx@1:2:3", "host"},
	{"emqx@[::1", "host"},
	{"emqx@[::1]x", "host"},
	{"emqx@[]:1", "host"},
	{"emqx@[h]:1", "host"},
	{"emqx@h:", "port"},
	{"emqx@h:0", "port"},
	{"emqx@h:65536", "port"},
	{"emqx@h:12a", "port"},
	{"emqx@h:000080", "port"},
	{"emqx@[::1]:", "port"},
	{"emqx@:1", "host"},
};

START_TEST(test_bad)
{
	struct node_addr a;
	const char *why = NULL;

	ck_assert_msg(node_parse(bad[_i].text, NULL, &a, &why) == -EINVAL, "%s", bad[_i].text);
	ck_assert_msg(strstr(why, bad[_i].why), "%s: %s", bad[_i].text, why);
}
END_TEST

START_TEST(test_lengths)
{
	char text[600];
	struct node_addr a;
	const char *why;

	memset(text, 'a', sizeof text);
	text[127] = '@';
	text[255] = '\0';
	ck_assert_int_eq(node_parse(text, NULL, &a, &why), 0);
	ck_assert_uint_eq(strlen(a.name), NODE_NAME_MAX);
	text[255] = 'a';
	text[256] = '\0';
	ck_assert_int_eq(node_parse(text, NULL, &a, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "255"));
	text[256] = 'a';
	text[599] = '\0';
	ck_assert_int_eq(node_parse(text, NULL, &a, &why), -EINVAL);
	ck_assert_int_eq(node_parse("a", "bad host", &a, &why), -EINVAL);
}
END_TEST

static const struct {
	const char *name;
	unsigned offset;
} offsets[] = {
	{"emqx@127.0.0.1", 0},
	{"emqx1@h", 1},
	{"emqx-12@h", 12},
	{"emqx65000@h", 5000},
	{"emqx59999@h", 59999},
	{"emqx60000@h", 0},
	{"emqx007@h9", 7},
	{"6ec088117e14@h", 14},
	{"123@h", 123},
	{"n99999999999999999999999@h", 39999},
	{"emqx2", 2},
	{"", 0},
};

START_TEST(test_ports)
{
	unsigned n = offsets[_i].offset;

	ck_assert_uint_eq(node_port_offset(offsets[_i].name), n);
	ck_assert_uint_eq(node_dist_port(offsets[_i].name), 4370 + n);
	ck_assert_uint_eq(node_rpc_port(offsets[_i].name), 5370 + n);
}
END_TEST

/* Our own reading of IPv6 addresses, against the C library's, on short strings of what they are made of. */
START_TEST(test_v6_is_inet_pton)
{
	static const char piece[] = "0012aF::::::..";
	struct rng r;
	unsigned n_good = 0;

	rng_init(&r, 6);
	for (unsigned i = 0; i < 60000; i++) {
		char text[48] = "a@[";
		size_t n = 3, len = 2 + rng_below(&r, 22);
		struct in6_addr a;
		struct node_addr node;
		const char *why;
		bool ok;

		while (n < 3 + len)
			text[n++] = piece[rng_below(&r, sizeof piece - 1)];
		ok = inet_pton(AF_INET6, text + 3, &a) == 1;
		text[n++] = ']';
		text[n] = '\0';
		ck_assert_msg((node_parse(text, NULL, &node, &why) == 0) == ok, "%s", text);
		n_good += ok;
	}
	ck_assert_uint_gt(n_good, 100);
}
END_TEST

static const struct {
	const char *text;
	bool good;
} v6[] = {
	{"::", true},
	{"::1", true},
	{"1::", true},
	{"1:2:3:4:5:6:7:8", true},
	{"1:2:3:4:5:6:7::", true},
	{"::2:3:4:5:6:7:8", true},
	{"::ffff:10.0.0.1", true},
	{"1:2:3:4:5:6:10.0.0.1", true},
	{"1:2:3:4:5:6:7:10.0.0.1", false},
	{"::1:2:3:4:5:6:10.0.0.1", false},
	{"::10.0.0.256", false},
	{"::10.0.0.01", false},
	{"::10.0.0", false},
	{"::10.0.0.1.", false},
	{"1:2:3:4:5:6:7:8::", false},
	{"1:2:3:4:5:6:7:8:9", false},
	{"1:2:3:4:5:6:7", false},
	{"1::2::3", false},
	{":::", false},
	{":1", false},
	{"1:", false},
	{"12345::", false},
	{"::g", false},
	{"fe80::1%eth0", false},
};

START_TEST(test_v6)
{
	char text[80];
	struct in6_addr a;
	struct node_addr node;
	const char *why;

	snprintf(text, sizeof text, "a@[%s]", v6[_i].text);
	ck_assert_int_eq(inet_pton(AF_INET6, v6[_i].text, &a) == 1, v6[_i].good);
	ck_assert_msg((node_parse(text, NULL, &node, &why) == 0) == v6[_i].good, "%s", text);
}
END_TEST

START_TEST(test_short_len)
{
	ck_assert_uint_eq(node_short_len("emqx@h"), 4);
	ck_assert_uint_eq(node_short_len("emqx"), 4);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("node");
	Suite *s = suite_create("node");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, test_good, 0, (int)(sizeof good / sizeof *good));
	tcase_add_loop_test(t, test_bad, 0, (int)(sizeof bad / sizeof *bad));
	tcase_add_test(t, test_lengths);
	tcase_add_loop_test(t, test_ports, 0, (int)(sizeof offsets / sizeof *offsets));
	tcase_add_test(t, test_short_len);
	tcase_add_test(t, test_v6_is_inet_pton);
	tcase_add_loop_test(t, test_v6, 0, (int)(sizeof v6 / sizeof *v6));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
