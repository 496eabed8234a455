#include "supervisor/proc_core.h"

#include <assert.h>
#include <stddef.h>

enum { JITTER_PERCENT = 20 };

bool proc_has_process(const struct proc *p)
{
	return p->state != PROC_STOPPED && p->state != PROC_BACKOFF;
}

const char *proc_state_name(enum proc_state s)
{
	static const char *const name[PROC_N_STATES] = {
		[PROC_STOPPED] = "stopped",
		[PROC_STARTING] = "starting",
		[PROC_RUNNING] = "running",
		[PROC_STOPPING] = "stopping",
		[PROC_KILLING] = "stopping",
		[PROC_BACKOFF] = "backoff",
	};

	return name[s];
}

const char *proc_why_text(enum proc_why why)
{
	static const char *const text[] = {
		[PROC_WHY_NONE] = NULL,
		[PROC_WHY_WATCHDOG] = "no sign of life",
		[PROC_WHY_FAULT] = "broke the protocol",
		[PROC_WHY_GRACE] = "did not stop in time",
		[PROC_WHY_HALT] = "membership is gone",
	};

	return text[why];
}

uint64_t proc_clock_advance(struct proc_clock *c, uint64_t mono_ms)
{
	uint64_t step = c->last_ms == 0 || mono_ms < c->last_ms ? 0 : mono_ms - c->last_ms;

	if (c->now_ms == 0)
		c->now_ms = 1; /* 0 means "no deadline" */
	c->now_ms += step > PROC_CLOCK_STEP_MAX_MS ? PROC_CLOCK_STEP_MAX_MS : step;
	c->last_ms = mono_ms;
	return c->now_ms;
}

static void enter(struct proc *p, enum proc_state s, uint64_t deadline_ms)
{
	p->state = s;
	p->deadline_ms = deadline_ms;
}

static enum proc_fx spawn(struct proc *p, const struct proc_policy *policy, uint64_t now_ms)
{
	enter(p, PROC_STARTING, now_ms + policy->watchdog_ms);
	p->after = PROC_AFTER_RETRY;
	p->starts++;
	return PROC_FX_SPAWN;
}

static enum proc_fx kill_it(struct proc *p, enum proc_why why)
{
	if (p->killed == PROC_WHY_NONE)
		p->killed = why;
	enter(p, PROC_KILLING, 0); /* SIGKILL needs no second try */
	return PROC_FX_KILL;
}

static enum proc_fx ask_stop(struct proc *p, const struct proc_policy *policy,
	enum proc_after after, uint64_t now_ms)
{
	p->after = after;
	enter(p, PROC_STOPPING, now_ms + policy->stop_ms);
	return PROC_FX_ASK_STOP;
}

static uint64_t next_backoff(struct proc *p, const struct proc_policy *policy, struct rng *rng)
{
	uint64_t spread;

	p->backoff_ms = p->backoff_ms == 0 ? policy->restart_min_ms : 2 * p->backoff_ms;
	if (p->backoff_ms > policy->restart_max_ms)
		p->backoff_ms = policy->restart_max_ms;
	spread = p->backoff_ms * JITTER_PERCENT / 100;
	return p->backoff_ms - rng_below(rng, spread + 1);
}

static enum proc_fx gone(struct proc *p, const struct proc_policy *policy, struct rng *rng,
	bool config, uint64_t now_ms)
{
	if (p->ready_ms != 0 && now_ms - p->ready_ms >= policy->healthy_ms)
		p->backoff_ms = 0;
	p->ready_ms = 0;
	if (p->after == PROC_AFTER_START) {
		p->killed = PROC_WHY_NONE;
		return spawn(p, policy, now_ms);
	}
	if (p->after == PROC_AFTER_STAY || config)
		enter(p, PROC_STOPPED, 0);
	else
		enter(p, PROC_BACKOFF, now_ms + next_backoff(p, policy, rng));
	return PROC_FX_NONE;
}

/* STOPPED and BACKOFF: no process. */
static enum proc_fx step_idle(struct proc *p, const struct proc_policy *policy,
	enum proc_event ev, uint64_t now_ms)
{
	switch (ev) {
	case PROC_EV_START:
	case PROC_EV_RESTART:
	case PROC_EV_DEADLINE:
		p->killed = PROC_WHY_NONE;
		return spawn(p, policy, now_ms);
	case PROC_EV_STOP:
	case PROC_EV_HALT:
		enter(p, PROC_STOPPED, 0);
		break;
	case PROC_EV_READY:
	case PROC_EV_BEAT:
	case PROC_EV_EOF:
	case PROC_EV_FAULT:
	case PROC_EV_EXIT:
	case PROC_EV_EXIT_CONFIG:
	case PROC_N_EVENTS:
		break;
	}
	return PROC_FX_NONE;
}

