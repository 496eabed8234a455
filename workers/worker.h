#ifndef WORKERS_WORKER_H
#define WORKERS_WORKER_H
/*
 * What every discovery worker shares: supervision channel, report pipe, event loop, health, backoff with jitter, reload,
 * watchdog beat and sandbox. A strategy is one `struct worker_strategy` in its own folder; it sees no pipe and no signal.
 *
 *   supervisor's section → init → sandbox → start → (reload)* → stop → fini
 */
#include <ev.h>
#include <stdbool.h>

#include "common/base/rng.h"
#include "common/conf/conf.h"

struct worker;

struct worker_candidate {
	const char *name;   /* name@host */
	const char *host;   /* what to dial; may be the name's host */
	uint16_t port;      /* 0: by the rule */
	const char *source; /* where it was found, e.g. "static", "dns a emqx.example" */
};

/* What a worker touches because its configuration says so; all else is out of its sandbox. */
enum { WORKER_REACH_DIRS = 32, WORKER_REACH_PORTS = 32 };

struct worker_reach {
	char *dir[WORKER_REACH_DIRS]; /* to read from */
	size_t n_dirs;
	uint16_t port[WORKER_REACH_PORTS]; /* to connect to by TCP */
	size_t n_ports;
};

/* The folder of a file that may be replaced while we run, and the folder it really is in. "" is none. */
void worker_reach_file(struct worker_reach *r, const char *file);
void worker_reach_dir(struct worker_reach *r, const char *dir);
void worker_reach_port(struct worker_reach *r, unsigned port);
/* True when a is allowed all that b is. */
bool worker_reach_covers(const struct worker_reach *a, const struct worker_reach *b);
void worker_reach_free(struct worker_reach *r);

struct worker_strategy {
	const char *name;
	unsigned conf_role; /* CONF_FOR_STATIC … */
	unsigned sandbox;   /* enum sandbox_need bits (common/os/sandbox.h) */
	bool self_optional; /* its answer need not name this node: no warning when it does not */
	/* Adds what conf names. A reload that goes beyond it restarts the worker. NULL: nothing. */
	void (*reach)(struct worker *w, struct worker_reach *r);
	/* Before the sandbox: open files, load libraries' tables. 0 or -errno (logged by the strategy). */
	int (*init)(struct worker *w);
	/* After the sandbox: begin. */
	void (*start)(struct worker *w);
	/* conf already replaced; drop or keep what changed. */
	void (*reload)(struct worker *w);
	/* SIGTERM or stop: may do a last asynchronous thing (revoke a lease), then call worker_stopped(); bounded at 2 s. NULL: none. */
	void (*stop)(struct worker *w);
	void (*fini)(struct worker *w);
};

struct worker {
	struct ev_loop *loop;
	const struct worker_strategy *strategy;
	const struct conf *conf;
	const char *node_name; /* our own */
	struct rng rng;
	void *state; /* the strategy's own */
};

/* main() of a worker. */
int worker_main(const struct worker_strategy *s, int argc, char **argv);

/* Reports the whole current set, replacing the last (sorted, duplicates removed, cut at the limit with a warning); sends nothing when it did not change. */
void worker_report(struct worker *w, const struct worker_candidate *c, size_t n);
/* Health as shown by `clusterctl workers`; sent on change. found_self: this node is in its own answer (by name or address). */
void worker_ok(struct worker *w, bool found_self, const char *detail);
void worker_error(struct worker *w, const char *text);
void worker_stopped(struct worker *w);

/* 1 s doubling to max_ms with ±20 % jitter; reset by worker_backoff_reset(). */
struct worker_backoff {
	uint64_t next_ms;
};
uint64_t worker_backoff_next(struct worker *w, struct worker_backoff *b, uint64_t max_ms);
void worker_backoff_reset(struct worker_backoff *b);

/* True when a candidate is this node, by name or by an address of this host's interfaces together with our port. */
bool worker_is_self(struct worker *w, const char *name, const char *host, uint16_t port);

#endif
