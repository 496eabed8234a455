#define LOG_COMPONENT "control"
#include "membership/control_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

enum { TICK_S = 1, LOG_AT_MOST_MS = 1000 };

uint64_t control_now_ms(void)
{
	return clock_mono_ms();
}

void control_drop(struct control_client *cl, const char *why)
{
	if (cl->dead == NULL)
		cl->dead = why;
}

/* What the client asked for goes on; only the answer has nowhere to go. */
static void client_free(struct control_client *cl)
{
	struct control *c = cl->control;

	if (*cl->dead != '\0')
		log_warn("client_closed", "uid=%u pid=%d why=\"%s\"", (unsigned)cl->uid,
			(int)cl->pid, cl->dead);
	control_client_stop(cl);
	close(cl->fd);
	for (struct pending *p = LIST_FIRST(&c->pending); p != NULL; p = LIST_NEXT(p, next))
		if (p->client == cl)
			p->client = NULL;
	c->n_clients--;
	c->n_followers -= (size_t)cl->follows + (cl->watch != NULL);
	free(cl->watch);
	frame_in_free(&cl->in);
	buf_free(&cl->out);
	free(cl);
}

void control_reap(struct control *c)
{
	for (struct control_client **at = &c->clients; *at != NULL;) {
		struct control_client *cl = *at;

		if (cl->dead == NULL) {
			at = &cl->next;
			continue;
		}
		*at = cl->next;
		client_free(cl);
	}
	if (c->n_clients == 0 && ev_is_active(&c->accept_io))
		ev_timer_stop(c->loop, &c->timer);
}

/* Too slow, too silent, or neither: the first reason to close a connection, or NULL. */
static const char *overdue(const struct control_client *cl, uint64_t now_ms)
{
	if (cl->frame_since_ms != 0 && now_ms - cl->frame_since_ms > CONTROL_FRAME_MS)
		return "its request stayed half sent";
	if (cl->follows || cl->watch != NULL)
		return NULL;
	if (control_queued(cl) > 0)
		return now_ms - cl->progress_ms > CONTROL_STALL_MS
			       ? "it does not read its answers"
			       : NULL;
	if (cl->n_pending > 0)
		return NULL;
	if (now_ms - cl->request_ms > (cl->asked ? CONTROL_IDLE_MS : CONTROL_FIRST_MS))
		return cl->asked ? "" : "it asked nothing";
	return NULL;
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct control *c = w->data;
	uint64_t now_ms = control_now_ms();

	(void)revents;
	if (!ev_is_active(&c->accept_io))
		ev_io_start(loop, &c->accept_io);
	for (struct control_client *cl = c->clients; cl != NULL; cl = cl->next) {
		const char *why = overdue(cl, now_ms);

		if (why != NULL)
			control_drop(cl, why);
	}
	control_progress(c);
	control_reap(c);
}

/* One over the limit learns why it is closed. Its socket's buffer is empty: the frame fits. */
static void refuse(struct control *c, int fd)
{
	uint64_t now_ms = control_now_ms();
	struct ctl_error e = {msg_str("too_many"),
		msg_str("As many clients as allowed are connected to the control socket; try "
			"again later.")};
	struct buf b = {0};

	msg_put_notify(&b, ctl_notices[CTL_BYE].method, ctl_notices[CTL_BYE].params, &e);
	(void)send(fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_free(&b);
	close(fd);
	c->refused++;
	if (c->log_ms != 0 && now_ms - c->log_ms < LOG_AT_MOST_MS)
		return;
	c->log_ms = now_ms;
	log_warn("client_refused", "clients=%zu refused=%llu", c->n_clients,
		(unsigned long long)c->refused);
}

void control_adopt(struct control *c, int fd)
{
	struct control_client *cl;
	struct ucred cred = {.pid = 0, .uid = (uid_t)-1};
	socklen_t n = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0) {
		log_warn("client_refused", "error=\"%s\"", strerror(errno));
		close(fd);
		return;
	}
	cl = xcalloc(1, sizeof *cl);
	*cl = (struct control_client){.next = c->clients,
		.control = c,
		.fd = fd,
		.uid = cred.uid,
		.pid = cred.pid,
		.request_ms = control_now_ms(),
		.progress_ms = control_now_ms()};
	frame_in_init(&cl->in, FRAME_MAX_IPC);
	c->clients = cl;
	c->n_clients++;
	control_client_start(cl);
	if (!ev_is_active(&c->timer))
		ev_timer_again(c->loop, &c->timer);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
	struct control *c = w->data;

	(void)revents;
	for (;;) {
		int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0 && c->n_clients >= CONTROL_CLIENTS_MAX)
			refuse(c, fd);
		else if (fd >= 0)
			control_adopt(c, fd);
		else if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	if (errno == EAGAIN)
		return;
	/* Out of descriptors or memory: asking again at once would only spin. */
	log_error("accept_failed", "error=\"%s\"", strerror(errno));
	ev_io_stop(loop, &c->accept_io);
	if (!ev_is_active(&c->timer))
		ev_timer_again(loop, &c->timer);
}

static void on_event(void *ctx, const struct core_event *e)
{
	control_event_add(ctx, e);
}

static void on_reply(void *ctx, const struct core_reply *r)
{
	control_reply(ctx, r);
}

static void on_data_event(void *ctx, const struct data_event *e)
{
	control_data_event(ctx, e);
}

static void on_data_reply(void *ctx, const struct data_reply *r)
{
	control_data_reply(ctx, r);
}

static void on_data_changed(void *ctx)
{
	control_data_changed(ctx);
}

struct control *control_new(struct shell *s, int listen_fd)
{
	static const struct shell_hooks hooks = {.event = on_event,
		.reply = on_reply,
		.data_event = on_data_event,
		.data_reply = on_data_reply,
		.data_changed = on_data_changed};
	struct control *c = xcalloc(1, sizeof *c);

	c->shell = s;
	c->loop = shell_loop(s);
	c->fd = listen_fd;
	c->started_ms = control_now_ms();
	(void)fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	control_events_init(&c->events);
	ev_io_init(&c->accept_io, on_accept, listen_fd, EV_READ);
	c->accept_io.data = c;
	ev_init(&c->timer, on_tick);
	c->timer.repeat = TICK_S;
	c->timer.data = c;
	ev_io_start(c->loop, &c->accept_io);
	shell_hooks_set(s, &hooks, c);
	return c;
}

void control_free(struct control *c)
{
	static const struct shell_hooks none;
	struct pending *p;

	if (c == NULL)
		return;
	shell_hooks_set(c->shell, &none, NULL);
	for (struct control_client *cl = c->clients; cl != NULL; cl = cl->next) {
		control_flush(cl); /* the node stops: an answer that was given still goes out */
		control_drop(cl, "");
	}
	control_reap(c);
	while ((p = LIST_FIRST(&c->pending)) != NULL)
		control_pending_free(p);
	ev_timer_stop(c->loop, &c->timer);
	ev_io_stop(c->loop, &c->accept_io);
	close(c->fd);
	control_events_fini(&c->events);
	free(c);
}
