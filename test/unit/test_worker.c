#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/node.h"
#include "workers/candidate_set.h"
#include "workers/static/static.h"

static char nothing[] = "";
static char own_name[] = "emqx1@10.0.0.1";

/* A node that listens at all addresses, port 4371. */
static struct conf conf_of_node(void)
{
	struct conf c = {0};

	c.node.name = own_name;
	c.node.bind_address = nothing;
	c.node.advertise = nothing;
	c.node.dist_port = 4371;
	return c;
}

static const struct {
	const char *title;
	const char *bind, *advertise;
	uint64_t dist_port;
	const char *name, *host;
	uint16_t port;
	bool self;
} selves[] = {
	{"by name", "", "", 0, "emqx1@10.0.0.1", "10.9.9.9", 9, true},
	{"another name and host", "", "", 0, "emqx1@10.0.0.2", "10.0.0.2", 0, false},
	{"another name at a loopback address, same port by the rule", "", "", 0, "x1@127.0.0.1",
		"127.0.0.1", 0, true},
	{"all of 127/8 is ours when we listen everywhere", "", "", 0, "x1@127.9.9.9",
		"127.9.9.9", 4371, true},
	{"another port is another node", "", "", 0, "x2@127.0.0.1", "127.0.0.1", 0, false},
	{"our port from the configuration", "", "", 5000, "x@127.0.0.1", "127.0.0.1", 5000,
		true},
	{"the rule's port is not ours then", "", "", 5000, "x1@127.0.0.1", "127.0.0.1", 0,
		false},
	{"a bound address", "127.0.0.3", "", 0, "x1@127.0.0.3", "127.0.0.3", 0, true},
	{"one that we are not bound to", "127.0.0.3", "", 0, "x1@127.0.0.1", "127.0.0.1", 0,
		false},
	{"two spellings of one address", "fd00::1", "", 0, "x1@fd00:0::1", "fd00:0::1", 0,
		true},
	{"a host name is not looked up", "", "", 0, "x1@localhost", "localhost", 0, false},
	{"advertised, port by the rule", "", "n.example", 0, "x1@N.example", "N.example", 4371,
		true},
	{"advertised with a port", "", "n.example:4500:5500", 0, "x@n.example", "n.example",
		4500, true},
	{"advertised with another port", "", "n.example:4500", 0, "x1@n.example", "n.example",
		0, false},
	{"advertised IPv6", "", "[fd00::5]:4500", 0, "x@fd00::5", "fd00::5", 4500, true},
	{"the start of an advertised name", "", "n.example", 0, "x1@n.exampl", "n.exampl", 0,
		false},
};

START_TEST(test_which_candidate_is_this_node)
{
	struct conf c = conf_of_node();
	struct worker w = {.conf = &c, .node_name = own_name};
	char *bind = xstrdup(selves[_i].bind), *advertise = xstrdup(selves[_i].advertise);

	c.node.bind_address = bind;
	c.node.advertise = advertise;
	if (selves[_i].dist_port != 0)
		c.node.dist_port = selves[_i].dist_port;
	ck_assert_msg(worker_is_self(&w, selves[_i].name, selves[_i].host, selves[_i].port) ==
			      selves[_i].self,
		"%s", selves[_i].title);
	free(bind);
	free(advertise);
}
END_TEST

START_TEST(test_backoff_doubles_to_its_limit)
{
	struct worker w = {0};
	struct worker_backoff b = {0};
	uint64_t want_ms = 1000;
	bool differs = false;

	rng_init(&w.rng, (uint64_t)_i);
	for (int round = 0; round < 2; round++) {
		want_ms = 1000;
		for (int i = 0; i < 10; i++) {
			uint64_t got_ms = worker_backoff_next(&w, &b, 30000);

			ck_assert_uint_ge(got_ms, want_ms * 8 / 10);
			ck_assert_uint_le(got_ms, want_ms * 12 / 10);
			differs |= got_ms != want_ms;
			want_ms = 2 * want_ms > 30000 ? 30000 : 2 * want_ms;
		}
		worker_backoff_reset(&b);
	}
	ck_assert(differs);
	ck_assert_uint_le(worker_backoff_next(&w, &b, 300), 360);
}
END_TEST

START_TEST(test_a_set_is_sorted_without_duplicates)
{
	const struct worker_candidate one[] = {
		{"b@h", "h", 0, "static"},
		{"a@h", "h", 2, "static"},
		{"a@h", "h", 1, "static"},
		{"b@h", "h", 0, "dns"}, /* found twice: one candidate */
		{"a@h", "g", 9, "static"},
		{"a@", "g", 9, "static"},
	};
	const struct worker_candidate two[] = {one[4], one[3], one[2], one[0], one[1], one[5]};
	struct candidate_set a, b;

	candidate_set_build(&a, one, 6);
	candidate_set_build(&b, two, 6);
	ck_assert_uint_eq(a.n, 5);
	ck_assert(msg_span_eq(a.item[0].name, "a@"));
	ck_assert(msg_span_eq(a.item[1].host, "g"));
	ck_assert_uint_eq(a.item[2].port, 1);
	ck_assert_uint_eq(a.item[3].port, 2);
	ck_assert(msg_span_eq(a.item[4].source, "dns"));
	ck_assert(candidate_set_eq(&a, &b));
	candidate_set_free(&b);
	candidate_set_build(&b, two, 5);
	ck_assert(!candidate_set_eq(&a, &b));
	candidate_set_free(&b);
	candidate_set_build(&b, NULL, 0);
	ck_assert_uint_eq(b.n, 0);
	candidate_set_free(&a);
	candidate_set_free(&b);
}
END_TEST

