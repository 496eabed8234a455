#ifndef WORKERS_DNS_DNS_WORKER_H
#define WORKERS_DNS_DNS_WORKER_H
/* The dns strategy: the records of cluster.dns.name, one name or several; their union is the set. See lookup.h. */
#include "workers/worker.h"

extern const struct worker_strategy dns_strategy;

#endif
