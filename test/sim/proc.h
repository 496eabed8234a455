#ifndef TEST_SIM_PROC_H
#define TEST_SIM_PROC_H
/*
 * A process around one core: what the shell is in the daemon. Executes effects, feeds inputs, arms the one timer; can be
 * stopped, continued, killed and started again with what its disk has kept.
 */
#include "test/sim/sim.h"

enum proc_kill {
	PROC_KILL,       /* the process; its listener goes too */
	PROC_KILL_HELD,  /* the process; the supervisor holds the listener */
	PROC_KILL_POWER, /* the whole machine */
	PROC_KILL_TORN, /* the same, and of the pending transactions the last has not made it */
};

/* What a start finds on disk. */
enum proc_disk {
	PROC_DISK_KEPT,
	PROC_DISK_BACK_1, /* the last commit is taken back */
	PROC_DISK_OLD,    /* a copy from some time ago */
	PROC_DISK_TAKEN,  /* somebody has put an older state in its place */
	PROC_DISK_LOST
};

/* What discovery tells a node of the hosts in its set. */
enum proc_discovery {
	PROC_DISCOVERS,
	PROC_DISCOVERS_WRONG, /* and of some that never were */
	PROC_DISCOVERS_STALE  /* each under the name of another, as pods' addresses go round */
};

/* What the checks remember of a member as this node shows it. */
struct proc_seen {
	struct id128 member_id;
	bool known, running;
	bool told, told_up; /* by events */
	struct id128 told_id;
	uint64_t since_us;
};

struct proc_kv;

struct proc {
	struct sim *sim;
	unsigned id;
	unsigned host; /* where it runs */
	char label[24], name[40], addr[24];
	struct core_conf conf;
	uint16_t port;
	struct core *core; /* NULL: does not run */
	bool held, paused, exiting;
	bool reload; /* when it goes on */
	uint32_t life;
	/* clocks */
	int64_t mono_base_us, wall_off_ms;
	int32_t drift_ppm;
	/* the one timer */
	uint64_t armed_us, last_tick_us;
	uint32_t armed_gen, ticks_here;
	/* disk */
	struct disk disk;
	size_t writing; /* so many transactions are on their way to it, as one */
	int disk_slow, disk_bad, disk_full; /* faults at work; full: for the shared data */
	/* network */
	struct handles handles;
	int rpc_blocked;
	uint32_t cookie;
	bool on_disk;     /* this life's incarnation */
	bool was_replica; /* the life before: nothing of its data was written */
	bool swapped; /* its last transaction made another generation the data, and it never knew */
	struct proc_kv *kv;
	bool may_clear; /* somebody took the data, a copy replaces it, or an operator insists */
	unsigned leads_to; /* the host that its first address leads to */
	unsigned n_swaps;  /* of the data for another generation */
	/* discovery: bit i, node i is a candidate */
	uint64_t candidates;
	enum proc_discovery discovery;
	/* commands */
	uint32_t next_request, stop_request;
	bool newer;      /* speaks a later version too */
	bool unreadable; /* its record can't be read by the others */
	/* for the checks */
	uint64_t started_us, upset_us, held_us;
	struct proc_seen *seen;
};

/* --- proc.c: life */
void proc_init(struct proc *p, struct sim *s, unsigned id);
void proc_free(struct proc *p);
void proc_start(struct proc *p, enum proc_disk disk);
void proc_kill(struct proc *p, enum proc_kill how);
/* Ends by itself: what it has to say is said, what it has to write is written. */
void proc_exit(struct proc *p);
/* `clusterd --rename` while it does not run: what is stored takes the name that it has now. */
void proc_rename(struct proc *p);
void proc_pause(struct proc *p);
void proc_continue(struct proc *p);
static inline bool proc_runs(const struct proc *p)
{
	return p->core != NULL && !p->paused;
}
uint64_t proc_mono_us(const struct proc *p);
uint64_t proc_own_seq(const struct proc *p); /* of its own record */
uint64_t proc_wall_ms(const struct proc *p);
/* The process that runs on a host, NULL when none. */
struct proc *proc_on_host(struct sim *s, unsigned host);
struct proc *proc_by_name(struct sim *s, const char *name);

/* --- proc_net.c: what comes over the network */
extern const struct net_ops proc_net_ops;
/* Says what there is to say on a connection of the core's. */
void proc_pull(struct proc *p, struct net_side *side, bool to_the_end);
/* The host that an address leads to at present; none: n_procs. */
unsigned proc_host_of(const struct sim *s, const char *addr);

/* --- proc_io.c: inputs and effects */
/* Around each input: the clock before, the effects after. */
void proc_enter(struct proc *p);
void proc_leave(struct proc *p);
void proc_tick(struct proc *p);
/* A transaction for the disk. */
void proc_persist(struct proc *p, enum disk_owner owner, uint64_t seq,
	const struct core_write *w, size_t n);
void proc_event(struct sim *s, const struct queue_ev *ev);
void proc_report_candidates(struct proc *p);
/* Returns the request's number, 0 when the process can't take it now. The rest of cmd is the caller's. */
uint32_t proc_command(struct proc *p, struct core_command *cmd);
/* Tells the core whose RPC port can be reached. */
void proc_try_rpc(struct proc *p);
void proc_reload(struct proc *p);
void proc_address(const struct proc *p, struct node_addr *out);

#endif
