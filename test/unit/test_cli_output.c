#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/json.h"
#include "cli/text.h"
#include "common/ipc/ctl.h"

static const char *text_of(struct buf *b)
{
	buf_put(b, "", 1);
	b->n--;
	return (const char *)b->p;
}

/* --- EMQX's words --- */

static const struct answer_row {
	enum answer_kind kind;
	const char *code, *name, *line;
} answers[] = {
	{ANSWER_JOIN, "ok", "", "Join the cluster successfully.\n"},
	{ANSWER_JOIN, "self", "a@10.0.0.1", "Ignore.\n"},
	{ANSWER_JOIN, "node_down", "emqx@10.0.0.1",
		"Failed to join the cluster: {node_down,'emqx@10.0.0.1'}\n"},
	{ANSWER_JOIN, "node_down", "",
		"Failed to join the cluster: {node_down,'asked@1.2.3.4'}\n"},
	{ANSWER_JOIN, "already_in_cluster", "emqx@localhost",
		"Failed to join the cluster: {already_in_cluster,emqx@localhost}\n"},
	{ANSWER_JOIN, "name_in_use", "a@1.1.1.1",
		"Failed to join the cluster: {name_in_use,'a@1.1.1.1'}\n"},
	{ANSWER_JOIN, "standing_apart", "a@1.1.1.1",
		"Failed to join the cluster: {standing_apart,'a@1.1.1.1'}\n"},
	{ANSWER_JOIN, "cannot_join_to_replicant", "a@1.1.1.1",
		"Failed to join the cluster: {cannot_join_to_replicant,'a@1.1.1.1'}\n"},
	{ANSWER_JOIN, "busy", "a@1.1.1.1", "Failed to join the cluster: busy\n"},
	{ANSWER_JOIN, "singleton", "a@1.1.1.1", "Failed to join the cluster: singleton\n"},
	{ANSWER_JOIN, "store_failed", "a@1.1.1.1",
		"Failed to join the cluster: {node_down,'a@1.1.1.1'}\n"},
	{ANSWER_JOIN, "of_a_later_version", "a@1.1.1.1",
		"Failed to join the cluster: {node_down,'a@1.1.1.1'}\n"},
	{ANSWER_LEAVE, "ok", "", "Leave the cluster successfully.\n"},
	{ANSWER_LEAVE, "node_not_in_cluster", "a@1.1.1.1",
		"Failed to leave the cluster: node_not_in_cluster\n"},
	{ANSWER_LEAVE, "store_failed", "", "Failed to leave the cluster: store_failed\n"},
	{ANSWER_FORCE_LEAVE, "ok", "", "Remove the node from cluster successfully.\n"},
	{ANSWER_FORCE_LEAVE, "self", "a@1.1.1.1", "Ignore.\n"},
	{ANSWER_FORCE_LEAVE, "node_not_in_cluster", "a@1.1.1.1",
		"Failed to remove the node from cluster: node_not_in_cluster\n"},
};

START_TEST(test_answer)
{
	const struct answer_row *row = &answers[_i];
	struct ctl_result r = {.ok = strcmp(row->code, "ok") == 0,
		.code = msg_str(row->code),
		.name = msg_str(row->name)};
	struct buf b = {0};

	answer_line(&b, row->kind, &r, "asked@1.2.3.4");
	ck_assert_str_eq(text_of(&b), row->line);
	buf_free(&b);
}
END_TEST

START_TEST(test_discovery_off)
{
	struct buf b = {0};

	answer_discovery_off(&b, "emqx@127.0.0.1");
	ck_assert_str_eq(text_of(&b),
		"Automatic cluster discovery is disabled on this node: 'emqx@127.0.0.1' to avoid "
		"re-joining the same cluster again, if the node is not stopped soon. To enable it "
		"run: 'clusterctl cluster discovery enable'.\n");
	buf_free(&b);
}
END_TEST

/* --- text --- */

static const struct clean_row {
	const char *in, *out;
} cleans[] = {
	{"plain", "plain"},
	{"a\033[31mb\n", "a?[31mb?"},
	{"\177", "?"},
	{"\xc2\x9b"
	 "1m",
		"?1m"}, /* CSI as one character */
	{"\xc3\xa9", "\xc3\xa9"},
	{"\xc2\xa9", "\xc2\xa9"},
};

START_TEST(test_clean)
{
	struct buf b = {0};

	text_clean(&b, msg_str(cleans[_i].in));
	ck_assert_str_eq(text_of(&b), cleans[_i].out);
	buf_free(&b);
}
END_TEST

static const struct sentences_row {
	const char *first, *second, *out;
} sentences[] = {
	{"no such tag", "", "no such tag"},
	{"", "Try again.", "Try again."},
	{"it is busy", "Try again.", "it is busy. Try again."},
	{"It is busy.", "Try again.", "It is busy. Try again."},
	{"", "", ""},
};

