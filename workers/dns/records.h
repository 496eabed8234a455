#ifndef WORKERS_DNS_RECORDS_H
#define WORKERS_DNS_RECORDS_H
/* What DNS records say about nodes: names by EMQX's rule, and when to ask again. Pure. */
#include <stdint.h>

#include "common/net/dns_answer.h"
#include "workers/candset.h"

enum { RECORDS_MIN_MS = 5000, RECORDS_MAX_MS = 300000, RECORDS_TARGETS_MAX = 1000 };

/* An address as text. */
void records_address(const union dns_addr *a, char out[64]);

/* A and AAAA: <short name>@<address>. prefix is our own name (its part before '@' counts). */
void records_add_addresses(const struct dns_answer *a, const char *prefix, const char *source,
	struct candset *out);

/* One place where an SRV record sends us. */
struct records_target {
	char *host;
	uint16_t port, priority, weight;
};

struct records_targets {
	struct records_target *item;
	size_t n;
};

/*
 * SRV: each host once, with the port of its best record (lowest priority, then highest weight), best first. A target
 * of "." (not offered) is none. Beyond RECORDS_TARGETS_MAX the worst are left out.
 */
void records_targets(const struct dns_answer *a, struct records_targets *out);
void records_targets_free(struct records_targets *t);

/* The least TTL of all, within the bounds. */
uint64_t records_next_ms(const struct dns_answer *a);

#endif
