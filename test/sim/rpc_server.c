/* The server's end of the RPC port. */
#include <assert.h>

#include "test/sim/rpc_int.h"

void rpc_accepted(struct proc *p, struct net_conn *c)
{
	struct rpc_conn *k = rpc_conn_new(p, false);

	k->side = &c->side[NET_ACCEPTOR];
	k->side->handle = k->handle;
	rpc_due(rpc_of(p), k->idle_ms + RPC_SESSION_IDLE_MS);
}

void rpc_welcome(struct proc *p, struct rpc_conn *k, const struct msg_env *env)
{
	struct wire_rpc_hello theirs, ours;
	struct msg_arena arena;

	msg_arena_init(&arena, RPC_ARENA_MAX);
	if (msg_decode(wire_rpc_rows[WIRE_RPC_HELLO].params, env->body, &arena, &theirs,
		    NULL) != 0)
		sim_fail(p->sim, "g", "%s: a malformed hello on the RPC port", p->label);
	msg_arena_free(&arena);
	k->open = true;
	k->side->admitted = true; /* past the time-out for that */
	k->peer = theirs.member_id;
	rpc_hello_of(p, &ours);
	msg_put_result(&k->out, env->id, wire_rpc_rows[WIRE_RPC_HELLO].result, &ours);
	rpc_send_out(p, k);
}

void rpc_serve(struct proc *p, struct rpc_conn *k, const struct msg_env *env)
{
	struct rpc_req *q = xcalloc(1, sizeof *q);
	unsigned method = 0;

	while (method < WIRE_DATA_N && !msg_span_eq(env->method, wire_data_rows[method].method))
		method++;
	assert(method < WIRE_DATA_N);
	q->number = ++rpc_of(p)->last_serve;
	q->id = env->id;
	TAILQ_INSERT_TAIL(&k->reqs, q, next);
	proc_enter(p);
	data_serve(p->kv->data, q->number, &k->peer, (enum wire_data)method, env->body);
	proc_leave(p);
}

void rpc_answer(struct proc *p, const struct data_fx *fx)
{
	struct msg_reader body = {fx->u.answer.result, fx->u.answer.result + fx->u.answer.n};
	struct rpc_conn *k;
	struct rpc_req *q;

	for (k = TAILQ_FIRST(&rpc_of(p)->conns); k != NULL; k = TAILQ_NEXT(k, next)) {
		for (q = TAILQ_FIRST(&k->reqs); q != NULL; q = TAILQ_NEXT(q, next)) {
			if (k->client || q->number != fx->u.answer.serve)
				continue;
			msg_put_response_raw(&k->out, q->id, !fx->u.answer.ok, body);
			rpc_req_free(k, q);
			k->idle_ms = rpc_now_ms(p);
			rpc_send_out(p, k);
			return;
		}
	}
}

void rpc_server_over(struct proc *p, struct rpc_conn *k)
{
	struct rpc_req *q;

	rpc_hang_up(p, k);
	while ((q = TAILQ_FIRST(&k->reqs)) != NULL) {
		uint32_t number = q->number;

		rpc_req_free(k, q);
		proc_enter(p);
		data_serve_lost(p->kv->data, number);
		proc_leave(p);
	}
	rpc_conn_drop(rpc_of(p), k);
}