START_TEST(test_sentences)
{
	struct buf b = {0};

	text_sentences(&b, msg_str(sentences[_i].first), msg_str(sentences[_i].second));
	ck_assert_str_eq(text_of(&b), sentences[_i].out);
	buf_free(&b);
}
END_TEST

START_TEST(test_time)
{
	char s[TEXT_TIME_MAX];

	ck_assert_str_eq(text_time(1700000000123, true, s), "2023-11-14T22:13:20.123Z");
	ck_assert_str_eq(text_time(1700000000123, false, s), "2023-11-14T22:13:20Z");
	ck_assert_str_eq(text_time(UINT64_MAX, true, s), "?");
}
END_TEST

START_TEST(test_table)
{
	static const char *const title[] = {"NAME", "É", "LAST"};
	struct text_table t;
	struct buf b = {0};

	text_table_init(&t, title, 3);
	text_table_put(&t, &b);
	ck_assert_str_eq(text_of(&b), "NAME  É  LAST\n");
	b.n = 0;
	text_cell(&t, msg_str("a-long-name"));
	text_cellf(&t, "%d", 17);
	text_cell(&t, msg_str(""));
	text_cell(&t, msg_str("b\n"));
	text_cell(&t, msg_str("é"));
	text_cell(&t, msg_str("x"));
	text_table_put(&t, &b);
	ck_assert_str_eq(text_of(&b), "NAME         É   LAST\n"
				      "a-long-name  17  -\n"
				      "b?           é   x\n");
	text_table_free(&t);
	buf_free(&b);
}
END_TEST

/* --- JSON --- */

static char *dump(json_t *j)
{
	char *s = json_dumps(j, JSON_COMPACT);

	json_decref(j);
	return s;
}

static void assert_json(json_t *j, const char *want)
{
	char *got = dump(j);

	ck_assert_str_eq(got, want);
	free(got);
}

#define ID_TEXT "01000000000000000000000000000002"
static const struct id128 id = {{1, [15] = 2}};

START_TEST(test_json_member)
{
	struct ctl_tag tag[] = {{msg_str("zone"), msg_str("a\"b")}, {msg_str("k"), {"", 0}}};
	struct ctl_member m = {.name = msg_str("a@h"),
		.host = msg_str("h"),
		.version = msg_str("1.0"),
		.role = msg_str("core"),
		.state = msg_str("up"),
		.member_id = id,
		.incarnation = 7,
		.session = 0xab,
		.seq = 9,
		.since_ms = 1700000000123,
		.running = true,
		.self = true,
		.dist_port = 4370,
		.rpc_port = 5370,
		.rtt_us = 1500,
		.last_error = {"", 0},
		.tags = {tag, 2}};

	assert_json(json_of(&json_member, &m),
		"{\"name\":\"a@h\",\"state\":\"running\",\"role\":\"core\",\"self\":true,"
		"\"member_id\":\"" ID_TEXT "\",\"node_id\":null,\"incarnation\":7,"
		"\"session\":\"00000000000000ab\",\"sequence\":9,"
		"\"since\":\"2023-11-14T22:13:20.123Z\",\"address\":\"h\",\"dist_port\":4370,"
		"\"rpc_port\":5370,\"version\":\"1.0\",\"phase\":\"up\",\"voter\":false,"
		"\"unreadable\":false,\"rtt_ms\":2,\"rtt_us\":1500,\"last_error\":null,"
		"\"tags\":{\"zone\":\"a\\\"b\",\"k\":\"\"}}");
	m.running = false;
	m.rtt_us = -1;
	m.since_ms = 0;
	m.tags.n = 0;
	assert_json(json_of(&json_member, &m),
		"{\"name\":\"a@h\",\"state\":\"stopped\",\"role\":\"core\",\"self\":true,"
		"\"member_id\":\"" ID_TEXT "\",\"node_id\":null,\"incarnation\":7,"
		"\"session\":\"00000000000000ab\",\"sequence\":9,\"since\":null,"
		"\"address\":\"h\",\"dist_port\":4370,\"rpc_port\":5370,\"version\":\"1.0\","
		"\"phase\":\"up\",\"voter\":false,\"unreadable\":false,\"rtt_ms\":null,"
		"\"rtt_us\":null,\"last_error\":null,\"tags\":{}}");
}
END_TEST

START_TEST(test_json_link)
{
	struct ctl_link l = {.from = msg_str("a@h"),
		.to = msg_str("b@h"),
		.state = msg_str("held"),
		.from_id = id,
		.own = true,
		.rtt_us = 499,
		.age_ms = 5,
		.hold_ms = 6,
		.last_error = msg_str("reset")};

	assert_json(json_of(&json_link, &l),
		"{\"from\":\"a@h\",\"to\":\"b@h\",\"state\":\"held\",\"own\":true,"
		"\"from_id\":\"" ID_TEXT "\",\"to_id\":null,\"rtt_ms\":0,\"rtt_us\":499,"
		"\"age_ms\":5,\"hold_ms\":6,\"data_ok\":true,\"last_error\":\"reset\"}");
}
END_TEST

