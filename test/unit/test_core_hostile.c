/* What an authenticated peer may say without harm: ids that are not its to use, wild numbers, floods, bad moments. */
#include <check.h>

#include "test/unit/core_peer.h"

static struct p_world p;

static void setup(void)
{
	p_start(&p, &(struct p_setup){.mode = CORE_AUTO});
}

static void teardown(void)
{
	p_free(&p);
}

static struct core_status status(void)
{
	struct core_status s;

	core_status(p.core, &s);
	return s;
}

static size_t links(void)
{
	struct core_counters n;

	core_counters(p.core, &n);
	return n.links;
}

static bool open_conn(uint32_t conn)
{
	return conn != 0 && p_conn_of(&p, conn) != NULL;
}

/* A peer that has said hello as a joiner. */
static uint32_t joiner(uint16_t n)
{
	struct wire_hello h;
	char name[64];
	uint32_t conn = p_accept(&p);

	p_hello(&h, name, n);
	h.flags = WIRE_HF_JOINING | WIRE_HF_SINGLE | WIRE_HF_EMPTY;
	p_say(&p, conn, WIRE_HELLO, &h);
	return conn;
}

static struct wire_commit commit(uint16_t n, struct id128 staged)
{
	struct core_status s = status();

	return (struct wire_commit){s.identity.created_ms, s.identity.cluster_id, staged,
		p_id(2, n), msg_str("p")};
}

START_TEST(who_uses_my_member_id_is_no_peer)
{
	struct wire_hello h;
	char name[64];

	p_hello(&h, name, 1);
	h.member_id = p_self(&p);
	ck_assert_uint_eq(p_link_as(&p, &h, 1), 0);
	ck_assert_uint_eq(links(), 0);
	ck_assert_uint_eq(status().running, 1);
}
END_TEST

/* The record of its former life lists links that are gone, and no new one makes it true. */
START_TEST(who_was_stopped_runs_by_its_new_record_only)
{
	uint32_t conn = p_link(&p, 1);
	struct wire_hello h;
	char name[64];

	p_run(&p, 100);
	ck_assert_uint_eq(status().running, 2);
	core_conn_lost(p.core, conn, CORE_LOSS_RESET, "killed");
	p_run(&p, 4000);
	ck_assert_uint_eq(status().running, 1);
	p_hello(&h, name, 1);
	h.incarnation = 2;
	h.session = 2001;
	conn = p_accept(&p);
	p_say(&p, conn, WIRE_HELLO, &h);
	p_say(&p, conn, WIRE_WELCOME, &(struct wire_welcome){.digest = 1});
	ck_assert(open_conn(conn));
	for (int i = 0; i < 2000; i++) {
		p_run(&p, 1);
		ck_assert_msg(status().running == 1, "running after %d ms", i + 1);
	}
}
END_TEST

START_TEST(nobody_is_admitted_under_an_id_in_use)
{
	uint32_t one = p_link(&p, 1), conn;
	struct id128 ids[] = {p_self(&p), {{0}}, p_id(1, 1)};
	struct wire_commit m;

	ck_assert(open_conn(one));
	conn = joiner(5);
	ck_assert(open_conn(conn));
	m = commit(5, ids[_i]);
	p_say(&p, conn, WIRE_COMMIT, &m);
	p_say(&p, conn, WIRE_JOINED, &(struct wire_joined){ids[_i], 1, 1005});
	p_run(&p, 100);
	ck_assert(!open_conn(conn));
	ck_assert_uint_eq(status().running + status().stopped, 2);
	ck_assert_uint_eq(links(), 1);
}
END_TEST

