#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "supervisor/datadir.h"
#include "supervisor/user.h"

static char top[64], dir[128], path[256];
static struct why why;

static void setup(void)
{
	snprintf(top, sizeof top, "/tmp/test_datadir.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(dir, sizeof dir, "%s/data", top);
	why.text[0] = '\0';
}

static void teardown(void)
{
	snprintf(path, sizeof path, "%s/lock", dir);
	unlink(path);
	rmdir(dir);
	unlink(dir);
	rmdir(top);
}

START_TEST(test_a_directory_is_made_for_us_alone)
{
	struct stat st;

	ck_assert_int_eq(datadir_make(dir, &why), 0);
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(datadir_make(dir, &why), 0); /* an existing one will do */
}
END_TEST

START_TEST(test_what_cannot_be_a_directory_is_told)
{
	int fd = open(dir, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	ck_assert_int_eq(datadir_make(dir, &why), -ENOTDIR);
	snprintf(path, sizeof path, "%s/not/there", top);
	ck_assert_int_eq(datadir_make(path, &why), -ENOENT); /* only the last part is made */
	ck_assert_ptr_nonnull(strstr(why.text, path));
	ck_assert_ptr_nonnull(strstr(why.text, "must exist"));
}
END_TEST

START_TEST(test_the_second_is_told_who_is_first)
{
	char pid[32];
	int fd;

	ck_assert_int_eq(datadir_make(dir, &why), 0);
	fd = datadir_lock(dir, 0, &why);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(datadir_lock(dir, 60000, &why),
		-EBUSY); /* at once: its holder lives */
	snprintf(pid, sizeof pid, "pid %ld;", (long)getpid());
	ck_assert_ptr_nonnull(strstr(why.text, pid));
	ck_assert_ptr_nonnull(strstr(why.text, dir));
	close(fd);
	fd = datadir_lock(dir, 0, &why);
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

/*
 * A supervisor that took the lock and died, and its child that still holds it, until the test closes the pipe (or dies).
 * Returns when the supervisor is gone.
 */
static int leave_a_child_behind(void)
{
	int hold[2];
	pid_t supervisor;
	char byte;

	ck_assert_int_eq(pipe2(hold, O_CLOEXEC), 0);
	supervisor = fork();
	if (supervisor == 0) {
		if (datadir_lock(dir, 0, &why) < 0)
			_exit(1);
		if (fork() == 0) {
			close(hold[1]);
			_exit(read(hold[0], &byte, 1) != 0);
		}
		_exit(0);
	}
	close(hold[0]);
	waitpid(supervisor, NULL, 0);
	return hold[1];
}

START_TEST(test_the_last_child_of_a_dead_supervisor_is_waited_for)
{
	uint64_t from_ms = clock_mono_ms();
	int hold, fd;

	ck_assert_int_eq(datadir_make(dir, &why), 0);
	hold = leave_a_child_behind();
	ck_assert_int_eq(datadir_lock(dir, 50, &why), -EBUSY);
	ck_assert_uint_ge(clock_mono_ms() - from_ms, 50);
	close(hold);
	fd = datadir_lock(dir, 10000, &why);
	ck_assert_msg(fd >= 0, "%s", why.text);
	close(fd);
}
END_TEST

START_TEST(test_a_lock_is_no_way_to_another_file)
{
	ck_assert_int_eq(datadir_make(dir, &why), 0);
	snprintf(path, sizeof path, "%s/lock", dir);
	ck_assert_int_eq(symlink("/dev/null", path), 0);
	ck_assert_int_eq(datadir_lock(dir, 0, &why), -ELOOP);
	ck_assert_ptr_nonnull(strstr(why.text, path));
}
END_TEST

START_TEST(test_whom_to_become)
{
	struct user u;

	ck_assert_int_eq(user_find("root", &u, &why), 0);
	ck_assert(!u.found);
	if (geteuid() != 0) {
		ck_assert_int_eq(user_find("no.such.user", &u, &why), 0);
		ck_assert(!u.found); /* an ordinary user stays what it is */
		return;
	}
	ck_assert_int_eq(user_find("no.such.user", &u, &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "no.such.user"));
	ck_assert_int_eq(user_find("nobody", &u, &why), 0);
	ck_assert(u.found && u.uid != 0 && u.gid != 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("datadir");
	TCase *tc = tcase_create("datadir");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_a_directory_is_made_for_us_alone);
	tcase_add_test(tc, test_what_cannot_be_a_directory_is_told);
	tcase_add_test(tc, test_the_second_is_told_who_is_first);
	tcase_add_test(tc, test_the_last_child_of_a_dead_supervisor_is_waited_for);
	tcase_add_test(tc, test_a_lock_is_no_way_to_another_file);
	tcase_add_test(tc, test_whom_to_become);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
