#include <stdio.h>

#include "membership/core/state_form.h"

/* Writing the state: what changed is put into a transaction, which goes to the disk as a whole. */

void persist_batch_free(struct batch *b)
{
	buf_free(&b->bytes);
	free(b->write);
	free(b);
}

/* All of a transaction's bytes are one block; where they are is set when it is complete. */
static void put(struct core *c, const void *key, size_t key_n, struct buf *value)
{
	struct batch *b = c->batch;
	struct core_write *w;

	if (b == NULL)
		b = c->batch = xcalloc(1, sizeof *b);
	if (b->n == b->cap) {
		b->cap = b->cap == 0 ? 8 : b->cap * 2;
		b->write = xrealloc(b->write, b->cap, sizeof *b->write);
	}
	w = &b->write[b->n++];
	*w = (struct core_write){.key_n = key_n};
	buf_put(&b->bytes, key, key_n);
	if (value == NULL)
		return;
	w->value = b->bytes.p; /* no deletion */
	w->value_n = value->n;
	buf_put(&b->bytes, value->p, value->n);
	buf_free(value);
}

static void batch_complete(struct batch *b)
{
	const uint8_t *at = b->bytes.p;

	for (size_t i = 0; i < b->n; i++) {
		struct core_write *w = &b->write[i];

		w->key = at;
		at += w->key_n;
		if (w->value != NULL)
			w->value = at;
		at += w->value_n;
	}
}

static void put_id(struct core *c, char kind, const struct id128 *id, struct buf *value)
{
	uint8_t key[17] = {(uint8_t)kind};

	memcpy(key + 1, id->b, sizeof id->b);
	put(c, key, sizeof key, value);
}

void state_put_meta(struct core *c)
{
	struct buf v = {0};

	msg_encode(&v, &state_meta_desc,
		&(struct state_meta){STATE_FORMAT, c->node_id, msg_str(c->node_name),
			msg_str(c->cluster_name)});
	put(c, "meta", 4, &v);
}

/* Read by membership/data too, for the pairs that are its own: big-endian. */
static void put_generation(struct core *c, uint64_t generation)
{
	uint8_t be[8];
	struct buf v = {0};

	for (unsigned i = 0; i < sizeof be; i++)
		be[i] = (uint8_t)(generation >> (56 - 8 * i));
	buf_put(&v, be, sizeof be);
	put(c, "data", 4, &v);
}

void state_put_standing(struct core *c, const struct standing *s)
{
	struct buf v = {0};
	bool same = identity_same(&s->identity, &c->identity);
	struct wire_tag tags[WIRE_TAGS_MAX];
	uint32_t n_tags = (uint32_t)(c->n_tags < WIRE_TAGS_MAX ? c->n_tags : WIRE_TAGS_MAX);
	struct state_self st = {
		.member_id = s->member_id,
		.cluster_id = s->identity.cluster_id,
		.settings_by = s->settings.by,
		.created_ms = s->identity.created_ms,
		.incarnation = c->incarnation,
		.settings_counter = s->settings.counter,
		.joined_ms = s->joined_ms,
		.mode_auto = s->settings.mode_auto,
		.autoheal = s->settings.autoheal,
		.paused = s->paused,
		.apart = s->apart,
		.apart_by = msg_str(s->apart_by),
		.voters = s->voters,
		.tags_set = c->tags_set,
		.tags = {tags, c->tags_set ? n_tags : 0},
		.absorbed = {c->absorbed, same ? (uint32_t)c->n_absorbed : 0},
		.ran_ms = ran_ms(c),
		.heal_conf = c->conf_autoheal ? 2 : 1,
	};

	for (uint32_t i = 0; i < n_tags; i++)
		tags[i] = (struct wire_tag){msg_str(c->tags[i].key), msg_str(c->tags[i].value)};
	msg_encode(&v, &state_self_desc, &st);
	put(c, "self", 4, &v);
	if (s->generation != c->generation || c->rewrite)
		put_generation(c, s->generation);
}

void state_put_self(struct core *c)
{
	struct standing s = {
		.member_id = self(c)->id,
		.identity = c->identity,
		.settings = c->settings,
		.paused = c->paused,
		.voters = c->voters,
		.apart = c->apart,
		.joined_ms = c->joined_ms,
		.generation = c->generation,
	};

	snprintf(s.apart_by, sizeof s.apart_by, "%s", c->apart_by);
	state_put_standing(c, &s);
}

