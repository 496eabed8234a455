#include "membership/net/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/frame.h"
#include "membership/net/stream.h"

#define LOG_COMPONENT "rpc"

enum { ARENA_MAX = 64 * 1024, BUCKETS = 256 };

/* Handed to the owner, not answered yet. */
struct open_request {
	LIST_ENTRY(open_request) same_bucket;
	TAILQ_ENTRY(open_request) next;
	struct session *session;
	uint32_t serve, id; /* the owner's and the peer's number of it */
};

LIST_HEAD(request_bucket, open_request);
TAILQ_HEAD(request_list, open_request);

struct session {
	TAILQ_ENTRY(session) next;
	struct rpc_server *srv;
	struct stream *stream;
	struct gate_entry entry;
	struct rpc_out out;
	struct id128 peer; /* of its hello */
	struct request_list requests;
	size_t n_requests;
	ev_timer idle;
	bool open, greeted, held, closing;
};

TAILQ_HEAD(session_list, session);

struct rpc_server {
	struct net_env *env;
	struct gate *gate;
	rpc_self *self;
	const struct rpc_server_handlers *h;
	void *ctx;
	struct request_bucket bucket[BUCKETS];
	uint32_t last_serve;
	struct session_list sessions;
	size_t n_greeted;
	struct msg_arena arena;
};

static void request_free(struct open_request *r)
{
	LIST_REMOVE(r, same_bucket);
	TAILQ_REMOVE(&r->session->requests, r, next);
	r->session->n_requests--;
	free(r);
}

static void session_free(struct session *s)
{
	struct rpc_server *srv = s->srv;
	struct open_request *r, *next;

	for (r = TAILQ_FIRST(&s->requests); r != NULL; r = next) {
		next = TAILQ_NEXT(r, next);
		request_free(r);
	}
	gate_leave(srv->gate, &s->entry);
	TAILQ_REMOVE(&srv->sessions, s, next);
	srv->n_greeted -= s->greeted;
	ev_timer_stop(srv->env->loop, &s->idle);
	stream_free(s->stream);
	buf_free(&s->out.b);
	free(s);
}

/* The owner hears of what it need not answer any more. */
static void session_end(struct session *s)
{
	struct rpc_server *srv = s->srv;
	struct open_request *r;

	while ((r = TAILQ_FIRST(&s->requests)) != NULL) {
		uint32_t serve = r->serve;

		request_free(r);
		srv->h->lost(srv->ctx, serve);
	}
	session_free(s);
}

static void on_idle(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct session *s = t->data;

	(void)loop;
	(void)revents;
	if (s->n_requests == 0)
		session_end(s);
}

/* No more is read while the peer doesn't take its answers, or waits for many. */
static void hold(struct session *s)
{
	bool full = rpc_out_left(&s->out) > RPC_ANSWERS_MAX || s->n_requests >= RPC_OPEN_MAX;
	bool low = rpc_out_left(&s->out) == 0 && s->n_requests < RPC_OPEN_MAX;

	if (s->held ? !low : !full)
		return;
	s->held = !s->held;
	stream_hold(s->stream, s->held);
}

static void answered(struct session *s)
{
	hold(s);
	stream_wake(s->stream);
}

/* fatal: the connection ends with this answer. */
static void refuse(struct session *s, uint32_t id, enum wire_bye_code code, const char *text,
	bool fatal)
{
	struct wire_rpc_error e = {.code = code, .text = msg_str(text)};

	msg_put_error(&s->out.b, id, &wire_rpc_error_desc, &e);
	answered(s);
	if (!fatal)
		return;
	gate_failed(s->srv->gate, &s->entry, text);
	s->closing = true;
	stream_linger(s->stream);
}

static void do_hello(struct session *s, uint32_t id, const void *params)
{
	const struct wire_rpc_hello *theirs = params;
	struct rpc_server *srv = s->srv;
	struct wire_rpc_hello ours = {0};

	srv->self(srv->ctx, &ours);
	if (theirs->proto_lo > ours.proto_hi || theirs->proto_hi < ours.proto_lo) {
		refuse(s, id, WIRE_BYE_VERSION, "no protocol version in common", true);
	} else if (theirs->cluster_name.n != ours.cluster_name.n ||
		   memcmp(theirs->cluster_name.p, ours.cluster_name.p, ours.cluster_name.n) !=
			   0) {
		refuse(s, id, WIRE_BYE_CLUSTER_NAME, "cluster.name differs", true);
	} else if (!s->greeted && srv->n_greeted >= RPC_SESSIONS_MAX) {
		refuse(s, id, WIRE_BYE_BUSY, "too many RPC connections", true);
	} else {
		gate_leave(srv->gate, &s->entry);
		srv->n_greeted += !s->greeted;
		s->greeted = true;
		s->peer = theirs->member_id;
		stream_frame_max(s->stream, FRAME_MAX_RPC);
		msg_put_result(&s->out.b, id, wire_rpc_rows[WIRE_RPC_HELLO].result, &ours);
		answered(s);
	}
}

static void do_ping(struct session *s, uint32_t id, const void *params)
{
	(void)params;
	msg_put_result(&s->out.b, id, NULL, NULL);
	answered(s);
}

static void (*const handler[WIRE_RPC_N])(struct session *s, uint32_t id, const void *params) = {
	[WIRE_RPC_HELLO] = do_hello,
	[WIRE_RPC_PING] = do_ping,
};

static void malformed(struct session *s, const char *what)
{
	char quoted[256];

	if (s->greeted)
		log_warn("rpc_malformed", "from=%s what=%s", stream_remote(s->stream),
			log_quote(quoted, sizeof quoted, what, strlen(what)));
	else
		gate_failed(s->srv->gate, &s->entry, what);
	session_end(s);
}

