/* The simulator's network: what a connection goes through between two hosts. What it carries, the cores, is not in here. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/net.h"

/* Two hosts, and what their processes have seen. */

enum { LATENCY_US = 1000, PORT = 4370, N_HOSTS = 3 };

struct seen {
	bool hello, accepted;
	uint64_t hello_us, accepted_us;
	char bytes[2][256];
	uint64_t last_us[2];
	int loss[2]; /* -1: none */
};

struct lab {
	struct queue q;
	struct rng rng;
	uint64_t now_us;
	struct net_pool pool;
	struct net net;
	struct seen seen;
	bool listens;
	int verdict;
};

static struct lab *lab;

static enum net_answer on_syn(void *ctx, unsigned host, uint16_t port)
{
	(void)ctx;
	(void)host;
	return lab->listens && port == PORT ? NET_TAKE : NET_REFUSE;
}

static int on_proof(void *ctx, const struct net_conn *c)
{
	(void)ctx;
	(void)c;
	return lab->verdict;
}

static void on_stage(void *ctx, struct net_conn *c, enum core_stage stage)
{
	(void)ctx;
	(void)c;
	if (stage != CORE_STAGE_HELLO)
		return;
	lab->seen.hello = true;
	lab->seen.hello_us = lab->now_us;
}

static void on_accepted(void *ctx, struct net_conn *c)
{
	(void)ctx;
	lab->seen.accepted = true;
	lab->seen.accepted_us = lab->now_us;
	c->side[NET_ACCEPTOR].admitted = true;
}

static void on_data(void *ctx, struct net_conn *c, enum net_end end, const uint8_t *p, size_t n)
{
	char *to = lab->seen.bytes[end];
	size_t have = strlen(to);

	(void)ctx;
	(void)c;
	ck_assert_uint_lt(have + n, sizeof lab->seen.bytes[end]);
	memcpy(to + have, p, n);
	lab->seen.last_us[end] = lab->now_us;
}

static void on_lost(void *ctx, struct net_conn *c, enum net_end end, enum core_loss loss)
{
	(void)ctx;
	(void)c;
	ck_assert_int_eq(lab->seen.loss[end], -1);
	lab->seen.loss[end] = (int)loss;
}

static void on_room(void *ctx, struct net_conn *c, enum net_end end)
{
	(void)ctx;
	(void)c;
	(void)end;
}

static const struct net_ops ops = {on_syn, on_proof, on_stage, on_accepted, on_data, on_lost,
	on_room};

static void setup(void)
{
	lab = calloc(1, sizeof *lab);
	ck_assert_ptr_nonnull(lab);
	rng_init(&lab->rng, 3);
	net_init(&lab->net, N_HOSTS, &lab->pool, &lab->q, &lab->rng, &lab->now_us);
	paths_init(&lab->net.paths, N_HOSTS, LATENCY_US, 0);
	lab->net.ops = &ops;
	lab->listens = true;
	lab->verdict = -1;
	lab->seen.loss[0] = lab->seen.loss[1] = -1;
}

static void teardown(void)
{
	net_free(&lab->net);
	net_pool_free(&lab->pool);
	queue_free(&lab->q);
	free(lab);
}

static void dispatch(void *ctx, const struct queue_ev *ev)
{
	(void)ctx;
	net_event(&lab->net, ev);
}

static void run_until(uint64_t at_us)
{
	while (queue_first(&lab->q) != NULL && queue_first(&lab->q)->at_us <= at_us) {
		struct queue_ev ev = queue_pop(&lab->q);

		lab->now_us = ev.at_us;
		net_event(&lab->net, &ev);
	}
	lab->now_us = at_us;
}

static void cut(unsigned from, unsigned to, bool begin)
{
	path_fault(&lab->net.paths, from, to, PATH_CUT, 1, begin, lab->now_us);
}

static struct net_conn *dial(void)
{
	return net_dial(&lab->net, 0, 1, PORT, 2000, 7);
}

static struct net_conn *connected(void)
{
	struct net_conn *c = dial();

	run_until(lab->now_us + 10 * LATENCY_US);
	ck_assert(lab->seen.hello);
	ck_assert(lab->seen.accepted);
	return c;
}

static void say(struct net_conn *c, enum net_end end, const char *text)
{
	net_send(&lab->net, c, end, (const uint8_t *)text, strlen(text));
}

START_TEST(handshake_takes_round_trips)
{
	dial();
	run_until(1000000);
	ck_assert_uint_eq(lab->seen.hello_us, 4 * LATENCY_US);
	ck_assert_uint_eq(lab->seen.accepted_us, 5 * LATENCY_US);
}
END_TEST

START_TEST(nobody_listens_is_refused)
{
	lab->listens = false;
	dial();
	run_until(3000000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], CORE_LOSS_REFUSED);
}
END_TEST

