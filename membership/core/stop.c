#include "membership/core/core_int.h"

/* Stopping, which is no leaving, and the announced restart. */

void stop_start(struct core *c, uint32_t request, bool restarting)
{
	if (restarting) {
		c->own_state = WIRE_RESTARTING;
		c->restart_announced_ms = c->now_ms;
		record_touch(c, true);
		c->publish_ms = c->now_ms;
		fx_reply(c, request, CORE_OK, "", "%s", "");
		return;
	}
	c->stopping = true;
	c->stop_request = request;
	c->stop_wanted = true;
	c->stop_deadline_ms = c->now_ms + TRANSIT_MS;
	if (c->own_state != WIRE_RESTARTING)
		c->own_state = WIRE_STOPPING;
	if (c->started) {
		record_build(c);
		c->record_dirty = false;
		flood(c, 0, NULL);
	}
}

static bool all_said(const struct core *c)
{
	for (size_t i = 0; i < c->n_conns; i++)
		if (c->conn[i]->phase == CONN_UP &&
			(flood_pending(c, c->conn[i]) || c->conn[i]->out.n > 0))
			return false;
	return true;
}

void stop_tick(struct core *c)
{
	if (!c->stop_wanted)
		return;
	if (!due(c, c->stop_deadline_ms) && !(all_said(c) && connected_without_me(c)))
		return;
	c->stop_wanted = false;
	for (size_t i = 1; i < c->n; i++) {
		c->member[i]->link.conn = 0;
		c->member[i]->link.state = EDGE_NONE;
	}
	goodbye(c, NULL, WIRE_BYE_STOPPING,
		c->own_state == WIRE_RESTARTING ? "restarting" : "stopping");
	fx_reply(c, c->stop_request, CORE_OK, "", "%s", "");
}
