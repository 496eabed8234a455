#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/emqx_layout.h"
#include "cli/json.h"
#include "cli/text.h"
#include "common/base/clock.h"
#include "common/conf/conf.h"

enum { LOADING_NS = 20000000 };

static const char *named_socket(const struct cli *c)
{
	const char *named =
		c->args->socket != NULL ? c->args->socket : getenv("CLUSTERD_SOCKET");

	return named != NULL && *named != '\0' ? named : NULL;
}

static int try_socket(struct cli *c, const char *path)
{
	int rc = client_open(&c->client, path, c->args->timeout_ms);

	c->connected = rc == 0;
	if (rc < 0)
		client_close(&c->client);
	return rc;
}

/* The one that says most is told of: a socket that is there and doesn't answer rather than one that isn't. */
static int try_default_sockets(struct cli *c)
{
	struct conf_sockets s;
	int told = -ENOENT;

	conf_socket_candidates("/var/lib/clusterd", getenv("XDG_RUNTIME_DIR"), &s);
	for (size_t i = 0; i < s.n && !c->connected; i++) {
		int rc = try_socket(c, s.path[i]);

		if (rc == 0 || i == 0 || (told == -ENOENT && rc != -ENOENT)) {
			snprintf(c->socket, sizeof c->socket, "%s", s.path[i]);
			told = rc;
		}
	}
	return told;
}

int cli_try_connect(struct cli *c)
{
	const char *named = named_socket(c);

	if (named == NULL)
		return try_default_sockets(c);
	snprintf(c->socket, sizeof c->socket, "%s", named);
	return try_socket(c, named);
}

void cli_close(struct cli *c)
{
	if (c->connected)
		client_close(&c->client);
	c->connected = false;
}

static const char *connect_hint(int rc)
{
	switch (rc) {
	case -EACCES:
	case -EPERM:
		return "Run it as root or as a member of the socket's group (clusterd).";
	case -ENOENT:
	case -ECONNREFUSED:
		return "Is clusterd running? Another socket: --socket PATH or CLUSTERD_SOCKET.";
	default:
		return "";
	}
}

static void put_error_json(struct cli *c, const char *code, const char *text, const char *hint)
{
	json_t *error = json_pack("{s:s, s:o, s:o}", "code", code, "text",
		json_text(msg_str(text)), "hint", json_text_or_null(msg_str(hint)));

	json_put(c->out, json_pack("{s:b, s:o}", "ok", 0, "error", error));
}

/* Exit 3: EMQX's line, then what is known of the reason. */
static int unreachable(struct cli *c, const char *reason, const char *hint)
{
	struct buf b = {0};

	buf_str(&b, "Node ");
	if (c->node_name[0] != '\0')
		emqx_atom(&b, c->node_name);
	else
		buf_str(&b, c->socket);
	buf_str(&b, " not responding to pings.\n");
	buf_printf(&b, "No answer on %s: %s.", c->socket, reason);
	if (c->json)
		put_error_json(c, "unreachable", reason, hint);
	buf_printf(&b, "%s%s\n", *hint != '\0' ? " " : "", hint);
	fwrite(b.p, 1, b.n, c->err);
	buf_free(&b);
	return EXIT_UNREACHABLE;
}

int cli_connect(struct cli *c)
{
	int rc = c->connected ? 0 : cli_try_connect(c);

	if (rc == 0)
		return EXIT_OK;
	return unreachable(c, strerror(-rc), connect_hint(rc));
}

int cli_fail(struct cli *c, const char *code, const char *text, const char *hint)
{
	struct buf b = {0};

	text = text == NULL ? "" : text;
	hint = hint == NULL ? "" : hint;
	if (c->json) {
		put_error_json(c, code, text, hint);
		return EXIT_FAILED;
	}
	text_sentences(&b, msg_str(text), msg_str(hint));
	if (b.n > 0)
		fprintf(c->err, "%.*s\n", (int)b.n, (const char *)b.p);
	buf_free(&b);
	return EXIT_FAILED;
}

int cli_usage_error(struct cli *c, const char *fmt, ...)
{
	va_list ap;

	fputs("clusterctl: ", c->err);
	va_start(ap, fmt);
	vfprintf(c->err, fmt, ap);
	va_end(ap);
	fputs("\nUsage: clusterctl help shows all commands.\n", c->err);
	return EXIT_USAGE;
}

