#include <stdio.h>

#include "membership/core/core_int.h"

static uint32_t own_flags(const struct core *c, const struct conn *k)
{
	uint32_t f = 0;
	bool alone = single(c);

	if (k->purpose == FOR_CHECK)
		f |= WIRE_HF_QUERY;
	if (k->purpose == FOR_PROBE)
		f |= WIRE_HF_PROBE;
	if (k->purpose == FOR_JOIN)
		f |= WIRE_HF_JOINING;
	if (c->apart != CORE_APART_NO)
		f |= WIRE_HF_APART;
	if (c->settings.mode_auto)
		f |= WIRE_HF_AUTO;
	if (alone)
		f |= WIRE_HF_SINGLE;
	if (c->data.empty)
		f |= WIRE_HF_EMPTY;
	if (c->join.phase != JOIN_NONE || c->leave.phase != LEAVE_NONE)
		f |= WIRE_HF_BUSY;
	if (!c->settings.autoheal)
		f |= WIRE_HF_NO_HEAL;
	if (c->heal_once)
		f |= WIRE_HF_HEAL;
	return f;
}

/* The running members by a prefix of their ids: lets the other end see that we are of two sides. */
static uint32_t sees(const struct core *c, char out[WIRE_SEES_MAX * 8])
{
	uint32_t n = 0;

	for (size_t i = 0; i < c->n && n < WIRE_SEES_MAX; i++)
		if (c->member[i]->running && is_member(c->member[i]))
			memcpy(out + 8 * n++, c->member[i]->id.b, 8);
	return n * 8;
}

static const struct member *held_to(const struct core *c, const struct conn *k)
{
	int32_t i = k->peer != NO_INDEX ? k->peer : k->target;

	return i == NO_INDEX ? NULL : c->member[i];
}

void hello_send(struct core *c, struct conn *k)
{
	char seen[WIRE_SEES_MAX * 8];
	const struct member *m = held_to(c, k);
	const struct conn *held =
		m != NULL && m->link.conn != 0 ? conn_find(c, m->link.conn) : NULL;
	struct wire_hello h = {
		.proto_lo = WIRE_PROTO_LO,
		.proto_hi = WIRE_PROTO_HI,
		.flags = own_flags(c, k),
		.role = c->role,
		.cluster_name = msg_str(c->cluster_name),
		.node_name = msg_str(c->node_name),
		.host = msg_str(c->host),
		.version = msg_str(c->program),
		.created_ms = c->identity.created_ms,
		.cluster_id = c->identity.cluster_id,
		.member_id = self(c)->id,
		.node_id = c->node_id,
		.incarnation = c->incarnation,
		.session = c->session,
		.heartbeat_ms = c->heartbeat_ms,
		.timeout_ms = c->timeout_ms,
		.dist_port = c->dist_port,
		.rpc_port = c->rpc_port,
		.nonce = k->nonce,
		.held_nonce = held != NULL && held->phase == CONN_UP ? held->nonce : 0,
	};

	h.sees = (struct msg_span){seen, sees(c, seen)};
	k->hello_sent = true;
	conn_send(c, k, WIRE_HELLO, &h);
}

/* --- the other's --- */

/* Both ends use the slower; what no configuration allows would be a link that never times out. */
static uint32_t slower(uint32_t theirs, uint32_t mine, uint32_t most)
{
	uint32_t ms = theirs > mine ? theirs : mine;

	return ms < most ? ms : most;
}

