#include "common/net/dns.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/node.h"
#include "common/net/dns_chan.h"

/*
 * c-ares cannot cancel one query: a lookup that timed out or was cancelled stays (cb gone, in_ares) until c-ares is
 * done with it.
 */
struct dns_req {
	LIST_ENTRY(dns_req) link;
	TAILQ_ENTRY(dns_req) ready_link;
	struct dns *dns;
	ev_timer timeout;
	bool in_ares, ready, verbatim;
	unsigned turn; /* of the loop, when it became ready */
	char *name;
	int family;         /* of host_cb's addresses */
	enum dns_type type; /* of query_cb's records */
	void (*host_cb)(void *, enum dns_status, const union dns_addr *, size_t);
	void (*query_cb)(void *, enum dns_status, const struct dns_answer *);
	void *ctx;
	enum dns_status status;
	union dns_addr *addr;
	size_t n_addr;
	struct dns_answer answer;
};

struct dns {
	struct dns_chan chan;
	struct dns_chan
		verbatim; /* set up when first needed: what do the servers say that gave no answer? */
	bool has_verbatim;
	ev_timer deliver;
	LIST_HEAD(dns_req_list, dns_req) all;
	TAILQ_HEAD(dns_ready_list, dns_req) ready; /* decided, callback due */
	unsigned n_in_ares, turn;
	bool *gone; /* set by dns_free() for the delivery that it happens in */
};

static void drop(struct dns_req *req)
{
	LIST_REMOVE(req, link);
	dns_answer_free(&req->answer);
	free(req->addr);
	free(req->name);
	free(req);
}

/* Callbacks never run inside c-ares or inside a call from outside: only from the deliver timer. */
static void decide(struct dns_req *req, enum dns_status status)
{
	struct dns *dns = req->dns;

	if (req->ready || (req->host_cb == NULL && req->query_cb == NULL))
		return;
	req->status = status;
	req->ready = true;
	req->turn = dns->turn;
	ev_timer_stop(dns->chan.loop, &req->timeout);
	TAILQ_INSERT_TAIL(&dns->ready, req, ready_link);
	ev_timer_start(dns->chan.loop, &dns->deliver);
}

static void call_back(const struct dns_req *req)
{
	assert(req->host_cb != NULL || req->query_cb != NULL); /* the others are never ready */
	if (req->host_cb != NULL)
		req->host_cb(req->ctx, req->status, req->addr, req->n_addr);
	else
		req->query_cb(req->ctx, req->status, &req->answer);
}

/* Takes what the callback needs out of the request, which may live on for c-ares or be freed with dns. */
static struct dns_req take_ready(struct dns *dns)
{
	struct dns_req *req = TAILQ_FIRST(&dns->ready), taken = *req;

	TAILQ_REMOVE(&dns->ready, req, ready_link);
	req->ready = false;
	req->host_cb = NULL;
	req->query_cb = NULL;
	req->addr = NULL;
	req->answer = (struct dns_answer){NULL, 0};
	if (!req->in_ares)
		drop(req);
	return taken;
}

static void on_deliver(struct ev_loop *loop, ev_timer *t, int events)
{
	struct dns *dns = t->data;
	bool gone = false;

	(void)loop;
	(void)events;
	dns->gone = &gone;
	dns->turn++;
	/* What a callback starts and at once decides waits for the next turn: others live on this loop, too. */
	while (!gone && !TAILQ_EMPTY(&dns->ready) &&
		TAILQ_FIRST(&dns->ready)->turn != dns->turn) {
		struct dns_req taken = take_ready(dns);

		call_back(&taken);
		dns_answer_free(&taken.answer);
		free(taken.addr);
	}
	if (!gone)
		dns->gone = NULL;
}

static void on_timeout(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)events;
	decide(t->data, DNS_TIMEOUT);
}

static enum dns_status status_of(int ares)
{
	static const struct {
		int ares;
		enum dns_status status;
	} map[] = {
		{ARES_SUCCESS, DNS_OK},
		{ARES_ENOTFOUND, DNS_NXDOMAIN},
		{ARES_ENODATA, DNS_NODATA},
		{ARES_ESERVFAIL, DNS_SERVFAIL},
		{ARES_EREFUSED, DNS_REFUSED},
		{ARES_ENOTIMP, DNS_REFUSED},
		{ARES_ETIMEOUT, DNS_TIMEOUT},
		{ARES_ECONNREFUSED, DNS_UNREACHABLE},
		{ARES_EBADRESP, DNS_GARBAGE},
		{ARES_EFORMERR, DNS_GARBAGE},
		{ARES_EBADNAME, DNS_BAD_NAME},
		{ARES_ENONAME, DNS_BAD_NAME},
	};

