#include "test/sim/pool.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 64, PROGRESS_S = 60 };

/* Shared between the parent and its children. */
struct board {
	_Atomic uint64_t next, passed, failed, n_events;
	_Atomic uint64_t running[JOBS_MAX]; /* i + 1; 0: none */
	_Atomic uint64_t began[FAULT_ROWS_MAX], settle_max_us;
	_Atomic uint64_t start_s, progress_s;
	_Atomic uint32_t n_told;
	struct pool_told told[POOL_TOLD_MAX];
};

struct pool {
	struct board *board;
	uint64_t count;
	pool_fn *fn;
	void *ctx;
};

static void note_failure(struct board *board, uint64_t i, const struct run_result *r)
{
	uint32_t at = atomic_fetch_add(&board->n_told, 1);

	atomic_fetch_add(&board->failed, 1);
	if (at < POOL_TOLD_MAX)
		board->told[at] = (struct pool_told){i, *r};
}

static void add_up(struct board *board, const struct run_result *r)
{
	uint64_t most = atomic_load(&board->settle_max_us);

	atomic_fetch_add(&board->n_events, r->n_events);
	for (size_t i = 0; i < FAULT_ROWS_MAX; i++)
		if (r->began[i] > 0)
			atomic_fetch_add(&board->began[i], r->began[i]);
	while (!r->failed && r->settle_us > most &&
		!atomic_compare_exchange_weak(&board->settle_max_us, &most, r->settle_us))
		;
}

static uint64_t clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

/* A line a minute, from whichever child comes by first: a run of a night says how far it is. */
static void tell_progress(const struct pool *p)
{
	struct board *board = p->board;
	uint64_t now = clock_s(), last = atomic_load(&board->progress_s);
	uint64_t failed = atomic_load(&board->failed),
		 done = atomic_load(&board->passed) + failed;
	uint64_t took = now - atomic_load(&board->start_s), left;

	if (done == 0 || now < last + PROGRESS_S ||
		!atomic_compare_exchange_strong(&board->progress_s, &last, now))
		return;
	left = (p->count - done) * took / done;
	fprintf(stderr,
		"%" PRIu64 " of %" PRIu64 ", %" PRIu64 " failed, %" PRIu64
		" min so far, %" PRIu64 " min left\n",
		done, p->count, failed, took / 60, left / 60);
}

static void work(const struct pool *p, unsigned job)
{
	struct board *board = p->board;

	for (;;) {
		uint64_t i = atomic_fetch_add(&board->next, 1);
		struct run_result r = {.failed = false};

		if (i >= p->count)
			return;
		atomic_store(&board->running[job], i + 1);
		p->fn(p->ctx, i, &r);
		add_up(board, &r);
		if (r.failed)
			note_failure(board, i, &r);
		else
			atomic_fetch_add(&board->passed, 1);
		atomic_store(&board->running[job], 0);
		tell_progress(p);
	}
}

static pid_t start_job(const struct pool *p, unsigned job)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	work(p, job);
	sim_pool_free();
	exit(0);
}

/* A child died over a run: that is the run's failure, and another child takes over. */
static bool died(struct board *board, unsigned job, int status)
{
	uint64_t i = atomic_load(&board->running[job]);
	struct run_result r = {.failed = true, .invariant = "crash"};

	if (i == 0)
		return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	snprintf(r.why, sizeof r.why, "the process ended: %s",
		WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "by itself");
	atomic_store(&board->running[job], 0);
	note_failure(board, i - 1, &r);
	return true;
}

static void run_jobs(const struct pool *p, unsigned jobs)
{
	unsigned n_jobs = jobs < JOBS_MAX ? jobs : JOBS_MAX, alive = n_jobs;
	pid_t pid[JOBS_MAX];

	for (unsigned i = 0; i < n_jobs; i++)
		pid[i] = start_job(p, i);
	while (alive > 0) {
		int status = 0;
		pid_t ended = wait(&status);
		unsigned i = 0;

		if (ended < 0)
			break;
		while (i < n_jobs && pid[i] != ended)
			i++;
		if (i == n_jobs)
			continue;
		if (died(p->board, i, status) && atomic_load(&p->board->next) < p->count)
			pid[i] = start_job(p, i);
		else
			alive--;
	}
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

void pool_run(unsigned jobs, uint64_t count, pool_fn *fn, void *ctx, struct pool_result *out)
{
	struct pool p = {.count = count, .fn = fn, .ctx = ctx};
	double before = cpu_s();

	p.board = mmap(NULL, sizeof *p.board, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.board == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	atomic_store(&p.board->start_s, clock_s());
	atomic_store(&p.board->progress_s, clock_s());
	run_jobs(&p, jobs);
	out->passed = atomic_load(&p.board->passed);
	out->failed = atomic_load(&p.board->failed);
	out->n_events = atomic_load(&p.board->n_events);
	for (size_t i = 0; i < FAULT_ROWS_MAX; i++)
		out->began[i] = atomic_load(&p.board->began[i]);
	out->settle_max_us = atomic_load(&p.board->settle_max_us);
	out->n_told = atomic_load(&p.board->n_told);
	if (out->n_told > POOL_TOLD_MAX)
		out->n_told = POOL_TOLD_MAX;
	memcpy(out->told, p.board->told, sizeof out->told);
	out->cpu_s = cpu_s() - before;
	munmap(p.board, sizeof *p.board);
}
