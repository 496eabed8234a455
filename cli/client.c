#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"

enum { CONNECT_RETRY_MS = 5 };

static uint64_t deadline_of(uint64_t timeout_ms)
{
	uint64_t now = clock_mono_ms();

	return timeout_ms > UINT64_MAX - now ? UINT64_MAX : now + timeout_ms;
}

/* 0 when fd is ready, -ETIMEDOUT at the deadline. */
static int wait_for(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		uint64_t now = clock_mono_ms();
		int rc, left = -1;

		if (deadline_ms != UINT64_MAX) {
			uint64_t ms = deadline_ms > now ? deadline_ms - now : 0;

			left = ms > 60000 ? 60000 : (int)ms;
		}
		rc = poll(&p, fd < 0 ? 0 : 1, left);
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (rc == 0 && clock_mono_ms() >= deadline_ms)
			return -ETIMEDOUT;
	}
}

/* A local connect never waits for the other side: it succeeds, fails, or finds the queue full (EAGAIN). */
static int connect_by(int fd, const struct sockaddr_un *to, uint64_t deadline_ms)
{
	while (connect(fd, (const struct sockaddr *)to, sizeof *to) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (clock_mono_ms() >= deadline_ms)
			return -ETIMEDOUT;
		(void)wait_for(-1, 0, clock_mono_ms() + CONNECT_RETRY_MS);
	}
	return 0;
}

int client_open(struct client *c, const char *path, uint64_t timeout_ms)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	*c = (struct client){.fd = -1};
	frame_in_init(&c->in, FRAME_MAX_IPC);
	msg_arena_init(&c->arena, CTL_ARENA_MAX);
	if (strlen(path) >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	return connect_by(c->fd, &to, deadline_of(timeout_ms));
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	frame_in_free(&c->in);
	msg_arena_free(&c->arena);
}

static int send_all(struct client *c, const struct buf *b, uint64_t timeout_ms)
{
	uint64_t deadline_ms = deadline_of(timeout_ms);
	size_t done = 0;

	while (done < b->n) {
		ssize_t n = send(c->fd, b->p + done, b->n - done, MSG_NOSIGNAL);
		int rc;

		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno == ECONNRESET)
			return -EPIPE;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		rc = wait_for(c->fd, POLLOUT, deadline_ms);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int client_send(struct client *c, enum ctl_method m, const void *params, uint64_t timeout_ms,
	uint32_t *id)
{
	struct buf b = {0};
	int rc;

	*id = ++c->last_id;
	msg_put_request(&b, *id, ctl_rows[m].method, ctl_rows[m].params, params);
	rc = send_all(c, &b, timeout_ms);
	buf_free(&b);
	return rc;
}

static int read_more(struct client *c, uint64_t timeout_ms)
{
	uint64_t deadline_ms = deadline_of(timeout_ms);

	for (;;) {
		size_t room;
		uint8_t *to = frame_in_space(&c->in, &room);
		ssize_t n = recv(c->fd, to, room, 0);
		int rc;

		if (n > 0) {
			frame_in_fed(&c->in, (size_t)n);
			return 0;
		}
		if (n == 0 || errno == ECONNRESET)
			return -EPIPE;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		rc = wait_for(c->fd, POLLIN, deadline_ms);
		if (rc < 0)
			return rc;
	}
}

/* 1: *out is a message for the caller, 0: a notification that this clusterctl does not know. */
static int parse(const uint8_t *frame, size_t n, struct client_msg *out)
{
	struct msg_env env;
	int notice;

	if (msg_env_parse(frame, n, &env) < 0 || env.type == MSG_REQUEST)
		return -EPROTO;
	*out = (struct client_msg){.type = env.type,
		.id = env.id,
		.is_error = env.is_error,
		.body = env.body};
	if (env.type == MSG_RESPONSE)
		return 1;
	notice = ctl_notice_find(env.method);
	if (notice < 0)
		return 0;
	out->notice = (enum ctl_notice)notice;
	return 1;
}

int client_next(struct client *c, uint64_t timeout_ms, struct client_msg *out)
{
	const uint8_t *frame;
	size_t n;

	msg_arena_reset(&c->arena);
	for (;;) {
		int rc = frame_in_next(&c->in, &frame, &n);

		if (rc < 0)
			return -EPROTO;
		rc = rc > 0 ? parse(frame, n, out) : read_more(c, timeout_ms);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
}

int client_decode(struct client *c, const struct client_msg *m, const struct msg_desc *d,
	void *out)
{
	return msg_decode(d, m->body, &c->arena, out, NULL);
}
