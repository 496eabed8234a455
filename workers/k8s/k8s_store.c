#include "workers/k8s/k8s_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/node.h"

void k8s_store_clear(struct k8s_store *s)
{
	for (size_t i = 0; i < s->n; i++)
		k8s_object_free(&s->object[i]);
	free(s->object);
	*s = (struct k8s_store){0};
}

static struct k8s_object *find(struct k8s_store *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->object[i].name, name) == 0)
			return &s->object[i];
	}
	return NULL;
}

int k8s_store_set(struct k8s_store *s, struct k8s_object *o)
{
	struct k8s_object *old = find(s, o->name);

	if (old != NULL) {
		k8s_object_free(old);
	} else {
		if (s->n == K8S_OBJECTS_MAX)
			return -EMSGSIZE;
		if (s->n == s->cap) {
			s->cap = s->cap == 0 ? 4 : s->cap * 2;
			s->object = xrealloc(s->object, s->cap, sizeof *s->object);
		}
		old = &s->object[s->n++];
	}
	*old = *o;
	*o = (struct k8s_object){0};
	return 0;
}

int k8s_store_add_list(struct k8s_store *s, struct k8s_list *l)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->n_objects; i++)
		rc = k8s_store_set(s, &l->object[i]);
	k8s_list_free(l);
	return rc;
}

void k8s_store_delete(struct k8s_store *s, const char *name)
{
	struct k8s_object *o = find(s, name);

	if (o == NULL)
		return;
	k8s_object_free(o);
	*o = s->object[--s->n];
}

/* The pod's A record in cluster DNS: 10.0.0.1 is 10-0-0-1. */
static void dashed(const char *address, char out[K8S_ADDRESS_MAX])
{
	size_t i = 0;

	for (; address[i] != '\0'; i++) {
		out[i] = address[i];
		if (out[i] == '.' || out[i] == ':')
			out[i] = '-';
	}
	out[i] = '\0';
}

/* EMQX's rule for the host part: without a suffix the bare address, whatever its type. */
static int node_host(const struct k8s_naming *how, const struct k8s_endpoint *e, char *out,
	size_t cap)
{
	char address[K8S_ADDRESS_MAX];

	if (how->type == K8S_BY_HOSTNAME && how->suffix[0] != '\0')
		return snprintf(out, cap, "%s.%s.%s.%s", e->hostname, how->service, how->ns,
			how->suffix);
	if (how->type == K8S_BY_HOSTNAME)
		return snprintf(out, cap, "%s", e->hostname);
	if (how->type == K8S_BY_IP || e->family == K8S_FQDN)
		return snprintf(out, cap, "%s", e->address);
	dashed(e->address, address);
	if (how->suffix[0] == '\0')
		return snprintf(out, cap, "%s", address);
	return snprintf(out, cap, "%s.%s.%s", address, how->ns, how->suffix);
}

static void add(const struct k8s_naming *how, const struct k8s_endpoint *e, const char *source,
	struct candset *out, struct k8s_skipped *skipped)
{
	char host[1024], name[NODE_NAME_MAX + 1];
	struct node_addr checked;
	const char *why;
	int n;

	if (e->family != how->family && e->family != K8S_FQDN) {
		skipped->other_family++;
		return;
	}
	if (how->type == K8S_BY_HOSTNAME && e->hostname[0] == '\0') {
		skipped->no_hostname++;
		return;
	}
	n = node_host(how, e, host, sizeof host);
	if (n < 0 || n > NODE_HOST_MAX) {
		skipped->bad++;
		return;
	}
	n = snprintf(name, sizeof name, "%.*s@%s", (int)how->prefix_len, how->prefix, host);
	if (n < 0 || (size_t)n >= sizeof name || node_parse(name, NULL, &checked, &why) < 0) {
		skipped->bad++;
		return;
	}
	/* The address is known, so nobody has to ask the cluster's name server for it. */
	candset_add(out, name, e->address, 0, source);
}

void k8s_store_candidates(const struct k8s_store *s, const struct k8s_naming *how,
	const char *source, struct candset *out, struct k8s_skipped *skipped)
{
	*skipped = (struct k8s_skipped){0};
	for (size_t i = 0; i < s->n; i++) {
		skipped->bad += s->object[i].n_bad;
		for (size_t k = 0; k < s->object[i].n_endpoints; k++)
			add(how, &s->object[i].endpoint[k], source, out, skipped);
	}
}
