#ifndef WORKERS_DNS_LOOKUP_H
#define WORKERS_DNS_LOOKUP_H
/*
 * One name, looked up for ever: its answer gives candidates and the time of the next look-up, a failure keeps the last
 * good candidates and is tried again with growing pauses. For a and aaaa, /etc/hosts comes first. Where the resolvers
 * are our own, SRV targets are resolved by them too, since nobody else could.
 */
#include <ev.h>

#include "common/net/dns.h"
#include "workers/candset.h"
#include "workers/dns/records.h"
#include "workers/worker.h"

enum lookup_type { LOOKUP_A, LOOKUP_AAAA, LOOKUP_SRV };

struct lookup_conf { /* borrowed */
	struct worker *worker;
	struct dns *dns;
	enum lookup_type type;
	int family;           /* of cluster.proto_dist; for SRV targets */
	bool resolve_targets; /* else the dialler resolves them */
	const char *hosts_file;
};

struct lookup {
	const struct lookup_conf *conf;
	char *name;
	void (*changed)(void *ctx); /* the good set, or the error */
	void *ctx;

	struct candset good;
	bool succeeded; /* at least once */
	enum dns_status status;
	uint64_t ttl_ms; /* of the last answer */

	struct dns_req *req;
	struct candset fresh; /* while targets are being resolved */
	struct records_targets targets;
	size_t target;
	struct worker_backoff backoff;
	ev_timer timer;
};

void lookup_init(struct lookup *l, const struct lookup_conf *conf, const char *name,
	void (*changed)(void *ctx), void *ctx);
void lookup_fini(struct lookup *l);
void lookup_start(struct lookup *l);
const char *lookup_type_name(enum lookup_type t);

#endif
