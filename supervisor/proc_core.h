#ifndef SUPERVISOR_PROC_CORE_H
#define SUPERVISOR_PROC_CORE_H
/*
 * The life of one child, as a state machine that does no I/O and reads no clock.
 *
 *   STOPPED --start--> STARTING --ready--> RUNNING --stop--> STOPPING --deadline--> KILLING --exit--> STOPPED
 *                          ^                  |  exit                                   (or as `after` says)
 *                          +---- deadline -- BACKOFF
 *
 * Time is the supervisor's loop clock (struct proc_clock): it stands while the supervisor itself did not run, so a
 * suspended or starved supervisor never takes its children for dead.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"

enum proc_state {
	PROC_STOPPED,
	PROC_STARTING,
	PROC_RUNNING,
	PROC_STOPPING, /* asked to, or its channel ended: exits by itself until the deadline */
	PROC_KILLING,
	PROC_BACKOFF,
	PROC_N_STATES
};

enum proc_event {
	PROC_EV_START,
	PROC_EV_READY,
	PROC_EV_BEAT,
	PROC_EV_STOP,        /* stay stopped */
	PROC_EV_HALT,        /* the same, but at once: what it works for is gone */
	PROC_EV_RESTART,     /* an operator's wish: no backoff */
	PROC_EV_EOF,         /* it closed its channel: probably exiting */
	PROC_EV_FAULT,       /* broke the protocol, does not read, … */
	PROC_EV_EXIT,        /* the process is gone, or could not be started */
	PROC_EV_EXIT_CONFIG, /* gone with EXIT_CONFIG: another start would end the same way */
	PROC_EV_DEADLINE,
	PROC_N_EVENTS
};

enum proc_fx { PROC_FX_NONE, PROC_FX_SPAWN, PROC_FX_ASK_STOP, PROC_FX_KILL };

/* What follows the exit. */
enum proc_after { PROC_AFTER_RETRY, PROC_AFTER_START, PROC_AFTER_STAY };

enum proc_why {
	PROC_WHY_NONE,
	PROC_WHY_WATCHDOG,
	PROC_WHY_FAULT,
	PROC_WHY_GRACE,
	PROC_WHY_HALT
};

struct proc_policy {
	uint64_t restart_min_ms, restart_max_ms;
	uint64_t healthy_ms;  /* RUNNING for so long: the next backoff is the smallest again */
	uint64_t watchdog_ms; /* without a beat */
	uint64_t stop_ms;     /* from asking to killing */
	uint64_t eof_ms;      /* from the end of its channel to killing */
};

struct proc {
	enum proc_state state;
	enum proc_after after;
	enum proc_why killed; /* why the last life was killed by us */
	uint64_t deadline_ms; /* 0: no timer wanted */
	uint64_t ready_ms;    /* when RUNNING began */
	uint64_t backoff_ms;  /* the last delay without its jitter; 0: none yet */
	uint32_t starts;
};

/* Applies one event at now_ms and returns the one thing to do about it. */
enum proc_fx proc_step(struct proc *p, const struct proc_policy *policy, struct rng *rng,
	enum proc_event ev, uint64_t now_ms);
bool proc_has_process(const struct proc *p);
/* For `clusterctl workers`: running, starting, stopping, backoff, stopped. */
const char *proc_state_name(enum proc_state s);
/* Why we killed it, in words; NULL: we did not. */
const char *proc_why_text(enum proc_why why);

/* Counts the time between two looks at the clock, but never more than a late turn of a loop that runs. */
enum { PROC_CLOCK_STEP_MAX_MS = 2000 };
struct proc_clock {
	uint64_t last_ms, now_ms;
};
uint64_t proc_clock_advance(struct proc_clock *c, uint64_t mono_ms);

#endif
