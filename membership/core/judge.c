#include <stdio.h>

#include "membership/core/core_int.h"

/* What to do with who says hello: a list of rules, the first that has an opinion decides. Nothing is changed here. */

static enum verdict refuse(struct judgement *j, enum wire_bye_code code, enum wire_class retry,
	const char *name)
{
	j->code = code;
	j->retry = retry;
	snprintf(j->name, sizeof j->name, "%s", name);
	return j->verdict = JUDGE_REFUSE;
}

#define SAY(j, ...) snprintf((j)->text, sizeof(j)->text, __VA_ARGS__)

/* A rule answers true when it has decided. */
typedef bool rule(const struct core *c, const struct conn *k, struct judgement *j);

static bool rule_self(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (!id_eq(&k->peer_node_id, &c->node_id) && !id_eq(&k->peer_id, &self(c)->id))
		return false;
	if (k->peer_ver.session == c->session) {
		refuse(j, WIRE_BYE_SELF, WIRE_RETRY_30S, c->node_name);
		SAY(j, "this address is this node itself");
	} else {
		refuse(j, WIRE_BYE_IDENTITY_IN_USE, WIRE_RETRY_30S, c->node_name);
		SAY(j,
			"identity in use by %s: its data directory was copied while the first one runs; start the copy once with "
			"`clusterd --new-identity`",
			c->node_name);
	}
	return true;
}

/* Versions, cluster names and questions come before everything that needs a common cluster; protocol 1 is all there is. */
static bool rule_asked(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (k->dialed || (k->peer_flags & (WIRE_HF_QUERY | WIRE_HF_PROBE)) == 0)
		return false;
	j->verdict = JUDGE_ANSWER;
	j->code = WIRE_BYE_DONE;
	snprintf(j->name, sizeof j->name, "%s", c->node_name);
	return true;
}

static bool rule_version(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (k->proto_lo <= WIRE_PROTO_HI && k->proto_hi >= WIRE_PROTO_LO)
		return false;
	refuse(j, WIRE_BYE_VERSION, WIRE_RETRY_30S, c->node_name);
	SAY(j, "%s speaks protocols %u to %u, %s %u to %u", k->peer_name, k->proto_lo,
		k->proto_hi, c->node_name, (unsigned)WIRE_PROTO_LO, (unsigned)WIRE_PROTO_HI);
	return true;
}

static bool rule_cluster_name(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (!k->other_cluster_name)
		return false;
	refuse(j, WIRE_BYE_CLUSTER_NAME, WIRE_RETRY_30S, c->node_name);
	SAY(j, "cluster names differ: %s has another cluster.name than %s (%s)", k->peer_name,
		c->node_name, c->cluster_name);
	return true;
}

static bool rule_stopping(const struct core *c, const struct conn *k, struct judgement *j)
{
	(void)k;
	if (!c->stopping)
		return false;
	refuse(j, WIRE_BYE_STOPPING, WIRE_RETRY_1S, c->node_name);
	SAY(j, "%s is stopping", c->node_name);
	return true;
}

static bool rule_banned(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (!banned(c, &k->peer_node_id))
		return false;
	refuse(j, WIRE_BYE_BANNED, WIRE_RETRY_STATE, k->peer_name);
	SAY(j, "%s was removed with a ban that has not run out", k->peer_name);
	return true;
}

static bool rule_starting(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (!side_taken(c, k))
		return false;
	refuse(j, WIRE_BYE_BUSY, WIRE_RETRY_NOW, c->node_name);
	SAY(j, "%s is just starting, with autoheal off, and links with one member first",
		c->node_name);
	return true;
}

/* --- joining --- */

static bool name_taken(const struct core *c, const struct conn *k)
{
	if (MUTANT(NAME_TAKEN))
		return false;
	if (strcmp(k->peer_name, c->node_name) == 0)
		return true;
	return member_by_name(c, k->peer_name, true, &k->peer_node_id) != NULL;
}

static bool crossed(const struct core *c, const struct conn *k)
{
	return c->join.phase != JOIN_NONE && strcmp(k->peer_name, c->join.target.name) == 0;
}

