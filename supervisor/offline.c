#include "supervisor/offline.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/ipc/ipc.h"
#include "supervisor/spawn.h"

#define LOG_COMPONENT "offline"

/* Blocks until the other end has read all of it or is gone. */
static int write_all(int fd, const struct buf *b)
{
	size_t done = 0;

	while (done < b->n) {
		ssize_t n = send(fd, b->p + done, b->n - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int send_setup(int fd, const struct conf_loaded *conf)
{
	struct buf section = {0}, frame = {0};
	struct ipc_setup m = {.node_name = msg_str(conf_values(conf)->node.name)};
	int rc;

	conf_section(conf, CONF_FOR_MEMBERSHIP, &section);
	m.section = (struct msg_span){(const char *)section.p, (uint32_t)section.n};
	rc = ipc_encode(&frame, IPC_SETUP, &m);
	if (rc == 0)
		rc = write_all(fd, &frame);
	buf_free(&section);
	buf_free(&frame);
	return rc;
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	if (WIFEXITED(status) && WEXITSTATUS(status) != SPAWN_EXIT_NO_EXEC)
		return WEXITSTATUS(status);
	return EXIT_FAILED;
}

int offline_run(const char *libexec, const struct conf_loaded *conf, int lock_fd,
	const char *what)
{
	char program[PATH_MAX];
	const char *argv[] = {"clusterd-membership", "--offline", what, NULL};
	struct spawn s = {.program = program,
		.argv = argv,
		.report_fd = -1,
		.lock_fd = lock_fd};
	int sv[2], rc;
	pid_t pid;

	snprintf(program, sizeof program, "%s/%s", libexec, argv[0]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0) {
		log_error("offline_failed", "error=\"%s\"", strerror(errno));
		return EXIT_FAILED;
	}
	s.supervision_fd = sv[1];
	pid = spawn(&s);
	close(sv[1]);
	rc = pid < 0 ? (int)pid : send_setup(sv[0], conf);
	if (rc < 0)
		log_error("offline_failed", "error=\"%s\"", strerror(-rc));
	rc = pid < 0 ? EXIT_FAILED : wait_for(pid);
	close(sv[0]);
	return rc;
}
