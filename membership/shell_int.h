#ifndef MEMBERSHIP_SHELL_INT_H
#define MEMBERSHIP_SHELL_INT_H
/*
 * What the files of the glue share: shell.c (core, effects, time), links.c (the core's connections), datapath.c (copies
 * and probes of the RPC port), known.c (addresses of members and candidates), setup.c (the supervisor), serve.c (from
 * the configuration to a running core). control.c sees shell.h only.
 *
 * Every input:  core_<input>(shell_in(s), …); shell_out(s);   never from inside an effect or a hook.
 */
#include "common/ipc/ipc_chan.h"
#include "membership/candidates.h"
#include "membership/control.h"
#include "membership/memory.h"
#include "membership/net/gate.h"
#include "membership/net/listener.h"
#include "membership/net/rpc.h"
#include "membership/shell.h"
#include "membership/store/state.h"

enum { SHELL_LISTENERS = IPC_LISTEN_CONTROL + 1 };

struct datapath;
struct known;
struct links;
struct shared;

struct shell {
	struct ev_loop *loop;
	struct memory memory;
	struct conf_loaded *conf; /* NULL before setup */
	struct core *core;        /* NULL before serve_start() */
	int exit_code;
	/* from the supervisor */
	struct ipc_chan *chan;
	int listen_fd[SHELL_LISTENERS]; /* -1: not got, or handed on */
	uint16_t listen_port[SHELL_LISTENERS];
	/* parts, in the order in which they are made */
	struct candidates *candidates;
	struct control *control;
	struct tls_ctx *tls;
	struct dns *dns;
	struct net_env *env;
	struct gate *gate;
	struct known *known;
	struct links *links;
	struct rpc_server *rpc_server;
	struct datapath *datapath;
	struct shared *shared;
	struct state *state;
	struct listener *dist, *rpc;
	/* time */
	ev_prepare before_wait;
	ev_timer tick, beat, stop;
	ev_tstamp beat_at;
	uint64_t armed_ms; /* what the tick waits for; UINT64_MAX: nothing */
	unsigned late_turns;
	/* who wants to know */
	const struct shell_hooks *hooks;
	void *hooks_ctx;
	struct asks *asks;
	uint32_t last_request, stop_request;
	bool in_effects, view_changed, stopping;
	char status_text[128];
	uint64_t persists, persist_errors, late_ms_max;
};

/* --- shell.c --- */
void shell_init(struct shell *s);
void shell_fini(struct shell *s);
/* The core, told what time it is. */
struct core *shell_in(struct shell *s);
/* Executes what the input made the core want. */
void shell_out(struct shell *s);
void shell_candidates(struct shell *s, const char *strategy, const struct core_candidate *list,
	size_t n);
void shell_persisted(void *ctx, enum state_owner owner, uint64_t seq, int error);

/* --- serve.c --- */
/* Keys, resolver, state, core, listeners, from s->conf. False: it can't be, logged, s->exit_code set. */
bool serve_start(struct shell *s);
/* The core's view of the configuration; valid as long as conf and s are. */
struct core_conf *serve_core_conf(struct shell *s, const struct conf_loaded *conf);
void serve_core_conf_free(struct core_conf *c);
/* Tells the neighbours, then exits; at once when there is no core. */
void serve_stop(struct shell *s);

/* --- setup.c --- */
void setup_init(struct shell *s, int fd);
void setup_fini(struct shell *s);
/* One line for the service manager, when it is another than the last one. */
void setup_status(struct shell *s);
/* The loop is awake anyway: a sign of life now saves a wake-up soon. */
void setup_beat_early(struct shell *s);

/* --- offline.c --- */
/* `--offline rename|new-identity` on the supervision channel: an exit code. */
int offline_main(const char *what);

#endif
