#include "workers/candset.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/ipc/ipc.h"
#include "workers/worker.h"

static void grow(struct candset *s)
{
	size_t cap = s->cap == 0 ? 16 : s->cap * 2;

	s->item = xrealloc(s->item, cap, sizeof *s->item);
	s->cap = cap;
}

bool candset_add(struct candset *s, const char *name, const char *host, uint16_t port,
	const char *source)
{
	if (s->n == IPC_CANDIDATES_MAX) {
		s->n_cut++;
		return false;
	}
	if (s->n == s->cap)
		grow(s);
	s->item[s->n++] = (struct worker_candidate){
		.name = xstrdup(name),
		.host = xstrdup(host),
		.port = port,
		.source = xstrdup(source),
	};
	return true;
}

static void free_text(const char *owned)
{
	union {
		const char *in;
		char *out;
	} u = {.in = owned};

	free(u.out);
}

static void drop(struct worker_candidate *c)
{
	free_text(c->name);
	free_text(c->host);
	free_text(c->source);
}

bool candset_report(struct worker *w, struct candset *s)
{
	size_t n = 0;
	bool found;

	for (size_t i = 0; i < s->n; i++) {
		struct worker_candidate *c = &s->item[i];

		if (worker_is_self(w, c->name, c->host, c->port))
			drop(c);
		else
			s->item[n++] = *c;
	}
	found = n < s->n;
	s->n = n;
	worker_report(w, s->item, s->n);
	candset_clear(s);
	return found;
}

void candset_clear(struct candset *s)
{
	for (size_t i = 0; i < s->n; i++)
		drop(&s->item[i]);
	free(s->item);
	*s = (struct candset){0};
}
