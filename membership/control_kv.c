#define LOG_COMPONENT "control"
/* The shared data: reads, writes, watchers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "membership/control_int.h"

enum {
	WATCH_QUEUE_BYTES = 64 * 1024,
	LOOKED_AT_ONCE =
		4096, /* changes of other prefixes that are passed over before others get their turn */
	SIBLINGS_BYTES = 192 * 1024,
};

/* A watcher's place: everything up to index of that epoch is told. */
struct kv_watch {
	uint64_t epoch, index;
	uint32_t prefix_n;
	char prefix[CTL_KV_KEY_MAX];
};

static const struct answer {
	const char *code, *hint;
} answers[] = {
	[DATA_OK] = {"ok", ""},
	[DATA_E_TIMEOUT] = {"timeout",
		"It is done as soon as the disk and the other nodes answer."},
	[DATA_E_STORE] = {"store_failed", "Look at the file system of node.data_dir."},
	[DATA_E_FULL] = {"store_full",
		"store.max_size: delete keys, or raise it on every node. Starts that wrote: clusterctl kv export, and kv import into a cluster made anew."},
	[DATA_E_TOO_LARGE] = {"too_large", ""},
	[DATA_E_VERSION] = {"version_differs", "Read it again: clusterctl kv get KEY --json."},
	[DATA_E_QUORUM] = {"no_quorum",
		"store.require_quorum refuses writes until more than half of the voters run."},
	[DATA_E_CLOCK] = {"clock_wrong", "Set this machine's clock (NTP)."},
	[DATA_E_BUSY] = {"busy", "Try again in a moment."},
	[DATA_E_NO_CORE] = {"no_core", "Writes of a replica need a running core."},
	[DATA_E_NOT_FOUND] = {"not_found", ""},
	[DATA_E_INVALID] = {"invalid", ""},
};

static struct data *data_of(const struct control_client *cl)
{
	return shell_data(cl->control->shell);
}

/* --- items --- */

/* An item on its way out; the texts that it points at live as long as it does. */
struct shown {
	struct ctl_kv_item item;
	char index[CTL_KV_INDEX_MAX + 1];
	struct ctl_kv_sibling sibling[CTL_KV_SIBLINGS_MAX];
};

static struct msg_span put_index(char out[CTL_KV_INDEX_MAX + 1], uint64_t epoch, uint64_t index)
{
	snprintf(out, CTL_KV_INDEX_MAX + 1, "%016" PRIx64 ".%" PRIx64, epoch, index);
	return msg_str(out);
}

/* False for anything that put_index() did not write. */
static bool get_index(struct msg_span s, uint64_t *epoch, uint64_t *index)
{
	char text[CTL_KV_INDEX_MAX + 1], again[CTL_KV_INDEX_MAX + 1], *end;

	if (!msg_span_copy(text, sizeof text, s))
		return false;
	*epoch = strtoull(text, &end, 16);
	if (*end != '.')
		return false;
	*index = strtoull(end + 1, NULL, 16);
	put_index(again, *epoch, *index);
	return strcmp(text, again) == 0;
}

static void show_siblings(struct shown *s, const struct data_item *d)
{
	size_t bytes = 0;
	uint32_t n = 0;

	for (; n < d->n_siblings && n < CTL_KV_SIBLINGS_MAX; n++) {
		const struct data_value *v = &d->sibling[n];

		bytes += v->value.n;
		if (bytes > SIBLINGS_BYTES)
			break;
		s->sibling[n] =
			(struct ctl_kv_sibling){.value = v->deleted ? (struct msg_span){"", 0}
								    : v->value,
				.deleted = v->deleted,
				.ms = v->ms,
				.member_id = v->origin};
	}
	s->item.siblings = (struct msg_list){s->sibling, n};
}

static void show(struct shown *s, uint64_t epoch, const struct data_item *d, bool value)
{
	bool deleted = d->value.p == NULL;

	s->item = (struct ctl_kv_item){.found = true,
		.key = d->key,
		.value = deleted || !value ? (struct msg_span){"", 0} : d->value,
		.deleted = deleted,
		.conflict = d->conflict,
		.version = msg_str(d->version),
		.index = put_index(s->index, epoch, d->index),
		.ms = d->ms,
		.n_values = (uint32_t)d->n_siblings};
	if (d->conflict && value)
		show_siblings(s, d);
}

static size_t shown_bytes(const struct shown *s)
{
	size_t n = 128 + s->item.key.n + s->item.value.n;

	for (uint32_t i = 0; i < s->item.siblings.n; i++)
		n += 48 + s->sibling[i].value.n;
	return n;
}

/* A page of items. Each is copied: what the data shows is valid only until the next question. */
struct kv_page {
	struct msg_arena arena;
	struct ctl_kv_item *item;
	uint32_t n;
	size_t bytes;
};