	for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
		if (map[i].ares == ares)
			return map[i].status;
	return DNS_FAILED;
}

/* c-ares is done with a request. False when nobody waits any more: then req is gone. */
static bool leave_ares(struct dns_req *req)
{
	req->in_ares = false;
	req->dns->n_in_ares--;
	if (req->ready)
		return false;
	if (req->host_cb != NULL || req->query_cb != NULL)
		return true;
	drop(req);
	return false;
}

static void ask(struct dns_req *req);

static bool verbatim_ready(struct dns *dns)
{
	const struct dns_options o = {dns->chan.servers, dns->chan.resolv_conf,
		dns->chan.try_ms, dns->chan.tries};

	if (dns->has_verbatim)
		dns_chan_refresh(&dns->verbatim, dns->n_in_ares == 0);
	else
		dns->has_verbatim =
			dns_chan_init(&dns->verbatim, dns->chan.loop, &o, true) == 0;
	return dns->has_verbatim;
}

/* No server gave an answer. Were they not there, or did they refuse or fail? Once more, and take their word. */
static bool ask_again(struct dns_req *req, int status)
{
	if (status != ARES_ECONNREFUSED || req->verbatim || !verbatim_ready(req->dns))
		return false;
	req->verbatim = true;
	ask(req);
	return true;
}

static bool copy_addr(const struct ares_addrinfo_node *node, union dns_addr *out)
{
	size_t n = node->ai_family == AF_INET    ? sizeof out->in
		   : node->ai_family == AF_INET6 ? sizeof out->in6
						 : 0;

	if (n == 0 || node->ai_addrlen < n)
		return false;
	memcpy(out, node->ai_addr, n);
	return true;
}

static void keep_addrs(struct dns_req *req, const struct ares_addrinfo *info)
{
	req->addr = xcalloc(DNS_ADDRS_MAX, sizeof *req->addr);
	for (const struct ares_addrinfo_node *node = info->nodes;
		node != NULL && req->n_addr < DNS_ADDRS_MAX; node = node->ai_next)
		req->n_addr += copy_addr(node, &req->addr[req->n_addr]);
}

static void on_host(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct dns_req *req = arg;

	(void)timeouts;
	if (leave_ares(req) && !ask_again(req, status)) {
		if (status == ARES_SUCCESS)
			keep_addrs(req, info);
		decide(req, status == ARES_SUCCESS && req->n_addr == 0 ? DNS_NODATA
								       : status_of(status));
	}
	if (info != NULL)
		ares_freeaddrinfo(info);
}

static void on_query(void *arg, int status, int timeouts, unsigned char *packet, int n)
{
	struct dns_req *req = arg;

	(void)timeouts;
	if (!leave_ares(req) || ask_again(req, status))
		return;
	if (status == ARES_SUCCESS)
		decide(req, dns_answer_read(packet, (size_t)n, req->type, &req->answer));
	else
		decide(req, status_of(status));
}

static void ask(struct dns_req *req)
{
	enum { CLASS_IN = 1 };
	const struct ares_addrinfo_hints hints = {.ai_family = req->family,
		.ai_flags = ARES_AI_NOSORT};
	struct dns *dns = req->dns;
	struct dns_chan *chan = req->verbatim ? &dns->verbatim : &dns->chan;

	req->in_ares = true;
	dns->n_in_ares++;
	if (req->host_cb != NULL)
		ares_getaddrinfo(chan->ares, req->name, NULL, &hints, on_host, req);
	else
		ares_query(chan->ares, req->name, CLASS_IN, (int)req->type, on_query, req);
	dns_chan_rearm(chan);
}

static struct dns_req *begin(struct dns *dns, uint32_t timeout_ms, void *ctx)
{
	struct dns_req *req = xcalloc(1, sizeof *req);

	req->dns = dns;
	req->ctx = ctx;
	req->timeout.data = req;
	ev_now_update(dns->chan.loop);
	ev_timer_init(&req->timeout, on_timeout, timeout_ms / 1e3, 0);
	if (timeout_ms > 0)
		ev_timer_start(dns->chan.loop, &req->timeout);
	LIST_INSERT_HEAD(&dns->all, req, link);
	return req;
}

