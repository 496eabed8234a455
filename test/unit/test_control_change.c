#include "test/unit/control_peer.h"

/* --- commands --- */

static const struct node_row {
	const char *typed, *name, *host;
	uint16_t port;
} nodes[] = {
	{"emqx2@10.0.0.2", "emqx2@10.0.0.2", "10.0.0.2", 0},
	{"emqx2", "emqx2@127.0.0.1", "127.0.0.1", 0},
	{"emqx2@s2.emqx.io:4400", "emqx2@s2.emqx.io", "s2.emqx.io", 4400},
	{"emqx2@[::1]:4400", "emqx2@::1", "::1", 4400},
	{"emqx2@::1", "emqx2@::1", "::1", 0},
};

START_TEST(test_node_as_typed)
{
	const struct node_row *row = &nodes[_i];
	struct ctl_join ask = {msg_str(row->typed), _i % 2 == 1};
	struct ctl_result r;
	struct peer p;

	shell.answers = true;
	peer_open(&p);
	peer_call(&p, CTL_JOIN, &ask, &r);
	ck_assert(r.ok);
	ck_assert_int_eq(shell.cmd.kind, CORE_CMD_JOIN);
	ck_assert_str_eq(shell.cmd.node.name, row->name);
	ck_assert_str_eq(shell.cmd.node.host, row->host);
	ck_assert_uint_eq(shell.cmd.node.port, row->port);
	ck_assert(shell.cmd.no_backup == ask.no_backup);
	peer_close(&p);
}
END_TEST

START_TEST(test_no_node_name)
{
	struct ctl_join ask = {.node = msg_str("a@b@c")};
	struct ctl_result r;
	struct peer p;

	peer_open(&p);
	peer_call(&p, CTL_JOIN, &ask, &r);
	ck_assert(!r.ok);
	assert_span(r.code, "invalid");
	assert_span(r.name, "a@b@c");
	ck_assert_uint_eq(shell.n_commands, 0);
	peer_close(&p);
}
END_TEST

static const struct code_row {
	enum core_code core;
	const char *ctl;
} codes[] = {
	{CORE_OK, "ok"},
	{CORE_E_SELF, "self"},
	{CORE_E_NODE_DOWN, "node_down"},
	{CORE_E_ALREADY_IN_CLUSTER, "already_in_cluster"},
	{CORE_E_NAME_IN_USE, "name_in_use"},
	{CORE_E_STANDING_APART, "standing_apart"},
	{CORE_E_BUSY, "busy"},
	{CORE_E_NOT_IN_CLUSTER, "node_not_in_cluster"},
	{CORE_E_SINGLETON, "singleton"},
	{CORE_E_REPLICANT, "cannot_join_to_replicant"},
	{CORE_E_STORE, "store_failed"},
	{CORE_E_INVALID, "invalid"},
};

START_TEST(test_codes)
{
	struct ctl_force_leave ask = {msg_str("emqx2"), 7000};
	struct ctl_result r;
	struct peer p;

	shell.answers = true;
	shell.answer = (struct core_reply){.code = codes[_i].core,
		.name = "emqx2@127.0.0.1",
		.text = "because"};
	peer_open(&p);
	peer_call(&p, CTL_FORCE_LEAVE, &ask, &r);
	ck_assert(r.ok == (codes[_i].core == CORE_OK));
	assert_span(r.code, codes[_i].ctl);
	assert_span(r.name, "emqx2@127.0.0.1");
	assert_span(r.text, "because");
	ck_assert_uint_eq(shell.cmd.ban_ms, 7000);
	peer_close(&p);
}
END_TEST

START_TEST(test_leave_tells_that_discovery_is_off)
{
	struct ctl_result r;
	struct peer p;

	shell.answers = true;
	peer_open(&p);
	peer_call(&p, CTL_LEAVE, &(struct ctl_leave){true}, &r);
	ck_assert(r.ok && !r.discovery_paused); /* manual: nothing to pause */
	ck_assert(shell.cmd.force);
	shell.conf.cluster.strategies = STRATEGY_STATIC;
	peer_call(&p, CTL_LEAVE, &(struct ctl_leave){false}, &r);
	ck_assert(r.ok && r.discovery_paused);
	shell.answer.code = CORE_E_NOT_IN_CLUSTER;
	peer_call(&p, CTL_LEAVE, &(struct ctl_leave){false}, &r);
	ck_assert(!r.ok && !r.discovery_paused);
	shell.answer.code = CORE_OK;
	shell.status.discovery_paused = true;
	peer_call(&p, CTL_LEAVE, &(struct ctl_leave){false}, &r);
	ck_assert(r.ok && !r.discovery_paused);
	peer_close(&p);
}
END_TEST