/* My own join of peer 7, which has not admitted me yet. */
static uint32_t join_to_commit(void)
{
	struct core_command cmd = {.kind = CORE_CMD_JOIN, .request = 9};
	struct wire_hello h;
	char name[64];
	uint32_t conn = 0;

	p_hello(&h, name, 7);
	snprintf(cmd.node.name, sizeof cmd.node.name, "%s", name);
	snprintf(cmd.node.host, sizeof cmd.node.host, "%s", strchr(name, '@') + 1);
	p_clock(&p);
	core_command(p.core, &cmd);
	p_effects(&p);
	for (size_t i = 0; i < P_CONNS; i++)
		if (p.conn[i].id != 0 && p.conn[i].dialed)
			conn = p.conn[i].id;
	ck_assert_uint_ne(conn, 0);
	p_clock(&p);
	core_conn_stage(p.core, conn, CORE_STAGE_HELLO);
	p_effects(&p);
	for (size_t i = 0; i < P_CONNS; i++)
		if (p.conn[i].id == conn)
			h.nonce = p.conn[i].nonce;
	h.flags = 0;
	p_say(&p, conn, WIRE_HELLO, &h);
	ck_assert_uint_ne(p.copy_job, 0);
	core_copied(p.core, p.copy_job, true, 7, "");
	p_effects(&p);
	return conn;
}

static uint32_t join_to_swap(void)
{
	uint32_t conn = join_to_commit();

	p.disk = P_DISK_HANGS;
	p_say(&p, conn, WIRE_ADMIT,
		&(struct wire_admit){true, 0, msg_str("p7@10.1.0.8"), {"", 0}, {NULL, 0}});
	ck_assert_uint_eq(p.n_seq, 1);
	return conn;
}

/* Peer 7 and I join each other, and both said hello before either had begun: the larger identity's join goes on. */
START_TEST(of_two_that_join_each_other_one_goes_on)
{
	bool larger = _i == 0;
	struct wire_hello h;
	char name[64];
	uint32_t theirs = p_accept(&p), mine;
	struct wire_commit m = commit(7, p_id(1, 77));

	p_hello(&h, name, 7);
	h.flags = WIRE_HF_JOINING | WIRE_HF_SINGLE | WIRE_HF_EMPTY;
	h.created_ms = larger ? h.created_ms : 1;
	p_say(&p, theirs, WIRE_HELLO, &h);
	mine = join_to_commit();
	p_say(&p, theirs, WIRE_COMMIT, &m);
	ck_assert_uint_eq(p.replies, larger ? 1 : 0);
	p_say(&p, mine, WIRE_ADMIT,
		&(struct wire_admit){true, 0, msg_str(name), {"", 0}, {NULL, 0}});
	p_say(&p, theirs, WIRE_JOINED, &(struct wire_joined){p_id(1, 77), 1, 1007});
	p_run(&p, 100);
	ck_assert_uint_eq(links(), 1);
	ck_assert_uint_eq(p.event[CORE_EV_JOINED], larger ? 0 : 1);
	if (larger)
		ck_assert_int_eq(p.reply.code, CORE_E_ALREADY_IN_CLUSTER);
}
END_TEST

START_TEST(a_farewell_while_the_swap_is_written_is_no_refusal)
{
	uint32_t conn = join_to_swap();

	p_say(&p, conn, WIRE_BYE,
		&(struct wire_bye){.code = WIRE_BYE_STOPPING,
			.name = msg_str("x@y"),
			.text = msg_str("stopping")});
	ck_assert_uint_eq(p.replies, 0);
	p_disk(&p, P_DISK_WRITES);
	p_run(&p, 20000);
	ck_assert_uint_eq(p.replies, 1);
	/* it is a member now, and the answer says so */
	ck_assert_uint_eq(status().running + status().stopped, 2);
	ck_assert_ptr_nonnull(strstr(p.reply.text, "is a member now"));
}
END_TEST

START_TEST(who_is_swapping_admits_nobody)
{
	uint32_t other = joiner(5);
	struct wire_commit m = commit(5, p_id(1, 5));

	join_to_swap();
	p_say(&p, other, WIRE_COMMIT, &m);
	ck_assert_uint_eq(p.replies, 0);
	p_disk(&p, P_DISK_WRITES);
	p_run(&p, 100);
	p_say(&p, other, WIRE_JOINED, &(struct wire_joined){p_id(1, 5), 1, 1005});
	ck_assert_uint_eq(links(), 1);
}
END_TEST

