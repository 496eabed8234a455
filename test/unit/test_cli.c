/*
 * clusterctl as a whole against the real control server over a fake core in a child process: what is printed where, and
 * the exit code. And against servers that answer badly or not at all: it never hangs.
 */
#include <check.h>
#include <signal.h>
#include <sys/wait.h>

#include "cli/cli.h"
#include "common/base/log.h"
#include "membership/control_int.h"
#include "test/unit/fake_shell.h"

enum { ARGV_MAX = 8, HANG_MAX_MS = 15000 };

static struct shell shell;
static char path[160];
static pid_t server;
static char *out, *err;
static size_t out_n, err_n;

static struct core_member member[] = {
	{.name = "emqx1@127.0.0.1",
		.host = "127.0.0.1",
		.version = "0.1.0",
		.running = true,
		.self = true,
		.dist_port = 4371,
		.rpc_port = 5371,
		.rtt_us = -1,
		.last_error = ""},
	{.name = "emqx2@127.0.0.1",
		.host = "127.0.0.1",
		.version = "0.1.0",
		.dist_port = 4372,
		.rpc_port = 5372,
		.rtt_us = 1234,
		.last_error = "refused"},
};

static void set_up(void)
{
	snprintf(path, sizeof path, "/tmp/test_cli.%d", (int)getpid());
	fake_shell_init(&shell);
	shell.member = member;
	shell.n_members = 2;
	member[0].member_id.b[0] = 1;
	member[1].member_id.b[0] = 2;
	shell.answers = true;
}

static void tear_down(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = 0;
	ev_loop_destroy(shell.loop);
	unlink(path);
	free(out);
	free(err);
	out = err = NULL;
}

/* Serves what the test has put into shell, until it is killed. */
static void serve(void)
{
	int fd = fake_listen(path);

	server = fork();
	if (server > 0) {
		close(fd);
		return;
	}
	log_init("test", LOG_ERROR, LOG_LOGFMT);
	ev_loop_fork(shell.loop);
	(void)control_new(&shell, fd);
	ev_run(shell.loop, 0);
	_exit(0);
}

/* Runs clusterctl with the words of line. */
static int ctl(const char *line)
{
	char copy[512],
		*argv[ARGV_MAX + 4] = {(char[]){"clusterctl"}, (char[]){"--socket"}, path};
	FILE *o, *e;
	int argc = 3, rc;

	free(out);
	free(err);
	snprintf(copy, sizeof copy, "%s", line);
	for (char *t = strtok(copy, " "); t != NULL; t = strtok(NULL, " "))
		argv[argc++] = t;
	o = open_memstream(&out, &out_n);
	e = open_memstream(&err, &err_n);
	rc = cli_main(argc, argv, o, e);
	fclose(o);
	fclose(e);
	return rc;
}

#define STATUS                                                      \
	"Cluster status: #{running_nodes => ['emqx1@127.0.0.1'],\n" \
	"                  stopped_nodes => ['emqx2@127.0.0.1']}\n"

