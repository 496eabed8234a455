#include "membership/store/state_log.h"

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
	uint64_t n;
};

struct head {
	uint32_t value_n;
	uint16_t key_n, flags;
};

static uint64_t sum(const struct record *r, const uint8_t *body)
{
	return hash64_seed(body, (size_t)r->n, r->lap ^ r->n);
}

static size_t padded(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* --- the file --- */

void state_log_close(struct state_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	buf_free(&l->image);
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
	static const uint8_t zeros[4096];
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
	return padded(sizeof r + (size_t)r.n);
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

static int read_records(struct state_log *l)
{
	size_t at = 0, end, n;
	int rc = read_file(l->fd, &l->image);

	if (rc == 0 && l->image.n < STATE_LOG_BYTES)
		rc = -EUCLEAN; /* it was made in its full size before the database knew of it */
	end = l->image.n;
	while ((n = record_at(l->image.p + at, end - at, l->lap)) > 0 && n <= end - at) {
		struct record r;

		memcpy(&r, l->image.p + at, sizeof r);
		if (!writes_whole(l->image.p + at + sizeof r, (size_t)r.n))
			rc = -EUCLEAN; /* its sum is right: nothing of ours wrote this */
		at += n;
	}
	for (size_t i = at; rc == 0 && i < end; i += ALIGN)
		if (record_at(l->image.p + i, end - i, l->lap) > 0)
			rc = -EUCLEAN; /* this one was acknowledged, so those before it were whole */
	l->image.n = at;
	l->used = true; /* behind them may be one that nobody was told of */
	if (at == 0)
		buf_free(&l->image);
	return rc;
}

int state_log_open(struct state_log *l, int dir_fd, uint64_t lap)
{
	l->lap = lap;
	l->fd = openat(dir_fd, STATE_LOG_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (l->fd < 0)
		return errno != ENOENT ? -errno : lap == 0 ? 0 : -EUCLEAN;
	if (lap != 0)
		return read_records(l);
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

static int by_key_and_place(const void *a, const void *b)
{
	const struct core_write *x = a, *y = b;
	int rc = by_key(a, b);

	return rc != 0 ? rc : (x->key > y->key) - (x->key < y->key);
}

static int gather(void *ctx, const struct core_write *w)
{
	struct state_log *l = ctx;

	l->last = xrealloc(l->last, l->n_last + 1, sizeof *l->last);
	l->last[l->n_last++] = *w;
	return 0;
}

void state_log_index(struct state_log *l)
{
	size_t kept = 0;

	state_log_index_free(l);
	(void)state_log_each(l, gather, l);
	if (l->n_last == 0)
		return;
	qsort(l->last, l->n_last, sizeof *l->last, by_key_and_place);
	for (size_t i = 0; i < l->n_last; i++)
		if (i + 1 == l->n_last || by_key(&l->last[i], &l->last[i + 1]) != 0)
			l->last[kept++] = l->last[i];
	l->n_last = kept;
}

void state_log_index_free(struct state_log *l)
{
	free(l->last);
	l->last = NULL;
	l->n_last = 0;
}

const struct core_write *state_log_find(const struct state_log *l, const void *key, size_t n)
{
	const struct core_write wanted = {.key = key, .key_n = n};

	if (l->n_last == 0)
		return NULL;
	return bsearch(&wanted, l->last, l->n_last, sizeof *l->last, by_key);
}

/* --- all of them --- */

int state_log_each(const struct state_log *l, int (*fn)(void *ctx, const struct core_write *w),
	void *ctx)
{
	const uint8_t *p = l->image.p;
	int rc = 0;

	for (size_t at = 0, next; at < l->image.n; at = next) {
		struct record r;
		const uint8_t *w = p + at + sizeof r, *end;

		memcpy(&r, p + at, sizeof r);
		next = at + padded(sizeof r + (size_t)r.n);
		end = w + r.n;
		while (w != NULL && w < end && rc == 0) {
			struct core_write write;

			w = write_read(w, end, &write);
			if (w != NULL)
				rc = fn(ctx, &write);
		}
	}
	return rc;
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

bool state_log_fits(const struct state_log *l, const struct state_batch *first)
{
	size_t n = bytes_of(first);

	return l->fd >= 0 && l->lap != 0 && !l->failed && n <= STATE_LOG_BYTES / 2 &&
	       l->image.n + n <= STATE_LOG_BYTES;
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
	struct record r = {.lap = l->lap};
	size_t at = l->image.n;
	int rc;

	buf_put(&l->image, &r, sizeof r);
	for (const struct state_batch *b = first; b != NULL; b = b->next)
		if (b->owner == STATE_DATA)
			put_writes(&l->image, b);
	r.n = l->image.n - at - sizeof r;
	r.sum = sum(&r, l->image.p + at + sizeof r);
	memcpy(l->image.p + at, &r, sizeof r);
	buf_put(&l->image, zeros, padded(l->image.n) - l->image.n);
	l->used = true;
	rc = write_at(l->fd, l->image.p + at, l->image.n - at, at);
	if (rc == 0 && fdatasync(l->fd) != 0)
		rc = -errno;
	if (rc != 0) {
		l->failed = true;
		l->image.n = at;
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

void state_log_empty(struct state_log *l, uint64_t lap)
{
	buf_free(&l->image);
	state_log_index_free(l);
	l->lap = lap;
	l->used = l->failed = false;
}
