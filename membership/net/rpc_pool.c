#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/msg/frame.h"
#include "membership/net/rpc.h"
#include "membership/net/stream.h"

enum { ARENA_MAX = 64 * 1024, HELLO_ID = 1 };

struct call {
	TAILQ_ENTRY(call) next;
	uint32_t call, id; /* the owner's and the connection's number of it */
	uint64_t deadline_ms;
	char *method;
	struct buf params; /* until there is a connection */
};

TAILQ_HEAD(call_list, call);

/* One connection, from its first call on. */
struct peer {
	TAILQ_ENTRY(peer) next;
	struct rpc_pool *pool;
	struct id128 id;
	char *host;
	uint16_t port;
	struct stream *stream;
	struct rpc_out out;
	struct call_list calls;
	ev_timer timer; /* the first deadline of a call, or the end of idleness */
	uint32_t last_id;
	uint64_t hello_ms; /* it answers hello by then */
	uint64_t used_ms;  /* the last answer */
	bool open, keep;
	char *why; /* it is over, for this reason: the timer tells */
};

TAILQ_HEAD(peer_list, peer);

struct rpc_pool {
	struct net_env *env;
	rpc_self *self;
	const struct rpc_pool_handlers *h;
	void *ctx;
	struct peer_list peers, dying; /* dying: its calls are being answered */
	struct msg_arena arena;
};

static void call_free(struct peer *p, struct call *k)
{
	TAILQ_REMOVE(&p->calls, k, next);
	buf_free(&k->params);
	free(k->method);
	free(k);
}

static void peer_free(struct peer *p)
{
	struct call *k, *next;

	for (k = TAILQ_FIRST(&p->calls); k != NULL; k = next) {
		next = TAILQ_NEXT(k, next);
		call_free(p, k);
	}
	ev_timer_stop(p->pool->env->loop, &p->timer);
	stream_free(p->stream);
	buf_free(&p->out.b);
	free(p->host);
	free(p->why);
	free(p);
}

static struct peer *peer_find(const struct rpc_pool *pool, const struct id128 *id)
{
	struct peer *p;

	for (p = TAILQ_FIRST(&pool->peers); p != NULL; p = TAILQ_NEXT(p, next))
		if (id_eq(&p->id, id))
			return p;
	return NULL;
}

/* --- time --- */

/* When it goes if no call is made. */
static uint64_t idle_ms(const struct peer *p)
{
	return p->keep ? p->used_ms + RPC_IDLE_MS : 0;
}

static void arm(struct peer *p)
{
	const struct call *k = TAILQ_FIRST(&p->calls);
	uint64_t now_ms = clock_mono_ms(), at_ms = UINT64_MAX;
	struct ev_loop *loop = p->pool->env->loop;

	for (; k != NULL; k = TAILQ_NEXT(k, next))
		if (k->deadline_ms < at_ms)
			at_ms = k->deadline_ms;
	if (at_ms == UINT64_MAX)
		at_ms = idle_ms(p);
	if (!p->open && p->hello_ms < at_ms)
		at_ms = p->hello_ms;
	if (p->why != NULL)
		at_ms = now_ms;
	ev_timer_stop(loop, &p->timer);
	ev_timer_set(&p->timer, at_ms > now_ms ? (double)(at_ms - now_ms) / 1e3 : 0., 0.);
	ev_timer_start(loop, &p->timer);
}

static void again_soon(struct peer *p)
{
	ev_timer_stop(p->pool->env->loop, &p->timer);
	ev_timer_set(&p->timer, 0., 0.);
	ev_timer_start(p->pool->env->loop, &p->timer);
}

/* --- the end --- */

static void answer(struct peer *p, struct call *k, struct msg_reader result, const char *error)
{
	struct rpc_pool *pool = p->pool;
	uint32_t call = k->call;

	call_free(p, k);
	pool->h->answered(pool->ctx, call, result, error);
}

/* Nobody finds p any more; answers may make new calls, and cancel some of p's. */
static void peer_over(struct peer *p, const char *text)
{
	struct rpc_pool *pool = p->pool;
	bool reached = p->open;
	struct call *k;

	TAILQ_REMOVE(&pool->peers, p, next);
	TAILQ_INSERT_TAIL(&pool->dying, p, next);
	ev_timer_stop(pool->env->loop, &p->timer);
	stream_free(p->stream);
	p->stream = NULL;
	if (!reached)
		pool->h->reached(pool->ctx, &p->id, false, text);
	while ((k = TAILQ_FIRST(&p->calls)) != NULL)
		/* answer() takes k off the list, which the analyzer does not see of the only one */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		answer(p, k, (struct msg_reader){NULL, NULL}, text);
	TAILQ_REMOVE(&pool->dying, p, next);
	peer_free(p);
}

