/* Requests to others, and theirs to this node. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/wire/wire.h"
#include "membership/data/data_int.h"

static const struct {
	enum wire_data method;
	uint32_t timeout_ms;
	answered_fn *answered;
} kinds[] = {
	[CALL_PUSH] = {WIRE_DATA_PUSH, 10000, spread_answered},
	[CALL_HAVE] = {WIRE_DATA_HAVE, 5000, report_answered},
	[CALL_SYNC] = {WIRE_DATA_SYNC, 30000, sync_answered},
	[CALL_COPY] = {WIRE_DATA_SYNC, 30000, copy_answered},
	[CALL_COLLECT] = {WIRE_DATA_VECTOR, 5000, collect_answered},
	[CALL_HAND] = {WIRE_DATA_VECTOR, 5000, hand_answered},
	[CALL_WRITE] = {WIRE_DATA_WRITE, 0, replica_answered},
};

uint32_t call_send(struct data *d, enum call_kind kind, const struct call_to *to,
	const void *params, uint32_t timeout_ms)
{
	struct call *c = xcalloc(1, sizeof *c);
	struct data_fx *fx = fx_new(d, DATA_FX_CALL);
	struct buf *bytes = fx_bytes(d);

	*c = (struct call){.id = ++d->next_call,
		.kind = kind,
		.peer = to->id,
		.at_us = d->now_us};
	TAILQ_INSERT_TAIL(&d->calls, c, next);
	msg_encode(bytes, wire_data_rows[kinds[kind].method].params, params);
	fx->u.call.call = c->id;
	fx->u.call.peer = to->id;
	fx->u.call.rpc_port = to->rpc_port;
	fx->u.call.method = kinds[kind].method;
	fx->u.call.n = bytes->n;
	buf_put(bytes, to->host, strlen(to->host) + 1);
	fx->u.call.params = bytes->p;
	fx->u.call.host = (const char *)bytes->p + fx->u.call.n;
	fx->u.call.timeout_ms = timeout_ms != 0 ? timeout_ms : kinds[kind].timeout_ms;
	return c->id;
}

uint32_t call_peer(struct data *d, enum call_kind kind, const struct peer *p,
	const void *params)
{
	struct call_to to = {p->id, p->host, p->rpc_port};

	return call_send(d, kind, &to, params, 0);
}

static struct call *find(struct data *d, uint32_t id)
{
	struct call *c;

	TAILQ_FOREACH (c, &d->calls, next)
		if (c->id == id)
			return c;
	return NULL;
}

void call_cancel(struct data *d, uint32_t *id)
{
	struct call *c = *id == 0 ? NULL : find(d, *id);

	*id = 0;
	if (c == NULL)
		return;
	TAILQ_REMOVE(&d->calls, c, next);
	fx_new(d, DATA_FX_CALL_CANCEL)->u.call.call = c->id;
	free(c);
}

void calls_free(struct data *d)
{
	struct call *c;

	while ((c = TAILQ_FIRST(&d->calls)) != NULL) {
		TAILQ_REMOVE(&d->calls, c, next);
		free(c);
	}
}

void data_answered(struct data *d, uint32_t call, struct msg_reader result, const char *error)
{
	struct call *c = find(d, call);

	fx_forget(d);
	if (c == NULL)
		return;
	TAILQ_REMOVE(&d->calls, c, next);
	kinds[c->kind].answered(d, c, result, error);
	if (MUTANT(DATA_CALLS_KEPT))
		TAILQ_INSERT_TAIL(&d->calls, c, next);
	else
		free(c);
	data_run(d);
}

bool call_result(struct data *d, const struct call *c, struct msg_reader r, void *out)
{
	msg_arena_reset(&d->arena);
	return msg_decode(wire_data_rows[kinds[c->kind].method].result, r, &d->arena, out,
		       NULL) == 0;
}

uint64_t call_again_ms(struct data *d, uint32_t *backoff_ms)
{
	*backoff_ms = *backoff_ms == 0 ? 100 : *backoff_ms >= 2500 ? 5000 : *backoff_ms * 2;
	wake_at(d, d->now_ms + *backoff_ms);
	return d->now_ms + *backoff_ms;
}

/* --- the server's end */

