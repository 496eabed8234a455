#include "test/sim/rpc_int.h"

#include <string.h>

enum { CHUNK = 16 * 1024 };

void rpc_init(struct rpc *r)
{
	*r = (struct rpc){.due_ms = UINT64_MAX};
	TAILQ_INIT(&r->conns);
}

void rpc_req_free(struct rpc_conn *k, struct rpc_req *q)
{
	TAILQ_REMOVE(&k->reqs, q, next);
	buf_free(&q->params);
	free(q);
}

static void conn_free(struct rpc_conn *k)
{
	struct rpc_req *q;

	while ((q = TAILQ_FIRST(&k->reqs)) != NULL)
		rpc_req_free(k, q);
	frame_in_free(&k->in);
	buf_free(&k->out);
	free(k);
}

void rpc_conn_drop(struct rpc *r, struct rpc_conn *k)
{
	TAILQ_REMOVE(&r->conns, k, next);
	conn_free(k);
}

void rpc_clear(struct rpc *r)
{
	struct rpc_conn *k;

	while ((k = TAILQ_FIRST(&r->conns)) != NULL)
		rpc_conn_drop(r, k);
	r->due_ms = UINT64_MAX;
}

void rpc_due(struct rpc *r, uint64_t at_ms)
{
	if (at_ms < r->due_ms)
		r->due_ms = at_ms;
}

struct rpc_conn *rpc_conn_new(struct proc *p, bool client)
{
	struct rpc *r = rpc_of(p);
	struct rpc_conn *k = xcalloc(1, sizeof *k);

	k->client = client;
	k->handle = ++r->last_handle;
	k->idle_ms = rpc_now_ms(p);
	TAILQ_INIT(&k->reqs);
	frame_in_init(&k->in, FRAME_MAX_RPC);
	TAILQ_INSERT_TAIL(&r->conns, k, next);
	return k;
}

struct rpc_conn *rpc_by_handle(const struct proc *p, uint32_t handle)
{
	struct rpc_conn *k;

	for (k = TAILQ_FIRST(&rpc_of(p)->conns); k != NULL; k = TAILQ_NEXT(k, next))
		if (k->handle == handle)
			return k;
	return NULL;
}

/* --- bytes out */

void rpc_send_out(struct proc *p, struct rpc_conn *k)
{
	struct net *net = &p->sim->net;
	struct net_side *side = k->side;

	if (side == NULL || side->fin_sent || (k->client && !side->conn->tls_done))
		return;
	while (k->out_at < k->out.n && net_room(net, side->conn, side->end)) {
		size_t n = k->out.n - k->out_at;

		if (n > CHUNK)
			n = CHUNK;
		net_send(net, side->conn, side->end, k->out.p + k->out_at, n);
		k->out_at += n;
	}
	if (k->out_at == k->out.n)
		k->out.n = k->out_at = 0;
}

void rpc_hang_up(struct proc *p, struct rpc_conn *k)
{
	struct net_side *side = k->side;

	k->side = NULL;
	if (side != NULL)
		net_close(&p->sim->net, side->conn, side->end);
}

/* --- from the network */

static void on_frame(struct proc *p, struct rpc_conn *k, const uint8_t *body, size_t n)
{
	struct msg_env env;

	if (msg_env_parse(body, n, &env) != 0) {
		sim_fail(p->sim, "g", "%s: a malformed frame on the RPC port", p->label);
		return;
	}
	if (p->sim->frames)
		sim_say(p->sim, p, "  <= %.*s%s", (int)env.method.n, env.method.p,
			env.type == MSG_REQUEST ? ""
			: env.is_error          ? "refusal"
						: "answer");
	k->idle_ms = rpc_now_ms(p);
	if (k->client)
		rpc_on_response(p, k, &env);
	else if (k->open)
		rpc_serve(p, k, &env);
	else
		rpc_welcome(p, k, &env);
}

void rpc_data(struct proc *p, struct net_conn *c, enum net_end end, const uint8_t *b, size_t n)
{
	uint32_t handle = c->side[end].handle;
	struct rpc_conn *k = rpc_by_handle(p, handle);
	const uint8_t *body;
	size_t len;

	while (n > 0 && k != NULL) {
		size_t room;
		uint8_t *to = frame_in_space(&k->in, &room);

		if (room > n)
			room = n;
		memcpy(to, b, room);
		frame_in_fed(&k->in, room);
		b += room;
		n -= room;
		while (k != NULL && p->core != NULL &&
			frame_in_next(&k->in, &body, &len) == 1) {
			on_frame(p, k, body, len);
			k = p->core == NULL ? NULL : rpc_by_handle(p, handle);
		}
	}
}

static void ended(struct proc *p, struct rpc_conn *k, const char *why)
{
	if (k->client)
		rpc_client_over(p, k, why);
	else
		rpc_server_over(p, k);
}

void rpc_lost(struct proc *p, struct net_conn *c, enum net_end end)
{
	struct rpc_conn *k = rpc_by_handle(p, c->side[end].handle);

	if (k == NULL || k->side != &c->side[end])
		return;
	k->side = NULL;
	ended(p, k, "the connection broke");
}

void rpc_room(struct proc *p, struct net_conn *c, enum net_end end)
{
	struct rpc_conn *k = rpc_by_handle(p, c->side[end].handle);

	if (k != NULL)
		rpc_send_out(p, k);
}

/* --- time */

/* When there is something to be done with this one. */
static uint64_t conn_due_ms(const struct rpc_conn *k)
{
	uint64_t at = UINT64_MAX;
	const struct rpc_req *q;

	if (!k->client)
		return TAILQ_EMPTY(&k->reqs) ? k->idle_ms + RPC_SESSION_IDLE_MS : UINT64_MAX;
	if (k->over)
		return 0;
	for (q = TAILQ_FIRST(&k->reqs); q != NULL; q = TAILQ_NEXT(q, next))
		if (q->deadline_ms < at)
			at = q->deadline_ms;
	if (TAILQ_EMPTY(&k->reqs))
		at = k->keep ? k->idle_ms + RPC_IDLE_MS : 0;
	return !k->open && k->hello_ms < at ? k->hello_ms : at;
}

static void conn_tick(struct proc *p, struct rpc_conn *k, uint64_t ms)
{
	struct rpc_req *q;

	if (!k->client || k->over || (!k->open && k->hello_ms <= ms) || TAILQ_EMPTY(&k->reqs)) {
		ended(p, k, "no answer to hello in time");
		return;
	}
	for (q = TAILQ_FIRST(&k->reqs); q != NULL; q = TAILQ_NEXT(q, next))
		if (q->deadline_ms <= ms) {
			rpc_fail_call(p, k, q, "no answer in time");
			return;
		}
}

static struct rpc_conn *next_due(const struct rpc *r, uint64_t ms)
{
	struct rpc_conn *k;

	for (k = TAILQ_FIRST(&r->conns); k != NULL; k = TAILQ_NEXT(k, next))
		if (conn_due_ms(k) <= ms)
			return k;
	return NULL;
}

/* One at a time: an answer may change everything. */
void rpc_tick(struct proc *p, uint64_t ms)
{
	struct rpc *r = rpc_of(p);
	struct rpc_conn *k;

	while ((k = next_due(r, ms)) != NULL)
		conn_tick(p, k, ms);
	r->due_ms = UINT64_MAX;
	for (k = TAILQ_FIRST(&r->conns); k != NULL; k = TAILQ_NEXT(k, next)) {
		rpc_due(r, conn_due_ms(k));
	}
}