static void hand_on(struct session *s, const struct msg_env *env)
{
	struct rpc_server *srv = s->srv;
	struct open_request *r;

	if (s->n_requests >= RPC_OPEN_REFUSE) {
		refuse(s, env->id, WIRE_BYE_BUSY, "too many requests at once", false);
		return;
	}
	r = xcalloc(1, sizeof *r);
	r->session = s;
	r->id = env->id;
	r->serve = ++srv->last_serve;
	LIST_INSERT_HEAD(&srv->bucket[r->serve % BUCKETS], r, same_bucket);
	TAILQ_INSERT_TAIL(&s->requests, r, next);
	s->n_requests++;
	if (!srv->h->request(srv->ctx,
		    &(struct rpc_request){r->serve, s->peer, env->method, env->body})) {
		request_free(r);
		refuse(s, env->id, WIRE_BYE_PROTOCOL, "unknown method", false);
		return;
	}
	hold(s);
}

void rpc_server_answer(struct rpc_server *srv, uint32_t serve, bool ok, struct msg_reader body)
{
	struct open_request *r = LIST_FIRST(&srv->bucket[serve % BUCKETS]);
	struct session *s;

	while (r != NULL && r->serve != serve)
		r = LIST_NEXT(r, same_bucket);
	if (r == NULL)
		return;
	s = r->session;
	msg_put_response_raw(&s->out.b, r->id, !ok, body);
	request_free(r);
	ev_timer_again(srv->env->loop, &s->idle);
	answered(s);
}

static void serve(struct session *s, const struct msg_env *env)
{
	union {
		struct wire_rpc_hello hello;
	} params;
	const char *bad = "params";

	for (unsigned i = 0; i < WIRE_RPC_N; i++) {
		const struct wire_rpc_row *row = &wire_rpc_rows[i];

		if (!msg_span_eq(env->method, row->method))
			continue;
		if (i != WIRE_RPC_HELLO && !s->greeted) {
			malformed(s, "a request before hello");
			return;
		}
		msg_arena_reset(&s->srv->arena);
		if (row->params != NULL &&
			msg_decode(row->params, env->body, &s->srv->arena, &params, &bad) != 0)
			malformed(s, bad);
		else
			handler[i](s, env->id, &params);
		return;
	}
	if (s->greeted)
		hand_on(s, env);
	else
		malformed(s, "an unknown method before hello");
}

static void on_stage(void *ctx, enum core_stage stage)
{
	struct session *s = ctx;

	s->open = stage == CORE_STAGE_HELLO;
}

static void on_frame(void *ctx, const uint8_t *body, size_t n)
{
	struct session *s = ctx;
	struct msg_env env;

	if (s->closing)
		return;
	ev_timer_again(s->srv->env->loop, &s->idle);
	if (msg_env_parse(body, n, &env) != 0 || env.type != MSG_REQUEST)
		malformed(s, "not a MessagePack-RPC request");
	else
		serve(s, &env);
}

static size_t on_pull(void *ctx, uint8_t *out, size_t cap)
{
	struct session *s = ctx;
	size_t n = rpc_out_pull(&s->out, out, cap);

	if (n > 0)
		hold(s);
	return n;
}

static void on_lost(void *ctx, enum core_loss loss, const char *text)
{
	struct session *s = ctx;

	if (!s->open || (loss != CORE_LOSS_EOF && loss != CORE_LOSS_RESET))
		gate_failed(s->srv->gate, &s->entry, text);
	session_end(s);
}

static void on_gate_close(void *owner, enum core_loss loss, const char *text)
{
	(void)loss;
	(void)text;
	session_end(owner);
}

static const struct stream_handlers handlers = {.stage = on_stage,
	.frame = on_frame,
	.pull = on_pull,
	.lost = on_lost};

struct rpc_server *rpc_server_new(struct net_env *env, struct gate *gate, rpc_self *self,
	const struct rpc_server_handlers *h, void *ctx)
{
	struct rpc_server *srv = xcalloc(1, sizeof *srv);

	srv->env = env;
	srv->gate = gate;
	srv->self = self;
	srv->h = h;
	srv->ctx = ctx;
	TAILQ_INIT(&srv->sessions);
	msg_arena_init(&srv->arena, ARENA_MAX);
	return srv;
}

void rpc_server_free(struct rpc_server *srv)
{
	struct session *s, *next;

	if (srv == NULL)
		return;
	for (s = TAILQ_FIRST(&srv->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, next);
		session_free(s);
	}
	msg_arena_free(&srv->arena);
	free(srv);
}

void rpc_server_accept(struct rpc_server *srv, int fd, const union net_addr *peer)
{
	struct session *s = xcalloc(1, sizeof *s);
	struct net_ip ip = net_addr_ip(peer);

	s->srv = srv;
	TAILQ_INIT(&s->requests);
	s->stream = stream_accept(srv->env, fd, peer, &handlers, s);
	if (s->stream == NULL) {
		free(s);
		return;
	}
	s->entry.stream = s->stream;
	s->entry.close = on_gate_close;
	s->entry.owner = s;
	ev_timer_init(&s->idle, on_idle, 0., RPC_SESSION_IDLE_MS / 1e3);
	ev_set_priority(&s->idle, NET_PRI_LAST);
	s->idle.data = s;
	TAILQ_INSERT_TAIL(&srv->sessions, s, next);
	gate_enter(srv->gate, &s->entry, &ip, "rpc");
}

size_t rpc_server_sessions(const struct rpc_server *srv)
{
	return srv->n_greeted;
}
