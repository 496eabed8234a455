#include "membership/store/state_log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

enum { DELETED = 1, ALIGN = 8 };

/* Behind it, n bytes of writes, each a struct head, its key and its value; zeros up to the next multiple of 8. */
struct record {
	uint64_t lap, sum;
	uint32_t n;
	uint32_t
		before; /* bytes of the lap before, when that had not been taken over: all of it was acknowledged */
};

struct head {
	uint32_t value_n;
	uint16_t key_n, flags;
};

static uint64_t sum(const struct record *r, const uint8_t *body)
{
	return hash64_seed(body, r->n, r->lap ^ ((uint64_t)r->before << 32 | r->n));
}

static size_t padded(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static uint64_t lap_after(uint64_t lap)
{
	uint64_t next = hash64(&lap, sizeof lap);

	return next != 0 ? next : 1;
}

/* --- the file --- */

void state_log_close(struct state_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	for (int i = 0; i < 2; i++)
		buf_free(&l->half[i].image);
	state_log_index_free(l);
}

static int write_at(int fd, const uint8_t *p, size_t n, size_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		p += done;
		n -= (size_t)done;
		at += (size_t)done;
	}
	return 0;
}

static int write_zeros(int fd)
{
	static const uint8_t zeros[65536];
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < STATE_LOG_BYTES; at += sizeof zeros)
		rc = write_at(fd, zeros, sizeof zeros, at);
	return rc == 0 && fsync(fd) != 0 ? -errno : rc;
}

