#include "common/ipc/ipc_chan.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/msg/frame.h"

enum { FDS_MAX = 32, ARENA_MAX = 4 * 1024 * 1024, READS_A_TURN = 16 };

/* Descriptors in the order in which they travel. */
struct fd_queue {
	struct {
		uint64_t at; /* outgoing: stream position of the frame that it goes with */
		int fd;
	} item[FDS_MAX];
	unsigned n;
};

struct ipc_chan {
	struct ev_loop *loop;
	enum ipc_side side, peer;
	struct ipc_handlers h;
	void *ctx;
	int fd;
	bool is_socket, write_only, writable, closed;
	ev_io rd, wr;
	struct frame_in in;
	struct fd_queue in_fds, out_fds;
	struct buf out;
	size_t out_off;    /* bytes of out that are written */
	uint64_t out_base; /* stream position of out.p[0] */
	struct msg_arena arena;
	char why[128];
};

static bool fd_push(struct fd_queue *q, uint64_t at, int fd)
{
	if (q->n == FDS_MAX)
		return false;
	q->item[q->n].at = at;
	q->item[q->n++].fd = fd;
	return true;
}

static int fd_pop(struct fd_queue *q)
{
	int fd = q->item[0].fd;

	assert(q->n > 0);
	q->n--;
	memmove(&q->item[0], &q->item[1], q->n * sizeof q->item[0]);
	return fd;
}

static void fds_close(struct fd_queue *q)
{
	while (q->n > 0)
		close(fd_pop(q));
}

static void stop(struct ipc_chan *c)
{
	c->closed = true;
	ev_io_stop(c->loop, &c->rd);
	ev_io_stop(c->loop, &c->wr);
}

/* The owner may free the channel in its handler: last statement of every path. */
static void finish(struct ipc_chan *c, int error, const char *why)
{
	stop(c);
	c->h.closed(c->ctx, error, why);
}

/* Takes the descriptors out of one recvmsg(2). False when there were more than we ever asked for. */
static bool keep_fds(struct ipc_chan *c, struct msghdr *m)
{
	bool ok = (m->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (!fd_push(&c->in_fds, 0, fd)) {
				close(fd);
				ok = false;
			}
		}
	}
	return ok;
}

static ssize_t receive(struct ipc_chan *c)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct iovec iov;
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control};
	ssize_t n;

	iov.iov_base = frame_in_space(&c->in, &iov.iov_len);
	if (!c->is_socket)
		n = read(c->fd, iov.iov_base, iov.iov_len);
	else
		n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if (c->is_socket && !keep_fds(c, &m))
		return -EPROTO;
	frame_in_fed(&c->in, (size_t)n);
	return n;
}

static int fail(struct ipc_chan *c, int error, const char *what)
{
	snprintf(c->why, sizeof c->why, "%s", what);
	return error;
}

static int deliver(struct ipc_chan *c, const uint8_t *body, size_t n)
{
	struct ipc_decoded m;
	int rc, fd = -1;

	msg_arena_reset(&c->arena);
	rc = ipc_decode(body, n, c->peer, c->side, &c->arena, &m);
	if (rc < 0)
		return fail(c, rc, m.why);
	if (ipc_rows[m.type].with_fd) {
		if (c->in_fds.n == 0)
			return fail(c, -EPROTO, "message without its descriptor");
		fd = fd_pop(&c->in_fds);
	}
	c->h.message(c->ctx, m.type, m.msg, fd);
	return 0;
}

/* All whole frames that have come. */
static int deliver_all(struct ipc_chan *c)
{
	const uint8_t *body;
	size_t n;
	int rc;

	while ((rc = frame_in_next(&c->in, &body, &n)) == 1) {
		rc = deliver(c, body, n);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return fail(c, rc, "frame too long");
	if (c->in_fds.n > 0 && !frame_in_partial(&c->in))
		return fail(c, -EPROTO, "descriptor that no message names");
	return 0;
}

/* One read and what it brought. 1: go on, 0: nothing there, negative: over (-ENOTCONN: end of file). */
static int read_once(struct ipc_chan *c)
{
	ssize_t n = receive(c);
	int rc;

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n == -ECONNRESET) /* it closed with something of ours unread */
		n = 0;
	if (n == 0 && frame_in_partial(&c->in))
		return fail(c, -EPROTO, "end of file inside a frame");
	if (n == 0)
		return fail(c, -ENOTCONN, "end of file");
	if (n < 0)
		return fail(c, (int)n, n == -EPROTO ? "too many descriptors" : "read");
	rc = deliver_all(c);
	return rc < 0 ? rc : 1;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct ipc_chan *c = io->data;
	int rc = 1;

	(void)loop;
	(void)revents;
	if (c->write_only) { /* the far end of our pipe is gone */
		finish(c, -EPIPE, "reader is gone");
		return;
	}
	for (unsigned i = 0; i < READS_A_TURN && rc == 1; i++)
		rc = read_once(c);
	if (rc < 0)
		finish(c, rc == -ENOTCONN ? 0 : rc, c->why);
}

