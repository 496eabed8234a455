#ifndef SUPERVISOR_LISTENERS_H
#define SUPERVISOR_LISTENERS_H
/*
 * The listening sockets of a node. They live as long as the supervisor; each life of membership gets them by
 * SCM_RIGHTS, so that a peer or clusterctl that connects while membership restarts waits instead of being refused.
 */
#include "common/conf/conf.h"
#include "common/ipc/ipc.h"
#include "supervisor/why.h"

enum { LISTENERS_N = IPC_LISTEN_CONTROL + 1 };

struct listeners {
	int fd[LISTENERS_N]; /* by enum ipc_listener_kind; -1: not open */
	uint16_t port[LISTENERS_N];
	char *control_path; /* ours to unlink; NULL: not bound */
};

/*
 * Opens all. -EINVAL for a configuration that cannot work, another errno when the system says no; *why tells the
 * operator who, what, why and what to do. Call with the data directory locked: a control socket left behind by a
 * killed node is replaced, one that is answered is not.
 */
int listeners_open(struct listeners *l, const struct conf *conf, struct why *why);
void listeners_close(struct listeners *l);

#endif