START_TEST(test_a_set_is_bounded)
{
	enum { N = IPC_CANDIDATES_MAX + 7 };
	struct worker_candidate *c = xcalloc(N, sizeof *c);
	char(*name)[16] = xcalloc(N, sizeof *name);
	char *longest = xcalloc(1, NODE_NAME_MAX + 2);
	struct candidate_set s;

	for (unsigned i = 0; i < N; i++) {
		snprintf(name[i], sizeof name[i], "n%05u@h", N - i);
		c[i] = (struct worker_candidate){name[i], "h", 0, "static"};
	}
	memset(longest, 'x', NODE_NAME_MAX + 1);
	c[3].name = longest; /* over what a name can be */
	c[4].host = longest;
	candidate_set_build(&s, c, N);
	ck_assert_uint_eq(s.n, IPC_CANDIDATES_MAX);
	ck_assert_uint_eq(s.n_refused, 7);
	ck_assert(msg_span_eq(s.item[0].name, "n00001@h"));
	candidate_set_free(&s);
	free(longest);
	free(name);
	free(c);
}
END_TEST

static void answer(struct static_answer *a, const char *const *seed, size_t n)
{
	struct conf c = conf_of_node();
	struct worker w = {.conf = &c, .node_name = own_name};
	struct conf_list seeds = {.item = xcalloc(n + 1, sizeof *seeds.item), .n = n};

	for (size_t i = 0; i < n; i++)
		seeds.item[i] = xstrdup(seed[i]);
	static_answer_build(a, &w, &seeds);
	for (size_t i = 0; i < n; i++)
		free(seeds.item[i]);
	free(seeds.item);
}

START_TEST(test_seeds_become_candidates)
{
	static const char *const seeds[] = {"emqx2@10.0.0.2", "emqx1@10.0.0.1",
		"emqx@10.0.0.3:4400", "emqx@[fd00::4]:4401", "emqx@node5.example"};
	static const struct worker_candidate want[] = {
		{"emqx2@10.0.0.2", "10.0.0.2", 0, "static"},
		{"emqx@10.0.0.3", "10.0.0.3", 4400, "static"},
		{"emqx@fd00::4", "fd00::4", 4401, "static"},
		{"emqx@node5.example", "node5.example", 0, "static"},
	};
	struct static_answer a;

	answer(&a, seeds, 5);
	ck_assert(a.found_self);
	ck_assert_str_eq(a.error, "");
	ck_assert_uint_eq(a.n, 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_str_eq(a.candidate[i].name, want[i].name);
		ck_assert_str_eq(a.candidate[i].host, want[i].host);
		ck_assert_uint_eq(a.candidate[i].port, want[i].port);
		ck_assert_str_eq(a.candidate[i].source, want[i].source);
	}
	static_answer_free(&a);
}
END_TEST

START_TEST(test_a_seed_that_cannot_be_read_is_told_and_the_rest_counts)
{
	static const char *const seeds[] = {"emqx2@10.0.0.2", "emqx3", "@", "emqx4@10.0.0.4"};
	struct static_answer a;

	answer(&a, seeds, 4);
	ck_assert(!a.found_self);
	ck_assert_uint_eq(a.n, 2);
	ck_assert_ptr_nonnull(strstr(a.error, "emqx3: "));
	ck_assert_ptr_nonnull(strstr(a.error, "@: "));
	ck_assert_str_eq(a.candidate[1].name, "emqx4@10.0.0.4");
	static_answer_free(&a);
}
END_TEST

START_TEST(test_many_bad_seeds_are_cut_in_the_text)
{
	static const char *seeds[100];
	struct static_answer a;

	for (size_t i = 0; i < 100; i++)
		seeds[i] = "no-host-in-this-one";
	answer(&a, seeds, 100);
	ck_assert_uint_eq(a.n, 0);
	ck_assert_uint_eq(strlen(a.error), sizeof a.error - 1);
	static_answer_free(&a);
	answer(&a, NULL, 0);
	ck_assert_uint_eq(a.n, 0);
	ck_assert_str_eq(a.error, "");
	static_answer_free(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker");
	TCase *tc = tcase_create("worker");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, test_which_candidate_is_this_node, 0,
		(int)(sizeof selves / sizeof selves[0]));
	tcase_add_loop_test(tc, test_backoff_doubles_to_its_limit, 0, 5);
	tcase_add_test(tc, test_a_set_is_sorted_without_duplicates);
	tcase_add_test(tc, test_a_set_is_bounded);
	tcase_add_test(tc, test_seeds_become_candidates);
	tcase_add_test(tc, test_a_seed_that_cannot_be_read_is_told_and_the_rest_counts);
	tcase_add_test(tc, test_many_bad_seeds_are_cut_in_the_text);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
