#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "membership/data/data_int.h"

void reply_code(struct data_reply *r, enum data_code code, const char *fmt, ...)
{
	va_list ap;

	r->code = code;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof r->text, fmt, ap);
	va_end(ap);
}

void token_of(const struct entry *e, char out[64])
{
	if (e == NULL || !e->alive)
		out[0] = '\0';
	else
		snprintf(out, 64, "%016" PRIx64, e->hash);
}

/* --- before it is queued */

static bool well_formed(const struct data_command *cmd, struct data_reply *r)
{
	if (cmd->key.n == 0 || cmd->key.p[0] == '\0')
		reply_code(r, DATA_E_INVALID,
			"a key is not empty and begins with no zero byte");
	else if (cmd->key.n > DATA_KEY_MAX)
		reply_code(r, DATA_E_TOO_LARGE, "a key has at most %d bytes", DATA_KEY_MAX);
	else if (cmd->op == DATA_PUT && cmd->value.n > DATA_VALUE_MAX)
		reply_code(r, DATA_E_TOO_LARGE, "a value has at most %d bytes", DATA_VALUE_MAX);
	else
		return true;
	return false;
}

static struct msg_span keep(char **at, struct msg_span s)
{
	struct msg_span kept = {s.p == NULL ? NULL : *at, s.n};

