#include "common/net/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/net/dns.h"
#include "common/net/http_call.h"

enum { CONNECTIONS_MAX = 8, RESOLVE_TIMEOUT_MS = 5000 };

struct http {
	struct ev_loop *loop;
	struct dns *dns;
	CURLM *multi;
	ev_timer timer;  /* curl's next deadline */
	ev_timer report; /* fires at once: outcomes decided outside a callback of the loop */
	struct http_call *calls;
	bool delivering;
};

int http_global_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -EIO;
}

static void reap(struct http *h)
{
	struct http_call **at = &h->calls;

	while (*at != NULL) {
		struct http_call *c = *at;

		if (!c->dead) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		http_call_free(c);
	}
}

/* From here on nothing of it happens any more; the memory stays until nobody can be looking at it. */
static void end_call(struct http_call *c)
{
	struct http *h = c->http;

	c->dead = true;
	ev_timer_stop(h->loop, &c->idle);
	if (c->dns != NULL)
		dns_cancel(c->dns);
	c->dns = NULL;
	if (c->added)
		curl_multi_remove_handle(h->multi, c->easy);
	c->added = false;
}

void http_cancel(struct http_call *c)
{
	struct http *h;

	if (c == NULL || c->dead)
		return;
	h = c->http;
	end_call(c);
	if (!h->delivering)
		reap(h);
}

static void touch(struct http_call *c)
{
	if (c->idle_ms != 0)
		ev_timer_again(c->http->loop, &c->idle);
}

static bool next_line(struct http_call *c, size_t *len)
{
	const uint8_t *at = c->in.p + c->scanned;
	const uint8_t *nl =
		c->in.n == c->scanned ? NULL : memchr(at, '\n', c->in.n - c->scanned);

	if (nl == NULL) {
		c->scanned = c->in.n;
		return false;
	}
	*len = (size_t)(nl - c->in.p);
	return true;
}

/* Blank lines are keep-alives of some proxies. */
static void deliver_lines(struct http_call *c)
{
	size_t n, done = 0;

	while (!c->dead && next_line(c, &n)) {
		c->in.p[n] = '\0';
		if (n > done)
			c->handlers.line(c->ctx, (char *)c->in.p + done, n - done);
		done = n + 1;
		c->scanned = done;
	}
	if (c->dead)
		return;
	buf_drop(&c->in, done);
	c->scanned = c->in.n;
	if (c->in.n > HTTP_LINE_MAX) {
		c->too_long = true;
		c->over = true;
	}
}

static void deliver_end(struct http_call *c)
{
	struct http_result r;

	/* A last line without its newline is whole when the body was. */
	if (c->code == CURLE_OK && !c->too_long && c->error == 0 && c->in.n > 0 &&
		http_call_streams(c)) {
		buf_put(&c->in, "\n", 1);
		deliver_lines(c);
	}
	if (c->dead)
		return;
	http_call_result(c, &r);
	end_call(c);
	c->handlers.done(c->ctx, &r);
}

/* Outside curl, so that callbacks may do what they like. New calls go to the head of the list and wait for their turn. */
static void deliver(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct http_call *c = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		c->over = true;
		c->code = m->data.result;
	}
	h->delivering = true;
	for (struct http_call *c = h->calls; c != NULL; c = c->next) {
		if (!c->dead && c->in.n > 0 && !c->too_long && http_call_streams(c)) {
			touch(c);
			deliver_lines(c);
		}
		if (!c->dead && c->over)
			deliver_end(c);
	}
	h->delivering = false;
	reap(h);
}

