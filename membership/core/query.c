#include "membership/core/core_int.h"

/* Answers for the control socket: nothing is changed here. */

static const char *busy_word(const struct core *c)
{
	if (c->stopping)
		return "stopping";
	if (c->join.phase != JOIN_NONE)
		return "joining";
	if (c->leave.phase != LEAVE_NONE)
		return "leaving";
	if (c->keep_view_until_ms != 0 && c->now_ms < c->keep_view_until_ms &&
		self(c)->n_edges == 0 && c->n_running > 1)
		return "rejoining";
	return "";
}

void core_status(const struct core *c, struct core_status *out)
{
	*out = (struct core_status){
		.node_name = c->node_name,
		.cluster_name = c->cluster_name,
		.node_id = c->node_id,
		.member_id = self(c)->id,
		.identity = c->identity,
		.incarnation = c->incarnation,
		.session = c->session,
		.role = (enum wire_role)c->role,
		.mode_auto = c->settings.mode_auto,
		.singleton = c->conf_mode == CORE_SINGLETON,
		.discovery_paused = c->paused,
		.autoheal = c->settings.autoheal,
		.quorum = c->quorum,
		.voters = c->n_voters,
		.voters_running = c->n_voters_running,
		.apart = c->apart,
		.apart_by = c->apart_by,
		.busy = busy_word(c),
		.ready = c->ready,
		.store_failed = c->store_failed,
		.waiting_heal = c->waiting_heal,
		.stalls = c->stalls,
		.stall_ms_max = c->stall_ms_max,
		.hold_ms = own_hold(c),
		.digest = digest_total(c),
	};
	for (size_t i = 0; i < c->n; i++) {
		if (!is_member(c->member[i]))
			continue;
		if (c->member[i]->running)
			out->running++;
		else
			out->stopped++;
	}
}

static int by_name(const void *a, const void *b)
{
	const struct member *const *x = a, *const *y = b;
	int cmp = strcmp((*x)->name, (*y)->name);

	return cmp != 0 ? cmp : id_cmp(&(*x)->id, &(*y)->id);
}

size_t core_n_members(const struct core *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += is_member(c->member[i]) ? 1 : 0;
	return n;
}

/* The order is made once after each input; callers ask for many in one go. */
static struct member *member_sorted(const struct core *c, size_t at)
{
	struct core *w = (struct core *)(uintptr_t)c;
	size_t n = 0;

	if (w->n_sorted == 0) {
		w->sorted = xrealloc(w->sorted, c->n, sizeof(struct member *));
		for (size_t i = 0; i < c->n; i++)
			if (is_member(c->member[i]))
				w->sorted[n++] = c->member[i];
		w->n_sorted = n;
		qsort(w->sorted, n, sizeof(struct member *), by_name);
	}
	return w->sorted[at];
}

void core_member_at(const struct core *c, size_t i, struct core_member *out)
{
	const struct member *m = member_sorted(c, i);
	bool me = m == self(c);

	*out = (struct core_member){
		.name = m->name,
		.host = m->host,
		.version = me ? c->program : m->program,
		.member_id = m->id,
		.node_id = m->node_id,
		.incarnation = me ? c->incarnation : m->ver.incarnation,
		.session = me ? c->session : m->ver.session,
		.seq = m->ver.seq,
		.role = (enum wire_role)m->role,
		.self = me,
		.running = m->running,
		.unreadable = m->unreadable,
		.voter = m->voter,
		.state = me ? (enum wire_member_state)c->own_state
			    : (enum wire_member_state)m->state,
		.dist_port = m->dist_port,
		.rpc_port = m->rpc_port,
		.since_wall_ms = m->since_wall_ms,
		.rtt_us = m->link.state == EDGE_LIVE ? m->link.rtt_us : -1,
		.last_error = m->last_error,
		.tags = me ? c->tags : m->tags,
		.n_tags = me ? c->n_tags : m->n_tags,
	};
}

static const char *own_state_word(const struct core *c, const struct member *m)
{
	const struct conn *k = m->link.conn == 0 ? NULL : conn_find(c, m->link.conn);

	switch (m->link.state) {
	case EDGE_NONE:
		return m->dialing != 0 ? "dialing" : "down";
	case EDGE_REDIAL:
		return "redialing";
	case EDGE_SUSPENDED:
		return "unannounced";
	case EDGE_LIVE:
		break;
	}
	if (!m->link.listed)
		return "held";
	if (k != NULL && k->drop_proposed)
		return "dropping";
	if (k != NULL && c->now_ms > k->echo_ms + k->heartbeat_ms * 12 / 5)
		return "suspect";
	return "live";
}

static void visit_own(const struct core *c, core_link_visit *visit, void *ctx)
{
	for (size_t i = 1; i < c->n; i++) {
		const struct member *m = c->member[i];
		struct core_link l = {.from = self(c)->id,
			.to = m->id,
			.from_name = c->node_name,
			.to_name = m->name,
			.own = true,
			.last_error = m->last_error,
			.data_failed = m->link.data_failed,
			.rtt_us = m->link.rtt_us};

		if (!is_member(m) ||
			(m->link.state == EDGE_NONE && !m->wanted && m->last_error[0] == '\0'))
			continue;
		l.state = own_state_word(c, m);
		if (m->link.state != EDGE_NONE && m->link.since_ms <= c->now_ms)
			l.age_ms = c->now_ms - m->link.since_ms;
		if (m->link.state == EDGE_LIVE && !m->link.listed &&
			m->link.since_ms + m->link.hold_ms > c->now_ms)
			l.hold_ms = m->link.since_ms + m->link.hold_ms - c->now_ms;
		visit(ctx, &l);
	}
}

void core_each_link(const struct core *c, core_link_visit *visit, void *ctx)
{
	visit_own(c, visit, ctx);
	for (size_t i = 1; i < c->n; i++) {
		const struct member *m = c->member[i];

		for (size_t e = 0; is_member(m) && e < m->n_edges; e++) {
			const struct half_edge *h = &m->edge[e];

			if (h->peer == NO_INDEX || !is_member(c->member[h->peer]) ||
				(!h->mutual &&
					(h->implied || (h->flags & WIRE_LF_REFUSED) != 0)))
				continue;
			visit(ctx, &(struct core_link){.from = m->id,
					   .to = h->id,
					   .from_name = m->name,
					   .to_name = c->member[h->peer]->name,
					   .state = h->mutual ? "usable" : "one_way",
					   .rtt_us = -1,
					   .data_failed = (h->flags & WIRE_LF_DATA_OK) == 0,
					   .last_error = ""});
		}
	}
}

void core_counters(const struct core *c, struct core_counters *out)
{
	*out = c->counters;
	out->conns = c->n_conns;
	out->places = c->n - c->n_vacant;
	out->graves = c->n_graves;
	out->links = 0;
	for (size_t i = 0; i < c->n_edged; i++)
		out->links += c->member[c->edged[i]]->link.state == EDGE_LIVE ? 1 : 0;
	if (out->links > out->degree_max)
		out->degree_max = out->links;
}

uint64_t core_views(const struct core *c)
{
	return c->counters.views;
}