/* STARTING and RUNNING. */
static enum proc_fx step_alive(struct proc *p, const struct proc_policy *policy,
	enum proc_event ev, uint64_t now_ms)
{
	switch (ev) {
	case PROC_EV_READY:
		if (p->state == PROC_STARTING)
			p->ready_ms = now_ms;
		enter(p, PROC_RUNNING, now_ms + policy->watchdog_ms);
		break;
	case PROC_EV_BEAT:
		p->deadline_ms = now_ms + policy->watchdog_ms;
		break;
	case PROC_EV_STOP:
		return ask_stop(p, policy, PROC_AFTER_STAY, now_ms);
	case PROC_EV_RESTART:
		return ask_stop(p, policy, PROC_AFTER_START, now_ms);
	case PROC_EV_HALT:
		p->after = PROC_AFTER_STAY;
		return kill_it(p, PROC_WHY_HALT);
	case PROC_EV_EOF:
		enter(p, PROC_STOPPING, now_ms + policy->eof_ms);
		break;
	case PROC_EV_FAULT:
		return kill_it(p, PROC_WHY_FAULT);
	case PROC_EV_DEADLINE:
		return kill_it(p, PROC_WHY_WATCHDOG);
	case PROC_EV_START:
	case PROC_EV_EXIT:
	case PROC_EV_EXIT_CONFIG:
	case PROC_N_EVENTS:
		break;
	}
	return PROC_FX_NONE;
}

/* STOPPING and KILLING: on its way out, only what comes after may still change. */
static enum proc_fx step_ending(struct proc *p, enum proc_event ev)
{
	bool killing = p->state == PROC_KILLING;

	switch (ev) {
	case PROC_EV_START:
	case PROC_EV_RESTART:
		p->after = PROC_AFTER_START;
		break;
	case PROC_EV_STOP:
		p->after = PROC_AFTER_STAY;
		break;
	case PROC_EV_HALT:
		p->after = PROC_AFTER_STAY;
		return killing ? PROC_FX_NONE : kill_it(p, PROC_WHY_HALT);
	case PROC_EV_FAULT:
		return killing ? PROC_FX_NONE : kill_it(p, PROC_WHY_FAULT);
	case PROC_EV_DEADLINE:
		return kill_it(p, PROC_WHY_GRACE);
	case PROC_EV_READY:
	case PROC_EV_BEAT:
	case PROC_EV_EOF:
	case PROC_EV_EXIT:
	case PROC_EV_EXIT_CONFIG:
	case PROC_N_EVENTS:
		break;
	}
	return PROC_FX_NONE;
}

static enum proc_fx step(struct proc *p, const struct proc_policy *policy, struct rng *rng,
	enum proc_event ev, uint64_t now_ms)
{
	if (ev == PROC_EV_EXIT || ev == PROC_EV_EXIT_CONFIG) {
		assert(proc_has_process(p));
		return gone(p, policy, rng, ev == PROC_EV_EXIT_CONFIG, now_ms);
	}
	switch (p->state) {
	case PROC_STOPPED:
	case PROC_BACKOFF:
		return step_idle(p, policy, ev, now_ms);
	case PROC_STARTING:
	case PROC_RUNNING:
		return step_alive(p, policy, ev, now_ms);
	case PROC_STOPPING:
	case PROC_KILLING:
		return step_ending(p, ev);
	case PROC_N_STATES:
		break;
	}
	return PROC_FX_NONE;
}

enum proc_fx proc_step(struct proc *p, const struct proc_policy *policy, struct rng *rng,
	enum proc_event ev, uint64_t now_ms)
{
	enum proc_fx fx;

	assert(now_ms > 0);
	if (ev == PROC_EV_DEADLINE)
		assert(p->deadline_ms != 0 && now_ms >= p->deadline_ms);
	fx = step(p, policy, rng, ev, now_ms);
	assert((p->deadline_ms == 0) == (p->state == PROC_STOPPED || p->state == PROC_KILLING));
	return fx;
}
