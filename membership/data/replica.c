/*
 * Writes of a replica: it has no disk and no numbers, so one of its cores does them. A request that was lost is sent
 * again with its id, which the core remembers together with the answer.
 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "membership/data/data_int.h"

enum { REMEMBER_MAX = 1024, MARGIN_MS = 2000 };

/* At the replica. */
struct forward {
	TAILQ_ENTRY(forward) next;
	struct op *op; /* the command and who asks */
	struct id128 id, core;
	uint32_t call;
	bool lost; /* some core was asked and has not answered: it may have done it */
	uint64_t until_ms, at_ms;
};

/* At the core. */
struct remote {
	struct id128 id;
	uint32_t serve;
	bool done;
	struct data_reply reply;
	uint64_t at_ms;
};

/* --- the replica */

static const struct peer *core_for(struct data *d, const struct forward *f)
{
	const struct peer *p = peer_find(d, &f->core), *any = NULL;
	size_t from = d->n_peers == 0 ? 0 : rng_below(&d->rng, d->n_peers);

	if (p != NULL && p->core && p->near)
		return p;
	for (size_t i = 0; i < d->n_peers; i++) {
		p = &d->peer[(from + i) % d->n_peers];
		if (p->core && p->near)
			any = p;
	}
	return any;
}

static void answer(struct data *d, struct forward *f, const struct data_reply *reply)
{
	call_cancel(d, &f->call);
	command_reply(d, &f->op->asker, reply);
	TAILQ_REMOVE(&d->forwards, f, next);
	op_free(f->op);
	free(f);
}

static void refuse(struct data *d, struct forward *f)
{
	struct data_reply r = {.code = DATA_OK};

	if (core_for(d, f) == NULL && !f->lost && f->call == 0)
		reply_code(&r, DATA_E_NO_CORE, "this replica reaches no core");
	else
		reply_code(&r, DATA_E_TIMEOUT, "no core has answered; the write may be done");
	answer(d, f, &r);
}

static void send(struct data *d, struct forward *f)
{
	const struct data_command *cmd = &f->op->cmd;
	const struct peer *p = core_for(d, f);
	struct wire_data_write w = {.id = f->id,
		.op = (uint32_t)cmd->op,
		.ack = (uint32_t)cmd->ack,
		.timeout_ms = cmd->timeout_ms,
		.key = cmd->key,
		.value = cmd->value,
		.if_version = cmd->if_version,
		.conditional = cmd->if_version.p != NULL,
		.sibling = cmd->sibling};
	struct call_to to;

	if (p == NULL) {
		refuse(d, f);
		return;
	}
	to = (struct call_to){p->id, p->host, p->rpc_port};
	f->core = p->id;
	f->call = call_send(d, CALL_WRITE, &to, &w, cmd->timeout_ms + MARGIN_MS);
	wake_at(d, f->until_ms);
}

void replica_forward(struct data *d, struct op *op)
{
	struct forward *f = xcalloc(1, sizeof *f);

	f->op = op;
	f->id = rng_id(&d->rng);
	f->until_ms = d->now_ms + op->cmd.timeout_ms + MARGIN_MS;
	TAILQ_INSERT_TAIL(&d->forwards, f, next);
	send(d, f);
}

static struct forward *forward_of(struct data *d, uint32_t call)
{
	struct forward *f;

	TAILQ_FOREACH (f, &d->forwards, next)
		if (f->call == call)
			return f;
	return NULL;
}

/* What one core refuses because of what another has just done for the same request is not refused. */
static void doubt(struct data_reply *r)
{
	char text[sizeof r->text];

	if (r->code == DATA_OK || r->code == DATA_E_TIMEOUT)
		return;
	snprintf(text, sizeof text, "%s", r->text);
	r->acked = 0;
	r->version[0] = '\0';
	reply_code(r, DATA_E_TIMEOUT,
		"the first core that was asked has not answered; the write may be done, as the second says: %.150s",
		text);
}

