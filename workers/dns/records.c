#include "workers/dns/records.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/node.h"

void records_address(const union dns_addr *a, char out[64])
{
	bool v6 = a->sa.sa_family == AF_INET6;
	const void *raw = v6 ? (const void *)&a->in6.sin6_addr : (const void *)&a->in.sin_addr;

	if (inet_ntop(a->sa.sa_family, raw, out, 64) == NULL)
		out[0] = '\0';
}

void records_add_addresses(const struct dns_answer *a, const char *prefix, const char *source,
	struct candset *out)
{
	char name[NODE_NAME_MAX + 1], host[64];

	for (size_t i = 0; i < a->n; i++) {
		records_address(&a->record[i].addr, host);
		snprintf(name, sizeof name, "%.*s@%s", (int)node_short_len(prefix), prefix,
			host);
		candset_add(out, name, host, 0, source);
	}
}

/* By host, and for one host the record that comes first. */
static int by_host(const void *pa, const void *pb)
{
	const struct records_target *a = pa, *b = pb;
	int c = strcasecmp(a->host, b->host);

	if (c != 0)
		return c;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return a->weight == b->weight ? 0 : a->weight > b->weight ? -1 : 1;
}

static int by_priority(const void *pa, const void *pb)
{
	const struct records_target *a = pa, *b = pb;

	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return strcasecmp(a->host, b->host);
}

static void drop_doubles(struct records_targets *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (n > 0 && strcasecmp(t->item[n - 1].host, t->item[i].host) == 0)
			free(t->item[i].host);
		else
			t->item[n++] = t->item[i];
	}
	t->n = n;
}

void records_targets(const struct dns_answer *a, struct records_targets *out)
{
	*out = (struct records_targets){.item = xcalloc(a->n + 1, sizeof *out->item)};
	for (size_t i = 0; i < a->n; i++) {
		const struct dns_record *r = &a->record[i];

		if (r->target == NULL || r->target[0] == '\0')
			continue;
		out->item[out->n++] = (struct records_target){xstrdup(r->target), r->port,
			r->priority, r->weight};
	}
	if (out->n == 0)
		return;
	qsort(out->item, out->n, sizeof *out->item, by_host);
	drop_doubles(out);
	qsort(out->item, out->n, sizeof *out->item, by_priority);
	while (out->n > RECORDS_TARGETS_MAX)
		free(out->item[--out->n].host);
}

void records_targets_free(struct records_targets *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->item[i].host);
	free(t->item);
	*t = (struct records_targets){0};
}

uint64_t records_next_ms(const struct dns_answer *a)
{
	uint64_t ms = RECORDS_MAX_MS;

	for (size_t i = 0; i < a->n; i++) {
		uint64_t ttl_ms = (uint64_t)a->record[i].ttl_s * 1000;

		if (ttl_ms < ms)
			ms = ttl_ms;
	}
	return ms < RECORDS_MIN_MS ? RECORDS_MIN_MS : ms;
}
