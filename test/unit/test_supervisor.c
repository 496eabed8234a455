/* The whole tree but main(), with children that this program plays itself (tree_fakes.h). */
#include "test/unit/tree.h"
#include "test/unit/tree_fakes.h"

#define STATIC                                  \
	"cluster.discovery_strategy = static\n" \
	"cluster.static.seeds = [n2@127.0.0.2, n1@127.0.0.1]\n"

static void start_static(void)
{
	configure(STATIC);
	start();
	await("setup_done", 1);
	await("row static running *", 1);
	await("candidates 1 part 0 last 1 n 1 first n2@127.0.0.2", 1);
}

START_TEST(test_what_a_child_gets_and_in_which_order)
{
	static const char *const want[] = {"setup pid * node n1@127.0.0.1 seeds 0 cookie 1",
		"inherited fds 0 1 2 3 5 environment 0 blocked 0 deathsig 9 no_new_privs 1",
		"listener 0 port 4371 listening 1", "listener 1 port 5371 listening 1",
		"listener 2 port 0 listening 1", "worker_pipe static life 1",
		"row static starting pid * restarts 0 exit ''", "setup_done"};
	char line[2048];
	FILE *f;

	start_static();
	f = fopen(at("data/journal"), "r");
	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
		line[strcspn(line, "\n")] = '\0';
		ck_assert_msg(fnmatch(want[i], line, 0) == 0, "%s, not %s", line, want[i]);
	}
	fclose(f);
	await("health ok=1 2 seeds", 1);
}
END_TEST

START_TEST(test_a_killed_worker_restarts_alone)
{
	pid_t worker;

	start_static();
	worker = pid_in("row static running *");
	kill(worker, SIGKILL);
	await("worker_pipe static life 2", 1);
	await("row static running * restarts 1 exit 'signal 9 (Killed)'", 1);
	await("candidates 1 part 0 last 1 n 1 *", 2);
	ck_assert_int_ne(pid_in("row static running *"), worker);
	await("setup pid *", 1);
	ck_assert_uint_eq(count("setup pid *", path), 1);
}
END_TEST

START_TEST(test_with_membership_its_workers_restart)
{
	pid_t worker, membership;

	start_static();
	worker = pid_in("row static running *");
	membership = pid_in("setup pid *");
	kill(membership, SIGKILL);
	await("setup_done", 2);
	await("listener 2 port 0 listening 1", 2);
	await("row static running * restarts 1 *", 1);
	await("candidates 1 part 0 last 1 n 1 *", 2);
	ck_assert_int_ne(pid_in("row static running *"), worker);
	ck_assert_int_ne(pid_in("setup pid *"), membership);
	await_gone(worker, 1000);
}
END_TEST

START_TEST(test_no_orphan_outlives_a_killed_supervisor)
{
	pid_t worker, membership;

	start_static();
	worker = pid_in("row static running *");
	membership = pid_in("setup pid *");
	kill(supervisor, SIGKILL);
	ck_assert_int_eq(await_exit(), -SIGKILL);
	await_gone(worker, 2000);
	await_gone(membership, 2000);
	start(); /* the lock, the socket left behind and the ports are free for the next one */
	await("setup_done", 2);
	order("status");
	await("order status", 1);
}
END_TEST

START_TEST(test_stop_ends_all_and_leaves_nothing)
{
	pid_t worker, membership;

	start_static();
	worker = pid_in("row static running *");
	membership = pid_in("setup pid *");
	kill(supervisor, _i == 0 ? SIGTERM : SIGINT);
	ck_assert_int_eq(await_exit(), 0);
	await("stop", 1);
	await_gone(worker, 0);
	await_gone(membership, 0);
	ck_assert_int_lt(access(at("control"), F_OK), 0);
}
END_TEST

START_TEST(test_who_does_not_stop_is_killed)
{
	uint64_t from_ms;

	configure(STATIC "cluster.name = lingers\n");
	start();
	await("setup_done", 1);
	from_ms = clock_mono_ms();
	kill(supervisor, SIGTERM);
	ck_assert_int_eq(await_exit(), 0);
	ck_assert_uint_ge(clock_mono_ms() - from_ms, 4900);
	ck_assert_uint_le(clock_mono_ms() - from_ms, 15000);
}
END_TEST

