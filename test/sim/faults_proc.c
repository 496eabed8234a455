#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "test/sim/check.h"
#include "test/sim/faults.h"
#include "test/sim/proc.h"

static void kill_node(struct sim *s, const struct plan_item *it, enum proc_kill how)
{
	struct proc *p = &s->proc[it->a];

	if (p->core != NULL)
		proc_kill(p, how);
	else
		s->idle = true;
}

static void start_node(struct sim *s, const struct plan_item *it, enum proc_disk disk)
{
	struct proc *p = &s->proc[it->a];

	if (p->core == NULL)
		proc_start(p, disk);
}

void fault_kill(struct sim *s, const struct plan_item *it)
{
	kill_node(s, it, PROC_KILL);
}

void fault_kill_held(struct sim *s, const struct plan_item *it)
{
	kill_node(s, it, PROC_KILL_HELD);
}

void fault_power(struct sim *s, const struct plan_item *it)
{
	kill_node(s, it, PROC_KILL_POWER);
}

/* The power fails just after something was to be written: of what is on its way a part has made it, and not the last. */
void fault_torn(struct sim *s, const struct plan_item *it)
{
	struct proc *p = &s->proc[it->a];

	op_tag(s, it);
	if (p->core == NULL)
		return;
	s->idle |= disk_pending(&p->disk) == NULL;
	proc_kill(p, PROC_KILL_TORN);
}

void fault_start(struct sim *s, const struct plan_item *it)
{
	start_node(s, it, PROC_DISK_KEPT);
}

void fault_start_back(struct sim *s, const struct plan_item *it)
{
	start_node(s, it, PROC_DISK_BACK_1);
}

void fault_start_old(struct sim *s, const struct plan_item *it)
{
	start_node(s, it, PROC_DISK_OLD);
}

void fault_start_empty(struct sim *s, const struct plan_item *it)
{
	start_node(s, it, PROC_DISK_LOST);
}

void fault_pause(struct sim *s, const struct plan_item *it)
{
	struct proc *p = &s->proc[it->a];

	if (proc_runs(p))
		proc_pause(p);
	else
		s->idle = true;
}

void fault_continue(struct sim *s, const struct plan_item *it)
{
	proc_continue(&s->proc[it->a]);
}

void fault_disk_slow(struct sim *s, const struct plan_item *it)
{
	s->proc[it->a].disk_slow++;
}

void fault_disk_fast(struct sim *s, const struct plan_item *it)
{
	s->proc[it->a].disk_slow--;
}

void fault_disk_bad(struct sim *s, const struct plan_item *it)
{
	s->proc[it->a].disk_bad++;
}

void fault_disk_good(struct sim *s, const struct plan_item *it)
{
	s->proc[it->a].disk_bad--;
}

void fault_disk_full(struct sim *s, const struct plan_item *it)
{
	s->proc[it->a].disk_full++;
}

void fault_disk_room(struct sim *s, const struct plan_item *it)
{
	s->proc[it->a].disk_full--;
}

/* What goes to or comes from the RPC port of this node is dropped; connections that stand break. */
void fault_rpc_blocked(struct sim *s, const struct plan_item *it)
{
	struct net_side *side = s->net.host[it->a].sides, *next;

	for (; side != NULL; side = next) {
		next = side->next;
		if (side->conn->bulk)
			net_inject_reset(&s->net, side->conn, true, true);
	}
	s->proc[it->a].rpc_blocked++;
	s->rpc_matters = true;
}

void fault_rpc_open(struct sim *s, const struct plan_item *it)
{
	s->proc[it->a].rpc_blocked--;
}

static struct proc *unused_spare(struct sim *s)
{
	for (unsigned i = s->setup.n; i < s->n_procs; i++)
		if (s->proc[i].core == NULL && s->proc[i].life == 0)
			return &s->proc[i];
	return NULL;
}

void fault_spare_start(struct sim *s, const struct plan_item *it)
{
	struct proc *p = unused_spare(s);

	(void)it;
	if (p != NULL)
		proc_start(p, PROC_DISK_KEPT);
	else
		s->idle = true;
}

/* A copy of a's data directory and configuration runs elsewhere. */
void fault_clone(struct sim *s, const struct plan_item *it)
{
	struct proc *p = unused_spare(s), *q = &s->proc[it->a];

	if (p == NULL || q->disk.n_committed == 0) {
		s->idle = true;
		return;
	}
	disk_copy(&p->disk, &q->disk);
	snprintf(p->label, sizeof p->label, "n%u=%u", p->id + 1, q->id + 1);
	memcpy(p->name, q->name, sizeof p->name);
	p->conf = q->conf;
	p->conf.node_name = p->name;
	p->port = q->port;
	check_clone(p, q);
	proc_start(p, PROC_DISK_KEPT);
}

void fault_spare_end(struct sim *s, const struct plan_item *it)
{
	for (unsigned i = s->setup.n; i < s->n_procs; i++) {
		struct proc *p = &s->proc[i];

		if (p->core != NULL && p->conf.host == s->proc[it->a].conf.host)
			proc_kill(p, PROC_KILL_POWER);
	}
}

static void reset(struct sim *s, unsigned a, int b, int64_t x)
{
	struct net_side *side = s->net.host[a].sides, *next;

	s->idle = true;

	for (; side != NULL; side = next) {
		struct net_conn *c = side->conn;

		next = side->next;
		if (b >= 0 && c->side[net_other(side->end)].host != (unsigned)b)
			continue;
		net_inject_reset(&s->net, c, x != 1, x != 2);
		s->idle = false;
	}
}

void fault_reset_pair(struct sim *s, const struct plan_item *it)
{
	reset(s, it->a, (int)it->b, it->x);
}

void fault_reset_node(struct sim *s, const struct plan_item *it)
{
	reset(s, it->a, -1, it->x);
}
