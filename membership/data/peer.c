/* Who the others are, as membership shows them. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "membership/data/data_int.h"

struct peer *peer_find(const struct data *d, const struct id128 *id)
{
	size_t lo = 0, hi = d->n_peers;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = id_cmp(&d->peer[mid].id, id);

		if (c == 0)
			return &d->peer[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static void peer_free(struct peer *p)
{
	free(p->host);
	vec_free(&p->have);
	vec_free(&p->sync.theirs);
	buf_free(&p->holders);
}

void peers_free(struct data *d)
{
	for (size_t i = 0; i < d->n_peers; i++)
		peer_free(&d->peer[i]);
	free(d->peer);
	d->peer = NULL;
	d->n_peers = 0;
}

static void take_state(struct data *d, struct peer *p, const struct data_member *m)
{
	bool was_near = p->near;

	p->host = xstrdup(m->host);
	p->rpc_port = m->rpc_port;
	p->departed = m->departed;
	p->core = m->core && !m->departed;
	p->running = m->running && !m->departed;
	p->near = p->running && m->link && m->data_ok && !d->apart;
	p->fresh = p->near && !was_near;
	p->joined_ms = m->joined_ms;
	p->vector_hash = m->vector_hash;
	p->data_hash = m->data_hash;
}

/* What is known of a peer from before goes on. */
static struct peer renewed(struct data *d, const struct data_member *m)
{
	struct peer *old = peer_find(d, &m->id), p = {.id = m->id, .cursor = d->ring.head};

	if (old != NULL) {
		p = *old;
		free(p.host);
		*old = (struct peer){.id = old->id};
	}
	take_state(d, &p, m);
	return p;
}

static void lose(struct data *d, struct peer *p)
{
	if (p->host == NULL)
		return; /* goes on in the new list */
	call_cancel(d, &p->push_call);
	call_cancel(d, &p->have_call);
	sync_stop(d, p);
}

static void take_members(struct data *d, const struct data_view *v)
{
	struct peer *list = xcalloc(v->n, sizeof *list);
	size_t n = 0;

	d->cores = d->cores_running = 0;
	d->self_at = v->n;
	for (size_t i = 0; i < v->n; i++) {
		const struct data_member *m = &v->member[i];

		d->cores += m->core && !m->departed;
		d->cores_running += m->core && m->running && !m->departed;
		if (id_eq(&m->id, &d->self)) {
			d->joined_ms = m->joined_ms;
			d->self_at = i;
			continue;
		}
		list[n++] = renewed(d, m);
	}
	for (size_t i = 0; i < d->n_peers; i++)
		lose(d, &d->peer[i]);
	peers_free(d);
	d->peer = list;
	d->n_peers = n;
}

void data_view(struct data *d, const struct data_view *v)
{
	fx_forget(d);
	if (!id_eq(&d->self, &v->self))
		d->own.epoch = 0; /* somebody else's numbers from now on */
	d->self = v->self;
	d->role = v->role;
	d->quorum = v->quorum;
	d->apart = v->apart;
	d->leaving = v->leaving;
	d->children = v->children;
	d->children_ctx = v->ctx;
	take_members(d, v);
	spread_view(d);
	d->spread_due = true;
	for (size_t i = 0; i < d->n_peers; i++)
		sync_view(d, &d->peer[i]);
	ack_check(d);
	collect_arm(d);
	data_run(d);
}

void peers_replaced(struct data *d)
{
	for (size_t i = 0; i < d->n_peers; i++) {
		struct peer *p = &d->peer[i];

		sync_stop(d, p);
		p->sync.done_epoch = p->sync.done_index = 0;
		if (p->near && p->core)
			sync_want(d, p);
	}
}

/* Equal vectors and equal data: it has each of my writes, whatever way they went. */
static void take_equal(struct data *d, struct peer *p)
{
	if (p->vector_hash != d->vector_hash || p->data_hash != d->map.hash)
		return;
	if (vec_merge(&p->have, &d->vector))
		ack_check(d);
}

void data_peer_hashes(struct data *d, const struct id128 *peer, uint64_t vector_hash,
	uint64_t data_hash)
{
	struct peer *p = peer_find(d, peer);

	fx_forget(d);
	if (p == NULL)
		return;
	p->vector_hash = vector_hash;
	p->data_hash = data_hash;
	take_equal(d, p);
	sync_hashes(d, p);
	data_run(d);
}
