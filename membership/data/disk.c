/*
 * The log on disk: 0x01, generation (u64), kind, and behind it
 *   e key      an entry with its index     v origin   a number of the vector      m   what there is one of
 *   k member   how far a stopped member was                g origin   a number of the gc vector
 * The present generation is a key of the core's, so that it changes in one transaction with the identity.
 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "membership/data/data_int.h"

#define GENERATION_KEY "data"

enum { FORMAT = 1, PREFIX = 10 }; /* bytes before what follows the kind */

struct disk_entry {
	uint64_t index;
	struct msg_list entry; /* 1 struct wire_entry, its key left out */
};
static const struct msg_field entry_fields[] = {
	MSG_FIELD(MSG_U64, disk_entry, index, 0, ""),
	MSG_FIELD_OF(MSG_LIST, disk_entry, entry, 1, &wire_entry_desc, ""),
};
static const struct msg_desc entry_desc = {"disk_entry", sizeof(struct disk_entry),
	entry_fields, 2, 2, "A key."};

struct disk_meta {
	uint32_t format;
	uint64_t epoch, floor;
};
static const struct msg_field meta_fields[] = {
	MSG_FIELD(MSG_U32, disk_meta, format, 0, ""),
	MSG_FIELD(MSG_U64, disk_meta, epoch, 0, ""),
	MSG_FIELD(MSG_U64, disk_meta, floor, 0, ""),
};
static const struct msg_desc meta_desc = {"disk_meta", sizeof(struct disk_meta), meta_fields, 3,
	3, "What there is one of."};

struct disk_known {
	struct msg_list vector;
	uint64_t stopped_ms;
};
static const struct msg_field origin_fields[] = {
	MSG_FIELD(MSG_ID, wire_origin, member, 0, ""),
	MSG_FIELD(MSG_U64, wire_origin, epoch, 0, ""),
	MSG_FIELD(MSG_U64, wire_origin, n, 0, ""),
};
static const struct msg_desc origin_desc = {"origin", sizeof(struct wire_origin), origin_fields,
	3, 3, "A number."};
static const struct msg_field known_fields[] = {
	MSG_FIELD_OF(MSG_LIST, disk_known, vector, WIRE_DATA_ORIGINS_MAX, &origin_desc, ""),
	MSG_FIELD(MSG_U64, disk_known, stopped_ms, 0, ""),
};
static const struct msg_desc known_desc = {"disk_known", sizeof(struct disk_known),
	known_fields, 2, 2, "How far a member was."};

/* --- writing */

void writes_free(struct writes *w)
{
	buf_free(&w->bytes);
	free(w->write);
	*w = (struct writes){.n = 0};
}

void writes_reset(struct writes *w)
{
	w->bytes.n = w->n = 0;
}

static void put_u64(struct buf *b, uint64_t n)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_put(b, &(uint8_t){(uint8_t)(n >> shift)}, 1);
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

static void put_prefix(struct buf *b, uint64_t gen, enum disk_kind kind)
{
	buf_put(b, "\1", 1);
	put_u64(b, gen);
	buf_put(b, &(uint8_t){(uint8_t)kind}, 1);
}

static void put_origin(struct buf *b, const struct wire_origin *o)
{
	buf_put(b, o->member.b, sizeof o->member.b);
	put_u64(b, o->epoch);
}

/* What was appended to the bytes since they were from long: a key of so many bytes and its value. */
static void add(struct writes *w, size_t from, size_t key_n, bool delete)
{
	if (w->n == w->cap) {
		w->cap = w->cap == 0 ? 64 : w->cap * 2;
		w->write = xrealloc(w->write, w->cap, sizeof *w->write);
	}
	/* sizes alone: the bytes move while they grow, so writes_done() sets the pointers */
	w->write[w->n++] = (struct core_write){.key_n = key_n,
		.value_n = delete ? SIZE_MAX : w->bytes.n - from - key_n};
}

const struct core_write *writes_done(struct writes *w)
{
	const uint8_t *p = w->bytes.p;

	for (size_t i = 0; i < w->n; i++) {
		struct core_write *x = &w->write[i];
		bool delete = x->value_n == SIZE_MAX;

		if (delete)
			x->value_n = 0;
		x->key = p;
		x->value = delete ? NULL : p + x->key_n;
		p += x->key_n + x->value_n;
	}
	return w->write;
}

void disk_put_entry(struct writes *w, uint64_t gen, const struct entry *e)
{
	struct wire_entry bare = e->w;
	struct disk_entry value = {e->index, {&bare, 1}};
	size_t from = w->bytes.n, key_n;

	put_prefix(&w->bytes, gen, DISK_ENTRY);
	buf_put(&w->bytes, e->w.key.p, e->w.key.n);
	key_n = w->bytes.n - from;
	if (e->w.siblings.n == 0) {
		add(w, from, key_n, true);
		return;
	}
	bare.key = msg_str("");
	msg_encode(&w->bytes, &entry_desc, &value);
	add(w, from, key_n, false);
}

