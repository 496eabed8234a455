#ifndef TEST_SIM_SIM_H
#define TEST_SIM_SIM_H
/*
 * One simulated world: whole cores of membership (the shipping objects) as processes on hosts, a network, disks and
 * clocks, driven by one queue of events and one seed. The same seed and setup give the same run, byte for byte.
 *
 *   queue, path, net…   time and the network; know nothing of cores
 *   proc…, rpc          a process around a core and its shared data: effects in, inputs out; its disk and clocks
 *   plan, faults, ops   what goes wrong and what operators do, as a list that can be thinned out
 *   check, settle, held the invariants, at every step and at the end; of the shared data: ledger, settle_data
 *   writers             who writes what to the shared data, and when
 *   story…              scripted runs
 *   scale, crowd, tally many nodes: how long until all agree, and what is said meanwhile
 */
#include "membership/core/core.h"
#include "test/sim/disk.h"
#include "test/sim/handles.h"
#include "test/sim/net.h"

enum sim_event {
	SIM_EV_TIMER = NET_EV_N, /* who: proc, gen */
	SIM_EV_PERSISTED,        /* who, gen: life */
	SIM_EV_SAVED,            /* who, gen: life, x: job: the data was exported */
	SIM_EV_WRITE,            /* somebody writes to the shared data */
	SIM_EV_EXIT,             /* who, gen: life: the process ends by itself */
	SIM_EV_FAULT,            /* who: index into the plan */
	SIM_EV_FAULT_END,        /* who: index into the plan */
	SIM_EV_AGAIN,            /* who: index into the plan, x: round of a periodic fault */
	SIM_EV_SAMPLE,
	SIM_EV_N
};

enum { SIM_PROCS_MAX = 64, SIM_WHY_MAX = 1024, PLAN_ITEMS_MAX = 64, FAULT_ROWS_MAX = 96 };

/* What a seed decides before anything happens. */
struct sim_setup {
	unsigned n;       /* nodes */
	unsigned n_spare; /* further hosts, off at first: clones, new nodes */
	bool manual;      /* cluster mode */
	uint32_t heartbeat_ms, timeout_ms;
	uint32_t latency_us, jitter_us;
	uint32_t replicas; /* the last so many are */
	uint32_t seeds;    /* candidates are the first so many (auto) */
	bool autoheal;
	uint64_t autoclean_ms;
	uint32_t start_spread_ms;
	int32_t drift_ppm; /* each within ± */
	uint32_t disk_us;
	uint32_t copy_us; /* saving the data that a join or a removal takes away */
	uint32_t members_max;
	bool sides;          /* no path has a fault of its own (test/sim/path.h) */
	uint64_t data_bytes; /* store.max_size; 0: no shared data (scale runs) */
	uint64_t tombstone_ttl_ms;
	bool require_quorum;
	uint32_t write_ms; /* a write each so often, about; 0: none */
	uint64_t newer; /* these speak a later version of the protocol too, with more fields */
};

enum run_tell { RUN_QUIET, RUN_STORY, RUN_FRAMES };

struct proc;
struct plan;
struct crowd;
struct check;
struct ledger;
struct data_reply;

struct sim {
	uint64_t seed;
	struct sim_setup setup;
	struct rng rng;
	uint64_t now_us, hash, n_events;
	struct queue queue;
	struct net net;
	struct proc *proc;
	size_t n_procs;
	const struct plan *plan; /* NULL in stories and scale runs */
	bool plan_on[PLAN_ITEMS_MAX], plan_over[PLAN_ITEMS_MAX];
	bool idle; /* the fault that is just beginning found nothing to do */
	uint8_t began[FAULT_ROWS_MAX]; /* how often which did something */
	struct check *check;           /* NULL: no bookkeeping (scale runs) */
	struct crowd *crowd;           /* NULL: all nodes are whole cores */
	struct ledger *ledger;         /* the same */
	struct rng writers; /* their own dice: what they do depends on nothing else */
	uint64_t writes_end_us;
	uint64_t true_candidates;
	bool trace, frames; /* tell the story; with every frame */
	bool settling;      /* faults are over */
	bool rpc_matters;   /* somebody's RPC port was blocked */
	bool failed;
	char invariant[16], why[SIM_WHY_MAX];
	void (*on_event)(struct sim *s, struct proc *p, const struct core_event *e);
	void (*on_reply)(struct sim *s, struct proc *p, const struct core_reply *r);
	void (*on_view)(struct sim *s, struct proc *p);
	/* Whole frames, each behind its length. */
	void (*on_sent)(struct sim *s, struct proc *p, const uint8_t *frames, size_t n);
	void (*on_data_reply)(struct sim *s, struct proc *p, const struct data_reply *r);
	void *ctx;        /* of the hooks */
	uint8_t *scratch; /* NET_PULL_BYTES */
};

/* The defaults of a setup: seven nodes, automatic, a LAN. */
struct sim_setup sim_setup_default(void);
void sim_init(struct sim *s, uint64_t seed, const struct sim_setup *setup);
void sim_free(struct sim *s);
/* Memory kept between runs. */
void sim_pool_free(void);

/* What to do with an event that was deferred. */
void sim_dispatch(void *ctx, const struct queue_ev *ev);
/* Handles one event; false when there is none or the run has failed. */
bool sim_step(struct sim *s);
/* Runs until the clock shows at_us (later events stay) or the run has failed. */
void sim_run_until(struct sim *s, uint64_t at_us);

void sim_mix(struct sim *s, const void *p, size_t n);
/* The first failure counts; the run stops. */
void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A line of the story, when told. p: whose, may be NULL. */
void sim_say(struct sim *s, const struct proc *p, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void sim_post(struct sim *s, enum sim_event kind, unsigned who, uint32_t gen, uint32_t x,
	uint64_t in_us);

#endif