START_TEST(test_late_reply_with_progress)
{
	struct ctl_join ask = {.node = msg_str("emqx2")};
	struct ctl_progress note;
	struct ctl_result r;
	struct peer p, gone;

	peer_open(&p);
	peer_open(&gone);
	peer_ask(&p, CTL_JOIN, &ask);
	peer_ask(&gone, CTL_JOIN, &ask);
	peer_close(&gone); /* its command goes on */
	ck_assert_int_eq(peer_next(&p), 0);
	shell.status.busy = "joining";
	shell.progress = (struct shell_progress){50, 200, 5000, 20000};
	pass_ms(1000);
	ck_assert_int_eq(peer_next(&p), 1);
	ck_assert_int_eq(ctl_notice_find(p.env.method), CTL_PROGRESS);
	ck_assert_int_eq(msg_decode(ctl_notices[CTL_PROGRESS].params, p.env.body, NULL, &note,
				 NULL),
		0);
	ck_assert_uint_eq(note.request, CTL_JOIN + 100);
	assert_span(note.text, "joining");
	ck_assert_uint_eq(note.entries, 50);
	ck_assert_uint_eq(note.entries_total, 200);
	ck_assert_uint_eq(note.bytes, 5000);
	ck_assert_uint_eq(note.bytes_total, 20000);
	pass_ms(10 * CONTROL_IDLE_MS);
	fake_reply(&shell, &(struct core_reply){.request = 2, .code = CORE_E_BUSY});
	fake_reply(&shell, &(struct core_reply){.request = 1, .code = CORE_OK});
	turn();
	while (peer_next(&p) == 1 && p.env.type == MSG_NOTIFY)
		;
	ck_assert_int_eq(msg_decode(ctl_rows[CTL_JOIN].result, p.env.body, NULL, &r, NULL), 0);
	ck_assert(r.ok);
	ck_assert_ptr_null(LIST_FIRST(&control->pending));
	peer_close(&p);
}
END_TEST

START_TEST(test_tags)
{
	struct ctl_tag tag = {msg_str("zone"), msg_str("a b")};
	struct ctl_name key = {msg_str("zone")};
	struct ctl_result r;
	struct peer p;

	shell.answers = true;
	peer_open(&p);
	peer_call(&p, CTL_TAG_SET, &tag, &r);
	ck_assert_int_eq(shell.cmd.kind, CORE_CMD_TAG_SET);
	ck_assert_str_eq(shell.key, "zone");
	ck_assert_str_eq(shell.value, "a b");
	peer_call(&p, CTL_TAG_UNSET, &key, &r);
	ck_assert_int_eq(shell.cmd.kind, CORE_CMD_TAG_UNSET);
	ck_assert_str_eq(shell.key, "zone");
	peer_close(&p);
}
END_TEST

static const struct switch_row {
	enum ctl_method m;
	bool on;
	enum core_command_kind kind;
} switches[] = {
	{CTL_MODE, true, CORE_CMD_MODE},
	{CTL_MODE, false, CORE_CMD_MODE},
	{CTL_DISCOVERY, true, CORE_CMD_DISCOVERY},
	{CTL_DISCOVERY, false, CORE_CMD_DISCOVERY},
};

START_TEST(test_switches)
{
	struct ctl_switch ask = {switches[_i].on};
	struct ctl_result r;
	struct peer p;

	shell.answers = true;
	peer_open(&p);
	peer_call(&p, switches[_i].m, &ask, &r);
	ck_assert_int_eq(shell.cmd.kind, switches[_i].kind);
	ck_assert(shell.cmd.on == switches[_i].on);
	peer_close(&p);
}
END_TEST

