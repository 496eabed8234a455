#ifndef WORKERS_K8S_K8S_API_H
#define WORKERS_K8S_K8S_API_H
/* Which questions there are to an API server, as paths, and its refusals in words an operator can paste. Pure. */
#include "common/base/buf.h"
#include "workers/k8s/k8s_json.h"
#include "workers/k8s/k8s_store.h"

/* In the order in which they are tried. */
enum k8s_source {
	K8S_SLICES,        /* EndpointSlices of the service, listed and watched */
	K8S_ENDPOINTS,     /* its Endpoints object, listed and watched */
	K8S_ENDPOINTS_GET, /* the same, read by name: the only right that EMQX asks for */
	K8S_N_SOURCES
};

enum { K8S_PAGE = 250, K8S_EXPLAIN_MAX = 500 };

struct k8s_service { /* borrowed */
	const char *ns, *name;
};

const char *k8s_source_name(enum k8s_source s);
/* Appends the path of a list; next: the continue token of the page before, or ""; limit 0: all at once. */
void k8s_put_list_path(struct buf *out, enum k8s_source s, const struct k8s_service *svc,
	unsigned limit, const char *next);
void k8s_put_watch_path(struct buf *out, enum k8s_source s, const struct k8s_service *svc,
	const char *version, unsigned timeout_s);

/* One line about an answer that was no success. Returns out. */
char *k8s_explain(enum k8s_source s, const struct k8s_service *svc, unsigned status,
	const struct k8s_status *st, char out[K8S_EXPLAIN_MAX]);
/* Why there are endpoints but no candidates; "" when there is nothing to say. */
char *k8s_explain_skipped(const struct k8s_skipped *skipped, const struct k8s_naming *how,
	char out[K8S_EXPLAIN_MAX]);

#endif
