#ifndef TEST_UNIT_PROBE_H
#define TEST_UNIT_PROBE_H
/*
 * What somebody who took over one of our processes would try. Each attempt returns 0 when it succeeded and an errno when
 * it did not; the same attempts are made outside a sandbox, so that a denial proves something.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct probe_targets {
	const char *secret;   /* a file that may not be read */
	const char *data_dir; /* a directory that may not be written to */
	const char *control;  /* a unix socket that somebody listens at */
	uint16_t dist_port;   /* a TCP port that somebody listens at on 127.0.0.1 */
};

static inline int probe_result(long rc)
{
	return rc < 0 ? errno : 0;
}

static inline int probe_close(int fd)
{
	int e = probe_result(fd);

	if (fd >= 0)
		close(fd);
	return e;
}

static inline int probe_read_secret(const struct probe_targets *t)
{
	return probe_close(open(t->secret, O_RDONLY | O_CLOEXEC));
}

static inline int probe_list_data(const struct probe_targets *t)
{
	return probe_close(open(t->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static inline int probe_write_in(const char *dir)
{
	char path[512];
	size_t n = strlen(dir);
	int e;

	if (n > sizeof path - 16)
		return ENAMETOOLONG;
	memcpy(path, dir, n);
	memcpy(path + n, "/probe-file", 12);
	e = probe_close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (e == 0)
		unlink(path);
	return e;
}

static inline int probe_write_data(const struct probe_targets *t)
{
	return probe_write_in(t->data_dir);
}

static inline int probe_write_tmp(const struct probe_targets *t)
{
	(void)t;
	return probe_write_in("/tmp");
}

static inline int probe_overwrite(const struct probe_targets *t)
{
	return probe_close(open(t->secret, O_WRONLY | O_CLOEXEC));
}

static inline int probe_fork(const struct probe_targets *t)
{
	pid_t pid = fork();

	(void)t;
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return errno;
	waitpid(pid, NULL, 0);
	return 0;
}

/* A successful exec would end the test: a file that is no program fails with ENOENT only when exec is allowed. */
static inline int probe_exec(const struct probe_targets *t)
{
	char *const none[] = {NULL};

	(void)t;
	execve("/nonexistent/program", none, none);
	return errno == ENOENT ? 0 : errno;
}

static inline int probe_ptrace(const struct probe_targets *t)
{
	(void)t;
	if (ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0)
		return errno;
	waitpid(getppid(), NULL, __WALL);
	ptrace(PTRACE_DETACH, getppid(), NULL, NULL);
	return 0;
}

static inline int probe_signal(const struct probe_targets *t)
{
	(void)t;
	return probe_result(kill(getppid(), 0));
}

static inline int probe_control(const struct probe_targets *t)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), e;

	if (fd < 0)
		return errno;
	if (strlen(t->control) >= sizeof a.sun_path)
		return ENAMETOOLONG;
	memcpy(a.sun_path, t->control, strlen(t->control) + 1);
	e = probe_result(connect(fd, (const struct sockaddr *)&a, sizeof a));
	close(fd);
	return e;
}

static inline int probe_dist(const struct probe_targets *t)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(t->dist_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), e;

	if (fd < 0)
		return errno;
	e = probe_result(connect(fd, (const struct sockaddr *)&a, sizeof a));
	close(fd);
	return e;
}

static inline int probe_listen(const struct probe_targets *t)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), e;

	(void)t;
	if (fd < 0)
		return errno;
	e = probe_result(bind(fd, (const struct sockaddr *)&a, sizeof a));
	if (e == 0)
		e = probe_result(listen(fd, 1));
	close(fd);
	return e;
}

static inline int probe_raw(const struct probe_targets *t)
{
	(void)t;
	return probe_close(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

static inline int probe_packet(const struct probe_targets *t)
{
	(void)t;
	return probe_close(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static inline int probe_code(const struct probe_targets *t)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)t;
	if (p == MAP_FAILED)
		return errno;
	munmap(p, 4096);
	return 0;
}

static inline int probe_namespace(const struct probe_targets *t)
{
	(void)t;
	return probe_result(syscall(SYS_unshare, CLONE_FS)); /* needs no right outside */
}

static inline int probe_memory(const struct probe_targets *t)
{
	char path[] = "/proc/self/mem";

	(void)t;
	return probe_close(open(path, O_RDWR | O_CLOEXEC));
}

static const struct {
	const char *name;
	int (*attempt)(const struct probe_targets *t);
	bool privileged; /* outside a sandbox it works only with privileges, so no proof without */
} probes[] = {
	{"read a secret", probe_read_secret, false},
	{"list the data directory", probe_list_data, false},
	{"write into the data directory", probe_write_data, false},
	{"write into /tmp", probe_write_tmp, false},
	{"overwrite a file", probe_overwrite, false},
	{"fork", probe_fork, false},
	{"exec", probe_exec, false},
	{"trace the parent", probe_ptrace, true},
	{"signal the parent", probe_signal, true},
	{"connect to the control socket", probe_control, false},
	{"connect to the distribution port", probe_dist, false},
	{"listen", probe_listen, false},
	{"raw socket", probe_raw, true},
	{"packet socket", probe_packet, true},
	{"executable memory", probe_code, false},
	{"unshare", probe_namespace, false},
	{"write to our own memory by /proc", probe_memory, true},
};

enum { N_PROBES = sizeof probes / sizeof probes[0] };

#endif
