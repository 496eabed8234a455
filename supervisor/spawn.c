#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ipc/ipc.h"
#include "common/os/proc.h"

#define LOG_COMPONENT "spawn"

enum { FIRST_FREE_FD = 16 };

/* Moves the given descriptors to their places; where there is none, the place stays closed. */
static int place_fds(const struct spawn *s)
{
	const int from[] = {s->supervision_fd, s->report_fd, s->lock_fd};
	int high[3];
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return -errno;
	for (int i = 0; i < 3;
		i++) { /* out of the way first: one's place may be another's number */
		high[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD, FIRST_FREE_FD);
		if (from[i] >= 0 && high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 3; i++) {
		close(IPC_SUPERVISION_FD + i);
		if (high[i] >= 0 && dup2(high[i], IPC_SUPERVISION_FD + i) < 0)
			return -errno;
	}
	return proc_close_from(IPC_SUPERVISION_FD + 3);
}

static _Noreturn void become(const struct spawn *s, pid_t parent)
{
	char *const no_env[] = {NULL};
	char *argv[8] = {NULL};
	const char *step = "parent";
	int rc = proc_die_with_parent(parent);

	for (int i = 0; i < 7 && s->argv[i] != NULL; i++)
		argv[i] = strdup(s->argv[i]);
	setsid(); /* a terminal's ^C is for the supervisor alone */
	proc_reset_signals();
	if (rc == 0)
		rc = proc_no_new_privs();
	if (rc == 0) {
		step = "descriptors";
		rc = place_fds(s);
	}
	if (rc == 0) {
		step = "exec";
		execve(s->program, argv, no_env);
		rc = -errno;
	}
	log_error("child_not_started", "program=%s step=%s error=\"%s\"", s->program, step,
		strerror(-rc));
	_exit(SPAWN_EXIT_NO_EXEC);
}

pid_t spawn(const struct spawn *s)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		become(s, parent);
	return pid < 0 ? -errno : pid;
}

const char *spawn_libexec(void)
{
	static char dir[PATH_MAX + 16];
	const char *wish = getenv("CLUSTERD_LIBEXEC");
	char probe[PATH_MAX + 64];
	ssize_t n;
	char *slash;

	if (wish != NULL && wish[0] != '\0')
		return wish;
	n = readlink("/proc/self/exe", dir, PATH_MAX);
	if (n <= 0)
		return CLUSTERD_LIBEXECDIR;
	dir[n] = '\0';
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return CLUSTERD_LIBEXECDIR;
	memcpy(slash, "/libexec", sizeof "/libexec");
	snprintf(probe, sizeof probe, "%s/clusterd-membership", dir);
	return access(probe, X_OK) == 0 ? dir : CLUSTERD_LIBEXECDIR;
}
