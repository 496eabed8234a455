#include "membership/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"

#define LOG_COMPONENT "net"

enum { ACCEPTS_A_TURN = 16, PAUSE_MS = 100, QUIET_MS = 10000 };

struct listener {
	struct ev_loop *loop;
	const struct listener_handlers *h;
	void *ctx;
	const char *name;
	ev_io io;
	ev_timer pause;
	ev_tstamp said;
};

static void on_pause_over(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct listener *l = t->data;

	(void)revents;
	ev_io_start(loop, &l->io);
}

/* The connection stays in the kernel's queue; without a pause the loop would spin on it. */
static void pause_accepting(struct listener *l, int error)
{
	ev_tstamp now = ev_now(l->loop);

	if (l->said == 0. || now - l->said > QUIET_MS / 1e3) {
		log_error("accept_paused", "port=%s error=\"%s\"", l->name, strerror(error));
		l->said = now;
	}
	ev_io_stop(l->loop, &l->io);
	ev_timer_set(&l->pause, PAUSE_MS / 1e3, 0.);
	ev_timer_start(l->loop, &l->pause);
	l->h->exhausted(l->ctx);
}

static void on_connection(struct ev_loop *loop, ev_io *io, int revents)
{
	struct listener *l = io->data;

	(void)loop;
	(void)revents;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		union net_addr peer = {0};
		socklen_t n = sizeof peer;
		int fd = accept4(io->fd, &peer.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			l->h->accepted(l->ctx, fd, &peer);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			pause_accepting(l, errno);
			return;
		}
	}
}

struct listener *listener_new(struct ev_loop *loop, int fd, const char *name,
	const struct listener_handlers *h, void *ctx)
{
	struct listener *l = xcalloc(1, sizeof *l);
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	l->loop = loop;
	l->h = h;
	l->ctx = ctx;
	l->name = name;
	ev_io_init(&l->io, on_connection, fd, EV_READ);
	ev_set_priority(&l->io, NET_PRI_ACCEPT);
	ev_init(&l->pause, on_pause_over);
	l->io.data = l->pause.data = l;
	ev_io_start(loop, &l->io);
	return l;
}

void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	ev_io_stop(l->loop, &l->io);
	ev_timer_stop(l->loop, &l->pause);
	close(l->io.fd);
	free(l);
}
