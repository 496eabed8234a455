#ifndef WORKERS_K8S_K8S_STORE_H
#define WORKERS_K8S_K8S_STORE_H
/*
 * The slices (or the one Endpoints object) of the service as last seen, and the node names they stand for. Pure.
 * A service has several objects, and an address may be in more than one of them.
 */
#include "workers/candset.h"
#include "workers/k8s/k8s_json.h"

enum k8s_address_type { K8S_BY_IP, K8S_BY_DNS, K8S_BY_HOSTNAME };

struct k8s_naming {         /* borrowed */
	const char *prefix; /* the part of our own name before '@' */
	unsigned prefix_len;
	enum k8s_address_type type;
	const char *service, *ns, *suffix;
	enum k8s_family
		family; /* of cluster.proto_dist; addresses of the other can't be dialled */
};

struct k8s_store {
	struct k8s_object *object;
	size_t n, cap;
};

/* Why endpoints gave no candidate. */
struct k8s_skipped {
	size_t other_family, no_hostname, bad;
};

void k8s_store_clear(struct k8s_store *s);
/* Takes the objects of l over and leaves it empty; objects of the same name replace the older. 0 or -EMSGSIZE. */
int k8s_store_add_list(struct k8s_store *s, struct k8s_list *l);
/* Takes o over. 0 or -EMSGSIZE. */
int k8s_store_set(struct k8s_store *s, struct k8s_object *o);
void k8s_store_delete(struct k8s_store *s, const char *name);

/* Adds one candidate for each endpoint that has a name in this naming. */
void k8s_store_candidates(const struct k8s_store *s, const struct k8s_naming *how,
	const char *source, struct candset *out, struct k8s_skipped *skipped);

#endif
