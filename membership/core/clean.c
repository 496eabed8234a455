#include "membership/core/core_int.h"

/*
 * Cleaning out the dead, and bans. Both count time by this node's own monotonic clock while it runs, saved each minute:
 * no wall clock decides, and nobody cleans on what another one watched.
 */

enum { WATCH_STEP_MS = 1000, SAVE_MS = 60000 };

static const struct member *oldest_core(const struct core *c)
{
	const struct member *oldest = self(c);

	for (size_t i = 1; i < c->n; i++) {
		const struct member *m = c->member[i];

		if (!is_member(m) || !m->running || m->role != WIRE_CORE)
			continue;
		if (member_older(m, oldest))
			oldest = m;
	}
	return oldest;
}

/* So long may somebody who is back wait to be listed: nobody is cleaned for that. */
static uint64_t longest_hold(const struct core *c)
{
	uint64_t longest = own_hold(c);

	for (size_t i = 1; i < c->n; i++)
		if (c->member[i]->running && c->member[i]->hold_ms > longest)
			longest = c->member[i]->hold_ms;
	return longest;
}

static void watch(struct core *c, uint64_t passed_ms, bool save)
{
	bool oldest = oldest_core(c) == self(c) && c->role == WIRE_CORE;
	uint64_t enough = c->autoclean_ms + longest_hold(c);
	size_t n = c->n;

	for (size_t i = 1; i < n; i++) {
		struct member *m = c->member[i];

		if (!is_member(m))
			continue;
		if (m->running) {
			m->persisted &= m->watch_ms == 0;
			m->watch_ms = 0;
			continue;
		}
		/* since when in the first step is not known */
		if (c->quorum || MUTANT(CLEAN_WITHOUT_QUORUM))
			m->watch_ms += m->watch_ms == 0 ? 1 : passed_ms;
		m->persisted &= !save;
		if (c->autoclean_ms != 0 && oldest && !m->departing && m->watch_ms >= enough &&
			(quorum_to_remove(c, NULL) || MUTANT(CLEAN_WITHOUT_QUORUM)))
			depart(c, m, WIRE_CLEANED, 0, 0);
	}
}

static void bans_pass(struct core *c, uint64_t passed_ms, bool save)
{
	for (size_t i = 0; i < c->n_bans;) {
		struct ban *b = &c->ban[i];

		b->left_ms = b->left_ms > passed_ms ? b->left_ms - passed_ms : 0;
		if (b->left_ms == 0) {
			state_put_ban(c, b);
			c->ban[i] = c->ban[--c->n_bans];
			c->self_dirty = true;
			continue;
		}
		if (save)
			state_put_ban(c, b);
		i++;
	}
}

static bool anything_to_watch(const struct core *c)
{
	return c->n_bans > 0 || c->n_watched > 0;
}

void clean_tick(struct core *c)
{
	uint64_t passed;
	bool save;

	if (!due(c, clean_deadline(c)))
		return;
	/* a pause of this process is no time in which it watched */
	passed = c->now_ms - c->watched_ms < 2 * WATCH_STEP_MS ? c->now_ms - c->watched_ms
							       : WATCH_STEP_MS;
	c->watched_ms = c->now_ms;
	save = c->now_ms >= c->saved_ms + SAVE_MS;
	if (save)
		c->saved_ms = c->now_ms;
	c->view_dirty = true; /* counts anew what is left to watch */
	watch(c, passed, save);
	bans_pass(c, passed, save);
	if (save && anything_to_watch(c))
		c->members_dirty = true;
}

uint64_t clean_deadline(const struct core *c)
{
	if (!c->started || !anything_to_watch(c))
		return 0;
	return c->watched_ms + WATCH_STEP_MS;
}

/* The one that ends first makes room. */
static struct ban *ban_lift(struct core *c)
{
	struct ban *first = &c->ban[0];

	for (size_t i = 1; i < c->n_bans; i++)
		if (c->ban[i].left_ms < first->left_ms)
			first = &c->ban[i];
	first->left_ms = 0;
	state_put_ban(c, first);
	return first;
}

void ban_add(struct core *c, const struct id128 *node_id, uint64_t left_ms)
{
	struct ban *b = NULL;

	for (size_t i = 0; i < c->n_bans && b == NULL; i++)
		if (id_eq(&c->ban[i].node_id, node_id))
			b = &c->ban[i];
	if (b == NULL && c->n_bans == BANS_MAX)
		b = ban_lift(c);
	if (b == NULL)
		b = &c->ban[c->n_bans++];
	*b = (struct ban){*node_id, left_ms};
	state_put_ban(c, b);
}

bool banned(const struct core *c, const struct id128 *node_id)
{
	for (size_t i = 0; i < c->n_bans; i++)
		if (id_eq(&c->ban[i].node_id, node_id))
			return true;
	return false;
}
