#include <stdio.h>

#include "membership/core/core_int.h"

/* Who I am in which cluster, taken on as a whole: on disk in one transaction, then in memory. */

void standing_fresh(struct core *c, struct standing *s, enum core_apart apart, const char *by)
{
	memset(s, 0, sizeof *s);
	s->member_id = rng_id(&c->rng);
	s->identity = (struct wire_identity){c->wall_ms, rng_id(&c->rng)};
	s->settings = (struct settings){.mode_auto = c->conf_mode == CORE_AUTO,
		.autoheal = c->conf_autoheal};
	s->apart = apart;
	s->paused = apart != CORE_APART_NO && apart != CORE_APART_NAME;
	s->voters = c->role == WIRE_CORE ? voters_of(&s->identity) : 0;
	s->joined_ms = c->wall_ms;
	s->generation = rng_u64(&c->rng);
	snprintf(s->apart_by, sizeof s->apart_by, "%s", by);
}

void standing_persist(struct core *c, const struct standing *s, enum wait_kind kind)
{
	for (size_t i = 0; i < c->n; i++) {
		state_del_member(c, &c->member[i]->id);
		if (c->member[i]->has_entry || i == 0)
			state_del_departed(c, &c->member[i]->id);
	}
	for (size_t i = 0; i < c->n_graves; i++)
		if (!id_is_zero(&c->grave[i].id))
			state_del_departed(c, &c->grave[i].id);
	state_put_standing(c, s);
	first_put(c, s);
	persist_wait(c, persist_commit(c), kind);
}

void standing_data(struct core *c, const struct standing *s)
{
	if (c->generation == s->generation)
		return;
	c->generation = s->generation;
	c->data = (struct core_data){.empty = true};
	fx_add(c, CORE_FX_DATA_SWAP)->u.swap.generation = s->generation;
}

void standing_take(struct core *c, const struct standing *s)
{
	for (size_t i = 0; i < c->n_conns; i++)
		c->conn[i]->peer = c->conn[i]->target = NO_INDEX;
	for (size_t i = 0; i < c->n_conns; i++) {
		bits_free(&c->conn[i]->dirty);
		bits_free(&c->conn[i]->dirty_graves);
		c->conn[i]->ack_departed = false;
	}
	c->n_edged = 0;
	members_clear(c);
	member_intern(c, &s->member_id);
	member_name(c, self(c), msg_str(c->node_name));
	set_text(&self(c)->host, msg_str(c->host));
	self(c)->node_id = c->node_id;
	self(c)->running = self(c)->announced = self(c)->heard = true;
	self(c)->since_wall_ms = c->wall_ms;
	self(c)->dist_port = c->dist_port;
	self(c)->rpc_port = c->rpc_port;
	self(c)->role = c->role;
	self(c)->joined_ms = s->joined_ms;
	first_take(c, s);
	c->identity = s->identity;
	c->settings = s->settings;
	c->paused = s->paused;
	c->voters = s->voters;
	c->agreed = false;
	c->apart = s->apart;
	snprintf(c->apart_by, sizeof c->apart_by, "%s", s->apart_by);
	c->joined_ms = s->joined_ms;
	c->n_absorbed = 0;
	c->own_state = WIRE_UP;
	c->split = c->waiting_heal = false;
	c->jumps = 0;
	c->burst_on = false;
	c->falls = 0; /* they were the old member's */
	c->hold_ms = 0;
	record_touch(c, false);
	c->publish_ms = c->now_ms;
	c->plan_dirty = true;
	fx_view(c);
}

void goodbye(struct core *c, const struct conn *except, enum wire_bye_code code,
	const char *text)
{
	for (size_t i = c->n_conns; i-- > 0;) {
		struct conn *k = c->conn[i];

		if (k == except || k->phase == CONN_CLOSING)
			continue;
		if (k->purpose == FOR_CHECK)
			check_lost(c, k, CORE_LOSS_ERROR, text);
		if (k->hello_sent && k->phase != CONN_DIALING)
			conn_bye(c, k, code, WIRE_RETRY_1S, c->node_name, "%s", text);
		else
			conn_close(c, k, false);
	}
}