static void say_gone(uint32_t conn, uint32_t first, uint32_t n, uint32_t flags)
{
	static struct wire_departed d[1000];

	for (uint32_t i = 0; i < n; i++) {
		d[i] = (struct wire_departed){.id = p_id(7, (uint16_t)(first + i)),
			.node_id = p_id(8, (uint16_t)(first + i)),
			.by = p_id(1, 1),
			.reason = WIRE_FORCED,
			.flags = flags,
			.name = msg_str("g@10.1.0.9"),
			.by_name = msg_str("p@10.1.0.9"),
			.when_ms = first + i};
		d[i].id.b[2] = (uint8_t)((first + i) >> 16);
	}
	p_say(&p, conn, WIRE_STATE, &(struct wire_state){.departed = {d, n}});
}

START_TEST(void_departures_make_no_members)
{
	uint32_t one = p_link(&p, 1);

	for (uint32_t i = 0; i < 3; i++)
		say_gone(one, i * 1000, 1000, WIRE_DF_NO_QUORUM | WIRE_DF_VOID);
	ck_assert_uint_eq(core_n_members(p.core), 2);
	ck_assert_uint_lt(p.writes, 300);
}
END_TEST

START_TEST(the_oldest_departures_go_at_the_cap)
{
	uint32_t one = p_link(&p, 1);
	uint64_t digest;
	size_t before;

	for (uint32_t i = 0; i < 66; i++)
		say_gone(one, 1000 + i * 1000, 1000, 0);
	before = p.writes;
	say_gone(one, 70000, 1, 0); /* a new one: written, and an old one goes */
	ck_assert_uint_ge(p.writes - before, 2);
	digest = status().digest;
	before = p.writes;
	say_gone(one, 10, 1, 0); /* older than all that are kept */
	ck_assert_uint_eq(p.writes, before);
	ck_assert_uint_eq(status().digest, digest);
	ck_assert(open_conn(one));
	ck_assert_uint_eq(core_n_members(p.core), 2);
	/* a departure of a member is heard at the cap, too */
	struct wire_departed d = {.id = p_id(1, 2),
		.by = p_id(1, 1),
		.reason = WIRE_FORCED,
		.name = msg_str("x@y"),
		.by_name = msg_str("x@y"),
		.when_ms = 1ULL << 40};
	p_record(&p, one, 2, WIRE_CORE, 1, false);
	ck_assert_uint_eq(core_n_members(p.core), 3);
	p_say(&p, one, WIRE_STATE, &(struct wire_state){.departed = {&d, 1}});
	ck_assert_uint_eq(core_n_members(p.core), 2);
}
END_TEST

static void own_record(uint32_t conn, uint64_t incarnation, uint64_t session, uint64_t seq)
{
	struct wire_record r = {p_self(&p), incarnation, session, seq, {"x", 1}};

	p_say(&p, conn, WIRE_STATE, &(struct wire_state){.records = {&r, 1}});
	p_run(&p, 1200);
}

static struct core_member me(void)
{
	struct core_member m = {0};

	for (size_t i = 0; i < core_n_members(p.core); i++) {
		core_member_at(p.core, i, &m);
		if (m.self)
			return m;
	}
	return m;
}

START_TEST(my_version_never_wraps)
{
	uint32_t one = p_link(&p, 1);
	struct core_member before = me();

	own_record(one, before.incarnation, before.session, UINT64_MAX);
	ck_assert_uint_ge(me().seq, before.seq);
	own_record(one, UINT64_MAX, 1, 1);
	ck_assert_uint_ge(me().incarnation, before.incarnation);
	ck_assert_uint_lt(me().incarnation, 100);
	ck_assert_int_eq(status().apart, CORE_APART_NO);
}
END_TEST