START_TEST(test_asks_of_the_supervisor)
{
	struct ctl_name name = {msg_str("static")};
	struct ctl_result r;
	struct peer p;

	peer_open(&p);
	peer_ask(&p, CTL_WORKER_RESTART, &name);
	ck_assert_int_eq(shell.ask_kind, IPC_ASK_WORKER_RESTART);
	ck_assert_str_eq(shell.ask_arg, "static");
	shell.ask_cb(shell.ask_ctx, false, "no worker of that name");
	turn();
	peer_result(&p, CTL_WORKER_RESTART, &r);
	ck_assert(!r.ok);
	assert_span(r.text, "no worker of that name");
	peer_ask(&p, CTL_RELOAD, NULL);
	ck_assert_int_eq(shell.ask_kind, IPC_ASK_RELOAD);
	control_free(control); /* nothing may be called afterwards */
	ck_assert(shell.ask_cb == NULL);
	peer_close(&p);
	control = control_new(&shell, fake_listen(path));
	shell.ask_rc = -EPIPE;
	peer_open(&p);
	peer_call(&p, CTL_RELOAD, NULL, &r);
	ck_assert(!r.ok);
	peer_close(&p);
}
END_TEST

/* What the supervisor and the core are asked for by a restart, up to its announcement. */
static void restart_to_announcement(struct peer *p, bool announce_only)
{
	struct ctl_restart restart = {announce_only};

	shell.cmd.kind = CORE_CMD_JOIN;
	peer_ask(p, CTL_RESTART, &restart);
	ck_assert_int_eq(shell.ask_kind, IPC_ASK_CHECK);
	ck_assert_int_ne(shell.cmd.kind, CORE_CMD_ANNOUNCE_RESTART);
	shell.ask_kind = IPC_ASK_RELOAD;
	shell.ask_cb(shell.ask_ctx, true, "");
	ck_assert_int_eq(shell.cmd.kind, CORE_CMD_ANNOUNCE_RESTART);
	ck_assert_int_ne(shell.ask_kind, IPC_ASK_RESTART); /* said first */
	control_reply(control, &(struct core_reply){.request = shell.cmd.request});
}

START_TEST(test_restart)
{
	struct ctl_restart restart = {false};
	struct ctl_result r;
	struct peer p;

	peer_open(&p);
	restart_to_announcement(&p, true);
	turn();
	peer_result(&p, CTL_RESTART, &r);
	ck_assert(r.ok);
	ck_assert_int_ne(shell.ask_kind, IPC_ASK_RESTART); /* that comes from elsewhere */

	restart_to_announcement(&p, false);
	ck_assert_int_eq(shell.ask_kind, IPC_ASK_RESTART);
	shell.ask_cb(shell.ask_ctx, true, "restarting");
	turn();
	peer_result(&p, CTL_RESTART, &r);
	ck_assert(r.ok);

	shell.ask_rc = -EPIPE;
	peer_ask(&p, CTL_RESTART, &restart);
	turn();
	peer_result(&p, CTL_RESTART, &r);
	ck_assert(!r.ok);
	peer_close(&p);
}
END_TEST

START_TEST(test_a_restart_that_would_fail_is_not_announced)
{
	struct ctl_restart restart = {false};
	struct ctl_result r;
	struct peer p;

	peer_open(&p);
	shell.cmd.kind = CORE_CMD_JOIN;
	peer_ask(&p, CTL_RESTART, &restart);
	shell.ask_cb(shell.ask_ctx, false, "the node would not come back: ...");
	turn();
	peer_result(&p, CTL_RESTART, &r);
	ck_assert(!r.ok);
	assert_span(r.text, "the node would not come back: ...");
	ck_assert_int_ne(shell.cmd.kind, CORE_CMD_ANNOUNCE_RESTART);
	peer_close(&p);
}
END_TEST

/* The stop follows the answer at once: no turn of the loop is left to send it. */
START_TEST(test_an_answer_before_the_end_is_sent)
{
	struct ctl_result r;
	struct peer p;

	peer_open(&p);
	restart_to_announcement(&p, false);
	shell.ask_cb(shell.ask_ctx, true, "restarting");
	control_free(control);
	peer_result(&p, CTL_RESTART, &r);
	ck_assert(r.ok);
	peer_close(&p);
	control = control_new(&shell, fake_listen(path));
}
END_TEST

