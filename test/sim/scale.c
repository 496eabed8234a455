#include "test/sim/scale.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"
#include "test/sim/crowd.h"
#include "test/sim/proc.h"
#include "test/sim/tally.h"

enum {
	START_SPREAD_MS = 50,
	RECORD_BYTES = 700, /* at most, on a link: one that lists a dozen links */
	POLL_US = 1000,
	GIVE_UP_US = 60 * 1000000 /* a phase that is not over by then never will be */
};

struct world {
	struct sim sim;
	struct tally tally;
	unsigned n, n_crowd; /* the first so many are stand-ins */
	unsigned n_known;    /* of all, have been started once */
	uint64_t rest_us;
	unsigned late;       /* who did not agree when all were looked at last */
	unsigned running[2]; /* who is there to be seen, by side */
	bool started;        /* all of them once */
	uint64_t said;       /* bytes, in this phase and the rest after it */
	struct timespec clock;
};

static struct proc *at(struct world *w, unsigned i)
{
	return &w->sim.proc[i];
}

/* Runs, as a whole core or as a stand-in. */
static bool alive(struct world *w, unsigned i)
{
	return proc_runs(at(w, i)) || crowd_alive(w->sim.crowd, i);
}

static unsigned side_of(const struct world *w, unsigned i)
{
	return w->sim.net.paths.side[i];
}

/* --- what must never be */

static void on_event(struct sim *s, struct proc *p, const struct core_event *e)
{
	struct world *w = s->ctx;
	const struct proc *of = proc_by_name(s, e->node);

	if (e->kind != CORE_EV_NODE_DOWN || of == NULL)
		return;
	if (alive(w, of->id) && side_of(w, of->id) == side_of(w, p->id))
		sim_fail(s, "b", "%s shows %s stopped, which runs on its own side: %s",
			p->label, of->label, e->text);
}

static void on_sent(struct sim *s, struct proc *p, const uint8_t *frames, size_t n)
{
	struct world *w = s->ctx;

	(void)p;
	tally_add(&w->tally, frames, n);
}

/* --- do all agree? */

/* Is this what there is to be seen from its side? */
static bool counts_right(struct world *w, const struct proc *p, const struct core_status *first)
{
	unsigned running = w->running[side_of(w, p->id)];
	struct core_status st;

	core_status(p->core, &st);
	return st.running == running && st.stopped == w->n_known - running &&
	       id_eq(&st.identity.cluster_id, &first->identity.cluster_id);
}

/* Member by member. */
static bool shows_right(struct world *w, const struct proc *p)
{
	for (size_t i = 0; i < w->n_known; i++) {
		const struct proc *of;
		struct core_member m;

		core_member_at(p->core, i, &m);
		of = proc_by_name(&w->sim, m.name);
		if (of == NULL || m.running != (alive(w, of->id) &&
						       side_of(w, of->id) == side_of(w, p->id)))
			return false;
	}
	return true;
}

static bool all_right(struct world *w)
{
	const struct proc *first = NULL;
	struct core_status st;

	for (unsigned i = 0; i < w->n && first == NULL; i++)
		first = proc_runs(at(w, i)) ? at(w, i) : NULL;
	if (first == NULL || !w->started)
		return false;
	core_status(first->core, &st);
	/* who was late last time is late still, most often */
	for (unsigned i = 0; i < w->n; i++) {
		unsigned who = (w->late + i) % w->n;

		if (!proc_runs(at(w, who)) || counts_right(w, at(w, who), &st))
			continue;
		w->late = who;
		return false;
	}
	for (unsigned i = 0; i < w->n; i++)
		if (proc_runs(at(w, i)) && !shows_right(w, at(w, i)))
			return false;
	return true;
}

static void count_sides(struct world *w)
{
	w->running[0] = w->running[1] = 0;
	for (unsigned i = 0; i < w->n; i++)
		w->running[side_of(w, i)] += alive(w, i) ? 1 : 0;
}

/* --- what happens */

