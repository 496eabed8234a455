#include "membership/net/connector.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"

enum { ADDRESSES_MAX = 16 };

struct connector {
	struct net_env *env;
	const struct connector_handlers *h;
	void *ctx;
	bool calling, dead; /* in a callback; freed there */
	char *host;
	uint16_t port;
	uint32_t timeout_ms;
	ev_tstamp deadline;
	ev_timer timer; /* begins, then this address's share */
	ev_io writable;
	struct dns_req *query;
	union net_addr addr[ADDRESSES_MAX];
	size_t n, next;
	int fd;
	enum core_loss loss; /* of the last address that failed */
	char text[320];
};

static void try_next(struct connector *c);

static void close_socket(struct connector *c)
{
	if (c->fd < 0)
		return;
	ev_io_stop(c->env->loop, &c->writable);
	close(c->fd);
	c->fd = -1;
}

static void release(struct connector *c)
{
	free(c->host);
	free(c);
}

static void tell_stage(struct connector *c, enum core_stage stage)
{
	c->calling = true;
	c->h->stage(c->ctx, stage);
	c->calling = false;
}

static void finish(struct connector *c, int fd, const union net_addr *peer)
{
	ev_timer_stop(c->env->loop, &c->timer);
	c->calling = true;
	c->h->done(c->ctx, fd, peer, c->loss, c->text);
	c->calling = false;
	if (c->dead)
		release(c);
}

static void __attribute__((format(printf, 3, 4)))
note(struct connector *c, enum core_loss loss, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->text, sizeof c->text, fmt, ap);
	va_end(ap);
	c->loss = loss;
}

static void note_errno(struct connector *c, const union net_addr *a, int error)
{
	char text[NET_ADDR_TEXT];

	net_addr_text(a, text);
	if (error == ECONNREFUSED)
		note(c, CORE_LOSS_REFUSED, "connection to %s refused: nothing listens there",
			text);
	else if (error == ETIMEDOUT)
		note(c, CORE_LOSS_TIMEOUT, "no answer from %s (off, wrong address or firewall)",
			text);
	else
		note(c, CORE_LOSS_ERROR, "connection to %s failed: %s", text, strerror(error));
}

/* A socket on its way. 0 or an errno. */
static int start(struct connector *c, const union net_addr *a)
{
	const union net_addr *source = &c->env->source;
	int on = 1, fd;

	fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if ((c->env->has_source && bind(fd, &source->sa, net_addr_len(source)) != 0) ||
		(connect(fd, &a->sa, net_addr_len(a)) != 0 && errno != EINPROGRESS)) {
		int error = errno;

		close(fd);
		return error;
	}
	c->fd = fd;
	ev_io_set(&c->writable, fd, EV_WRITE);
	ev_io_start(c->env->loop, &c->writable);
	return 0;
}

static void on_writable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct connector *c = io->data;
	const union net_addr *a = &c->addr[c->next - 1];
	socklen_t n = sizeof(int);
	int error = 0, fd = c->fd;

	(void)revents;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
		error = errno;
	if (error != 0) {
		note_errno(c, a, error);
		close_socket(c);
		try_next(c);
		return;
	}
	ev_io_stop(loop, io);
	c->fd = -1;
	finish(c, fd, a);
}

/* Each address gets an equal share of what is left. */
static void arm_share(struct connector *c)
{
	ev_tstamp left;

	ev_now_update(c->env->loop);
	left = c->deadline - ev_now(c->env->loop);
	if (left < 0.)
		left = 0.;
	ev_timer_stop(c->env->loop, &c->timer);
	ev_timer_set(&c->timer, left / (double)(c->n - c->next + 1), 0.);
	ev_timer_start(c->env->loop, &c->timer);
}

static void try_next(struct connector *c)
{
	while (c->next < c->n) {
		const union net_addr *a = &c->addr[c->next++];
		int error = start(c, a);

		if (error == 0) {
			arm_share(c);
			return;
		}
		note_errno(c, a, error);
	}
	finish(c, -1, NULL);
}

static void connect_all(struct connector *c)
{
	tell_stage(c, CORE_STAGE_CONNECT);
	if (c->dead)
		release(c);
	else
		try_next(c);
}

static void on_resolved(void *ctx, enum dns_status status, const union dns_addr *addr, size_t n)
{
	struct connector *c = ctx;

	c->query = NULL;
	for (size_t i = 0; i < n && c->n < ADDRESSES_MAX; i++) {
		memcpy(&c->addr[c->n], &addr[i], sizeof c->addr[c->n]);
		net_addr_port_set(&c->addr[c->n++], c->port);
	}
	if (c->n > 0) {
		connect_all(c);
		return;
	}
	note(c, CORE_LOSS_RESOLVE, "host name %s can't be resolved: %s", c->host,
		dns_status_text(status));
	finish(c, -1, NULL);
}

/* The first thing, from the loop: an address is one already, a name is looked up. */
static void begin(struct connector *c)
{
	union dns_addr a;
	bool literal = dns_literal(c->host, &a);

	if (literal && a.sa.sa_family == c->env->family) {
		on_resolved(c, DNS_OK, &a, 1);
		return;
	}
	if (literal) {
		note(c, CORE_LOSS_RESOLVE, "%s is no %s address (cluster.proto_dist)", c->host,
			c->env->family == AF_INET ? "IPv4" : "IPv6");
		finish(c, -1, NULL);
		return;
	}
	tell_stage(c, CORE_STAGE_RESOLVE);
	if (c->dead) {
		release(c);
		return;
	}
	arm_share(c);
	c->query = dns_resolve_host(c->env->dns, c->host, c->env->family, c->timeout_ms,
		on_resolved, c);
}

static void on_time(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct connector *c = t->data;

	(void)loop;
	(void)revents;
	if (c->query != NULL) {
		dns_cancel(c->query);
		c->query = NULL;
		note(c, CORE_LOSS_RESOLVE,
			"host name %s: no answer from the name servers in time", c->host);
		finish(c, -1, NULL);
		return;
	}
	if (c->n == 0) {
		begin(c);
		return;
	}
	note_errno(c, &c->addr[c->next - 1], ETIMEDOUT);
	close_socket(c);
	try_next(c);
}

struct connector *connector_new(struct net_env *env, const char *host, uint16_t port,
	uint32_t timeout_ms, const struct connector_handlers *h, void *ctx)
{
	struct connector *c = xcalloc(1, sizeof *c);

	c->env = env;
	c->h = h;
	c->ctx = ctx;
	c->host = xstrdup(host);
	c->port = port;
	c->timeout_ms = timeout_ms;
	c->fd = -1;
	ev_now_update(env->loop);
	c->deadline = ev_now(env->loop) + timeout_ms / 1e3;
	ev_init(&c->writable, on_writable);
	ev_timer_init(&c->timer, on_time, 0., 0.);
	c->writable.data = c->timer.data = c;
	ev_timer_start(env->loop, &c->timer);
	return c;
}

void connector_free(struct connector *c)
{
	if (c == NULL)
		return;
	ev_timer_stop(c->env->loop, &c->timer);
	close_socket(c);
	if (c->query != NULL)
		dns_cancel(c->query);
	c->query = NULL;
	c->dead = true;
	if (!c->calling)
		release(c);
}