static void __attribute__((format(printf, 2, 3))) fail(struct peer *p, const char *fmt, ...)
{
	char what[512], text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(text, sizeof text, "RPC port %u of %s: %s", p->port, p->host, what);
	peer_over(p, text);
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct peer *p = t->data;
	uint64_t now_ms = clock_mono_ms();
	char text[512];
	struct call *k;

	(void)loop;
	(void)revents;
	if (p->why != NULL) {
		snprintf(text, sizeof text, "%s", p->why);
		peer_over(p, text);
		return;
	}
	if (TAILQ_FIRST(&p->calls) == NULL && idle_ms(p) > now_ms) {
		arm(p);
		return;
	}
	if (TAILQ_FIRST(&p->calls) == NULL) {
		TAILQ_REMOVE(&p->pool->peers, p, next);
		peer_free(p);
		return;
	}
	if (!p->open && p->hello_ms <= now_ms) {
		fail(p, "connected, but no answer to hello in time");
		return;
	}
	snprintf(text, sizeof text, "RPC port %u of %s: no answer in time", p->port, p->host);
	for (k = TAILQ_FIRST(&p->calls); k != NULL && k->deadline_ms > now_ms;)
		k = TAILQ_NEXT(k, next);
	if (k == NULL) {
		arm(p);
		return;
	}
	again_soon(p); /* one a turn: an answer may change everything */
	answer(p, k, (struct msg_reader){NULL, NULL}, text);
}

/* --- talking --- */

static void say(struct peer *p, struct call *k)
{
	k->id = ++p->last_id;
	msg_put_request_raw(&p->out.b, k->id, k->method,
		(struct msg_reader){k->params.p, k->params.p + k->params.n});
	buf_free(&k->params);
	stream_wake(p->stream);
}

static void on_hello(struct peer *p, const struct msg_env *env)
{
	struct rpc_pool *pool = p->pool;
	struct wire_rpc_hello h;
	struct call *k;

	if (env->is_error || env->id != HELLO_ID ||
		msg_decode(wire_rpc_rows[WIRE_RPC_HELLO].result, env->body, &pool->arena, &h,
			NULL) != 0) {
		fail(p, "malformed answer to hello");
		return;
	}
	if (!id_eq(&h.member_id, &p->id)) {
		fail(p, "another node answers there (%.*s)", (int)h.node_name.n, h.node_name.p);
		return;
	}
	p->open = true;
	stream_frame_max(p->stream, FRAME_MAX_RPC);
	for (k = TAILQ_FIRST(&p->calls); k != NULL; k = TAILQ_NEXT(k, next))
		say(p, k);
	pool->h->reached(pool->ctx, &p->id, true, "");
}

static void refused(struct peer *p, struct call *k, const struct msg_env *env)
{
	struct wire_rpc_error e;
	char text[1024];

	if (msg_decode(&wire_rpc_error_desc, env->body, &p->pool->arena, &e, NULL) != 0)
		e = (struct wire_rpc_error){WIRE_BYE_PROTOCOL, msg_str("malformed answer")};
	snprintf(text, sizeof text, "RPC port %u of %s: refused: %.*s (%s)", p->port, p->host,
		(int)e.text.n, e.text.p, wire_bye_name(e.code));
	if (k == NULL)
		peer_over(p, text);
	else
		answer(p, k, (struct msg_reader){NULL, NULL}, text);
}

static struct call *call_of(const struct peer *p, uint32_t id)
{
	struct call *k;

	for (k = TAILQ_FIRST(&p->calls); k != NULL; k = TAILQ_NEXT(k, next))
		if (k->id == id)
			return k;
	return NULL;
}

/* Answers to what was cancelled or has timed out are nothing. */
static void on_frame(void *ctx, const uint8_t *body, size_t n)
{
	struct peer *p = ctx;
	struct msg_env env;
	struct call *k;

	msg_arena_reset(&p->pool->arena);
	if (msg_env_parse(body, n, &env) != 0 || env.type != MSG_RESPONSE) {
		fail(p, "malformed answer");
		return;
	}
	if (!p->open && env.is_error) {
		refused(p, NULL, &env);
		return;
	}
	if (!p->open) {
		on_hello(p, &env);
		return;
	}
	k = call_of(p, env.id);
	if (k == NULL)
		return;
	p->used_ms = clock_mono_ms();
	again_soon(p); /* armed anew when the answer has done its work */
	if (env.is_error)
		refused(p, k, &env);
	else
		answer(p, k, env.body, NULL);
}

static void on_stage(void *ctx, enum core_stage stage)
{
	struct peer *p = ctx;
	struct wire_rpc_hello h = {0};

	if (stage != CORE_STAGE_HELLO)
		return;
	p->pool->self(p->pool->ctx, &h);
	p->last_id = HELLO_ID;
	msg_put_request(&p->out.b, HELLO_ID, wire_rpc_rows[WIRE_RPC_HELLO].method,
		wire_rpc_rows[WIRE_RPC_HELLO].params, &h);
	stream_wake(p->stream);
}

