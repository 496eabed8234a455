/* etcd's answers: first byte says which, the rest is its text. What was read must be usable. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/etcd/etcd_json.h"
#include "workers/etcd/etcd_nodes.h"
#include "workers/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void use(struct etcd_kvs *kvs)
{
	struct etcd_nodes nodes = {0};
	struct candset set = {0};

	if (etcd_nodes_apply(&nodes, kvs) == 0) {
		size_t bad = etcd_nodes_candidates(&nodes, "etcd", &set);

		assert(bad + set.n + set.n_cut == nodes.n);
	}
	candset_clear(&set);
	etcd_nodes_clear(&nodes);
	etcd_kvs_free(kvs);
}

static void read_range(const char *s, size_t n)
{
	struct etcd_range r;

	if (etcd_parse_range(s, n, &r) == 0) {
		assert(r.revision > 0);
		use(&r.kvs);
	}
}

static void read_watch(const char *s, size_t n)
{
	struct etcd_watch w;

	if (etcd_parse_watch(s, n, &w) == 0) {
		assert(memchr(w.reason, '\n', strlen(w.reason)) == NULL);
		use(&w.kvs);
	}
}

static void read_lease(const char *s, size_t n)
{
	struct etcd_lease l;

	if (etcd_parse_grant(s, n, &l) == 0)
		assert(l.id != 0 && l.ttl_s != 0);
	if (etcd_parse_keepalive(s, n, &l) == 0)
		assert(l.id != 0);
}

static void read_token(const char *s, size_t n)
{
	char token[ETCD_TOKEN_MAX];
	struct etcd_error e;

	if (etcd_parse_token(s, n, token) == 0)
		assert(strpbrk(token, "\r\n") == NULL);
	etcd_parse_error(s, n, &e);
	assert(strlen(e.message) < sizeof e.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const readers[])(const char *, size_t) = {read_range, read_watch,
		read_lease, read_token};

	if (n > 0)
		readers[p[0] % 4]((const char *)p + 1, n - 1);
	return 0;
}