static bool hello_note(struct core *c, struct conn *k, const struct wire_hello *h)
{
	struct node_addr addr;
	const char *why;

	if (!msg_span_copy(k->peer_name, sizeof k->peer_name, h->node_name) ||
		!msg_span_copy(k->peer_host, sizeof k->peer_host, h->host) ||
		node_parse(k->peer_name, NULL, &addr, &why) != 0 || addr.port != 0 ||
		id_is_zero(&h->member_id) || id_is_zero(&h->node_id) || h->sees.n % 8 != 0 ||
		h->heartbeat_ms == 0 || h->timeout_ms == 0 || h->proto_lo > h->proto_hi ||
		h->host.n == 0)
		return false;
	if (k->dialed && h->nonce != k->nonce)
		return false;
	k->nonce = h->nonce;
	k->held_nonce = h->held_nonce;
	k->peer_id = h->member_id;
	k->peer_node_id = h->node_id;
	k->peer_identity = (struct wire_identity){h->created_ms, h->cluster_id};
	k->peer_ver = (struct version){h->incarnation, h->session, 0};
	k->proto_lo = h->proto_lo;
	k->proto_hi = h->proto_hi;
	k->other_cluster_name = !msg_span_eq(h->cluster_name, c->cluster_name);
	k->peer_flags = h->flags;
	k->peer_role = h->role;
	k->peer_rpc_port = h->rpc_port;
	k->peer_dist_port = h->dist_port;
	k->heartbeat_ms = slower(h->heartbeat_ms, c->heartbeat_ms, HEARTBEAT_MAX_MS);
	k->timeout_ms = slower(h->timeout_ms, c->timeout_ms, TIMEOUT_MAX_MS);
	k->peer_company = h->sees.n > 8;
	k->peer_known = true;
	grave_rise(c, &h->member_id);
	k->peer = member_index(c, &h->member_id);
	if (k->peer == 0)
		k->peer = NO_INDEX; /* a clone: judged by its node id */
	return true;
}

static bool sees_my_stopped(const struct core *c, const struct conn *k, struct msg_span seen)
{
	for (size_t i = 1; i < c->n; i++) {
		const struct member *m = c->member[i];

		if (!is_member(m) || m->running || !(m->heard || c->side_chosen) ||
			m->state != WIRE_UP)
			continue;
		/* the peer itself, come back in a new process, is a restart and no side */
		if (k->peer == (int32_t)i && m->ver.session != k->peer_ver.session)
			continue;
		for (uint32_t at = 0; at < seen.n; at += 8)
			if (memcmp(seen.p + at, m->id.b, 8) == 0)
				return true;
	}
	return false;
}

bool heal_is_asked(const struct core *c, const struct conn *k)
{
	bool off = !c->settings.autoheal || (k->peer_flags & WIRE_HF_NO_HEAL) != 0;

	return off && !c->heal_once && !MUTANT(HEAL_ALWAYS);
}

/* Welcome, but of the other side of a split: what *j allowed waits for the operator. */
static void wait_for_heal(struct core *c, const struct conn *k, const struct wire_hello *h,
	struct judgement *j)
{
	if ((j->verdict != JUDGE_ACCEPT && j->verdict != JUDGE_CONDITIONAL) ||
		!heal_is_asked(c, k) || (h->flags & WIRE_HF_HEAL) != 0 || k->peer == NO_INDEX ||
		!sees_my_stopped(c, k, h->sees))
		return;
	if (!c->waiting_heal) {
		c->waiting_heal = true;
		fx_event(c, CORE_EV_WAITING_HEAL, self(c),
			"met %s of the other side; autoheal is false: `clusterctl cluster heal` lets them through",
			k->peer_name);
		fx_view(c);
	}
	*j = (struct judgement){JUDGE_REFUSE, WIRE_BYE_WAIT_HEAL, WIRE_RETRY_30S, "",
		"partition waiting for heal: autoheal is false"};
}

static void welcome_send(struct core *c, struct conn *k, bool conditional)
{
	conn_send(c, k, WIRE_WELCOME,
		&(struct wire_welcome){.knows_you = !MUTANT(KNOWN_IS_FOREIGN) &&
						    k->peer != NO_INDEX &&
						    is_member(c->member[k->peer]),
			.conditional = conditional,
			.digest = digest_total(c)});
}

static void notice(struct core *c, struct conn *k)
{
	if (!k->dialed)
		hello_send(c, k);
	k->phase = CONN_NOTICE;
	k->deadline_ms = c->now_ms + NOTICE_MS;
	notice_send(c, k, c->member[k->peer]);
	c->edges_dirty =
		true; /* the shared data looks again: from here on it may catch up from there */
	if (k->target != NO_INDEX)
		c->member[k->target]->dialing = 0;
	if (k->purpose == FOR_CANDIDATE)
		candidate_result(c, k, false, WIRE_RETRY_1S, false);
}

