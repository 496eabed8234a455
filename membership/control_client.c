#define LOG_COMPONENT "control"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/log.h"
#include "membership/control_int.h"

enum { READS_AT_ONCE = 4, FRAMES_AT_ONCE = 32 };

static control_handler *const handlers[CTL_N_METHODS] = {
	[CTL_VERSION] = control_version,
	[CTL_STATUS] = control_status,
	[CTL_CLUSTER_STATUS] = control_cluster_status,
	[CTL_MEMBERS] = control_members,
	[CTL_LINKS] = control_links,
	[CTL_WORKERS] = control_workers,
	[CTL_EVENTS] = control_events,
	[CTL_TARGETS] = control_targets,
	[CTL_CHECK] = control_check,
	[CTL_JOIN] = control_join,
	[CTL_LEAVE] = control_leave,
	[CTL_FORCE_LEAVE] = control_force_leave,
	[CTL_DISCOVERY] = control_switch,
	[CTL_MODE] = control_switch,
	[CTL_HEAL] = control_heal,
	[CTL_REPLACE] = control_replace,
	[CTL_TAG_SET] = control_tag_set,
	[CTL_TAG_UNSET] = control_tag_unset,
	[CTL_WORKER_RESTART] = control_ask,
	[CTL_RELOAD] = control_ask,
	[CTL_KV_GET] = control_kv_get,
	[CTL_KV_PUT] = control_kv_write,
	[CTL_KV_DELETE] = control_kv_write,
	[CTL_KV_RESOLVE] = control_kv_write,
	[CTL_KV_LIST] = control_kv_list,
	[CTL_KV_WATCH] = control_kv_watch,
	[CTL_KV_STATUS] = control_kv_status,
	[CTL_RESTART] = control_restart,
	[CTL_KV_REPAIR] = control_kv_repair,
};

size_t control_queued(const struct control_client *cl)
{
	return cl->out.n - cl->out_off;
}

void control_result(struct control_client *cl, uint32_t id, enum ctl_method m,
	const void *result)
{
	msg_put_result(&cl->out, id, ctl_rows[m].result, result);
	control_wake(cl);
}

void control_error(struct control_client *cl, uint32_t id, const char *code, const char *text)
{
	struct ctl_error e = {msg_str(code), control_clip(text, CTL_TEXT_MAX)};

	msg_put_error(&cl->out, id, &ctl_error_desc, &e);
	control_wake(cl);
}

void control_notice(struct control_client *cl, enum ctl_notice n, const void *msg)
{
	msg_put_notify(&cl->out, ctl_notices[n].method, ctl_notices[n].params, msg);
	control_wake(cl);
}

static void bad_params(struct control_client *cl, uint32_t id, int rc, const char *field)
{
	char text[CTL_TEXT_MAX];

	snprintf(text, sizeof text, "%s: %s", field == NULL ? "parameters" : field,
		rc == -ERANGE ? "the value is too long or too large"
			      : "not what the protocol says; clusterctl and clusterd may be of "
				"different versions");
	control_error(cl, id, "bad_params", text);
}

static void request(struct control_client *cl, const struct msg_env *env)
{
	int m = ctl_method_find(env->method);
	union ctl_params p;
	const char *field;
	int rc;

	cl->asked = true;
	cl->request_ms = control_now_ms();
	if (m < 0) {
		control_error(cl, env->id, "unknown_method",
			"This clusterd does not know the request; clusterctl may be newer.");
		return;
	}
	rc = ctl_params_get((enum ctl_method)m, env->body, &p, &field);
	if (rc < 0) {
		bad_params(cl, env->id, rc, field);
		return;
	}
	if ((ctl_rows[m].flags & CTL_NEEDS_CORE) != 0 &&
		shell_core(cl->control->shell) == NULL) {
		control_error(cl, env->id, "starting",
			"The node is starting; its state is not open yet. Try again in a moment.");
		return;
	}
	if ((ctl_rows[m].flags & CTL_NEEDS_DATA) != 0 &&
		shell_data(cl->control->shell) == NULL) {
		control_no_data(cl, env->id);
		return;
	}
	handlers[m](cl, env->id, (enum ctl_method)m, &p);
}

/* Requests wait while this much is queued or under way: the socket's own buffer then stops the sender. */
static bool may_ask(const struct control_client *cl)
{
	return cl->dead == NULL && control_queued(cl) < CONTROL_OUT_HIGH &&
	       cl->n_pending < CONTROL_PENDING_MAX;
}