static const struct row {
	const char *line;
	struct core_reply answer;
	int rc;
	const char *out, *err; /* err: NULL: empty, else a part of it */
} rows[] = {
	{"cluster status", {0}, 0, STATUS, NULL},
	{"cluster status --json", {0}, 0,
		"{\n  \"running_nodes\" : [\n    \"emqx1@127.0.0.1\"\n  ],\n"
		"  \"stopped_nodes\" : [\n    \"emqx2@127.0.0.1\"\n  ]\n}\n",
		NULL},
	{"cluster join emqx2", {0}, 0, "Join the cluster successfully.\n" STATUS, NULL},
	{"cluster join emqx2",
		{.code = CORE_E_NODE_DOWN,
			.name = "emqx2@127.0.0.1",
			.text = "connect: connection refused"},
		1, "Failed to join the cluster: {node_down,'emqx2@127.0.0.1'}\n",
		"connect: connection refused. clusterctl check emqx2@127.0.0.1 shows each step"},
	{"cluster join emqx1", {.code = CORE_E_SELF, .text = "a node can't join itself"}, 1,
		"Ignore.\n", "a node can't join itself"},
	{"cluster join a@b@c", {0}, 2, "", "no node name: a@b@c"},
	{"cluster join x@h --json",
		{.code = CORE_E_BUSY, .name = "x@h", .text = "another join is under way"}, 1,
		"{\n  \"ok\": false,\n  \"error\": {\n    \"code\": \"busy\",\n"
		"    \"text\": \"another join is under way\",\n"
		"    \"hint\": \"Try again in a moment.\"\n  }\n}\n",
		NULL},
	{"cluster join x@h --json", {0}, 0,
		"{\n  \"ok\": true,\n  \"text\": null,\n  \"discovery_paused\": false,\n"
		"  \"running_nodes\": [\n    \"emqx1@127.0.0.1\"\n  ],\n"
		"  \"stopped_nodes\": [\n    \"emqx2@127.0.0.1\"\n  ]\n}\n",
		NULL},
	{"cluster leave", {0}, 0, "Leave the cluster successfully.\n" STATUS, NULL},
	{"cluster leave", {.code = CORE_E_NOT_IN_CLUSTER, .text = "there is no other member"},
		1, "Failed to leave the cluster: node_not_in_cluster\n",
		"there is no other member"},
	{"cluster force-leave emqx2", {.text = "done without quorum"}, 0,
		"Remove the node from cluster successfully.\n" STATUS, "done without quorum"},
	{"cluster force-leave emqx9@h", {.code = CORE_E_NOT_IN_CLUSTER}, 1,
		"Failed to remove the node from cluster: node_not_in_cluster\n", NULL},
	{"cluster discovery enable", {0}, 0, "Automatic cluster discovery enabled.\n", NULL},
	{"cluster mode", {0}, 0, "manual\n", NULL},
	{"cluster mode auto", {0}, 0, "The cluster's mode is auto.\n", NULL},
	{"cluster mode other", {0}, 2, "", "cluster mode is auto or manual"},
	{"tag set a=1 b", {0}, 2, "", "KEY=VALUE: b"},
	{"tag set a=1 b=2", {0}, 0, "Set.\n", NULL},
	{"tag unset a", {.code = CORE_E_INVALID, .text = "no such tag"}, 1, "", "no such tag"},
	{"conf reload", {0}, 1, "", "supervisor can't be asked"},
	{"restart --announce", {0}, 1, "", "supervisor can't be asked"},
	{"restart", {0}, 1, "", "supervisor can't be asked"},
	{"restart now", {0}, 2, "", "too many arguments"},
	{"members", {0}, 0,
		"NAME             STATE    ROLE  SINCE  VERSION  ADDRESS              RTT       TAGS\n"
		"emqx1@127.0.0.1  running  core  -      0.1.0    127.0.0.1:4371,5371  self      -\n"
		"emqx2@127.0.0.1  stopped  core  -      0.1.0    127.0.0.1:4372,5372  1.234 ms  -\n",
		NULL},
	{"workers", {0}, 0, "No discovery worker is configured (cluster.discovery_strategy).\n",
		NULL},
	{"workers --json", {0}, 0, "[]\n", NULL},
	{"events --json", {0}, 0, "[]\n", NULL},
	{"status surplus", {0}, 2, "", "too many arguments"},
	{"members --force", {0}, 2, "", "members has no option --force"},
	{"cluster", {0}, 2, "", "cluster status"},
	{"nonsense", {0}, 2, "", "no such command: nonsense"},
};

START_TEST(test_row)
{
	const struct row *row = &rows[_i];
	int rc;

	shell.answer = row->answer;
	shell.ask_rc = -1;
	serve();
	rc = ctl(row->line);
	ck_assert_msg(rc == row->rc, "%s: exit %d: %s%s", row->line, rc, out, err);
	ck_assert_msg(strcmp(out, row->out) == 0, "%s: wanted\n%sgot\n%s", row->line, row->out,
		out);
	ck_assert_msg(row->err == NULL ? *err == '\0' : strstr(err, row->err) != NULL,
		"%s: on standard error: %s", row->line, err);
}
END_TEST