static void accept(struct core *c, struct conn *k, bool conditional)
{
	const struct member *m = k->peer == NO_INDEX ? NULL : c->member[k->peer];
	const struct conn *older =
		m != NULL && m->link.conn != 0 ? conn_find(c, m->link.conn) : NULL;

	k->supersedes =
		older != NULL && older->phase == CONN_UP && k->held_nonce != older->nonce;
	if (!k->dialed)
		hello_send(c, k);
	k->phase = conditional ? CONN_CONDITIONAL : CONN_WELCOME;
	k->deadline_ms = c->now_ms + HELLO_TIMEOUT_MS;
	if (!k->dialed || !conditional)
		welcome_send(c, k, conditional);
}

/* The answer to a probe is the hello itself. */
static void probe_answered(struct core *c, struct conn *k)
{
	if (k->target != NO_INDEX && k->target == k->peer)
		c->member[k->target]->link.proven = true;
	conn_close(c, k, false);
}

/* An auto node that is alone joins a manual cluster as an operator would make it. */
static void join_found(struct core *c, struct conn *k)
{
	struct node_addr target = {.port = k->port};

	snprintf(target.name, sizeof target.name, "%s", k->peer_name);
	snprintf(target.host, sizeof target.host, "%s", k->host);
	candidate_result(c, k, false, WIRE_RETRY_1S, false);
	conn_close(c, k, false);
	join_start(c, &target, false, 0);
}

void on_hello(struct core *c, struct conn *k, const struct wire_hello *h)
{
	struct judgement j = {.code = WIRE_BYE_PROTOCOL, .retry = WIRE_RETRY_30S};

	if (!hello_note(c, k, h)) {
		snprintf(j.text, sizeof j.text, "its hello makes no sense");
		conn_refuse(c, k, &j);
		return;
	}
	if (k->target != NO_INDEX && k->target != k->peer && k->purpose == FOR_LINK) {
		dial_failed(c, k, CORE_LOSS_ERROR, "another node answers at its address");
		k->target = NO_INDEX;
		k->astray = true;
	}
	judge(c, k, &j);
	wait_for_heal(c, k, h, &j);
	if (k->purpose == FOR_CHECK) {
		check_hello(c, k, &j);
		return;
	}
	if (k->purpose == FOR_PROBE) {
		probe_answered(c, k);
		return;
	}
	if (candidate_joins(c, k, &j)) {
		join_found(c, k);
		return;
	}
	if (k->purpose == FOR_JOIN) {
		if (j.verdict == JUDGE_REFUSE)
			join_fail(c, code_of_bye(j.code),
				j.name[0] != '\0' ? j.name : k->peer_name, "%s", j.text);
		else
			join_on_hello(c, k);
		return;
	}
	switch (j.verdict) {
	case JUDGE_ACCEPT:
		accept(c, k, false);
		break;
	case JUDGE_CONDITIONAL:
		accept(c, k, true);
		break;
	case JUDGE_NOTICE:
		notice(c, k);
		break;
	case JUDGE_JOINER:
		hello_send(c, k);
		k->phase = CONN_JOINER;
		k->deadline_ms = c->now_ms + ADMIT_LEASE_MS;
		fx_add(c, CORE_FX_ACCEPTED)->conn = k->id;
		break;
	case JUDGE_ANSWER:
	case JUDGE_REFUSE:
		conn_refuse(c, k, &j);
		break;
	}
}

/*
 * What was judged at its hello may have changed since: a replica found two clusters at once, an operator made us join,
 * another member has refused us for our name. Who knows us as a member is of our cluster whatever our disk says.
 */
static bool still_welcome(const struct core *c, const struct conn *k, bool knows_us)
{
	const struct member *m = member_find(c, &k->peer_id);

	if ((m != NULL && is_member(m)) || identity_same(&k->peer_identity, &c->identity))
		return true;
	if (c->join.phase != JOIN_NONE || c->leave.phase != LEAVE_NONE ||
		(c->apart != CORE_APART_NO && !MUTANT(APART_MERGES)))
		return false;
	return c->role == WIRE_CORE || single(c) || knows_us;
}

/*
 * A replica whose cores are gone, and that meets a core of another cluster which it may join: what its own cluster was is
 * not there any more, or will meet that one too. It starts anew as the only member, with what it holds, and adopts that one.
 */
static bool stranded(const struct core *c, const struct conn *k)
{
	return c->role == WIRE_REPLICA && !single(c) && k->peer_role == WIRE_CORE &&
	       c->coreless_ms != 0 && c->now_ms >= c->coreless_ms + CORELESS_MS &&
	       c->settings.mode_auto && (k->peer_flags & WIRE_HF_AUTO) != 0 && !c->paused &&
	       c->apart == CORE_APART_NO && c->leave.phase == LEAVE_NONE &&
	       c->join.phase == JOIN_NONE;
}

