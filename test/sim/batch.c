#include "test/sim/batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "test/sim/faults.h"
#include "test/sim/story.h"

/* --- seeds */

static void run_seed(void *ctx, uint64_t i, struct run_result *r)
{
	const struct batch *b = ctx;
	struct run_result again;
	struct plan p;

	plan_draw(&p, b->from + i, b->nodes);
	run_plan(&p, RUN_QUIET, r);
	if (r->failed || b->twice == 0 || i % b->twice != 0)
		return;
	run_plan(&p, RUN_QUIET, &again);
	if (again.hash == r->hash && again.n_events == r->n_events)
		return;
	r->failed = true;
	snprintf(r->invariant, sizeof r->invariant, "h");
	snprintf(r->why, sizeof r->why, "the same seed gave two traces");
}

/* Shrinks a failure, if asked to, and says what is left of it. */
static void tell(const struct batch *b, const struct plan *p, const struct run_result *r)
{
	struct plan less = *p;
	struct run_result now = *r;
	char text[128];

	printf("\nFAILED seed=%" PRIu64 " event=%" PRIu64 " at %.6f s, invariant %s: %s\n",
		p->seed, r->n_events, (double)r->at_us / 1e6, r->invariant, r->why);
	if (!b->shrink)
		return;
	printf("  shrunk from %zu items in %u runs", p->n, run_shrink(&less, r));
	run_plan_apart(&less, &now);
	printf(" to %zu; invariant %s at %.6f s: %s\n", less.n, now.invariant,
		(double)now.at_us / 1e6, now.why);
	for (size_t i = 0; i < less.n; i++) {
		plan_item_text(&less.item[i], text, sizeof text);
		printf("    %s\n", text);
	}
	printf("  as a line of corpus.txt (replay: build/sim --plan 'LINE' --trace):\n");
	plan_write(&less, stdout);
	printf("\n");
	fflush(stdout);
}

/* A fault that the seeds never bring about guards nothing. */
static uint64_t tell_faults(const struct pool_result *r)
{
	uint64_t never = 0;

	for (size_t i = 0; i < n_fault_rows; i++) {
		printf("%8" PRIu64 " %s%s\n", r->began[i], fault_rows[i].name,
			r->began[i] == 0 ? " NEVER" : "");
		never += r->began[i] == 0;
	}
	return never;
}

void batch_seeds(const struct batch *b, struct batch_sum *sum)
{
	struct batch ctx = *b;
	struct pool_result r;
	uint32_t i;

	pool_run(b->jobs, b->count, run_seed, &ctx, &r);
	for (i = 0; i < r.n_told && i < b->tell_max; i++) {
		struct plan p;

		plan_draw(&p, b->from + r.told[i].i, b->nodes);
		tell(b, &p, &r.told[i].result);
		printf("  replay: build/sim --seed %" PRIu64 " --trace\n", p.seed);
	}
	if (i < r.n_told) {
		printf("and seeds");
		for (; i < r.n_told; i++)
			printf(" %" PRIu64 " (%s)", b->from + r.told[i].i,
				r.told[i].result.invariant);
		printf("\n");
	}
	if (b->faults)
		r.failed += tell_faults(&r);
	printf("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " failed; %" PRIu64
	       " events, settled after %.1f s at most, %.1f s of CPU, %.0f schedules per core-hour\n",
		b->from, b->from + b->count - 1, r.failed, r.n_events,
		(double)r.settle_max_us / 1e6, r.cpu_s,
		r.cpu_s > 0 ? (double)b->count * 3600 / r.cpu_s : 0.0);
	sum->passed += r.passed;
	sum->failed += r.failed;
}

/* --- the corpus */

struct corpus {
	struct plan *plan;
	size_t n, cap;
};

static void run_line(void *ctx, uint64_t i, struct run_result *r)
{
	const struct corpus *c = ctx;

	run_plan(&c->plan[i], RUN_QUIET, r);
}

