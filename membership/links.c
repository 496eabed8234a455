#include "membership/links.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/frame.h"
#include "membership/dial_log.h"
#include "membership/known.h"
#include "membership/net/stream.h"

#define LOG_COMPONENT "net"

enum { BUCKETS = 256 };

struct link {
	LIST_ENTRY(link) same_bucket;
	TAILQ_ENTRY(link) next;
	struct links *owner;
	uint32_t handle; /* the core's; 0: it knows nothing of it yet */
	struct stream *stream;
	struct gate_entry entry; /* accepted ones, until their hello is */
	bool open;
	char *dial_host; /* NULL: accepted */
	uint16_t dial_port;
};

LIST_HEAD(link_bucket, link);
TAILQ_HEAD(link_list, link);

struct links {
	struct shell *shell;
	struct dial_log *dials;
	struct link_bucket bucket[BUCKETS];
	struct link_list all;
};

static struct link *find(struct links *l, uint32_t handle)
{
	struct link *k;

	for (k = LIST_FIRST(&l->bucket[handle % BUCKETS]); k != NULL;
		k = LIST_NEXT(k, same_bucket))
		if (k->handle == handle)
			return k;
	return NULL;
}

static struct link *link_new(struct links *l)
{
	struct link *k = xcalloc(1, sizeof *k);

	k->owner = l;
	TAILQ_INSERT_TAIL(&l->all, k, next);
	return k;
}

static void set_handle(struct link *k, uint32_t handle)
{
	k->handle = handle;
	LIST_INSERT_HEAD(&k->owner->bucket[handle % BUCKETS], k, same_bucket);
}

static void link_free(struct link *k)
{
	gate_leave(k->owner->shell->gate, &k->entry);
	if (k->handle != 0)
		LIST_REMOVE(k, same_bucket);
	TAILQ_REMOVE(&k->owner->all, k, next);
	stream_free(k->stream);
	free(k->dial_host);
	memory_trim_later(&k->owner->shell->memory);
	free(k);
}

/* --- from the stream to the core --- */

static void remote_ip(const struct link *k, char out[NET_ADDR_TEXT])
{
	struct net_ip ip;

	out[0] = '\0';
	if (stream_peer(k->stream, &ip))
		net_ip_text(&ip, out);
}

static void on_stage(void *ctx, enum core_stage stage)
{
	struct link *k = ctx;
	struct shell *s = k->owner->shell;
	char remote[NET_ADDR_TEXT];
	struct net_ip ip;

	k->open = stage == CORE_STAGE_HELLO;
	if (k->handle != 0) {
		if (k->open && stream_peer(k->stream, &ip)) {
			known_note(s->known, &ip);
			dial_log_ok(k->owner->dials, k->dial_host, k->dial_port);
		}
		core_conn_stage(shell_in(s), k->handle, stage);
	} else if (k->open) {
		remote_ip(k, remote);
		set_handle(k, core_conn_accepted(shell_in(s), remote));
	}
	shell_out(s);
}

static void on_frame(void *ctx, const uint8_t *body, size_t n)
{
	struct link *k = ctx;
	struct shell *s = k->owner->shell;

	core_conn_frame(shell_in(s), k->handle, body, n);
	shell_out(s);
}

static size_t on_pull(void *ctx, uint8_t *out, size_t cap)
{
	struct link *k = ctx;
	struct shell *s = k->owner->shell;
	size_t n = core_conn_pull(shell_in(s), k->handle, out, cap);

	shell_out(s);
	return n;
}

/* The stream is at its end; the core hears of it if it ever knew the connection. */
static void end(struct link *k, enum core_loss loss, const char *text)
{
	struct shell *s = k->owner->shell;
	uint32_t handle = k->handle;

	link_free(k);
	if (handle == 0)
		return;
	core_conn_lost(shell_in(s), handle, loss, text);
	shell_out(s);
}

/*
 * Who is told why: a dial's failure has its own log; who holds the cookie and hangs up before its hello was accepted has
 * asked something or was refused by the core, which has said so; the rest is the gate's or a broken link.
 */