START_TEST(firewall_refuses_one_direction)
{
	path_fault(&lab->net.paths, 0, 1, PATH_REJECT, 1, true, 0);
	dial();
	run_until(3000000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], CORE_LOSS_REFUSED);
	lab->seen.loss[NET_DIALER] = -1;
	net_dial(&lab->net, 1, 0, PORT, 2000, 8);
	run_until(6000000);
	ck_assert(lab->seen.hello);
}
END_TEST

START_TEST(dropped_syn_times_out)
{
	cut(0, 1, true);
	dial();
	run_until(1999999);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], -1);
	run_until(2000000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], CORE_LOSS_TIMEOUT);
}
END_TEST

START_TEST(second_syn_gets_through)
{
	cut(0, 1, true);
	dial();
	run_until(500000);
	cut(0, 1, false);
	run_until(1999999);
	ck_assert_uint_eq(lab->seen.hello_us, 1000000 + 4 * LATENCY_US);
}
END_TEST

START_TEST(wrong_proof_is_told_to_the_dialer)
{
	lab->verdict = CORE_LOSS_AUTH;
	dial();
	run_until(3000000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], CORE_LOSS_AUTH);
	ck_assert(!lab->seen.accepted);
}
END_TEST

START_TEST(lost_segment_holds_up_all_behind_it)
{
	struct net_conn *c = connected();
	uint64_t t = lab->now_us;

	cut(0, 1, true);
	say(c, NET_DIALER, "a");
	run_until(t + 100000);
	cut(0, 1, false);
	say(c, NET_DIALER, "b");
	run_until(t + 199000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "");
	run_until(t + 210000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "ab");
}
END_TEST

START_TEST(retransmission_doubles)
{
	struct net_conn *c = connected();
	uint64_t t = lab->now_us;

	/* tries at 0, 0.2, 0.6, 1.4, 3.0 s (and round trips) */
	cut(0, 1, true);
	say(c, NET_DIALER, "a");
	run_until(t + 1500000);
	cut(0, 1, false);
	run_until(t + 2900000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "");
	run_until(t + 3100000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "a");
}
END_TEST

START_TEST(without_acknowledgements_the_sender_stops)
{
	struct net_conn *c = connected();
	uint64_t t = lab->now_us;

	cut(1, 0, true);
	say(c, NET_DIALER, "a");
	run_until(t + 100000);
	say(c, NET_DIALER, "b");
	run_until(t + 300000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "ab");
	say(c, NET_DIALER, "c");
	run_until(t + 5000000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "ab");
	cut(1, 0, false);
	run_until(t + 12000000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "abc");
}
END_TEST

START_TEST(unacknowledged_for_the_user_timeout_is_lost)
{
	struct net_conn *c = connected();
	uint64_t t = lab->now_us;

	lab->net.user_timeout_us = 10000000;
	cut(0, 1, true);
	say(c, NET_DIALER, "a");
	run_until(t + 9990000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], -1);
	say(c, NET_DIALER, "b");
	run_until(t + 10010000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], CORE_LOSS_TIMEOUT);
}
END_TEST

START_TEST(the_user_timeout_begins_anew_with_each_acknowledgement)
{
	struct net_conn *c = connected();
	uint64_t t = lab->now_us;

	lab->net.user_timeout_us = 10000000;
	for (int i = 0; i < 3; i++) {
		cut(0, 1, true);
		say(c, NET_DIALER, "a");
		run_until(lab->now_us + 6000000);
		cut(0, 1, false);
		run_until(lab->now_us + 1000000);
	}
	ck_assert_uint_gt(lab->now_us, t + 20000000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], -1);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "aaa");
}
END_TEST

START_TEST(order_holds_under_loss)
{
	struct net_conn *c = connected();
	char want[201] = "";

	path_fault(&lab->net.paths, 0, 1, PATH_LOSS, 300, true, 0);
	path_fault(&lab->net.paths, 1, 0, PATH_LOSS, 300, true, 0);
	for (int i = 0; i < 200; i++) {
		char text[2] = {(char)('a' + i % 26), '\0'};

		want[i] = text[0];
		say(c, NET_DIALER, text);
		run_until(lab->now_us + 20000);
	}
	run_until(lab->now_us + 300000000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], want);
}
END_TEST

START_TEST(slow_link_takes_its_time)
{
	struct net_conn *c = connected();
	uint64_t t = lab->now_us;
	uint8_t big[32 * 1024] = {0};

	path_fault(&lab->net.paths, 0, 1, PATH_SLOW, 1, true, 0);
	ck_assert(net_room(&lab->net, c, NET_DIALER));
	net_send(&lab->net, c, NET_DIALER, big, sizeof big);
	ck_assert(!net_room(&lab->net, c, NET_DIALER));
	say(c, NET_DIALER, "z");
	/* 32 KiB at 125 kB/s; the zeros end the string, so look at the time alone */
	run_until(t + 261000);
	ck_assert_uint_eq(lab->seen.last_us[NET_ACCEPTOR], 0);
}
END_TEST

