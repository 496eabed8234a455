#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/os/sdnotify.h"

static char dir[] = "/tmp/test_sdnotify.XXXXXX";

/* A socket as a service manager has it; address as in NOTIFY_SOCKET. */
static int listen_at(const char *address)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t n = strlen(address);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, address, n);
	if (address[0] == '@')
		a.sun_path[0] = '\0';
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&a,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
		0);
	return fd;
}

static void check_delivery(const char *address)
{
	char got[64];
	int fd = listen_at(address);
	ssize_t n;

	ck_assert_int_eq(sdnotify_send(address, "READY=1\nSTATUS=fine"), 1);
	n = recv(fd, got, sizeof got, MSG_DONTWAIT);
	ck_assert_int_eq(n, 19);
	ck_assert_mem_eq(got, "READY=1\nSTATUS=fine", 19);
	close(fd);
}

START_TEST(test_by_path)
{
	char path[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/notify", dir);
	check_delivery(path);
	unlink(path);
	rmdir(dir);
}
END_TEST

START_TEST(test_by_abstract_name)
{
	char name[64];

	snprintf(name, sizeof name, "@test_sdnotify.%ld", (long)getpid());
	check_delivery(name);
}
END_TEST

START_TEST(test_what_cannot_be_sent)
{
	char too_long[200] = "/";

	memset(too_long + 1, 'x', sizeof too_long - 2);
	ck_assert_int_eq(sdnotify_send(NULL, "READY=1"), 0);
	ck_assert_int_eq(sdnotify_send("", "READY=1"), 0);
	ck_assert_int_eq(sdnotify_send("relative", "READY=1"), -EINVAL);
	ck_assert_int_eq(sdnotify_send(too_long, "READY=1"), -ENAMETOOLONG);
	ck_assert_int_eq(sdnotify_send("/nonexistent/notify", "READY=1"), -ENOENT);
	ck_assert_int_eq(sdnotify_send("@nobody.listens.here", "READY=1"), -ECONNREFUSED);
}
END_TEST

START_TEST(test_a_manager_that_does_not_read_never_blocks_us)
{
	char name[64];
	int fd, rc = 1;

	snprintf(name, sizeof name, "@test_sdnotify.%ld", (long)getpid());
	fd = listen_at(name);
	for (int i = 0; i < 100000 && rc == 1; i++)
		rc = sdnotify_send(name, "WATCHDOG=1");
	ck_assert_int_eq(rc, -EAGAIN);
	close(fd);
}
END_TEST

START_TEST(test_watchdog_interval)
{
	char own[16], other[16];

	snprintf(own, sizeof own, "%ld", (long)getpid());
	snprintf(other, sizeof other, "%ld", (long)getppid());
	ck_assert_uint_eq(sdnotify_watchdog_ms(NULL, NULL), 0);
	ck_assert_uint_eq(sdnotify_watchdog_ms("30000000", NULL), 30000);
	ck_assert_uint_eq(sdnotify_watchdog_ms("30000000", own), 30000);
	ck_assert_uint_eq(sdnotify_watchdog_ms("30000000", other), 0);
	ck_assert_uint_eq(sdnotify_watchdog_ms("-1", NULL), 0);
	ck_assert_uint_eq(sdnotify_watchdog_ms("12x", NULL), 0);
	ck_assert_uint_eq(sdnotify_watchdog_ms("99999999999999999999999", NULL), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sdnotify");
	TCase *tc = tcase_create("sdnotify");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, test_by_path);
	tcase_add_test(tc, test_by_abstract_name);
	tcase_add_test(tc, test_what_cannot_be_sent);
	tcase_add_test(tc, test_a_manager_that_does_not_read_never_blocks_us);
	tcase_add_test(tc, test_watchdog_interval);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
