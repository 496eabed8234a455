#include "membership/net/stream_int.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { READS_A_TURN = 16 };

static enum core_loss loss_of_errno(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE:
		return CORE_LOSS_RESET;
	case ECONNREFUSED:
		return CORE_LOSS_REFUSED;
	case ETIMEDOUT:
		return CORE_LOSS_TIMEOUT;
	default:
		return CORE_LOSS_ERROR;
	}
}

static enum core_loss loss_of_tls(enum tls_fail fail)
{
	switch (fail) {
	case TLS_FAIL_KEY:
	case TLS_FAIL_NO_KEY:
	case TLS_FAIL_CERTIFICATE:
		return CORE_LOSS_AUTH;
	case TLS_FAIL_REFLECTION:
		return CORE_LOSS_SELF;
	case TLS_FAIL_CLOSED:
		return CORE_LOSS_EOF;
	case TLS_FAIL_NONE:
	case TLS_FAIL_NOT_TLS:
	case TLS_FAIL_VERSION:
	case TLS_FAIL_PROTOCOL:
		break;
	}
	return CORE_LOSS_ERROR;
}

/* Frames that are whole go up. 0 or -EMSGSIZE. */
static int deliver_frames(struct stream *s)
{
	const uint8_t *body;
	size_t n;
	int rc;

	while (s->phase != DONE && !s->dead && (rc = frame_in_next(&s->in, &body, &n)) != 0) {
		if (rc < 0)
			return rc;
		s->h->frame(s->ctx, body, n);
	}
	return 0;
}

static void opened(struct stream *s)
{
	if (s->phase != HANDSHAKE)
		return;
	s->phase = OPEN;
	ev_timer_stop(s->env->loop, &s->timer);
	if (s->h->stage != NULL)
		s->h->stage(s->ctx, CORE_STAGE_HELLO);
}

int stream_advance(struct stream *s)
{
	ssize_t n = 0;
	int rc = tls_conn_handshake(s->tls);
	size_t answer;

	tls_conn_output(s->tls, &answer);
	if (answer > 0)
		stream_wake(s);
	if (rc < 0) {
		enum tls_fail fail = tls_conn_fail(s->tls);

		stream_send(s);
		stream_lose(s, loss_of_tls(fail), "%s", tls_fail_text(fail));
		return -1;
	}
	if (rc == 0)
		return 0;
	opened(s);
	while (s->phase != DONE && !s->dead) {
		size_t room;
		uint8_t *p = frame_in_space(&s->in, &room);

		n = tls_conn_read(s->tls, p, room);
		if (n <= 0)
			break;
		frame_in_fed(&s->in, (size_t)n);
		if (deliver_frames(s) < 0) {
			stream_lose(s, CORE_LOSS_ERROR,
				"an empty frame or one over the limit of %u bytes", s->in.max);
			return -1;
		}
	}
	if (s->phase == DONE || s->dead)
		return -1;
	if (n == 0 || n == -ECONNRESET)
		return 1;
	if (n == -EAGAIN)
		return 0;
	stream_lose(s, CORE_LOSS_ERROR, "%s", tls_fail_text(TLS_FAIL_PROTOCOL));
	return -1;
}

static int feed(struct stream *s, const uint8_t *p, size_t n)
{
	int rc = 0;

	s->bytes_in += n;
	s->input_at = ev_now(s->env->loop);
	while (n > 0 && rc == 0) {
		size_t taken = tls_conn_input(s->tls, p, n);

		p += taken;
		n -= taken;
		rc = stream_advance(s);
	}
	return rc;
}

/* One read. 1: there may be more; 0: not now; < 0: lost() was called. */
static int receive(struct stream *s)
{
	ssize_t n = recv(s->fd, s->env->in, sizeof s->env->in, MSG_DONTWAIT);
	int error = n < 0 ? errno : 0, rc;

	if (error == EAGAIN || error == EINTR) {
		if (s->write_error == 0)
			return 0;
		error = s->write_error;
	}
	if (n > 0) {
		rc = feed(s, s->env->in, (size_t)n);
		if (rc == 0)
			return (size_t)n == sizeof s->env->in || s->write_error != 0;
	} else if (error == 0) {
		tls_conn_eof(s->tls);
		rc = stream_advance(s);
		if (rc == 0)
			rc = 1;
		error = s->write_error;
	} else {
		rc = 1;
	}
	if (rc > 0 && error == 0)
		stream_lose(s, CORE_LOSS_EOF, "the other end closed the connection");
	else if (rc > 0)
		stream_lose(s, loss_of_errno(error), "connection lost: %s", strerror(error));
	return -1;
}

void stream_on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct stream *s = io->data;
	int rc = 1;

	(void)loop;
	(void)revents;
	if (s->fd < 0)
		return;
	stream_enter(s);
	for (int i = 0; i < READS_A_TURN && rc == 1; i++)
		rc = receive(s);
	if (rc == 1)
		s->env->more_input = true;
	stream_leave(s);
}
