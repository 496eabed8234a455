/*
 * Bytes of a client of the control socket, as a stream to the real server over a core that stands still. Whatever they
 * are, the server has closed and forgotten the connection soon after the client's end of stream, and what it says is
 * well-formed: whole frames, each a response or a notification.
 */
#include <errno.h>

#include "common/base/log.h"
#include "membership/control_int.h"
#include "test/unit/fake_shell.h"

enum { TURNS = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct shell shell;
static struct control *control;

static void demand(bool ok)
{
	if (!ok)
		abort();
}

/* Members, workers and links with texts at their limits; commands are answered at once. */
static void start(void)
{
	static struct core_member member[2] =
		{{.name = "a@h", .host = "h", .version = "1", .last_error = "refused"},
			{.name = "emqx1@127.0.0.1",
				.host = "127.0.0.1",
				.version = "1",
				.self = true,
				.running = true,
				.last_error = ""}};
	char path[64];
	static struct core_link link = {.from_name = "a@h",
		.to_name = "b@h",
		.state = "live",
		.last_error = ""};

	log_init("fuzz", LOG_ERROR, LOG_LOGFMT);
	fake_shell_init(&shell);
	fake_shell_data(&shell);
	shell.answers = true;
	shell.member = member;
	shell.n_members = 2;
	shell.link = &link;
	shell.n_links = 1;
	shell.worker[0] = (struct shell_worker){.name = "static", .state = "running"};
	shell.n_workers = 1;
	shell.ask_rc = -EPIPE;
	snprintf(path, sizeof path, "/tmp/fuzz_ctl.%d", (int)getpid());
	control = control_new(&shell, fake_listen(path));
	unlink(path); /* clients come over socket pairs */
	for (int i = 0; i < 3; i++)
		control_event_add(control,
			&(struct core_event){.kind = CORE_EV_NODE_UP, .node = "a@h"});
}

/* What the server said: whole frames, except that the connection may end amid one when it is closed for its input. */
static void look_at(struct frame_in *in)
{
	const uint8_t *body;
	struct msg_env env;
	size_t n;

	while (frame_in_next(in, &body, &n) == 1) {
		demand(msg_env_parse(body, n, &env) == 0);
		demand(env.type != MSG_REQUEST);
		demand(env.type != MSG_NOTIFY || ctl_notice_find(env.method) >= 0);
	}
}

/* Moves bytes until the server has closed; false when it never does. */
static bool talk(int fd, const uint8_t *data, size_t size)
{
	struct frame_in in;
	size_t sent = 0;
	bool closed = false;

	frame_in_init(&in, FRAME_MAX_IPC);
	for (int i = 0; i < TURNS && !closed; i++) {
		size_t room;
		uint8_t *to = frame_in_space(&in, &room);
		ssize_t n = sent < size ? send(fd, data + sent, size - sent, MSG_NOSIGNAL) : 0;

		sent += n > 0 ? (size_t)n : 0;
		if (sent == size || (n < 0 && errno != EAGAIN))
			shutdown(fd, SHUT_WR);
		ev_run(shell.loop, EVRUN_NOWAIT);
		n = recv(fd, to, room, 0);
		closed = n == 0 || (n < 0 && errno != EAGAIN);
		frame_in_fed(&in, n > 0 ? (size_t)n : 0);
		look_at(&in);
	}
	frame_in_free(&in);
	return closed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd[2];

	if (control == NULL)
		start();
	demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	control_adopt(control, fd[0]);
	demand(talk(fd[1], data, size));
	close(fd[1]);
	demand(control->n_clients == 0 && LIST_EMPTY(&control->pending));
	return 0;
}