static bool read_corpus(const char *file, struct corpus *c)
{
	FILE *f = fopen(file, "r");
	char *line = NULL;
	size_t cap = 0, at = 0;
	bool ok = f != NULL;

	if (f == NULL)
		perror(file);
	while (ok && getline(&line, &cap, f) > 0) {
		const char *why = "";

		at++;
		line[strcspn(line, "#\n")] = '\0';
		if (line[strspn(line, " ")] == '\0')
			continue;
		if (c->n == c->cap) {
			c->cap = c->cap == 0 ? 64 : c->cap * 2;
			c->plan = xrealloc(c->plan, c->cap, sizeof *c->plan);
		}
		ok = plan_read(&c->plan[c->n++], line, &why) == 0;
		if (!ok)
			fprintf(stderr, "%s:%zu: not a plan: %s\n", file, at, why);
	}
	free(line);
	if (f != NULL)
		fclose(f);
	return ok;
}

bool batch_corpus(const struct batch *b, const char *file, struct batch_sum *sum)
{
	struct corpus c = {.n = 0};
	struct pool_result r;
	bool ok = read_corpus(file, &c);

	if (ok) {
		pool_run(b->jobs, c.n, run_line, &c, &r);
		for (uint32_t i = 0; i < r.n_told; i++)
			tell(b, &c.plan[r.told[i].i], &r.told[i].result);
		printf("corpus of %zu: %" PRIu64 " failed\n", c.n, r.failed);
		sum->passed += r.passed;
		sum->failed += r.failed;
	}
	free(c.plan);
	return ok;
}

/* --- stories */

struct telling {
	const struct story_row *row;
	unsigned round;
};

struct tellings {
	struct telling *item;
	size_t n;
	enum run_tell tell;
};

static void run_story(void *ctx, uint64_t i, struct run_result *r)
{
	const struct tellings *t = ctx;

	r->failed = !story_run(t->item[i].row, t->item[i].round, t->tell, r->why);
	snprintf(r->invariant, sizeof r->invariant, "story");
}

static void collect(struct tellings *t, const char *name, uint64_t *n_stories)
{
	const char *slash = name == NULL ? NULL : strchr(name, '/');
	size_t len = name == NULL ? 0 : strcspn(name, "/");
	const struct story_row *row;

	for (size_t i = 0; (row = story_at(i)) != NULL; i++) {
		unsigned rounds = row->rounds == 0 ? 1 : row->rounds;

		if (len > 0 && (strncmp(row->name, name, len) != 0 || row->name[len] != '\0'))
			continue;
		++*n_stories;
		t->item = xrealloc(t->item, t->n + rounds, sizeof *t->item);
		for (unsigned k = 0; k < rounds; k++)
			if (slash == NULL || k == strtoul(slash + 1, NULL, 10))
				t->item[t->n++] = (struct telling){row, k};
	}
}

/* The first failed round of each story; how many stories failed. */
static uint64_t tell_stories(const struct tellings *t, const struct pool_result *r)
{
	uint64_t failed = 0;

	for (uint32_t i = 0; i < r->n_told; i++) {
		const struct telling *x = &t->item[r->told[i].i];
		bool told = false;

		for (uint32_t k = 0; k < i; k++)
			told = told || t->item[r->told[k].i].row == x->row;
		if (told)
			continue;
		failed++;
		printf("FAILED story %s: %s\n  %s\n  replay: build/sim --story %s/%u --trace\n",
			x->row->name, x->row->title, r->told[i].result.why, x->row->name,
			x->round);
	}
	return failed;
}

void batch_stories(const struct batch *b, const char *name, struct batch_sum *sum)
{
	struct tellings t = {.tell = b->tell};
	uint64_t n_stories = 0, failed;
	struct pool_result r;

	collect(&t, name, &n_stories);
	pool_run(b->tell == RUN_QUIET ? b->jobs : 1, t.n, run_story, &t, &r);
	failed = tell_stories(&t, &r);
	printf("stories: %" PRIu64 " in %zu rounds, %" PRIu64 " failed; %.1f s of CPU\n",
		n_stories, t.n, failed, r.cpu_s);
	sum->passed += n_stories - failed;
	sum->failed += failed;
	free(t.item);
}
