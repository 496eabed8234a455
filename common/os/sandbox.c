#include "common/os/sandbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "common/base/log.h"
#include "common/os/landlock.h"
#include "common/os/proc.h"
#include "common/os/seccomp.h"

#define LOG_COMPONENT "sandbox"

enum { NOFILE_SMALL = 64, NOFILE_NET = 1024 };
#define MEMORY_MAX (256ULL * 1024 * 1024)

/* No limit of file sizes: standard error may well be a file. */
static int limits(unsigned needs)
{
	int rc = 0;

#ifndef CLUSTERD_SANITIZED /* the sanitizers map terabytes of shadow, and start a thread to look for leaks */
	if ((needs & SANDBOX_STORE) == 0) /* a store's map counts with its full size */
		rc = proc_limit(RLIMIT_AS, MEMORY_MAX);
	if (rc == 0 && (needs & SANDBOX_THREADS) == 0)
		rc = proc_limit(RLIMIT_NPROC, 0);
#endif
	if (rc == 0 && (needs & SANDBOX_NET_SERVER) == 0)
		rc = proc_limit(RLIMIT_NOFILE,
			(needs & SANDBOX_NET_CLIENT) != 0 ? NOFILE_NET : NOFILE_SMALL);
	return rc;
}

#ifndef CLUSTERD_SANITIZED
static const char *const etc_files[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
	"/etc/host.conf", "/etc/gai.conf", "/etc/localtime", "/dev/urandom", "/dev/null"};
/* Where distributions keep authorities; and where resolv.conf may really be. */
static const char *const etc_dirs[] = {"/etc/ssl", "/etc/pki", "/etc/ca-certificates",
	"/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/usr/lib/ssl",
	"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager"};

/* Who does both dials from the address it listens at. */
enum { SERVES_AND_DIALS = SANDBOX_NET_CLIENT | SANDBOX_NET_SERVER };
enum { PORTS_MAX = 64, DIRS_MAX = 64, DNS_PORT = 53 };

static size_t copy_dirs(const struct sandbox_spec *spec, const char *out[DIRS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < spec->n_read_dirs && n < DIRS_MAX; i++)
		out[n++] = spec->read_dirs[i];
	for (size_t i = 0; (spec->needs & SANDBOX_READ_ETC) != 0 &&
			   i < sizeof etc_dirs / sizeof etc_dirs[0] && n < DIRS_MAX;
		i++)
		out[n++] = etc_dirs[i];
	return n;
}

static size_t copy_ports(const struct sandbox_spec *spec, uint16_t out[PORTS_MAX])
{
	size_t n = 0;

	if ((spec->needs & SANDBOX_NET_CLIENT) == 0)
		return 0;
	for (size_t i = 0; i < spec->n_ports && n < PORTS_MAX - 1; i++)
		out[n++] = spec->ports[i];
	if ((spec->needs & SANDBOX_DNS) != 0)
		out[n++] = DNS_PORT;
	return n;
}

static int confine_files(const struct sandbox_spec *spec)
{
	const char *dirs[DIRS_MAX], *missing;
	uint16_t ports[PORTS_MAX];
	bool etc = (spec->needs & SANDBOX_READ_ETC) != 0;
	struct landlock_rules rules = {
		.read_files = etc_files,
		.n_read_files = etc ? sizeof etc_files / sizeof etc_files[0] : 0,
		.read_dirs = dirs,
		.n_read_dirs = copy_dirs(spec, dirs),
		.write_dir = spec->write_dir,
		.tcp_any = (spec->needs & SANDBOX_NET_CLIENT) != 0 && spec->n_ports == 0,
		.tcp_bind = (spec->needs & SERVES_AND_DIALS) == SERVES_AND_DIALS,
		.tcp_ports = ports,
		.n_tcp_ports = copy_ports(spec, ports),
	};
	int abi = landlock_abi();

	if (abi == 0) {
		log_warn("sandbox_partial",
			"missing=landlock effect=\"files and ports are guarded by the system call "
			"filter alone\"");
		return 0;
	}
	missing = landlock_missing(abi);
	if (missing != NULL)
		log_warn("sandbox_partial", "landlock_abi=%d unguarded=\"%s\"", abi, missing);
	return landlock_apply(abi, &rules);
}

static int confine_calls(const struct sandbox_spec *spec)
{
	int rc = seccomp_apply(spec->needs,
		(spec->needs & SANDBOX_READ_ETC) != 0 || spec->n_read_dirs > 0);

	if (rc != -EINVAL && rc != -ENOSYS)
		return rc;
	log_warn("sandbox_partial", "missing=seccomp effect=\"system calls are not filtered\"");
	return 0;
}
#endif

int sandbox_apply(const struct sandbox_spec *spec)
{
	int rc = proc_no_new_privs();

	if (rc == 0)
		rc = proc_no_dumps();
	if (rc == 0)
		rc = limits(spec->needs);
#ifndef CLUSTERD_SANITIZED /* a sanitizer reads /proc, starts threads and traces itself */
	if (rc == 0)
		rc = confine_files(spec);
	if (rc == 0)
		rc = confine_calls(spec);
#endif
	return rc;
}
