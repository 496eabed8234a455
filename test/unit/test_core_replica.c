/* Replicas are leaves: linked to three cores, never passed through, never counted, never what makes two clusters one. */
#include <check.h>

#include "test/unit/core_world.h"

static void seeds_of_all(int n)
{
	int all[W_NODES];

	for (int i = 0; i < n; i++)
		all[i] = i;
	for (int i = 0; i < n; i++)
		w_seeds(&w, i, all, (size_t)n);
}

static void cores_and_replicas(int cores, int replicas)
{
	for (int i = 0; i < cores; i++)
		w_add(&w, CORE_AUTO);
	for (int i = 0; i < replicas; i++)
		w_add_role(&w, CORE_AUTO, WIRE_REPLICA);
	seeds_of_all(cores + replicas);
	w_run(&w, 5000);
}

static size_t links(int i)
{
	struct core_counters n;

	core_counters(w.node[i].core, &n);
	return n.links;
}

static void all_run(unsigned n)
{
	for (int i = 0; i < w.n; i++) {
		ck_assert_uint_eq(w_running(&w, i), n);
		ck_assert_uint_eq(w_events(&w, i, CORE_EV_NODE_DOWN), 0);
	}
}

START_TEST(links_to_three_cores_and_no_more)
{
	cores_and_replicas(6, 2);
	all_run(8);
	w_run(&w, 60000);
	all_run(8);
	ck_assert_uint_eq(links(6), 3);
	ck_assert_uint_eq(links(7), 3);
	ck_assert_uint_eq(w_status(0).voters, 6);
	ck_assert_uint_eq(w_status(7).voters, 6);
	ck_assert(w_status(7).quorum);
}
END_TEST

struct mine {
	struct id128 peer[W_NODES];
	size_t n;
};

static void keep(void *ctx, const struct core_link *link)
{
	struct mine *m = ctx;

	if (link->own && strcmp(link->state, "live") == 0)
		m->peer[m->n++] = link->to;
}

START_TEST(fails_over_when_one_of_its_cores_is_out_of_reach)
{
	struct mine m = {.n = 0};

	cores_and_replicas(6, 1);
	w_run(&w, 60000);
	core_each_link(w.node[6].core, keep, &m);
	ck_assert_uint_eq(m.n, 3);
	for (int i = 0; i < 6; i++) {
		struct id128 id = w_status(i).member_id;

		if (id_eq(&id, &m.peer[0]))
			w_cut(&w, i, 6, true);
	}
	w_run(&w, 30000);
	ck_assert_uint_eq(links(6), 3);
	all_run(7);
}
END_TEST

START_TEST(an_older_replica_costs_no_quorum)
{
	int to = 0;

	w_add_role(&w, CORE_AUTO, WIRE_REPLICA);
	w_run(&w, 2000);
	w_add(&w, CORE_AUTO);
	w_seeds(&w, 1, &to, 1);
	w_run(&w, 5000);
	all_run(2);
	ck_assert(w_status(1).quorum);
	ck_assert(w_status(0).quorum);
	ck_assert_uint_eq(w_status(1).voters, 1);
}
END_TEST

START_TEST(never_makes_two_clusters_one)
{
	struct wire_identity other, before, after;
	int both[] = {0, 2};

	for (int i = 0; i < 4; i++)
		w_add(&w, CORE_AUTO);
	for (int i = 0; i < 2; i++)
		for (int k = 2; k < 4; k++)
			w_cut(&w, i, k, true);
	seeds_of_all(4);
	w_run(&w, 3000);
	before = w_status(2).identity;
	other = w_status(0).identity;
	ck_assert(memcmp(&before, &other, sizeof before) != 0);
	w_add_role(&w, CORE_AUTO, WIRE_REPLICA);
	w_seeds(&w, 4, both, 2);
	w_run(&w, 20000);
	after = w_status(2).identity;
	ck_assert(memcmp(&before, &after, sizeof before) == 0);
	ck_assert_uint_eq(w_running(&w, 4), 3);
	ck_assert_uint_eq(w_running(&w, 0) + w_running(&w, 2), 5);
}
END_TEST

