#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/ipc/ctl.h"
#include "common/msg/frame.h"
#include "test/bench/kv_load.h"

/* --- the control socket --- */

struct control {
	int fd;
	struct buf out;
	struct frame_in in;
	struct msg_arena arena;
};

static struct control *control_open(const char *path)
{
	struct control *k = xcalloc(1, sizeof *k);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof a.sun_path)
		die("%s: too long for a socket", path);
	memcpy(a.sun_path, path, strlen(path));
	k->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (k->fd < 0 || connect(k->fd, (struct sockaddr *)&a, sizeof a) != 0)
		die("%s: %s", path, strerror(errno));
	frame_in_init(&k->in, FRAME_MAX_IPC);
	msg_arena_init(&k->arena, CTL_ARENA_MAX);
	return k;
}

static void control_flush(struct control *k)
{
	size_t off = 0;

	while (off < k->out.n) {
		ssize_t n = send(k->fd, k->out.p + off, k->out.n - off, MSG_NOSIGNAL);

		if (n < 0)
			die("control socket: %s", strerror(errno));
		off += (size_t)n;
	}
	k->out.n = 0;
}

/* What is there, or waits for it: a frame is then to be had. */
static void control_read(struct control *k)
{
	size_t room;
	uint8_t *to = frame_in_space(&k->in, &room);
	ssize_t n = recv(k->fd, to, room, 0);

	if (n <= 0)
		die("control socket: %s", n == 0 ? "closed" : strerror(errno));
	frame_in_fed(&k->in, (size_t)n);
}

static bool control_next(struct control *k, struct msg_env *env)
{
	const uint8_t *body;
	size_t n;
	int rc = frame_in_next(&k->in, &body, &n);

	if (rc < 0 || (rc > 0 && msg_env_parse(body, n, env) != 0))
		die("control socket: no MessagePack-RPC");
	return rc > 0;
}

static void put(struct control *k, uint32_t id, const struct ctl_kv_write *w)
{
	msg_put_request(&k->out, id, "kv_put", &ctl_kv_write_desc, w);
}

/* NULL: it was done. */
static const char *put_error(struct control *k, const struct msg_env *env)
{
	static char text[256];
	struct ctl_kv_written w;
	struct ctl_error e;

	msg_arena_reset(&k->arena);
	if (env->is_error) {
		if (msg_decode(&ctl_error_desc, env->body, &k->arena, &e, NULL) != 0)
			return "an error without words";
		snprintf(text, sizeof text, "%.*s", (int)e.text.n, e.text.p);
		return text;
	}
	if (msg_decode(&ctl_kv_written_desc, env->body, &k->arena, &w, NULL) != 0)
		return "no answer to a put";
	if (w.ok)
		return NULL;
	snprintf(text, sizeof text, "%.*s: %.*s", (int)w.code.n, w.code.p, (int)w.text.n,
		w.text.p);
	return text;
}

/* --- the store --- */

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct conn *c = io->data;
	struct control *k = c->state;
	struct msg_env env;

	(void)loop;
	(void)revents;
	control_read(k);
	while (control_next(k, &env))
		if (env.type == MSG_RESPONSE)
			load_answered(c->load, env.id - 1, put_error(k, &env));
}

static void before_wait(struct ev_loop *loop, ev_prepare *p, int revents)
{
	struct conn *c = p->data;

	(void)loop;
	(void)revents;
	control_flush(c->state);
}

static void store_open(struct conn *c, const char *target)
{
	struct control *k = control_open(target);

	c->state = k;
	ev_io_init(&c->io, on_readable, k->fd, EV_READ);
	ev_prepare_init(&c->before_wait, before_wait);
	c->io.data = c->before_wait.data = c;
	ev_io_start(EV_DEFAULT, &c->io);
	ev_prepare_start(EV_DEFAULT, &c->before_wait);
}

static void store_put(struct conn *c, uint32_t slot, struct msg_span key, struct msg_span value)
{
	put(c->state, slot + 1,
		&(struct ctl_kv_write){.key = key,
			.value = value,
			.ack = load_options(c->load)->ack,
			.if_version = msg_str("")});
}

const struct store store_clusterd = {"clusterd", store_open, store_put};

/* --- from a put to all watchers --- */

static void watch(struct control *k, const char *prefix)
{
	struct ctl_kv_watch_ask ask = {.prefix = msg_str(prefix),
		.index = msg_str(""),
		.follow = true};
	struct msg_env env;

	msg_put_request(&k->out, 1, "kv_watch", &ctl_kv_watch_ask_desc, &ask);
	control_flush(k);
	while (!control_next(k, &env))
		control_read(k);
	if (env.type != MSG_RESPONSE || env.is_error)
		die("kv_watch was refused");
}

/* Waits until this watcher is told of the key. */
static void wait_told(struct control *k, const char *key)
{
	struct ctl_kv_changes a;
	struct msg_env env;

	for (;;) {
		const struct ctl_kv_item *item;

		while (!control_next(k, &env))
			control_read(k);
		msg_arena_reset(&k->arena);
		if (env.type != MSG_NOTIFY ||
			msg_decode(&ctl_kv_changes_desc, env.body, &k->arena, &a, NULL) != 0)
			continue;
		item = a.items.item;
		for (uint32_t i = 0; i < a.items.n; i++)
			if (msg_span_eq(item[i].key, key))
				return;
	}
}

/* What takes long is accompanied by notices. */
static void wait_put(struct control *k)
{
	const char *error;
	struct msg_env env = {.type = MSG_NOTIFY};

	while (env.type != MSG_RESPONSE)
		if (!control_next(k, &env))
			control_read(k);
	error = put_error(k, &env);
	if (error != NULL)
		die("put: %s", error);
}

/* Watchers are asked one after the other: what the others were told waits in their sockets, the last one counts. */
int spread_main(const struct load_options *o, char **path, size_t n)
{
	static const char prefix[] = "spread/";
	struct control **writer = xcalloc(n, sizeof(*writer));
	struct control **watcher = xcalloc(n, sizeof(*watcher));
	uint64_t until;
	struct samples all = {.n = 0}, acked = {.n = 0};
	char key[32], *value = xcalloc(1, (size_t)o->value_bytes + 1);

	memset(value, 'x', o->value_bytes);
	for (size_t i = 0; i < n; i++) {
		writer[i] = control_open(path[i]);
		watcher[i] = control_open(path[i]);
		watch(watcher[i], prefix);
	}
	until = now_ns() + (uint64_t)o->ms * 1000000;
	for (size_t at = 0; now_ns() < until; at++) {
		struct control *w = writer[at % n];
		uint64_t begun = now_ns();

		snprintf(key, sizeof key, "%s%08zu", prefix, at);
		put(w, 1,
			&(struct ctl_kv_write){.key = msg_str(key),
				.value = {value, o->value_bytes},
				.ack = o->ack,
				.if_version = msg_str("")});
		control_flush(w);
		wait_put(w);
		samples_add(&acked, now_ns() - begun);
		for (size_t i = 0; i < n; i++)
			wait_told(watcher[i], key);
		samples_add(&all, now_ns() - begun);
		usleep(o->pause_ms * 1000);
	}
	printf("{\"all\": {");
	samples_print(&all);
	printf("}, \"acked\": {");
	samples_print(&acked);
	printf("}}\n");
	return 0;
}
