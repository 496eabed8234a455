#include "supervisor/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

enum { POLL_MS = 5, PATH_BYTES = 4096 };

int datadir_make(const char *path, struct why *why)
{
	struct stat st;
	int rc = 0;

	if ((mkdir(path, 0700) < 0 && errno != EEXIST) || stat(path, &st) < 0)
		rc = -errno;
	else if (!S_ISDIR(st.st_mode))
		rc = -ENOTDIR;
	if (rc == 0)
		return 0;
	return why_set(why, rc, "node.data_dir %s: %s%s", path, strerror(-rc),
		rc == -ENOENT ? "; the directory above it must exist" : "");
}

/* The pid in the lock file; 0 when there is none. */
static pid_t holder(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	return pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static bool is_running(pid_t pid)
{
	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

static int take(int fd, uint64_t wait_ms)
{
	const struct timespec pause = {0, POLL_MS * 1000000L};
	uint64_t until = clock_mono_ms() + wait_ms;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (is_running(holder(fd)) || clock_mono_ms() >= until)
			return -EBUSY;
		nanosleep(&pause, NULL); /* its supervisor is gone, its last child is going */
	}
	return 0;
}

/* Always of one length: truncating first would cost milliseconds of a start on some file systems. */
static int write_pid(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%-10ld\n", (long)getpid());

	return pwrite(fd, text, (size_t)n, 0) == n ? 0 : -errno;
}

int datadir_lock(const char *path, uint64_t wait_ms, struct why *why)
{
	char file[PATH_BYTES];
	int fd, rc;

	if ((size_t)snprintf(file, sizeof file, "%s/lock", path) >= sizeof file)
		return why_set(why, -ENAMETOOLONG, "node.data_dir: path too long");
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		rc = -errno;
		return why_set(why, rc, "%s: %s%s", file, strerror(-rc),
			rc == -EACCES
				? "; node.data_dir must belong to the user that clusterd runs as"
				: "");
	}
	rc = take(fd, wait_ms);
	if (rc == 0)
		rc = write_pid(fd);
	if (rc == 0)
		return fd;
	if (rc == -EBUSY)
		why_set(why, rc,
			"node.data_dir %s is in use by clusterd with pid %ld; stop that one or give this one "
			"a directory of its own",
			path, (long)holder(fd));
	else
		why_set(why, rc, "%s: %s", file, strerror(-rc));
	close(fd);
	return rc;
}