static const struct {
	const char *title, *strategy, *row;
} misbehaving[] = {
	{"one that babbles is restarted", "dns",
		"row dns * restarts [3-9] exit 'killed: broke the protocol'"},
	{"one that is not heard of is restarted", "etcd",
		"row etcd * restarts 1 exit 'killed: no sign of life'"},
	{"one that gives up over its configuration is not", "k8s",
		"row k8s stopped pid 0 restarts 0 exit 'exit 78 (configuration; not restarted)'"},
};

START_TEST(test_a_misbehaving_worker_disturbs_nobody_else)
{
	char text[256];

	snprintf(text, sizeof text,
		"cluster.discovery_strategy = [static, %s]\ncluster.static.seeds = n2@127.0.0.2\n"
		"supervisor.worker_watchdog = 2s\n",
		misbehaving[_i].strategy);
	configure(text);
	start();
	await(misbehaving[_i].row, 1);
	await("row static running * restarts 0 exit ''", 1);
	ck_assert_uint_eq(count("row static * restarts 1 *", path), 0);
	ck_assert_uint_eq(count("setup pid *", path), 1);
}
END_TEST

START_TEST(test_a_misconfigured_membership_ends_the_tree)
{
	configure(STATIC "cluster.name = misconfigured\n");
	start();
	ck_assert_int_eq(await_exit(), 78);
}
END_TEST

static const char *const membership_faults[] = {"hang", "garbage"};

START_TEST(test_a_faulty_membership_is_restarted)
{
	configure(STATIC "supervisor.membership_watchdog = 2s\n");
	start();
	await("candidates 1 part 0 last 1 n 1 *", 1);
	order(membership_faults[_i]);
	await("setup_done", 2);
	await("candidates 1 part 0 last 1 n 1 *", 2);
}
END_TEST

START_TEST(test_an_operator_restarts_a_worker)
{
	start_static();
	order("worker static");
	await("answer 7 ok 1 restarting", 1);
	await("row static running * restarts 1 exit 'exit 0'", 1);
	order("worker dns");
	await("answer 7 ok 0 no such worker*", 1);
}
END_TEST

START_TEST(test_membership_has_a_worker_put_down)
{
	start_static();
	order("fault static");
	await("answer 7 ok 1 restarting", 1);
	await("row static running * restarts 1 exit 'killed: broke the protocol'", 1);
}
END_TEST

START_TEST(test_an_operator_restarts_the_tree)
{
	start_static();
	order("restart");
	await("answer 7 ok 1 restarting", 1);
	ck_assert_int_eq(await_exit(), EXIT_REEXEC);
	await("stop", 1);
}
END_TEST

/* Asked before a restart is announced: keys that a reload can't change are good, broken ones and the stamp's are not. */
START_TEST(test_a_restart_can_be_tried)
{
	start_static();
	order("check");
	await("answer 7 ok 1 ", 1);
	configure(STATIC "node.dist_port = 4999\n");
	order("check");
	await("answer 7 ok 1 ", 2);
	configure(STATIC "node.dist_port = 4999\nlog.level = loud\n");
	order("check");
	await("answer 7 ok 0 the node would not come back:|*log.level*", 1);
	configure(STATIC "cluster.name = other\n");
	order("check");
	await("answer 7 ok 0 the node would not come back:|*cluster.name*stamped*", 1);
	ck_assert_uint_eq(count("reload *", path), 0);
}
END_TEST

START_TEST(test_reload_reaches_whom_it_concerns)
{
	start_static();
	configure("cluster.discovery_strategy = static\ncluster.static.seeds = n3@127.0.0.3\n");
	kill(supervisor, SIGHUP);
	await("candidates 2 part 0 last 1 n 1 first n3@127.0.0.3", 1);
	configure("cluster.discovery_strategy = static\ncluster.static.seeds = n3@127.0.0.3\n"
		  "log.level = debug\n");
	order("reload");
	await("answer 7 ok 1 1 key changed", 1);
	await("reload level 3", 1);
	order("reload");
	await("answer 7 ok 1 0 keys changed", 1);
	ck_assert_uint_eq(count("reload level *", path), 1); /* nothing new: not even asked */
	ck_assert_uint_eq(count("setup pid *", path), 1);
	ck_assert_uint_eq(count("row static * restarts 1 *", path), 0);
}
END_TEST

