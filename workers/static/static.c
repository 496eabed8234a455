#include "workers/static/static.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/os/sandbox.h"

/* Seeds were checked with the configuration; one that slipped through is told and the others still count. */
static void refuse(struct static_answer *a, const char *seed, const char *why)
{
	size_t n = strlen(a->error);

	snprintf(a->error + n, sizeof a->error - n, "%s%s: %s", n > 0 ? "; " : "", seed, why);
}

void static_answer_build(struct static_answer *a, struct worker *w,
	const struct conf_list *seeds)
{
	*a = (struct static_answer){.candidate = xcalloc(seeds->n + 1, sizeof *a->candidate),
		.addr = xcalloc(seeds->n + 1, sizeof *a->addr)};
	for (size_t i = 0; i < seeds->n; i++) {
		struct node_addr *addr = &a->addr[a->n];
		const char *why;

		if (node_parse(seeds->item[i], NULL, addr, &why) < 0) {
			refuse(a, seeds->item[i], why);
			continue;
		}
		if (worker_is_self(w, addr->name, addr->host, addr->port)) {
			a->found_self = true;
			continue;
		}
		a->candidate[a->n++] = (struct worker_candidate){.name = addr->name,
			.host = addr->host,
			.port = addr->port,
			.source = "static"};
	}
}

void static_answer_free(struct static_answer *a)
{
	free(a->candidate);
	free(a->addr);
	*a = (struct static_answer){0};
}

static void look(struct worker *w)
{
	const struct conf_list *seeds = &w->conf->cluster.static_seeds;
	struct static_answer a;
	char detail[64];

	static_answer_build(&a, w, seeds);
	worker_report(w, a.candidate, a.n);
	snprintf(detail, sizeof detail, "%zu seed%s", seeds->n, seeds->n == 1 ? "" : "s");
	if (a.error[0] == '\0')
		worker_ok(w, a.found_self, detail);
	else
		worker_error(w, a.error);
	static_answer_free(&a);
}

const struct worker_strategy static_strategy = {
	.name = "static",
	.conf_role = CONF_FOR_STATIC,
	.sandbox = SANDBOX_INTERFACES,
	.self_optional = true,
	.start = look,
	.reload = look,
};
