#include "workers/etcd/etcd_nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/node.h"

static void drop(struct etcd_node *e)
{
	free(e->key);
	free(e->value);
}

void etcd_nodes_clear(struct etcd_nodes *s)
{
	for (size_t i = 0; i < s->n; i++)
		drop(&s->item[i]);
	free(s->item);
	*s = (struct etcd_nodes){0};
}

static struct etcd_node *find(struct etcd_nodes *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->item[i].key, key) == 0)
			return &s->item[i];
	}
	return NULL;
}

static int put(struct etcd_nodes *s, const struct etcd_kv *kv)
{
	struct etcd_node *e = find(s, kv->key);

	if (e != NULL) {
		free(e->value);
		e->value = xstrdup(kv->value);
		return 0;
	}
	if (s->n == ETCD_NODES_MAX)
		return -EMSGSIZE;
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 8 : s->cap * 2;
		s->item = xrealloc(s->item, s->cap, sizeof *s->item);
	}
	s->item[s->n++] = (struct etcd_node){xstrdup(kv->key), xstrdup(kv->value)};
	return 0;
}

static void take_out(struct etcd_nodes *s, struct etcd_node *e)
{
	struct etcd_node *last = &s->item[--s->n], gone = *e;

	*e = *last;
	*last = (struct etcd_node){0};
	drop(&gone);
}

int etcd_nodes_apply(struct etcd_nodes *s, const struct etcd_kvs *kvs)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < kvs->n; i++) {
		const struct etcd_kv *kv = &kvs->item[i];
		struct etcd_node *e;

		if (kv->bad)
			continue;
		if (!kv->deleted) {
			rc = put(s, kv);
			continue;
		}
		e = find(s, kv->key);
		if (e != NULL)
			take_out(s, e);
	}
	return rc;
}

size_t etcd_nodes_candidates(const struct etcd_nodes *s, const char *source,
	struct candset *out)
{
	struct node_addr node;
	const char *why;
	size_t n_bad = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (node_parse(s->item[i].value, NULL, &node, &why) == 0)
			candset_add(out, node.name, node.host, node.port, source);
		else
			n_bad++;
	}
	return n_bad;
}
