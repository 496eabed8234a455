#ifndef WORKERS_ETCD_ETCD_NODES_H
#define WORKERS_ETCD_ETCD_NODES_H
/*
 * The nodes under our prefix as last seen: key → value, and the candidates they stand for. Pure. The value is a node
 * name, with `:port` when that is not the rule's; what is neither is counted and left out.
 */
#include "workers/candset.h"
#include "workers/etcd/etcd_json.h"

enum { ETCD_NODES_MAX = 10000 };

struct etcd_node {
	char *key, *value;
};

struct etcd_nodes {
	struct etcd_node *item;
	size_t n, cap;
};

void etcd_nodes_clear(struct etcd_nodes *s);
/* Applies what a range or a watch brought. 0, or -EMSGSIZE when there are too many. */
int etcd_nodes_apply(struct etcd_nodes *s, const struct etcd_kvs *kvs);
/* Returns how many values were no node. */
size_t etcd_nodes_candidates(const struct etcd_nodes *s, const char *source,
	struct candset *out);

#endif