static void start(struct dns_req *req, const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > NODE_HOST_MAX + 1) { /* one more: a final dot */
		decide(req, DNS_BAD_NAME);
		return;
	}
	if (req->dns->n_in_ares >= DNS_LOOKUPS_MAX) {
		decide(req, DNS_BUSY);
		return;
	}
	req->name = xstrdup(name);
	dns_chan_refresh(&req->dns->chan, req->dns->n_in_ares == 0);
	ask(req);
}

bool dns_literal(const char *host, union dns_addr *out)
{
	const char *scope = strchr(host, '%');
	char text[INET6_ADDRSTRLEN];
	size_t n = scope != NULL ? (size_t)(scope - host) : strlen(host);

	if (n >= sizeof text)
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	memset(out, 0, sizeof *out);
	if (scope == NULL && inet_pton(AF_INET, text, &out->in.sin_addr) == 1) {
		out->in.sin_family = AF_INET;
		return true;
	}
	if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) != 1)
		return false;
	out->in6.sin6_family = AF_INET6;
	if (scope != NULL)
		out->in6.sin6_scope_id = if_nametoindex(scope + 1);
	return scope == NULL || out->in6.sin6_scope_id != 0;
}

struct dns_req *dns_resolve_host(struct dns *dns, const char *host, int family,
	uint32_t timeout_ms,
	void (*cb)(void *ctx, enum dns_status status, const union dns_addr *addr, size_t n),
	void *ctx)
{
	struct dns_req *req = begin(dns, timeout_ms, ctx);
	union dns_addr literal;

	req->host_cb = cb;
	req->family = family;
	if (dns_literal(host, &literal)) {
		req->addr = xmemdup(&literal, sizeof literal);
		req->n_addr = family == AF_UNSPEC || family == literal.sa.sa_family;
		decide(req, req->n_addr == 1 ? DNS_OK : DNS_NODATA);
	} else {
		start(req, host);
	}
	return req;
}

struct dns_req *dns_query(struct dns *dns, const char *name, enum dns_type type,
	uint32_t timeout_ms,
	void (*cb)(void *ctx, enum dns_status status, const struct dns_answer *a), void *ctx)
{
	struct dns_req *req = begin(dns, timeout_ms, ctx);

	req->query_cb = cb;
	req->type = type;
	start(req, name);
	return req;
}

void dns_cancel(struct dns_req *req)
{
	struct dns *dns = req->dns;

	if (req->ready)
		TAILQ_REMOVE(&dns->ready, req, ready_link);
	ev_timer_stop(dns->chan.loop, &req->timeout);
	req->ready = false;
	req->host_cb = NULL;
	req->query_cb = NULL;
	if (!req->in_ares)
		drop(req);
}

int dns_new(struct ev_loop *loop, const struct dns_options *options, struct dns **out)
{
	struct dns *dns = xcalloc(1, sizeof *dns);
	int rc = dns_chan_init(&dns->chan, loop, options, false);

	LIST_INIT(&dns->all);
	TAILQ_INIT(&dns->ready);
	ev_timer_init(&dns->deliver, on_deliver, 0, 0);
	dns->deliver.data = dns;
	*out = dns;
	if (rc < 0) {
		free(dns);
		*out = NULL;
	}
	return rc;
}

void dns_free(struct dns *dns)
{
	struct dns_req *req, *next;

	if (dns == NULL)
		return;
	if (dns->gone != NULL)
		*dns->gone = true;
	for (req = LIST_FIRST(&dns->all); req != NULL; req = next) {
		next = LIST_NEXT(req, link);
		dns_cancel(req);
	}
	if (dns->has_verbatim)
		dns_chan_free(&dns->verbatim);
	dns_chan_free(&dns->chan); /* hands back, and so frees, what is still in c-ares */
	ev_timer_stop(dns->chan.loop, &dns->deliver);
	assert(LIST_EMPTY(&dns->all));
	free(dns);
}

const char *dns_status_text(enum dns_status status)
{
	static const char *const text[] = {
		[DNS_OK] = "ok",
		[DNS_NXDOMAIN] = "no such name",
		[DNS_NODATA] = "the name has no such record",
		[DNS_SERVFAIL] = "server failure",
		[DNS_REFUSED] = "refused by the server",
		[DNS_TIMEOUT] = "no answer in time",
		[DNS_UNREACHABLE] = "no DNS server can be reached",
		[DNS_GARBAGE] = "unreadable answer",
		[DNS_BAD_NAME] = "not a host name",
		[DNS_BUSY] = "too many lookups at once",
		[DNS_FAILED] = "lookup failed",
	};

	return text[status];
}
