#include "workers/etcd/etcd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/dns.h"
#include "common/net/http.h"
#include "common/os/sandbox.h"
#include "workers/candset.h"
#include "workers/etcd/etcd_session.h"

#define LOG_COMPONENT "etcd"

enum { BACKOFF_MAX_MS = 3000 };

struct etcd {
	struct worker *worker;
	struct dns *dns;
	struct http *http;
	struct etcd_conf conf;
	struct etcd_session session;
	struct worker_backoff backoff;
};

static void on_synced(void *ctx)
{
	struct etcd *e = ctx;
	const struct etcd_session *s = &e->session;
	struct candset set = {0};
	char source[300], detail[500];
	size_t n_bad, n;

	worker_backoff_reset(&e->backoff);
	snprintf(source, sizeof source, "etcd %s", etcd_session_server(s));
	n_bad = etcd_nodes_candidates(&s->nodes, source, &set);
	n = set.n;
	candset_report(e->worker, &set);
	snprintf(detail, sizeof detail,
		"server=%s lease=%" PRIx64 " ttl=%" PRIu64 "s key=%s nodes=%zu%s%s",
		etcd_session_server(s), s->lease.id, s->lease.ttl_s, e->conf.key, n,
		s->cut ? " cut=true" : "", n_bad > 0 ? " ignored_values=true" : "");
	worker_ok(e->worker, etcd_session_is_registered(s), detail);
}

static uint64_t on_failed(void *ctx, const char *text, bool all_servers)
{
	struct etcd *e = ctx;

	if (!all_servers) {
		log_warn("etcd_failover", "from=\"%s\" to=%s", text,
			etcd_session_server(&e->session));
		return 0;
	}
	worker_error(e->worker, text);
	return worker_backoff_next(e->worker, &e->backoff, BACKOFF_MAX_MS);
}

static void on_stopped(void *ctx)
{
	struct etcd *e = ctx;

	worker_stopped(e->worker);
}

static int etcd_init(struct worker *w)
{
	static const struct dns_options system_resolver = {0};
	static const struct etcd_session_events events = {on_synced, on_failed, on_stopped};
	struct etcd *e = xcalloc(1, sizeof *e);
	int rc;

	w->state = e;
	e->worker = w;
	rc = http_global_init();
	if (rc < 0) {
		log_error("http_init", "error=\"libcurl can't be initialised\"");
		return rc;
	}
	rc = dns_new(w->loop, &system_resolver, &e->dns);
	if (rc < 0) {
		log_error("dns_init", "error=\"%s\"", strerror(-rc));
		return rc;
	}
	e->http = http_new(w->loop, e->dns);
	etcd_session_init(&e->session, w->loop, e->http, &events, e);
	return 0;
}

static void etcd_reach(struct worker *w, struct worker_reach *r)
{
	struct etcd_conf conf;
	const char *why;

	if (etcd_conf_init(&conf, w->conf, w->node_name, &why) < 0)
		return; /* told at the start */
	worker_reach_file(r, conf.ca_file);
	worker_reach_file(r, conf.cert_file);
	worker_reach_file(r, conf.key_file);
	for (size_t i = 0; i < conf.n_servers; i++)
		worker_reach_port(r, http_url_port(conf.server[i]));
	etcd_conf_fini(&conf);
}

static void etcd_start(struct worker *w)
{
	struct etcd *e = w->state;
	const char *why;

	if (etcd_conf_init(&e->conf, w->conf, w->node_name, &why) < 0)
		worker_error(w, why);
	else
		etcd_session_start(&e->session, &e->conf);
}

static void etcd_reload(struct worker *w)
{
	struct etcd *e = w->state;
	struct etcd_conf fresh, old = e->conf;
	const char *why;

	if (etcd_conf_init(&fresh, w->conf, w->node_name, &why) < 0) {
		worker_error(w, why);
		return;
	}
	if (old.n_servers > 0 && etcd_conf_equal(&old, &fresh)) {
		etcd_conf_fini(&fresh);
		return;
	}
	if (e->session.conf != NULL)
		e->session.conf = &old;
	e->conf = fresh;
	etcd_session_start(&e->session, &e->conf);
	etcd_conf_fini(&old);
}

static void etcd_stop(struct worker *w)
{
	struct etcd *e = w->state;

	etcd_session_stop(&e->session);
}

static void etcd_fini(struct worker *w)
{
	struct etcd *e = w->state;

	if (e == NULL)
		return;
	if (e->http != NULL)
		etcd_session_fini(&e->session);
	http_free(e->http);
	dns_free(e->dns);
	etcd_conf_fini(&e->conf);
	free(e);
	w->state = NULL;
}

const struct worker_strategy etcd_strategy = {
	.name = "etcd",
	.conf_role = CONF_FOR_ETCD,
	.sandbox = SANDBOX_NET_CLIENT | SANDBOX_DNS | SANDBOX_TLS | SANDBOX_READ_ETC |
		   SANDBOX_INTERFACES,
	.reach = etcd_reach,
	.init = etcd_init,
	.start = etcd_start,
	.reload = etcd_reload,
	.stop = etcd_stop,
	.fini = etcd_fini,
};
