#include "test/sim/story.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/check.h"
#include "test/sim/faults.h"
#include "test/sim/held.h"
#include "test/sim/ledger.h"
#include "test/sim/proc.h"

/* --- groups */

uint64_t group(const char *text)
{
	uint64_t mask = 0;
	char *end;

	while (*text != '\0') {
		unsigned long from = strtoul(text, &end, 10), to = from;

		assert(end != text);
		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		assert(from >= 1);
		assert(to <= SIM_PROCS_MAX);
		for (; from <= to; from++)
			mask |= UINT64_C(1) << (from - 1);
		text = end;
		while (*text == ' ')
			text++;
	}
	return mask;
}

/* --- the world */

struct proc *node(struct story *st, unsigned i)
{
	assert(i >= 1);
	assert(i <= st->sim.n_procs);
	return &st->sim.proc[i - 1];
}

static void on_event(struct sim *s, struct proc *p, const struct core_event *e)
{
	struct story *st = s->ctx;
	const struct proc *of = proc_by_name(s, e->node);

	st->n_events[e->kind]++;
	if (e->kind != CORE_EV_NODE_DOWN)
		return;
	if (of != NULL)
		st->count[p->id].stops[of->id]++;
}

static void on_reply(struct sim *s, struct proc *p, const struct core_reply *r)
{
	struct story *st = s->ctx;

	if (st->n_replies < STORY_REPLIES_MAX)
		st->reply[st->n_replies++] =
			(struct story_reply){p->id + 1, r->request, r->code};
}

struct sim_setup story_setup(unsigned n)
{
	struct sim_setup s = sim_setup_default();

	s.n = n;
	s.seeds = n;
	s.start_spread_ms = 0;
	return s;
}

void world(struct story *st, const struct sim_setup *setup)
{
	sim_init(&st->sim, st->seed, setup);
	st->sim.trace = st->tell != RUN_QUIET;
	st->sim.frames = st->tell == RUN_FRAMES;
	st->sim.check = check_new(&st->sim);
	st->sim.ledger = ledger_new();
	st->sim.ctx = st;
	st->sim.on_event = on_event;
	st->sim.on_reply = on_reply;
	sim_post(&st->sim, SIM_EV_SAMPLE, 0, 0, 0, CHECK_SAMPLE_US);
}

void start(struct story *st, unsigned i)
{
	if (!st->sim.failed && node(st, i)->core == NULL)
		proc_start(node(st, i), PROC_DISK_KEPT);
}

void start_all(struct story *st)
{
	for (unsigned i = 1; i <= st->sim.setup.n; i++) {
		start(st, i);
		run(st, 1);
	}
}

static void everybody(const struct story *st, char text[16])
{
	snprintf(text, 16, "1-%u", st->sim.setup.n);
}

void cluster(struct story *st, unsigned n)
{
	struct sim_setup setup = story_setup(n);
	char all[16];

	world(st, &setup);
	everybody(st, all);
	start_all(st);
	expect_view(st, all, all, 5000);
	run(st, 4000);
	calm(st);
}

void manual_cluster(struct story *st, unsigned n)
{
	struct sim_setup setup = story_setup(n);
	char all[16];

	setup.manual = true;
	world(st, &setup);
	everybody(st, all);
	start_all(st);
	run(st, 200);
	for (unsigned i = 2; i <= n; i++)
		expect_answer(st, i, join(st, i, 1), CORE_OK, 3000);
	expect_view(st, all, all, 3000);
	run(st, 4000);
	calm(st);
}

/* --- time */

void at(struct story *st, uint64_t ms)
{
	sim_run_until(&st->sim, ms * 1000);
}

void run(struct story *st, uint64_t ms)
{
	sim_run_until(&st->sim, st->sim.now_us + ms * 1000);
}

uint64_t now_ms(const struct story *st)
{
	return st->sim.now_us / 1000;
}

void sleep_all(struct story *st, uint64_t ms)
{
	sim_say(&st->sim, NULL, "--- all machines sleep for %llu s",
		(unsigned long long)ms / 1000);
	for (unsigned i = 0; i < st->sim.n_procs; i++) {
		st->sim.proc[i].mono_base_us += (int64_t)ms * 1000;
		st->sim.proc[i].wall_off_ms += (int64_t)ms;
		st->sim.proc[i].upset_us = st->sim.now_us;
	}
}

/* --- operators */

