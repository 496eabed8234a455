#ifndef TEST_UNIT_NET_PAIR_H
#define TEST_UNIT_NET_PAIR_H
/* For tests of membership/net: an environment on loopback, a listener, and streams that note what happens to them. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/msg/frame.h"
#include "membership/net/gate.h"
#include "membership/net/listener.h"
#include "membership/net/net_env.h"
#include "membership/net/stream.h"

struct end {
	struct stream *stream;
	struct buf out; /* to be pulled */
	size_t frames, bytes, biggest;
	bool open, lost, free_on_frame, free_on_open;
	enum core_loss loss;
	unsigned stages; /* bits */
	char text[512];
};

struct pair {
	struct ev_loop *loop;
	struct tls_ctx *tls, *tls_b; /* two processes: one would find that it talks to itself */
	struct dns *dns;
	struct net_env *env, *env_b;
	struct listener *listener;
	uint16_t port;
	struct end a, b; /* dialler, acceptor */
	void (*on_accept)(struct pair *p, int fd, const union net_addr *peer);
	bool timed_out;
};

static inline void end_stage(void *ctx, enum core_stage stage)
{
	struct end *e = ctx;

	e->stages |= 1U << stage;
	if (stage != CORE_STAGE_HELLO)
		return;
	e->open = true;
	if (e->free_on_open) {
		stream_free(e->stream);
		e->stream = NULL;
	}
}

static inline void end_frame(void *ctx, const uint8_t *body, size_t n)
{
	struct end *e = ctx;
	bool same = true;

	e->frames++;
	e->bytes += n;
	e->biggest = n > e->biggest ? n : e->biggest;
	for (size_t i = 0; i < n; i++)
		same = same && body[i] == (uint8_t)(n + i);
	ck_assert(same);
	if (e->free_on_frame) {
		stream_free(e->stream);
		e->stream = NULL;
	}
}

static inline size_t end_pull(void *ctx, uint8_t *out, size_t cap)
{
	struct end *e = ctx;
	size_t n = e->out.n < cap ? e->out.n : cap;

	if (n > 0)
		memcpy(out, e->out.p, n);
	buf_drop(&e->out, n);
	return n;
}

static inline void end_lost(void *ctx, enum core_loss loss, const char *text)
{
	struct end *e = ctx;

	ck_assert(!e->lost);
	e->lost = true;
	e->loss = loss;
	snprintf(e->text, sizeof e->text, "%s", text);
}

static const struct stream_handlers end_handlers = {end_stage, end_frame, end_pull, end_lost};

static inline void end_say(struct end *e, size_t n)
{
	uint8_t head[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
		(uint8_t)n};
	uint8_t *p;

	buf_put(&e->out, head, sizeof head);
	p = buf_reserve(&e->out, n);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(n + i);
	e->out.n += n;
	if (e->stream != NULL)
		stream_wake(e->stream);
}

static inline void pair_accepted(void *ctx, int fd, const union net_addr *peer)
{
	struct pair *p = ctx;

	if (p->on_accept != NULL)
		p->on_accept(p, fd, peer);
	else
		p->b.stream = stream_accept(p->env_b, fd, peer, &end_handlers, &p->b);
}

static inline void pair_exhausted(void *ctx)
{
	(void)ctx;
}

static const struct listener_handlers pair_listener = {pair_accepted, pair_exhausted};

static inline struct tls_ctx *pair_key(uint8_t fill)
{
	uint8_t key[TLS_KEY_BYTES];
	struct tls_psk psk;

	memset(key, fill, sizeof key);
	ck_assert_int_eq(tls_psk_init(&psk, key), 0);
	return tls_ctx_new(&psk, 1);
}

static inline int pair_listen(uint16_t *port)
{
	union net_addr a;
	socklen_t n = sizeof a.v4;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(net_addr_parse("127.0.0.1", 0, &a), 0);
	ck_assert_int_eq(bind(fd, &a.sa, n), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	ck_assert_int_eq(getsockname(fd, &a.sa, &n), 0);
	*port = ntohs(a.v4.sin_port);
	return fd;
}

static inline void pair_init(struct pair *p)
{
	struct net_conf conf = {.user_timeout_ms = 10000};
	struct dns_options dns = {.servers = "127.0.0.1:1"};

	memset(p, 0, sizeof *p);
	p->loop = ev_loop_new(EVFLAG_NOENV);
	conf.tls = p->tls = pair_key(1);
	ck_assert_int_eq(dns_new(p->loop, &dns, &p->dns), 0);
	conf.dns = p->dns;
	p->env = net_env_new(p->loop, &conf);
	conf.tls = p->tls_b = pair_key(1);
	p->env_b = net_env_new(p->loop, &conf);
	p->listener = listener_new(p->loop, pair_listen(&p->port), "test", &pair_listener, p);
}

static inline void pair_fini(struct pair *p)
{
	stream_free(p->a.stream);
	stream_free(p->b.stream);
	buf_free(&p->a.out);
	buf_free(&p->b.out);
	listener_free(p->listener);
	net_env_free(p->env);
	net_env_free(p->env_b);
	dns_free(p->dns);
	tls_ctx_free(p->tls);
	tls_ctx_free(p->tls_b);
	ev_loop_destroy(p->loop);
}

static inline void pair_dial(struct pair *p, const char *host, uint32_t timeout_ms)
{
	struct stream_target t = {host, p->port, timeout_ms, FRAME_MAX_LINK};

	p->a.stream = stream_dial(p->env, &t, &end_handlers, &p->a);
}

static inline void pair_time(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	*(bool *)t->data = true;
}

/* Turns the loop until the condition holds; fails the test after a minute: a busy machine is no fault. */
#define PAIR_UNTIL(p, condition)                                          \
	do {                                                              \
		ev_timer t_;                                              \
		(p)->timed_out = false;                                   \
		ev_now_update((p)->loop);                                 \
		ev_timer_init(&t_, pair_time, 60., 0.);                   \
		t_.data = &(p)->timed_out;                                \
		ev_timer_start((p)->loop, &t_);                           \
		while (!(condition) && !(p)->timed_out)                   \
			ev_run((p)->loop, EVRUN_ONCE);                    \
		ev_timer_stop((p)->loop, &t_);                            \
		ck_assert_msg(!(p)->timed_out, "waited for " #condition); \
	} while (0)

#endif
