/* When a write that is durable here is answered: at once, when one more running core has it, or most of all cores. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "membership/data/data_int.h"

struct waiter {
	TAILQ_ENTRY(waiter) next;
	struct asker asker;
	struct data_reply reply;
	struct wire_origin dot;
	enum data_ack ack;
	uint64_t deadline_ms;
};

/* How many others must have it. */
static uint32_t needed(const struct data *d, enum data_ack ack)
{
	switch (ack) {
	case DATA_ACK_LOCAL:
		break;
	case DATA_ACK_ONE:
		return d->cores_running > 1;
	case DATA_ACK_MAJORITY:
		return d->cores / 2;
	}
	return 0;
}

static uint32_t have(const struct data *d, const struct wire_origin *dot)
{
	uint32_t n = 0;

	for (size_t i = 0; i < d->n_peers; i++) {
		const struct peer *p = &d->peer[i];

		n += p->core && p->running && vec_has(&p->have, dot);
	}
	return n;
}

bool ack_far(const struct data *d)
{
	for (size_t i = 0; i < d->n_peers; i++)
		if (d->peer[i].core && d->peer[i].running && !d->peer[i].near)
			return true;
	return false;
}

static void answer(struct data *d, struct waiters *list, struct waiter *w)
{
	TAILQ_REMOVE(list, w, next);
	command_reply(d, &w->asker, &w->reply);
	free(w);
}

void ack_wait(struct data *d, struct op *op)
{
	uint32_t need = needed(d, op->cmd.ack);
	struct waiter *w;

	op->reply.acked = 1;
	if (need == 0) {
		command_reply(d, &op->asker, &op->reply);
		return;
	}
	w = xcalloc(1, sizeof *w);
	w->asker = op->asker;
	w->reply = op->reply;
	w->dot = op->dot;
	w->ack = op->cmd.ack;
	w->deadline_ms = op->deadline_ms;
	TAILQ_INSERT_TAIL(&d->waiters[w->ack], w, next);
	if (w->deadline_ms < d->waiters_ms)
		d->waiters_ms = w->deadline_ms;
	wake_at(d, w->deadline_ms);
}

/* Numbers are had in order, so the first one that is not enough ends the search. */
static void answer_had(struct data *d, struct waiters *list)
{
	struct waiter *w;

	while ((w = TAILQ_FIRST(list)) != NULL) {
		uint32_t n = have(d, &w->dot);

		if (n == 0 || n < needed(d, w->ack))
			return;
		w->reply.acked = n + 1;
		answer(d, list, w);
	}
}

void ack_check(struct data *d)
{
	answer_had(d, &d->waiters[DATA_ACK_ONE]);
	answer_had(d, &d->waiters[DATA_ACK_MAJORITY]);
}

static void answer_late(struct data *d, struct waiters *list, struct waiter *w)
{
	uint32_t n = have(d, &w->dot);

	w->reply.acked = n + 1;
	if (n == 0)
		reply_code(&w->reply, DATA_E_TIMEOUT, "durable here, not yet elsewhere");
	else
		reply_code(&w->reply, DATA_E_TIMEOUT, "durable on %u of %u cores so far", n + 1,
			d->cores);
	answer(d, list, w);
}

static void look_for_late(struct data *d, struct waiters *list)
{
	struct waiter *w = TAILQ_FIRST(list), *next;

	for (; w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		if (w->deadline_ms <= d->now_ms)
			answer_late(d, list, w);
		else if (w->deadline_ms < d->waiters_ms)
			d->waiters_ms = w->deadline_ms;
	}
}

void ack_tick(struct data *d)
{
	if (d->now_ms >= d->waiters_ms) {
		d->waiters_ms = UINT64_MAX;
		for (int i = 0; i <= DATA_ACK_MAJORITY; i++)
			look_for_late(d, &d->waiters[i]);
	}
	wake_at(d, d->waiters_ms);
}

void ack_replaced(struct data *d)
{
	struct waiter *w;

	for (int i = 0; i <= DATA_ACK_MAJORITY; i++)
		while ((w = TAILQ_FIRST(&d->waiters[i])) != NULL) {
			reply_code(&w->reply, DATA_E_BUSY, "the data was replaced meanwhile");
			answer(d, &d->waiters[i], w);
		}
}

void ack_init(struct data *d)
{
	for (int i = 0; i <= DATA_ACK_MAJORITY; i++)
		TAILQ_INIT(&d->waiters[i]);
	d->waiters_ms = UINT64_MAX;
}

void ack_free(struct data *d)
{
	for (int i = 0; i <= DATA_ACK_MAJORITY; i++) {
		struct waiter *w = TAILQ_FIRST(&d->waiters[i]), *next;

		for (; w != NULL; w = next) {
			next = TAILQ_NEXT(w, next);
			free(w);
		}
	}
}