	if (kept.p != NULL && s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

static struct op *command_op(struct data *d, const struct data_command *cmd,
	const struct asker *asker)
{
	size_t bytes = (size_t)cmd->key.n + cmd->value.n + cmd->if_version.n;
	struct op *op = op_new(OP_COMMAND, bytes + sizeof *op);
	char *at;

	op->frame = xcalloc(1, bytes + 1);
	at = (char *)op->frame;
	op->cmd = *cmd;
	op->cmd.key = keep(&at, cmd->key);
	op->cmd.value = keep(&at, cmd->value);
	op->cmd.if_version = keep(&at, cmd->if_version);
	op->asker = *asker;
	if (op->cmd.timeout_ms == 0)
		op->cmd.timeout_ms = DATA_ACK_TIMEOUT_MS;
	op->deadline_ms = d->now_ms + op->cmd.timeout_ms;
	return op;
}

void command_begin(struct data *d, const struct data_command *cmd, const struct asker *asker)
{
	struct data_reply r = {.request = asker->request};
	struct op *op;

	if (!well_formed(cmd, &r)) {
		command_reply(d, asker, &r);
		return;
	}
	if (d->queue_bytes + cmd->key.n + cmd->value.n > DATA_QUEUE_BYTES) {
		reply_code(&r, DATA_E_BUSY, "too much waits for the disk already");
		command_reply(d, asker, &r);
		return;
	}
	if (d->role == WIRE_REPLICA) {
		replica_forward(d, command_op(d, cmd, asker));
		return;
	}
	op = command_op(d, cmd, asker);
	queue_op(d, op);
	if (op->deadline_ms < d->late_ms)
		d->late_ms = op->deadline_ms;
	wake_at(d, d->late_ms);
}

void command_internal(struct data *d, struct msg_span key, struct msg_span value)
{
	struct data_command cmd = {.op = DATA_PUT, .key = key, .value = value};

	queue_op(d, command_op(d, &cmd, &(struct asker){.kind = ASK_NOBODY}));
}

void data_command(struct data *d, const struct data_command *cmd)
{
	struct asker asker = {.request = cmd->request};

	fx_forget(d);
	command_begin(d, cmd, &asker);
	data_run(d);
}

/* --- a disk that does not answer */

static bool late(struct data *d, const struct op *op)
{
	if (op->kind != OP_COMMAND || op->asker.kind == ASK_NOBODY)
		return false;
	if (op->deadline_ms <= d->now_ms)
		return true;
	if (op->deadline_ms < d->late_ms)
		d->late_ms = op->deadline_ms;
	return false;
}

static void answer_late(struct data *d, struct op *op, enum data_code code, const char *text)
{
	struct data_reply r = {.request = op->asker.request};

	reply_code(&r, code, "%s", text);
	command_reply(d, &op->asker, &r);
	op->asker.kind = ASK_NOBODY;
}

/* What waits for its turn is taken back; what is with the disk may still be done. */
static void look_for_late(struct data *d)
{
	struct op *op, *next;

	TAILQ_FOREACH (op, &d->txn.ops, next)
		if (late(d, op))
			answer_late(d, op, DATA_E_TIMEOUT,
				"not yet durable here: the disk does not answer; it may still be written");
	for (op = TAILQ_FIRST(&d->queue); op != NULL; op = next) {
		next = TAILQ_NEXT(op, next);
		if (!late(d, op))
			continue;
		answer_late(d, op, DATA_E_STORE, "not written: the disk does not answer");
		TAILQ_REMOVE(&d->queue, op, next);
		d->queue_bytes -= op->bytes;
		op_free(op);
	}
}

void command_tick(struct data *d)
{
	if (d->now_ms >= d->late_ms) {
		d->late_ms = UINT64_MAX;
		look_for_late(d);
	}
	wake_at(d, d->late_ms);
}

/* --- its turn */

static bool refused(struct data *d, struct data_reply *r)
{
	if (d->leaving || d->hand.active)
		reply_code(r, DATA_E_BUSY, "this node is leaving its cluster");
	else if (d->require_quorum && !d->quorum)
		reply_code(r, DATA_E_QUORUM,
			"less than half of the cluster's voters run (store.require_quorum)");
	else if (d->own.epoch == 0 && d->txn.vector.n >= DATA_ORIGINS_MAX)
		reply_code(r, DATA_E_FULL,
			"nodes have been started and have written here %u times: there is no room for more of them; "
			"other nodes that have written since their start can go on",
			d->txn.vector.n);
	else if (clock_skewed(d))
		reply_code(r, DATA_E_CLOCK,
			"this node's clock is %" PRId64 " s from the others'; set it right",
			d->skew_ms / 1000);
	else
		return false;
	return true;
}

static bool version_differs(const struct data_command *cmd, const struct entry *now)
{
	char token[64];

	token_of(now, token);
	return cmd->if_version.p != NULL && !msg_span_eq(cmd->if_version, token);
}

/* What is to stand from now on; false: there is nothing to do it to. */
static bool wanted_value(struct data *d, const struct data_command *cmd,
	const struct entry *now, struct wire_sibling *s, struct data_reply *r)
{
	bool there = now != NULL && now->alive;
	const struct wire_sibling *chosen;

	s->value = msg_str("");
	if (cmd->op == DATA_PUT) {
		s->value = cmd->value;
		return true;
	}
	if (!there) {
		reply_code(r, DATA_E_NOT_FOUND, "there is no such key");
		return false;
	}
	if (cmd->op == DATA_DELETE) {
		s->deleted = true;
		return true;
	}
	if (cmd->sibling >= now->w.siblings.n) {
		reply_code(r, DATA_E_INVALID, "the key has %u of them: there is no number %u",
			now->w.siblings.n, cmd->sibling + 1);
		return false;
	}
	chosen = read_sorted(d, &now->w, cmd->sibling);
	s->deleted = chosen->deleted;
	s->value = chosen->value;
	return true;
}

static bool too_full(const struct data *d, const struct entry *now, size_t bytes)
{
	size_t before = now == NULL ? 0 : now->bytes;
	uint64_t used = d->map.bytes + (uint64_t)d->txn.grown;

	return bytes > before && used + bytes - before > d->max_bytes;
}

static void write(struct data *d, struct op *op, const struct entry *now,
	struct wire_sibling *s)
{
	struct vec context = {0};
	struct wire_entry w = {.key = op->cmd.key, .siblings = {s, 1}};

	op->dot = own_next(d);
	vec_raise(&d->txn.vector, &op->dot);
	s->member = op->dot.member;
	s->epoch = op->dot.epoch;
	s->n = op->dot.n;
	clock_stamp(d, s);
	if (now != NULL)
		vec_copy(&context, &(struct vec){now->w.context.item, now->w.context.n, 0});
	vec_raise(&context, &op->dot);
	w.context = vec_list(&context);
	txn_record(d,
		&(struct record){.dot = op->dot,
			.report = op->cmd.ack == DATA_ACK_MAJORITY && ack_far(d)},
		&w);
	token_of(txn_put(d, now, &w), op->reply.version);
	vec_free(&context);
}

static void command_early(struct data *d, struct op *op)
{
	op->reply.acked = 1;
	command_reply(d, &op->asker, &op->reply);
	op->asker.kind = ASK_NOBODY;
}

void command_evaluate(struct data *d, struct op *op)
{
	const struct data_command *cmd = &op->cmd;
	struct wire_sibling s = {.deleted = false};
	const struct entry *now = txn_find(d, cmd->key);

	op->reply.request = op->asker.request;
	if (refused(d, &op->reply))
		return;
	if (version_differs(cmd, now))
		reply_code(&op->reply, DATA_E_VERSION,
			now != NULL && now->alive ? "the key has changed"
						  : "there is no such key");
	else if (!wanted_value(d, cmd, now, &s, &op->reply))
		return;
	else if (cmd->key.p[0] != '\0' && too_full(d, now, (size_t)cmd->key.n + s.value.n))
		reply_code(&op->reply, DATA_E_FULL,
			"the shared data has reached store.max_size (%" PRIu64 " bytes)",
			d->max_bytes);
	else
		write(d, op, now, &s);
	if (op->reply.code != DATA_OK)
		token_of(now, op->reply.version);
	else if (MUTANT(DATA_ANSWER_EARLY))
		command_early(d, op);
}

void command_done(struct data *d, struct op *op)
{
	if (op->reply.code == DATA_OK)
		ack_wait(d, op);
	else
		command_reply(d, &op->asker, &op->reply);
}

void command_failed(struct data *d, struct op *op, enum data_code code, const char *why)
{
	if (op->reply.code == DATA_OK)
		reply_code(&op->reply, code, "%s", why);
	command_reply(d, &op->asker, &op->reply);
}

void command_reply(struct data *d, const struct asker *to, const struct data_reply *reply)
{
	struct data_fx *fx;

	if (to->kind == ASK_REMOTE)
		replica_replied(d, &to->id, reply);
	if (to->kind != ASK_SHELL)
		return;
	fx = fx_new(d, DATA_FX_REPLY);
	fx->u.reply = *reply;
	fx->u.reply.request = to->request;
}
