#include "membership/shared_int.h"

#include <stdio.h>

#include "common/base/mem.h"

void shared_effect(struct shared *d, const struct core_fx *fx)
{
	struct wish *w;

	if (d->n_wishes == d->wishes_cap) {
		d->wishes_cap = d->wishes_cap == 0 ? 8 : 2 * d->wishes_cap;
		d->wish = xrealloc(d->wish, d->wishes_cap, sizeof *d->wish);
	}
	w = &d->wish[d->n_wishes++];
	w->fx = *fx;
	if (fx->kind == CORE_FX_COPY)
		snprintf(w->host, sizeof w->host, "%s", fx->u.copy.host);
}

void shared_tell_view(struct shared *d)
{
	struct id128 before = d->view.self;
	struct data_view v;

	d->views = core_views(d->shell->core);
	d->view_stale = false;
	shared_view_make(&d->view, d->shell->core, &v);
	if (!id_is_zero(&before) && !id_eq(&before, &v.self))
		rpc_pool_reset(d->pool); /* its connections said hello as somebody else */
	rpc_pool_prune(d->pool, shared_view_has, &d->view);
	data_view(shared_in(d), &v);
}

static void job_begins(struct shared *d, uint32_t job)
{
	d->job = job;
	d->progress = (struct shell_progress){.entries = 0};
}

static void copy(struct shared *d, const struct wish *w)
{
	job_begins(d, w->fx.u.copy.job);
	d->no_backup = w->fx.u.copy.no_backup;
	data_copy(shared_in(d), &(struct data_copy){.job = w->fx.u.copy.job,
					.source = {.id = w->fx.u.copy.source,
						.name = "",
						.host = w->host,
						.rpc_port = w->fx.u.copy.rpc_port,
						.core = true,
						.running = true},
					.staged = w->fx.u.copy.staged});
}

static void copy_cancel(struct shared *d, uint32_t job)
{
	if (d->held.job == job) {
		backup_cancel(d->backup);
		d->held.job = 0;
	}
	data_copy_cancel(shared_in(d), job);
}

void shared_grant(struct shared *d, const struct wish *w)
{
	switch (w->fx.kind) {
	case CORE_FX_COPY:
		copy(d, w);
		break;
	case CORE_FX_COPY_CANCEL:
		copy_cancel(d, w->fx.u.copy.job);
		break;
	case CORE_FX_HANDOVER:
		shared_tell_view(d); /* that we leave, above all */
		job_begins(d, w->fx.u.handover.job);
		d->force = w->fx.u.handover.force;
		d->removed = w->fx.u.handover.removed;
		data_handover(shared_in(d), w->fx.u.handover.job);
		break;
	case CORE_FX_DATA_SWAP:
		data_swapped(shared_in(d), w->fx.u.swap.generation);
		shared_tell_view(d);
		break;
	case CORE_FX_DATA_PEER:
		data_peer_hashes(shared_in(d), &w->fx.u.peer.id, w->fx.u.peer.vector_hash,
			w->fx.u.peer.data_hash);
		break;
	default:
		break;
	}
}
