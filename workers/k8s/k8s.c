#include "workers/k8s/k8s.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/node.h"
#include "common/net/dns.h"
#include "common/net/http.h"
#include "common/os/sandbox.h"
#include "workers/candset.h"
#include "workers/k8s/k8s_session.h"

#define LOG_COMPONENT "k8s"

/* Where Kubernetes mounts a pod's identity: token, ca.crt, namespace. Not a setting, as in EMQX. */
static const char account_dir[] = "/var/run/secrets/kubernetes.io/serviceaccount";

enum { BACKOFF_MAX_MS = 30000 };

struct k8s {
	struct worker *worker;
	struct dns *dns;
	struct http *http;
	struct k8s_session session;
	struct worker_backoff backoff;
	char pod_ns[K8S_NAME_MAX]; /* "" outside a pod */
};

static struct k8s_naming naming(const struct worker *w)
{
	unsigned proto = w->conf->cluster.proto_dist;
	bool v6 = proto == PROTO_INET6_TCP || proto == PROTO_INET6_TLS;

	return (struct k8s_naming){
		.prefix = w->node_name,
		.prefix_len = node_short_len(w->node_name),
		.type = (enum k8s_address_type)w->conf->cluster.k8s.address_type,
		.service = w->conf->cluster.k8s.service_name,
		.ns = w->conf->cluster.k8s.ns,
		.suffix = w->conf->cluster.k8s.suffix,
		.family = v6 ? K8S_IPV6 : K8S_IPV4,
	};
}

/* An answer without a single node in it is a mistake somewhere; where? */
static void explain_empty(struct k8s *k, const struct k8s_naming *how, const char *skipped)
{
	char text[K8S_EXPLAIN_MAX + 100];

	if (skipped[0] != '\0')
		snprintf(text, sizeof text, "%s", skipped);
	else if (k->pod_ns[0] != '\0' && strcmp(k->pod_ns, how->ns) != 0)
		snprintf(text, sizeof text,
			"service %s/%s has no endpoints; this pod runs in namespace %s: check "
			"cluster.k8s.namespace",
			how->ns, how->service, k->pod_ns);
	else
		snprintf(text, sizeof text,
			"service %s/%s has no endpoints; check cluster.k8s.service_name and "
			"cluster.k8s.namespace",
			how->ns, how->service);
	worker_error(k->worker, text);
}

static void on_synced(void *ctx)
{
	struct k8s *k = ctx;
	const struct k8s_session *s = &k->session;
	struct k8s_naming how = naming(k->worker);
	char source[600], detail[1200], skipped_text[K8S_EXPLAIN_MAX];
	struct candset set = {0};
	struct k8s_skipped skipped;
	size_t n;
	bool self;

	worker_backoff_reset(&k->backoff);
	snprintf(source, sizeof source, "k8s %s %s/%s", k8s_source_name(s->source), how.ns,
		how.service);
	k8s_store_candidates(&s->store, &how, source, &set, &skipped);
	k8s_explain_skipped(&skipped, &how, skipped_text);
	n = set.n;
	self = candset_report(k->worker, &set);
	if (n == 0) {
		explain_empty(k, &how, skipped_text);
		return;
	}
	snprintf(detail, sizeof detail, "server=%s %s of %s/%s %s nodes=%zu%s%s%s%s",
		s->conf.server, k8s_source_name(s->source), how.ns, how.service,
		s->polling ? "polled" : "watched", n, skipped_text[0] != '\0' ? "; " : "",
		skipped_text, s->refused[0] != '\0' ? "; " : "", s->refused);
	worker_ok(k->worker, self, detail);
}

static uint64_t on_failed(void *ctx, const char *text)
{
	struct k8s *k = ctx;
	char line[K8S_EXPLAIN_MAX + 600];

	snprintf(line, sizeof line, "%s: %s", k->session.conf.server, text);
	worker_error(k->worker, line);
	return worker_backoff_next(k->worker, &k->backoff, BACKOFF_MAX_MS);
}

static void read_pod_namespace(struct k8s *k)
{
	char path[sizeof account_dir + sizeof "/namespace"];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/namespace", account_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, k->pod_ns, sizeof k->pod_ns - 1);
	k->pod_ns[n > 0 ? n : 0] = '\0';
	k->pod_ns[strcspn(k->pod_ns, "\r\n ")] = '\0';
	close(fd);
}

static int k8s_init(struct worker *w)
{
	static const struct dns_options system_resolver = {0};
	static const struct k8s_session_events events = {on_synced, on_failed};
	struct k8s *k = xcalloc(1, sizeof *k);
	int rc;

	w->state = k;
	k->worker = w;
	rc = http_global_init();
	if (rc < 0) {
		log_error("http_init", "error=\"libcurl can't be initialised\"");
		return rc;
	}
	read_pod_namespace(k);
	rc = dns_new(w->loop, &system_resolver, &k->dns);
	if (rc < 0) {
		log_error("dns_init", "error=\"%s\"", strerror(-rc));
		return rc;
	}
	k->http = http_new(w->loop, k->dns);
	k8s_session_init(&k->session, w->loop, k->http, &w->rng, &events, k);
	return 0;
}

static void k8s_reach(struct worker *w, struct worker_reach *r)
{
	worker_reach_dir(r, account_dir);
	worker_reach_port(r, http_url_port(w->conf->cluster.k8s.apiserver));
}

/* Begins anew whatever changed: the set stays until the new answer is here. */
static void k8s_start(struct worker *w)
{
	struct k8s *k = w->state;
	struct k8s_session_conf conf = {
		.server = w->conf->cluster.k8s.apiserver,
		.account_dir = account_dir,
		.service = {w->conf->cluster.k8s.ns, w->conf->cluster.k8s.service_name},
	};

	k8s_session_start(&k->session, &conf);
}

static void k8s_fini(struct worker *w)
{
	struct k8s *k = w->state;

	if (k == NULL)
		return;
	if (k->http != NULL)
		k8s_session_fini(&k->session);
	http_free(k->http);
	dns_free(k->dns);
	free(k);
	w->state = NULL;
}

const struct worker_strategy k8s_strategy = {
	.name = "k8s",
	.conf_role = CONF_FOR_K8S,
	.sandbox = SANDBOX_NET_CLIENT | SANDBOX_DNS | SANDBOX_TLS | SANDBOX_READ_ETC |
		   SANDBOX_INTERFACES,
	.reach = k8s_reach,
	.init = k8s_init,
	.start = k8s_start,
	.reload = k8s_start,
	.fini = k8s_fini,
};
