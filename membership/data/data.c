#include "membership/data/data_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"

static const struct {
	const char *name;
	enum core_severity severity;
} events[] = {
#define EVENT_ROW(id, text, level, doc) [id] = {text, level},
	DATA_EVENTS(EVENT_ROW)
#undef EVENT_ROW
};

const char *data_event_name(enum data_event_kind k)
{
	return events[k].name;
}

enum core_severity data_event_severity(enum data_event_kind k)
{
	return events[k].severity;
}

/* --- life */

void data_reload(struct data *d, const struct data_conf *conf)
{
	fx_forget(d);
	d->max_bytes = conf->max_bytes;
	d->require_quorum = conf->require_quorum;
	d->tombstone_ttl_ms = conf->tombstone_ttl_ms;
	for (size_t i = 0; i < d->n_policies; i++)
		free(d->policy[i].text);
	free(d->policy);
	d->n_policies = conf->n_policies;
	d->policy = xcalloc(conf->n_policies, sizeof *d->policy);
	for (size_t i = 0; i < conf->n_policies; i++)
		d->policy[i] = (struct policy){xstrdup(conf->policy[i].prefix),
			strlen(conf->policy[i].prefix), conf->policy[i].policy};
}

struct data *data_begin(const struct data_conf *conf, uint64_t generation,
	const struct core_birth *birth)
{
	struct data *d = xcalloc(1, sizeof *d);

	rng_init(&d->rng, birth->seed);
	d->now_us = birth->mono_us;
	d->now_ms = birth->mono_us / 1000;
	d->wall_ms = birth->wall_ms;
	d->wake_ms = d->late_ms = UINT64_MAX;
	TAILQ_INIT(&d->fx);
	TAILQ_INIT(&d->calls);
	TAILQ_INIT(&d->forwards);
	msg_arena_init(&d->arena, DATA_ARENA_MAX);
	map_init(&d->map);
	map_init(&d->copy.map);
	spread_init(d);
	txn_init(d);
	ack_init(d);
	data_reload(d, conf);
	d->epoch = rng_u64(&d->rng) | 1;
	d->session = rng_u64(&d->rng) >> 1 | 1;
	d->collect_due = d->collect_more = true;
	d->generation = generation;
	return d;
}

struct data *data_new(const struct data_conf *conf, const struct core_stored *stored,
	const struct core_birth *birth, char *err, size_t err_cap)
{
	struct data *d = data_begin(conf, data_generation(stored), birth);

	if (!data_load(d, stored, err, err_cap)) {
		data_free(d);
		return NULL;
	}
	data_loaded(d);
	return d;
}

void data_free(struct data *d)
{
	struct fx *fx;

	if (d == NULL)
		return;
	fx_forget(d);
	while ((fx = TAILQ_FIRST(&d->fx)) != NULL) {
		TAILQ_REMOVE(&d->fx, fx, next);
		buf_free(&fx->bytes);
		free(fx);
	}
	txn_free(d);
	ack_free(d);
	replica_free(d);
	copy_free(d);
	spread_free(d);
	knowns_free(d);
	peers_free(d);
	calls_free(d);
	free(d->report);
	msg_arena_free(&d->arena);
	map_clear(&d->map);
	vec_free(&d->vector);
	vec_free(&d->gc);
	for (size_t i = 0; i < d->n_policies; i++)
		free(d->policy[i].text);
	free(d->policy);
	buf_free(&d->text);
	free(d);
}

/* --- time */

void data_clock(struct data *d, uint64_t mono_us, uint64_t wall_ms)
{
	fx_forget(d);
	d->now_us = mono_us;
	d->now_ms = mono_us / 1000;
	d->wall_ms = wall_ms;
}

void wake_at(struct data *d, uint64_t ms)
{
	if (ms < d->wake_ms)
		d->wake_ms = ms;
}

uint64_t data_deadline(const struct data *d)
{
	return d->wake_ms;
}

void data_run(struct data *d)
{
	txn_run(d);
	spread_run(d);
	sync_run(d);
}

void data_tick(struct data *d)
{
	fx_forget(d);
	if (d->now_ms < d->wake_ms)
		return;
	d->wake_ms = UINT64_MAX;
	command_tick(d);
	ack_tick(d);
	spread_tick(d);
	sync_tick(d);
	copy_tick(d);
	collect_tick(d);
	hand_tick(d);
	replica_tick(d);
	data_run(d);
}

/* --- effects */

struct data_fx *fx_new(struct data *d, enum data_fx_kind kind)
{
	struct fx *fx = xcalloc(1, sizeof *fx);

	fx->fx.kind = kind;
	TAILQ_INSERT_TAIL(&d->fx, fx, next);
	return &fx->fx;
}

struct buf *fx_bytes(struct data *d)
{
	return &TAILQ_LAST(&d->fx, fx_list)->bytes;
}

void fx_forget(struct data *d)
{
	if (d->given == NULL)
		return;
	buf_free(&d->given->bytes);
	free(d->given);
	d->given = NULL;
}

/* Told once for all that happened since. */
static bool told(struct data *d, bool *flag, enum data_fx_kind kind)
{
	bool was = *flag;

	*flag = false;
	if (was)
		fx_new(d, kind);
	return was;
}

const struct data_fx *data_next_fx(struct data *d)
{
	fx_forget(d);
	if (TAILQ_EMPTY(&d->fx) && !told(d, &d->changed, DATA_FX_CHANGED) &&
		!told(d, &d->status_changed, DATA_FX_STATUS))
		return NULL;
	d->given = TAILQ_FIRST(&d->fx);
	TAILQ_REMOVE(&d->fx, d->given, next);
	return &d->given->fx;
}

void tell_event(struct data *d, enum data_event_kind kind, const struct id128 *member,
	const char *fmt, ...)
{
	struct data_fx *fx = fx_new(d, DATA_FX_EVENT);
	va_list ap;

	fx->u.event.kind = kind;
	if (member != NULL)
		fx->u.event.member_id = *member;
	va_start(ap, fmt);
	vsnprintf(fx->u.event.text, sizeof fx->u.event.text, fmt, ap);
	va_end(ap);
}

/* --- status */

void data_status(const struct data *d, struct data_status *out)
{
	*out = (struct data_status){.entries = d->map.alive,
		.tombstones = d->map.tombstones,
		.bytes = d->map.bytes,
		.max_bytes = d->max_bytes,
		.conflicts = d->map.conflicts,
		.origins = d->vector.n,
		.index = d->index,
		.index_floor = d->floor,
		.epoch = d->epoch,
		.vector_hash = d->vector_hash,
		.data_hash = d->map.hash,
		.queued_bytes = d->queue_bytes,
		.store_error = d->store_error,
		.skewed = d->skewed,
		.skew_ms = d->skew_ms,
		.behind = d->syncs,
		.empty = d->map.alive + d->map.tombstones == 0,
		.copy = !d->copy.active ? ""
			: d->copy.whole ? "staged"
					: "copying"};
}
