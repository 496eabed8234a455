#include "membership/core/core_int.h"

int version_cmp(const struct version *a, const struct version *b)
{
	if (a->incarnation != b->incarnation)
		return a->incarnation < b->incarnation ? -1 : 1;
	if (a->session != b->session)
		return a->session < b->session ? -1 : 1;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return 0;
}

static int tag_cmp(const void *a, const void *b)
{
	const struct core_tag *x = a, *y = b;

	return strcmp(x->key, y->key);
}

void tags_copy(struct core_tag **dst, size_t *n_dst, const struct core_tag *src, size_t n)
{
	struct core_tag *t = n == 0 ? NULL : xcalloc(n, sizeof *t);

	for (size_t i = 0; i < n; i++)
		t[i] = (struct core_tag){xstrdup(src[i].key), xstrdup(src[i].value)};
	if (n > 1)
		qsort(t, n, sizeof *t, tag_cmp);
	*dst = t;
	*n_dst = n;
}

void tags_free(struct core_tag *tags, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((void *)(uintptr_t)tags[i].key);
		free((void *)(uintptr_t)tags[i].value);
	}
	free(tags);
}

/* So far ahead that no owner ever came there: taken, it could not be overtaken any more. */
static bool version_wild(const struct version *v, const struct version *than)
{
	return (v->incarnation > than->incarnation &&
		       v->incarnation - than->incarnation > (1ULL << VERSION_JUMP_MAX_BITS)) ||
	       v->seq >> 63 != 0;
}

/* --- my own --- */

/* Whatever the throttle. */
static void publish_within(struct core *c, uint64_t gap_ms)
{
	if (c->publish_ms > c->published_ms + gap_ms)
		c->publish_ms = c->published_ms + gap_ms;
}

void record_within(struct core *c, uint64_t gap_ms)
{
	c->record_dirty = true;
	c->view_dirty = true;
	publish_within(c, gap_ms);
}

void record_touch(struct core *c, bool urgent)
{
	record_within(c, urgent ? PUBLISH_LOSS_MS : PUBLISH_MAX_MS);
}

void record_tidy(struct core *c, uint64_t within_ms)
{
	if (c->tidy_ms == 0 || c->tidy_ms > c->now_ms + within_ms)
		c->tidy_ms = c->now_ms + within_ms;
}

void record_tidy_loss(struct core *c)
{
	record_tidy(c, PUBLISH_LOSS_MS);
	publish_within(c, PUBLISH_LOSS_MS);
}

void core_data_ok(struct core *c, const struct id128 *member, bool ok)
{
	struct member *m = member_find(c, member);

	if (m == NULL || m->link.state == EDGE_NONE || m->link.data_failed == !ok)
		return;
	m->link.data_failed = !ok;
	record_touch(c, false);
	settle(c);
}

static void body_set(struct core *c, struct member *m, const void *p, size_t n)
{
	free(m->body);
	m->body = xmemdup(p, n);
	m->body_n = (uint32_t)n;
	m->body_hash = hash64(p, n);
	m->has_record = true;
	member_digest(c, m);
}

/* Said already, and not overtaken by a newer version than mine. */
static bool said_already(const struct core *c, const struct buf *body)
{
	const struct member *me = self(c);

	return me->has_record && me->ver.incarnation == c->incarnation &&
	       me->ver.session == c->session && me->ver.seq == c->seq &&
	       me->body_n == body->n && memcmp(me->body, body->p, body->n) == 0;
}

