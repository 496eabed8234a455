#ifndef WORKERS_ETCD_ETCD_EXPLAIN_H
#define WORKERS_ETCD_ETCD_EXPLAIN_H
/* etcd's refusals in words an operator can act on. Pure. */
#include <stddef.h>

#include "workers/etcd/etcd_conf.h"

enum { ETCD_EXPLAIN_MAX = 480 };

/* One line about an answer that was no success. Returns out. */
char *etcd_explain(const struct etcd_conf *conf, unsigned status, const char *body, size_t n,
	char out[ETCD_EXPLAIN_MAX]);

#endif
