#include "common/os/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446, QUERY_VERSION = 1 };
enum { RULE_PATH = 1, RULE_PORT = 2 };

/* Rights on files, by the ABI version that brought them. */
#define FS_EXECUTE   (1ULL << 0)
#define FS_WRITE     (1ULL << 1)
#define FS_READ      (1ULL << 2)
#define FS_READ_DIR  (1ULL << 3)
#define FS_ABI1      ((1ULL << 13) - 1)
#define FS_REFER     (1ULL << 13)
#define FS_TRUNCATE  (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define FS_DEVICES   (1ULL << 6 | 1ULL << 11) /* make character and block devices */

#define NET_BIND_TCP    1ULL
#define NET_CONNECT_TCP 2ULL

#define SCOPE_ABSTRACT_UNIX 1ULL
#define SCOPE_SIGNAL        2ULL

struct ruleset {
	uint64_t fs, net, scope;
};

struct path_rule {
	uint64_t rights;
	int32_t parent;
} __attribute__((packed));

struct port_rule {
	uint64_t rights, port;
};

/* Each version knows a longer structure. */
static const struct {
	int abi;
	uint64_t fs, net, scope; /* what it adds */
	size_t size;
	const char *lack; /* without it */
} versions[] = {
	{1, FS_ABI1, 0, 0, 8, "files"},
	{2, FS_REFER, 0, 0, 8, "moving files between directories"},
	{3, FS_TRUNCATE, 0, 0, 8, "truncating files, TCP ports, signals, abstract sockets"},
	{4, 0, NET_BIND_TCP | NET_CONNECT_TCP, 0, 16, "TCP ports, signals, abstract sockets"},
	{5, FS_IOCTL_DEV, 0, 0, 16, "device ioctls, signals, abstract sockets"},
	{6, 0, 0, SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL, 24, "signals, abstract sockets"},
};

enum { N_VERSIONS = sizeof versions / sizeof versions[0] };

int landlock_abi(void)
{
	long v = syscall(CREATE_RULESET, NULL, 0, QUERY_VERSION);

	return v < 0 ? 0 : (int)v;
}

const char *landlock_missing(int abi)
{
	for (int i = 0; i < N_VERSIONS; i++) {
		if (versions[i].abi > abi)
			return versions[i].lack;
	}
	return NULL;
}

static size_t handled(int abi, const struct landlock_rules *r, struct ruleset *out)
{
	size_t size = 0;

	*out = (struct ruleset){0};
	for (int i = 0; i < N_VERSIONS && versions[i].abi <= abi; i++) {
		out->fs |= versions[i].fs;
		out->net |= versions[i].net;
		out->scope |= versions[i].scope;
		size = versions[i].size;
	}
	if (r->tcp_any)
		out->net &= ~NET_CONNECT_TCP;
	if (r->tcp_bind)
		out->net &= ~NET_BIND_TCP;
	return size;
}

static int allow_path(int set, const char *path, uint64_t rights)
{
	struct path_rule rule = {.rights = rights};
	int rc = 0;

	rule.parent = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
	if (syscall(ADD_RULE, set, RULE_PATH, &rule, 0) < 0)
		rc = -errno;
	close(rule.parent);
	return rc;
}

static int allow_paths(int set, const struct landlock_rules *r, uint64_t all)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->n_read_files; i++)
		rc = allow_path(set, r->read_files[i], FS_READ);
	for (size_t i = 0; rc == 0 && i < r->n_read_dirs; i++)
		rc = allow_path(set, r->read_dirs[i], FS_READ | FS_READ_DIR);
	if (rc == 0 && r->write_dir != NULL)
		rc = allow_path(set, r->write_dir,
			all & ~(FS_EXECUTE | FS_DEVICES | FS_IOCTL_DEV));
	return rc;
}

static int allow_ports(int set, const struct landlock_rules *r)
{
	for (size_t i = 0; i < r->n_tcp_ports; i++) {
		struct port_rule rule = {NET_CONNECT_TCP, r->tcp_ports[i]};

		if (syscall(ADD_RULE, set, RULE_PORT, &rule, 0) < 0)
			return -errno;
	}
	return 0;
}

int landlock_apply(int abi, const struct landlock_rules *r)
{
	struct ruleset attr;
	size_t size = handled(abi, r, &attr);
	int set = (int)syscall(CREATE_RULESET, &attr, size, 0);
	int rc;

	if (set < 0)
		return -errno;
	rc = allow_paths(set, r, attr.fs);
	if (rc == 0 && (attr.net & NET_CONNECT_TCP) != 0)
		rc = allow_ports(set, r);
	if (rc == 0 && syscall(RESTRICT_SELF, set, 0) < 0)
		rc = -errno;
	close(set);
	return rc;
}