/* The connection failed under a request. */
static int broken(struct cli *c, int rc)
{
	const char *reason = rc == -EPIPE    ? "the daemon closed the connection"
			     : rc == -EPROTO ? "what came is no answer of clusterd"
					     : strerror(-rc);

	if (rc == -ETIMEDOUT)
		reason = "the daemon was silent for too long";
	if (!c->changing)
		return unreachable(c, reason, "");
	return cli_fail(c, rc == -ETIMEDOUT ? "timeout" : "connection_lost",
		rc == -ETIMEDOUT
			? "The daemon was silent for too long; it goes on with the command."
			: "The daemon closed the connection before its answer; "
			  "the command may or may not have been done.",
		"See clusterctl status.");
}

int cli_send(struct cli *c, enum ctl_method m, const void *params, uint32_t *id)
{
	int rc = cli_connect(c);

	if (rc != EXIT_OK)
		return rc;
	c->changing = (ctl_rows[m].flags & CTL_CHANGES) != 0;
	rc = client_send(&c->client, m, params, c->args->timeout_ms, id);
	/* A daemon that has said goodbye has also closed: its reason is still to be read. */
	return rc == 0 || rc == -EPIPE ? EXIT_OK : broken(c, rc);
}

static void show_progress(struct cli *c, const struct client_msg *msg)
{
	enum progress_how how = c->json                  ? PROGRESS_JSON
				: isatty(fileno(c->err)) ? PROGRESS_BAR
							 : PROGRESS_NONE;
	struct ctl_progress p;

	if (client_decode(&c->client, msg, ctl_notices[CTL_PROGRESS].params, &p) == 0)
		progress_show(&c->progress, c->err, how, &p, clock_mono_ms());
}

static int said_error(struct cli *c, const struct client_msg *msg)
{
	struct ctl_error e;
	char code[CTL_WORD_MAX + 1] = "error", text[CTL_TEXT_MAX + 1] = "";

	if (client_decode(&c->client, msg, &ctl_error_desc, &e) < 0)
		return broken(c, -EPROTO);
	(void)msg_span_copy(code, sizeof code, e.code);
	(void)msg_span_copy(text, sizeof text, e.text);
	return cli_fail(c, code, text, "");
}

int cli_receive(struct cli *c, struct client_msg *out)
{
	for (;;) {
		int rc = client_next(&c->client, c->args->timeout_ms + c->grace_ms, out);

		if (rc < 0 || out->type == MSG_RESPONSE)
			progress_end(&c->progress, c->err);
		if (rc < 0)
			return broken(c, rc);
		if (out->type == MSG_RESPONSE)
			return EXIT_OK;
		if (out->notice == CTL_PROGRESS)
			show_progress(c, out);
		if (out->notice == CTL_BYE)
			return said_error(c, out);
	}
}

int cli_wait_notice(struct cli *c, struct client_msg *out)
{
	int rc;

	do {
		rc = client_next(&c->client, UINT64_MAX, out);
		if (rc < 0)
			return broken(c, rc);
	} while (out->type != MSG_NOTIFY);
	return out->notice == CTL_BYE ? said_error(c, out) : EXIT_OK;
}

int cli_take(struct cli *c, const struct client_msg *msg, const struct msg_desc *d, void *out)
{
	if (msg->is_error)
		return said_error(c, msg);
	return client_decode(&c->client, msg, d, out) < 0 ? broken(c, -EPROTO) : EXIT_OK;
}

static int ask(struct cli *c, enum ctl_method m, const void *params, struct client_msg *msg)
{
	uint32_t id;
	int rc = cli_send(c, m, params, &id);

	do {
		if (rc == EXIT_OK)
			rc = cli_receive(c, msg);
	} while (rc == EXIT_OK && msg->id != id);
	return rc;
}

static bool still_loads(struct cli *c, const struct client_msg *msg)
{
	struct ctl_error e;

	return msg->is_error && client_decode(&c->client, msg, &ctl_error_desc, &e) == 0 &&
	       msg_span_eq(e.code, "data_loading");
}

/* A node that is starting loads its shared data beside everything else: what asks for it waits. */
int cli_call(struct cli *c, enum ctl_method m, const void *params, void *result)
{
	uint64_t begun_ms = clock_mono_ms();
	struct client_msg msg;
	int rc;

	for (;;) {
		rc = ask(c, m, params, &msg);
		if (rc != EXIT_OK || !still_loads(c, &msg) ||
			clock_mono_ms() - begun_ms >= c->args->timeout_ms)
			break;
		nanosleep(&(struct timespec){.tv_nsec = LOADING_NS}, NULL);
	}
	return rc == EXIT_OK ? cli_take(c, &msg, ctl_rows[m].result, result) : rc;
}

void cli_learn_node(struct cli *c, struct msg_span name)
{
	if (c->node_name[0] == '\0')
		(void)msg_span_copy(c->node_name, sizeof c->node_name, name);
}
