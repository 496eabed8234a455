#include "membership/core/core_int.h"

/* Refusals, said and heard, and what they mean for the end that hears them. */

static void refused_log(struct core *c, const struct conn *k, const char *who, const char *what,
	const char *text)
{
	fx_event_for(c, CORE_EV_REFUSED, k->peer_name, &k->peer_id, "%s: %s: %s", who, what,
		text);
}

/* Refusals that are part of everyday life and no news. */
static bool everyday(uint32_t code)
{
	return code == WIRE_BYE_DONE || code == WIRE_BYE_DUPLICATE || code == WIRE_BYE_SELF ||
	       code == WIRE_BYE_UNWANTED || code == WIRE_BYE_STOPPING || code == WIRE_BYE_BUSY;
}

/*
 * Two processes with one identity met. Who has company stays: should it be the second, its members will tell it. Of two
 * that are alone the newer one stays.
 */
static bool clone_yields(const struct core *c, const struct conn *k)
{
	struct version mine = {c->incarnation, c->session, 0};

	if (!id_eq(&k->peer_node_id, &c->node_id) || c->n_running > 1)
		return false;
	return k->peer_company || version_cmp(&mine, &k->peer_ver) < 0;
}

void conn_refuse(struct core *c, struct conn *k, const struct judgement *j)
{
	enum conn_purpose purpose = k->purpose;

	if (!everyday(j->code))
		refused_log(c, k, "refused here", wire_bye_name(j->code), j->text);
	if (!k->dialed && !k->hello_sent)
		hello_send(c, k);
	if (j->code == WIRE_BYE_NAME_IN_USE && strcmp(k->peer_name, c->node_name) == 0 &&
		identity_less(&k->peer_identity, &c->identity))
		name_refused(c, j->name);
	else if (j->code == WIRE_BYE_APART)
		name_caller(c, k);
	else if (j->code == WIRE_BYE_IDENTITY_IN_USE && clone_yields(c, k))
		clone_met(c, false, k->peer_name);
	if (purpose == FOR_CANDIDATE)
		candidate_result(c, k, false, j->retry, j->code == WIRE_BYE_SELF);
	else if (purpose == FOR_LINK)
		dial_refused(c, k, j->retry, j->text);
	conn_bye(c, k, j->code, j->retry, j->name, "%s", j->text);
}

static void bye_meaning(struct core *c, struct conn *k, const struct wire_bye *b,
	const char *text)
{
	struct member *m = k->peer == NO_INDEX ? NULL : c->member[k->peer];
	enum wire_class retry =
		b->retry <= WIRE_RETRY_STATE ? (enum wire_class)b->retry : WIRE_RETRY_30S;

	if (m != NULL && k->phase == CONN_UP && m->link.conn == k->id) {
		if (b->code == WIRE_BYE_DUPLICATE) {
			edge_superseded(c, m, k, text);
			return;
		}
		/* said by the process that its record is of: a late word of an earlier one changes nothing */
		if (b->code == WIRE_BYE_STOPPING && k->peer_ver.session == m->ver.session)
			m->state = m->state == WIRE_UP ? WIRE_STOPPING : m->state;
		if (b->code == WIRE_BYE_UNWANTED && k->drop_agreed)
			edge_unwanted(c, m);
		else
			edge_lost(c, m, false, text);
		if (retry == WIRE_RETRY_30S)
			m->refused_until_ms = c->now_ms + REFUSED_MS;
		return;
	}
	if (b->code == WIRE_BYE_IDENTITY_IN_USE && !k->said_bye)
		clone_met(c, false, k->peer_name);
	else if (b->code == WIRE_BYE_NAME_IN_USE && msg_span_eq(b->name, c->node_name))
		name_refused(c, c->node_name);
	if (k->purpose == FOR_CANDIDATE)
		candidate_result(c, k, b->code == WIRE_BYE_DUPLICATE, retry,
			b->code == WIRE_BYE_SELF);
	else if (k->purpose == FOR_LINK)
		dial_refused(c, k, retry, text);
}

void on_bye(struct core *c, struct conn *k, const struct wire_bye *b)
{
	char text[WIRE_TEXT_MAX + 1], name[NODE_NAME_MAX + 1];
	uint32_t id = k->id;

	if (!msg_span_copy(text, sizeof text, b->text) ||
		!msg_span_copy(name, sizeof name, b->name)) {
		text[0] = '\0';
		name[0] = '\0';
	}
	if (k->phase == CONN_CLOSING)
		return;
	if (k->peer_known && !everyday(b->code) && k->purpose != FOR_CHECK)
		refused_log(c, k, "refused there", wire_bye_name(b->code), text);
	if (k->purpose == FOR_JOIN)
		join_on_bye(c, k, b);
	else if (k->purpose == FOR_CHECK)
		check_lost(c, k, CORE_LOSS_ERROR, text);
	else
		bye_meaning(c, k, b, text);
	if (conn_find(c, id) == k && k->phase != CONN_CLOSING)
		conn_close(c, k, false);
}
