#include "membership/net/stream_int.h"

#include <errno.h>
#include <sys/socket.h>

enum { ROUNDS_A_FLUSH = 16, OUT_ENOUGH = 16 * 1024, DRAIN_MS = 2000 };

/* Told by the reader, who may still find last words of the other end. */
static void broken(struct stream *s, int error)
{
	s->write_error = error;
	ev_feed_event(s->env->loop, &s->rd, EV_READ);
}

bool stream_send(struct stream *s)
{
	const uint8_t *p;
	size_t n;
	ssize_t sent;

	while ((p = tls_conn_output(s->tls, &n), n > 0) && s->write_error == 0) {
		sent = send(s->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent >= 0) {
			tls_conn_sent(s->tls, (size_t)sent);
		} else if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) {
			ev_io_start(s->env->loop, &s->wr);
			return false;
		} else {
			broken(s, errno);
		}
	}
	ev_io_stop(s->env->loop, &s->wr);
	return s->write_error == 0;
}

static bool may_pull(const struct stream *s)
{
	return (s->phase == OPEN || s->phase == FLUSHING) && s->write_error == 0 && !s->dead;
}

/* As much as TLS takes now. */
static size_t give(struct stream *s, const uint8_t *p, size_t n)
{
	ssize_t taken = tls_conn_write(s->tls, p, n);

	if (taken >= 0)
		return (size_t)taken;
	broken(s, EPROTO);
	return n;
}

/* Plaintext into TLS until there is enough for the kernel. False when there was nothing more to say. */
static bool gather(struct stream *s)
{
	size_t waiting, n, taken;

	while (may_pull(s)) {
		tls_conn_output(s->tls, &waiting);
		if (waiting >= OUT_ENOUGH)
			return true;
		if (s->plain.n > 0) {
			buf_drop(&s->plain, give(s, s->plain.p, s->plain.n));
			continue;
		}
		n = s->h->pull(s->ctx, s->env->out, sizeof s->env->out);
		if (n == 0 || !may_pull(s))
			return false;
		taken = give(s, s->env->out, n);
		if (taken < n)
			buf_put(&s->plain, s->env->out + taken, n - taken);
	}
	return false;
}

/* All is said: end of our direction, then a little patience for the other. */
static void end_output(struct stream *s)
{
	if (s->phase == FLUSHING)
		tls_conn_shutdown(s->tls);
	s->phase = ENDING;
	if (!stream_send(s))
		return;
	shutdown(s->fd, SHUT_WR);
	s->phase = DRAINING;
	s->timer.repeat = DRAIN_MS / 1e3;
	ev_timer_again(s->env->loop, &s->timer);
}

void stream_flush(struct stream *s)
{
	bool more = true;

	if (s->waiting)
		TAILQ_REMOVE(&s->env->wake, s, wake);
	s->waiting = false;
	if (s->tls == NULL)
		return;
	stream_enter(s);
	for (int i = 0; i < ROUNDS_A_FLUSH && more; i++) {
		more = gather(s);
		if (s->tls == NULL || !stream_send(s))
			break;
	}
	if (s->tls == NULL || s->write_error != 0) {
		stream_leave(s);
		return;
	}
	if (s->phase == ENDING || (s->phase == FLUSHING && !more && s->plain.n == 0))
		end_output(s);
	else if (more)
		ev_io_start(s->env->loop, &s->wr); /* the others' turn; writable calls again */
	stream_leave(s);
}

void stream_on_writable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct stream *s = io->data;

	(void)loop;
	(void)revents;
	stream_flush(s);
}

void stream_wake(struct stream *s)
{
	if (s->waiting || s->fd < 0)
		return;
	s->waiting = true;
	TAILQ_INSERT_TAIL(&s->env->wake, s, wake);
	ev_feed_event(s->env->loop, &s->env->flusher, EV_CUSTOM);
}
