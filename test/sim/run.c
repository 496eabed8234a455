#include "test/sim/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/sim/check.h"
#include "test/sim/faults.h"
#include "test/sim/held.h"
#include "test/sim/ledger.h"
#include "test/sim/proc.h"
#include "test/sim/settle.h"
#include "test/sim/writers.h"

enum { DICE = 6 };

static void start_all(struct sim *s)
{
	uint64_t at[SIM_PROCS_MAX], last = 0;

	for (unsigned i = 0; i < s->setup.n; i++)
		at[i] = rng_below(&s->rng, (uint64_t)s->setup.start_spread_ms * 1000 + 1);
	for (unsigned done = 0; done < s->setup.n && !s->failed; done++) {
		unsigned next = s->setup.n;

		for (unsigned i = 0; i < s->setup.n; i++)
			if (s->proc[i].life == 0 && (next == s->setup.n || at[i] < at[next]))
				next = i;
		if (next == s->setup.n)
			break; /* the rest was started by the end of a fault */
		last = at[next];
		sim_run_until(s, last);
		if (!s->failed && s->proc[next].life == 0)
			proc_start(&s->proc[next], PROC_DISK_KEPT);
	}
}

void run_plan(const struct plan *p, enum run_tell tell, struct run_result *out)
{
	struct sim s;

	*out = (struct run_result){.failed = false};
	sim_init(&s, p->seed, &p->setup);
	s.trace = tell != RUN_QUIET;
	s.frames = tell == RUN_FRAMES;
	s.plan = p;
	s.check = check_new(&s);
	s.ledger = ledger_new();
	writers_post(&s, p->end_us);
	faults_post(&s);
	sim_post(&s, SIM_EV_SAMPLE, 0, 0, 0, CHECK_SAMPLE_US);
	start_all(&s);
	sim_run_until(&s, p->end_us);
	if (!s.failed)
		settle_begin(&s);
	if (!s.failed)
		settle_run(&s, &out->settle_us);
	if (!s.failed)
		held_check(&s);
	out->failed = s.failed;
	snprintf(out->invariant, sizeof out->invariant, "%s", s.invariant);
	snprintf(out->why, sizeof out->why, "%s", s.why);
	out->hash = s.hash;
	out->n_events = s.n_events;
	out->at_us = s.now_us;
	out->n_down = s.check->n_down;
	memcpy(out->began, s.began, sizeof out->began);
	check_free(s.check);
	ledger_free(s.ledger);
	sim_free(&s);
}

void run_plan_apart(const struct plan *p, struct run_result *out)
{
	struct run_result *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t pid;

	if (shared == MAP_FAILED) {
		perror("mmap");
		_exit(2);
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(2);
		run_plan(p, RUN_QUIET, shared);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("fork");
		_exit(2);
	}
	*out = *shared;
	munmap(shared, sizeof *shared);
	if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0) {
		out->failed = true;
		snprintf(out->invariant, sizeof out->invariant, "crash");
		snprintf(out->why, sizeof out->why, "the process ended: %s",
			WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "by itself");
	}
}

/*
 * Chance runs differently when something is left out, so a few other dice are tried before a smaller plan is given up.
 * True when one fails the same way; p keeps those dice.
 */
static bool fails_alike(struct plan *p, const struct run_result *first, unsigned *runs)
{
	uint64_t seed = p->seed;

	for (uint64_t i = 0; i < DICE; i++) {
		struct run_result r;

		p->seed = seed + i * UINT64_C(1000003);
		++*runs;
		run_plan_apart(p, &r);
		if (r.failed && strcmp(r.invariant, first->invariant) == 0)
			return true;
	}
	p->seed = seed;
	return false;
}

static void without(struct plan *out, const struct plan *p, size_t from, size_t n)
{
	*out = *p;
	memmove(&out->item[from], &out->item[from + n],
		(p->n - from - n) * sizeof out->item[0]);
	out->n -= n;
}

/* One pass over the plan, leaving out so many items at a time. */
static bool drop_chunks(struct plan *p, size_t chunk, const struct run_result *first,
	unsigned *runs)
{
	bool progress = false;
	struct plan less;

	for (size_t i = 0; i < p->n;) {
		size_t n = chunk < p->n - i ? chunk : p->n - i;

		without(&less, p, i, n);
		if (fails_alike(&less, first, runs)) {
			*p = less;
			progress = true;
		} else {
			i += n;
		}
	}
	return progress;
}

/* The faults end earlier when there are few left. */
static void drop_time(struct plan *p, const struct run_result *first, unsigned *runs)
{
	struct plan less = *p;

	less.end_us = p->n == 0 ? 1000000 : p->item[p->n - 1].at_us + 1000000;
	for (size_t i = 0; i < p->n; i++)
		if (p->item[i].for_us != UINT64_MAX &&
			p->item[i].at_us + p->item[i].for_us > less.end_us)
			less.end_us = p->item[i].at_us + p->item[i].for_us;
	if (less.end_us < p->end_us && fails_alike(&less, first, runs))
		*p = less;
}

/* Fewer nodes, as far as the items that are left allow. */
static void drop_nodes(struct plan *p, const struct run_result *first, unsigned *runs)
{
	for (;;) {
		struct plan less = *p;
		unsigned n = p->setup.n - 1;

		for (size_t i = 0; i < p->n; i++)
			if (p->item[i].a >= n || p->item[i].b >= n)
				return;
		if (n < 2)
			return;
		less.setup.n = n;
		if (less.setup.seeds > n)
			less.setup.seeds = n;
		if (less.setup.replicas >= n)
			less.setup.replicas = n - 1;
		for (size_t i = 0; i < p->n; i++)
			less.item[i].mask &= (UINT64_C(1) << n) - 1;
		if (!fails_alike(&less, first, runs))
			return;
		*p = less;
	}
}

unsigned run_shrink(struct plan *p, const struct run_result *first)
{
	unsigned runs = 0;

	for (size_t chunk = p->n / 2; chunk > 1; chunk /= 2)
		drop_chunks(p, chunk, first, &runs);
	while (drop_chunks(p, 1, first, &runs))
		;
	drop_time(p, first, &runs);
	drop_nodes(p, first, &runs);
	return runs;
}