void state_put_member(struct core *c, const struct member *m)
{
	struct buf v = {0};

	msg_encode(&v, &state_member_desc,
		&(struct state_member){m->node_id, msg_str(m->name), msg_str(m->host),
			m->dist_port, m->rpc_port, m->role, m->joined_ms, m->watch_ms,
			m->voters});
	put_id(c, 'm', &m->id, &v);
}

void state_del_member(struct core *c, const struct id128 *id)
{
	put_id(c, 'm', id, NULL);
}

void state_put_departed(struct core *c, const struct wire_departed *e)
{
	struct buf v = {0};

	if (MUTANT(DEPARTED_NOT_STORED))
		return;
	if (departed_bare(e))
		msg_encode(&v, &state_grave_desc,
			&(struct state_grave){e->reason, e->flags, e->when_ms});
	else
		msg_encode(&v, &state_departed_desc, &(struct state_departed){*e, ran_ms(c)});
	put_id(c, 'd', &e->id, &v);
}

void state_del_departed(struct core *c, const struct id128 *id)
{
	put_id(c, 'd', id, NULL);
}

void state_put_ban(struct core *c, const struct ban *b)
{
	struct buf v = {0};

	msg_encode(&v, &state_ban_desc, &(struct state_ban){b->left_ms});
	put_id(c, 'b', &b->node_id, b->left_ms == 0 ? NULL : &v);
	if (b->left_ms == 0)
		buf_free(&v);
}

uint64_t persist_commit(struct core *c)
{
	struct batch *b = c->batch, **end = &c->batches;
	struct core_fx *fx;

	if (b == NULL)
		return c->persist_seq;
	c->batch = NULL;
	batch_complete(b);
	b->seq = ++c->persist_seq;
	while (*end != NULL)
		end = &(*end)->next;
	*end = b;
	fx = fx_add(c, CORE_FX_PERSIST);
	fx->u.persist.seq = b->seq;
	fx->u.persist.write = b->write;
	fx->u.persist.n = b->n;
	return b->seq;
}

struct waiter *persist_wait(struct core *c, uint64_t seq, enum wait_kind kind)
{
	struct waiter *w;

	if (c->n_waiters == c->waiters_cap) {
		c->waiters_cap = c->waiters_cap == 0 ? 16 : c->waiters_cap * 2;
		c->waiter = xrealloc(c->waiter, c->waiters_cap, sizeof *c->waiter);
	}
	w = &c->waiter[c->n_waiters++];
	*w = (struct waiter){.seq = seq, .kind = kind};
	return w;
}

uint64_t persist_last(const struct core *c)
{
	return c->persist_seq + (c->batch != NULL ? 1 : 0);
}

bool swapping(const struct core *c)
{
	return c->join.phase == JOIN_SWAP || c->leave.phase == LEAVE_CLEAR;
}

static void put_tables(struct core *c)
{
	for (size_t i = 1; i < c->n; i++) {
		struct member *m = c->member[i];

		if (c->rewrite && m->has_entry)
			state_put_departed(c, &m->entry);
		if (c->rewrite && m->departed)
			state_del_member(c, &m->id);
		if (!is_member(m) || (m->persisted && !c->rewrite))
			continue;
		state_put_member(c, m);
		m->persisted = true;
	}
	for (size_t i = 0; i < c->n_graves && c->rewrite; i++)
		if (!id_is_zero(&c->grave[i].id)) {
			struct wire_departed e = grave_entry(&c->grave[i]);

			state_put_departed(c, &e);
			state_del_member(c, &e.id);
		}
	for (size_t i = 0; i < c->n_bans && c->rewrite; i++)
		state_put_ban(c, &c->ban[i]);
}

/*
 * What changed and is not on disk: at once, and each second while the disk refuses. One such transaction at a time: what
 * changes while the disk is slow goes with the next.
 */
void persist_tick(struct core *c)
{
	if (c->persist_retry_ms != 0 && !due(c, c->persist_retry_ms))
		return;
	c->persist_retry_ms = 0;
	if (c->batches != NULL)
		return;
	if (!c->started) {
		if (!c->rewrite)
			return;
		c->rewrite = false;
		state_put_meta(c);
		state_put_self(c);
		persist_wait(c, persist_commit(c), WAIT_START);
		return;
	}
	if (c->leave.phase == LEAVE_CLEAR && c->rewrite) {
		state_put_meta(c);
		standing_persist(c, &c->next, WAIT_CLEAR);
		return;
	}
	if (swapping(c) || (!c->members_dirty && !c->self_dirty && !c->rewrite))
		return;
	put_tables(c);
	state_put_self(c);
	c->members_dirty = c->self_dirty = c->rewrite = false;
	persist_wait(c, persist_commit(c), WAIT_MEMBERS);
}