void disk_put_origin(struct writes *w, uint64_t gen, enum disk_kind k,
	const struct wire_origin *o)
{
	size_t from = w->bytes.n, key_n;

	put_prefix(&w->bytes, gen, k);
	put_origin(&w->bytes, o);
	key_n = w->bytes.n - from;
	if (o->n > 0)
		put_u64(&w->bytes, o->n);
	add(w, from, key_n, o->n == 0);
}

void disk_put_meta(struct writes *w, uint64_t gen, uint64_t epoch, uint64_t floor)
{
	struct disk_meta meta = {FORMAT, epoch, floor};
	size_t from = w->bytes.n;

	put_prefix(&w->bytes, gen, DISK_META);
	msg_encode(&w->bytes, &meta_desc, &meta);
	add(w, from, PREFIX, false);
}

void disk_put_known(struct writes *w, uint64_t gen, const struct id128 *member,
	const struct vec *vector, uint64_t stopped_ms)
{
	struct disk_known known = {vec_list(vector), stopped_ms};
	size_t from = w->bytes.n;

	put_prefix(&w->bytes, gen, DISK_KNOWN);
	buf_put(&w->bytes, member->b, sizeof member->b);
	if (vector->n > 0)
		msg_encode(&w->bytes, &known_desc, &known);
	add(w, from, PREFIX + sizeof member->b, vector->n == 0);
}

void disk_put_delete(struct writes *w, const uint8_t *key, size_t n)
{
	size_t from = w->bytes.n;

	buf_put(&w->bytes, key, n);
	add(w, from, n, true);
}

static struct wire_origin origin_of(const uint8_t *p)
{
	struct wire_origin o = {.n = 0};

	memcpy(o.member.b, p, sizeof o.member.b);
	o.epoch = get_u64(p + sizeof o.member.b);
	return o;
}

void disk_put_again(struct data *d, struct writes *w, const uint8_t *key, size_t n)
{
	const uint8_t *rest = key + PREFIX;
	struct wire_origin o;
	struct entry *e;

	if (n < PREFIX || key[0] != 1 || get_u64(key + 1) != d->generation) {
		disk_put_delete(w, key, n);
		return;
	}
	switch ((enum disk_kind)key[PREFIX - 1]) {
	case DISK_ENTRY:
		e = map_find(&d->map,
			(struct msg_span){(const char *)rest, (uint32_t)(n - PREFIX)});
		if (e != NULL)
			disk_put_entry(w, d->generation, e);
		else
			disk_put_delete(w, key, n);
		break;
	case DISK_VECTOR:
	case DISK_GC:
		o = origin_of(rest);
		o.n = vec_get(key[PREFIX - 1] == DISK_VECTOR ? &d->vector : &d->gc, &o);
		disk_put_origin(w, d->generation, (enum disk_kind)key[PREFIX - 1], &o);
		break;
	case DISK_META:
		disk_put_meta(w, d->generation, d->epoch, d->floor);
		break;
	case DISK_KNOWN:
		break; /* only ever says less than is true */
	}
}

/* --- generations that are gone */

static void doom_key(struct data *d, const uint8_t *key, size_t n)
{
	uint16_t len = (uint16_t)n;

	buf_put(&d->doomed, &len, sizeof len);
	buf_put(&d->doomed, key, n);
}

static void doom(struct data *d, uint64_t gen, enum disk_kind kind, const void *rest, size_t n)
{
	struct buf key = {0};

	put_prefix(&key, gen, kind);
	buf_put(&key, rest, n);
	doom_key(d, key.p, key.n);
	buf_free(&key);
}

void disk_doom_known(struct data *d, const struct id128 *member)
{
	doom(d, d->generation, DISK_KNOWN, member->b, sizeof member->b);
}

static void doom_vec(struct data *d, uint64_t gen, enum disk_kind kind, const struct vec *v)
{
	struct buf rest = {0};

	for (uint32_t i = 0; i < v->n; i++) {
		rest.n = 0;
		put_origin(&rest, &v->o[i]);
		doom(d, gen, kind, rest.p, rest.n);
	}
	buf_free(&rest);
}