static void page_open(struct kv_page *p)
{
	*p = (struct kv_page){0};
	msg_arena_init(&p->arena, CTL_ARENA_MAX);
	p->item = msg_arena_alloc(&p->arena, CTL_PAGE_ITEMS * sizeof *p->item);
}

static struct msg_span keep(struct kv_page *p, struct msg_span s)
{
	char *copy = s.n == 0 ? NULL : msg_arena_alloc(&p->arena, s.n);

	if (copy == NULL)
		return (struct msg_span){"", 0};
	memcpy(copy, s.p, s.n);
	return (struct msg_span){copy, s.n};
}

static bool page_full(const struct kv_page *p, size_t max_bytes)
{
	return p->item == NULL || p->n == CTL_PAGE_ITEMS || p->bytes >= max_bytes;
}

static void page_add(struct kv_page *p, uint64_t epoch, const struct data_item *d, bool value)
{
	struct shown s;
	struct ctl_kv_item *to = &p->item[p->n++];
	size_t bytes;

	show(&s, epoch, d, value);
	bytes = s.item.siblings.n * sizeof s.sibling[0];
	*to = s.item;
	to->key = keep(p, s.item.key);
	to->value = keep(p, s.item.value);
	to->version = keep(p, s.item.version);
	to->index = keep(p, s.item.index);
	to->siblings.item = bytes == 0 ? NULL : msg_arena_alloc(&p->arena, bytes);
	if (to->siblings.item == NULL)
		to->siblings.n = 0;
	for (uint32_t i = 0; i < to->siblings.n; i++) {
		struct ctl_kv_sibling *sibling = to->siblings.item;

		sibling[i] = s.sibling[i];
		sibling[i].value = keep(p, s.sibling[i].value);
	}
	p->bytes += shown_bytes(&s);
}

/* --- reads --- */

static uint64_t epoch_of(const struct data *d)
{
	struct data_status st;

	data_status(d, &st);
	return st.epoch;
}

void control_kv_get(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct data_item d;
	struct shown s = {.item = {.key = p->kv_key.key,
				  .value = {"", 0},
				  .version = {"", 0},
				  .index = {"", 0}}};

	if (data_get(data_of(cl), p->kv_key.key, &d)) {
		if (d.value.n > CTL_KV_SHOWN_MAX) {
			control_error(cl, id, "too_large",
				"The union of this key's values is too long for one answer; resolve it.");
			return;
		}
		show(&s, epoch_of(data_of(cl)), &d, true);
	}
	control_result(cl, id, m, &s.item);
}

void control_kv_list(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	const struct ctl_kv_list_ask *ask = &p->kv_list;
	struct data *data = data_of(cl);
	uint64_t epoch = epoch_of(data);
	char after[CTL_KV_KEY_MAX];
	struct msg_span at = ask->after;
	struct data_item d;
	struct kv_page page;
	struct ctl_kv_list a = {0};

	if (at.n == 0)
		at.p = NULL;
	page_open(&page);
	while (data_next(data, ask->prefix, at, &d)) {
		a.more = page_full(&page, CTL_PAGE_BYTES);
		if (a.more)
			break;
		if (d.value.p != NULL && d.value.n > CTL_KV_SHOWN_MAX)
			d.value.n =
				0; /* a union that fits no answer: its values are listed as siblings */
		memcpy(after, d.key.p, d.key.n);
		at = (struct msg_span){after, d.key.n};
		page_add(&page, epoch, &d, ask->values);
	}
	a.items = (struct msg_list){page.item, page.n};
	control_result(cl, id, m, &a);
	msg_arena_free(&page.arena);
}

/* --- writes --- */

static void finish(struct pending *p, const struct data_reply *r)
{
	const struct answer *a = &answers[r->code];
	struct ctl_kv_written w = {.ok = r->code == DATA_OK,
		.code = msg_str(a->code),
		.text = control_clip(r->text, CTL_TEXT_MAX),
		.hint = msg_str(a->hint),
		.version = control_clip(r->version, CTL_KV_VERSION_MAX),
		.acked = r->acked};

	if (p->client != NULL)
		control_result(p->client, p->id, p->method, &w);
	control_pending_free(p);
}

void control_data_reply(struct control *c, const struct data_reply *r)
{
	struct pending *p = control_pending_find(c, r->request);

	if (p != NULL)
		finish(p, r);
}

