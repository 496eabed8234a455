/* What membership does for the shared data: whose generation it is, handing over before anything is cleared, its trees. */
#include <check.h>

#include "test/unit/core_world.h"

/* 0 as well when there is no such key: the first generation. */
static uint64_t generation_on_disk(int i)
{
	uint64_t g = 0;

	for (size_t k = 0; k < w.node[i].n_keys; k++) {
		const struct w_key *x = &w.node[i].disk[k];

		if (x->key_n != 4 || memcmp(x->key, "data", 4) != 0)
			continue;
		ck_assert_uint_eq(x->value_n, 8);
		for (int b = 0; b < 8; b++)
			g = g << 8 | x->value[b];
	}
	return g;
}

static void not_empty(int i)
{
	uint64_t n = (uint64_t)i + 1;

	w_clock(&w, i);
	core_data(w.node[i].core, &(struct core_data){n, 10 * n, false});
}

static void handed(int i, bool ok)
{
	w_clock(&w, i);
	core_handed(w.node[i].core, w.node[i].handover, ok, "nobody answers");
	w_effects(&w, i);
}

static void begin(int i, struct core_command cmd)
{
	w_clock(&w, i);
	cmd.request = 9;
	core_command(w.node[i].core, &cmd);
	w_effects(&w, i);
}

/* --- generations --- */

START_TEST(a_join_swaps_the_generation_with_the_membership)
{
	int a = w_add(&w, CORE_MANUAL), b = w_add(&w, CORE_MANUAL);

	w_run(&w, 1500);
	ck_assert_uint_eq(generation_on_disk(b), 0);
	ck_assert_int_eq(w_command(&w, b,
				 (struct core_command){.kind = CORE_CMD_JOIN,
					 .node = w_addr(&w, a)},
				 2000),
		CORE_OK);
	ck_assert_uint_eq(generation_on_disk(b), W_STAGED);
	ck_assert_int_eq(w.node[b].n_swaps, 1);
	ck_assert_uint_eq(w.node[b].generation, W_STAGED);
	ck_assert_int_eq(w.node[b].staged, 1);
	ck_assert_int_eq(w.node[a].n_swaps, 0);
	w_kill(&w, b);
	w_start(&w, b);
	w_run(&w, 2000);
	ck_assert_uint_eq(generation_on_disk(b), W_STAGED);
	ck_assert_int_eq(w_command(&w, b, (struct core_command){.kind = CORE_CMD_LEAVE}, 4000),
		CORE_OK);
	ck_assert_uint_ne(generation_on_disk(b), W_STAGED);
	ck_assert_uint_eq(generation_on_disk(b), w.node[b].generation);
}
END_TEST

START_TEST(a_swap_that_fails_drops_what_was_staged)
{
	int a = w_add(&w, CORE_MANUAL), b = w_add(&w, CORE_MANUAL);

	w_run(&w, 1500);
	w.node[b].slow_disk = true;
	begin(b, (struct core_command){.kind = CORE_CMD_JOIN, .node = w_addr(&w, a)});
	w_run(&w, 200);
	ck_assert_int_eq(w.node[b].n_waiting, 1);
	ck_assert_int_eq(w.node[b].staged, 1);
	w.node[b].disk_error = -ENOSPC;
	w_disk_step(&w, b);
	ck_assert_int_eq(w.node[b].reply.code, CORE_E_STORE);
	ck_assert_int_eq(w.node[b].staged, 0);
	ck_assert_int_eq(w.node[b].n_swaps, 0);
	/* the transaction may have reached the disk: what is true is written again */
	w.node[b].slow_disk = false;
	w.node[b].disk_error = 0;
	w_run(&w, 3000);
	ck_assert_uint_eq(generation_on_disk(b), 0);
}
END_TEST