START_TEST(test_check)
{
	struct ctl_check_ask ask = {msg_str("n00000@10.0.0.1"), {"", 0}, 0};
	struct core_reply r = {.request = 1};
	struct core_member m[1];
	char name[1][32];
	struct ctl_check k;
	const struct ctl_step *step;
	struct peer p;

	fill_members(m, name, 1, 0);
	m[0].host = "192.0.2.1";
	m[0].dist_port = 4400;
	peer_open(&p);
	peer_ask(&p, CTL_CHECK, &ask);
	ck_assert_str_eq(shell.cmd.node.host, "192.0.2.1"); /* where its record says */
	ck_assert_uint_eq(shell.cmd.node.port, 4400);
	snprintf(r.step, sizeof r.step, "resolve");
	r.step_ok = true;
	r.step_ms = 2;
	fake_reply(&shell, &r);
	snprintf(r.step, sizeof r.step, "connect");
	snprintf(r.text, sizeof r.text, "connection refused");
	r.step_ok = false;
	r.last = true;
	fake_reply(&shell, &r);
	turn();
	peer_result(&p, CTL_CHECK, &k);
	ck_assert(!k.ok);
	assert_span(k.node, "n00000@10.0.0.1");
	ck_assert_uint_eq(k.steps.n, 2);
	step = k.steps.item;
	ck_assert(step[0].ok && step[0].ms == 2 && !step[1].ok);
	assert_span(step[1].text, "connection refused");
	ck_assert_uint_gt(k.advice.n, 0);
	ask = (struct ctl_check_ask){msg_str("x@10.0.0.2"), msg_str("10.9.9.9"), 4500};
	peer_ask(&p, CTL_CHECK, &ask);
	ck_assert_str_eq(shell.cmd.node.host, "10.9.9.9");
	ck_assert_uint_eq(shell.cmd.node.port, 4500);
	fake_reply(&shell, &(struct core_reply){.request = 2, .code = CORE_E_BUSY});
	turn();
	assert_error(&p, "busy");
	peer_close(&p);
}
END_TEST

/* More than there are buckets, answered the other way round. */
START_TEST(test_each_reply_finds_its_request)
{
	enum { MANY = 2 * CONTROL_BUCKETS, CLIENTS = MANY / CONTROL_PENDING_MAX };

	struct peer p[CLIENTS];
	struct ctl_result r;
	uint32_t request = 0;

	shell.answers = false;
	for (unsigned i = 0; i < CLIENTS; i++) {
		peer_open(&p[i]);
		for (unsigned k = 0; k < CONTROL_PENDING_MAX; k++)
			peer_ask(&p[i], CTL_HEAL, NULL);
		request = shell.cmd.request;
	}
	for (unsigned i = MANY; i > 0; i--) {
		struct core_reply reply = {.request = request};

		request--;
		snprintf(reply.name, sizeof reply.name, "reply %u", i);
		fake_reply(&shell, &reply);
		turn();
		peer_result(&p[(i - 1) / CONTROL_PENDING_MAX], CTL_HEAL, &r);
		assert_span(r.name, reply.name);
	}
	ck_assert_ptr_null(LIST_FIRST(&control->pending));
	for (unsigned i = 0; i < CLIENTS; i++)
		peer_close(&p[i]);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_loop_test(t, test_node_as_typed, 0, N_ROWS(nodes));
	tcase_add_test(t, test_no_node_name);
	tcase_add_loop_test(t, test_codes, 0, N_ROWS(codes));
	tcase_add_test(t, test_leave_tells_that_discovery_is_off);
	tcase_add_test(t, test_late_reply_with_progress);
	tcase_add_test(t, test_tags);
	tcase_add_loop_test(t, test_switches, 0, N_ROWS(switches));
	tcase_add_test(t, test_asks_of_the_supervisor);
	tcase_add_test(t, test_restart);
	tcase_add_test(t, test_a_restart_that_would_fail_is_not_announced);
	tcase_add_test(t, test_an_answer_before_the_end_is_sent);
	tcase_add_test(t, test_check);
	tcase_add_test(t, test_each_reply_finds_its_request);
}

int main(void)
{
	return run_suite("control_change", add);
}