START_TEST(no_path_leads_through_one)
{
	cores_and_replicas(2, 1);
	all_run(3);
	w_cut(&w, 0, 1, true);
	w_run(&w, 4000);
	ck_assert_uint_eq(w_stopped(&w, 0), 1);
	ck_assert_uint_eq(w_stopped(&w, 1), 1);
	/* and it sees both */
	ck_assert_uint_eq(w_running(&w, 2), 3);
}
END_TEST

START_TEST(its_operator_may_remove_a_member)
{
	cores_and_replicas(4, 1);
	w_kill(&w, 3);
	w_run(&w, 3000);
	ck_assert_int_eq(w_command(&w, 4,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 3)},
				 1000),
		CORE_OK);
	w_run(&w, 1000);
	for (int i = 0; i < 5; i++)
		if (i != 3)
			ck_assert_uint_eq(w_stopped(&w, i), 0);
}
END_TEST

START_TEST(joins_to_and_from_one_are_refused)
{
	int replica, core;

	cores_and_replicas(1, 1);
	core = w_add(&w, CORE_MANUAL);
	replica = w_add_role(&w, CORE_MANUAL, WIRE_REPLICA);
	w_run(&w, 100);
	ck_assert_int_eq(w_command(&w, core,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, 1)},
				 3000),
		CORE_E_REPLICANT);
	ck_assert_str_eq(w.node[core].reply.name, w.node[1].name);
	ck_assert_int_eq(w_command(&w, replica,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, 0)},
				 3000),
		CORE_E_REPLICANT);
}
END_TEST

START_TEST(leaves_and_comes_back)
{
	cores_and_replicas(3, 1);
	ck_assert_int_eq(w_command(&w, 3, (struct core_command){.kind = CORE_CMD_LEAVE}, 4000),
		CORE_OK);
	w_run(&w, 1000);
	ck_assert_uint_eq(w_running(&w, 0), 3);
	ck_assert_uint_eq(w_stopped(&w, 2), 0);
	ck_assert_int_eq(w_command(&w, 3,
				 (struct core_command){.kind = CORE_CMD_DISCOVERY, .on = true},
				 1000),
		CORE_OK);
	w_run(&w, 5000);
	ck_assert_uint_eq(w_running(&w, 0), 4);
	ck_assert_uint_eq(w_running(&w, 3), 4);
}
END_TEST

/* A directory of a replica, started as a core: it counts once it has run with a quorum. Alone it is its own. */
START_TEST(a_replica_becomes_a_core)
{
	cores_and_replicas(3, 1);
	w_kill(&w, 3);
	w.node[3].role = WIRE_CORE;
	w_start(&w, 3);
	w_run(&w, 5000);
	ck_assert_uint_eq(w_status(0).voters, 4);
	int alone = w_add_role(&w, CORE_MANUAL, WIRE_REPLICA);

	w_run(&w, 2000);
	w_kill(&w, alone);
	w.node[alone].role = WIRE_CORE;
	w_start(&w, alone);
	w_run(&w, 2000);
	ck_assert(w_status(alone).quorum);
}
END_TEST

/* When all that counted are gone for good those that are left count, or no quorum would ever be again. */
START_TEST(without_any_voter_left_the_cores_count)
{
	cores_and_replicas(1, 1);
	w_kill(&w, 0);
	w_kill(&w, 1);
	w.node[1].role = WIRE_CORE;
	w_start(&w, 1);
	w_run(&w, 2000);
	ck_assert(!w_status(1).quorum);
	ck_assert_int_eq(w_command(&w, 1,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 0)},
				 1000),
		CORE_OK);
	w_run(&w, 1000);
	ck_assert(w_status(1).quorum);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_replica");
	TCase *t = tcase_create("stories");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, w_setup, w_teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, links_to_three_cores_and_no_more);
	tcase_add_test(t, fails_over_when_one_of_its_cores_is_out_of_reach);
	tcase_add_test(t, an_older_replica_costs_no_quorum);
	tcase_add_test(t, never_makes_two_clusters_one);
	tcase_add_test(t, no_path_leads_through_one);
	tcase_add_test(t, its_operator_may_remove_a_member);
	tcase_add_test(t, joins_to_and_from_one_are_refused);
	tcase_add_test(t, leaves_and_comes_back);
	tcase_add_test(t, a_replica_becomes_a_core);
	tcase_add_test(t, without_any_voter_left_the_cores_count);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