int state_log_make(struct state_log *l, int dir_fd)
{
	int rc;

	if (l->fd < 0)
		l->fd = openat(dir_fd, STATE_LOG_FILE,
			O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (l->fd < 0)
		return -errno;
	rc = write_zeros(l->fd);
	if (rc == 0 && fsync(dir_fd) != 0)
		rc = -errno;
	if (rc != 0) {
		state_log_close(l);
		(void)unlinkat(dir_fd, STATE_LOG_FILE, 0); /* what it took others may need */
	}
	return rc;
}

/* --- reading --- */

/* A write at p, whose record ends at end; what is behind it, NULL if it isn't whole. */
static const uint8_t *write_read(const uint8_t *p, const uint8_t *end, struct core_write *w)
{
	struct head h;

	if ((size_t)(end - p) < sizeof h)
		return NULL;
	memcpy(&h, p, sizeof h);
	p += sizeof h;
	if ((size_t)(end - p) < (size_t)h.key_n + h.value_n)
		return NULL;
	*w = (struct core_write){.key = p,
		.key_n = h.key_n,
		.value = (h.flags & DELETED) != 0 ? NULL : p + h.key_n,
		.value_n = h.value_n};
	return p + h.key_n + h.value_n;
}

static bool writes_whole(const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	struct core_write w;

	while (p != NULL && p < end)
		p = write_read(p, end, &w);
	return p != NULL;
}

/* A whole record of this lap at p, where left bytes are; its padded length or 0. */
static size_t record_at(const uint8_t *p, size_t left, uint64_t lap)
{
	struct record r;

	if (left < sizeof r)
		return 0;
	memcpy(&r, p, sizeof r);
	if (r.lap != lap || r.n > left - sizeof r || r.sum != sum(&r, p + sizeof r))
		return 0;
	return padded(sizeof r + r.n);
}

static int read_file(int fd, struct buf *out)
{
	uint8_t *to = buf_reserve(out, STATE_LOG_BYTES);
	ssize_t n;

	do
		n = pread(fd, to + out->n, STATE_LOG_BYTES - out->n, (off_t)out->n);
	while ((n < 0 && errno == EINTR) || (n > 0 && (out->n += (size_t)n) < STATE_LOG_BYTES));
	return n < 0 ? -errno : 0;
}

/* The bytes of this lap's records from the half's beginning on. */
static size_t prefix(const uint8_t *half, uint64_t lap)
{
	size_t at = 0, n;

	while ((n = record_at(half + at, STATE_LAP_BYTES - at, lap)) > 0 &&
		n <= STATE_LAP_BYTES - at)
		at += n;
	return at;
}

/* Is one of this lap behind its whole ones? It was acknowledged, so those before it had been whole. */
static bool stray(const uint8_t *half, size_t from, uint64_t lap)
{
	for (size_t at = from; at < STATE_LAP_BYTES; at += ALIGN)
		if (record_at(half + at, STATE_LAP_BYTES - at, lap) > 0)
			return true;
	return false;
}

/* Their sums are right: where one is not made of whole writes, nothing of ours wrote it. */
static bool all_whole(const uint8_t *half, size_t n)
{
	bool whole = true;

	for (size_t at = 0; at < n;) {
		struct record r;

		memcpy(&r, half + at, sizeof r);
		whole &= writes_whole(half + at + sizeof r, r.n);
		at += padded(sizeof r + r.n);
	}
	return whole;
}

static int take_half(struct state_half *h, const uint8_t *from, uint64_t lap)
{
	size_t n = prefix(from, lap);

	h->lap = lap;
	if (!all_whole(from, n) || stray(from, n, lap))
		return -EUCLEAN;
	if (n > 0)
		buf_put(&h->image, from, n);
	return 0;
}

/* Where the lap is, if anywhere, and behind it the next one. */
static int read_laps(struct state_log *l, const uint8_t *file, uint64_t lap)
{
	unsigned first = prefix(file, lap) == 0 && prefix(file + STATE_LAP_BYTES, lap) > 0;
	const uint8_t *other = file + (size_t)(1 - first) * STATE_LAP_BYTES;
	struct state_half *h = &l->half[first], *next = &l->half[1 - first];
	struct record r;
	int rc = take_half(h, file + (size_t)first * STATE_LAP_BYTES, lap);

	l->now = first;
	if (rc == 0 && stray(other, 0, lap))
		rc = -EUCLEAN;
	if (rc == 0)
		rc = take_half(next, other, lap_after(lap));
	if (rc != 0 || next->image.n == 0)
		return rc;
	memcpy(&r, other, sizeof r);
	l->now = 1 - first;
	l->behind = true;
	return h->image.n > 0 && r.before == h->image.n ? 0 : -EUCLEAN;
}

static int read_records(struct state_log *l, uint64_t lap)
{
	struct buf file = {0};
	int rc = read_file(l->fd, &file);

	if (rc == 0 && file.n < STATE_LOG_BYTES)
		rc = -EUCLEAN; /* it was made in its full size before the database knew of it */
	if (rc == 0)
		rc = read_laps(l, file.p, lap);
	l->used = true; /* behind them may be one that nobody was told of */
	buf_free(&file);
	return rc;
}

int state_log_open(struct state_log *l, int dir_fd, uint64_t lap)
{
	l->fd = openat(dir_fd, STATE_LOG_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (l->fd < 0)
		return errno != ENOENT ? -errno : lap == 0 ? 0 : -EUCLEAN;
	if (lap != 0)
		return read_records(l, lap);
	state_log_close(l); /* its making was cut off, it is made anew */
	return 0;
}

/* --- the last of each key --- */

static int by_key(const void *a, const void *b)
{
	const struct core_write *x = a, *y = b;
	int rc = memcmp(x->key, y->key, x->key_n < y->key_n ? x->key_n : y->key_n);

	return rc != 0 ? rc : (x->key_n > y->key_n) - (x->key_n < y->key_n);
}

struct logged {
	struct core_write w;
	size_t place;
};

struct gathering {
	struct logged *list;
	size_t n, cap;
};

static int by_key_and_place(const void *a, const void *b)
{
	const struct logged *x = a, *y = b;
	int rc = by_key(&x->w, &y->w);

	return rc != 0 ? rc : (x->place > y->place) - (x->place < y->place);
}

static void gather(struct gathering *g, const struct core_write *w)
{
	if (g->n == g->cap) {
		g->cap = g->cap == 0 ? 256 : 2 * g->cap;
		g->list = xrealloc(g->list, g->cap, sizeof *g->list);
	}
	g->list[g->n] = (struct logged){*w, g->n};
	g->n++;
}

static void gather_half(struct gathering *g, const struct buf *image)
{
	for (size_t at = 0, next; at < image->n; at = next) {
		struct record r;
		const uint8_t *w = image->p + at + sizeof r, *end;

		memcpy(&r, image->p + at, sizeof r);
		next = at + padded(sizeof r + r.n);
		end = w + r.n;
		while (w != NULL && w < end) {
			struct core_write write;

			w = write_read(w, end, &write);
			if (w != NULL)
				gather(g, &write);
		}
	}
}

struct state_last state_log_last(const struct state_log *l, bool all)
{
	struct gathering g = {.n = 0};
	struct state_last last = {.n = 0};

	if (l->behind)
		gather_half(&g, &l->half[1 - l->now].image);
	if (all)
		gather_half(&g, &l->half[l->now].image);
	if (g.n > 0)
		qsort(g.list, g.n, sizeof *g.list, by_key_and_place);
	last.write = xcalloc(g.n, sizeof *last.write);
	for (size_t i = 0; i < g.n; i++)
		if (i + 1 == g.n || by_key(&g.list[i].w, &g.list[i + 1].w) != 0)
			last.write[last.n++] = g.list[i].w;
	free(g.list);
	return last;
}

void state_log_index(struct state_log *l)
{
	state_log_index_free(l);
	l->last = state_log_last(l, true);
}

void state_log_index_free(struct state_log *l)
{
	free(l->last.write);
	l->last = (struct state_last){.n = 0};
}

const struct core_write *state_log_find(const struct state_log *l, const void *key, size_t n)
{
	const struct core_write wanted = {.key = key, .key_n = n};

	if (l->last.n == 0)
		return NULL;
	return bsearch(&wanted, l->last.write, l->last.n, sizeof wanted, by_key);
}

/* --- adding --- */

static size_t bytes_of(const struct state_batch *b)
{
	size_t n = sizeof(struct record) + ALIGN;

	for (; b != NULL; b = b->next)
		for (size_t i = 0; b->owner == STATE_DATA && i < b->n; i++)
			n += sizeof(struct head) + b->write[i].key_n + b->write[i].value_n;
	return n;
}

bool state_log_empty(const struct state_log *l)
{
	return !l->behind && l->half[l->now].image.n == 0;
}

bool state_log_takes(const struct state_log *l, const struct state_batch *first)
{
	return l->fd >= 0 && state_log_lap(l) != 0 && !l->failed &&
	       bytes_of(first) <= STATE_LOG_BATCH_BYTES;
}

bool state_log_fits(const struct state_log *l, const struct state_batch *first)
{
	return l->half[l->now].image.n + bytes_of(first) <= STATE_LAP_BYTES;
}

void state_log_turn(struct state_log *l)
{
	uint64_t next = lap_after(state_log_lap(l));

	assert(!l->behind);
	assert(l->half[l->now].image.n > 0);
	l->behind = true;
	l->now = 1 - l->now;
	l->half[l->now].lap = next;
}

static void put_writes(struct buf *out, const struct state_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct core_write *w = &b->write[i];
		struct head h = {.value_n = w->value == NULL ? 0 : (uint32_t)w->value_n,
			.key_n = (uint16_t)w->key_n,
			.flags = w->value == NULL ? DELETED : 0};

		buf_put(out, &h, sizeof h);
		buf_put(out, w->key, w->key_n);
		if (h.value_n > 0)
			buf_put(out, w->value, w->value_n);
	}
}

int state_log_add(struct state_log *l, const struct state_batch *first)
{
	static const uint8_t zeros[ALIGN];
	struct buf *image = &l->half[l->now].image;
	struct record r = {.lap = state_log_lap(l)};
	size_t at = image->n;
	int rc;

	if (l->behind)
		r.before = (uint32_t)l->half[1 - l->now].image.n;
	buf_put(image, &r, sizeof r);
	for (const struct state_batch *b = first; b != NULL; b = b->next)
		if (b->owner == STATE_DATA)
			put_writes(image, b);
	r.n = (uint32_t)(image->n - at - sizeof r);
	r.sum = sum(&r, image->p + at + sizeof r);
	memcpy(image->p + at, &r, sizeof r);
	buf_put(image, zeros, padded(image->n) - image->n);
	l->used = true;
	rc = write_at(l->fd, image->p + at, image->n - at,
		(size_t)l->now * STATE_LAP_BYTES + at);
	if (rc == 0 && fdatasync(l->fd) != 0)
		rc = -errno;
	if (rc != 0) {
		l->failed = true;
		image->n = at;
	}
	return rc;
}

uint64_t state_log_draw_lap(void)
{
	uint64_t lap = 0;

	while (lap == 0)
		if (getrandom(&lap, sizeof lap, 0) != sizeof lap && errno != EINTR)
			return 0;
	return lap;
}

void state_log_taken(struct state_log *l)
{
	buf_free(&l->half[1 - l->now].image);
	l->behind = false;
}

void state_log_clear(struct state_log *l, uint64_t lap)
{
	for (int i = 0; i < 2; i++)
		buf_free(&l->half[i].image);
	state_log_index_free(l);
	l->half[l->now].lap = lap;
	l->behind = l->used = l->failed = false;
}
