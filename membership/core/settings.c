#include "membership/core/core_int.h"

bool single(const struct core *c)
{
	for (size_t i = 1; i < c->n; i++)
		if (is_member(c->member[i]))
			return false;
	return true;
}

static int settings_cmp(const struct wire_settings *a, const struct settings *b)
{
	if (a->counter != b->counter)
		return a->counter > b->counter ? 1 : -1;
	if (a->autoheal != b->autoheal)
		return a->autoheal ? -1 : 1;
	if (a->mode_auto != b->mode_auto)
		return a->mode_auto ? -1 : 1;
	return id_cmp(&a->by, &b->by);
}

void settings_take(struct core *c, const struct wire_settings *s, struct conn *from)
{
	if (settings_cmp(s, &c->settings) <= 0 ||
		s->counter - c->settings.counter > (1ULL << VERSION_JUMP_MAX_BITS))
		return;
	c->settings = (struct settings){s->counter, s->by, s->mode_auto, s->autoheal};
	c->self_dirty = true;
	c->members_dirty = true;
	flood_settings(c, from);
	fx_event(c, CORE_EV_SETTINGS, self(c), "mode=%s autoheal=%s",
		s->mode_auto ? "auto" : "manual", s->autoheal ? "true" : "false");
	fx_view(c);
}

void settings_set(struct core *c, bool mode_auto, bool autoheal)
{
	settings_take(c,
		&(struct wire_settings){c->settings.counter + 1, self(c)->id, mode_auto,
			autoheal},
		NULL);
	c->plan_dirty = true;
}

void identity_adopt(struct core *c, const struct wire_identity *i)
{
	c->identity = *i;
	c->agreed = false;
	c->view_dirty = true;
	record_touch(c, false);
	c->self_dirty = true;
	c->members_dirty = true;
	fx_view(c);
}

/* We are one cluster with who sent it: the smaller identity is everybody's. */
void identity_take(struct core *c, const struct wire_identity *i, struct conn *from)
{
	if (identity_same(i, &c->identity) ||
		identity_less(i, &c->identity) == MUTANT(MERGE_LARGER))
		return;
	if (c->n_absorbed == ABSORBED_MAX)
		memmove(c->absorbed, c->absorbed + 1,
			(--c->n_absorbed) * sizeof c->absorbed[0]);
	c->absorbed[c->n_absorbed++] = c->identity;
	identity_adopt(c, i);
	flood_identity(c, from);
}