void replica_answered(struct data *d, const struct call *c, struct msg_reader r,
	const char *error)
{
	struct forward *f = forward_of(d, c->id);
	struct data_reply reply = {.code = DATA_OK};
	struct wire_data_written w;

	if (f == NULL)
		return;
	f->call = 0;
	if (error != NULL || !call_result(d, c, r, &w) || w.code > DATA_E_INVALID) {
		f->lost = true;
		f->at_ms = d->now_ms + 100;
		wake_at(d, f->at_ms);
		return;
	}
	reply.code = (enum data_code)w.code;
	reply.acked = w.acked;
	msg_span_copy(reply.version, sizeof reply.version, w.version);
	msg_span_copy(reply.text, sizeof reply.text, w.text);
	if (f->lost)
		doubt(&reply);
	answer(d, f, &reply);
}

void replica_tick(struct data *d)
{
	struct forward *f = TAILQ_FIRST(&d->forwards), *next;

	for (; f != NULL; f = next) {
		next = TAILQ_NEXT(f, next);
		if (d->now_ms >= f->until_ms) {
			refuse(d, f);
			continue;
		}
		wake_at(d, f->until_ms);
		if (f->call != 0)
			continue;
		if (d->now_ms >= f->at_ms)
			send(d, f);
		else
			wake_at(d, f->at_ms);
	}
}

/* --- the core */

static struct remote *remote_of(struct data *d, const struct id128 *id)
{
	for (size_t i = 0; i < d->n_remotes; i++)
		if (id_eq(&d->remote[i].id, id))
			return &d->remote[i];
	return NULL;
}

/* The place of the oldest that is answered, when there is no free one. */
static struct remote *remote_new(struct data *d)
{
	struct remote *oldest = NULL;

	if (d->remote == NULL)
		d->remote = xcalloc(REMEMBER_MAX, sizeof *d->remote);
	if (d->n_remotes < REMEMBER_MAX)
		return &d->remote[d->n_remotes++];
	for (size_t i = 0; i < d->n_remotes; i++) {
		struct remote *r = &d->remote[i];

		if (r->done && (oldest == NULL || r->at_ms < oldest->at_ms))
			oldest = r;
	}
	return oldest;
}

static void answer_remote(struct data *d, struct remote *r)
{
	struct wire_data_written w = {.code = (uint32_t)r->reply.code,
		.acked = r->reply.acked,
		.version = msg_str(r->reply.version),
		.text = msg_str(r->reply.text)};

	serve_answer(d, r->serve, WIRE_DATA_WRITE, &w);
	r->serve = 0;
}

void replica_serve(struct data *d, struct op *op)
{
	const struct wire_data_write *w = &op->m.write;
	struct data_command cmd = {.op = (enum data_op)w->op,
		.ack = (enum data_ack)w->ack,
		.timeout_ms = w->timeout_ms,
		.key = w->key,
		.value = w->value,
		.if_version = {w->conditional ? w->if_version.p : NULL, w->if_version.n},
		.sibling = w->sibling};
	struct asker asker = {.kind = ASK_REMOTE, .id = w->id};
	struct remote *r = remote_of(d, &w->id);
	bool anew = r == NULL;

	if (d->role != WIRE_CORE || w->op < DATA_PUT) {
		serve_error(d, op->serve, "not for me");
	} else if (anew && (r = remote_new(d)) == NULL) {
		serve_error(d, op->serve, "too many writes wait");
	} else if (anew) {
		*r = (struct remote){.id = w->id, .serve = op->serve};
		command_begin(d, &cmd, &asker);
	} else {
		serve_error(d, r->serve, "sent again");
		r->serve = op->serve;
		if (r->done)
			answer_remote(d, r);
	}
	op_free(op);
}

void replica_replied(struct data *d, const struct id128 *id, const struct data_reply *reply)
{
	struct remote *r = remote_of(d, id);

	if (r == NULL)
		return;
	r->done = true;
	r->reply = *reply;
	r->at_ms = d->now_ms;
	answer_remote(d, r);
}

void replica_lost(struct data *d, uint32_t serve)
{
	for (size_t i = 0; i < d->n_remotes; i++)
		if (d->remote[i].serve == serve)
			d->remote[i].serve = 0;
}

void replica_free(struct data *d)
{
	struct forward *f;

	while ((f = TAILQ_FIRST(&d->forwards)) != NULL) {
		TAILQ_REMOVE(&d->forwards, f, next);
		op_free(f->op);
		free(f);
	}
	free(d->remote);
}