void control_kv_write(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	static const enum data_op op[CTL_N_METHODS] = {[CTL_KV_PUT] = DATA_PUT,
		[CTL_KV_DELETE] = DATA_DELETE,
		[CTL_KV_RESOLVE] = DATA_RESOLVE};
	const struct ctl_kv_write *w = &p->kv_write;
	struct pending *pending = control_pending_new(cl, id, m);
	struct data_command cmd = {.op = op[m],
		.ack = (enum data_ack)w->ack,
		.timeout_ms = w->timeout_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)w->timeout_ms,
		.key = w->key,
		.value = w->value,
		.if_version = w->conditional ? w->if_version : (struct msg_span){NULL, 0},
		.sibling = w->pick == 0 ? 0 : w->pick - 1};
	char key[256];

	cmd.request = control_pending_number(pending);
	log_debug("command", "method=%s key=%s uid=%u pid=%d", ctl_rows[m].method,
		log_quote(key, sizeof key, w->key.p, w->key.n), (unsigned)cl->uid,
		(int)cl->pid);
	shell_data_command(cl->control->shell, &cmd);
}

/* --- watchers --- */

static bool has_prefix(struct msg_span key, const struct kv_watch *w)
{
	return key.n >= w->prefix_n && memcmp(key.p, w->prefix, w->prefix_n) == 0;
}

/*
 * What is new to the watcher, as much as one page takes. out->more: the page is full, or so much was passed
 * over that others get their turn first; the caller comes back. The page must be open.
 */
static void collect(struct data *data, struct kv_watch *w, struct kv_page *page,
	size_t max_bytes, struct ctl_kv_changes *out)
{
	struct data_status s;
	struct data_item d;

	data_status(data, &s);
	if (w->epoch != s.epoch || w->index < s.index_floor || w->index > s.index) {
		out->anew = w->index != 0 || w->epoch != 0;
		w->epoch = s.epoch;
		w->index = 0;
	}
	for (unsigned looked = 0; data_changes(data, w->index, &d); looked++) {
		out->more = page_full(page, max_bytes) || looked == LOOKED_AT_ONCE;
		if (out->more)
			break;
		w->index = d.index;
		if (d.value.p != NULL && d.value.n > CTL_KV_SHOWN_MAX)
			d.value.n = 0;
		if (has_prefix(d.key, w))
			page_add(page, s.epoch, &d, true);
	}
	if (!out->more)
		w->index = s.index; /* beyond what has no entry of its own */
	out->items = (struct msg_list){page->item, page->n};
}

void control_watch_pump(struct control_client *cl)
{
	struct kv_watch *w = cl->watch;
	bool more = true;

	while (more && control_queued(cl) < WATCH_QUEUE_BYTES) {
		struct ctl_kv_changes a = {0};
		struct kv_page page;
		char index[CTL_KV_INDEX_MAX + 1];

		page_open(&page);
		collect(data_of(cl), w, &page, WATCH_QUEUE_BYTES, &a);
		a.index = put_index(index, w->epoch, w->index);
		more = a.more && page.n > 0;
		if (page.n > 0 || a.anew)
			control_notice(cl, CTL_KV_CHANGES, &a);
		if (a.more && page.n == 0) /* the rest after the others' turn */
			ev_feed_event(cl->control->loop, &cl->out_io, EV_CUSTOM);
		msg_arena_free(&page.arena);
	}
}

void control_data_changed(struct control *c)
{
	for (struct control_client *cl = c->clients; cl != NULL; cl = cl->next)
		if (cl->watch != NULL && cl->dead == NULL)
			control_watch_pump(cl);
}

static bool watch_place(const struct data *data, struct msg_span index, struct kv_watch *w)
{
	struct data_status s;

	data_status(data, &s);
	*w = (struct kv_watch){.epoch = s.epoch, .index = s.index};
	if (msg_span_eq(index, "0"))
		w->epoch = w->index = 0;
	else if (index.n > 0)
		return get_index(index, &w->epoch, &w->index);
	return true;
}

static void start_watching(struct control_client *cl, const struct kv_watch *w)
{
	if (cl->watch == NULL) {
		cl->watch = xcalloc(1, sizeof *cl->watch);
		cl->control->n_followers++;
	}
	*cl->watch = *w;
}

void control_kv_watch(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	const struct ctl_kv_watch_ask *ask = &p->kv_watch;
	struct ctl_kv_changes a = {0};
	struct kv_page page;
	struct kv_watch w;
	char index[CTL_KV_INDEX_MAX + 1];

	if (ask->follow && cl->watch == NULL &&
		cl->control->n_followers == CONTROL_FOLLOWERS_MAX) {
		control_error(cl, id, "too_many",
			"As many as allowed watch or follow already.");
		return;
	}
	if (!watch_place(data_of(cl), ask->index, &w)) {
		control_error(cl, id, "bad_params",
			"The index is not one that this command has printed.");
		return;
	}
	memcpy(w.prefix, ask->prefix.p, ask->prefix.n);
	w.prefix_n = ask->prefix.n;
	page_open(&page);
	collect(data_of(cl), &w, &page, CTL_PAGE_BYTES, &a);
	a.index = put_index(index, w.epoch, w.index);
	control_result(cl, id, m, &a);
	msg_arena_free(&page.arena);
	if (ask->follow && !a.more)
		start_watching(cl, &w);
}
