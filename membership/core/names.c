#include <stdio.h>

#include "membership/core/core_int.h"

/* Two with one name, two processes with one identity, and the address that somebody new answers at. */

enum { CLONE_SURE_MS = 3000 };

/* Typed as a node name: an id alone was given the host of this node. */
static struct member *member_by_hex(const struct core *c, const char *name)
{
	char hex[ID_HEX_MAX];
	struct member *m = NULL;
	struct id128 id;

	if (node_short_len(name) != sizeof hex - 1)
		return NULL;
	memcpy(hex, name, sizeof hex - 1);
	hex[sizeof hex - 1] = '\0';
	if (id_parse(hex, &id) == 0)
		m = member_find(c, &id);
	return m != NULL && is_member(m) ? m : NULL;
}

struct member *member_meant(const struct core *c, const char *name, struct member **other)
{
	struct member *found = NULL;

	*other = NULL;
	for (size_t i = 0; i < c->n; i++) {
		struct member *m = c->member[i];

		if (!is_member(m) || strcmp(m->name, name) != 0)
			continue;
		if (found == NULL || (found->running && !m->running)) {
			found = m;
			*other = NULL;
		} else if (m->running == found->running) {
			*other = m;
		}
	}
	return found != NULL ? found : member_by_hex(c, name);
}

void names_check(struct core *c)
{
	const struct member *other;

	if (!c->namesake || c->leave.phase != LEAVE_NONE || c->apart != CORE_APART_NO)
		return;
	other = member_by_name(c, c->node_name, true, &c->node_id);
	if (other == NULL || !other->running || !other->has_record)
		return;
	/* the later-created one gives way */
	if (member_older(self(c), other))
		return;
	fx_event(c, CORE_EV_NAME_CONFLICT, other,
		"an older member runs with this node's name; this one gives way");
	leave_for_name(c);
}

void name_caller(struct core *c, const struct conn *k)
{
	if (c->apart != CORE_APART_NAME || k->dialed)
		return;
	snprintf(c->caller_host, sizeof c->caller_host, "%s", k->peer_host);
	c->caller_port = k->peer_dist_port;
}

/* Who was refused stays away for half a minute; and it may be that no other address is known here but one's own. */
static void call_back(struct core *c)
{
	if (c->caller_port != 0 && c->settings.mode_auto && !c->paused && c->started &&
		!c->stopping)
		conn_dial(c, FOR_CANDIDATE, c->caller_host, c->caller_port);
	c->caller_port = 0;
}

/* After a while the question is asked again by trying: who still has the name refuses. */
void names_tick(struct core *c)
{
	if (!due(c, c->name_poll_ms))
		return;
	c->name_poll_ms = 0;
	if (c->apart != CORE_APART_NAME)
		return;
	c->apart = CORE_APART_NO;
	c->apart_by[0] = '\0';
	c->self_dirty = true;
	candidates_unblock(c);
	call_back(c);
	fx_view(c);
}

/* It may be this node's own former self that has the name: that is known to be gone soon. */
void name_wait(struct core *c)
{
	uint64_t soon_ms = 2ULL * c->timeout_ms + 1000;

	c->name_poll_ms =
		c->now_ms +
		(c->name_refused_before || soon_ms > NAME_POLL_MS ? NAME_POLL_MS : soon_ms);
	c->name_refused_before = true;
}

/* Refused for its name: a node that is alone says so in its status and tries again later. */
void name_refused(struct core *c, const char *name)
{
	if (!single(c) || c->apart != CORE_APART_NO || c->join.phase != JOIN_NONE ||
		strcmp(name, c->node_name) != 0)
		return;
	c->apart = CORE_APART_NAME;
	snprintf(c->apart_by, sizeof c->apart_by, "%s", name);
	name_wait(c);
	fx_event(c, CORE_EV_NAME_CONFLICT, self(c),
		"a running member has this name already; tried again in %llu s",
		(unsigned long long)(c->name_poll_ms - c->now_ms) / 1000);
	c->self_dirty = true;
	fx_view(c);
}

/*
 * A peer says that my identity is in use. A link of my own earlier life may linger there for a time-out, so one refusal
 * proves nothing; when it goes on, a second process has a copy of this data directory and I am the one that came later.
 */
void clone_met(struct core *c, bool sure, const char *where)
{
	struct standing s;

	if (c->apart == CORE_APART_IDENTITY || c->leave.phase != LEAVE_NONE ||
		c->join.phase != JOIN_NONE)
		return;
	if (c->clone_since_ms == 0)
		c->clone_since_ms = c->now_ms;
	if (!sure && c->now_ms < c->clone_since_ms + CLONE_SURE_MS + 2ULL * c->timeout_ms)
		return;
	c->clone_since_ms = 0;
	fx_event(c, CORE_EV_IDENTITY_CONFLICT, self(c),
		"identity in use by another process (%s): was the data directory copied? This one takes new ids%s",
		where, single(c) ? "" : " and stands apart");
	standing_fresh(c, &s, single(c) ? CORE_APART_NO : CORE_APART_IDENTITY, c->node_name);
	s.generation = c->generation; /* nobody has asked what only this copy holds */
	c->node_id = rng_id(&c->rng);
	c->next = s;
	c->leave.phase = LEAVE_CLEAR;
	state_put_meta(c);
	standing_persist(c, &c->next, WAIT_CLEAR);
}

/* Who comes back as another member, or answers at a stopped member's address under its name (it lost its disk), has taken its place. */
void replaced_check(struct core *c, struct conn *k)
{
	for (size_t i = 1; i < c->n; i++) {
		struct member *m = c->member[i];
		bool same_address = strcmp(m->host, k->peer_host) == 0 &&
				    m->dist_port == k->peer_dist_port,
		     same_node = id_eq(&m->node_id, &k->peer_node_id);

		if ((int32_t)i == k->peer || !is_member(m) || m->running || m->departing ||
			strcmp(m->name, k->peer_name) != 0 || (!same_address && !same_node))
			continue;
		depart(c, m, WIRE_REPLACED, quorum_to_remove(c, m) ? 0 : WIRE_DF_NO_QUORUM, 0);
	}
}
