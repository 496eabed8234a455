#include "workers/k8s/k8s_api.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *api, *selector; /* selector NULL: read by name */
} sources[K8S_N_SOURCES] = {
	[K8S_SLICES] = {"endpointslices", "/apis/discovery.k8s.io/v1",
		"labelSelector=kubernetes.io%2Fservice-name%3D"},
	[K8S_ENDPOINTS] = {"endpoints", "/api/v1", "fieldSelector=metadata.name%3D"},
	[K8S_ENDPOINTS_GET] = {"endpoints", "/api/v1", NULL},
};

const char *k8s_source_name(enum k8s_source s)
{
	return sources[s].name;
}

static void put_escaped(struct buf *out, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (; *s != '\0'; s++) {
		if (strchr(plain, *s) != NULL)
			buf_put(out, s, 1);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

static void put_collection(struct buf *out, enum k8s_source s, const struct k8s_service *svc)
{
	buf_printf(out, "%s/namespaces/", sources[s].api);
	put_escaped(out, svc->ns);
	buf_printf(out, "/%s", sources[s].name);
	if (sources[s].selector == NULL) {
		buf_str(out, "/");
		put_escaped(out, svc->name);
	} else {
		buf_printf(out, "?%s", sources[s].selector);
		put_escaped(out, svc->name);
	}
}

void k8s_put_list_path(struct buf *out, enum k8s_source s, const struct k8s_service *svc,
	unsigned limit, const char *next)
{
	put_collection(out, s, svc);
	if (sources[s].selector == NULL)
		return;
	if (limit > 0)
		buf_printf(out, "&limit=%u", limit);
	if (next[0] != '\0') {
		buf_str(out, "&continue=");
		put_escaped(out, next);
	}
}

void k8s_put_watch_path(struct buf *out, enum k8s_source s, const struct k8s_service *svc,
	const char *version, unsigned timeout_s)
{
	put_collection(out, s, svc);
	buf_printf(out, "&watch=1&allowWatchBookmarks=true&timeoutSeconds=%u&resourceVersion=",
		timeout_s);
	put_escaped(out, version);
}

/* The missing rule as one line of YAML, ready for the Role's `rules:` list. */
static const char rule[] =
	"add to the pod's Role: - {apiGroups: [\"discovery.k8s.io\"], resources: "
	"[\"endpointslices\"], verbs: [\"get\", \"list\", \"watch\"]}";

char *k8s_explain(enum k8s_source s, const struct k8s_service *svc, unsigned status,
	const struct k8s_status *st, char out[K8S_EXPLAIN_MAX])
{
	const char *advice = "", *sep = "";

	if (status == 401)
		advice = "the service account's token is not accepted";
	else if (status == 403)
		advice = rule;
	else if (status == 404 && s == K8S_ENDPOINTS_GET)
		advice = "check cluster.k8s.service_name and cluster.k8s.namespace";
	if (advice[0] != '\0')
		sep = "; ";
	snprintf(out, K8S_EXPLAIN_MAX, "%s of %s/%s: HTTP %u: %.200s%s%s", k8s_source_name(s),
		svc->ns, svc->name, status, st->message, sep, advice);
	return out;
}

char *k8s_explain_skipped(const struct k8s_skipped *skipped, const struct k8s_naming *how,
	char out[K8S_EXPLAIN_MAX])
{
	out[0] = '\0';
	if (skipped->no_hostname > 0)
		snprintf(out, K8S_EXPLAIN_MAX,
			"%zu endpoints of %s/%s have no hostname (pods of a StatefulSet with a "
			"headless service have one); use cluster.k8s.address_type = ip or dns",
			skipped->no_hostname, how->ns, how->service);
	else if (skipped->other_family > 0)
		snprintf(out, K8S_EXPLAIN_MAX,
			"%zu endpoints of %s/%s are IPv%c only, and cluster.proto_dist is %s",
			skipped->other_family, how->ns, how->service,
			how->family == K8S_IPV4 ? '6' : '4',
			how->family == K8S_IPV4 ? "inet_*" : "inet6_*");
	else if (skipped->bad > 0)
		snprintf(out, K8S_EXPLAIN_MAX, "%zu endpoints of %s/%s make no node name",
			skipped->bad, how->ns, how->service);
	return out;
}
