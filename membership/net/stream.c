#include "membership/net/stream_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"

enum { FLUSH_MS = 1000, CONNECTOR_FIRST_MS = 20 /* it knows better why */ };

void stream_enter(struct stream *s)
{
	s->busy++;
}

static void release(struct stream *s)
{
	buf_free(&s->plain);
	frame_in_free(&s->in);
	free(s->host);
	free(s);
}

void stream_leave(struct stream *s)
{
	if (--s->busy == 0 && s->dead)
		release(s);
}

/* Stops everything and gives the socket back to the kernel. */
static void shut(struct stream *s)
{
	s->phase = DONE;
	ev_timer_stop(s->env->loop, &s->timer);
	if (s->waiting)
		TAILQ_REMOVE(&s->env->wake, s, wake);
	s->waiting = false;
	connector_free(s->connector);
	s->connector = NULL;
	if (s->fd >= 0) {
		ev_io_stop(s->env->loop, &s->rd);
		ev_io_stop(s->env->loop, &s->wr);
		close(s->fd);
		s->fd = -1;
	}
	tls_conn_free(s->tls);
	s->tls = NULL;
}

void stream_lose(struct stream *s, enum core_loss loss, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	shut(s);
	if (!s->dead)
		s->h->lost(s->ctx, loss, text);
}

static void on_time(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct stream *s = t->data;

	(void)loop;
	(void)revents;
	stream_enter(s);
	if (s->phase == HANDSHAKE)
		stream_lose(s, CORE_LOSS_TIMEOUT, "connected, but no TLS handshake in time");
	else if (s->phase == DIALLING)
		stream_lose(s, CORE_LOSS_TIMEOUT, "no connection in time");
	else
		stream_lose(s, CORE_LOSS_EOF, "closed");
	stream_leave(s);
}

static struct stream *stream_new(struct net_env *env, uint32_t frame_max,
	const struct stream_handlers *h, void *ctx)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->env = env;
	s->h = h;
	s->ctx = ctx;
	s->fd = -1;
	frame_in_init(&s->in, frame_max);
	ev_init(&s->rd, stream_on_readable);
	ev_init(&s->wr, stream_on_writable);
	ev_init(&s->timer, on_time);
	ev_set_priority(&s->timer, NET_PRI_LAST);
	s->rd.data = s->wr.data = s->timer.data = s;
	return s;
}

/* Takes a connected socket. */
static int begin_tls(struct stream *s, int fd, const union net_addr *peer, bool is_server)
{
	net_addr_text(peer, s->remote);
	s->peer = net_addr_ip(peer);
	s->tls = tls_conn_new(s->env->tls, is_server);
	if (s->tls == NULL) {
		close(fd);
		return -ENOMEM;
	}
	s->fd = fd;
	s->phase = HANDSHAKE;
	net_socket_options(s->env, fd);
	ev_io_set(&s->rd, fd, EV_READ);
	ev_io_set(&s->wr, fd, EV_WRITE);
	ev_io_start(s->env->loop, &s->rd);
	return 0;
}

static void on_connect_stage(void *ctx, enum core_stage stage)
{
	struct stream *s = ctx;

	if (s->h->stage != NULL)
		s->h->stage(s->ctx, stage);
}

static void on_connected(void *ctx, int fd, const union net_addr *peer, enum core_loss loss,
	const char *text)
{
	struct stream *s = ctx;

	stream_enter(s);
	connector_free(s->connector);
	s->connector = NULL;
	if (fd < 0) {
		stream_lose(s, loss, "%s", text);
	} else if (begin_tls(s, fd, peer, false) != 0) {
		stream_lose(s, CORE_LOSS_ERROR, "no memory for TLS");
	} else {
		on_connect_stage(s, CORE_STAGE_TLS);
		if (s->phase == HANDSHAKE && !s->dead)
			stream_advance(s);
	}
	stream_leave(s);
}

struct stream *stream_dial(struct net_env *env, const struct stream_target *target,
	const struct stream_handlers *h, void *ctx)
{
	static const struct connector_handlers handlers = {.stage = on_connect_stage,
		.done = on_connected};
	struct stream *s = stream_new(env, target->frame_max, h, ctx);

	s->phase = DIALLING;
	s->host = xstrdup(target->host);
	ev_now_update(env->loop);
	ev_timer_set(&s->timer, (target->timeout_ms + CONNECTOR_FIRST_MS) / 1e3, 0.);
	ev_timer_start(env->loop, &s->timer);
	s->connector = connector_new(env, target->host, target->port, target->timeout_ms,
		&handlers, s);
	return s;
}

struct stream *stream_accept(struct net_env *env, int fd, const union net_addr *peer,
	const struct stream_handlers *h, void *ctx)
{
	struct stream *s = stream_new(env, FRAME_MAX_HELLO, h, ctx);

	s->is_server = true;
	if (begin_tls(s, fd, peer, true) == 0)
		return s;
	release(s);
	return NULL;
}

/* What was pulled already is not held back, as far as the kernel takes it. */
static void last_words(struct stream *s)
{
	if ((s->phase != OPEN && s->phase != FLUSHING) || s->write_error != 0)
		return;
	if (s->plain.n > 0 && tls_conn_write(s->tls, s->plain.p, s->plain.n) < 0)
		return;
	tls_conn_shutdown(s->tls);
	stream_send(s);
}

void stream_free(struct stream *s)
{
	if (s == NULL || s->dead)
		return;
	s->dead = true;
	last_words(s);
	shut(s);
	if (s->busy == 0)
		release(s);
}

void stream_linger(struct stream *s)
{
	if (s->phase != OPEN)
		return;
	s->phase = FLUSHING;
	ev_now_update(s->env->loop);
	s->timer.repeat = FLUSH_MS / 1e3;
	ev_timer_again(s->env->loop, &s->timer);
	stream_wake(s);
}

void stream_frame_max(struct stream *s, uint32_t max)
{
	s->in.max = max;
}

void stream_hold(struct stream *s, bool on)
{
	if (s->fd < 0)
		return;
	if (on)
		ev_io_stop(s->env->loop, &s->rd);
	else
		ev_io_start(s->env->loop, &s->rd);
}

const char *stream_remote(const struct stream *s)
{
	return s->remote[0] != '\0' ? s->remote : s->host;
}

bool stream_peer(const struct stream *s, struct net_ip *out)
{
	*out = s->peer;
	return s->remote[0] != '\0';
}

bool stream_is_open(const struct stream *s)
{
	return s->phase == OPEN;
}

uint64_t stream_bytes_in(const struct stream *s, ev_tstamp *last)
{
	*last = s->input_at;
	return s->bytes_in;
}