static void tell_lost(struct link *k, enum core_loss loss, const char *text)
{
	struct gate *gate = k->owner->shell->gate;
	bool hung_up = loss == CORE_LOSS_EOF || loss == CORE_LOSS_RESET;
	char quoted[1024];

	if (k->dial_host != NULL && !k->open)
		dial_log_failed(k->owner->dials, k->dial_host, k->dial_port, loss, text);
	else if (k->entry.inside && !(k->open && hung_up))
		gate_failed(gate, &k->entry, text);
	else if (loss == CORE_LOSS_ERROR)
		log_warn("link_broken", "with=%s reason=%s", stream_remote(k->stream),
			log_quote(quoted, sizeof quoted, text, strlen(text)));
}

static void on_lost(void *ctx, enum core_loss loss, const char *text)
{
	tell_lost(ctx, loss, text);
	end(ctx, loss, text);
}

static void on_gate_close(void *owner, enum core_loss loss, const char *text)
{
	end(owner, loss, text);
}

static const struct stream_handlers handlers = {on_stage, on_frame, on_pull, on_lost};

void links_accept(struct links *l, int fd, const union net_addr *peer)
{
	struct link *k = link_new(l);
	struct net_ip ip = net_addr_ip(peer);

	k->stream = stream_accept(l->shell->env, fd, peer, &handlers, k);
	if (k->stream == NULL) {
		link_free(k);
		return;
	}
	k->entry.stream = k->stream;
	k->entry.close = on_gate_close;
	k->entry.owner = k;
	gate_enter(l->shell->gate, &k->entry, &ip, "distribution");
}

/* --- from the core to the stream --- */

static void dial(struct links *l, const struct core_fx *fx)
{
	struct link *k = link_new(l);
	struct stream_target target = {.host = fx->u.dial.host,
		.port = fx->u.dial.port,
		.timeout_ms = fx->u.dial.timeout_ms,
		.frame_max = FRAME_MAX_HELLO};

	set_handle(k, fx->conn);
	k->dial_host = xstrdup(fx->u.dial.host);
	k->dial_port = fx->u.dial.port;
	k->stream = stream_dial(l->shell->env, &target, &handlers, k);
}

/* Not lingering, the core has forgotten it; lingering, it hears the end. Why is in the core's own event. */
static void hang_up(struct link *k, bool linger)
{
	gate_leave(k->owner->shell->gate, &k->entry);
	if (linger)
		stream_linger(k->stream);
	else
		link_free(k);
}

static void accepted(struct link *k)
{
	struct shell *s = k->owner->shell;
	struct net_ip ip;

	gate_leave(s->gate, &k->entry);
	stream_frame_max(k->stream, FRAME_MAX_LINK);
	if (stream_peer(k->stream, &ip))
		known_note(s->known, &ip);
}

void links_effect(struct links *l, const struct core_fx *fx)
{
	struct link *k;

	if (fx->kind == CORE_FX_DIAL) {
		dial(l, fx);
		return;
	}
	k = find(l, fx->conn);
	if (k == NULL) /* its end is on the way to the core */
		return;
	if (fx->kind == CORE_FX_CLOSE)
		hang_up(k, fx->u.close.linger);
	else if (fx->kind == CORE_FX_WAKE)
		stream_wake(k->stream);
	else if (fx->kind == CORE_FX_ACCEPTED)
		accepted(k);
}

void links_each_failed_dial(const struct links *l, shell_dial_visit *visit, void *ctx)
{
	dial_log_each(l->dials, visit, ctx);
}

struct links *links_new(struct shell *s)
{
	struct links *l = xcalloc(1, sizeof *l);

	l->shell = s;
	l->dials = dial_log_new();
	TAILQ_INIT(&l->all);
	return l;
}

void links_free(struct links *l)
{
	struct link *k, *next;

	if (l == NULL)
		return;
	for (k = TAILQ_FIRST(&l->all); k != NULL; k = next) {
		next = TAILQ_NEXT(k, next);
		link_free(k);
	}
	dial_log_free(l->dials);
	free(l);
}
