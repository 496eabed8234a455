#include "supervisor/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"

#define LOG_COMPONENT "listeners"

enum { BACKLOG = 1024 };

static const struct {
	const char *what, *key;
} tcp[] = {
	[IPC_LISTEN_DIST] = {"distribution", "node.dist_port"},
	[IPC_LISTEN_RPC] = {"rpc", "rpc.server_port (with rpc.port_discovery = manual)"},
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

static bool is_v6(const struct conf *conf)
{
	return conf->cluster.proto_dist == PROTO_INET6_TCP ||
	       conf->cluster.proto_dist == PROTO_INET6_TLS;
}

static uint16_t port_of(const struct conf *conf, enum ipc_listener_kind kind)
{
	return (uint16_t)(kind == IPC_LISTEN_RPC ? conf->rpc.server_port
						 : conf->node.dist_port);
}

/* bind_address as a socket address of the family in use; empty: all addresses of it. */
static int bind_address(const struct conf *conf, uint16_t port, union address *a, socklen_t *n,
	struct why *why)
{
	const char *text = conf->node.bind_address;
	int ok;

	memset(a, 0, sizeof *a);
	if (is_v6(conf)) {
		a->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
			.sin6_port = htons(port)};
		*n = sizeof a->v6;
		ok = text[0] == '\0' || inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1;
	} else {
		a->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		*n = sizeof a->v4;
		ok = text[0] == '\0' || inet_pton(AF_INET, text, &a->v4.sin_addr) == 1;
	}
	if (ok)
		return 0;
	return why_set(why, -EINVAL,
		"node.bind_address %s is not an IPv%c address; cluster.proto_dist decides which family it "
		"must be of",
		text, is_v6(conf) ? '6' : '4');
}

static int tell_tcp(const struct conf *conf, enum ipc_listener_kind kind, int rc,
	struct why *why)
{
	const char *host = conf->node.bind_address;
	unsigned port = port_of(conf, kind);

	if (host[0] == '\0')
		host = is_v6(conf) ? "::" : "0.0.0.0";
	if (rc == -EADDRINUSE)
		return why_set(why, rc,
			"port %u is in use: %s cannot listen on %s; another program has it "
			"(`ss -ltnp 'sport = :%u'` shows which): stop it, or set %s",
			port, tcp[kind].what, host, port, tcp[kind].key);
	if (rc == -EADDRNOTAVAIL)
		return why_set(why, rc,
			"%s cannot listen on %s: this host has no such address; mend node.bind_address",
			tcp[kind].what, host);
	return why_set(why, rc, "%s cannot listen on %s port %u: %s", tcp[kind].what, host,
		port, strerror(-rc));
}

static int open_tcp(struct listeners *l, const struct conf *conf, enum ipc_listener_kind kind,
	struct why *why)
{
	const int on = 1;
	union address a;
	socklen_t n;
	int fd, rc = bind_address(conf, port_of(conf, kind), &a, &n, why);

	if (rc < 0)
		return rc;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
		(is_v6(conf) &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
		bind(fd, &a.any, n) < 0 || listen(fd, BACKLOG) < 0)
		rc = -errno;
	l->fd[kind] = fd;
	l->port[kind] = port_of(conf, kind);
	return rc == 0 ? 0 : tell_tcp(conf, kind, rc, why);
}

/* True when somebody answers on the socket at this path. */
static bool is_answered(const union address *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes;

	if (fd < 0)
		return false;
	yes = connect(fd, &a->any, sizeof a->local) == 0 || errno == EAGAIN;
	close(fd);
	return yes;
}

/* A socket that nobody listens on goes; anything else stays and is an error. */
static int clear_path(const union address *a, struct why *why)
{
	const char *path = a->local.sun_path;
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0; /* bind(2) says what is wrong, if anything is */
	if (!S_ISSOCK(st.st_mode))
		return why_set(why, -EEXIST,
			"control.socket %s exists and is no socket; remove it or set another path",
			path);
	if (is_answered(a))
		return why_set(why, -EADDRINUSE,
			"control.socket %s is in use by another node; give this one a path of its own",
			path);
	if (unlink(path) < 0)
		return why_set(why, -errno, "control.socket %s: cannot replace it: %s", path,
			strerror(errno));
	return 0;
}

static int bind_control(int fd, const union address *a, struct why *why)
{
	mode_t before = umask(0117); /* 0660 from its first moment */
	int rc = bind(fd, &a->any, sizeof a->local) < 0 ? -errno : 0;

	umask(before);
	if (rc == 0 && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc == 0)
		return 0;
	return why_set(why, rc, "control.socket %s: %s%s", a->local.sun_path, strerror(-rc),
		rc == -ENOENT || rc == -EACCES
			? "; its directory must exist and be writable, or set another path"
			: "");
}

/* Members of the group may use clusterctl. Where there is no such group, or we are not in it, only the owner may. */
static void give_to_group(const char *path)
{
	const struct group *g = getgrnam("clusterd");

	if (g != NULL && chown(path, (uid_t)-1, g->gr_gid) < 0)
		log_warn("control_socket_group", "path=\"%s\" group=clusterd error=\"%s\"",
			path, strerror(errno));
}

static int open_control(struct listeners *l, const struct conf *conf, struct why *why)
{
	union address a = {.local = {.sun_family = AF_UNIX}};
	const char *path = conf->control.socket;
	int fd, rc;

	if (path[0] != '/' || strlen(path) >= sizeof a.local.sun_path)
		return why_set(why, -EINVAL,
			"control.socket %s: must be an absolute path of less than %zu bytes",
			path, sizeof a.local.sun_path);
	memcpy(a.local.sun_path, path, strlen(path));
	rc = clear_path(&a, why);
	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return why_set(why, -errno, "control.socket: %s", strerror(errno));
	l->fd[IPC_LISTEN_CONTROL] = fd;
	rc = bind_control(fd, &a, why);
	if (rc < 0)
		return rc;
	l->control_path = xstrdup(path);
	give_to_group(path);
	return 0;
}

int listeners_open(struct listeners *l, const struct conf *conf, struct why *why)
{
	int rc;

	*l = (struct listeners){.fd = {-1, -1, -1}};
	rc = open_tcp(l, conf, IPC_LISTEN_DIST, why);
	if (rc == 0)
		rc = open_tcp(l, conf, IPC_LISTEN_RPC, why);
	if (rc == 0)
		rc = open_control(l, conf, why);
	if (rc < 0)
		listeners_close(l);
	return rc;
}

void listeners_close(struct listeners *l)
{
	for (int i = 0; i < LISTENERS_N; i++) {
		if (l->fd[i] >= 0)
			close(l->fd[i]);
		l->fd[i] = -1;
	}
	if (l->control_path != NULL)
		unlink(l->control_path);
	free(l->control_path);
	l->control_path = NULL;
}
