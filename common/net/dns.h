#ifndef COMMON_NET_DNS_H
#define COMMON_NET_DNS_H
/*
 * Name lookups on the event loop (c-ares), one struct dns a process. Never blocks on a server. A callback runs exactly
 * once, from the loop and never inside the call that started the lookup; what it is given is valid during the call.
 * A handle is valid until its callback begins or dns_cancel(). Everything may be called from a callback, dns_free()
 * included.
 */
#include <ev.h>

#include "common/net/dns_answer.h"

enum { DNS_ADDRS_MAX = 64, DNS_LOOKUPS_MAX = 1024 };

/* Zero is a good default for each. Texts are copied. */
struct dns_options {
	const char *
		servers; /* "10.0.0.2,10.0.0.3:5353,[::1]:53"; NULL: as the machine is set up */
	const char *resolv_conf; /* NULL: /etc/resolv.conf; read again when it has changed */
	uint32_t try_ms;         /* first wait for a server, doubled each round; 0: 1000 */
	uint32_t tries;          /* rounds; 0: 3 */
};

struct dns;
struct dns_req;

/* 0, -EINVAL: servers cannot be read, -ENOMEM. */
int dns_new(struct ev_loop *loop, const struct dns_options *options, struct dns **out);
/* Lookups that still run are dropped, their callbacks never called. */
void dns_free(struct dns *dns);

/*
 * All addresses of a host: IP literals (with %scope), /etc/hosts, localhost, then the servers with the search list.
 * family AF_INET, AF_INET6 or AF_UNSPEC. timeout_ms 0: until the servers have been tried. n > 0 exactly with DNS_OK;
 * ports are 0.
 */
struct dns_req *dns_resolve_host(struct dns *dns, const char *host, int family,
	uint32_t timeout_ms,
	void (*cb)(void *ctx, enum dns_status status, const union dns_addr *addr, size_t n),
	void *ctx);
/* The records of one name as it stands: no search list, no /etc/hosts. a->n > 0 exactly with DNS_OK. */
struct dns_req *dns_query(struct dns *dns, const char *name, enum dns_type type,
	uint32_t timeout_ms,
	void (*cb)(void *ctx, enum dns_status status, const struct dns_answer *a), void *ctx);
void dns_cancel(struct dns_req *req);

/* For operators, e.g. "no such name". */
const char *dns_status_text(enum dns_status status);
/* True, and *out filled, when host is an IP literal. */
bool dns_literal(const char *host, union dns_addr *out);

#endif
