#include "workers/dns/dns_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/dns.h"
#include "common/os/sandbox.h"
#include "workers/dns/lookup.h"

#define LOG_COMPONENT "dns"

enum { DNS_PORT = 53 };

struct dns_worker {
	struct worker *worker;
	struct lookup_conf conf;
	struct lookup *lookup;
	size_t n;
};

/* Names of resolvers as c-ares takes them: with commas between them. */
static char *server_list(const struct conf_list *servers)
{
	struct buf b = {0};
	char *text = NULL;

	for (size_t i = 0; i < servers->n; i++)
		buf_printf(&b, "%s%s", i > 0 ? "," : "", servers->item[i]);
	if (b.n > 0) {
		buf_put(&b, "", 1);
		text = xstrdup((char *)b.p);
	}
	buf_free(&b);
	return text;
}

static void put_line(struct buf *b, const struct lookup *l)
{
	buf_printf(b, "%s%s %s: ", b->n > 0 ? "; " : "", lookup_type_name(l->conf->type),
		l->name);
	if (l->status == DNS_OK)
		buf_printf(b, "%zu nodes", l->good.n);
	else
		buf_printf(b, "%s (%s)", dns_status_text(l->status),
			l->succeeded ? "the last good answer is kept" : "no answer yet");
}

/* Before every name had its first outcome, a report would drop what the others know from our last life. */
static bool is_waiting(const struct dns_worker *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->lookup[i].status == DNS_OK && !d->lookup[i].succeeded)
			return true;
	}
	return false;
}

static void on_changed(void *ctx)
{
	struct dns_worker *d = ctx;
	struct candset all = {0};
	struct buf text = {0};
	bool failed = false, any = false, self = false;

	if (is_waiting(d))
		return;
	for (size_t i = 0; i < d->n; i++) {
		const struct lookup *l = &d->lookup[i];

		failed = failed || l->status != DNS_OK;
		any = any || l->succeeded;
		put_line(&text, l);
		for (size_t k = 0; k < l->good.n; k++)
			candset_add(&all, l->good.item[k].name, l->good.item[k].host,
				l->good.item[k].port, l->good.item[k].source);
	}
	buf_put(&text, "", 1);
	if (any)
		self = candset_report(d->worker, &all);
	if (failed)
		worker_error(d->worker, (char *)text.p);
	else
		worker_ok(d->worker, self, (char *)text.p);
	candset_clear(&all);
	buf_free(&text);
}

static int open_resolver(struct dns_worker *d)
{
	char *servers = server_list(&d->worker->conf->cluster.dns.servers);
	struct dns_options options = {.servers = servers};
	int rc = dns_new(d->worker->loop, &options, &d->conf.dns);

	if (rc < 0)
		log_error("dns_init", "servers=\"%s\" error=\"%s\"",
			servers == NULL ? "" : servers, strerror(-rc));
	free(servers);
	return rc;
}

static void stop_lookups(struct dns_worker *d)
{
	for (size_t i = 0; i < d->n; i++)
		lookup_fini(&d->lookup[i]);
	free(d->lookup);
	d->lookup = NULL;
	d->n = 0;
}

static void start_lookups(struct dns_worker *d)
{
	const struct conf *conf = d->worker->conf;
	const struct conf_list *names = &conf->cluster.dns.name;
	unsigned proto = conf->cluster.proto_dist;

	d->conf.worker = d->worker;
	d->conf.type = (enum lookup_type)conf->cluster.dns.record_type;
	d->conf.family =
		proto == PROTO_INET6_TCP || proto == PROTO_INET6_TLS ? AF_INET6 : AF_INET;
	d->conf.resolve_targets = conf->cluster.dns.servers.n > 0;
	d->conf.hosts_file = "/etc/hosts";
	d->lookup = xcalloc(names->n, sizeof *d->lookup);
	d->n = names->n;
	for (size_t i = 0; i < d->n; i++)
		lookup_init(&d->lookup[i], &d->conf, names->item[i], on_changed, d);
	for (size_t i = 0; i < d->n; i++)
		lookup_start(&d->lookup[i]);
}

static int dns_init(struct worker *w)
{
	struct dns_worker *d = xcalloc(1, sizeof *d);

	w->state = d;
	d->worker = w;
	return open_resolver(d);
}

/* Where a server is asked again by TCP. */
static void dns_reach(struct worker *w, struct worker_reach *r)
{
	const struct conf_list *servers = &w->conf->cluster.dns.servers;

	worker_reach_port(r, DNS_PORT);
	for (size_t i = 0; i < servers->n; i++) {
		const char *s = servers->item[i], *end = strchr(s, ']');
		const char *colon = strchr(end == NULL ? s : end, ':');

		/* A bare IPv6 address has more than one colon, and no port. */
		if (colon != NULL && strchr(colon + 1, ':') == NULL)
			worker_reach_port(r, (unsigned)strtoul(colon + 1, NULL, 10));
	}
}

static void dns_start(struct worker *w)
{
	start_lookups(w->state);
}

static void dns_reload(struct worker *w)
{
	struct dns_worker *d = w->state;

	stop_lookups(d);
	dns_free(d->conf.dns);
	d->conf.dns = NULL;
	if (open_resolver(d) < 0)
		worker_error(w, "cluster.dns.servers can't be used");
	else
		start_lookups(d);
}

static void dns_fini(struct worker *w)
{
	struct dns_worker *d = w->state;

	if (d == NULL)
		return;
	stop_lookups(d);
	dns_free(d->conf.dns);
	free(d);
	w->state = NULL;
}

const struct worker_strategy dns_strategy = {
	.name = "dns",
	.conf_role = CONF_FOR_DNS,
	.sandbox = SANDBOX_NET_CLIENT | SANDBOX_DNS | SANDBOX_READ_ETC | SANDBOX_INTERFACES,
	.reach = dns_reach,
	.init = dns_init,
	.start = dns_start,
	.reload = dns_reload,
	.fini = dns_fini,
};