START_TEST(test_json_worker)
{
	struct ctl_worker w = {.name = msg_str("dns"),
		.state = msg_str("running"),
		.last_exit = {"", 0},
		.pid = 12,
		.restarts = 3,
		.has_health = true,
		.text = msg_str("NXDOMAIN"),
		.detail = {"", 0},
		.candidates = 4};

	assert_json(json_of(&json_worker, &w),
		"{\"name\":\"dns\",\"state\":\"running\",\"pid\":12,\"restarts\":3,"
		"\"started\":null,\"last_exit\":null,\"last_error\":\"NXDOMAIN\","
		"\"reported\":true,\"ok\":false,\"found_self\":false,\"detail\":null,"
		"\"candidates\":4,\"last_sync\":null}");
}
END_TEST

START_TEST(test_json_event)
{
	struct ctl_event e = {.n = 5,
		.boot = 1,
		.time_ms = 1,
		.kind = msg_str("node_stopped"),
		.severity = msg_str("warning"),
		.node = {"", 0},
		.text = msg_str("\xff no UTF-8")};
	struct ctl_lost lost = {3, 8};

	assert_json(json_of(&json_event, &e),
		"{\"n\":5,\"boot\":\"0000000000000001\",\"time\":\"1970-01-01T00:00:00.001Z\","
		"\"kind\":\"node_stopped\",\"severity\":\"warning\",\"node\":null,"
		"\"member_id\":null,\"text\":\"? no UTF-8\"}");
	assert_json(json_of(&json_lost, &lost), "{\"n\":8,\"first\":3,\"last\":8}");
}
END_TEST

START_TEST(test_json_check)
{
	struct ctl_step step = {msg_str("connect"), msg_str("refused"), false, 4};
	struct ctl_check k = {.node = msg_str("a@h"),
		.steps = {&step, 1},
		.advice = msg_str("start it")};

	assert_json(json_of(&json_check, &k),
		"{\"node\":\"a@h\",\"ok\":false,\"steps\":[{\"name\":\"connect\",\"ok\":false,"
		"\"ms\":4,\"text\":\"refused\"}],\"advice\":\"start it\"}");
}
END_TEST

START_TEST(test_json_status)
{
	struct ctl_warning w = {msg_str("no_quorum"), msg_str("text"), {"", 0}};
	struct ctl_status s = {.node_name = msg_str("a@h"),
		.cluster_name = msg_str("c"),
		.version = msg_str("1"),
		.role = msg_str("core"),
		.strategies = msg_str("static,dns"),
		.apart = {"", 0},
		.apart_by = {"", 0},
		.busy = {"", 0},
		.mode_auto = true,
		.discovery_paused = true,
		.warnings = {&w, 1}};
	char *got = dump(json_of(&json_status, &s));

	ck_assert_ptr_nonnull(strstr(got, "\"mode\":\"auto\""));
	ck_assert_ptr_nonnull(strstr(got, "\"discovery_strategies\":[\"static\",\"dns\"]"));
	ck_assert_ptr_nonnull(strstr(got, "\"discovery_enabled\":false"));
	ck_assert_ptr_nonnull(strstr(got, "\"standing_apart\":null"));
	ck_assert_ptr_nonnull(strstr(got, "\"storage\":\"ok\""));
	ck_assert_ptr_nonnull(strstr(got,
		"\"warnings\":[{\"code\":\"no_quorum\",\"text\":\"text\",\"hint\":null}]"));
	free(got);
	s.strategies = (struct msg_span){"", 0};
	got = dump(json_of(&json_discovery, &s));
	ck_assert_str_eq(got, "{\"mode\":\"auto\",\"singleton\":false,"
			      "\"discovery_strategies\":[],\"discovery_enabled\":false}");
	free(got);
}
END_TEST

#define N_ROWS(a) (int)(sizeof(a) / sizeof(a)[0])

int main(void)
{
	Suite *s = suite_create("cli_output");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, test_answer, 0, N_ROWS(answers));
	tcase_add_test(t, test_discovery_off);
	tcase_add_loop_test(t, test_clean, 0, N_ROWS(cleans));
	tcase_add_loop_test(t, test_sentences, 0, N_ROWS(sentences));
	tcase_add_test(t, test_time);
	tcase_add_test(t, test_table);
	tcase_add_test(t, test_json_member);
	tcase_add_test(t, test_json_link);
	tcase_add_test(t, test_json_worker);
	tcase_add_test(t, test_json_event);
	tcase_add_test(t, test_json_check);
	tcase_add_test(t, test_json_status);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
