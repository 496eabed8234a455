/* An API server's answers: first byte says which, the rest is a body or the lines of a watch. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/node.h"
#include "workers/k8s/k8s_api.h"
#include "workers/k8s/k8s_json.h"
#include "workers/k8s/k8s_store.h"
#include "workers/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Whatever was read, the names that come of it are names. */
static void use(const struct k8s_store *store, uint8_t how)
{
	struct k8s_naming naming = {
		.prefix = "emqx@h",
		.prefix_len = 4,
		.type = (enum k8s_address_type)(how % 3),
		.service = "emqx",
		.ns = "default",
		.suffix = how & 4 ? "svc.cluster.local" : "",
		.family = how & 8 ? K8S_IPV6 : K8S_IPV4,
	};
	struct candset set = {0};
	struct k8s_skipped skipped;
	char text[K8S_EXPLAIN_MAX];

	k8s_store_candidates(store, &naming, "k8s", &set, &skipped);
	for (size_t i = 0; i < set.n; i++) {
		struct node_addr a;
		const char *why;

		assert(node_parse(set.item[i].name, NULL, &a, &why) == 0);
		assert(a.port == 0);
	}
	k8s_explain_skipped(&skipped, &naming, text);
	candset_clear(&set);
}

static void read_list(const char *s, size_t n, uint8_t how)
{
	struct k8s_store store = {0};
	struct k8s_list l;

	if (k8s_parse_list(s, n, &l) == 0 && k8s_store_add_list(&store, &l) == 0)
		use(&store, how);
	k8s_store_clear(&store);
}

static void read_watch(const char *s, size_t n, uint8_t how)
{
	struct k8s_store store = {0};
	const char *nl;

	for (; (nl = memchr(s, '\n', n)) != NULL; n -= (size_t)(nl - s) + 1, s = nl + 1) {
		struct k8s_event e;

		if (k8s_parse_event(s, (size_t)(nl - s), &e) < 0)
			continue;
		if (e.type == K8S_SET)
			k8s_store_set(&store, &e.object);
		else if (e.type == K8S_DELETED)
			k8s_store_delete(&store, e.object.name);
		k8s_event_free(&e);
	}
	use(&store, how);
	k8s_store_clear(&store);
}

static void read_status(const char *s, size_t n, uint8_t how)
{
	struct k8s_service svc = {"default", "emqx"};
	struct k8s_status st;
	char text[K8S_EXPLAIN_MAX];

	k8s_parse_status(s, n, &st);
	k8s_explain((enum k8s_source)(how % 3), &svc, how & 16 ? 403 : 500, &st, text);
	assert(strlen(text) < sizeof text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const readers[])(const char *, size_t, uint8_t) = {read_list, read_watch,
		read_status};

	if (n > 0)
		readers[(p[0] >> 5) % 3]((const char *)p + 1, n - 1, p[0]);
	return 0;
}
