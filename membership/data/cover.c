/* How far a node is: hand-over before a leave, and the answer to whoever asks. */
#include <stdio.h>

#include "membership/data/data_int.h"

enum { HAND_MS = 10000, ASK_MS = 200, TAKERS = 2 };

static void end(struct data *d, bool ok, const char *text)
{
	struct data_fx *fx = fx_new(d, DATA_FX_HANDED);

	fx->u.done.job = d->hand.job;
	fx->u.done.ok = ok;
	snprintf(fx->u.done.text, sizeof fx->u.done.text, "%s", text);
	for (int i = 0; i < TAKERS; i++)
		call_cancel(d, &d->hand.call[i]);
	d->hand.active = false;
}

/* Some running cores, neighbours first, another one each time round. */
static const struct peer *pick(struct data *d)
{
	for (int near = 1; near >= 0; near--)
		for (size_t i = 0; i < d->n_peers; i++) {
			const struct peer *p = &d->peer[(d->hand.next + i) % d->n_peers];

			if (!p->core || !p->running || p->near != (near == 1) ||
				p->hand_no == d->hand.job)
				continue;
			d->hand.next = (uint32_t)(p - d->peer) + 1;
			return p;
		}
	return NULL;
}

static void ask(struct data *d)
{
	for (int i = 0; i < TAKERS; i++) {
		const struct peer *p = d->hand.call[i] == 0 ? pick(d) : NULL;

		if (p != NULL)
			d->hand.call[i] = call_peer(d, CALL_HAND, p,
				&(struct wire_data_ask){.pull = true});
	}
}

void data_handover(struct data *d, uint32_t job)
{
	fx_forget(d);
	if (d->hand.active)
		end(d, false, "asked anew");
	d->hand = (struct hand){.active = true,
		.job = job,
		.until_ms = d->now_ms + HAND_MS,
		.next = (uint32_t)rng_below(&d->rng, 1024)};
	hand_tick(d);
	data_run(d);
}

void hand_tick(struct data *d)
{
	if (!d->hand.active)
		return;
	if ((d->vector.n == 0 && txn_idle(d)) || MUTANT(DATA_CLEAR_WITHOUT_COVER)) {
		end(d, true, "");
	} else if (pick(d) == NULL) {
		end(d, false, "no running core takes the data");
	} else if (d->now_ms >= d->hand.until_ms) {
		end(d, false, "no running core has all of the data yet");
	} else {
		if (d->now_ms >= d->hand.at_ms) {
			d->hand.at_ms = d->now_ms + ASK_MS;
			ask(d);
		}
		wake_at(d, d->hand.at_ms);
	}
}

void hand_answered(struct data *d, const struct call *c, struct msg_reader r, const char *error)
{
	struct peer *p = peer_find(d, &c->peer);
	struct wire_data_vector v;
	struct vec vector;

	for (int i = 0; i < TAKERS; i++)
		if (d->hand.call[i] == c->id)
			d->hand.call[i] = 0;
	if (!d->hand.active || p == NULL || error != NULL || !call_result(d, c, r, &v) ||
		!vec_valid(&v.vector))
		return;
	vector = vec_of(&v.vector);
	if (v.leaving)
		p->hand_no = d->hand.job;
	else if (txn_idle(d) && vec_covers(&vector, &d->vector))
		end(d, true, "");
}

void hand_serve(struct data *d, struct op *op)
{
	struct wire_data_vector v = {.vector = vec_list(&d->vector),
		.gc = vec_list(&d->gc),
		.data_hash = d->map.hash,
		.wall_ms = d->wall_ms,
		.leaving = d->leaving || d->apart || d->role != WIRE_CORE};
	struct peer *p = peer_find(d, &op->peer);

	serve_answer(d, op->serve, WIRE_DATA_VECTOR, &v);
	if (op->m.ask.pull && p != NULL && !v.leaving) {
		p->sync.pulled = true;
		sync_want(d, p);
	}
	op_free(op);
}
