/*
 * A worker with a probe in it: `probe_worker STRATEGY SECRET DATA_DIR CONTROL_SOCKET DIST_PORT`. It tries everything in
 * test/unit/probe.h before its sandbox and again in it, says on standard error what came of each, and then works on.
 */
#include <stdio.h>
#include <stdlib.h>

#include "test/unit/probe.h"
#include "workers/dns/dns_worker.h"
#include "workers/etcd/etcd.h"
#include "workers/k8s/k8s.h"
#include "workers/static/static.h"

static const struct worker_strategy *strategy;
static struct probe_targets targets;

static void try_all(const char *where)
{
	for (size_t i = 0; i < N_PROBES; i++) {
		int e = probes[i].attempt(&targets);

		fprintf(stderr, "probe|%s|%s|%s|%s\n", where, probes[i].name,
			probes[i].privileged ? "privileged" : "plain",
			e == 0 ? "succeeded" : strerror(e));
	}
}

static int probing_init(struct worker *w)
{
	try_all("outside");
	return strategy->init == NULL ? 0 : strategy->init(w);
}

static void probing_start(struct worker *w)
{
	try_all("inside");
	strategy->start(w);
}

int main(int argc, char **argv)
{
	static const struct worker_strategy *const all[] = {&static_strategy, &dns_strategy,
		&etcd_strategy, &k8s_strategy};
	struct worker_strategy probing;

	if (argc != 6)
		return 2;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (strcmp(all[i]->name, argv[1]) == 0)
			strategy = all[i];
	}
	if (strategy == NULL)
		return 2;
	targets = (struct probe_targets){argv[2], argv[3], argv[4],
		(uint16_t)strtoul(argv[5], NULL, 10)};
	probing = *strategy;
	probing.init = probing_init;
	probing.start = probing_start;
	return worker_main(&probing, 1, argv);
}