START_TEST(only_an_empty_node_joins_a_manual_cluster_by_itself)
{
	int a = w_add(&w, CORE_MANUAL), b = w_add(&w, CORE_AUTO);

	w_run(&w, 1500);
	if (_i == 1)
		not_empty(b);
	w_seeds(&w, b, &a, 1);
	w_run(&w, 3000);
	ck_assert_uint_eq(w_running(&w, a), _i == 1 ? 1 : 2);
}
END_TEST

/* --- handing over --- */

START_TEST(a_leaving_node_hands_over_first)
{
	struct id128 old, now;

	w_autos(&w, 3);
	old = w_status(2).member_id;
	w.node[2].hands = W_HANDS_LATER;
	begin(2, (struct core_command){.kind = CORE_CMD_LEAVE});
	w_run(&w, 8000);
	ck_assert_str_eq(w_status(2).busy, "leaving");
	ck_assert_uint_eq(w_running(&w, 0), 3);
	handed(2, true);
	w_run(&w, 2000);
	ck_assert_uint_eq(w.node[2].n_replies, 1);
	ck_assert_int_eq(w.node[2].reply.code, CORE_OK);
	now = w_status(2).member_id;
	ck_assert(!id_eq(&now, &old));
	ck_assert_int_eq(w.node[2].n_swaps, 1);
	ck_assert_uint_eq(w_running(&w, 0), 2);
}
END_TEST

START_TEST(who_can_hand_over_to_nobody_stays_unless_forced)
{
	struct id128 old, now;

	w_autos(&w, 3);
	old = w_status(2).member_id;
	w.node[2].hands = W_HANDS_TO_NOBODY;
	ck_assert_int_eq(w_command(&w, 2, (struct core_command){.kind = CORE_CMD_LEAVE}, 3000),
		CORE_E_NOT_IN_CLUSTER);
	now = w_status(2).member_id;
	ck_assert(id_eq(&now, &old));
	ck_assert_str_eq(w_status(2).busy, "");
	ck_assert_int_eq(w.node[2].n_swaps, 0);
	ck_assert_uint_eq(w_running(&w, 0), 3);
	ck_assert_int_eq(w_command(&w, 2,
				 (struct core_command){.kind = CORE_CMD_LEAVE, .force = true},
				 3000),
		CORE_OK);
	ck_assert_ptr_nonnull(strstr(w.node[2].reply.text, "nobody answers"));
	ck_assert_int_eq(w.node[2].n_swaps, 1);
	w_run(&w, 100);
	ck_assert_uint_eq(w_running(&w, 0), 2);
}
END_TEST

START_TEST(an_answer_to_another_job_is_nothing)
{
	w_autos(&w, 2);
	w.node[1].hands = W_HANDS_LATER;
	begin(1, (struct core_command){.kind = CORE_CMD_LEAVE});
	w_clock(&w, 1);
	core_handed(w.node[1].core, w.node[1].handover + 2, true, "");
	core_handed(w.node[1].core, 0, true, "");
	w_effects(&w, 1);
	w_run(&w, 2000);
	ck_assert_uint_eq(w_running(&w, 0), 2);
	handed(1, true);
	handed(1, false);
	w_run(&w, 2000);
	ck_assert_uint_eq(w_running(&w, 0), 1);
	ck_assert_int_eq(w.node[1].reply.code, CORE_OK);
}
END_TEST

static void remove_third(void)
{
	ck_assert_int_eq(w_command(&w, 0,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 2)},
				 100),
		CORE_OK);
}

/* _i: somebody takes what the removed one has. Else it keeps it, as a node of its own. */
START_TEST(a_removed_member_clears_only_what_others_have)
{
	struct id128 old, now;

	w_autos(&w, 3);
	not_empty(2);
	old = w_status(2).member_id;
	w.node[2].hands = _i == 1 ? W_HANDS_TO_ANYBODY : W_HANDS_TO_NOBODY;
	remove_third();
	w_run(&w, 6000);
	now = w_status(2).member_id;
	ck_assert(!id_eq(&now, &old));
	ck_assert_int_eq(w_status(2).apart, CORE_APART_REMOVED);
	ck_assert_int_eq(w.node[2].n_swaps, _i);
	ck_assert_uint_eq(generation_on_disk(2), w.node[2].generation);
	ck_assert_uint_eq(w_running(&w, 0), 2);
}
END_TEST