static void start_anew(struct core *c)
{
	standing_fresh(c, &c->next, CORE_APART_NO, "");
	c->next.generation = c->generation;
	c->coreless_ms =
		0; /* the next one has its own ten seconds: its links may be held back */
	c->leave.phase = LEAVE_CLEAR;
	standing_persist(c, &c->next, WAIT_CLEAR);
}

void on_welcome(struct core *c, struct conn *k, const struct wire_welcome *w)
{
	if (k->phase == CONN_CONDITIONAL) {
		if (!w->knows_you) {
			struct judgement j = {JUDGE_REFUSE, WIRE_BYE_OTHER_CLUSTER,
				WIRE_RETRY_30S, "", ""};

			snprintf(j.name, sizeof j.name, "%s", c->node_name);
			snprintf(j.text, sizeof j.text,
				"%s belongs to another cluster and not both clusters are in auto mode",
				k->peer_name);
			if (stranded(c, k))
				start_anew(c);
			conn_refuse(c, k, &j);
			return;
		}
		if (k->dialed)
			welcome_send(c, k, false);
	} else if (w->conditional && (k->peer == NO_INDEX || !is_member(c->member[k->peer])) &&
		   !identity_same(&k->peer_identity, &c->identity) &&
		   !(c->settings.mode_auto && (k->peer_flags & WIRE_HF_AUTO) != 0)) {
		return; /* its bye is on the way */
	}
	if (!still_welcome(c, k, w->knows_you)) {
		struct judgement j = {JUDGE_REFUSE, WIRE_BYE_OTHER_CLUSTER, WIRE_RETRY_1S, "",
			""};

		snprintf(j.name, sizeof j.name, "%s", c->node_name);
		snprintf(j.text, sizeof j.text,
			"%s has just become a member of another cluster", c->node_name);
		conn_refuse(c, k, &j);
		return;
	}
	conn_up(c, k);
	if (k->phase == CONN_UP)
		flood_start(c, k, w->digest);
}

/* Both ends have accepted. */
void conn_up(struct core *c, struct conn *k)
{
	bool alone = single(c);
	struct member *m;

	grave_rise(c, &k->peer_id); /* it may have departed since its hello */
	k->peer = member_intern(c, &k->peer_id);
	m = c->member[k->peer];
	if (MUTANT(DEPARTED_RETURNS))
		m->departed = false;
	if (m->departed) {
		notice(c, k);
		return;
	}
	fx_add(c, CORE_FX_ACCEPTED)->conn = k->id;
	k->phase = CONN_UP;
	c->name_refused_before = false;
	c->clone_since_ms = 0;
	k->deadline_ms = 0;
	k->echo_ms = c->now_ms;
	k->equal_ms = c->now_ms;
	k->ping_wanted = true;
	k->ping_ms = ping_next(c, k);
	if (k->target != NO_INDEX)
		c->member[k->target]->dialing = 0;
	if (k->purpose == FOR_CANDIDATE)
		candidate_result(c, k, true, WIRE_RETRY_NOW, false);
	if (m->name[0] == '\0') {
		member_name(c, m, msg_str(k->peer_name));
		set_text(&m->host, msg_str(k->peer_host));
		m->node_id = k->peer_node_id;
		bury_soon(c); /* maybe it was another member before */
		m->dist_port = k->peer_dist_port;
		m->rpc_port = k->peer_rpc_port;
		m->role = (uint8_t)k->peer_role;
	}
	if (!identity_same(&k->peer_identity, &c->identity)) {
		bool merged = m->has_record == false;

		/* a replica never merges: it adopts, until it has a core to agree with */
		if (c->role == WIRE_REPLICA && (alone || c->coreless_ms != 0) &&
			k->peer_role == WIRE_CORE)
			identity_adopt(c, &k->peer_identity);
		else if (k->peer_role == WIRE_CORE || c->role == WIRE_REPLICA)
			identity_take(c, &k->peer_identity, NULL);
		if (merged)
			fx_event(c, CORE_EV_MERGED, m, "one cluster with %s", k->peer_name);
	}
	replaced_check(c, k);
	edge_up(c, m, k);
}
