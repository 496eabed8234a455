#include "workers/dns/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/node.h"
#include "workers/dns/hosts.h"

enum { SOURCE_MAX = 300, RETRY_MAX_MS = 30000, TARGET_TIMEOUT_MS = 5000 };

static void next_target(struct lookup *l);

const char *lookup_type_name(enum lookup_type t)
{
	static const char *const names[] = {"a", "aaaa", "srv"};

	return names[t];
}

static void arm(struct lookup *l, uint64_t delay_ms)
{
	struct ev_loop *loop = l->conf->worker->loop;

	ev_timer_stop(loop, &l->timer);
	ev_now_update(loop);
	ev_timer_set(&l->timer, (double)delay_ms / 1000.0, 0.);
	ev_timer_start(loop, &l->timer);
}

static char *source_text(const struct lookup *l, char out[SOURCE_MAX])
{
	snprintf(out, SOURCE_MAX, "dns %s %s", lookup_type_name(l->conf->type), l->name);
	return out;
}

static void succeed(struct lookup *l)
{
	l->succeeded = true;
	l->status = DNS_OK;
	worker_backoff_reset(&l->backoff);
	arm(l, l->ttl_ms);
	l->changed(l->ctx);
}

/* Not sooner than a resolver's cache could have something new, where that is known. */
static uint64_t retry_max(const struct lookup *l)
{
	return l->ttl_ms == 0 || l->ttl_ms > RETRY_MAX_MS ? RETRY_MAX_MS : l->ttl_ms;
}

static void fail(struct lookup *l, enum dns_status status)
{
	l->status = status;
	arm(l, worker_backoff_next(l->conf->worker, &l->backoff, retry_max(l)));
	l->changed(l->ctx);
}

static void take_fresh(struct lookup *l)
{
	candset_clear(&l->good);
	l->good = l->fresh;
	l->fresh = (struct candset){0};
	succeed(l);
}

static void add_target(struct lookup *l, const struct records_target *t, const char *host)
{
	char text[NODE_TEXT_MAX], source[SOURCE_MAX];
	const char *own = l->conf->worker->node_name, *why;
	struct node_addr node;
	int n = snprintf(text, sizeof text, "%.*s@%s", (int)node_short_len(own), own, t->host);

	if (n > 0 && (size_t)n < sizeof text && node_parse(text, NULL, &node, &why) == 0)
		candset_add(&l->fresh, node.name, host, t->port, source_text(l, source));
}

static void on_target(void *ctx, enum dns_status status, const union dns_addr *addr, size_t n)
{
	struct lookup *l = ctx;
	const struct records_target *t = &l->targets.item[l->target++];
	char host[64];

	l->req = NULL;
	for (size_t i = 0; i < n; i++) {
		records_address(&addr[i], host);
		add_target(l, t, host);
	}
	/* The dialler may know better. */
	if (status != DNS_OK)
		add_target(l, t, t->host);
	next_target(l);
}

static void next_target(struct lookup *l)
{
	const struct lookup_conf *c = l->conf;

	while (l->target < l->targets.n) {
		const struct records_target *t = &l->targets.item[l->target];

		if (c->resolve_targets) {
			l->req = dns_resolve_host(c->dns, t->host, c->family, TARGET_TIMEOUT_MS,
				on_target, l);
			return;
		}
		add_target(l, t, t->host);
		l->target++;
	}
	records_targets_free(&l->targets);
	take_fresh(l);
}

static void take_answer(struct lookup *l, const struct dns_answer *a)
{
	char source[SOURCE_MAX];

	l->ttl_ms = records_next_ms(a);
	candset_clear(&l->fresh);
	if (l->conf->type == LOOKUP_SRV) {
		records_targets_free(&l->targets);
		records_targets(a, &l->targets);
		l->target = 0;
		next_target(l);
		return;
	}
	records_add_addresses(a, l->conf->worker->node_name, source_text(l, source), &l->fresh);
	take_fresh(l);
}

static void on_answer(void *ctx, enum dns_status status, const struct dns_answer *a)
{
	struct lookup *l = ctx;

	l->req = NULL;
	if (status == DNS_OK)
		take_answer(l, a);
	else
		fail(l, status);
}

static bool take_from_hosts(struct lookup *l)
{
	struct dns_answer a = {0};

	if (l->conf->type == LOOKUP_SRV)
		return false;
	hosts_find_in(l->conf->hosts_file, l->name,
		l->conf->type == LOOKUP_A ? AF_INET : AF_INET6, &a);
	if (a.n == 0)
		return false;
	take_answer(l, &a);
	dns_answer_free(&a);
	return true;
}

static void ask(struct lookup *l)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_SRV};

	if (!take_from_hosts(l))
		l->req =
			dns_query(l->conf->dns, l->name, types[l->conf->type], 0, on_answer, l);
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	ask(t->data);
}

void lookup_init(struct lookup *l, const struct lookup_conf *conf, const char *name,
	void (*changed)(void *ctx), void *ctx)
{
	*l = (struct lookup){.conf = conf,
		.name = xstrdup(name),
		.changed = changed,
		.ctx = ctx};
	ev_init(&l->timer, on_timer);
	l->timer.data = l;
}

void lookup_fini(struct lookup *l)
{
	if (l->req != NULL)
		dns_cancel(l->req);
	ev_timer_stop(l->conf->worker->loop, &l->timer);
	candset_clear(&l->good);
	candset_clear(&l->fresh);
	records_targets_free(&l->targets);
	free(l->name);
}

void lookup_start(struct lookup *l)
{
	arm(l, 0);
}