static void act(struct http *h, curl_socket_t fd, int events)
{
	int running;

	curl_multi_socket_action(h->multi, fd, events, &running);
	deliver(h);
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	act(t->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_report(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	deliver(t->data);
}

static void on_socket(struct ev_loop *loop, ev_io *io, int revents)
{
	int events = 0;

	(void)loop;
	if (revents & EV_READ)
		events |= CURL_CSELECT_IN;
	if (revents & EV_WRITE)
		events |= CURL_CSELECT_OUT;
	act(io->data, io->fd, events); /* may free io */
}

/* curl wants to watch a socket, or no longer. */
static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock)
{
	struct http *h = arg;
	ev_io *io = sock;
	int events = 0;

	(void)easy;
	if (io != NULL)
		ev_io_stop(h->loop, io);
	if (what == CURL_POLL_REMOVE) {
		free(io);
		return 0;
	}
	if (io == NULL) {
		io = xcalloc(1, sizeof *io);
		io->data = h;
		curl_multi_assign(h->multi, fd, io);
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	ev_io_init(io, on_socket, fd, events);
	ev_io_start(h->loop, io);
	return 0;
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http *h = arg;

	(void)multi;
	ev_timer_stop(h->loop, &h->timer);
	if (timeout_ms < 0)
		return 0;
	ev_now_update(h->loop);
	ev_timer_set(&h->timer, (double)timeout_ms / 1000.0, 0.);
	ev_timer_start(h->loop, &h->timer);
	return 0;
}

struct http *http_new(struct ev_loop *loop, struct dns *dns)
{
	struct http *h = xcalloc(1, sizeof *h);

	h->loop = loop;
	h->dns = dns;
	h->multi = curl_multi_init();
	if (h->multi == NULL)
		abort();
	ev_init(&h->timer, on_timer);
	ev_init(&h->report, on_report);
	h->timer.data = h->report.data = h;
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	return h;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	for (struct http_call *c = h->calls; c != NULL; c = c->next)
		end_call(c);
	reap(h);
	curl_multi_cleanup(h->multi);
	ev_timer_stop(h->loop, &h->timer);
	ev_timer_stop(h->loop, &h->report);
	free(h);
}

static void fail_soon(struct http_call *c, int error)
{
	struct http *h = c->http;

	c->error = error;
	c->over = true;
	ev_timer_set(&h->report, 0., 0.);
	ev_timer_start(h->loop, &h->report);
}

static void on_idle(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct http_call *c = t->data;

	(void)loop;
	(void)revents;
	snprintf(c->text, sizeof c->text, "silent for %llu s",
		(unsigned long long)(c->idle_ms / 1000));
	c->error = -ETIMEDOUT;
	c->over = true;
	deliver(c->http);
}

static void begin_transfer(struct http_call *c)
{
	ev_now_update(c->http->loop);
	touch(c);
	c->added = true;
	if (curl_multi_add_handle(c->http->multi, c->easy) != CURLM_OK)
		abort();
}

static void put_address(struct buf *out, const union dns_addr *a)
{
	char text[INET6_ADDRSTRLEN + 2];
	bool v6 = a->sa.sa_family == AF_INET6;
	const void *raw = v6 ? (const void *)&a->in6.sin6_addr : (const void *)&a->in.sin_addr;

	if (inet_ntop(a->sa.sa_family, raw, text, INET6_ADDRSTRLEN) == NULL)
		return;
	buf_printf(out, "%s%s%s%s", out->n > 0 ? "," : "", v6 ? "[" : "", text, v6 ? "]" : "");
}

static void on_resolved(void *ctx, enum dns_status status, const union dns_addr *addr, size_t n)
{
	struct http_call *c = ctx;
	struct buf addresses = {0};

	c->dns = NULL;
	if (status != DNS_OK) {
		snprintf(c->text, sizeof c->text, "%s: %s", c->host, dns_status_text(status));
		c->error = status == DNS_TIMEOUT ? -ETIMEDOUT : -EHOSTUNREACH;
		c->over = true;
		deliver(c->http);
		return;
	}
	for (size_t i = 0; i < n; i++)
		put_address(&addresses, &addr[i]);
	buf_put(&addresses, "", 1);
	http_call_set_addresses(c, (char *)addresses.p);
	buf_free(&addresses);
	begin_transfer(c);
}

struct http_call *http_start(struct http *h, const struct http_request *rq,
	const struct http_handlers *handlers, void *ctx)
{
	struct http_call *c = xcalloc(1, sizeof *c);
	union dns_addr literal;
	int rc;

	c->http = h;
	c->handlers = *handlers;
	c->ctx = ctx;
	c->next = h->calls;
	h->calls = c;
	ev_init(&c->idle, on_idle);
	c->idle.data = c;
	rc = http_call_setup(c, rq);
	c->idle.repeat = (double)c->idle_ms / 1000.0;
	if (rc < 0)
		fail_soon(c, rc);
	else if (dns_literal(c->host, &literal))
		begin_transfer(c); /* curl reads addresses itself */
	else
		c->dns = dns_resolve_host(h->dns, c->host, AF_UNSPEC, RESOLVE_TIMEOUT_MS,
			on_resolved, c);
	return c;
}