bool record_build(struct core *c)
{
	bool changed;
	struct member *me = self(c);
	struct wire_link *links = xcalloc(WIRE_LINKS_MAX, sizeof *links);
	struct wire_tag tags[WIRE_TAGS_MAX];
	struct buf out = {0};
	struct wire_body b = {
		.node_id = c->node_id,
		.name = msg_str(c->node_name),
		.host = msg_str(c->host),
		.version = msg_str(c->program),
		.dist_port = c->dist_port,
		.rpc_port = c->rpc_port,
		.role = c->role,
		.proto_lo = WIRE_PROTO_LO,
		.proto_hi = WIRE_PROTO_HI,
		.state = c->own_state,
		.deadline_ms = c->own_state == WIRE_RESTARTING ? RESTART_MS : 0,
		.hold_ms = (uint32_t)own_hold(c),
		.started_ms = me->started_ms,
		.joined_ms = c->joined_ms,
		.voters = c->voters,
	};

	b.links = (struct msg_list){links, (uint32_t)own_links(c, links)};
	for (size_t i = 0; i < c->n_tags && i < WIRE_TAGS_MAX; i++)
		tags[i] = (struct wire_tag){msg_str(c->tags[i].key), msg_str(c->tags[i].value)};
	b.tags = (struct msg_list){tags,
		(uint32_t)(c->n_tags < WIRE_TAGS_MAX ? c->n_tags : WIRE_TAGS_MAX)};
	msg_encode(&out, &wire_body_desc, &b);
	changed = !said_already(c, &out);
	if (changed) {
		me->ver = (struct version){c->incarnation, c->session, ++c->seq};
		body_set(c, me, out.p, out.n);
	}
	buf_free(&out);
	free(links);
	return changed;
}

uint64_t publish_deadline(const struct core *c)
{
	if (c->record_dirty)
		return c->publish_ms;
	return c->tidy_ms != 0 && c->tidy_ms < c->publish_ms ? c->publish_ms : c->tidy_ms;
}

void record_publish_tick(struct core *c)
{
	uint64_t quiet = c->now_ms - c->published_ms;

	c->record_dirty |= due(c, c->tidy_ms);
	if (!c->record_dirty || !c->started || c->now_ms < c->publish_ms)
		return;
	edges_retire(c);
	c->record_dirty = false;
	c->tidy_ms = 0;
	if (!record_build(c))
		return;
	if (quiet >= PUBLISH_MAX_MS || c->publish_gap_ms == 0)
		c->publish_gap_ms = c->n <= MESH_MAX ? PUBLISH_FIRST_MS : PUBLISH_RINGS_MS;
	else if (c->publish_gap_ms < PUBLISH_MAX_MS)
		c->publish_gap_ms = c->publish_gap_ms * 2 < PUBLISH_MAX_MS
					    ? c->publish_gap_ms * 2
					    : PUBLISH_MAX_MS;
	c->published_ms = c->now_ms;
	c->publish_ms = c->now_ms + (MUTANT(NO_THROTTLE) ? 0 : c->publish_gap_ms);
	flood(c, 0, NULL);
}

/* --- others' --- */

/*
 * My own record came back newer than mine, or the same version with other content: my disk was rolled back, or a second
 * process runs with my identity. I jump past it; when that does not help a few times, the other one is alive.
 */
static void own_met(struct core *c, const struct wire_record *r)
{
	struct version v = {r->incarnation, r->session, r->seq};
	/* not the version of the last record: after a jump, or a start, the next one may still be to be made */
	struct version mine = {c->incarnation, c->session, c->seq};
	int cmp = version_cmp(&v, &mine);
	bool other_content = cmp == 0 && hash64(r->body.p, r->body.n) != self(c)->body_hash;

	if (cmp < 0 || (cmp == 0 && !other_content) || MUTANT(NO_JUMP))
		return;
	if (version_wild(&v, &mine))
		return;
	if (c->jumps >= JUMPS_MAX && v.session != c->session) {
		clone_met(c, true, "newer records of this member keep coming");
		return;
	}
	c->jumps++;
	if (v.session == c->session)
		c->seq = (v.seq > c->seq ? v.seq : c->seq) + 1;
	else
		c->incarnation = v.incarnation + 1;
	c->self_dirty = true;
	record_touch(c, true);
	c->publish_ms = c->now_ms;
}

void record_forget(struct core *c, int32_t index)
{
	struct member *m = c->member[index];
	struct half_edge *old = m->edge;
	size_t n_old = m->n_edges;

	m->edge = NULL;
	m->n_edges = 0;
	edges_replaced(c, index, old, n_old, false);
	free(old);
	tags_free(m->tags, m->n_tags);
	m->tags = NULL;
	m->n_tags = 0;
	free(m->body);
	m->body = NULL;
	m->body_n = 0;
	m->has_record = m->unreadable = false;
}