static bool rule_joiner(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (k->dialed || (k->peer_flags & WIRE_HF_JOINING) == 0)
		return false;
	if (c->conf_mode == CORE_SINGLETON) {
		refuse(j, WIRE_BYE_SINGLETON, WIRE_RETRY_STATE, c->node_name);
		SAY(j, "%s is a singleton: its discovery_strategy lets nobody join",
			c->node_name);
	} else if (c->role == WIRE_REPLICA) {
		refuse(j, WIRE_BYE_REPLICA, WIRE_RETRY_STATE, c->node_name);
		SAY(j, "%s is a replica; join a core", c->node_name);
	} else if (k->peer != NO_INDEX && is_member(c->member[k->peer])) {
		refuse(j, WIRE_BYE_DUPLICATE, WIRE_RETRY_STATE, c->node_name);
		SAY(j, "%s is a member of this cluster already", k->peer_name);
	} else if (c->apart != CORE_APART_NO) {
		refuse(j, WIRE_BYE_APART, WIRE_RETRY_STATE, c->node_name);
		SAY(j, "%s stands apart", c->node_name);
	} else if (crossed(c, k) && !identity_less(&c->identity, &k->peer_identity)) {
		refuse(j, WIRE_BYE_CROSSED, WIRE_RETRY_1S, c->node_name);
		SAY(j, "%s is joining this node at the same time: the other one joined you",
			c->node_name);
	} else if ((c->join.phase != JOIN_NONE && !crossed(c, k)) ||
		   c->leave.phase != LEAVE_NONE) {
		refuse(j, WIRE_BYE_BUSY, WIRE_RETRY_1S, c->node_name);
		SAY(j, "%s is itself joining or leaving; try again", c->node_name);
	} else if (name_taken(c, k)) {
		refuse(j, WIRE_BYE_NAME_IN_USE, WIRE_RETRY_1S, k->peer_name);
		SAY(j, "the name %s is in use by a running member", k->peer_name);
	} else {
		j->verdict = JUDGE_JOINER;
	}
	return true;
}

/* Our own join: X answered. */
static bool rule_join_target(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (k->purpose != FOR_JOIN)
		return false;
	if (k->peer_role == WIRE_REPLICA) {
		refuse(j, WIRE_BYE_REPLICA, WIRE_RETRY_STATE, k->peer_name);
		SAY(j, "%s is a replica; join a core", k->peer_name);
	} else if (k->peer != NO_INDEX && is_member(c->member[k->peer])) {
		refuse(j, WIRE_BYE_DUPLICATE, WIRE_RETRY_STATE, k->peer_name);
		SAY(j, "%s and this node are members of one cluster already", k->peer_name);
	} else {
		j->verdict = JUDGE_ACCEPT;
	}
	return true;
}

/* --- links between members --- */

static bool rule_departed(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (k->peer == NO_INDEX || !c->member[k->peer]->departed || MUTANT(DEPARTED_RETURNS))
		return false;
	j->verdict = JUDGE_NOTICE;
	return true;
}

static bool rule_apart(const struct core *c, const struct conn *k, struct judgement *j)
{
	bool theirs = (k->peer_flags & WIRE_HF_APART) != 0;

	if ((c->apart == CORE_APART_NO && !theirs) || MUTANT(APART_MERGES))
		return false;
	refuse(j, WIRE_BYE_APART, WIRE_RETRY_30S, theirs ? k->peer_name : c->node_name);
	SAY(j,
		"%s stands apart: it left, was removed or is in conflict, and comes back only by its own `cluster join` or "
		"`discovery enable`",
		theirs ? k->peer_name : c->node_name);
	return true;
}

static bool rule_busy(const struct core *c, const struct conn *k, struct judgement *j)
{
	bool known = k->peer != NO_INDEX && is_member(c->member[k->peer]);
	bool mine = c->join.phase != JOIN_NONE && c->join.phase != JOIN_SETTLE;

	if (MUTANT(BUSY_MERGES))
		return false;
	if (known ||
		(!mine && c->leave.phase == LEAVE_NONE && (k->peer_flags & WIRE_HF_BUSY) == 0))
		return false;
	if (identity_same(&k->peer_identity, &c->identity))
		return false;
	refuse(j, WIRE_BYE_BUSY, WIRE_RETRY_1S, c->node_name);
	SAY(j, "%s is joining or leaving", mine ? c->node_name : k->peer_name);
	return true;
}

