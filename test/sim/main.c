#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "membership/core/mutants.h"
#include "test/sim/batch.h"
#include "test/sim/scale.h"
#include "test/sim/story.h"

struct options {
	const char *seed, *plan, *story, *corpus, *scenario;
	unsigned scale, rest_s, whole, replicas; /* scale: nodes; 0: no such run */
	bool all, stories;
	struct batch batch;
};

static const struct option long_options[] = {{"seeds", required_argument, NULL, 'n'},
	{"from", required_argument, NULL, 'f'}, {"nodes", required_argument, NULL, 'N'},
	{"jobs", required_argument, NULL, 'j'}, {"seed", required_argument, NULL, 's'},
	{"plan", required_argument, NULL, 'p'}, {"story", required_argument, NULL, 'S'},
	{"stories", no_argument, NULL, 'A'}, {"trace", no_argument, NULL, 't'},
	{"frames", no_argument, NULL, 'F'}, {"twice", no_argument, NULL, '2'},
	{"no-shrink", no_argument, NULL, 'q'}, {"tell", required_argument, NULL, 'T'},
	{"mutant", required_argument, NULL, 'm'}, {"corpus", required_argument, NULL, 'c'},
	{"all", no_argument, NULL, 'a'}, {"faults", no_argument, NULL, 'x'},
	{"rest", required_argument, NULL, 'R'}, {"whole", required_argument, NULL, 'W'},
	{"replicas", required_argument, NULL, 'r'}, {"scale", required_argument, NULL, 'L'},
	{"scenario", required_argument, NULL, 'C'}, {NULL, 0, NULL, 0}};

/* A deliberate fault of the core, where one is compiled in (make mutants); "list" prints them. */
static bool choose_mutant(const char *name)
{
#ifdef CORE_MUTANTS
#define MUTANT_ROW(id, doc) {#id, doc},
	static const struct {
		const char *name, *doc;
	} rows[] = {CORE_MUTANT_LIST(MUTANT_ROW)};

	for (unsigned i = 1; i < MUTANT_N; i++) {
		if (strcmp(name, "list") == 0)
			printf("%s %s\n", rows[i].name, rows[i].doc);
		else if (strcmp(name, rows[i].name) == 0)
			core_mutant = (enum core_mutant)i;
	}
	if (strcmp(name, "list") == 0)
		exit(0);
	return core_mutant != MUTANT_NONE;
#else
	fprintf(stderr, "sim: no %s here: only `make mutants` compiles faults in\n", name);
	return false;
#endif
}

static int usage(void)
{
	fprintf(stderr,
		"usage: sim [--all] [--seeds N] [--from SEED] [--nodes N] [--corpus FILE] [--jobs N] [--twice]\n"
		"           [--no-shrink] [--tell N] [--faults]    seeds; with --all stories and the corpus too\n"
		"       sim --stories | --story NAME[/ROUND]\n"
		"       sim --seed SEED [--nodes N] | --plan LINE\n"
		"       sim --scale N [--scenario NAME] [--rest SECONDS] [--seed SEED]    N nodes through start, crash, hang,\n"
		"           wake, split, heal and crash20, or only what one of them needs; SECONDS (30) of rest after each\n"
		"       sim --scale N --whole K [...]    K of them are cores, the others stand-ins: start, crash, crowd\n"
		"       sim --scale N --replicas K [...]    the last K are replicas: start, attach, detach, back\n"
		"each with --trace (the story) or --frames (and every message)\n");
	return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (opt) {
		case 'n':
			o->batch.count = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			o->batch.from = strtoull(optarg, NULL, 10);
			break;
		case 'N':
			o->batch.nodes = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			o->batch.jobs = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'T':
			o->batch.tell_max = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			o->seed = optarg;
			break;
		case 'p':
			o->plan = optarg;
			break;
		case 'S':
			o->story = optarg;
			break;
		case 'A':
			o->stories = true;
			break;
		case 't':
			o->batch.tell = RUN_STORY;
			break;
		case 'F':
			o->batch.tell = RUN_FRAMES;
			break;
		case '2':
			o->batch.twice = 1;
			break;
		case 'q':
			o->batch.shrink = false;
			break;
		case 'c':
			o->corpus = optarg;
			break;
		case 'x':
			o->batch.faults = true;
			break;
		case 'L':
			o->scale = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'R':
			o->rest_s = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'W':
			o->whole = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			o->replicas = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'C':
			o->scenario = optarg;
			break;
		case 'a':
			o->all = true;
			break;
		case 'm':
			if (!choose_mutant(optarg))
				return false;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

static int one(const struct options *o)
{
	struct run_result r;
	struct plan p;

	if (o->seed != NULL) {
		plan_draw(&p, strtoull(o->seed, NULL, 10), o->batch.nodes);
	} else {
		char *line = strdup(o->plan);
		const char *why = "";

		if (line == NULL || plan_read(&p, line, &why) != 0) {
			fprintf(stderr, "not a plan: %s\n", why);
			free(line);
			return 2;
		}
		free(line);
	}
	if (o->batch.tell != RUN_QUIET) {
		plan_write(&p, stdout);
		printf("\n");
	}
	run_plan(&p, o->batch.tell, &r);
	sim_pool_free();
	printf("seed=%" PRIu64 " events=%" PRIu64 " hash=%016" PRIx64
	       " settled_after=%.3f s stops=%" PRIu64 "\n",
		p.seed, r.n_events, r.hash, (double)r.settle_us / 1e6, r.n_down);
	if (r.failed)
		printf("FAILED event=%" PRIu64 " at %.6f s, invariant %s: %s\n", r.n_events,
			(double)r.at_us / 1e6, r.invariant, r.why);
	return r.failed ? 1 : 0;
}

static int many(const struct options *o)
{
	struct batch_sum sum = {0, 0};

	if (o->all || o->stories || o->story != NULL)
		batch_stories(&o->batch, o->story, &sum);
	if (o->corpus != NULL && !batch_corpus(&o->batch, o->corpus, &sum))
		return 2;
	if (o->all || (!o->stories && o->story == NULL && o->corpus == NULL))
		batch_seeds(&o->batch, &sum);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", sum.passed, sum.failed);
	return sum.failed == 0 ? 0 : 1;
}

static int large(const struct options *o)
{
	struct scale scale = {.n = o->scale,
		.seed = o->seed == NULL ? 1 : strtoull(o->seed, NULL, 10),
		.scenario = o->scenario,
		.rest_s = o->rest_s,
		.whole = o->whole,
		.replicas = o->replicas,
		.trace = o->batch.tell != RUN_QUIET,
		.frames = o->batch.tell == RUN_FRAMES};
	const char *why;
	bool fine;

	if (!scale_sane(&scale, &why)) {
		fprintf(stderr, "sim --scale: %s\n", why);
		return 2;
	}
	fine = scale_run(&scale);
	sim_pool_free();
	printf("%d passed, %d failed\n", fine ? 1 : 0, fine ? 0 : 1);
	return fine ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct options o = {.scenario = "all",
		.rest_s = 30,
		.batch = {.count = 2000,
			.from = 1,
			.jobs = 1,
			.twice = 20,
			.shrink = true,
			.tell_max = 3}};

	if (!parse(argc, argv, &o))
		return usage();
	if (o.scale > 0)
		return large(&o);
	return o.seed != NULL || o.plan != NULL ? one(&o) : many(&o);
}
