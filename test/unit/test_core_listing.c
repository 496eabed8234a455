/* What a core's record says of replicas: nothing, unless one lists it that it has no link to. */
#include <check.h>

#include "test/unit/core_peer.h"

enum { CORE = 1, REPLICA = 2 };

static struct p_world p;
static uint32_t core, replica; /* their links */

static uint32_t link_as(uint16_t n, enum wire_role role)
{
	struct wire_hello h;
	char name[64];

	p_hello(&h, name, n);
	h.role = role;
	h.heartbeat_ms = 60000; /* nobody answers */
	h.timeout_ms = 600000;
	return p_link_as(&p, &h, n);
}

static void setup(void)
{
	p_start(&p, &(struct p_setup){.mode = CORE_AUTO});
	core = link_as(CORE, WIRE_CORE);
	ck_assert_uint_ne(core, 0);
	p_run(&p, 3000);
	ck_assert_uint_eq(p.own_links, 1);
}

static void teardown(void)
{
	p_free(&p);
}

static bool shows_replica(void)
{
	struct core_member m;

	for (size_t i = 0; i < core_n_members(p.core); i++) {
		core_member_at(p.core, i, &m);
		if (m.role == WIRE_REPLICA)
			return m.running;
	}
	return false;
}

/* By way of the core. */
static void told(uint64_t seq, bool lists_me)
{
	p_record(&p, core, REPLICA, WIRE_REPLICA, seq, lists_me);
}

static void attach(void)
{
	replica = link_as(REPLICA, WIRE_REPLICA);
	ck_assert_uint_ne(replica, 0);
	ck_assert(shows_replica());
}

/* Its link breaks, and what dials it again gets no answer. */
static void lose(void)
{
	struct p_conn *k = p_conn_of(&p, replica);

	ck_assert_ptr_nonnull(k);
	if (k != NULL)
		k->id = 0;
	p_clock(&p);
	core_conn_lost(p.core, replica, CORE_LOSS_EOF, "gone");
	p_effects(&p);
	p_run(&p, 1100);
	ck_assert(!shows_replica());
	for (size_t i = 0; i < P_CONNS; i++) {
		uint32_t id = p.conn[i].id;

		if (id == 0 || !p.conn[i].dialed)
			continue;
		p.conn[i].id = 0;
		p_clock(&p);
		core_conn_lost(p.core, id, CORE_LOSS_TIMEOUT, "no answer");
		p_effects(&p);
	}
}

START_TEST(nothing_of_one_that_comes)
{
	uint64_t seq = p.own_seq;

	attach();
	p_run(&p, 10000);
	ck_assert_uint_eq(p.own_seq, seq);
}
END_TEST

START_TEST(a_lost_one_is_refused_until_it_is_back)
{
	uint64_t seq = p.own_seq;

	attach();
	lose();
	ck_assert_uint_eq(p.own_refused, 1);
	ck_assert_uint_eq(p.own_seq, seq + 1);
	p_run(&p, 20000);
	ck_assert_uint_eq(p.own_seq, seq + 1);
	replica = link_as(REPLICA, WIRE_REPLICA);
	p_run(&p, 1);
	ck_assert_uint_eq(p.own_refused, 0);
	ck_assert_uint_eq(p.own_seq, seq + 2);
	ck_assert(shows_replica());
}
END_TEST

START_TEST(nor_is_one_that_lists_it_no_more)
{
	attach();
	lose();
	told(2, false);
	p_run(&p, 5000);
	ck_assert_uint_eq(p.own_refused, 0);
	told(3, true); /* where there is no link: it may be about to come, or not */
	ck_assert_uint_eq(p.own_refused, 0);
	p_run(&p, 50);
	ck_assert_uint_eq(p.own_refused, 1);
	ck_assert(!shows_replica());
}
END_TEST

/* Its record came first, by way of another core. */
START_TEST(nor_is_one_whose_link_is_here_in_time)
{
	uint64_t seq = p.own_seq;

	told(1, true);
	p_run(&p, 30);
	attach();
	p_run(&p, 10000);
	ck_assert_uint_eq(p.own_seq, seq);
}
END_TEST

START_TEST(nor_is_one_that_departed)
{
	struct core_command cmd = {.kind = CORE_CMD_FORCE_LEAVE, .request = 7};
	struct wire_hello h;
	char name[64];

	attach();
	lose();
	ck_assert_uint_eq(p.own_refused, 1);
	p_hello(&h, name, REPLICA);
	snprintf(cmd.node.name, sizeof cmd.node.name, "%s", name);
	p_clock(&p);
	core_command(p.core, &cmd);
	p_effects(&p);
	p_run(&p, 6000);
	ck_assert_int_eq(p.reply.code, CORE_OK);
	ck_assert_uint_eq(p.own_refused, 0);
	ck_assert_uint_eq(p.own_links, 1);
}
END_TEST

/* A data path that fails is told, and nothing when it is well again. */
START_TEST(a_data_path_that_fails_is_listed)
{
	struct id128 id = p_id(1, REPLICA);

	attach();
	for (int i = 0; i < 2; i++) {
		p_clock(&p);
		core_data_ok(p.core, &id, i == 1);
		p_effects(&p);
		p_run(&p, 100);
		ck_assert_uint_eq(p.own_links, i == 0 ? 2 : 1);
		ck_assert_uint_eq(p.own_refused, 0);
		ck_assert(shows_replica());
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_listing");
	TCase *t = tcase_create("replicas");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nothing_of_one_that_comes);
	tcase_add_test(t, a_lost_one_is_refused_until_it_is_back);
	tcase_add_test(t, nor_is_one_that_lists_it_no_more);
	tcase_add_test(t, nor_is_one_whose_link_is_here_in_time);
	tcase_add_test(t, nor_is_one_that_departed);
	tcase_add_test(t, a_data_path_that_fails_is_listed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
