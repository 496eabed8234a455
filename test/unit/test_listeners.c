#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/listeners.h"

static char dir[64], socket_path[128], bind_to[64], nothing[] = "";
static struct conf conf;
static struct listeners listeners;
static struct why why;

static void setup(void)
{
	snprintf(dir, sizeof dir, "/tmp/test_listeners.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(socket_path, sizeof socket_path, "%s/control", dir);
	snprintf(bind_to, sizeof bind_to, "127.78.%ld.%ld", (long)getpid() / 250 % 250,
		(long)getpid() % 250 + 1);
	memset(&conf, 0, sizeof conf);
	conf.node.bind_address = bind_to;
	conf.node.dist_port = 4370;
	conf.rpc.server_port = 5370;
	conf.control.socket = socket_path;
	why.text[0] = '\0';
}

static void teardown(void)
{
	unlink(socket_path);
	rmdir(dir);
}

static int connect_tcp(const char *host, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	ck_assert_int_eq(inet_pton(AF_INET, host, &a.sin_addr), 1);
	rc = connect(fd, (const struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int connect_control(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	memcpy(a.sun_path, socket_path, strlen(socket_path));
	rc = connect(fd, (const struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

START_TEST(test_all_three_answer_until_they_are_closed)
{
	struct stat st;

	ck_assert_int_eq(listeners_open(&listeners, &conf, &why), 0);
	ck_assert_uint_eq(listeners.port[IPC_LISTEN_DIST], 4370);
	ck_assert_uint_eq(listeners.port[IPC_LISTEN_RPC], 5370);
	ck_assert_int_eq(connect_tcp(bind_to, 4370), 0);
	ck_assert_int_eq(connect_tcp(bind_to, 5370), 0);
	ck_assert_int_eq(connect_control(), 0);
	ck_assert_int_eq(stat(socket_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	for (int i = 0; i < LISTENERS_N; i++)
		ck_assert_int_eq(fcntl(listeners.fd[i], F_GETFD), FD_CLOEXEC);
	listeners_close(&listeners);
	ck_assert_int_eq(connect_tcp(bind_to, 4370), -ECONNREFUSED);
	ck_assert_int_eq(connect_control(), -ENOENT);
}
END_TEST

START_TEST(test_restart_on_the_same_ports_needs_no_waiting)
{
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(listeners_open(&listeners, &conf, &why), 0);
		ck_assert_int_eq(connect_tcp(bind_to, 4370), 0);
		listeners_close(&listeners);
	}
}
END_TEST

START_TEST(test_a_port_in_use_is_told)
{
	struct listeners second;
	char other[160];

	ck_assert_int_eq(listeners_open(&listeners, &conf, &why), 0);
	snprintf(other, sizeof other, "%s2", socket_path);
	conf.control.socket = other;
	ck_assert_int_eq(listeners_open(&second, &conf, &why), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(why.text, "port 4370 is in use"));
	ck_assert_ptr_nonnull(strstr(why.text, bind_to));
	ck_assert_ptr_nonnull(strstr(why.text, "node.dist_port"));
	conf.node.dist_port = 4371;
	ck_assert_int_eq(listeners_open(&second, &conf, &why), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(why.text, "port 5370 is in use"));
	ck_assert_ptr_nonnull(strstr(why.text, "rpc.server_port"));
	ck_assert_int_eq(connect_tcp(bind_to, 4371), -ECONNREFUSED); /* all or none */
	listeners_close(&listeners);
}
END_TEST

START_TEST(test_a_control_socket_of_a_living_node_is_left_alone)
{
	struct listeners second;

	ck_assert_int_eq(listeners_open(&listeners, &conf, &why), 0);
	conf.node.dist_port++;
	conf.rpc.server_port++;
	ck_assert_int_eq(listeners_open(&second, &conf, &why), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(why.text, "in use by another node"));
	ck_assert_int_eq(connect_control(), 0);
	listeners_close(&listeners);
}
END_TEST

START_TEST(test_a_control_socket_left_behind_is_replaced)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, socket_path, strlen(socket_path));
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
	close(fd);
	ck_assert_int_eq(listeners_open(&listeners, &conf, &why), 0);
	ck_assert_int_eq(connect_control(), 0);
	listeners_close(&listeners);
}
END_TEST

START_TEST(test_a_file_in_its_place_is_never_removed)
{
	int fd = open(socket_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	ck_assert_int_eq(listeners_open(&listeners, &conf, &why), -EEXIST);
	ck_assert_int_eq(access(socket_path, F_OK), 0);
	ck_assert_int_eq(connect_tcp(bind_to, 4370), -ECONNREFUSED);
}
END_TEST

static const struct {
	const char *title, *text;
	const char *bind, *socket;
	unsigned proto;
	int rc;
} wrongs[] = {
	{"an address of another host", "no such address", "192.0.2.1", NULL, PROTO_INET_TCP,
		-EADDRNOTAVAIL},
	{"IPv4 where IPv6 is spoken", "IPv6", "127.0.0.1", NULL, PROTO_INET6_TCP, -EINVAL},
	{"IPv6 where IPv4 is spoken", "IPv4", "::1", NULL, PROTO_INET_TLS, -EINVAL},
	{"a host name", "node.bind_address", "localhost", NULL, PROTO_INET_TCP, -EINVAL},
	{"no directory", "directory", NULL, "/nonexistent/control", PROTO_INET_TCP, -ENOENT},
	{"a relative path", "absolute", NULL, "control", PROTO_INET_TCP, -EINVAL},
	{"a path that no socket can have", "less than 108", NULL,
		"/tmp/0123456789012345678901234567890123456789012345678901234567890123456789012345678"
		"90123456789012345678901234567890123456789",
		PROTO_INET_TCP, -EINVAL},
};

START_TEST(test_what_cannot_be_is_told)
{
	static char bind_address[64], control[256];

	if (wrongs[_i].bind != NULL) {
		snprintf(bind_address, sizeof bind_address, "%s", wrongs[_i].bind);
		conf.node.bind_address = bind_address;
	}
	if (wrongs[_i].socket != NULL) {
		snprintf(control, sizeof control, "%s", wrongs[_i].socket);
		conf.control.socket = control;
	}
	conf.cluster.proto_dist = wrongs[_i].proto;
	ck_assert_msg(listeners_open(&listeners, &conf, &why) == wrongs[_i].rc, "%s: %s",
		wrongs[_i].title, why.text);
	ck_assert_msg(strstr(why.text, wrongs[_i].text) != NULL, "%s: %s", wrongs[_i].title,
		why.text);
	for (int i = 0; i < LISTENERS_N; i++)
		ck_assert_int_lt(listeners.fd[i], 0);
}
END_TEST

/* On all addresses, so the host's other programs may have a port; those that clients are given are not among these. */
static int open_on_all(void)
{
	int rc = -EADDRINUSE;

	for (int i = 0; i < 50 && rc == -EADDRINUSE; i++) {
		conf.node.dist_port = (uint64_t)(10000 + (getpid() * 50 + i) % 10000);
		conf.rpc.server_port = conf.node.dist_port + 10000;
		rc = listeners_open(&listeners, &conf, &why);
	}
	return rc;
}

START_TEST(test_ipv6_takes_no_ipv4)
{
	int only = 0, rc;
	socklen_t n = sizeof only;

	conf.cluster.proto_dist = PROTO_INET6_TCP;
	conf.node.bind_address = nothing;
	rc = open_on_all();
	if (rc == -EAFNOSUPPORT)
		return; /* this kernel has no IPv6 */
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(getsockopt(listeners.fd[IPC_LISTEN_DIST], IPPROTO_IPV6, IPV6_V6ONLY,
				 &only, &n),
		0);
	ck_assert_int_eq(only, 1);
	ck_assert_int_eq(connect_tcp("127.0.0.1", (uint16_t)conf.node.dist_port),
		-ECONNREFUSED);
	listeners_close(&listeners);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("listeners");
	TCase *tc = tcase_create("listeners");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_all_three_answer_until_they_are_closed);
	tcase_add_test(tc, test_restart_on_the_same_ports_needs_no_waiting);
	tcase_add_test(tc, test_a_port_in_use_is_told);
	tcase_add_test(tc, test_a_control_socket_of_a_living_node_is_left_alone);
	tcase_add_test(tc, test_a_control_socket_left_behind_is_replaced);
	tcase_add_test(tc, test_a_file_in_its_place_is_never_removed);
	tcase_add_loop_test(tc, test_what_cannot_be_is_told, 0,
		(int)(sizeof wrongs / sizeof wrongs[0]));
	tcase_add_test(tc, test_ipv6_takes_no_ipv4);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
