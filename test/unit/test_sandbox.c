#include <check.h>
#include <ifaddrs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "common/os/landlock.h"
#include "common/os/sandbox.h"
#include "test/unit/probe.h"
#include "test/unit/scratch.h"

enum { NOBODY = 65534 };

#ifdef CLUSTERD_SANITIZED /* only the limits are in force */
enum { CONFINED = 0 };
#else
enum { CONFINED = 1 };
#endif

static char folder[64], secret[96], data_dir[96], control[96], allowed_dir[96], allowed[128];
static struct probe_targets targets;
static int control_fd, dist_fd;
static uint16_t other_port;

static void write_file(const char *path)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs("text\n", f);
	fclose(f);
	chmod(path, 0666);
}

static int listen_tcp(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	chmod(path, 0777);
	return fd;
}

static void setup(void)
{
	snprintf(folder, sizeof folder, "/tmp/clusterd-sandbox.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	chmod(folder, 0777);
	snprintf(secret, sizeof secret, "%s/secret", folder);
	snprintf(data_dir, sizeof data_dir, "%s/data", folder);
	snprintf(allowed_dir, sizeof allowed_dir, "%s/certs", folder);
	snprintf(allowed, sizeof allowed, "%s/ca.pem", allowed_dir);
	snprintf(control, sizeof control, "%s/control", folder);
	mkdir(data_dir, 0777);
	mkdir(allowed_dir, 0777);
	chmod(data_dir, 0777);
	chmod(allowed_dir, 0777);
	write_file(secret);
	write_file(allowed);
	control_fd = listen_unix(control);
	dist_fd = listen_tcp(&targets.dist_port);
	targets.secret = secret;
	targets.data_dir = data_dir;
	targets.control = control;
	close(listen_tcp(&other_port));
}

static void teardown(void)
{
	close(control_fd);
	close(dist_fd);
	scratch_remove(folder);
}

/* Runs act in a child, as nobody if asked; its result is the child's exit status. */
static int in_child(int (*act)(void), bool as_nobody)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (as_nobody &&
			setresgid(NOBODY, NOBODY, NOBODY) + setresuid(NOBODY, NOBODY, NOBODY) <
				0)
			_exit(99);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(act());
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static const struct {
	const char *name;
	unsigned needs;
} roles[] = {
	{"static", SANDBOX_INTERFACES},
	{"dns", SANDBOX_NET_CLIENT | SANDBOX_DNS | SANDBOX_READ_ETC | SANDBOX_INTERFACES},
	{"etcd", SANDBOX_NET_CLIENT | SANDBOX_DNS | SANDBOX_TLS | SANDBOX_READ_ETC |
			 SANDBOX_INTERFACES},
	{"server", SANDBOX_NET_SERVER},
};

static unsigned role, probe_index;

static void apply_role(void)
{
	const char *dirs[] = {allowed_dir};
	struct sandbox_spec spec = {
		.needs = roles[role].needs,
		.read_dirs = dirs,
		.n_read_dirs = 1,
		.ports = &other_port,
		.n_ports = 1,
	};

	if (sandbox_apply(&spec) != 0)
		_exit(98);
}

static int attempt_outside(void)
{
	return probes[probe_index].attempt(&targets);
}

static int attempt_inside(void)
{
	apply_role();
	return probes[probe_index].attempt(&targets);
}

static void try_probe(bool as_nobody)
{
	int outside = in_child(attempt_outside, as_nobody);
	int inside = in_child(attempt_inside, as_nobody);

	if (!probes[probe_index].privileged)
		ck_assert_msg(outside == 0, "%s fails outside, too: %s",
			probes[probe_index].name, strerror(outside));
	ck_assert_msg(inside != 0, "%s: %s succeeds in the sandbox", roles[role].name,
		probes[probe_index].name);
	ck_assert_msg(inside == EPERM || inside == EACCES || inside == ENOENT ||
			      inside == EAGAIN,
		"%s: %s: %s", roles[role].name, probes[probe_index].name, strerror(inside));
}

START_TEST(test_denied)
{
	role = (unsigned)_i / N_PROBES;
	probe_index = (unsigned)_i % N_PROBES;
	try_probe(false);
	if (geteuid() == 0)
		try_probe(true);
}
END_TEST

static int work(void)
{
	struct ifaddrs *all;
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(targets.dist_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sandbox_spec spec = {
		.needs = SANDBOX_NET_CLIENT | SANDBOX_DNS | SANDBOX_TLS | SANDBOX_READ_ETC |
			 SANDBOX_INTERFACES,
		.read_dirs = (const char *[]){allowed_dir, "/nonexistent/folder"},
		.n_read_dirs = 2,
		.ports = &targets.dist_port,
		.n_ports = 1,
	};
	int fd;

	if (sandbox_apply(&spec) != 0)
		return 1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		return 2;
	if (open(allowed, O_RDONLY) < 0 || open("/etc/hosts", O_RDONLY) < 0)
		return 3;
	if (getifaddrs(&all) < 0)
		return 4;
	freeifaddrs(all);
	if (write(STDERR_FILENO, "", 0) < 0)
		return 5;
	return 0;
}

START_TEST(test_work_goes_on)
{
	ck_assert_int_eq(in_child(work, false), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(in_child(work, true), 0);
}
END_TEST

static void *in_thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int store_work(void)
{
	struct sandbox_spec spec = {.needs = SANDBOX_STORE | SANDBOX_THREADS |
					     SANDBOX_NET_CLIENT,
		.write_dir = data_dir};
	pthread_t thread;
	int ran = 0;

	if (sandbox_apply(&spec) != 0)
		return 1;
	if (pthread_create(&thread, NULL, in_thread, &ran) != 0)
		return 2;
	pthread_join(thread, NULL);
	if (ran != 1 || probe_write_data(&targets) != 0)
		return 3;
	if (probe_dist(&targets) != 0) /* no ports named: all */
		return 4;
	return probe_fork(&targets) == 0 || probe_exec(&targets) == 0 ||
	       probe_write_tmp(&targets) == 0;
}

START_TEST(test_store)
{
	ck_assert_int_eq(in_child(store_work, false), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(in_child(store_work, true), 0);
}
END_TEST

static const struct {
	int abi;
	const char *missing;
} abis[] = {
	{0, "files"},
	{1, "moving files between directories"},
	{2, "truncating files, TCP ports, signals, abstract sockets"},
	{3, "TCP ports, signals, abstract sockets"},
	{5, "signals, abstract sockets"},
	{6, NULL},
	{99, NULL},
};

START_TEST(test_missing_is_named)
{
	if (abis[_i].missing == NULL)
		ck_assert_ptr_null(landlock_missing(abis[_i].abi));
	else
		ck_assert_str_eq(landlock_missing(abis[_i].abi), abis[_i].missing);
}
END_TEST

/* An older kernel's rules are less, but still rules. */
static int old_abi;

static int under_old_abi(void)
{
	struct landlock_rules none = {.tcp_any = false};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_apply(old_abi, &none) < 0)
		return 1;
	if (probe_read_secret(&targets) == 0)
		return 2;
	return (probe_dist(&targets) == 0) == (old_abi < 4) ? 0 : 3;
}

START_TEST(test_old_abi)
{
	old_abi = _i;
	if (old_abi <= landlock_abi())
		ck_assert_int_eq(in_child(under_old_abi, false), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("sandbox");
	Suite *s = suite_create("sandbox");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	if (CONFINED) {
		tcase_add_loop_test(t, test_denied, 0,
			N_PROBES * (int)(sizeof roles / sizeof *roles));
		tcase_add_test(t, test_store);
	}
	tcase_add_test(t, test_work_goes_on);
	tcase_add_loop_test(t, test_missing_is_named, 0, (int)(sizeof abis / sizeof *abis));
	tcase_add_loop_test(t, test_old_abi, 1, 7);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