/* Writes up to the next frame that takes a descriptor along; that one starts a write of its own. */
static ssize_t write_some(struct ipc_chan *c)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	const struct fd_queue *q = &c->out_fds;
	uint64_t at = c->out_base + c->out_off;
	struct iovec iov = {c->out.p + c->out_off, c->out.n - c->out_off};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	bool with_fd = q->n > 0 && q->item[0].at == at;
	unsigned next = with_fd ? 1 : 0;
	ssize_t n;

	if (q->n > next && q->item[next].at - at < iov.iov_len)
		iov.iov_len = (size_t)(q->item[next].at - at);
	if (with_fd) {
		struct cmsghdr *h = (struct cmsghdr *)(void *)control;

		m.msg_control = control;
		m.msg_controllen = sizeof control;
		*h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(h), &q->item[0].fd, sizeof(int));
	}
	n = c->is_socket ? sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT)
			 : write(c->fd, iov.iov_base, iov.iov_len);
	if (n < 0)
		return -errno;
	if (with_fd)
		close(fd_pop(&c->out_fds));
	return n;
}

/* 0 when all is written or must wait, else an errno. */
static int flush(struct ipc_chan *c)
{
	while (c->out_off < c->out.n) {
		ssize_t n = write_some(c);

		if (n == -EAGAIN || n == -EINTR)
			break;
		if (n < 0)
			return (int)n;
		c->out_off += (size_t)n;
	}
	c->out_base += c->out_off;
	if (c->out_off == c->out.n)
		buf_free(&c->out);
	else
		buf_drop(&c->out, c->out_off);
	c->out_off = 0;
	return 0;
}

static void drop_queue(struct ipc_chan *c)
{
	fds_close(&c->out_fds);
	buf_free(&c->out);
	c->out_off = 0;
}

static void on_writable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct ipc_chan *c = io->data;
	int rc = flush(c);

	(void)revents;
	if (rc == -EPIPE) {
		/* Gone, or going: what it said before is still to be read, and its end with it. */
		c->writable = false;
		drop_queue(c);
		rc = 0;
	}
	if (rc == 0 && ipc_chan_idle(c))
		ev_io_stop(loop, io);
	if (rc < 0)
		finish(c, rc, "write");
}

struct ipc_chan *ipc_chan_new(struct ev_loop *loop, int fd, enum ipc_side side,
	enum ipc_side peer, const struct ipc_handlers *h, void *ctx)
{
	struct ipc_chan *c = xcalloc(1, sizeof *c);
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	assert(flags >= 0);
	*c = (struct ipc_chan){.loop = loop, .side = side, .peer = peer, .h = *h, .ctx = ctx};
	c->fd = fd;
	c->is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	c->write_only = !c->is_socket && (flags & O_ACCMODE) == O_WRONLY;
	c->writable = c->is_socket || c->write_only;
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	frame_in_init(&c->in, FRAME_MAX_IPC);
	msg_arena_init(&c->arena, ARENA_MAX);
	ev_io_init(&c->rd, on_readable, fd, EV_READ);
	ev_io_init(&c->wr, on_writable, fd, EV_WRITE);
	c->rd.data = c->wr.data = c;
	ev_io_start(loop,
		&c->rd); /* on the writing end of a pipe: tells that the reader went */
	return c;
}

void ipc_chan_free(struct ipc_chan *c)
{
	if (c == NULL)
		return;
	stop(c);
	close(c->fd);
	fds_close(&c->in_fds);
	fds_close(&c->out_fds);
	frame_in_free(&c->in);
	msg_arena_free(&c->arena);
	buf_free(&c->out);
	free(c);
}

/* Takes back a frame that was queued from position `at` on. */
static int unqueue(struct ipc_chan *c, size_t at, int error)
{
	c->out.n = at;
	return error;
}

int ipc_chan_send(struct ipc_chan *c, enum ipc_type type, const void *msg, int fd)
{
	size_t before = c->out.n;
	int rc, copy = -1;

	assert((ipc_rows[type].from & c->side) != 0);
	assert((ipc_rows[type].to & c->peer) != 0);
	assert(ipc_rows[type].with_fd == (fd >= 0));
	if (c->closed || !c->writable)
		return -EPIPE;
	rc = ipc_encode(&c->out, type, msg);
	if (rc < 0)
		return rc;
	if (c->out.n - c->out_off > IPC_CHAN_QUEUE_MAX)
		return unqueue(c, before, -ENOBUFS);
	if (fd >= 0) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (copy < 0)
			return unqueue(c, before, -errno);
		if (!fd_push(&c->out_fds, c->out_base + before, copy)) {
			close(copy);
			return unqueue(c, before, -ENOBUFS);
		}
	}
	if (flush(c) < 0 || !ipc_chan_idle(c))
		ev_io_start(c->loop, &c->wr); /* an error shows again there, in the loop */
	return 0;
}

void ipc_chan_drain(struct ipc_chan *c)
{
	if (!c->closed && !c->write_only)
		while (read_once(c) == 1)
			continue;
	stop(c);
}

bool ipc_chan_idle(const struct ipc_chan *c)
{
	return c->out.n == c->out_off;
}
