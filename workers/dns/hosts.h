#ifndef WORKERS_DNS_HOSTS_H
#define WORKERS_DNS_HOSTS_H
/* /etc/hosts, which comes before any server: every address of a name. */
#include <stddef.h>

#include "common/net/dns_answer.h"

enum { HOSTS_BYTES_MAX = 1024 * 1024, HOSTS_ADDRESSES_MAX = 256 };

/* Adds the addresses of family (AF_INET, AF_INET6) that text gives name; `localhost` has one anyhow. */
void hosts_find(const char *text, size_t n, const char *name, int family,
	struct dns_answer *out);
/* The same from a file; a file that can't be read is an empty one. */
void hosts_find_in(const char *path, const char *name, int family, struct dns_answer *out);

#endif