static size_t on_pull(void *ctx, uint8_t *out, size_t cap)
{
	struct peer *p = ctx;

	return rpc_out_pull(&p->out, out, cap);
}

static void on_lost(void *ctx, enum core_loss loss, const char *text)
{
	(void)loss;
	fail(ctx, "%s", text);
}

static struct peer *peer_new(struct rpc_pool *pool, const struct rpc_call *c)
{
	static const struct stream_handlers handlers = {.stage = on_stage,
		.frame = on_frame,
		.pull = on_pull,
		.lost = on_lost};
	struct stream_target target = {.host = c->host,
		.port = c->port,
		.timeout_ms = RPC_CONNECT_MS,
		.frame_max = FRAME_MAX_HELLO};
	struct peer *p = xcalloc(1, sizeof *p);

	p->pool = pool;
	p->id = c->peer;
	p->host = xstrdup(c->host);
	p->port = c->port;
	p->used_ms = clock_mono_ms();
	p->hello_ms = p->used_ms + 2 * (uint64_t)RPC_CONNECT_MS;
	TAILQ_INIT(&p->calls);
	ev_init(&p->timer, on_timer);
	ev_set_priority(&p->timer, NET_PRI_LAST);
	p->timer.data = p;
	p->stream = stream_dial(pool->env, &target, &handlers, p);
	TAILQ_INSERT_TAIL(&pool->peers, p, next);
	return p;
}

void rpc_pool_call(struct rpc_pool *pool, const struct rpc_call *c)
{
	struct peer *p = peer_find(pool, &c->peer);
	struct call *k = xcalloc(1, sizeof *k);

	if (p == NULL)
		p = peer_new(pool, c);
	k->call = c->call;
	k->method = xstrdup(c->method);
	k->deadline_ms = clock_mono_ms() + (c->timeout_ms != 0 ? c->timeout_ms : RPC_ANSWER_MS);
	buf_put(&k->params, c->params.p, (size_t)(c->params.end - c->params.p));
	p->keep |= !c->brief;
	TAILQ_INSERT_TAIL(&p->calls, k, next);
	if (p->open)
		say(p, k);
	arm(p);
}

static bool cancel_in(const struct peer_list *list, uint32_t call)
{
	struct peer *p;
	struct call *k;

	for (p = TAILQ_FIRST(list); p != NULL; p = TAILQ_NEXT(p, next))
		for (k = TAILQ_FIRST(&p->calls); k != NULL; k = TAILQ_NEXT(k, next))
			if (k->call == call) {
				call_free(p, k);
				/* maybe given up because nothing comes back: not kept for the next one */
				p->keep &= !TAILQ_EMPTY(&p->calls);
				if (p->stream != NULL)
					arm(p);
				return true;
			}
	return false;
}

void rpc_pool_cancel(struct rpc_pool *pool, uint32_t call)
{
	if (!cancel_in(&pool->peers, call))
		cancel_in(&pool->dying, call);
}

void rpc_pool_reset(struct rpc_pool *pool)
{
	struct peer *p;

	for (p = TAILQ_FIRST(&pool->peers); p != NULL; p = TAILQ_NEXT(p, next)) {
		if (p->why != NULL)
			continue;
		p->why = xstrdup("this node has become another member");
		p->id = (struct id128){{0}}; /* the next call opens a new one */
		again_soon(p);
	}
}

void rpc_pool_prune(struct rpc_pool *pool, bool (*stays)(void *ctx, const struct id128 *peer),
	void *ctx)
{
	struct peer *p;

	for (p = TAILQ_FIRST(&pool->peers); p != NULL; p = TAILQ_NEXT(p, next))
		if (TAILQ_EMPTY(&p->calls) && !stays(ctx, &p->id)) {
			p->keep = false; /* the next call, if there is one, keeps it again */
			arm(p);
		}
}

size_t rpc_pool_connections(const struct rpc_pool *pool)
{
	size_t n = 0;
	struct peer *p;

	for (p = TAILQ_FIRST(&pool->peers); p != NULL; p = TAILQ_NEXT(p, next))
		n++;
	return n;
}

struct rpc_pool *rpc_pool_new(struct net_env *env, rpc_self *self,
	const struct rpc_pool_handlers *h, void *ctx)
{
	struct rpc_pool *pool = xcalloc(1, sizeof *pool);

	pool->env = env;
	pool->self = self;
	pool->h = h;
	pool->ctx = ctx;
	TAILQ_INIT(&pool->peers);
	TAILQ_INIT(&pool->dying);
	msg_arena_init(&pool->arena, ARENA_MAX);
	return pool;
}

void rpc_pool_free(struct rpc_pool *pool)
{
	struct peer *p;

	if (pool == NULL)
		return;
	while ((p = TAILQ_FIRST(&pool->peers)) != NULL) {
		TAILQ_REMOVE(&pool->peers, p, next);
		peer_free(p);
	}
	msg_arena_free(&pool->arena);
	free(pool);
}