static bool body_links(struct member *m, const struct wire_body *b)
{
	const struct wire_link *l = b->links.item;

	m->edge = b->links.n == 0 ? NULL : xcalloc(b->links.n, sizeof *m->edge);
	m->n_edges = b->links.n;
	for (uint32_t i = 0; i < b->links.n; i++) {
		if (i > 0 && id_cmp(&l[i - 1].id, &l[i].id) >= 0)
			return false;
		m->edge[i] = (struct half_edge){.id = l[i].id,
			.session = l[i].session,
			.flags = (uint8_t)l[i].flags,
			.peer = NO_INDEX};
	}
	return true;
}

static void body_tags(struct member *m, const struct wire_body *b)
{
	const struct wire_tag *t = b->tags.item;

	tags_free(m->tags, m->n_tags);
	m->n_tags = b->tags.n;
	m->tags = b->tags.n == 0 ? NULL : xcalloc(b->tags.n, sizeof *m->tags);
	for (uint32_t i = 0; i < b->tags.n; i++) {
		char *key = NULL, *value = NULL;

		set_text(&key, t[i].key);
		set_text(&value, t[i].value);
		m->tags[i] = (struct core_tag){key, value};
	}
}

static bool text_changed(char **dst, struct msg_span s)
{
	if (msg_span_eq(s, *dst))
		return false;
	set_text(dst, s);
	return true;
}

static bool body_sane(const struct wire_body *b)
{
	char name[NODE_NAME_MAX + 1];
	struct node_addr addr;
	const char *why;

	return b->state <= WIRE_RESTARTING && b->role <= WIRE_REPLICA && b->host.n > 0 &&
	       memchr(b->host.p, 0, b->host.n) == NULL &&
	       msg_span_copy(name, sizeof name, b->name) &&
	       node_parse(name, NULL, &addr, &why) == 0 && addr.port == 0;
}

static bool body_read(struct core *c, struct member *m, struct wire_body *b)
{
	struct msg_reader r = {m->body, m->body + m->body_n};
	bool changed = false;

	msg_arena_reset(&c->body_arena);
	if (msg_decode(&wire_body_desc, r, &c->body_arena, b, NULL) != 0 || !body_sane(b) ||
		!body_links(m, b))
		return false;
	if (!msg_span_eq(b->name, m->name)) {
		member_name(c, m, b->name);
		changed = true;
	}
	changed |= text_changed(&m->host, b->host);
	changed |= text_changed(&m->program, b->version);
	changed |= m->dist_port != b->dist_port || m->rpc_port != b->rpc_port;
	changed |= m->role != b->role || !id_eq(&m->node_id, &b->node_id);
	if (!id_eq(&m->node_id, &b->node_id))
		bury_soon(c); /* maybe somebody came back as a new member */
	m->dist_port = b->dist_port;
	m->rpc_port = b->rpc_port;
	changed |= m->voters != b->voters;
	c->view_dirty |= changed || m->state != b->state;
	m->role = (uint8_t)b->role;
	m->node_id = b->node_id;
	m->state = (uint8_t)b->state;
	c->replicas |= m->role == WIRE_REPLICA;
	m->hold_ms = b->hold_ms < HOLD_MAX_MS ? b->hold_ms : HOLD_MAX_MS;
	m->voters = b->voters;
	m->started_ms = b->started_ms;
	m->joined_ms = b->joined_ms;
	if (m->state == WIRE_RESTARTING) {
		uint32_t ms = b->deadline_ms < RESTART_MS ? b->deadline_ms : RESTART_MS;

		m->restart_deadline_ms = c->now_ms + ms;
		if (c->restarts_until_ms < m->restart_deadline_ms)
			c->restarts_until_ms = m->restart_deadline_ms;
		expire_at(c, m->restart_deadline_ms);
	}
	body_tags(m, b);
	if (changed) {
		m->persisted = false;
		c->members_dirty = true;
	}
	return true;
}

/* Envelope is sound: the member gets it, readable or not. */
static void record_store(struct core *c, int32_t index, const struct wire_record *r,
	struct conn *from)
{
	struct member *m = c->member[index];
	bool was_unreadable = m->unreadable, had_record = m->has_record;
	uint64_t old_session = m->has_record ? m->ver.session : m->down_session;
	struct half_edge *old_edge = m->edge;
	size_t n_old_edges = m->n_edges;
	bool renewed = false;
	uint8_t role = m->role;
	struct wire_body b;