START_TEST(test_a_reload_during_another_comes_after_it)
{
	pid_t worker;

	start_static();
	worker = pid_in("row static running *");
	kill(worker, SIGSTOP);
	configure("cluster.discovery_strategy = static\ncluster.static.seeds = n3@127.0.0.3\n"
		  "log.level = warn\n");
	order("reload");
	await("reload level 1", 1); /* it waits for the worker now */
	configure("cluster.discovery_strategy = static\ncluster.static.seeds = n3@127.0.0.3\n"
		  "log.level = debug\n");
	order("reload");
	order("reload");
	await("answer 7 ok 0 a reload is under way, and one is waiting", 1);
	kill(worker, SIGCONT);
	await("answer 7 ok 1 2 keys changed", 1);
	await("answer 7 ok 1 1 key changed", 1);
	await("candidates 2 part 0 last 1 n 1 first n3@127.0.0.3", 1);
	await("reload level 3", 1);
}
END_TEST

START_TEST(test_a_stop_during_a_reload_starts_nobody)
{
	pid_t worker;

	start_static();
	worker = pid_in("row static running *");
	kill(worker, SIGSTOP);
	configure("cluster.discovery_strategy = static\ncluster.static.seeds = n3@127.0.0.3\n"
		  "log.level = warn\n");
	order("reload");
	await("reload level 1", 1); /* it waits for the worker now */
	kill(supervisor, SIGTERM);
	await("answer 7 ok 0 the node stops", 1);
	kill(worker, SIGCONT);
	ck_assert_int_eq(await_exit(), 0);
	await_gone(worker, 0);
	ck_assert_uint_eq(count("worker_pipe static life 2", path), 0);
}
END_TEST

START_TEST(test_reload_of_something_wrong_changes_nothing)
{
	start_static();
	configure("cluster.discovery_strategy = static\ncluster.static.seeds = n3@127.0.0.3\n"
		  "log.level = loud\nnode.role = boss\n");
	order("reload");
	await("answer 7 ok 0 nothing was changed:|*log.level*|*node.role*", 1);
	configure("cluster.discovery_strategy = static\ncluster.static.seeds = n3@127.0.0.3\n"
		  "node.dist_port = 4999\n");
	order("reload");
	await("answer 7 ok 0 nothing was changed:|*node.dist_port*", 1);
	ck_assert_uint_eq(count("candidates 2 *", path), 0);
}
END_TEST

static const struct {
	const char *name, *answer;
} unwilling[] = {
	{"refuses", "answer 7 ok 0 nothing was changed:|membership: not with me"},
	{"mumbles", "answer 7 ok 0 nothing was changed:|1 process did not answer in time"},
};

START_TEST(test_reload_is_taken_back_when_one_child_does_not_follow)
{
	char before[512], after[512];

	snprintf(before, sizeof before, STATIC "cluster.name = %s\n", unwilling[_i].name);
	snprintf(after, sizeof after,
		"cluster.discovery_strategy = static\ncluster.static.seeds = n3@127.0.0.3\n"
		"cluster.name = %s\nlog.level = debug\n",
		unwilling[_i].name);
	configure(before);
	start();
	await("candidates 1 *", 1);
	configure(after);
	order("reload");
	await("candidates 2 part 0 last 1 n 1 first n3@127.0.0.3", 1);
	order("reload");
	await(unwilling[_i].answer, 1);
	await("candidates 3 part 0 last 1 n 1 first n2@127.0.0.2", 1);
	await("reload level 2", 1); /* membership, too, has the old one back */
}
END_TEST

