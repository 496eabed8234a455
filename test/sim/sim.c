#include "test/sim/sim.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "membership/net/user_timeout.h"
#include "test/sim/check.h"
#include "test/sim/faults.h"
#include "test/sim/proc.h"
#include "test/sim/writers.h"

static struct net_pool net_pool;
static struct queue queue_pool;

void sim_pool_free(void)
{
	net_pool_free(&net_pool);
	queue_free(&queue_pool);
}

struct sim_setup sim_setup_default(void)
{
	return (struct sim_setup){
		.n = 7,
		.heartbeat_ms = 500,
		.timeout_ms = 2500,
		.latency_us = 200,
		.jitter_us = 300,
		.seeds = 3,
		.autoheal = true,
		.start_spread_ms = 200,
		.disk_us = 1000,
		.copy_us = 20000,
		.data_bytes = 16 * 1024 * 1024,
		.tombstone_ttl_ms = UINT64_C(7) * 86400000,
		.members_max = 64,
	};
}

void sim_init(struct sim *s, uint64_t seed, const struct sim_setup *setup)
{
	*s = (struct sim){.seed = seed, .setup = *setup, .queue = queue_pool};
	queue_clear(&s->queue);
	queue_pool = (struct queue){0};
	rng_init(&s->rng, seed);
	rng_init(&s->writers, seed ^ UINT64_C(0x77726974));
	s->n_procs = setup->n + setup->n_spare;
	s->scratch = xcalloc(1, NET_PULL_BYTES);
	net_init(&s->net, s->n_procs, &net_pool, &s->queue, &s->rng, &s->now_us);
	s->net.ops = &proc_net_ops;
	s->net.ctx = s;
	s->net.user_timeout_us = net_user_timeout_ms(setup->timeout_ms) * 1000;
	if (!setup->sides)
		paths_init(&s->net.paths, s->n_procs, setup->latency_us, setup->jitter_us);
	else
		paths_init_sides(&s->net.paths, s->n_procs, setup->latency_us,
			setup->jitter_us);
	s->true_candidates = (UINT64_C(1) << setup->seeds) - 1;
	s->proc = xcalloc(s->n_procs, sizeof *s->proc);
	for (unsigned i = 0; i < s->n_procs; i++)
		proc_init(&s->proc[i], s, i);
}

void sim_free(struct sim *s)
{
	for (size_t i = 0; i < s->n_procs; i++)
		proc_free(&s->proc[i]);
	net_free(&s->net);
	free(s->proc);
	free(s->scratch);
	queue_pool = s->queue;
	s->queue = (struct queue){0};
}

void sim_mix(struct sim *s, const void *p, size_t n)
{
	s->hash = hash64_seed(p, n, s->hash);
}

void sim_post(struct sim *s, enum sim_event kind, unsigned who, uint32_t gen, uint32_t x,
	uint64_t in_us)
{
	queue_push(&s->queue, (struct queue_ev){.at_us = s->now_us + in_us,
				      .kind = kind,
				      .who = who,
				      .gen = gen,
				      .x = x});
}

void sim_dispatch(void *ctx, const struct queue_ev *ev)
{
	struct sim *s = ctx;

	if (s->failed && ev->kind >= NET_EV_N)
		return;
	if (ev->kind < NET_EV_N) {
		net_event(&s->net, ev);
		return;
	}
	switch ((enum sim_event)ev->kind) {
	case SIM_EV_TIMER:
	case SIM_EV_PERSISTED:
	case SIM_EV_SAVED:
	case SIM_EV_EXIT:
		proc_event(s, ev);
		break;
	case SIM_EV_FAULT:
	case SIM_EV_FAULT_END:
	case SIM_EV_AGAIN:
		faults_event(s, ev);
		break;
	case SIM_EV_WRITE:
		writers_event(s);
		break;
	case SIM_EV_SAMPLE:
		for (size_t i = 0; i < s->n_procs && s->rpc_matters; i++)
			if (proc_runs(&s->proc[i]))
				proc_try_rpc(&s->proc[i]);
		check_sample(s);
		break;
	case SIM_EV_N:
		assert(false);
	}
}

bool sim_step(struct sim *s)
{
	struct queue_ev ev;
	uint64_t mixed[2];

	if (s->failed || queue_first(&s->queue) == NULL)
		return false;
	ev = queue_pop(&s->queue);
	assert(ev.at_us >= s->now_us);
	s->now_us = ev.at_us;
	s->n_events++;
	mixed[0] = ev.at_us;
	mixed[1] = (uint64_t)ev.kind << 32 | ev.who;
	sim_mix(s, mixed, sizeof mixed);
	sim_dispatch(s, &ev);
	return !s->failed;
}

void sim_run_until(struct sim *s, uint64_t at_us)
{
	const struct queue_ev *first = queue_first(&s->queue);

	while (!s->failed && first != NULL && first->at_us <= at_us) {
		sim_step(s);
		first = queue_first(&s->queue);
	}
	if (!s->failed && s->now_us < at_us)
		s->now_us = at_us;
}

void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
{
	va_list ap;

	if (s->failed)
		return;
	s->failed = true;
	snprintf(s->invariant, sizeof s->invariant, "%s", invariant);
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof s->why, fmt, ap);
	va_end(ap);
	sim_say(s, NULL, "FAILED %s: %s", invariant, s->why);
}

void sim_say(struct sim *s, const struct proc *p, const char *fmt, ...)
{
	va_list ap;

	if (!s->trace)
		return;
	printf("%4" PRIu64 ".%06" PRIu64 "  %-4s ", s->now_us / 1000000, s->now_us % 1000000,
		p == NULL ? "" : p->label);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}