static bool rule_clone(const struct core *c, const struct conn *k, struct judgement *j)
{
	const struct member *m = k->peer == NO_INDEX ? NULL : c->member[k->peer];
	const struct conn *held =
		m != NULL && m->link.conn != 0 ? conn_find(c, m->link.conn) : NULL;

	if (MUTANT(CLONE_WELCOME))
		return false;
	if (m == NULL || held == NULL || held->phase != CONN_UP ||
		m->link.session == k->peer_ver.session)
		return false;
	if (c->now_ms >= held->echo_ms + held->heartbeat_ms * 3 / 2)
		return false;
	refuse(j, WIRE_BYE_IDENTITY_IN_USE, WIRE_RETRY_1S, k->peer_name);
	SAY(j, "identity in use by %s: another process with the same member id is linked here; was its data directory copied?",
		m->name);
	return true;
}

static bool rule_name(const struct core *c, const struct conn *k, struct judgement *j)
{
	if ((k->peer != NO_INDEX && is_member(c->member[k->peer])) || !name_taken(c, k))
		return false;
	refuse(j, WIRE_BYE_NAME_IN_USE, WIRE_RETRY_1S, k->peer_name);
	SAY(j, "the name %s is in use by a running member of %s's cluster", k->peer_name,
		c->node_name);
	return true;
}

static bool rule_replicas(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (c->role != WIRE_REPLICA || k->peer_role != WIRE_REPLICA)
		return false;
	refuse(j, WIRE_BYE_REPLICA, WIRE_RETRY_30S, c->node_name);
	SAY(j, "both are replicas; replicas link to cores only");
	return true;
}

static bool rule_full(const struct core *c, const struct conn *k, struct judgement *j)
{
	if (k->peer != NO_INDEX || members_live(c) < c->members_max)
		return false;
	refuse(j, WIRE_BYE_BUSY, WIRE_RETRY_30S, c->node_name);
	SAY(j, "the cluster is full: limits.members is %u", c->members_max);
	return true;
}

/*
 * Two links to one member: same dialler, the newer stays; else the one dialled by the smaller id. Judged here only when
 * both ends hold the older one; else the new one is wanted by who lost the older. One that was dialled for somebody else
 * replaces none.
 */
static bool rule_duplicate(const struct core *c, const struct conn *k, struct judgement *j)
{
	const struct member *m = k->peer == NO_INDEX ? NULL : c->member[k->peer];
	const struct conn *held =
		m != NULL && m->link.conn != 0 ? conn_find(c, m->link.conn) : NULL;

	if (held == NULL || held == k || held->phase != CONN_UP || k->held_nonce != held->nonce)
		return false;
	if (m->link.session != k->peer_ver.session || !conn_live(c, held))
		return false;
	if (!k->astray && (held->dialed == k->dialed ||
				  held->dialed != (id_cmp(&self(c)->id, &m->id) < 0)))
		return false;
	refuse(j, WIRE_BYE_DUPLICATE, WIRE_RETRY_NOW, c->node_name);
	SAY(j, "we are linked already");
	return true;
}

static bool rule_cluster(const struct core *c, const struct conn *k, struct judgement *j)
{
	bool known = k->peer != NO_INDEX && is_member(c->member[k->peer]);
	bool autos = c->settings.mode_auto && (k->peer_flags & WIRE_HF_AUTO) != 0;
	bool replica_stray =
		(c->role == WIRE_REPLICA && !single(c)) ||
		(k->peer_role == WIRE_REPLICA && (k->peer_flags & WIRE_HF_SINGLE) == 0);

	j->verdict = JUDGE_ACCEPT;
	if ((known && !MUTANT(KNOWN_IS_FOREIGN)) ||
		identity_same(&k->peer_identity, &c->identity))
		return true;
	for (size_t i = 0; i < c->n_absorbed && !MUTANT(KNOWN_IS_FOREIGN); i++)
		if (identity_same(&k->peer_identity, &c->absorbed[i]) &&
			!(k->peer_flags & WIRE_HF_SINGLE))
			return true;
	if ((!autos && !MUTANT(MANUAL_MERGES)) || replica_stray)
		j->verdict = JUDGE_CONDITIONAL;
	return true;
}

void judge(struct core *c, const struct conn *k, struct judgement *j)
{
	static rule *const rules[] = {rule_version, rule_self, rule_cluster_name, rule_asked,
		rule_banned, rule_stopping, rule_starting, rule_joiner, rule_join_target,
		rule_departed, rule_apart, rule_replicas, rule_busy, rule_clone, rule_name,
		rule_full, rule_duplicate, rule_cluster};

	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (rules[i](c, k, j))
			return;
}
