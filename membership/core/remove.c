#include "membership/core/core_int.h"

/* An operator's word that a member is gone. */

/* Judged too early, a removal would lack a quorum that there is, and be void when the other one comes. */
static bool waits_for_quorum(struct core *c, const struct core_command *cmd,
	const struct member *m)
{
	if (quorum_to_remove(c, m) || !quorum_soon(c) || due(c, c->judge_ms) ||
		!command_keep(c, cmd))
		return false;
	if (c->judge_ms == 0)
		c->judge_ms = c->now_ms + QUORUM_WAIT_MS;
	return true;
}

void removals_tick(struct core *c)
{
	if (c->judge_ms == 0 || (quorum_soon(c) && !due(c, c->judge_ms)))
		return;
	commands_release(c);
	c->judge_ms = 0;
}

uint64_t removals_deadline(const struct core *c)
{
	return c->judge_ms == 0 ? 0 : c->now_ms + QUORUM_LOOK_MS;
}

void force_leave(struct core *c, const struct core_command *cmd, enum wire_reason reason)
{
	struct member *other, *m = member_meant(c, cmd->node.name, &other);
	char id[ID_HEX_MAX], other_id[ID_HEX_MAX];

	if (m == self(c) || strcmp(cmd->node.name, c->node_name) == 0) {
		fx_reply(c, cmd->request, CORE_E_SELF, c->node_name,
			"a node can't remove itself; use `cluster leave`");
		return;
	}
	if (m == NULL) {
		fx_reply(c, cmd->request, CORE_E_NOT_IN_CLUSTER, cmd->node.name,
			"no member has this name");
		return;
	}
	if (other != NULL) {
		fx_reply(c, cmd->request, CORE_E_INVALID, m->name,
			"two members have this name, %s and %s: say which by its member id",
			id_hex(&m->id, id), id_hex(&other->id, other_id));
		return;
	}
	if (reason == WIRE_REPLACED && m->running) {
		fx_reply(c, cmd->request, CORE_E_NAME_IN_USE, m->name,
			"it is running; only a stopped member can be replaced");
		return;
	}
	if (waits_for_quorum(c, cmd, m))
		return;
	if (m->running && !quorum_to_remove(c, m) && quorum_without(c, self(c))) {
		fx_reply(c, cmd->request, CORE_E_INVALID, m->name,
			"it is running, with a quorum that does not need this node, and would declare this removal void: run "
			"`cluster leave` there, or this command on a node that counts for quorum");
		return;
	}
	depart(c, m, reason, quorum_to_remove(c, m) ? 0 : WIRE_DF_NO_QUORUM, cmd->ban_ms)
		->request = cmd->request;
}

void depart_persisted(struct core *c, struct waiter *w, int error)
{
	struct member *m = member_find(c, &w->entry.id);

	if (m != NULL)
		m->departing = false;
	if (error != 0 && w->request != 0)
		fx_reply(c, w->request, CORE_E_STORE, "",
			"the data directory can't be written: %s; nothing was changed",
			strerror(-error));
	if (error != 0)
		return;
	if (id_eq(&w->entry.by, &self(c)->id)) /* else this node has left since */
		departed_take(c, &w->entry, NULL);
	if (w->request == 0)
		return;
	fx_reply(c, w->request, CORE_OK, "", "%s",
		(w->entry.flags & WIRE_DF_NO_QUORUM) == 0
			? ""
			: "removed without quorum: this side has half of the members or fewer; should the node come back on a side that "
			  "had quorum meanwhile, this removal is void");
}