void serve_answer(struct data *d, uint32_t serve, enum wire_data method, const void *result)
{
	const struct msg_desc *desc = wire_data_rows[method].result;
	struct data_fx *fx;
	struct buf *bytes;

	if (serve == 0)
		return;
	fx = fx_new(d, DATA_FX_ANSWER);
	bytes = fx_bytes(d);
	if (desc != NULL)
		msg_encode(bytes, desc, result);
	else
		buf_put(bytes, "\x90", 1); /* an empty array */
	fx->u.answer.serve = serve;
	fx->u.answer.ok = true;
	fx->u.answer.result = bytes->p;
	fx->u.answer.n = bytes->n;
}

void serve_error(struct data *d, uint32_t serve, const char *text)
{
	struct wire_rpc_error e = {.code = WIRE_BYE_BUSY, .text = msg_str(text)};
	struct data_fx *fx;
	struct buf *bytes;

	if (serve == 0)
		return;
	fx = fx_new(d, DATA_FX_ANSWER);
	bytes = fx_bytes(d);
	msg_encode(bytes, &wire_rpc_error_desc, &e);
	fx->u.answer.serve = serve;
	fx->u.answer.result = bytes->p;
	fx->u.answer.n = bytes->n;
}

/* What a request may come from. */
enum { ANYBODY, MEMBER };

static const struct {
	op_fn *serve;
	int from;
} methods[] = {
	[WIRE_DATA_PUSH] = {spread_serve, MEMBER},
	[WIRE_DATA_SYNC] = {sync_serve, ANYBODY},
	[WIRE_DATA_VECTOR] = {hand_serve, ANYBODY},
	[WIRE_DATA_HAVE] = {report_serve, MEMBER},
	[WIRE_DATA_WRITE] = {replica_serve, MEMBER},
};

static const char *refusal(struct data *d, const struct id128 *from, enum wire_data method)
{
	const struct peer *p = peer_find(d, from);

	if (methods[method].from == ANYBODY)
		return NULL;
	if (d->apart)
		return "standing apart";
	return p == NULL || !p->running ? "no running member by my view" : NULL;
}

struct op *op_from(enum op_kind kind, const struct msg_desc *desc, struct msg_reader r)
{
	size_t n = (size_t)(r.end - r.p);
	struct op *op;

	if (n > DATA_FRAME_MAX)
		return NULL;
	op = op_new(kind, n + sizeof *op);
	op->frame = xmemdup(r.p, n);
	r = (struct msg_reader){op->frame, op->frame + n};
	if (msg_decode(desc, r, &op->arena, &op->m, NULL) == 0)
		return op;
	op_free(op);
	return NULL;
}

void data_serve(struct data *d, uint32_t serve, const struct id128 *from, enum wire_data method,
	struct msg_reader params)
{
	const char *no;
	struct op *op;

	fx_forget(d);
	no = refusal(d, from, method);
	op = no != NULL ? NULL : op_from(OP_PUSH, wire_data_rows[method].params, params);
	if (op == NULL) {
		serve_error(d, serve, no != NULL ? no : "malformed request");
		return;
	}
	op->serve = serve;
	op->peer = *from;
	methods[method].serve(d, op);
	data_run(d);
}

void data_serve_lost(struct data *d, uint32_t serve)
{
	struct op *op;

	fx_forget(d);
	TAILQ_FOREACH (op, &d->queue, next)
		if (op->serve == serve)
			op->serve = 0;
	TAILQ_FOREACH (op, &d->txn.ops, next)
		if (op->serve == serve)
			op->serve = 0;
	replica_lost(d, serve);
}