START_TEST(test_leave_with_discovery)
{
	shell.conf.cluster.strategies = STRATEGY_STATIC;
	serve();
	ck_assert_int_eq(ctl("cluster leave"), 0);
	ck_assert_str_eq(out,
		"Automatic cluster discovery is disabled on this node: 'emqx1@127.0.0.1' to avoid "
		"re-joining the same cluster again, if the node is not stopped soon. To enable it "
		"run: 'clusterctl cluster discovery enable'.\n"
		"Leave the cluster successfully.\n" STATUS);
}
END_TEST

START_TEST(test_warnings_stand_apart_from_the_layout)
{
	shell.status.waiting_heal = true;
	serve();
	ck_assert_int_eq(ctl("cluster status"), 0);
	ck_assert_str_eq(out, STATUS);
	ck_assert_ptr_nonnull(strstr(err, "Warning: A partition waits for heal"));
	ck_assert_int_eq(ctl("status"), 0);
	ck_assert_ptr_nonnull(strstr(out, "Warning: A partition waits for heal"));
}
END_TEST

/* A stopped member with the name of a running one, and the same name twice among the stopped. */
START_TEST(test_names_are_shown_once)
{
	static struct core_member m[3];

	for (int i = 0; i < 3; i++) {
		m[i] = member[1];
		m[i].member_id.b[0] = (uint8_t)i;
	}
	shell.member = m;
	shell.n_members = 3;
	serve();
	ck_assert_int_eq(ctl("cluster status"), 0);
	ck_assert_str_eq(out, "Cluster status: #{running_nodes => [],"
			      "stopped_nodes => ['emqx2@127.0.0.1']}\n");
}
END_TEST

/* More members than a page holds. */
START_TEST(test_a_large_cluster)
{
	enum { N = 2345 };
	struct core_member *m = calloc(N, sizeof *m);
	char(*name)[32] = calloc(N, sizeof *name);
	unsigned lines = 0;

	for (unsigned i = 0; i < N; i++) {
		m[i] = member[0];
		snprintf(name[i], sizeof name[i], "n%05u@h", i);
		m[i].name = name[i];
	}
	shell.member = m;
	shell.n_members = N;
	serve();
	ck_assert_int_eq(ctl("cluster status --json"), 0);
	for (char *at = out; (at = strstr(at, "@h\"")) != NULL; at++, lines++)
		;
	ck_assert_uint_eq(lines, N);
	ck_assert_int_eq(ctl("members --json"), 0);
	for (char *at = out; (at = strstr(at, "\"name\": ")) != NULL; at++)
		lines--;
	ck_assert_uint_eq(lines, 0);
	free(m);
	free(name);
}
END_TEST

START_TEST(test_starting)
{
	shell.starting = true;
	serve();
	ck_assert_int_eq(ctl("cluster status"), 0);
	ck_assert_str_eq(out, "Cluster status: #{running_nodes => [],stopped_nodes => []}\n");
	ck_assert_ptr_nonnull(strstr(err, "is starting"));
	ck_assert_int_eq(ctl("members"), 1);
	ck_assert_ptr_nonnull(strstr(err, "is starting"));
	ck_assert_int_eq(ctl("members --json"), 1);
	ck_assert_ptr_nonnull(strstr(out, "\"code\": \"starting\""));
}
END_TEST

/* --- daemons that are none, or do not answer --- */

static uint64_t now_ms(void)
{
	return clock_mono_ms();
}

static void assert_unreachable(const char *line, const char *why)
{
	uint64_t from = now_ms();
	int rc = ctl(line);
	char first[200];

	snprintf(first, sizeof first, "Node %s not responding to pings.\n", path);
	ck_assert_msg(rc == 3, "%s: exit %d: %s%s", line, rc, out, err);
	ck_assert_msg(strncmp(err, first, strlen(first)) == 0, "%s", err);
	ck_assert_msg(strstr(err, why) != NULL, "%s", err);
	ck_assert_uint_lt(now_ms() - from, HANG_MAX_MS);
}

