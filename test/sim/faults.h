#ifndef TEST_SIM_FAULTS_H
#define TEST_SIM_FAULTS_H
/* The table of everything that a plan may hold, faults and operators' commands alike, and how each begins and ends. */
#include "test/sim/plan.h"

enum fault_about {
	FAULT_NODE = 1,    /* a */
	FAULT_PAIR = 2,    /* a, b */
	FAULT_SIDE = 4,    /* mask: any part of the nodes */
	FAULT_FEW = 8,     /* mask: one of them to a fifth */
	FAULT_EVER = 16,   /* from the start, for ever, settling too */
	FAULT_FLAPS = 32,  /* begins and ends again and again */
	FAULT_OP = 64,     /* an operator's command */
	FAULT_SPARE = 128, /* needs a spare host */
	FAULT_AUTO = 256,  /* of discovery: nothing to a manual cluster */
	FAULT_CUTS = 512   /* operators of both sides may do things meanwhile */
};

/* Which paths a fault of the network is on. */
enum fault_shape {
	SHAPE_NONE,
	SHAPE_SIDES, /* between mask and the rest */
	SHAPE_AWAY,  /* from mask to the rest */
	SHAPE_THREE, /* between thirds: mask, and the rest by a's parity */
	SHAPE_BOTH,  /* between a and b */
	SHAPE_ARROW, /* from a to b */
	SHAPE_ALL,
	SHAPE_NODE, /* to and from a */
	SHAPE_INTO, /* to a */
	SHAPE_OUT   /* from a */
};

typedef void fault_fn(struct sim *s, const struct plan_item *it);

struct fault_row {
	const char *name;
	unsigned about;
	unsigned weight;               /* how often beside the others; 0: only by hand */
	uint32_t for_lo_ms, for_hi_ms; /* 0: nothing to end */
	int64_t x_lo, x_hi;
	enum fault_shape shape;
	enum path_fault path;  /* with a shape; x is how much */
	fault_fn *begin, *end; /* without a shape */
};

extern const struct fault_row fault_rows[];
extern const size_t n_fault_rows;

/* The row of that name, n_fault_rows when there is none. */
unsigned fault_kind(const char *name);
/* Puts the plan's items into the queue. */
void faults_post(struct sim *s);
void faults_event(struct sim *s, const struct queue_ev *ev);
/* Begins or ends a fault of the network on the paths of a shape. */
void faults_paths(struct sim *s, const struct plan_item *it, enum fault_shape shape,
	enum path_fault path, bool begin);

/* --- faults_proc.c */
fault_fn fault_kill, fault_kill_held, fault_power, fault_torn, fault_start, fault_start_back,
	fault_start_old, fault_start_empty, fault_pause, fault_continue, fault_disk_slow,
	fault_disk_fast, fault_disk_bad, fault_disk_good, fault_disk_full, fault_disk_room,
	fault_rpc_blocked, fault_rpc_open, fault_spare_start, fault_clone, fault_spare_end,
	fault_reset_pair, fault_reset_node;
/* --- faults_conf.c */
fault_fn fault_wall, fault_start_renamed, fault_start_role, fault_unreadable, fault_readable,
	fault_candidates_some, fault_candidates_none, fault_candidates_wrong,
	fault_candidates_stale, fault_candidates_each, fault_candidates_true,
	fault_candidates_all_true;
/* --- ops.c */
fault_fn op_join, op_leave, op_force_leave, op_ban, op_discovery, op_mode, op_autoheal, op_heal,
	op_replace, op_tag, op_restart, op_stop;

#endif
