/* What goes wrong in a story: paths between nodes, processes, disks, clocks, and what discovery says. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "test/sim/check.h"
#include "test/sim/faults.h"
#include "test/sim/proc.h"
#include "test/sim/story.h"

/* --- the network */

static void fault(struct story *st, struct plan_item it, enum fault_shape shape,
	enum path_fault path, bool begin)
{
	static const char *const words[PATH_N_FAULTS] = {"cut", "reject", "loss", "delay",
		"slow"};

	if (st->sim.failed)
		return;
	if (it.x == 0)
		it.x = 1;
	sim_say(&st->sim, NULL, "--- %s %s n%u n%u {%llx} %lld", begin ? "begin" : "end",
		words[path], it.a + 1, it.b + 1, (unsigned long long)it.mask, (long long)it.x);
	faults_paths(&st->sim, &it, shape, path, begin);
}

static struct plan_item pair(unsigned a, unsigned b)
{
	return (struct plan_item){.a = a - 1, .b = b - 1};
}

static struct plan_item of_node(unsigned i)
{
	return (struct plan_item){.a = i - 1, .b = i - 1};
}

void cut(struct story *st, unsigned a, unsigned b)
{
	fault(st, pair(a, b), SHAPE_BOTH, PATH_CUT, true);
}

void mend(struct story *st, unsigned a, unsigned b)
{
	fault(st, pair(a, b), SHAPE_BOTH, PATH_CUT, false);
}

void cut_one_way(struct story *st, unsigned from, unsigned to)
{
	fault(st, pair(from, to), SHAPE_ARROW, PATH_CUT, true);
}

void mend_one_way(struct story *st, unsigned from, unsigned to)
{
	fault(st, pair(from, to), SHAPE_ARROW, PATH_CUT, false);
}

void reject(struct story *st, unsigned from, unsigned to)
{
	fault(st, pair(from, to), SHAPE_ARROW, PATH_REJECT, true);
}

static void sides(struct story *st, const char *one, const char *other, bool begin)
{
	uint64_t a = group(one), b = group(other);

	if (st->sim.failed)
		return;
	sim_say(&st->sim, NULL, "--- %s split %s | %s", begin ? "begin" : "end", one, other);
	for (unsigned i = 0; i < st->sim.n_procs; i++)
		for (unsigned k = 0; k < st->sim.n_procs; k++) {
			struct plan_item it = {.a = i, .b = k, .x = 1};

			if (!(a >> i & 1) || !(b >> k & 1))
				continue;
			faults_paths(&st->sim, &it, SHAPE_BOTH, PATH_CUT, begin);
			st->sim.proc[i].upset_us = st->sim.proc[k].upset_us = st->sim.now_us;
		}
}

void split(struct story *st, const char *one, const char *other)
{
	sides(st, one, other, true);
}

void unsplit(struct story *st, const char *one, const char *other)
{
	sides(st, one, other, false);
}

void blackout(struct story *st, bool begin)
{
	fault(st, of_node(1), SHAPE_ALL, PATH_CUT, begin);
}

void lossy(struct story *st, int permille, bool begin)
{
	fault(st, (struct plan_item){.x = permille}, SHAPE_ALL, PATH_LOSS, begin);
}

void lossy_node(struct story *st, unsigned i, int permille, bool begin)
{
	fault(st, (struct plan_item){.a = i - 1, .x = permille}, SHAPE_NODE, PATH_LOSS, begin);
}

void slow_node(struct story *st, unsigned i, bool begin)
{
	fault(st, of_node(i), SHAPE_NODE, PATH_SLOW, begin);
}

void deaf(struct story *st, unsigned i, bool begin)
{
	fault(st, of_node(i), SHAPE_INTO, PATH_CUT, begin);
}

void mute(struct story *st, unsigned i, bool begin)
{
	fault(st, of_node(i), SHAPE_OUT, PATH_CUT, begin);
}

void isolate(struct story *st, unsigned i, bool begin)
{
	fault(st, of_node(i), SHAPE_NODE, PATH_CUT, begin);
}

void rpc_blocked(struct story *st, unsigned i, bool begin)
{
	struct plan_item it = of_node(i);

	if (begin)
		fault_rpc_blocked(&st->sim, &it);
	else
		fault_rpc_open(&st->sim, &it);
}

void reset_link(struct story *st, unsigned a, unsigned b, bool at_a, bool at_b)
{
	struct net_side *side = st->sim.net.host[a - 1].sides, *next;

	if (st->sim.failed)
		return;
	sim_say(&st->sim, NULL, "--- reset of n%u (%d) and n%u (%d)", a, at_a, b, at_b);
	for (; side != NULL; side = next) {
		bool a_dials = side->end == NET_DIALER;

		next = side->next;
		if (side->conn->side[net_other(side->end)].host == b - 1)
			net_inject_reset(&st->sim.net, side->conn, a_dials ? at_a : at_b,
				a_dials ? at_b : at_a);
	}
}

/* --- processes */

static void kill_how(struct story *st, unsigned i, enum proc_kill how)
{
	if (!st->sim.failed && node(st, i)->core != NULL)
		proc_kill(node(st, i), how);
}

void kill_node(struct story *st, unsigned i)
{
	kill_how(st, i, PROC_KILL);
}

void kill_held(struct story *st, unsigned i)
{
	kill_how(st, i, PROC_KILL_HELD);
}

void power_off(struct story *st, unsigned i)
{
	kill_how(st, i, PROC_KILL_POWER);
}

void start_old(struct story *st, unsigned i, size_t commits)
{
	if (st->sim.failed)
		return;
	disk_roll_back(&node(st, i)->disk, commits);
	proc_start(node(st, i), PROC_DISK_TAKEN);
}

void start_empty(struct story *st, unsigned i)
{
	if (!st->sim.failed)
		proc_start(node(st, i), PROC_DISK_LOST);
}

void pause_node(struct story *st, unsigned i)
{
	if (!st->sim.failed)
		proc_pause(node(st, i));
}

void go_on(struct story *st, unsigned i)
{
	if (!st->sim.failed)
		proc_continue(node(st, i));
}

void wall_jump(struct story *st, unsigned i, int64_t ms)
{
	node(st, i)->wall_off_ms += ms;
}

void same_name(struct story *st, unsigned i, unsigned j)
{
	struct proc *p = node(st, i), *q = node(st, j);

	snprintf(p->label, sizeof p->label, "n%u=%u", i, j);
	memcpy(p->name, q->name, sizeof p->name);
	p->port = q->port;
	p->conf.dist_port = q->conf.dist_port;
	p->conf.rpc_port = q->conf.rpc_port;
	check_clone(p, q);
}

void start_clone(struct story *st, unsigned i, unsigned of)
{
	struct proc *p = node(st, i);

	if (st->sim.failed)
		return;
	disk_copy(&p->disk, &node(st, of)->disk);
	same_name(st, i, of);
	p->conf.host = node(st, of)->conf.host;
	proc_start(p, PROC_DISK_KEPT);
}

void seeds(struct story *st, unsigned i, const char *text)
{
	node(st, i)->candidates = group(text);
	if (!st->sim.failed && node(st, i)->conf.mode == CORE_AUTO)
		proc_report_candidates(node(st, i));
}

void all_seeds(struct story *st, const char *text)
{
	for (unsigned i = 1; i <= st->sim.n_procs; i++)
		seeds(st, i, text);
}
