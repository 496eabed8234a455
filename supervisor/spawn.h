#ifndef SUPERVISOR_SPAWN_H
#define SUPERVISOR_SPAWN_H
/*
 * fork and exec of one role: supervision channel on IPC_SUPERVISION_FD, for a worker the report pipe on IPC_REPORT_FD,
 * for membership the lock on IPC_LOCK_FD; standard output and error are ours, everything else is closed. Empty
 * environment, clean signals, own session, no new privileges, SIGKILL when we die; limits are inherited from us.
 */
#include <sys/types.h>

struct spawn {
	const char *program;     /* path */
	const char *const *argv; /* NULL-terminated, argv[0] first */
	int supervision_fd;
	int report_fd; /* -1: none */
	int lock_fd;   /* -1: none */
};

enum {
	SPAWN_EXIT_NO_EXEC = 127
}; /* the child could not become its program; it has logged why */

/* Pid or a negative errno. The caller closes its copies of the descriptors. */
pid_t spawn(const struct spawn *s);

/* Where the roles' programs are: CLUSTERD_LIBEXEC, `libexec` beside our own binary (a build tree), or the installed place. */
const char *spawn_libexec(void);

#endif