struct found {
	struct id128 id;
	int departed, running, n;
};

static void find(void *ctx, const struct core_data_member *m)
{
	struct found *f = ctx;

	f->n++;
	if (!id_eq(&m->id, &f->id))
		return;
	f->departed += m->departed;
	f->running += m->running;
	ck_assert_int_eq(m->rpc_port, 5370);
	ck_assert_str_ne(m->host, "");
}

/* However long it takes: both ends know each other's address until it is done. */
START_TEST(a_removed_member_and_who_told_it_can_reach_each_other)
{
	struct found third, first;

	w_autos(&w, 3);
	third = (struct found){.id = w_status(2).member_id};
	first = (struct found){.id = w_status(0).member_id};
	w.node[2].hands = W_HANDS_LATER;
	remove_third();
	w_run(&w, 8000);
	core_each_data_member(w.node[0].core, find, &third);
	core_each_data_member(w.node[2].core, find, &first);
	ck_assert_int_eq(third.departed, 1);
	ck_assert_int_eq(third.running, 0);
	ck_assert_int_eq(first.running, 1);
	ck_assert_int_eq(first.departed, 0);
	handed(2, true);
	w_run(&w, 5000);
	third.departed = 0;
	core_each_data_member(w.node[0].core, find, &third);
	ck_assert_int_eq(third.departed, 0);
	ck_assert_int_eq(w.node[2].n_swaps, 1);
}
END_TEST

START_TEST(of_two_that_removed_each_other_nobody_clears)
{
	w_autos(&w, 2);
	not_empty(0);
	not_empty(1);
	w_cut(&w, 0, 1, true);
	w_run(&w, 6000);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(w_command(&w, i,
					 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
						 .node = w_addr(&w, 1 - i)},
					 1000),
			CORE_OK);
	w_cut(&w, 0, 1, false);
	w_seeds(&w, 0, &(int){1}, 1);
	w_run(&w, 60000);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(w.node[i].n_swaps, 0);
		ck_assert_uint_eq(generation_on_disk(i), 0);
	}
}
END_TEST

/* --- heartbeats --- */

START_TEST(heartbeats_carry_the_hashes_of_the_data)
{
	w_autos(&w, 2);
	ck_assert_int_eq(w.node[1].n_peer_hashes, 0);
	not_empty(0);
	w_run(&w, 3000);
	ck_assert_int_eq(w.node[1].n_peer_hashes, 1);
	ck_assert_uint_eq(w.node[1].peer_hash, 11);
	ck_assert_int_eq(w.node[0].n_peer_hashes, 0);
}
END_TEST

/* --- trees --- */

/* Who passes root's writes on to i: everybody but the root is to have one. Returns how many deliveries there are. */
static int deliveries(int root, int to)
{
	struct id128 r = w_status(root).member_id, me = w_status(to).member_id, child[W_NODES];
	int n = 0;

	for (int i = 0; i < w.n; i++) {
		size_t k;

		if (w.node[i].core == NULL)
			continue;
		k = core_tree_children(w.node[i].core, &r, child, W_NODES);
		for (size_t c = 0; c < k; c++)
			n += id_eq(&child[c], &me);
	}
	return n;
}

static void everybody_is_reached_once(void)
{
	for (int root = 0; root < w.n; root++)
		for (int to = 0; to < w.n && w_status(root).role == WIRE_CORE; to++)
			ck_assert_int_eq(deliveries(root, to), to == root ? 0 : 1);
}

static size_t children(int i, int root)
{
	struct id128 r = w_status(root).member_id, child[W_NODES];

	return core_tree_children(w.node[i].core, &r, child, W_NODES);
}

