/* The core and a disk that fails, hangs or comes back: what is said to be on disk is there, and nothing is lost by it. */
#include <check.h>

#include "test/unit/core_peer.h"
#include "test/unit/core_world.h"

static struct p_world p;

static void setup(void)
{
	w_init(&w);
	p_start(&p, &(struct p_setup){.mode = CORE_AUTO});
}

static void teardown(void)
{
	w_free(&w);
	p_free(&p);
}

static struct wire_departed gone(uint16_t n)
{
	return (struct wire_departed){.id = p_id(1, n),
		.node_id = p_id(2, n),
		.by = p_id(1, n),
		.reason = WIRE_LEFT,
		.name = msg_str("p@10.1.0.9"),
		.by_name = msg_str("p@10.1.0.9")};
}

static void say_gone(uint32_t conn, uint16_t n)
{
	struct wire_departed d = gone(n);

	p_say(&p, conn, WIRE_STATE, &(struct wire_state){.departed = {&d, 1}});
}

static void leave_of_the_one(uint32_t request)
{
	p_clock(&p);
	core_command(p.core,
		&(struct core_command){.kind = CORE_CMD_LEAVE, .request = request});
	p_effects(&p);
}

START_TEST(clearing_on_a_full_disk_is_tried_once_a_second)
{
	uint32_t one = p_link(&p, 1);
	struct core_status s;
	size_t before;

	ck_assert_uint_ne(one, 0);
	leave_of_the_one(5);
	p_run(&p, 1100);
	p.disk = P_DISK_FAILS;
	before = p.persists;
	p_say(&p, one, WIRE_DEPART_ACK, &(struct wire_depart_ack){.id = p_self(&p)});
	p_run(&p, 10000);
	ck_assert_uint_le(p.persists - before, 12);
	ck_assert_uint_eq(p.replies, 0);
	p_disk(&p, P_DISK_WRITES);
	p_run(&p, 2000);
	ck_assert_uint_eq(p.replies, 1);
	ck_assert_int_eq(p.reply.code, CORE_OK);
	core_status(p.core, &s);
	ck_assert_int_eq(s.apart, CORE_APART_LEFT);
}
END_TEST

START_TEST(a_departure_that_is_not_on_disk_is_not_confirmed)
{
	uint32_t one = p_link(&p, 1);
	size_t said;

	p.disk = P_DISK_FAILS;
	say_gone(one, 1);
	p_run(&p, 10);
	said = p.bytes_out;
	say_gone(one, 1);
	ck_assert_uint_eq(p.bytes_out, said);
	p_disk(&p, P_DISK_WRITES);
	p_run(&p, 1500);
	said = p.bytes_out;
	say_gone(one, 1);
	ck_assert_uint_gt(p.bytes_out, said);
}
END_TEST

/* What the first write of a departure could not say is on disk once the disk writes again. */
START_TEST(what_failed_is_written_when_the_disk_is_back)
{
	struct core_status s;

	w_autos(&w, 4);
	w_kill(&w, 3);
	w_run(&w, 3000);
	w.node[0].disk_error = -ENOSPC;
	ck_assert_int_eq(w_command(&w, 1,
				 (struct core_command){.kind = CORE_CMD_FORCE_LEAVE,
					 .node = w_addr(&w, 3)},
				 1000),
		CORE_OK);
	w_run(&w, 3000);
	s = w_status(0);
	ck_assert(s.store_failed);
	w.node[0].disk_error = 0;
	w_run(&w, 3000);
	s = w_status(0);
	ck_assert(!s.store_failed);
	/* alone with its disk it knows that the fourth is gone */
	for (int i = 0; i < 3; i++)
		w_kill(&w, i);
	w_start(&w, 0);
	w_run(&w, 1000);
	ck_assert_uint_eq(w_stopped(&w, 0), 2);
}
END_TEST

START_TEST(a_disk_that_hangs_gathers_no_queue)
{
	uint32_t one = p_link(&p, 1);

	p_run(&p, 1000);
	p.disk = P_DISK_HANGS;
	for (uint16_t n = 0; n < 1000; n++) {
		p_record(&p, one, 1, WIRE_CORE, 10u + n, n % 2 == 0);
		p_say(&p, one, WIRE_PING, &(struct wire_ping){.seq = n + 1u});
	}
	for (uint16_t n = 2; n < 80; n++)
		p_record(&p, one, n, WIRE_CORE, 1, false);
	ck_assert_uint_le(p.n_seq, 2);
	p_disk(&p, P_DISK_WRITES);
}
END_TEST

START_TEST(departures_of_one_frame_are_one_transaction)
{
	struct wire_departed d[100];
	uint32_t one = p_link(&p, 1);
	size_t before;

	p_run(&p, 1000);
	before = p.persists;
	for (uint16_t n = 0; n < 100; n++)
		d[n] = gone((uint16_t)(n + 10));
	p_say(&p, one, WIRE_STATE, &(struct wire_state){.departed = {d, 100}});
	ck_assert_uint_le(p.persists - before, 2);
}
END_TEST

/* A new standing is being written: what came before it must not be written behind it. */
START_TEST(nothing_of_the_old_is_written_behind_a_new_standing)
{
	struct core_status s;
	struct id128 old;

	w_autos(&w, 3);
	s = w_status(2);
	old = s.member_id;
	w.node[2].slow_disk = true;
	w_clock(&w, 2);
	core_command(w.node[2].core,
		&(struct core_command){.kind = CORE_CMD_LEAVE, .request = 1});
	w_effects(&w, 2);
	for (int i = 0; i < 400 && s.apart == CORE_APART_NO; i++) {
		w_clock(&w, 2);
		core_command(w.node[2].core, &(struct core_command){.kind = CORE_CMD_TAG_SET,
						     .key = "k",
						     .value = i % 2 == 0 ? "a" : "b",
						     .request = 100});
		w_effects(&w, 2);
		w_run(&w, 5);
		w_disk_step(&w, 2);
		s = w_status(2);
	}
	ck_assert_int_eq(s.apart, CORE_APART_LEFT);
	w.node[2].slow_disk = false;
	w_kill(&w, 2);
	w_start(&w, 2);
	w_run(&w, 100);
	s = w_status(2);
	ck_assert(!id_eq(&s.member_id, &old));
	ck_assert_int_eq(s.apart, CORE_APART_LEFT);
	ck_assert_uint_eq(w_stopped(&w, 2), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_disk");
	TCase *t = tcase_create("stories");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, clearing_on_a_full_disk_is_tried_once_a_second);
	tcase_add_test(t, a_departure_that_is_not_on_disk_is_not_confirmed);
	tcase_add_test(t, what_failed_is_written_when_the_disk_is_back);
	tcase_add_test(t, a_disk_that_hangs_gathers_no_queue);
	tcase_add_test(t, departures_of_one_frame_are_one_transaction);
	tcase_add_test(t, nothing_of_the_old_is_written_behind_a_new_standing);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
