#ifndef TEST_UNIT_TREE_H
#define TEST_UNIT_TREE_H
/*
 * A supervisor in a process of its own, in a directory of its own: to start it, to wait for lines in the journal of its
 * played membership (tree_fakes.h), and to give that one orders. What a failed test leaves running dies with it.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/os/proc.h"
#include "supervisor/datadir.h"
#include "supervisor/supervisor.h"

enum { WAIT_MS = 60000, POLL_NS = 1000000, EXIT_REEXEC = 99 };

static char self[4096], dir[64], path[4096];
static pid_t supervisor;
static int notify_fd = -1;

static const char *at(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

/* At once: a supervisor that reads it sees the old text or the new. */
static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(at("new"), "w");
	char from[sizeof path];

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	memcpy(from, path, sizeof from);
	ck_assert_int_eq(rename(from, at(name)), 0);
}

/* The settings that all tests share, and the test's own. */
static void configure(const char *extra)
{
	char text[4096];

	snprintf(text, sizeof text,
		"node.name = n1@127.0.0.1\nnode.cookie = 0123456789abcdef0123456789abcdef\n"
		"node.data_dir = %s/data\ncontrol.socket = %s/control\n"
		"node.bind_address = 127.77.%ld.%ld\nsupervisor.restart_min = 10ms\n"
		"cluster.dns.name = x\ncluster.etcd.server = http://127.0.0.1:1\n%s\n",
		dir, dir, (long)getpid() / 250 % 250, (long)getpid() % 250 + 1, extra);
	write_file("conf", text);
}

static void setup(void)
{
	static const char *const role[] = {"membership", "worker-static", "worker-dns",
		"worker-etcd", "worker-k8s"};

	snprintf(dir, sizeof dir, "/tmp/test_supervisor.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(mkdir(at("libexec"), 0700), 0);
	for (size_t i = 0; i < sizeof role / sizeof role[0]; i++) {
		char name[64];

		snprintf(name, sizeof name, "libexec/clusterd-%s", role[i]);
		ck_assert_int_eq(symlink(self, at(name)), 0);
	}
	supervisor = 0;
}

static int remove_one(const char *p, const struct stat *st, int kind, struct FTW *w)
{
	(void)st;
	(void)kind;
	(void)w;
	return remove(p);
}

static void teardown(void)
{
	if (supervisor > 0) {
		kill(supervisor, SIGKILL);
		waitpid(supervisor, NULL, 0);
	}
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static _Noreturn void supervise(void)
{
	struct options o = {.file = strdup(at("conf"))};
	struct conf_sources from = {.file = o.file};
	struct conf_issues issues = {0};
	struct conf_loaded *conf = conf_load(&from, &issues);
	struct supervisor s;
	struct why why;
	int lock_fd, code;

	if (issues.n_errors > 0 || datadir_make(conf_values(conf)->node.data_dir, &why) < 0)
		_exit(100);
	lock_fd = datadir_lock(conf_values(conf)->node.data_dir, 2000, &why);
	if (lock_fd < 0)
		_exit(101);
	log_init("supervisor", LOG_INFO, LOG_LOGFMT);
	supervisor_init(&s, &o, conf, lock_fd, strdup(at("libexec")));
	if (listeners_open(&s.listeners, conf_values(conf), &why) < 0) {
		fprintf(stderr, "%s\n", why.text);
		_exit(102);
	}
	code = supervisor_run(&s);
	listeners_close(&s.listeners);
	conf_loaded_free(s.env.conf);
	supervisor_fini(&s);
	_exit(code == SUPERVISOR_REEXEC ? EXIT_REEXEC : code);
}

static void start(void)
{
	pid_t parent = getpid();

	supervisor = fork();
	if (supervisor == 0) {
		int log = open(at("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

		if (proc_die_with_parent(parent) < 0 || dup2(log, STDERR_FILENO) < 0)
			_exit(103);
		supervise();
	}
	ck_assert_int_gt(supervisor, 0);
}

static void print(const char *name)
{
	char line[2048];
	FILE *f = fopen(at(name), "r");

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		fprintf(stderr, "%s: %s", name, line);
	if (f != NULL)
		fclose(f);
}

/* Lines of the journal that match; the last of them in out. */
static unsigned count(const char *pattern, char out[2048])
{
	char line[2048];
	FILE *f = fopen(at("data/journal"), "r");
	unsigned n = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (fnmatch(pattern, line, 0) == 0) {
			memcpy(out, line, sizeof line);
			n++;
		}
	}
	if (f != NULL)
		fclose(f);
	return n;
}

static void await(const char *pattern, unsigned n)
{
	const struct timespec poll = {0, POLL_NS};
	uint64_t until_ms = clock_mono_ms() + WAIT_MS;
	char line[2048];

	while (count(pattern, line) < n) {
		if (clock_mono_ms() >= until_ms) {
			print("log");
			print("data/journal");
			ck_abort_msg("no %u lines like: %s", n, pattern);
		}
		nanosleep(&poll, NULL);
	}
}

/* The pid in the last line that matches. */
static pid_t pid_in(const char *pattern)
{
	char line[2048];
	const char *p;

	ck_assert_uint_gt(count(pattern, line), 0);
	p = strstr(line, " pid ");
	ck_assert_ptr_nonnull(p);
	return (pid_t)strtol(p + 5, NULL, 10);
}

static int await_exit(void)
{
	const struct timespec poll = {0, POLL_NS};
	uint64_t until_ms = clock_mono_ms() + WAIT_MS;
	int status;

	while (waitpid(supervisor, &status, WNOHANG) == 0) {
		if (clock_mono_ms() >= until_ms) {
			print("log");
			ck_abort_msg("the supervisor did not end");
		}
		nanosleep(&poll, NULL);
	}
	supervisor = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void await_gone(pid_t pid, uint64_t within_ms)
{
	const struct timespec poll = {0, POLL_NS};
	uint64_t until_ms = clock_mono_ms() + within_ms;

	while (kill(pid, 0) == 0) {
		ck_assert_msg(clock_mono_ms() < until_ms, "process %ld lives on", (long)pid);
		nanosleep(&poll, NULL);
	}
}

/* To the fake membership, through the listener that the supervisor has passed to it. */
static void order(const char *what)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, at("control"), strlen(at("control")));
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(write(fd, what, strlen(what)), (ssize_t)strlen(what));
	close(fd);
}

#endif
