#include <errno.h>
#include <stdio.h>

#include "common/msg/msg_scan.h"
#include "membership/core/offline.h"
#include "membership/core/state_form.h"

/* What is on disk is read at the start, and offline. */

static const struct core_kv *find(const struct core_kv *kv, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (kv[i].key_n == strlen(name) && memcmp(kv[i].key, name, kv[i].key_n) == 0)
			return &kv[i];
	return NULL;
}

static int value_read(const struct core_kv *kv, const struct msg_desc *d, struct msg_arena *a,
	void *out)
{
	if (!msg_scan(kv->value, kv->value_n))
		return -1;
	return msg_decode(d, (struct msg_reader){kv->value, kv->value + kv->value_n}, a, out,
		NULL);
}

static int fail(char *err, size_t cap, const char *text)
{
	snprintf(err, cap, "%s", text);
	return -1;
}

static void fresh(struct core *c)
{
	struct id128 id;

	c->node_id = rng_id(&c->rng);
	c->identity = (struct wire_identity){c->wall_ms, rng_id(&c->rng)};
	c->settings = (struct settings){.mode_auto = c->conf_mode == CORE_AUTO,
		.autoheal = c->conf_autoheal};
	c->joined_ms = c->wall_ms;
	c->voters = c->role == WIRE_CORE ? voters_of(&c->identity) : 0;
	members_clear(c);
	id = rng_id(&c->rng);
	member_intern(c, &id);
}

static int load_meta(struct core *c, const struct core_kv *kv, char *err, size_t cap)
{
	struct state_meta m;
	char name[NODE_NAME_MAX + 1], cluster[WIRE_CLUSTER_NAME_MAX + 1];

	if (value_read(kv, &state_meta_desc, &c->body_arena, &m) != 0 ||
		!msg_span_copy(name, sizeof name, m.node_name) ||
		!msg_span_copy(cluster, sizeof cluster, m.cluster_name))
		return fail(err, cap,
			"the stored state can't be read (key meta): restore the data directory from a backup, or move "
			"it away to start fresh");
	if (m.format != STATE_FORMAT) {
		snprintf(err, cap,
			"the data directory has format %u and this program reads %u: run the newer version",
			m.format, (unsigned)STATE_FORMAT);
		return -1;
	}
	if (strcmp(name, c->node_name) != 0) {
		snprintf(err, cap,
			"the data directory belongs to node %s and node.name is %s. Renamed this node? Run `clusterd --rename`. Copied "
			"the directory from another node? Run `clusterd --new-identity`",
			name, c->node_name);
		return -1;
	}
	if (strcmp(cluster, c->cluster_name) != 0) {
		snprintf(err, cap,
			"the data directory belongs to cluster.name %s and the configuration says %s. Run `clusterd --new-identity` to "
			"start as a fresh node of the other cluster",
			cluster, c->cluster_name);
		return -1;
	}
	c->node_id = m.node_id;
	return 0;
}

static void load_tags(struct core *c, const struct msg_list *list)
{
	const struct wire_tag *t = list->item;

	tags_free(c->tags, c->n_tags);
	c->tags_set = true;
	c->n_tags = list->n;
	c->tags = xcalloc(list->n + 1, sizeof *c->tags);
	for (uint32_t i = 0; i < list->n; i++) {
		char *key = NULL, *value = NULL;

		set_text(&key, t[i].key);
		set_text(&value, t[i].value);
		c->tags[i] = (struct core_tag){key, value};
	}
}

static int load_self(struct core *c, const struct core_kv *kv, char *err, size_t cap)
{
	struct state_self s;
	const struct wire_identity *absorbed;

	if (kv == NULL || value_read(kv, &state_self_desc, &c->body_arena, &s) != 0 ||
		id_is_zero(&s.member_id))
		return fail(err, cap,
			"the stored state can't be read (key self): restore the data directory from a backup, or move "
			"it away to start fresh");
	members_clear(c);
	member_intern(c, &s.member_id);
	c->identity = (struct wire_identity){s.created_ms, s.cluster_id};
	c->settings =
		(struct settings){s.settings_counter, s.settings_by, s.mode_auto, s.autoheal};
	c->incarnation = s.incarnation;
	c->ran_ms = s.ran_ms;
	c->joined_ms = s.joined_ms;
	c->paused = s.paused;
	/* changed in the file while this node was off: as by a reload */
	c->heal_changed = s.heal_conf != 0 && (s.heal_conf == 2) != c->conf_autoheal;
	c->voters = s.voters;
	if (s.tags_set)
		load_tags(c, &s.tags);
	c->apart = (enum core_apart)s.apart;
	msg_span_copy(c->apart_by, sizeof c->apart_by, s.apart_by);
	absorbed = s.absorbed.item;
	for (uint32_t i = 0; i < s.absorbed.n; i++)
		c->absorbed[c->n_absorbed++] = absorbed[i];
	return 0;
}

/* An older program wrote none: the first generation. */
static int load_generation(struct core *c, const struct core_kv *kv, char *err, size_t cap)
{
	if (kv == NULL)
		return 0;
	if (kv->value_n != 8)
		return fail(err, cap,
			"the stored state can't be read (key data): restore the data directory from a backup, or move "
			"it away to start fresh");
	for (unsigned i = 0; i < 8; i++)
		c->generation = c->generation << 8 | kv->value[i];
	return 0;
}