START_TEST(test_reload_starts_and_stops_workers)
{
	start_static();
	configure("cluster.discovery_strategy = [static, k8s]\n"
		  "cluster.static.seeds = [n2@127.0.0.2, n1@127.0.0.1]\n");
	kill(supervisor, SIGHUP);
	await("row k8s stopped *", 1);
	configure("cluster.discovery_strategy = manual\n");
	kill(supervisor, SIGHUP);
	await("worker_pipe closed *", 2); /* the k8s one's too */
	configure(STATIC);
	kill(supervisor, SIGHUP);
	await("worker_pipe static life 2", 1);
	ck_assert_uint_eq(count("setup pid *", path), 1);
}
END_TEST

static void await_notice(const char *pattern)
{
	char text[1024];

	for (;;) {
		struct timeval limit = {.tv_sec = WAIT_MS / 1000};
		ssize_t n;

		setsockopt(notify_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		n = recv(notify_fd, text, sizeof text - 1, 0);
		ck_assert_msg(n > 0, "no notice like: %s", pattern);
		text[n] = '\0';
		if (fnmatch(pattern, text, 0) == 0)
			return;
		ck_assert_msg(strstr(text, "READY=1") == NULL, "too early: %s", text);
	}
}

START_TEST(test_the_service_manager_is_told)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	memcpy(a.sun_path, at("notify"), strlen(at("notify")));
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(notify_fd, (const struct sockaddr *)&a, sizeof a), 0);
	setenv("NOTIFY_SOCKET", at("notify"), 1);
	setenv("WATCHDOG_USEC", "400000", 1);
	configure(
		"cluster.discovery_strategy = [static, k8s]\ncluster.static.seeds = n2@127.0.0.2\n");
	start();
	await_notice("READY=1*");
	await("row static running *",
		1); /* not before; and the worker that gave up holds up nobody */
	order("status");
	await_notice("STATUS=3 running, READY=0");
	await_notice("WATCHDOG=1*");
	kill(supervisor, SIGHUP);
	await_notice("RELOADING=1?MONOTONIC_USEC=*");
	await_notice("READY=1*");
	kill(supervisor, SIGTERM);
	await_notice("STOPPING=1*");
	ck_assert_int_eq(await_exit(), 0);
}
END_TEST

#define N(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static TCase *tree_case(void)
{
	TCase *tc = tcase_create("tree");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_what_a_child_gets_and_in_which_order);
	tcase_add_test(tc, test_a_killed_worker_restarts_alone);
	tcase_add_test(tc, test_with_membership_its_workers_restart);
	tcase_add_test(tc, test_no_orphan_outlives_a_killed_supervisor);
	tcase_add_loop_test(tc, test_stop_ends_all_and_leaves_nothing, 0, 2);
	tcase_add_test(tc, test_who_does_not_stop_is_killed);
	tcase_add_loop_test(tc, test_a_misbehaving_worker_disturbs_nobody_else, 0,
		N(misbehaving));
	tcase_add_test(tc, test_a_misconfigured_membership_ends_the_tree);
	tcase_add_loop_test(tc, test_a_faulty_membership_is_restarted, 0, N(membership_faults));
	tcase_add_test(tc, test_an_operator_restarts_a_worker);
	tcase_add_test(tc, test_membership_has_a_worker_put_down);
	tcase_add_test(tc, test_an_operator_restarts_the_tree);
	tcase_add_test(tc, test_a_restart_can_be_tried);
	tcase_add_test(tc, test_reload_reaches_whom_it_concerns);
	tcase_add_test(tc, test_a_reload_during_another_comes_after_it);
	tcase_add_test(tc, test_a_stop_during_a_reload_starts_nobody);
	tcase_add_test(tc, test_reload_of_something_wrong_changes_nothing);
	tcase_add_loop_test(tc, test_reload_is_taken_back_when_one_child_does_not_follow, 0,
		N(unwilling));
	tcase_add_test(tc, test_reload_starts_and_stops_workers);
	tcase_add_test(tc, test_the_service_manager_is_told);
	return tc;
}

int main(int argc, char **argv)
{
	int failed, role = play_role(argc, argv);
	Suite *s;
	SRunner *sr;

	if (role >= 0)
		return role;
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return 1;
	s = suite_create("supervisor");
	suite_add_tcase(s, tree_case());
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