START_TEST(close_says_its_last_words)
{
	struct net_conn *c = connected();

	say(c, NET_DIALER, "bye");
	net_close(&lab->net, c, NET_DIALER);
	run_until(lab->now_us + 100000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "bye");
	ck_assert_int_eq(lab->seen.loss[NET_ACCEPTOR], CORE_LOSS_EOF);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], -1);
}
END_TEST

START_TEST(killed_process_is_closed_by_its_kernel)
{
	connected();
	net_host_kill(&lab->net, 1, false, dispatch);
	run_until(lab->now_us + 100000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], CORE_LOSS_EOF);
	ck_assert_int_eq(lab->seen.loss[NET_ACCEPTOR], -1);
}
END_TEST

START_TEST(lost_power_says_nothing_until_spoken_to)
{
	struct net_conn *c = connected();
	uint64_t t = lab->now_us;

	net_host_off(&lab->net, 1, dispatch);
	say(c, NET_DIALER, "a");
	run_until(t + 2000000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], -1);
	net_host_on(&lab->net, 1);
	run_until(t + 4000000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], CORE_LOSS_RESET);
}
END_TEST

START_TEST(stopped_process_reads_everything_later)
{
	struct net_conn *c = connected();

	net_host_sleep(&lab->net, 1);
	say(c, NET_DIALER, "a");
	run_until(lab->now_us + 500000);
	say(c, NET_DIALER, "b");
	net_close(&lab->net, c, NET_DIALER);
	run_until(lab->now_us + 500000);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "");
	net_host_wake(&lab->net, 1, dispatch);
	ck_assert_str_eq(lab->seen.bytes[NET_ACCEPTOR], "ab");
	ck_assert_int_eq(lab->seen.loss[NET_ACCEPTOR], CORE_LOSS_EOF);
}
END_TEST

START_TEST(held_listener_keeps_the_backlog)
{
	uint64_t t = lab->now_us;

	net_host_kill(&lab->net, 1, true, dispatch);
	dial();
	run_until(t + 1000000);
	ck_assert(!lab->seen.hello);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], -1);
	net_host_wake(&lab->net, 1, dispatch);
	run_until(t + 1100000);
	ck_assert(lab->seen.hello);
	ck_assert(lab->seen.accepted);
}
END_TEST

START_TEST(backlog_of_a_dead_process_times_out)
{
	net_host_kill(&lab->net, 1, true, dispatch);
	dial();
	run_until(3000000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], CORE_LOSS_TIMEOUT);
	net_host_wake(&lab->net, 1, dispatch);
	run_until(9000000);
	ck_assert(!lab->seen.accepted);
}
END_TEST

START_TEST(injected_reset_hits_the_end_it_is_meant_for)
{
	struct net_conn *c = connected();

	net_inject_reset(&lab->net, c, true, false);
	run_until(lab->now_us + 1000000);
	ck_assert_int_eq(lab->seen.loss[NET_DIALER], CORE_LOSS_RESET);
	ck_assert_int_eq(lab->seen.loss[NET_ACCEPTOR], -1);
	say(c, NET_ACCEPTOR, "anybody there?");
	run_until(lab->now_us + 1000000);
	ck_assert_int_eq(lab->seen.loss[NET_ACCEPTOR], CORE_LOSS_RESET);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_net");
	TCase *t = tcase_create("net");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, handshake_takes_round_trips);
	tcase_add_test(t, nobody_listens_is_refused);
	tcase_add_test(t, firewall_refuses_one_direction);
	tcase_add_test(t, dropped_syn_times_out);
	tcase_add_test(t, second_syn_gets_through);
	tcase_add_test(t, wrong_proof_is_told_to_the_dialer);
	tcase_add_test(t, lost_segment_holds_up_all_behind_it);
	tcase_add_test(t, retransmission_doubles);
	tcase_add_test(t, without_acknowledgements_the_sender_stops);
	tcase_add_test(t, unacknowledged_for_the_user_timeout_is_lost);
	tcase_add_test(t, the_user_timeout_begins_anew_with_each_acknowledgement);
	tcase_add_test(t, order_holds_under_loss);
	tcase_add_test(t, slow_link_takes_its_time);
	tcase_add_test(t, close_says_its_last_words);
	tcase_add_test(t, killed_process_is_closed_by_its_kernel);
	tcase_add_test(t, lost_power_says_nothing_until_spoken_to);
	tcase_add_test(t, stopped_process_reads_everything_later);
	tcase_add_test(t, held_listener_keeps_the_backlog);
	tcase_add_test(t, backlog_of_a_dead_process_times_out);
	tcase_add_test(t, injected_reset_hits_the_end_it_is_meant_for);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