void disk_doom(struct data *d, uint64_t gen, const struct map *m, const struct vec *vector,
	const struct vec *gc)
{
	for (struct entry *e = map_since(m, 0); e != NULL; e = map_since(m, e->index))
		doom(d, gen, DISK_ENTRY, e->w.key.p, e->w.key.n);
	doom_vec(d, gen, DISK_VECTOR, vector);
	doom_vec(d, gen, DISK_GC, gc);
	doom(d, gen, DISK_META, NULL, 0);
}

/* --- loading */

bool data_owns(const struct core_kv *kv)
{
	return kv->key_n >= PREFIX && kv->key[0] == 1;
}

uint64_t data_generation(const struct core_stored *stored)
{
	for (size_t i = 0; i < stored->n; i++) {
		const struct core_kv *kv = &stored->kv[i];

		if (kv->key_n == strlen(GENERATION_KEY) && kv->value_n == 8 &&
			memcmp(kv->key, GENERATION_KEY, kv->key_n) == 0)
			return get_u64(kv->value);
	}
	return 0;
}

static bool load_entry(struct data *d, const struct core_kv *kv, struct msg_arena *a)
{
	struct disk_entry value;
	struct wire_entry *w;
	struct entry *e;

	msg_arena_reset(a);
	if (msg_decode(&entry_desc, (struct msg_reader){kv->value, kv->value + kv->value_n}, a,
		    &value, NULL) != 0 ||
		value.entry.n != 1)
		return false;
	w = value.entry.item;
	w->key = (struct msg_span){(const char *)kv->key + PREFIX,
		(uint32_t)(kv->key_n - PREFIX)};
	e = map_since(&d->map, value.index - 1);
	if (value.index == 0 || !entry_valid(w) || (e != NULL && e->index == value.index))
		return false;
	e = entry_new(w);
	e->index = value.index;
	map_put(&d->map, e);
	clock_seen(d, &e->w);
	if (e->index > d->index)
		d->index = e->index;
	return true;
}

static bool load_origin(struct vec *v, const struct core_kv *kv)
{
	struct wire_origin o;

	if (kv->key_n != PREFIX + 24 || kv->value_n != 8)
		return false;
	o = origin_of(kv->key + PREFIX);
	o.n = get_u64(kv->value);
	if (o.n > 0)
		vec_raise(v, &o);
	return o.n > 0;
}

static bool load_meta(struct data *d, const struct core_kv *kv)
{
	struct disk_meta meta;

	if (msg_decode(&meta_desc, (struct msg_reader){kv->value, kv->value + kv->value_n},
		    NULL, &meta, NULL) != 0 ||
		meta.format > FORMAT)
		return false;
	d->epoch = meta.epoch;
	d->floor = meta.floor;
	d->meta_stored = true;
	return true;
}

static bool load_known(struct data *d, const struct core_kv *kv, struct msg_arena *a)
{
	struct disk_known known;
	struct id128 member;

	msg_arena_reset(a);
	if (kv->key_n != PREFIX + sizeof member.b ||
		msg_decode(&known_desc, (struct msg_reader){kv->value, kv->value + kv->value_n},
			a, &known, NULL) != 0 ||
		!vec_valid(&known.vector))
		return false;
	memcpy(member.b, kv->key + PREFIX, sizeof member.b);
	known_load(d, &member, &known.vector, known.stopped_ms);
	return true;
}

static bool load_pair(struct data *d, const struct core_kv *kv, struct msg_arena *a)
{
	switch ((enum disk_kind)kv->key[PREFIX - 1]) {
	case DISK_ENTRY:
		return load_entry(d, kv, a);
	case DISK_VECTOR:
		return load_origin(&d->vector, kv);
	case DISK_GC:
		return load_origin(&d->gc, kv);
	case DISK_META:
		return load_meta(d, kv);
	case DISK_KNOWN:
		return load_known(d, kv, a);
	}
	return false;
}

bool data_load(struct data *d, const struct core_stored *stored, char *err, size_t err_cap)
{
	struct msg_arena a;
	bool ok = true;

	msg_arena_init(&a, DATA_ARENA_MAX);
	for (size_t i = 0; i < stored->n && ok; i++) {
		const struct core_kv *kv = &stored->kv[i];

		if (!data_owns(kv))
			continue;
		if (get_u64(kv->key + 1) != d->generation)
			doom_key(d, kv->key, kv->key_n);
		else
			ok = load_pair(d, kv, &a);
		if (!ok)
			snprintf(err, err_cap,
				"what is stored of the shared data makes no sense (key kind '%c', "
				"format %d at most): damaged, or of a newer clusterd",
				kv->key[PREFIX - 1], FORMAT);
	}
	msg_arena_free(&a);
	return ok;
}

void data_loaded(struct data *d)
{
	if (d->index < d->floor)
		d->index = d->floor;
	d->vector_hash = vec_hash(&d->vector);
	d->status_changed = true;
}