/* Only neighbours on a circle reach each other. */
static void circle(int n)
{
	w_autos(&w, n);
	for (int i = 0; i < n; i++)
		for (int k = i + 2; k < n; k++)
			if (i != 0 || k != n - 1)
				w_cut(&w, i, k, true);
	w_run(&w, 10000);
	for (int i = 0; i < n; i++)
		ck_assert_uint_eq(w_running(&w, i), (unsigned)n);
}

START_TEST(in_a_mesh_the_origin_tells_everybody)
{
	w_autos(&w, 5);
	everybody_is_reached_once();
	ck_assert_uint_eq(children(1, 1), 4);
	ck_assert_uint_eq(children(1, 0), 0);
}
END_TEST

START_TEST(on_a_circle_both_ways_are_taken_and_meet_once)
{
	circle(6 + _i);
	everybody_is_reached_once();
	ck_assert_uint_eq(children(0, 0), 2);
	ck_assert_uint_eq(children(1, 0), 1);
}
END_TEST

START_TEST(an_edge_without_data_is_gone_round)
{
	struct id128 one;

	circle(6);
	one = w_status(1).member_id;
	w_clock(&w, 0);
	core_data_ok(w.node[0].core, &one, false); /* seen from one end only */
	w_effects(&w, 0);
	w_run(&w, 3000);
	everybody_is_reached_once();
	ck_assert_uint_eq(children(0, 0), 1);
	ck_assert_uint_eq(children(2, 0), 1);
	ck_assert_uint_eq(children(1, 0), 0);
	ck_assert_uint_eq(w_running(&w, 0), 6);
}
END_TEST

START_TEST(replicas_are_leaves)
{
	int to[4];

	w_autos(&w, 4);
	for (int i = 0; i < 4; i++)
		to[i] = i;
	for (int i = 0; i < 2; i++)
		w_seeds(&w, w_add_role(&w, CORE_AUTO, WIRE_REPLICA), to, 4);
	w_run(&w, 5000);
	ck_assert_uint_eq(w_running(&w, 0), 6);
	everybody_is_reached_once();
	for (int root = 0; root < 4; root++)
		ck_assert_uint_eq(children(4, root), 0);
	ck_assert_uint_eq(children(0, 4), 0);
}
END_TEST

START_TEST(nothing_is_passed_on_for_who_is_gone)
{
	struct id128 gone, nobody = {{1}}, child[4];

	w_autos(&w, 3);
	gone = w_status(2).member_id;
	w_kill(&w, 2);
	w_run(&w, 5000);
	ck_assert_uint_eq(core_tree_children(w.node[0].core, &gone, child, 4), 0);
	ck_assert_uint_eq(core_tree_children(w.node[0].core, &nobody, child, 4), 0);
	ck_assert_uint_eq(children(0, 0), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_data");
	TCase *t = tcase_create("stories");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, w_setup, w_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_join_swaps_the_generation_with_the_membership);
	tcase_add_test(t, a_swap_that_fails_drops_what_was_staged);
	tcase_add_loop_test(t, only_an_empty_node_joins_a_manual_cluster_by_itself, 0, 2);
	tcase_add_test(t, a_leaving_node_hands_over_first);
	tcase_add_test(t, who_can_hand_over_to_nobody_stays_unless_forced);
	tcase_add_test(t, an_answer_to_another_job_is_nothing);
	tcase_add_loop_test(t, a_removed_member_clears_only_what_others_have, 0, 2);
	tcase_add_test(t, a_removed_member_and_who_told_it_can_reach_each_other);
	tcase_add_test(t, of_two_that_removed_each_other_nobody_clears);
	tcase_add_test(t, heartbeats_carry_the_hashes_of_the_data);
	tcase_add_test(t, in_a_mesh_the_origin_tells_everybody);
	tcase_add_loop_test(t, on_a_circle_both_ways_are_taken_and_meet_once, 0, 2);
	tcase_add_test(t, an_edge_without_data_is_gone_round);
	tcase_add_test(t, replicas_are_leaves);
	tcase_add_test(t, nothing_is_passed_on_for_who_is_gone);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
