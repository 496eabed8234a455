#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H
/*
 * One role's process: proc_core's decisions turned into fork, messages and signals, and exits and messages turned into
 * proc_core's events. Knows nothing of the other children; what concerns them goes up through the hooks.
 */
#include <ev.h>

#include "common/conf/conf.h"
#include "common/ipc/ipc_chan.h"
#include "supervisor/proc_core.h"

struct child;

struct child_spec {
	const char *name;    /* strategy, or "membership" */
	const char *program; /* in libexec */
	enum ipc_side side;
	unsigned conf_role; /* whose section it gets */
	unsigned strategy;  /* enum conf_strategy; 0: not a worker */
};

struct child_hooks {
	/* Started, its section is sent. report_fd: where a worker's reports come out; closed after the call. */
	void (*spawned)(void *ctx, struct child *c, int report_fd);
	/* Gone, and all it had to say was heard; what follows is not decided yet. */
	void (*exited)(void *ctx, struct child *c);
	/* Everything but ready and beat. */
	void (*message)(void *ctx, struct child *c, enum ipc_type type, const void *msg);
};

/* What all children share; the supervisor's. */
struct child_env {
	struct ev_loop *loop;
	struct conf_loaded *conf;
	const char *libexec;
	int lock_fd;
	struct rng rng;
	struct proc_clock clock;
	bool changed;         /* set whenever a child's state may differ */
	bool workers_changed; /* … a worker's: its row in the process table */
	const struct child_hooks *hooks;
	void *ctx;
};

struct child {
	const struct child_spec *spec;
	struct child_env *env;
	struct proc proc;
	pid_t pid;
	int pidfd; /* -1: no process */
	ev_io exit_watch;
	struct ipc_chan *chan;
	uint64_t started_ms;   /* wall clock */
	uint64_t section_hash; /* of the section that it was sent last */
	bool settled; /* was ready, or ended, since the supervisor started: nobody need wait for it */
	bool reloading; /* a reload is not answered yet */
	char last_exit[128];
};

void child_init(struct child *c, struct child_env *env, const struct child_spec *spec);
void child_event(struct child *c, enum proc_event ev);
/* A child that cannot be told is killed. */
void child_send(struct child *c, enum ipc_type type, const void *msg, int fd);
/* Sends its section out of conf as setup or reload, unless a reload would bring nothing new. False: nothing was sent. */
bool child_send_section(struct child *c, enum ipc_type type, const struct conf_loaded *conf);
uint64_t child_now(struct child_env *env);

#endif
