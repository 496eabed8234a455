#include <assert.h>
#include <stdio.h>

#include "test/sim/faults.h"
#include "test/sim/proc.h"

/* What operators do. A command to a process that can't take it now is lost, as clusterctl would say. */

static void give(struct sim *s, const struct plan_item *it, struct core_command cmd)
{
	s->idle = proc_command(&s->proc[it->a], &cmd) == 0;
}

static struct core_command about(const struct sim *s, enum core_command_kind kind,
	unsigned node)
{
	struct core_command cmd = {.kind = kind};

	proc_address(&s->proc[node], &cmd.node);
	return cmd;
}

void op_join(struct sim *s, const struct plan_item *it)
{
	give(s, it, about(s, CORE_CMD_JOIN, it->b));
}

void op_leave(struct sim *s, const struct plan_item *it)
{
	give(s, it, (struct core_command){.kind = CORE_CMD_LEAVE, .force = it->x == 1});
}

void op_force_leave(struct sim *s, const struct plan_item *it)
{
	give(s, it, about(s, CORE_CMD_FORCE_LEAVE, it->b));
}

void op_ban(struct sim *s, const struct plan_item *it)
{
	struct core_command cmd = about(s, CORE_CMD_FORCE_LEAVE, it->b);

	cmd.ban_ms = (uint64_t)it->x;
	give(s, it, cmd);
}

void op_replace(struct sim *s, const struct plan_item *it)
{
	give(s, it, about(s, CORE_CMD_REPLACE, it->b));
}

void op_discovery(struct sim *s, const struct plan_item *it)
{
	give(s, it, (struct core_command){.kind = CORE_CMD_DISCOVERY, .on = it->x == 1});
}

void op_mode(struct sim *s, const struct plan_item *it)
{
	give(s, it, (struct core_command){.kind = CORE_CMD_MODE, .on = it->x == 1});
}

void op_autoheal(struct sim *s, const struct plan_item *it)
{
	give(s, it, (struct core_command){.kind = CORE_CMD_AUTOHEAL, .on = it->x == 1});
}

void op_heal(struct sim *s, const struct plan_item *it)
{
	give(s, it, (struct core_command){.kind = CORE_CMD_HEAL});
}

void op_tag(struct sim *s, const struct plan_item *it)
{
	char value[16];

	if (s->proc[it->a].unreadable) { /* its tags are not those of this version */
		s->idle = true;
		return;
	}
	snprintf(value, sizeof value, "v%u", (unsigned)it->x);
	give(s, it,
		(struct core_command){.kind = it->x == 0 ? CORE_CMD_TAG_UNSET
							 : CORE_CMD_TAG_SET,
			.key = "rack",
			.value = value});
}

/* clusterctl restart: says so and is gone a moment later. */
void op_restart(struct sim *s, const struct plan_item *it)
{
	struct proc *p = &s->proc[it->a];

	s->idle = !proc_runs(p) || p->exiting;
	if (s->idle)
		return;
	give(s, it, (struct core_command){.kind = CORE_CMD_ANNOUNCE_RESTART});
	p->exiting = true;
	sim_post(s, SIM_EV_EXIT, p->id, p->life, 0, 20000);
}

/* SIGTERM: exits when the core says so. */
void op_stop(struct sim *s, const struct plan_item *it)
{
	struct proc *p = &s->proc[it->a];

	s->idle = !proc_runs(p) || p->exiting;
	if (s->idle)
		return;
	p->stop_request = p->next_request + 1;
	give(s, it, (struct core_command){.kind = CORE_CMD_STOP});
	p->exiting = true;
}
