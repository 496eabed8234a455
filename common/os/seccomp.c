#include "common/os/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "common/os/sandbox.h"

enum {
	ALWAYS = 0,
	READ_FILES = 1 << 30, /* not a need of its own: follows from what may be read */
	NET = SANDBOX_NET_CLIENT | SANDBOX_NET_SERVER | SANDBOX_DNS,
	SOCKET_TYPE = 0xf, /* SOCK_* without its flags */
	OPEN_WRITES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND,
};

/* Allowed without a look at the arguments, when one of the needs is there. */
static const struct {
	unsigned needs;
	const char *calls; /* names with blanks between them */
} plain[] = {
	{ALWAYS, "read write readv writev pread64 close lseek fstat newfstatat fcntl dup"},
	{ALWAYS,
		"epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll select "
		"pselect6 eventfd2 timerfd_create timerfd_settime signalfd4"},
	{ALWAYS, "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time"},
	{ALWAYS, "brk munmap mremap madvise futex membarrier rseq set_robust_list getrandom"},
	{ALWAYS, "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait sigaltstack "
		 "restart_syscall"},
	{ALWAYS, "getpid gettid getppid getuid geteuid getgid getegid uname sysinfo getrusage "
		 "sched_yield sched_getaffinity getcpu exit exit_group"},
	/* the supervision channel is a socket, and descriptors travel on it */
	{ALWAYS, "sendmsg recvmsg sendto recvfrom getsockopt shutdown"},
	{READ_FILES | SANDBOX_STORE, "access faccessat faccessat2 stat lstat statx readlink "
				     "readlinkat getdents64 fadvise64"},
	{NET | SANDBOX_INTERFACES, "bind getsockname getpeername setsockopt recvmmsg sendmmsg"},
	{NET, "connect"},
	{SANDBOX_NET_SERVER, "accept4 accept listen"},
	{SANDBOX_THREADS, "set_tid_address get_robust_list sched_getparam sched_getscheduler"},
	{SANDBOX_STORE,
		"open openat creat pwrite64 pwritev pwritev2 preadv preadv2 fsync fdatasync "
		"msync ftruncate fallocate unlink unlinkat rename renameat renameat2 mkdir "
		"mkdirat rmdir flock fchmod statfs fstatfs sync_file_range copy_file_range "
		"link linkat utimensat"},
};

enum { TESTS_MAX = 3 };

/* Allowed with these arguments only; rows of one call are alternatives. */
static const struct {
	unsigned needs;
	const char *call;
	unsigned n;
	struct {
		unsigned arg;
		uint64_t mask, value;
	} test[TESTS_MAX];
} checked[] = {
	/* no memory that is, or becomes, executable */
	{ALWAYS, "mmap", 1, {{2, PROT_EXEC, 0}}},
	{ALWAYS, "mprotect", 1, {{2, PROT_EXEC, 0}}},
	{ALWAYS, "ioctl", 1, {{1, UINT32_MAX, FIONBIO}}},
	{ALWAYS, "ioctl", 1, {{1, UINT32_MAX, FIONREAD}}},
	{ALWAYS, "ioctl", 1, {{1, UINT32_MAX, TCGETS}}},
	{ALWAYS, "prctl", 1, {{0, UINT32_MAX, PR_SET_NAME}}},
	{ALWAYS, "prctl", 1, {{0, UINT32_MAX, PR_GET_NO_NEW_PRIVS}}},
	{ALWAYS, "prlimit64", 2, {{0, UINT32_MAX, 0}, {2, UINT64_MAX, 0}}},
	{READ_FILES, "openat", 1, {{2, OPEN_WRITES, 0}}},
	{READ_FILES, "open", 1, {{1, OPEN_WRITES, 0}}},
	{NET, "socket", 2, {{0, UINT32_MAX, AF_INET}, {1, SOCKET_TYPE, SOCK_STREAM}}},
	{NET, "socket", 2, {{0, UINT32_MAX, AF_INET}, {1, SOCKET_TYPE, SOCK_DGRAM}}},
	{NET, "socket", 2, {{0, UINT32_MAX, AF_INET6}, {1, SOCKET_TYPE, SOCK_STREAM}}},
	{NET, "socket", 2, {{0, UINT32_MAX, AF_INET6}, {1, SOCKET_TYPE, SOCK_DGRAM}}},
	{SANDBOX_INTERFACES, "socket", 2,
		{{0, UINT32_MAX, AF_NETLINK}, {2, UINT32_MAX, NETLINK_ROUTE}}},
	{SANDBOX_DNS, "ioctl", 1, {{1, UINT32_MAX, SIOCGIFINDEX}}}, /* fe80::1%eth0 */
	{SANDBOX_THREADS, "clone", 1, {{0, CLONE_THREAD, CLONE_THREAD}}},
};

static bool wanted(unsigned row, unsigned needs)
{
	return row == ALWAYS || (row & needs) != 0;
}

/* A call that this architecture or library does not know needs no rule. */
static int allow(scmp_filter_ctx ctx, const char *name, unsigned n,
	const struct scmp_arg_cmp *cmp)
{
	int nr = seccomp_syscall_resolve_name(name);

	return nr == __NR_SCMP_ERROR || nr < 0
		       ? 0
		       : seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, n, cmp);
}

static int allow_names(scmp_filter_ctx ctx, const char *names)
{
	char name[32];
	int rc = 0;

	while (rc == 0 && *names != '\0') {
		size_t n = 0;

		while (*names != '\0' && *names != ' ' && n < sizeof name - 1)
			name[n++] = *names++;
		name[n] = '\0';
		names += *names == ' ';
		rc = allow(ctx, name, 0, NULL);
	}
	return rc;
}

static int allow_plain(scmp_filter_ctx ctx, unsigned needs)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof plain / sizeof plain[0]; i++) {
		if (wanted(plain[i].needs, needs))
			rc = allow_names(ctx, plain[i].calls);
	}
	return rc;
}

static int allow_checked(scmp_filter_ctx ctx, unsigned needs)
{
	struct scmp_arg_cmp cmp[TESTS_MAX];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof checked / sizeof checked[0]; i++) {
		if (!wanted(checked[i].needs, needs))
			continue;
		for (unsigned k = 0; k < checked[i].n; k++)
			cmp[k] = SCMP_CMP(checked[i].test[k].arg, SCMP_CMP_MASKED_EQ,
				checked[i].test[k].mask, checked[i].test[k].value);
		rc = allow(ctx, checked[i].call, checked[i].n, cmp);
	}
	return rc;
}

/* abort() signals itself; nobody else is signalled. */
static int allow_own_signals(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp own = SCMP_CMP(0, SCMP_CMP_EQ, (uint64_t)getpid(), 0);

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &own);
}

int seccomp_apply(unsigned needs, bool read_files)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	unsigned all = needs | (read_files ? READ_FILES : 0);
	int rc;

	if (ctx == NULL)
		return -ENOMEM;
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0); /* it is set already */
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = allow_plain(ctx, all);
	if (rc == 0)
		rc = allow_checked(ctx, all);
	if (rc == 0)
		rc = allow_own_signals(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}