/* Time passes. */
static void pass(struct world *w, uint64_t us)
{
	uint64_t end = w->sim.now_us + us;

	while (w->sim.crowd != NULL && !w->sim.failed && w->sim.now_us + POLL_US <= end) {
		sim_run_until(&w->sim, w->sim.now_us + POLL_US);
		crowd_deliver(w->sim.crowd);
	}
	sim_run_until(&w->sim, end);
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void begin_start(struct world *w)
{
	struct sim *s = &w->sim;
	unsigned n = w->n_known - w->n_crowd;
	uint64_t *when = xcalloc(n, sizeof *when);

	for (unsigned i = 0; i < n; i++)
		when[i] = rng_below(&s->rng, START_SPREAD_MS * 1000);
	qsort(when, n, sizeof *when, by_time);
	for (unsigned i = 0; i < n && !s->failed; i++) {
		struct proc *p = at(w, w->n_crowd + i);

		pass(w, when[i] - s->now_us);
		p->disk.forget = true; /* nobody starts again */
		proc_start(p, PROC_DISK_KEPT);
	}
	w->started = true;
	free(when);
}

static struct proc *anybody(struct world *w)
{
	struct proc *p;

	do
		p = at(w, w->n_crowd + (unsigned)rng_below(&w->sim.rng, w->n - w->n_crowd));
	while (!proc_runs(p));
	return p;
}

/* The last replica. */
static void begin_attach(struct world *w)
{
	w->n_known = w->n;
	proc_start(at(w, w->n - 1), PROC_DISK_KEPT);
}

static void begin_detach(struct world *w)
{
	proc_kill(at(w, w->n - 1), PROC_KILL);
}

static void begin_crash(struct world *w)
{
	proc_kill(anybody(w), PROC_KILL);
}

static void begin_crash_other(struct world *w)
{
	crowd_kill(w->sim.crowd, (unsigned)rng_below(&w->sim.rng, w->n_crowd));
}

static void begin_crash_20(struct world *w)
{
	for (unsigned i = 0; i < w->n / 5; i++)
		proc_kill(anybody(w), PROC_KILL);
}

static void begin_hang(struct world *w)
{
	proc_pause(anybody(w));
}

static void begin_wake(struct world *w)
{
	for (unsigned i = 0; i < w->n; i++)
		proc_continue(at(w, i));
}

static void begin_split(struct world *w)
{
	unsigned left = w->n / 2;

	while (left > 0) {
		unsigned i = (unsigned)rng_below(&w->sim.rng, w->n);

		left -= w->sim.net.paths.side[i] == 0 ? 1 : 0;
		w->sim.net.paths.side[i] = 1;
	}
}

static void begin_heal(struct world *w)
{
	memset(w->sim.net.paths.side, 0, w->n);
}

/* --- one after the other */

enum { WHOLE = 1, CROWD = 2, EACH = 4, REPLICAS = 8 };

struct phase {
	const char *name, *after; /* after: what must have been before, besides the start */
	void (*begin)(struct world *w);
	uint32_t bound_ms[3]; /* n ≤ 10, n ≤ 100, more */
	unsigned
		in; /* what kinds of worlds; EACH: it changes the record of each member, not of a few */
};

static const struct phase phases[] = {
	{"start", NULL, begin_start, {250, 3000, 10000}, WHOLE | CROWD | EACH | REPLICAS},
	{"attach", NULL, begin_attach, {250, 500, 2000}, REPLICAS},
	{"detach", "attach", begin_detach, {20, 60, 100}, REPLICAS},
	{"back", "attach", begin_attach, {250, 500, 2000}, REPLICAS},
	{"crash", NULL, begin_crash, {20, 60, 100}, WHOLE | CROWD},
	{"crowd", NULL, begin_crash_other, {20, 60, 100}, CROWD},
	{"hang", NULL, begin_hang, {3000, 3000, 3000}, WHOLE},
	{"wake", "hang", begin_wake, {6000, 6000, 6000}, WHOLE},
	{"split", NULL, begin_split, {3000, 3000, 3000}, WHOLE | EACH},
	{"heal", "split", begin_heal, {6000, 6000, 6000}, WHOLE | EACH},
	{"crash20", NULL, begin_crash_20, {100, 1000, 1000}, WHOLE | EACH},
};
enum {
	N_PHASES = sizeof phases / sizeof phases[0],
	NODES_MIN = 5,
	NODES_MAX = 60000,
	CROWD_MIN = 20,
	REST_MIN_S = 2
};

static uint32_t bound_ms(const struct phase *p, unsigned n)
{
	return p->bound_ms[n <= 10 ? 0 : n <= 100 ? 1 : 2];
}

static double lap_s(struct world *w)
{
	struct timespec now, last = w->clock;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	w->clock = now;
	return (double)(now.tv_sec - last.tv_sec) + (double)(now.tv_nsec - last.tv_nsec) / 1e9;
}

static void print_row(struct world *w, const char *name, uint64_t took_us, uint32_t bound)
{
	char limit[24] = "";

	if (bound > 0)
		snprintf(limit, sizeof limit, "%.2f", bound / 1e3);
	unsigned whole = w->n - w->n_crowd;

	printf("%-6u %-8s %8.3f %6s %9.1f %9.1f %7.1f  ", w->n, name, (double)took_us / 1e6,
		limit, (double)tally_frames(&w->tally) / whole,
		(double)tally_bytes(&w->tally) / whole / 1000, lap_s(w));
	tally_print(&w->tally, whole, stdout);
	printf("\n");
	fflush(stdout);
	w->said += tally_bytes(&w->tally);
	tally_clear(&w->tally);
}

/*
 * Invariant f: a changed record comes over each link once, and a disaster changes a record ten times at most: of each
 * member, or of a few tens of them (docs/protocol.md, "What a change costs").
 */
static void check_said(struct world *w, const struct phase *p)
{
	uint64_t records = p->in & EACH ? UINT64_C(100) * w->n + 1000 : 1000,
		 most = records * RECORD_BYTES, each = w->said / (w->n - w->n_crowd);

	if (each > most)
		sim_fail(&w->sim, "f",
			"%s: each has said %" PRIu64 " kB on the mean, the bound is %" PRIu64
			" kB",
			p->name, each / 1000, most / 1000);
}

static void run_phase(struct world *w, const struct phase *p)
{
	struct sim *s = &w->sim;
	uint64_t start = s->now_us, took_us;
	bool agreed;

	w->said = 0;
	p->begin(w);
	count_sides(w);
	agreed = all_right(w);
	while (!agreed && !s->failed && s->now_us < start + GIVE_UP_US) {
		pass(w, POLL_US);
		agreed = all_right(w);
	}
	took_us = s->now_us - start;
	print_row(w, p->name, took_us, bound_ms(p, w->n));
	if (!agreed && !s->failed)
		sim_fail(s, "a", "%s: not all agree after %d s; one that does not is %s",
			p->name, GIVE_UP_US / 1000000, at(w, w->late)->label);
	else if (took_us > bound_ms(p, w->n) * UINT64_C(1000))
		sim_fail(s, "a", "%s: agreed after %.3f s, the bound is %.3f s", p->name,
			(double)took_us / 1e6, bound_ms(p, w->n) / 1e3);
	if (s->failed)
		return;
	pass(w, w->rest_us);
	print_row(w, "  rest", w->rest_us, 0);
	if (!s->failed && !all_right(w))
		sim_fail(s, "a", "%s: agreed, then did not", p->name);
	if (!s->failed)
		check_said(w, p);
}

static unsigned kind(const struct scale *o)
{
	return o->replicas > 0 ? REPLICAS : o->whole == 0 ? WHOLE : CROWD;
}

static const struct phase *phase_of(const struct scale *o)
{
	for (unsigned i = 0; i < N_PHASES; i++)
		if ((phases[i].in & kind(o)) != 0 && strcmp(phases[i].name, o->scenario) == 0)
			return &phases[i];
	return NULL;
}

static bool wanted(const struct scale *o, const struct phase *p)
{
	const struct phase *one = phase_of(o);

	if ((p->in & kind(o)) == 0)
		return false;
	return one == NULL || p == one || p == &phases[0] ||
	       (one->after != NULL && strcmp(one->after, p->name) == 0);
}

bool scale_sane(const struct scale *o, const char **why)
{
	bool known = strcmp(o->scenario, "all") == 0 || phase_of(o) != NULL;

	if (!known && o->replicas > 0)
		*why = "with replicas, scenarios are start, attach, detach, back and all";
	else if (!known && o->whole == 0)
		*why = "scenarios are start, crash, hang, wake, split, heal, crash20 and all";
	else if (!known)
		*why = "with stand-ins, scenarios are start, crash, crowd and all";
	else if (o->rest_s < REST_MIN_S)
		*why = "--rest is to be 2 s at least: links prove themselves in the first second";
	else
		*why = "there are to be 5 to 60000 nodes, and of N fewer than N - 20 whole, or than N - 1 replicas";
	return known && o->rest_s >= REST_MIN_S && o->n >= NODES_MIN && o->n <= NODES_MAX &&
	       (o->whole == 0 || o->whole + CROWD_MIN < o->n) &&
	       (o->replicas == 0 || (o->whole == 0 && o->replicas + 1 < o->n));
}

bool scale_run(const struct scale *o)
{
	struct world *w = xcalloc(1, sizeof *w);
	struct sim_setup setup = sim_setup_default();
	bool failed;

	setup.n = setup.members_max = o->n;
	setup.replicas = o->replicas;
	setup.sides = true;
	setup.data_bytes = 0; /* membership alone */
	sim_init(&w->sim, o->seed, &setup);
	w->sim.ctx = w;
	w->sim.on_event = on_event;
	w->sim.on_sent = on_sent;
	w->sim.trace = o->trace;
	w->sim.frames = o->frames;
	w->n = o->n;
	w->n_known = o->replicas > 0 ? o->n - 1 : o->n; /* one comes later */
	w->n_crowd = o->whole == 0 ? 0 : o->n - o->whole;
	if (w->n_crowd > 0)
		crowd_new(&w->sim, w->n_crowd);
	w->rest_us = o->rest_s * UINT64_C(1000000);
	tally_init(&w->tally);
	lap_s(w);
	printf("%-6s %-8s %8s %6s %9s %9s %7s  %s\n", "nodes", "phase", "s", "bound", "frames",
		"kB", "CPU s", "said by each node: frames/bytes by kind");
	for (unsigned i = 0; i < N_PHASES && !w->sim.failed; i++)
		if (wanted(o, &phases[i]))
			run_phase(w, &phases[i]);
	failed = w->sim.failed;
	if (failed)
		printf("FAILED seed=%" PRIu64 " at %.6f s, invariant %s: %s\n", o->seed,
			(double)w->sim.now_us / 1e6, w->sim.invariant, w->sim.why);
	tally_free(&w->tally);
	sim_free(&w->sim);
	crowd_free(w->sim.crowd);
	free(w);
	return !failed;
}
