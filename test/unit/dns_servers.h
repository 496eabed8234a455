#ifndef TEST_UNIT_DNS_SERVERS_H
#define TEST_UNIT_DNS_SERVERS_H
/* Name servers for the tests of common/net/dns: a real one (dnsmasq) and one that misbehaves, on the test's own loop. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct dnsmasq {
	pid_t pid;
	FILE *log;
	char server[32]; /* 127.0.0.1:port */
};

static inline int bound_socket(int type, uint16_t port, uint16_t *got)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof in;
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	if (bind(fd, (struct sockaddr *)&in, n) < 0) {
		close(fd);
		return -1;
	}
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	*got = ntohs(in.sin_port);
	return fd;
}

/* A port that is free for UDP and TCP. */
static inline uint16_t free_port(void)
{
	for (;;) {
		uint16_t port = 0;
		int udp = bound_socket(SOCK_DGRAM, 0, &port);
		int tcp = bound_socket(SOCK_STREAM, port, &port);

		close(udp);
		if (tcp >= 0) {
			close(tcp);
			return port;
		}
	}
}

/* Starts dnsmasq with these records and waits until it says that it is ready. */
static inline struct dnsmasq dnsmasq_start(const char *const *records, size_t n_records)
{
	static const char *const fixed[] = {"dnsmasq", "--no-daemon", "--no-resolv",
		"--no-hosts", "--conf-file=/dev/null",
		"--pid-file=", "--listen-address=127.0.0.1", "--bind-interfaces",
		"--local=/test/", "--local-ttl=33"};
	enum { N_FIXED = sizeof fixed / sizeof fixed[0] };
	struct dnsmasq d = {0};
	char **argv = calloc(N_FIXED + n_records + 2, sizeof *argv), port[32], line[512];
	unsigned number = free_port();
	int fd[2];

	snprintf(port, sizeof port, "--port=%u", number);
	snprintf(d.server, sizeof d.server, "127.0.0.1:%u", number);
	for (size_t i = 0; i < N_FIXED; i++)
		argv[i] = strdup(fixed[i]);
	for (size_t i = 0; i < n_records; i++)
		argv[N_FIXED + i] = strdup(records[i]);
	argv[N_FIXED + n_records] = port;
	ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
	d.pid = fork();
	if (d.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd[1], STDERR_FILENO);
		execv("/usr/sbin/dnsmasq", argv);
		dprintf(STDERR_FILENO, "cannot run dnsmasq (package dnsmasq-base)\n");
		_exit(127);
	}
	close(fd[1]);
	argv[N_FIXED + n_records] = NULL;
	for (size_t i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
	d.log = fdopen(fd[0], "r");
	do
		ck_assert_msg(fgets(line, sizeof line, d.log) != NULL, "dnsmasq ended");
	while (strstr(line, "started") == NULL && strstr(line, "cannot") == NULL);
	ck_assert_msg(strstr(line, "started") != NULL, "%s", line);
	return d;
}

static inline void dnsmasq_stop(struct dnsmasq *d)
{
	kill(d->pid, SIGKILL);
	waitpid(d->pid, NULL, 0);
	fclose(d->log);
}

/* Answers by the first label of the name: silent, garbage, short, rcodeN. */
struct stub {
	ev_io io;
	unsigned asked;
	char server[32];
};

static inline void stub_answer(struct ev_loop *loop, ev_io *io, int events)
{
	struct stub *s = io->data;
	struct sockaddr_in from;
	socklen_t from_n = sizeof from;
	uint8_t q[512];
	ssize_t n = recvfrom(io->fd, q, sizeof q, 0, (struct sockaddr *)&from, &from_n);
	const char *label = (const char *)q + 13;

	(void)loop;
	(void)events;
	if (n < 20)
		return;
	s->asked++;
	if (strncmp(label, "silent", 6) == 0)
		return;
	q[2] |= 0x80;
	if (strncmp(label, "rcode", 5) == 0)
		q[3] = (uint8_t)(label[5] - '0');
	if (strncmp(label, "garbage", 7) == 0)
		q[7] = 9; /* nine answers, none of them there */
	if (strncmp(label, "short", 5) == 0)
		n = 12;
	sendto(io->fd, q, (size_t)n, 0, (struct sockaddr *)&from, from_n);
}

static inline void stub_start(struct stub *s, struct ev_loop *loop)
{
	uint16_t port = 0;

	*s = (struct stub){0};
	ev_io_init(&s->io, stub_answer, bound_socket(SOCK_DGRAM, 0, &port), EV_READ);
	s->io.data = s;
	snprintf(s->server, sizeof s->server, "127.0.0.1:%u", (unsigned)port);
	ev_io_start(loop, &s->io);
}

static inline void stub_stop(struct stub *s, struct ev_loop *loop)
{
	ev_io_stop(loop, &s->io);
	close(s->io.fd);
}

#endif
