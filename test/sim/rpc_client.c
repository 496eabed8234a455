/* The client's end of the RPC port. */
#include "test/sim/rpc_int.h"

static struct rpc_conn *to_peer(const struct proc *p, const struct id128 *peer)
{
	struct rpc_conn *k;

	for (k = TAILQ_FIRST(&rpc_of(p)->conns); k != NULL; k = TAILQ_NEXT(k, next))
		if (k->client && !k->over && id_eq(&k->peer, peer))
			return k;
	return NULL;
}

static void answered(struct proc *p, uint32_t number, struct msg_reader result,
	const char *error)
{
	proc_enter(p);
	data_answered(p->kv->data, number, result, error);
	proc_leave(p);
}

void rpc_fail_call(struct proc *p, struct rpc_conn *k, struct rpc_req *q, const char *why)
{
	uint32_t number = q->number;

	rpc_req_free(k, q);
	answered(p, number, (struct msg_reader){NULL, NULL}, why);
}

void rpc_client_over(struct proc *p, struct rpc_conn *k, const char *why)
{
	struct rpc_req *q;

	rpc_hang_up(p, k);
	k->over = true;
	if (!k->open)
		proc_data_reached(p, &k->peer, false);
	while ((q = TAILQ_FIRST(&k->reqs)) != NULL)
		rpc_fail_call(p, k, q, why);
	rpc_conn_drop(rpc_of(p), k);
}

static void say(struct proc *p, struct rpc_conn *k, struct rpc_req *q)
{
	q->id = ++k->last_id;
	msg_put_request_raw(&k->out, q->id, q->method,
		(struct msg_reader){q->params.p, q->params.p + q->params.n});
	buf_free(&q->params);
	rpc_send_out(p, k);
}

static struct rpc_conn *dial(struct proc *p, const struct data_fx *fx)
{
	struct rpc_conn *k = rpc_conn_new(p, true);
	unsigned to = p->rpc_blocked > 0 ? (unsigned)p->sim->n_procs
					 : proc_host_of(p->sim, fx->u.call.host);
	struct net_conn *c = net_dial(&p->sim->net, p->host, to, fx->u.call.rpc_port,
		RPC_CONNECT_MS, k->handle);

	c->bulk = true;
	k->peer = fx->u.call.peer;
	k->side = &c->side[NET_DIALER];
	k->hello_ms = rpc_now_ms(p) + 2 * (uint64_t)RPC_CONNECT_MS;
	rpc_due(rpc_of(p), k->hello_ms);
	return k;
}

void rpc_call(struct proc *p, const struct data_fx *fx)
{
	struct rpc_conn *k = to_peer(p, &fx->u.call.peer);
	struct rpc_req *q = xcalloc(1, sizeof *q);
	uint32_t timeout_ms = fx->u.call.timeout_ms;

	if (k == NULL)
		k = dial(p, fx);
	k->keep = true;
	q->number = fx->u.call.call;
	q->method = wire_data_rows[fx->u.call.method].method;
	q->deadline_ms = rpc_now_ms(p) + (timeout_ms != 0 ? timeout_ms : RPC_ANSWER_MS);
	buf_put(&q->params, fx->u.call.params, fx->u.call.n);
	TAILQ_INSERT_TAIL(&k->reqs, q, next);
	rpc_due(rpc_of(p), q->deadline_ms);
	if (k->open)
		say(p, k, q);
}

void rpc_cancel(struct proc *p, uint32_t call)
{
	struct rpc_conn *k;
	struct rpc_req *q;

	for (k = TAILQ_FIRST(&rpc_of(p)->conns); k != NULL; k = TAILQ_NEXT(k, next)) {
		for (q = TAILQ_FIRST(&k->reqs); q != NULL; q = TAILQ_NEXT(q, next))
			if (k->client && q->number == call) {
				rpc_req_free(k, q);
				k->keep &= !TAILQ_EMPTY(&k->reqs);
				k->idle_ms = rpc_now_ms(p);
				rpc_of(p)->due_ms = 0;
				return;
			}
	}
}

void rpc_reset(struct proc *p)
{
	struct rpc_conn *k;

	for (k = TAILQ_FIRST(&rpc_of(p)->conns); k != NULL; k = TAILQ_NEXT(k, next)) {
		k->over |= k->client;
	}
	rpc_of(p)->due_ms = 0;
}

void rpc_prune(struct proc *p)
{
	struct rpc_conn *k;

	for (k = TAILQ_FIRST(&rpc_of(p)->conns); k != NULL; k = TAILQ_NEXT(k, next))
		if (k->client && TAILQ_EMPTY(&k->reqs) &&
			!shared_view_has(&p->kv->view, &k->peer)) {
			k->keep = false;
			rpc_of(p)->due_ms = 0;
		}
}

void rpc_hello_of(struct proc *p, struct wire_rpc_hello *out)
{
	struct core_status st;

	core_status(p->core, &st);
	*out = (struct wire_rpc_hello){.proto_lo = WIRE_PROTO_LO,
		.proto_hi = WIRE_PROTO_HI,
		.cluster_name = msg_str(st.cluster_name),
		.node_name = msg_str(st.node_name),
		.member_id = st.member_id,
		.session = st.session};
}

void rpc_stage(struct proc *p, struct net_conn *c, enum core_stage stage)
{
	struct rpc_conn *k = rpc_by_handle(p, c->side[NET_DIALER].handle);
	struct wire_rpc_hello h;

	if (stage != CORE_STAGE_HELLO || k == NULL)
		return;
	rpc_hello_of(p, &h);
	k->last_id = RPC_HELLO_ID;
	msg_put_request(&k->out, RPC_HELLO_ID, wire_rpc_rows[WIRE_RPC_HELLO].method,
		wire_rpc_rows[WIRE_RPC_HELLO].params, &h);
	rpc_send_out(p, k);
}

static void on_hello(struct proc *p, struct rpc_conn *k, const struct msg_env *env)
{
	struct wire_rpc_hello h;
	struct msg_arena arena;
	struct rpc_req *q;

	msg_arena_init(&arena, RPC_ARENA_MAX);
	if (env->is_error || msg_decode(wire_rpc_rows[WIRE_RPC_HELLO].result, env->body, &arena,
				     &h, NULL) != 0) {
		rpc_client_over(p, k, "hello was refused");
	} else if (!id_eq(&h.member_id, &k->peer)) {
		rpc_client_over(p, k, "another node answers there");
	} else {
		k->open = true;
		for (q = TAILQ_FIRST(&k->reqs); q != NULL; q = TAILQ_NEXT(q, next)) {
			say(p, k, q);
		}
		proc_data_reached(p, &k->peer, true);
	}
	msg_arena_free(&arena);
}

void rpc_on_response(struct proc *p, struct rpc_conn *k, const struct msg_env *env)
{
	struct rpc_req *q;
	uint32_t number;

	if (!k->open) {
		on_hello(p, k, env);
		return;
	}
	for (q = TAILQ_FIRST(&k->reqs); q != NULL; q = TAILQ_NEXT(q, next))
		if (q->id == env->id)
			break;
	if (q == NULL)
		return;
	k->idle_ms = rpc_now_ms(p);
	number = q->number;
	rpc_req_free(k, q);
	answered(p, number, env->body, env->is_error ? "refused" : NULL);
}