START_TEST(a_link_times_out_whatever_the_peer_wishes)
{
	struct wire_hello h;
	char name[64];

	p_hello(&h, name, 1);
	h.heartbeat_ms = h.timeout_ms = UINT32_MAX;
	ck_assert_uint_ne(p_link_as(&p, &h, 1), 0);
	ck_assert_uint_eq(status().running, 2);
	p_run(&p, 1300000);
	ck_assert_uint_eq(status().running, 1);
}
END_TEST

START_TEST(who_does_not_read_is_not_answered_for_ever)
{
	uint32_t one = p_link(&p, 1);
	struct buf b = {0};
	size_t before;

	p_run(&p, 100);
	wire_put(&b, WIRE_DROP, &(struct wire_drop){WIRE_DROP_PROPOSE});
	for (int i = 0; i < 20000; i++)
		core_conn_frame(p.core, one, b.p + 4, b.n - 4);
	buf_free(&b);
	before = p.bytes_out;
	p_effects(&p);
	ck_assert_uint_gt(p.bytes_out, before);
	ck_assert_uint_lt(p.bytes_out - before, 300 * 1024);
}
END_TEST

START_TEST(settings_never_wrap)
{
	uint32_t one = p_link(&p, 1);
	struct wire_settings g = {UINT64_MAX, p_id(1, 1), false, false};
	bool autoheal = status().autoheal;

	p_say(&p, one, WIRE_STATE, &(struct wire_state){.settings = {&g, 1}});
	ck_assert_int_eq(status().autoheal, autoheal);
	core_command(p.core,
		&(struct core_command){.kind = CORE_CMD_AUTOHEAL, .on = !autoheal});
	p_effects(&p);
	ck_assert_int_eq(status().autoheal, !autoheal);
}
END_TEST

/* Both ends lack what the other may not have taken: an answer to a summary is not answered. */
START_TEST(summaries_do_not_go_back_and_forth)
{
	uint32_t one = p_link(&p, 1);
	struct wire_version v = {.id = p_id(1, 50), 1, 2, 3, 4, 0};
	struct wire_summary s = {.versions = {&v, 1}};
	size_t before;

	p_run(&p, 100);
	memset(&s.lo, 0, sizeof s.lo);
	memset(&s.hi, 0xff, sizeof s.hi);
	s.lo.b[0] = v.id.b[0] & 0xfc;
	s.hi.b[0] = v.id.b[0] | 3;
	before = p.bytes_out;
	p_say(&p, one, WIRE_SUMMARY, &s);
	p_run(&p, 20);
	ck_assert_uint_gt(p.bytes_out, before);
	ck_assert_uint_eq(p.answers, 1);
	before = p.summaries;
	s.answer = true;
	p_say(&p, one, WIRE_SUMMARY, &s);
	p_run(&p, 20);
	ck_assert_uint_eq(p.summaries, before);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_hostile");
	TCase *t = tcase_create("stories");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, who_uses_my_member_id_is_no_peer);
	tcase_add_test(t, who_was_stopped_runs_by_its_new_record_only);
	tcase_add_loop_test(t, nobody_is_admitted_under_an_id_in_use, 0, 3);
	tcase_add_test(t, a_farewell_while_the_swap_is_written_is_no_refusal);
	tcase_add_test(t, who_is_swapping_admits_nobody);
	tcase_add_loop_test(t, of_two_that_join_each_other_one_goes_on, 0, 2);
	tcase_add_test(t, void_departures_make_no_members);
	tcase_add_test(t, the_oldest_departures_go_at_the_cap);
	tcase_add_test(t, my_version_never_wraps);
	tcase_add_test(t, a_link_times_out_whatever_the_peer_wishes);
	tcase_add_test(t, who_does_not_read_is_not_answered_for_ever);
	tcase_add_test(t, settings_never_wrap);
	tcase_add_test(t, summaries_do_not_go_back_and_forth);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
