#include <stdio.h>

#include "membership/core/core_int.h"

/* Whom a joiner knows in the moment in which it becomes a member: who admitted it, and some others should that one be gone. */

size_t first_list(const struct core *c, struct wire_first out[WIRE_FIRST_MAX])
{
	size_t n = 0;

	for (size_t i = 1; i < c->n && n < WIRE_FIRST_MAX; i++) {
		const struct member *m = c->member[i];

		if (!is_member(m) || !m->running || m->role != WIRE_CORE || m->host[0] == '\0')
			continue;
		out[n++] = (struct wire_first){.id = m->id,
			.node_id = m->node_id,
			.name = msg_str(m->name),
			.host = msg_str(m->host),
			.dist_port = m->dist_port,
			.rpc_port = m->rpc_port};
	}
	return n;
}

static bool first_read(struct first_member *f, const struct wire_first *w)
{
	struct node_addr addr;
	const char *why;

	*f = (struct first_member){.id = w->id,
		.node_id = w->node_id,
		.dist_port = w->dist_port,
		.rpc_port = w->rpc_port};
	return !id_is_zero(&w->id) && w->host.n > 0 && w->dist_port != 0 &&
	       msg_span_copy(f->name, sizeof f->name, w->name) &&
	       msg_span_copy(f->host, sizeof f->host, w->host) &&
	       node_parse(f->name, NULL, &addr, &why) == 0 && addr.port == 0;
}

void first_note(struct standing *s, const struct conn *k, const struct wire_admit *m)
{
	const struct wire_first *w = m->first.item;

	s->first[0] = (struct first_member){.id = k->peer_id,
		.node_id = k->peer_node_id,
		.dist_port = k->peer_dist_port,
		.rpc_port = k->peer_rpc_port};
	snprintf(s->first[0].name, sizeof s->first[0].name, "%s", k->peer_name);
	snprintf(s->first[0].host, sizeof s->first[0].host, "%s", k->host);
	s->n_first = 1;
	for (uint32_t i = 0; i < m->first.n && s->n_first < 1 + WIRE_FIRST_MAX; i++)
		if (first_read(&s->first[s->n_first], &w[i]) && !id_eq(&w[i].id, &s->member_id))
			s->n_first++;
}

void first_put(struct core *c, const struct standing *s)
{
	for (size_t i = 0; i < s->n_first; i++) {
		struct first_member f = s->first[i];

		state_put_member(c, &(struct member){.id = f.id,
					    .node_id = f.node_id,
					    .name = f.name,
					    .host = f.host,
					    .dist_port = f.dist_port,
					    .rpc_port = f.rpc_port,
					    .role = WIRE_CORE});
	}
}

void first_take(struct core *c, const struct standing *s)
{
	for (size_t i = 0; i < s->n_first; i++) {
		const struct first_member *f = &s->first[i];
		struct member *x = c->member[member_intern(c, &f->id)];

		member_name(c, x, msg_str(f->name));
		set_text(&x->host, msg_str(f->host));
		x->node_id = f->node_id;
		x->dist_port = f->dist_port;
		x->rpc_port = f->rpc_port;
		x->persisted = x->met = true;
	}
}
