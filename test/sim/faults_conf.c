#include <stdio.h>
#include <string.h>

#include "test/sim/check.h"
#include "test/sim/faults.h"
#include "test/sim/proc.h"

/* What a node is told from outside: its clock, name, role and tags, and what discovery finds for it. */

void fault_wall(struct sim *s, const struct plan_item *it)
{
	s->proc[it->a].wall_off_ms += it->x;
}

/* --- a name */

/* x: which of its names, 0 is the first one; the port stays. The others' discovery still tells of the old name. */
void fault_start_renamed(struct sim *s, const struct plan_item *it)
{
	struct proc *p = &s->proc[it->a];

	if (p->core != NULL)
		return;
	if (it->x == 0)
		snprintf(p->name, sizeof p->name, "n%u@%s", p->id + 1, p->addr);
	else
		snprintf(p->name, sizeof p->name, "n%uv%d-%u@%s", p->id + 1, (int)it->x,
			p->id + 1, p->addr);
	sim_say(s, p, "is called %s from now on", p->name);
	p->port = p->conf.dist_port = node_dist_port(p->name);
	p->conf.rpc_port = node_rpc_port(p->name);
	proc_rename(p);
	if (!s->failed)
		proc_start(p, PROC_DISK_KEPT);
}

/* --- a role */

static bool another_core(const struct sim *s, const struct proc * not )
{
	for (unsigned i = 0; i < s->setup.n; i++)
		if (&s->proc[i] != not &&s->proc[i].conf.role == WIRE_CORE)
			return true;
	return false;
}

/* Core becomes replica, replica becomes core; the last core stays one. */
void fault_start_role(struct sim *s, const struct plan_item *it)
{
	struct proc *p = &s->proc[it->a];

	if (p->core != NULL)
		return;
	if (p->conf.role == WIRE_REPLICA)
		p->conf.role = WIRE_CORE;
	else if (another_core(s, p))
		p->conf.role = WIRE_REPLICA;
	sim_say(s, p, "is a %s from now on", p->conf.role == WIRE_CORE ? "core" : "replica");
	proc_start(p, PROC_DISK_KEPT);
}

/* --- a record that nobody else can read: its next version allows longer tags */

static void set_tags(struct proc *p, bool long_one)
{
	static char key[WIRE_TAG_KEY_MAX + 2];
	static const struct core_tag tag = {key, "of a later version"};

	memset(key, 'k', sizeof key - 1);
	p->upset_us = p->sim->now_us;
	p->unreadable = long_one;
	p->conf.tags = long_one ? &tag : NULL;
	p->conf.n_tags = long_one ? 1 : 0;
	proc_reload(p);
}

void fault_unreadable(struct sim *s, const struct plan_item *it)
{
	s->idle = !proc_runs(&s->proc[it->a]);
	set_tags(&s->proc[it->a], true);
}

void fault_readable(struct sim *s, const struct plan_item *it)
{
	set_tags(&s->proc[it->a], false);
}

/* --- discovery */

static void set_candidates(struct proc *p, uint64_t mask, enum proc_discovery kind)
{
	if (p->conf.mode != CORE_AUTO) {
		p->sim->idle = true;
		return;
	}
	p->candidates = mask;
	p->discovery = kind;
	proc_report_candidates(p);
}

void fault_candidates_some(struct sim *s, const struct plan_item *it)
{
	set_candidates(&s->proc[it->a], rng_u64(&s->rng), PROC_DISCOVERS);
}

void fault_candidates_none(struct sim *s, const struct plan_item *it)
{
	set_candidates(&s->proc[it->a], 0, PROC_DISCOVERS);
}

void fault_candidates_wrong(struct sim *s, const struct plan_item *it)
{
	set_candidates(&s->proc[it->a], rng_u64(&s->rng) & rng_u64(&s->rng),
		PROC_DISCOVERS_WRONG);
}

void fault_candidates_stale(struct sim *s, const struct plan_item *it)
{
	set_candidates(&s->proc[it->a], s->true_candidates, PROC_DISCOVERS_STALE);
}

void fault_candidates_true(struct sim *s, const struct plan_item *it)
{
	set_candidates(&s->proc[it->a], s->true_candidates, PROC_DISCOVERS);
}

/* Each node is told something else. */
void fault_candidates_each(struct sim *s, const struct plan_item *it)
{
	(void)it;
	for (unsigned i = 0; i < s->setup.n; i++)
		set_candidates(&s->proc[i], rng_u64(&s->rng) & rng_u64(&s->rng),
			(enum proc_discovery)rng_below(&s->rng, PROC_DISCOVERS_STALE + 1));
}

void fault_candidates_all_true(struct sim *s, const struct plan_item *it)
{
	(void)it;
	for (unsigned i = 0; i < s->setup.n; i++)
		set_candidates(&s->proc[i], s->true_candidates, PROC_DISCOVERS);
}