	m->edge = NULL;
	m->n_edges = 0;
	c->view_dirty |= !m->has_record || m->ver.session != r->session;
	if (m->has_record && m->ver.session != r->session) {
		m->old_session = m->ver.session;
		m->old_session_until_ms = c->now_ms + OLD_SESSION_MS;
		c->old_sessions_until_ms = m->old_session_until_ms;
		expire_at(c, m->old_session_until_ms);
		renewed = true;
	}
	m->ver = (struct version){r->incarnation, r->session, r->seq};
	body_set(c, m, r->body.p, r->body.n);
	m->unreadable = !body_read(c, m, &b);
	m->said_stopping = !m->unreadable && m->state == WIRE_STOPPING;
	c->view_dirty |= m->unreadable != was_unreadable;
	if (m->unreadable) {
		free(m->edge);
		m->edge = NULL;
		m->n_edges = 0;
		if (!was_unreadable)
			fx_event(c, CORE_EV_UNREADABLE, m,
				"its record can't be read by this version; passed on as it is");
	}
	edges_replaced(c, index, old_edge, n_old_edges,
		renewed || !had_record || m->unreadable != was_unreadable);
	free(old_edge);
	if (!had_record)
		edges_met(c, index);
	/* a core is listed, by its session */
	if ((renewed || role != m->role) && m->link.listed && m->role == WIRE_CORE)
		record_touch(c, true);
	edge_reviewed(c, index);
	c->counters.records_in++;
	if (!m->met && !m->unreadable)
		fx_event(c, CORE_EV_NODE_JOINED, m, "%s",
			from != NULL && from->peer == index ? "by link" : "by record");
	else if (m->announced && old_session != 0 && old_session != r->session)
		fx_event(c, CORE_EV_NODE_RESTARTED, m, "incarnation %llu",
			(unsigned long long)r->incarnation);
	m->met |= !m->unreadable;
}

/* Of one version the content with the larger hash wins. */
static int record_cmp(const struct member *m, const struct version *v,
	const struct wire_record *r)
{
	int cmp = m->has_record ? version_cmp(v, &m->ver) : 1;
	uint64_t hash = cmp == 0 ? hash64(r->body.p, r->body.n) : 0;

	return cmp != 0 ? cmp : hash == m->body_hash ? 0 : hash > m->body_hash ? 1 : -1;
}

int record_take(struct core *c, const struct wire_record *r, struct conn *from)
{
	struct version v = {r->incarnation, r->session, r->seq};
	int32_t index = member_index(c, &r->id);
	struct member *m;
	int cmp;

	if (id_is_zero(&r->id))
		return -1;
	if (index == 0) {
		own_met(c, r);
		return 0;
	}
	/* nothing goes through a replica: it speaks of itself, and of the stopped, whom nobody else may know as well */
	if (from != NULL && from->peer_role == WIRE_REPLICA && !id_eq(&r->id, &from->peer_id) &&
		index != NO_INDEX && c->member[index]->running)
		return 0;
	if (index == NO_INDEX && grave_find(c, &r->id) != NULL && !MUTANT(DEPARTED_RETURNS))
		return 0;
	if (index == NO_INDEX && members_live(c) >= c->members_max)
		return -1;
	if (index == NO_INDEX)
		index = member_intern(c, &r->id);
	m = c->member[index];
	if (m->departed && !MUTANT(DEPARTED_RETURNS))
		return 0;
	cmp = record_cmp(m, &v, r);
	/* what was to be told there is known there */
	if (from != NULL && cmp >= 0 && !m->has_entry && !MUTANT(TELL_BACK))
		bits_clear(&from->dirty, (size_t)index);
	if (cmp <= 0)
		return 0;
	if (version_wild(&v, &m->ver))
		return -1;
	record_store(c, index, r, from);
	if (!MUTANT(NO_FORWARDING))
		flood(c, index, from);
	if (m->unreadable && from != NULL && from->peer == index)
		return -1;
	return 1;
}