static int load_member(struct core *c, const struct core_kv *kv)
{
	struct state_member s;
	struct id128 id;
	struct member *m;
	int32_t index;

	memcpy(id.b, kv->key + 1, 16);
	if (value_read(kv, &state_member_desc, &c->body_arena, &s) != 0)
		return -1;
	if (id_eq(&id, &self(c)->id))
		return 0;
	index = member_intern(c, &id);
	m = c->member[index];
	member_name(c, m, s.name);
	set_text(&m->host, s.host);
	m->node_id = s.node_id;
	m->dist_port = s.dist_port;
	m->rpc_port = s.rpc_port;
	m->role = (uint8_t)s.role;
	m->joined_ms = s.joined_ms;
	m->watch_ms = s.watch_ms;
	m->voters = s.voters;
	m->persisted = m->met = true;
	m->since_wall_ms = c->wall_ms;
	return 0;
}

static int load_departed(struct core *c, const struct core_kv *kv)
{
	struct state_departed d;
	struct state_grave g;
	struct wire_departed bare = {.name = {"", 0}, .by_name = {"", 0}};

	if (value_read(kv, &state_grave_desc, NULL, &g) == 0) {
		memcpy(bare.id.b, kv->key + 1, 16);
		bare.reason = g.reason;
		bare.flags = g.flags;
		bare.when_ms = g.when_ms;
		grave_apply_stored(c, &bare);
		return 0;
	}
	if (value_read(kv, &state_departed_desc, &c->body_arena, &d) != 0)
		return -1;
	departed_apply_stored(c, &d.entry, d.kept_ran_ms);
	return 0;
}

static int load_ban(struct core *c, const struct core_kv *kv)
{
	struct state_ban b;

	if (value_read(kv, &state_ban_desc, &c->body_arena, &b) != 0)
		return -1;
	if (c->n_bans < BANS_MAX) {
		memcpy(c->ban[c->n_bans].node_id.b, kv->key + 1, 16);
		c->ban[c->n_bans++].left_ms = b.left_ms;
	}
	return 0;
}

static int load_tables(struct core *c, const struct core_kv *kv, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		msg_arena_reset(&c->body_arena);
		if (kv[i].key_n == 17 && kv[i].key[0] == 'm' && load_member(c, &kv[i]) != 0)
			return -1;
		if (kv[i].key_n == 17 && kv[i].key[0] == 'b' && load_ban(c, &kv[i]) != 0)
			return -1;
		if (kv[i].key_n == 17 && kv[i].key[0] == 'd' && load_departed(c, &kv[i]) != 0)
			return -1;
	}
	return 0;
}

static void self_fill(struct core *c)
{
	struct member *me = self(c);

	member_name(c, me, msg_str(c->node_name));
	set_text(&me->host, msg_str(c->host));
	set_text(&me->program, msg_str(c->program));
	me->node_id = c->node_id;
	me->dist_port = c->dist_port;
	me->rpc_port = c->rpc_port;
	me->role = c->role;
	me->running = true;
	me->joined_ms = c->joined_ms;
	me->started_ms = c->wall_ms;
}

int state_load(struct core *c, const struct core_kv *kv, size_t n, char *err, size_t cap)
{
	const struct core_kv *meta = find(kv, n, "meta");

	if (n == 0) {
		fresh(c);
	} else if (meta == NULL) {
		return fail(err, cap,
			"the data directory holds state that is not clusterd's (no key meta)");
	} else {
		if (load_meta(c, meta, err, cap) != 0 ||
			load_self(c, find(kv, n, "self"), err, cap) != 0 ||
			load_generation(c, find(kv, n, "data"), err, cap) != 0)
			return -1;
		if (load_tables(c, kv, n) != 0)
			return fail(err, cap,
				"a stored member can't be read: restore the data directory from a backup, or move it away "
				"to start fresh");
	}
	self_fill(c);
	if (self(c)->departed) {
		/* a leave that did not end: forgotten, so that the others' word of it is news */
		entry_free(&self(c)->entry);
		self(c)->has_entry = self(c)->departed = false;
		c->n_departed--;
		member_digest(c, self(c));
	}
	return 0;
}

/* --- offline --- */

int core_offline(enum core_offline_kind kind, const struct core_conf *conf,
	const struct core_stored *stored, const struct core_sink *sink, char *err, size_t cap)
{
	const struct core_kv *meta = find(stored->kv, stored->n, "meta");
	struct state_meta m;
	struct buf v = {0};

	if (meta == NULL || value_read(meta, &state_meta_desc, NULL, &m) != 0 ||
		m.format != STATE_FORMAT) {
		snprintf(err, cap, "%s",
			stored->n == 0
				? "the data directory is empty: just start clusterd"
				: "the data directory does not hold a state that this program reads");
		return -EINVAL;
	}
	for (size_t i = 0; i < stored->n && kind == CORE_OFFLINE_NEW_IDENTITY; i++)
		sink->put(sink->ctx, &(struct core_write){.key = stored->kv[i].key,
					     .key_n = stored->kv[i].key_n});
	if (kind == CORE_OFFLINE_RENAME) {
		m.node_name = msg_str(conf->node_name);
		msg_encode(&v, &state_meta_desc, &m);
		sink->put(sink->ctx, &(struct core_write){.key = meta->key,
					     .key_n = meta->key_n,
					     .value = v.p,
					     .value_n = v.n});
		buf_free(&v);
	}
	return 0;
}
