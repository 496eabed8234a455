#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/os/proc.h"
#include "common/os/sandbox.h"

START_TEST(test_a_parent_that_is_gone_is_noticed)
{
	ck_assert_int_eq(proc_die_with_parent(getppid()), 0);
	ck_assert_int_eq(proc_die_with_parent(getpid()), -ESRCH);
}
END_TEST

START_TEST(test_limits_only_go_down)
{
	struct rlimit r;

	ck_assert_int_eq(proc_limit(RLIMIT_NOFILE, 100), 0);
	ck_assert_int_eq(proc_limit(RLIMIT_NOFILE, 200), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	ck_assert_uint_eq(r.rlim_max, 100);
	ck_assert_uint_eq(r.rlim_cur, 100);
	r.rlim_cur = 10;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
	ck_assert_int_eq(proc_raise_nofile(50), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	ck_assert_uint_eq(r.rlim_cur, 50);
	ck_assert_int_eq(proc_raise_nofile(5000), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	ck_assert_uint_eq(r.rlim_cur, 100);
}
END_TEST

START_TEST(test_signals_are_reset)
{
	struct sigaction a;
	sigset_t mask;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	proc_reset_signals();
	sigaction(SIGPIPE, NULL, &a);
	ck_assert(a.sa_handler == SIG_DFL);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
}
END_TEST

START_TEST(test_descriptors_are_closed_from_a_number_on)
{
	ck_assert_int_eq(dup2(STDERR_FILENO, 100), 100);
	ck_assert_int_eq(dup2(STDERR_FILENO, 101), 101);
	ck_assert_int_eq(dup2(STDERR_FILENO, 900), 900);
	ck_assert_int_eq(proc_close_from(101), 0);
	ck_assert_int_ge(fcntl(100, F_GETFD), 0);
	ck_assert_int_lt(fcntl(101, F_GETFD), 0);
	ck_assert_int_lt(fcntl(900, F_GETFD), 0);
}
END_TEST

START_TEST(test_a_pidfd_tells_the_end)
{
	struct pollfd p = {.events = POLLIN};
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	p.fd = proc_pidfd(pid);
	ck_assert_int_ge(p.fd, 0);
	ck_assert_int_eq(fcntl(p.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(poll(&p, 1, 10000), 1);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(proc_pidfd(pid), -ESRCH);
	close(p.fd);
}
END_TEST

static bool confined_for_good(void)
{
	struct sandbox_spec spec = {.needs = SANDBOX_INTERFACES};
	struct rlimit core, files;

	return sandbox_apply(&spec) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
	       getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
	       getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max <= 64;
}

/* In a process of its own: the test framework measures time by a system call that is denied in there. */
START_TEST(test_a_sandbox_is_for_good)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(confined_for_good() ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("proc");
	TCase *tc = tcase_create("proc");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, test_a_parent_that_is_gone_is_noticed);
	tcase_add_test(tc, test_limits_only_go_down);
	tcase_add_test(tc, test_signals_are_reset);
	tcase_add_test(tc, test_descriptors_are_closed_from_a_number_on);
	tcase_add_test(tc, test_a_pidfd_tells_the_end);
	tcase_add_test(tc, test_a_sandbox_is_for_good);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
