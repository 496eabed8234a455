#include "common/os/proc.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int proc_die_with_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH; /* it may have died before the prctl */
}

int proc_no_dumps(void)
{
	struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
#ifndef CLUSTERD_SANITIZED /* the leak check reads its own process through ptrace */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
#endif
	return 0;
}

int proc_no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int proc_limit(int resource, uint64_t max)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)resource, &r) < 0)
		return -errno;
	if (r.rlim_max > max)
		r.rlim_max = max;
	if (r.rlim_cur > r.rlim_max)
		r.rlim_cur = r.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &r) < 0 ? -errno : 0;
}

int proc_raise_nofile(uint64_t max)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return -errno;
	if (r.rlim_cur >= max)
		return 0;
	r.rlim_cur = r.rlim_max < max ? r.rlim_max : max;
	return setrlimit(RLIMIT_NOFILE, &r) < 0 ? -errno : 0;
}

int proc_close_from(int first)
{
	struct rlimit r;

	if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0)
		return 0;
	if (errno != ENOSYS || getrlimit(RLIMIT_NOFILE, &r) < 0)
		return -errno;
	for (int fd = first; (rlim_t)fd < r.rlim_cur; fd++) /* a kernel before 5.9 */
		close(fd);
	return 0;
}

void proc_reset_signals(void)
{
	struct sigaction deflt = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &deflt,
			NULL); /* SIGKILL, SIGSTOP and libc's own refuse: as it should be */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int proc_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}