/* The requests that are there, as many as may be taken. */
static void take_requests(struct control_client *cl)
{
	const uint8_t *body;
	struct msg_env env;
	size_t n;

	for (int i = 0; may_ask(cl); i++) {
		int rc;

		if (i == FRAMES_AT_ONCE) { /* others wait too: the rest after the next turn */
			ev_feed_event(cl->control->loop, &cl->in_io, EV_CUSTOM);
			return;
		}
		rc = frame_in_next(&cl->in, &body, &n);
		if (rc < 0)
			control_drop(cl, "it announced a request that is empty or too long");
		if (rc <= 0)
			break;
		cl->frame_since_ms = 0;
		if (msg_env_parse(body, n, &env) < 0 || env.type != MSG_REQUEST)
			control_drop(cl, "it sent something that is no request");
		else
			request(cl, &env);
	}
	if (!frame_in_partial(&cl->in) || !may_ask(cl))
		cl->frame_since_ms = 0;
	else if (cl->frame_since_ms == 0)
		cl->frame_since_ms = control_now_ms();
}

/* Reading goes on only when what was read before could be used. */
static void read_some(struct control_client *cl)
{
	for (int i = 0; i < READS_AT_ONCE && !cl->eof && may_ask(cl); i++) {
		size_t room;
		uint8_t *to = frame_in_space(&cl->in, &room);
		ssize_t n = recv(cl->fd, to, room, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			control_drop(cl, errno == ECONNRESET ? "" : strerror(errno));
			break;
		}
		frame_in_fed(&cl->in, (size_t)n);
		cl->eof = n == 0;
		take_requests(cl);
		if ((size_t)n < room)
			break;
	}
}

/* What the watchers should wait for now. A client that half-closed still gets its answers. */
static void rearm(struct control_client *cl)
{
	struct ev_loop *loop = cl->control->loop;

	if (cl->eof && cl->dead == NULL && cl->n_pending == 0 && control_queued(cl) == 0)
		control_drop(cl, frame_in_partial(&cl->in) ? "it closed amid a request" : "");
	if (!cl->eof && may_ask(cl))
		ev_io_start(loop, &cl->in_io);
	else
		ev_io_stop(loop, &cl->in_io);
	if (control_queued(cl) > 0 && cl->dead == NULL)
		ev_io_start(loop, &cl->out_io);
	else
		ev_io_stop(loop, &cl->out_io);
}

static void write_some(struct control_client *cl)
{
	ssize_t n = send(cl->fd, cl->out.p + cl->out_off, control_queued(cl), MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			control_drop(cl, errno == EPIPE ? "" : strerror(errno));
		return;
	}
	cl->out_off += (size_t)n;
	cl->progress_ms = control_now_ms();
	if (control_queued(cl) == 0) {
		buf_free(&cl->out);
		cl->out_off = 0;
	} else if (cl->out_off > cl->out.n / 2) {
		buf_drop(&cl->out, cl->out_off);
		cl->out_off = 0;
	}
}

void control_flush(struct control_client *cl)
{
	if (cl->dead == NULL && control_queued(cl) > 0)
		write_some(cl);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct control_client *cl = w->data;
	struct control *c = cl->control;

	(void)loop;
	(void)revents;
	take_requests(cl);
	read_some(cl);
	control_flush(cl); /* most answers fit the socket at once */
	rearm(cl);
	control_reap(c);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct control_client *cl = w->data;
	struct control *c = cl->control;

	(void)loop;
	(void)revents;
	if (control_queued(cl) > 0)
		write_some(cl);
	if (cl->dead == NULL && cl->follows)
		control_follow_pump(cl);
	if (cl->dead == NULL && cl->watch != NULL)
		control_watch_pump(cl);
	if (cl->dead == NULL)
		take_requests(cl);
	rearm(cl);
	control_reap(c);
}

/* Only starts the watcher: callers may be in the middle of anything. */
void control_wake(struct control_client *cl)
{
	if (control_queued(cl) == 0)
		return;
	if (!ev_is_active(&cl->out_io))
		cl->progress_ms = control_now_ms();
	ev_io_start(cl->control->loop, &cl->out_io);
}

void control_client_start(struct control_client *cl)
{
	ev_io_init(&cl->in_io, on_readable, cl->fd, EV_READ);
	ev_io_init(&cl->out_io, on_writable, cl->fd, EV_WRITE);
	cl->in_io.data = cl->out_io.data = cl;
	ev_io_start(cl->control->loop, &cl->in_io);
}

void control_client_stop(struct control_client *cl)
{
	ev_io_stop(cl->control->loop, &cl->in_io);
	ev_io_stop(cl->control->loop, &cl->out_io);
}