START_TEST(test_no_daemon)
{
	assert_unreachable("cluster status", "No such file");
	assert_unreachable("cluster join x@h", "No such file");
	ck_assert_int_eq(ctl("status --json"), 3);
	ck_assert_ptr_nonnull(strstr(out, "\"code\": \"unreachable\""));
	ck_assert_int_eq(ctl("version"), 0);
	close(fake_listen(path)); /* a socket that nobody serves any more */
	assert_unreachable("cluster status", "refused");
}
END_TEST

START_TEST(test_socket_path_too_long)
{
	memset(path, 'x', 120);
	path[0] = '/';
	assert_unreachable("status", "too long");
	path[0] = '\0';
}
END_TEST

/* It listens and does nothing else. A change may have been taken: that is another answer than no answer. */
START_TEST(test_a_daemon_that_hangs)
{
	int fd = fake_listen(path);

	assert_unreachable("status --timeout 100ms", "silent for too long");
	ck_assert_int_eq(ctl("cluster join x@h --timeout 100ms"), 1);
	ck_assert_ptr_nonnull(strstr(err, "goes on"));
	close(fd);
}
END_TEST

/* Nobody takes connections from its queue, and that is full. */
START_TEST(test_a_full_queue)
{
	int fd = fake_listen(path), client[8];

	ck_assert_int_eq(listen(fd, 0), 0);
	for (int i = 0; i < 8; i++) {
		struct sockaddr_un to = {.sun_family = AF_UNIX};

		snprintf(to.sun_path, sizeof to.sun_path, "%.100s", path);
		client[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(client[i], (struct sockaddr *)&to, sizeof to);
	}
	assert_unreachable("status --timeout 100ms", "timed out");
	for (int i = 0; i < 8; i++)
		close(client[i]);
	close(fd);
}
END_TEST

static const struct odd_row {
	const char *bytes;
	size_t n;
	const char *why;
} odd[] = {
	{"", 0, "closed the connection"},
	{"HTTP/1.1 400 Bad Request\r\n", 26, "no answer of clusterd"},
	{"\0\0\0\1\xc1", 5, "no answer of clusterd"},
	{"\0\0\0\5\x94\0\1\xa0\x90", 9, "no answer of clusterd"},
	{"\0\0\0\5\x94\1\1\xc0\x90", 9, "no answer of clusterd"}, /* a status without fields */
	{"\0\0\0\x20\x94", 5, "closed the connection"},
};

/* One answer, then the end. */
START_TEST(test_odd_answers)
{
	int fd = fake_listen(path);

	server = fork();
	if (server == 0) {
		int client = accept(fd, NULL, NULL);

		(void)send(client, odd[_i].bytes, odd[_i].n, MSG_NOSIGNAL);
		shutdown(client, SHUT_WR);
		(void)recv(client, (char[4096]){0}, 4096, 0);
		pause();
	}
	close(fd);
	assert_unreachable("status --timeout 2s", odd[_i].why);
}
END_TEST

#define N_ROWS(a) (int)(sizeof(a) / sizeof(a)[0])

int main(void)
{
	Suite *s = suite_create("cli");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_row, 0, N_ROWS(rows));
	tcase_add_test(t, test_leave_with_discovery);
	tcase_add_test(t, test_warnings_stand_apart_from_the_layout);
	tcase_add_test(t, test_names_are_shown_once);
	tcase_add_test(t, test_a_large_cluster);
	tcase_add_test(t, test_starting);
	tcase_add_test(t, test_no_daemon);
	tcase_add_test(t, test_socket_path_too_long);
	tcase_add_test(t, test_a_daemon_that_hangs);
	tcase_add_test(t, test_a_full_queue);
	tcase_add_loop_test(t, test_odd_answers, 0, N_ROWS(odd));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
