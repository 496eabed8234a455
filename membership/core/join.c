#include <stdarg.h>
#include <stdio.h>

#include "membership/core/core_int.h"

/*
 * The manual join: a request by the joiner, never an invitation. Link to X → copy of its data into staging → COMMIT →
 * X admits → one transaction swaps → the link becomes a member's. Until that transaction nothing here has changed.
 */

enum core_code code_of_bye(uint32_t code)
{
	static const enum core_code codes[WIRE_BYE_N] = {
		[WIRE_BYE_DUPLICATE] = CORE_E_ALREADY_IN_CLUSTER,
		[WIRE_BYE_CROSSED] = CORE_E_ALREADY_IN_CLUSTER,
		[WIRE_BYE_NAME_IN_USE] = CORE_E_NAME_IN_USE,
		[WIRE_BYE_APART] = CORE_E_STANDING_APART,
		[WIRE_BYE_BUSY] = CORE_E_BUSY,
		[WIRE_BYE_REPLICA] = CORE_E_REPLICANT,
		[WIRE_BYE_SINGLETON] = CORE_E_SINGLETON,
	};

	return code < WIRE_BYE_N && codes[code] != CORE_OK ? codes[code] : CORE_E_NODE_DOWN;
}

static void join_end(struct core *c)
{
	struct conn *k = c->join.conn == 0 ? NULL : conn_find(c, c->join.conn);

	if (c->join.job != 0) {
		struct core_fx *fx = fx_add(c, CORE_FX_COPY_CANCEL);

		fx->u.copy.job = c->join.job;
	}
	if (k != NULL && k->phase != CONN_UP && k->phase != CONN_CLOSING)
		conn_close(c, k, true);
	memset(&c->join, 0, sizeof c->join);
	c->plan_dirty = true;
	fx_view(c);
}

