#include "workers/candidate_set.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/node.h"

enum { SOURCE_MAX = 128 };

static int span_cmp(struct msg_span a, struct msg_span b)
{
	int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

/* By what identifies a candidate; where it was found does not. */
static int by_identity(const void *va, const void *vb)
{
	const struct ipc_candidate *a = va, *b = vb;
	int c = span_cmp(a->name, b->name);

	if (c == 0)
		c = span_cmp(a->host, b->host);
	return c != 0 ? c : (a->port > b->port) - (a->port < b->port);
}

static int by_all(const void *va, const void *vb)
{
	const struct ipc_candidate *a = va, *b = vb;
	int c = by_identity(a, b);

	return c != 0 ? c : span_cmp(a->source, b->source);
}

static struct msg_span copy(char **to, const char *s, size_t max)
{
	struct msg_span span = {*to, (uint32_t)strnlen(s, max)};

	memcpy(*to, s, span.n);
	*to += span.n;
	return span;
}

static void sort_unique(struct candidate_set *s)
{
	size_t kept = 0;

	qsort(s->item, s->n, sizeof *s->item, by_all);
	for (size_t i = 0; i < s->n; i++) {
		if (kept == 0 || by_identity(&s->item[kept - 1], &s->item[i]) != 0)
			s->item[kept++] = s->item[i];
	}
	s->n = kept;
}

static bool fits(const struct worker_candidate *c)
{
	return strlen(c->name) <= NODE_NAME_MAX && strlen(c->host) <= NODE_HOST_MAX;
}

static size_t text_bytes(const struct worker_candidate *c, size_t n)
{
	size_t bytes = 1;

	for (size_t i = 0; i < n; i++)
		if (fits(&c[i]))
			bytes += strlen(c[i].name) + strlen(c[i].host) +
				 strnlen(c[i].source, SOURCE_MAX);
	return bytes;
}

void candidate_set_build(struct candidate_set *s, const struct worker_candidate *c, size_t n)
{
	char *to;

	*s = (struct candidate_set){.item = xcalloc(n + 1, sizeof *s->item),
		.text = xcalloc(1, text_bytes(c, n))};
	to = s->text;
	for (size_t i = 0; i < n; i++) {
		if (!fits(&c[i])) {
			s->n_refused++;
			continue;
		}
		s->item[s->n++] = (struct ipc_candidate){
			.name = copy(&to, c[i].name, NODE_NAME_MAX),
			.host = copy(&to, c[i].host, NODE_HOST_MAX),
			.port = c[i].port,
			.source = copy(&to, c[i].source, SOURCE_MAX),
		};
	}
	sort_unique(s);
	if (s->n > IPC_CANDIDATES_MAX) {
		s->n_refused += s->n - IPC_CANDIDATES_MAX;
		s->n = IPC_CANDIDATES_MAX;
	}
}

void candidate_set_free(struct candidate_set *s)
{
	free(s->item);
	free(s->text);
	*s = (struct candidate_set){0};
}

bool candidate_set_eq(const struct candidate_set *a, const struct candidate_set *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (by_all(&a->item[i], &b->item[i]) != 0)
			return false;
	return true;
}
