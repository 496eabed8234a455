#include "test/sim/disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

/* Before each key in the log; then key and value. */
struct entry {
	uint32_t key_n, value_n;
	uint32_t deleted, skipped; /* skipped: its transaction failed */
};

void disk_free(struct disk *d)
{
	buf_free(&d->log);
	free(d->batch);
	*d = (struct disk){0};
}

void disk_wipe(struct disk *d)
{
	d->log.n = 0;
	d->n_batches = d->n_committed = 0;
}

void disk_write(struct disk *d, enum disk_owner owner, uint64_t seq, const struct core_write *w,
	size_t n)
{
	if (d->n_batches == d->cap_batches) {
		d->cap_batches = d->cap_batches == 0 ? 64 : d->cap_batches * 2;
		d->batch = xrealloc(d->batch, d->cap_batches, sizeof *d->batch);
	}
	for (size_t i = 0; i < n && !d->forget; i++) {
		struct entry e = {.key_n = (uint32_t)w[i].key_n,
			.value_n = (uint32_t)w[i].value_n,
			.deleted = w[i].value == NULL};

		if (e.deleted)
			e.value_n = 0;
		buf_put(&d->log, &e, sizeof e);
		buf_put(&d->log, w[i].key, e.key_n);
		if (e.value_n > 0)
			buf_put(&d->log, w[i].value, e.value_n);
	}
	d->batch[d->n_batches++] =
		(struct disk_batch){.owner = owner, .seq = seq, .end = d->log.n};
}

const struct disk_batch *disk_pending(const struct disk *d)
{
	return d->n_committed < d->n_batches ? &d->batch[d->n_committed] : NULL;
}

static size_t batch_start(const struct disk *d, size_t i)
{
	return i == 0 ? 0 : d->batch[i - 1].end;
}

void disk_commit(struct disk *d, bool failed)
{
	size_t i = d->n_committed, at = batch_start(d, i);

	assert(i < d->n_batches);
	while (failed && at < d->batch[i].end) {
		struct entry e;

		memcpy(&e, d->log.p + at, sizeof e);
		e.skipped = 1;
		memcpy(d->log.p + at, &e, sizeof e);
		at += sizeof e + e.key_n + e.value_n;
	}
	d->n_committed++;
	if (d->forget && d->n_committed == d->n_batches)
		d->n_batches = d->n_committed = 0;
}

void disk_crash(struct disk *d, size_t keep)
{
	assert(d->n_committed + keep <= d->n_batches);
	d->n_committed += keep;
	d->n_batches = d->n_committed;
	d->log.n = batch_start(d, d->n_batches);
}

void disk_roll_back(struct disk *d, size_t n)
{
	assert(d->n_committed == d->n_batches);
	if (d->n_batches == 0)
		return;
	if (n > d->n_batches - 1)
		n = d->n_batches - 1;
	d->n_batches -= n;
	d->n_committed = d->n_batches;
	d->log.n = batch_start(d, d->n_batches);
}

void disk_copy(struct disk *to, const struct disk *from)
{
	disk_wipe(to);
	if (from->n_batches == 0)
		return;
	buf_put(&to->log, from->log.p, batch_start(from, from->n_committed));
	to->batch = xrealloc(to->batch, from->n_committed + 1, sizeof *to->batch);
	to->cap_batches = from->n_committed + 1;
	memcpy(to->batch, from->batch, from->n_committed * sizeof *to->batch);
	to->n_batches = to->n_committed = from->n_committed;
}

static struct core_kv *find(struct core_kv *kv, size_t n, const struct core_kv *key)
{
	for (size_t i = 0; i < n; i++)
		if (kv[i].key_n == key->key_n && memcmp(kv[i].key, key->key, key->key_n) == 0)
			return &kv[i];
	return NULL;
}

/* A later entry of the same key takes the earlier one's place. */
static void apply(struct core_kv **kv, size_t *n, size_t *cap, const struct entry *e,
	const struct core_kv *new)
{
	struct core_kv *old = find(*kv, *n, new);

	if (e->deleted) {
		if (old != NULL)
			*old = (*kv)[--*n];
		return;
	}
	if (old != NULL) {
		*old = *new;
		return;
	}
	if (*n == *cap) {
		*cap = *cap == 0 ? 32 : *cap * 2;
		*kv = xrealloc(*kv, *cap, sizeof **kv);
	}
	(*kv)[(*n)++] = *new;
}

struct core_kv *disk_load(const struct disk *d, enum disk_part part, size_t *n)
{
	size_t end = batch_start(d, d->n_committed), at = 0, cap = 0, batch = 0;
	struct core_kv *kv = NULL;

	*n = 0;
	while (at < end) {
		struct core_kv new;
		struct entry e;

		memcpy(&e, d->log.p + at, sizeof e);
		while (at >= d->batch[batch].end)
			batch++;
		new.key = d->log.p + at + sizeof e;
		new.key_n = e.key_n;
		new.value = new.key + e.key_n;
		new.value_n = e.value_n;
		if (!e.skipped && (part == DISK_ALL || d->batch[batch].owner == DISK_CORE))
			apply(&kv, n, &cap, &e, &new);
		at += sizeof e + e.key_n + e.value_n;
	}
	return kv;
}