void join_fail(struct core *c, enum core_code code, const char *name, const char *fmt, ...)
{
	uint32_t request = c->join.request;
	bool by_command = c->join.by_command;
	char text[WIRE_TEXT_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (by_command)
		fx_reply(c, request, code, name, "%s", text);
	else
		fx_event_for(c, CORE_EV_REFUSED, name, &c->join.x_id,
			"join of a manual cluster found by discovery: %s", text);
	join_end(c);
}

struct refusal {
	bool yes;
	enum core_code code;
	const char *name, *text;
};

/* What can be said without asking anybody. */
static struct refusal refuse_at_once(const struct core *c, const struct node_addr *target)
{
	const struct member *m = member_by_name(c, target->name, false, &c->node_id);
	const struct refusal rows[] = {
		{c->conf_mode == CORE_SINGLETON, CORE_E_SINGLETON, c->node_name,
			"cluster.discovery_strategy is singleton: this node joins nobody"},
		{strcmp(target->name, c->node_name) == 0, CORE_E_SELF, c->node_name,
			"a node can't join itself"},
		{c->role == WIRE_REPLICA, CORE_E_REPLICANT, c->node_name,
			"a replica can't join by hand; use an auto discovery strategy"},
		{c->join.phase != JOIN_NONE || c->leave.phase != LEAVE_NONE || c->stopping,
			CORE_E_BUSY, c->node_name,
			"another join or leave is under way on this node; try again"},
		{admitting(c), CORE_E_BUSY, c->node_name,
			"another node is just joining this one; try again"},
		{m != NULL && m->running, CORE_E_ALREADY_IN_CLUSTER, target->name,
			"it is a member of this node's cluster already"},
		{m != NULL, CORE_E_NODE_DOWN, target->name,
			"it is a member of this node's cluster already, and stopped"},
		{!single(c), CORE_E_ALREADY_IN_CLUSTER, c->node_name,
			"this node is in a cluster with others; run `clusterctl cluster leave` first"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].yes)
			return rows[i];
	return (struct refusal){0};
}

void join_start(struct core *c, const struct node_addr *target, bool by_command,
	uint32_t request)
{
	struct refusal r = refuse_at_once(c, target);
	uint16_t port = target->port != 0 ? target->port : node_dist_port(target->name);

	if (r.yes) {
		if (by_command)
			fx_reply(c, request, r.code, r.name, "%s", r.text);
		return;
	}
	c->join = (struct join){.phase = JOIN_DIAL,
		.by_command = by_command,
		.request = request,
		.target = *target,
		.staged_id = rng_id(&c->rng)};
	c->join.conn = conn_dial(c, FOR_JOIN, target->host, port)->id;
	fx_view(c);
}

void join_on_hello(struct core *c, struct conn *k)
{
	struct join *j = &c->join;
	struct core_fx *fx;

	if (j->phase != JOIN_DIAL || j->conn != k->id)
		return;
	if (strcmp(k->peer_name, j->target.name) != 0) {
		join_fail(c, CORE_E_NODE_DOWN, j->target.name,
			"another node answers at %s port %u: it calls itself %s; join it by that name",
			k->host, k->port, k->peer_name);
		return;
	}
	k->phase = CONN_JOINING;
	k->deadline_ms = 0;
	fx_add(c, CORE_FX_ACCEPTED)->conn = k->id;
	j->x_id = k->peer_id;
	j->x_identity = k->peer_identity;
	snprintf(j->x_name, sizeof j->x_name, "%s", k->peer_name);
	j->phase = JOIN_COPY;
	j->job = (uint32_t)rng_u64(&c->rng) | 1;
	fx = fx_add(c, CORE_FX_COPY);
	fx->u.copy.job = j->job;
	fx->u.copy.host = k->host;
	fx->u.copy.rpc_port = k->peer_rpc_port;
	fx->u.copy.source = j->x_id;
	fx->u.copy.staged = j->staged_id;
	fx->u.copy.source_session = k->peer_ver.session;
	fx->u.copy.no_backup = j->no_backup;
}

void join_on_bye(struct core *c, struct conn *k, const struct wire_bye *b)
{
	char text[WIRE_TEXT_MAX + 1], name[NODE_NAME_MAX + 1];

	if (c->join.conn != k->id)
		return;
	if (c->join.phase == JOIN_SWAP || c->join.phase == JOIN_SETTLE) {
		/* admitted, and on its way to the disk: it can't be undone, and a member's link will be dialled */
		c->join.conn = 0;
		return;
	}
	if (!msg_span_copy(text, sizeof text, b->text) ||
		!msg_span_copy(name, sizeof name, b->name))
		text[0] = name[0] = '\0';
	if (code_of_bye(b->code) == CORE_E_NODE_DOWN || name[0] == '\0')
		snprintf(name, sizeof name, "%s", c->join.target.name);
	join_fail(c, code_of_bye(b->code), name, "refused by %s: %s", c->join.target.name,
		text);
}

static const char *const stage_words[] = {
	[CORE_STAGE_RESOLVE] = "resolve",
	[CORE_STAGE_CONNECT] = "connect",
	[CORE_STAGE_TLS] = "TLS",
	[CORE_STAGE_HELLO] = "hello",
};

void join_conn_lost(struct core *c, struct conn *k, enum core_loss loss, const char *text)
{
	(void)loss;
	if (c->join.conn != k->id)
		return;
	c->join.conn = 0;
	switch (c->join.phase) {
	case JOIN_DIAL:
		join_fail(c, CORE_E_NODE_DOWN, c->join.target.name, "%s: %s",
			stage_words[k->stage], text);
		break;
	case JOIN_COPY:
	case JOIN_COMMIT:
		join_fail(c, CORE_E_NODE_DOWN, c->join.target.name,
			"the connection was lost before it admitted this node: %s; nothing was changed",
			text);
		break;
	case JOIN_NONE:
	case JOIN_SWAP: /* a member's link will be dialled */
	case JOIN_SETTLE:
		break;
	}
}

void core_copied(struct core *c, uint32_t job, bool ok, uint64_t generation, const char *text)
{
	struct join *j = &c->join;
	struct conn *k = j->conn == 0 ? NULL : conn_find(c, j->conn);

	if (j->phase != JOIN_COPY || j->job != job)
		return;
	if (!ok || k == NULL) {
		j->job = ok ? job : 0;
		join_fail(c, CORE_E_NODE_DOWN, j->target.name, "%s", text);
	} else {
		j->phase = JOIN_COMMIT;
		j->generation = generation;
		j->deadline_ms = c->now_ms + JOIN_STEP_MS;
		conn_send(c, k, WIRE_COMMIT,
			&(struct wire_commit){.created_ms = j->x_identity.created_ms,
				.cluster_id = j->x_identity.cluster_id,
				.staged_id = j->staged_id,
				.node_id = c->node_id,
				.node_name = msg_str(c->node_name)});
	}
	settle(c);
}

/* --- X --- */

static bool identity_ours(const struct core *c, const struct wire_identity *i)
{
	if (identity_same(i, &c->identity))
		return true;
	for (size_t n = 0; n < c->n_absorbed; n++)
		if (identity_same(i, &c->absorbed[n]))
			return true;
	return false;
}

static struct admitted *admit(struct core *c, const struct id128 *id)
{
	struct admitted *oldest = &c->admitted[0];

	for (size_t i = 0; i < c->n_admitted; i++) {
		if (id_eq(&c->admitted[i].staged_id, id))
			return &c->admitted[i];
		if (c->admitted[i].until_ms < oldest->until_ms)
			oldest = &c->admitted[i];
	}
	return c->n_admitted < ADMITTED_MAX ? &c->admitted[c->n_admitted++] : oldest;
}

bool admitted_find(const struct core *c, const struct id128 *id)
{
	for (size_t i = 0; i < c->n_admitted; i++)
		if (id_eq(&c->admitted[i].staged_id, id) && c->now_ms < c->admitted[i].until_ms)
			return true;
	return false;
}

bool admitting(const struct core *c)
{
	for (size_t i = 0; i < c->n_admitted; i++)
		if (c->now_ms + ADMIT_LEASE_MS < c->admitted[i].until_ms + ADMIT_WAIT_MS)
			return true;
	return false;
}

/*
 * Another joiner of the same name with a live lease, not a member yet: who committed first has it. A node that died
 * behind its admission and comes with a new id is no other one.
 */
static bool name_admitted(const struct core *c, const char *name, const struct id128 *node_id)
{
	for (size_t i = 0; i < c->n_admitted; i++)
		if (strcmp(c->admitted[i].name, name) == 0 &&
			!id_eq(&c->admitted[i].node_id, node_id) &&
			member_find(c, &c->admitted[i].staged_id) == NULL &&
			c->now_ms < c->admitted[i].until_ms)
			return true;
	return false;
}

/* My own join is not so far yet that it could not be given up. */
static bool joining(const struct core *c)
{
	return c->join.phase == JOIN_DIAL || c->join.phase == JOIN_COPY ||
	       c->join.phase == JOIN_COMMIT;
}

/* Of two that join each other the larger identity's goes on. */
static bool yields_to(const struct core *c, const struct conn *k)
{
	return joining(c) && strcmp(k->peer_name, c->join.target.name) == 0 &&
	       identity_less(&c->identity, &k->peer_identity);
}

static struct refusal refuse_commit(const struct core *c, const struct conn *k,
	const struct wire_commit *m)
{
	struct wire_identity seen = {m->created_ms, m->cluster_id};
	const struct refusal rows[] = {
		{id_is_zero(&m->staged_id) || member_find(c, &m->staged_id) != NULL,
			(enum core_code)WIRE_BYE_PROTOCOL, c->node_name,
			"the member id that it has drawn is in use"},
		{(joining(c) && !yields_to(c, k)) || c->join.phase == JOIN_SWAP,
			(enum core_code)WIRE_BYE_BUSY, c->node_name,
			"it is itself joining a cluster; try again"},
		{!identity_ours(c, &seen), (enum core_code)WIRE_BYE_BUSY, c->node_name,
			"it moved to another cluster meanwhile; try again"},
		{c->leave.phase != LEAVE_NONE || c->stopping || c->apart != CORE_APART_NO,
			(enum core_code)WIRE_BYE_BUSY, c->node_name,
			"it is leaving, stopping or standing apart"},
		{!MUTANT(NAME_TAKEN) &&
				(member_by_name(c, k->peer_name, true, &k->peer_node_id) !=
						NULL ||
					name_admitted(c, k->peer_name, &k->peer_node_id)),
			(enum core_code)WIRE_BYE_NAME_IN_USE, k->peer_name,
			"the name is in use by a running member"},
		{members_live(c) >= c->members_max, (enum core_code)WIRE_BYE_BUSY, c->node_name,
			"the cluster is full (limits.members)"},
		{c->store_failed, (enum core_code)WIRE_BYE_BUSY, c->node_name,
			"its data directory can't be written"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].yes)
			return rows[i];
	return (struct refusal){0};
}

void on_commit(struct core *c, struct conn *k, const struct wire_commit *m)
{
	struct wire_first first[WIRE_FIRST_MAX];
	struct refusal r = refuse_commit(c, k, m);
	struct admitted *a;
	size_t n_first;

	if (r.yes) {
		conn_send(c, k, WIRE_ADMIT,
			&(struct wire_admit){false, (uint32_t)r.code, msg_str(r.name),
				msg_str(r.text), {NULL, 0}});
		return;
	}
	if (joining(c))
		join_fail(c, CORE_E_ALREADY_IN_CLUSTER, k->peer_name,
			"%s joined this node at the same moment: the other one joined you",
			k->peer_name);
	a = admit(c, &m->staged_id);
	a->staged_id = m->staged_id;
	a->node_id = k->peer_node_id;
	a->until_ms = c->now_ms + ADMIT_LEASE_MS;
	snprintf(a->name, sizeof a->name, "%s", k->peer_name);
	n_first = first_list(c, first);
	conn_send(c, k, WIRE_ADMIT,
		&(struct wire_admit){true, 0, msg_str(c->node_name), msg_str(""),
			{first, (uint32_t)n_first}});
}

void on_joined(struct core *c, struct conn *k, const struct wire_joined *m)
{
	if (!admitted_find(c, &m->member_id)) {
		conn_bye(c, k, WIRE_BYE_PROTOCOL, WIRE_RETRY_30S, c->node_name,
			"joined without having been admitted");
		return;
	}
	admit(c, &m->member_id)->until_ms = 0;
	k->peer_id = m->member_id;
	k->peer_ver = (struct version){m->incarnation, m->session, 0};
	k->peer_identity = c->identity;
	k->peer_flags = 0;
	conn_up(c, k);
	if (k->phase == CONN_UP)
		flood_all_to(c, k);
}

/* --- the joiner again --- */

void on_admit(struct core *c, struct conn *k, const struct wire_admit *m)
{
	struct join *j = &c->join;
	char name[NODE_NAME_MAX + 1], text[WIRE_TEXT_MAX + 1];

	if (j->phase != JOIN_COMMIT || j->conn != k->id)
		return;
	if (!m->ok && !MUTANT(JOIN_WITHOUT_ADMIT)) {
		if (!msg_span_copy(name, sizeof name, m->name) ||
			!msg_span_copy(text, sizeof text, m->text))
			name[0] = text[0] = '\0';
		join_fail(c, code_of_bye(m->code), name, "refused by %s: %s", j->target.name,
			text);
		return;
	}
	if (!single(c)) {
		join_fail(c, CORE_E_BUSY, c->node_name,
			"this node became a member of a cluster meanwhile");
		return;
	}
	j->phase = JOIN_SWAP;
	c->next = (struct standing){.member_id = j->staged_id,
		.identity = j->x_identity,
		.settings = {.mode_auto = (k->peer_flags & WIRE_HF_AUTO) != 0,
			.autoheal = (k->peer_flags & WIRE_HF_NO_HEAL) == 0},
		.joined_ms = c->wall_ms,
		.generation = j->generation};
	first_note(&c->next, k, m);
	standing_persist(c, &c->next, WAIT_JOIN_SWAP);
}

void join_swapped(struct core *c, int error)
{
	struct join *j = &c->join;
	struct conn *k = j->conn == 0 ? NULL : conn_find(c, j->conn);

	if (error != 0) {
		join_fail(c, CORE_E_STORE, c->node_name,
			"the data directory can't be written: %s; nothing was changed",
			strerror(-error));
		return;
	}
	goodbye(c, k, WIRE_BYE_UNWANTED, "joined another cluster");
	j->job = 0;
	standing_data(c, &c->next);
	standing_take(c, &c->next);
	j->phase = JOIN_SETTLE;
	j->deadline_ms = c->now_ms + 3 * JOIN_STEP_MS;
	fx_event(c, CORE_EV_JOINED, self(c), "admitted by %s", j->x_name);
	if (k == NULL)
		return;
	record_touch(c, true);
	c->publish_ms = c->now_ms;
	conn_send(c, k, WIRE_JOINED,
		&(struct wire_joined){self(c)->id, c->incarnation, c->session});
	k->peer = NO_INDEX;
	k->purpose = FOR_LINK;
	conn_up(c, k);
	if (k->phase == CONN_UP)
		flood_all_to(c, k);
}

void join_tick(struct core *c)
{
	struct join *j = &c->join;
	const struct member *x;

	if (j->phase == JOIN_COMMIT && due(c, j->deadline_ms))
		join_fail(c, CORE_E_NODE_DOWN, j->target.name,
			"it did not answer in time; nothing was changed");
	if (j->phase != JOIN_SETTLE)
		return;
	x = member_find(c, &j->x_id);
	if (x != NULL && x->running) {
		if (j->by_command)
			fx_reply(c, j->request, CORE_OK, j->x_name, "%s", "");
		j->conn = 0;
		join_end(c);
	} else if (due(c, j->deadline_ms)) {
		j->conn = 0;
		join_fail(c, CORE_E_NODE_DOWN, j->x_name,
			"this node was admitted and is a member now, but no link to the cluster came up yet; it goes on trying");
	}
}

uint64_t join_deadline(const struct core *c)
{
	return c->join.phase == JOIN_COMMIT || c->join.phase == JOIN_SETTLE
		       ? c->join.deadline_ms
		       : 0;
}