static uint32_t give(struct story *st, unsigned i, struct core_command cmd, unsigned about)
{
	static const char *const words[] = {
		[CORE_CMD_JOIN] = "join",
		[CORE_CMD_LEAVE] = "leave",
		[CORE_CMD_FORCE_LEAVE] = "force-leave",
		[CORE_CMD_DISCOVERY] = "discovery",
		[CORE_CMD_MODE] = "mode",
		[CORE_CMD_AUTOHEAL] = "autoheal",
		[CORE_CMD_HEAL] = "heal",
		[CORE_CMD_REPLACE] = "replace",
		[CORE_CMD_TAG_SET] = "tag set",
		[CORE_CMD_TAG_UNSET] = "tag unset",
		[CORE_CMD_CHECK] = "check",
		[CORE_CMD_ANNOUNCE_RESTART] = "restart",
		[CORE_CMD_STOP] = "stop",
	};

	if (st->sim.failed)
		return 0;
	if (about != 0)
		proc_address(node(st, about), &cmd.node);
	sim_say(&st->sim, node(st, i), "> %s %s%s", words[cmd.kind], cmd.node.name,
		cmd.on ? "on" : "");
	return proc_command(node(st, i), &cmd);
}

uint32_t join(struct story *st, unsigned i, unsigned to)
{
	return give(st, i, (struct core_command){.kind = CORE_CMD_JOIN}, to);
}

uint32_t leave(struct story *st, unsigned i)
{
	return give(st, i, (struct core_command){.kind = CORE_CMD_LEAVE}, 0);
}

uint32_t remove_node(struct story *st, unsigned i, unsigned whom)
{
	return give(st, i, (struct core_command){.kind = CORE_CMD_FORCE_LEAVE}, whom);
}

uint32_t replace(struct story *st, unsigned i, unsigned whom)
{
	return give(st, i, (struct core_command){.kind = CORE_CMD_REPLACE}, whom);
}

uint32_t discovery(struct story *st, unsigned i, bool on)
{
	return give(st, i, (struct core_command){.kind = CORE_CMD_DISCOVERY, .on = on}, 0);
}

uint32_t mode(struct story *st, unsigned i, bool automatic)
{
	return give(st, i, (struct core_command){.kind = CORE_CMD_MODE, .on = automatic}, 0);
}

uint32_t autoheal(struct story *st, unsigned i, bool on)
{
	return give(st, i, (struct core_command){.kind = CORE_CMD_AUTOHEAL, .on = on}, 0);
}

uint32_t heal(struct story *st, unsigned i)
{
	return give(st, i, (struct core_command){.kind = CORE_CMD_HEAL}, 0);
}

uint32_t set_tag(struct story *st, unsigned i, const char *value)
{
	return give(st, i,
		(struct core_command){.kind = CORE_CMD_TAG_SET, .key = "t", .value = value}, 0);
}

uint32_t announce_restart(struct story *st, unsigned i)
{
	return give(st, i, (struct core_command){.kind = CORE_CMD_ANNOUNCE_RESTART}, 0);
}

void stop(struct story *st, unsigned i)
{
	if (!st->sim.failed)
		op_stop(&st->sim, &(struct plan_item){.a = i - 1});
	run(st, 1500);
}

void restart(struct story *st, unsigned i)
{
	if (!st->sim.failed)
		op_restart(&st->sim, &(struct plan_item){.a = i - 1});
	run(st, 100);
}

/* --- running */

bool story_run(const struct story_row *row, unsigned round, enum run_tell tell,
	char why[SIM_WHY_MAX])
{
	struct story *st = calloc(1, sizeof *st);
	bool ok;

	assert(st != NULL);
	st->seed = round + 1;
	st->round = round;
	st->tell = tell;
	row->tell(st);
	if (!st->sim.failed)
		held_check(&st->sim);
	ok = !st->sim.failed;
	snprintf(why, SIM_WHY_MAX, "at %.3f s: %.900s", (double)st->sim.now_us / 1e6,
		st->sim.why);
	check_free(st->sim.check);
	ledger_free(st->sim.ledger);
	sim_free(&st->sim);
	free(st);
	return ok;
}

const struct story_row *story_at(size_t i)
{
	const struct {
		const struct story_row *rows;
		size_t n;
	} parts[] = {{stories_a, n_stories_a}, {stories_b, n_stories_b},
		{stories_members, n_stories_members}, {stories_c, n_stories_c},
		{stories_d, n_stories_d}, {stories_e, n_stories_e},
		{stories_links, n_stories_links}, {stories_f, n_stories_f},
		{stories_g, n_stories_g}, {stories_r, n_stories_r}, {stories_k, n_stories_k},
		{stories_l, n_stories_l}};

	for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
		if (i < parts[k].n)
			return &parts[k].rows[i];
		i -= parts[k].n;
	}
	return NULL;
}
