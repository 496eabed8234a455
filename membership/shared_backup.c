#include "membership/shared_backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/kvline.h"
#include "common/base/mem.h"

enum { PIECE_BYTES = 256 * 1024 };

/* What is to be done when the store has answered the step that is with it. */
enum then { THEN_NOTHING, THEN_MORE, THEN_TELL, THEN_START };

struct backup {
	char *data_dir, name[64];
	struct data *data;
	struct state *state;
	struct buf after, piece; /* the last key that was read */
	bool with_store;
	enum then then;
	backup_done *done;
	void *ctx;
};

static void put_item(struct buf *out, const struct data_item *item)
{
	struct kvline_field field[KVLINE_FIELDS_MAX];
	size_t n = 0;

	field[n++] = (struct kvline_field){(const uint8_t *)item->key.p, item->key.n};
	field[n++] = (struct kvline_field){(const uint8_t *)item->value.p, item->value.n};
	for (size_t i = 0; item->conflict && i < item->n_siblings && n < KVLINE_FIELDS_MAX;
		i++) {
		const struct data_value *v = &item->sibling[i];

		field[n++] =
			(struct kvline_field){v->deleted ? NULL : (const uint8_t *)v->value.p,
				v->value.n};
	}
	kvline_put(out, field, n);
}

/* True when that was the last of it. */
static bool read_piece(struct backup *b)
{
	struct msg_span none = {"", 0};
	struct data_item item;

	while (b->piece.n < PIECE_BYTES) {
		struct msg_span after = {b->after.n == 0 ? NULL : (const char *)b->after.p,
			(uint32_t)b->after.n};

		if (!data_next(b->data, none, after, &item))
			return true;
		put_item(&b->piece, &item);
		b->after.n = 0;
		buf_put(&b->after, item.key.p, item.key.n);
	}
	return false;
}

static void on_step(void *ctx, int error);

static void step(struct backup *b, enum backup_what what)
{
	b->with_store = true;
	state_backup(b->state,
		&(struct backup_step){.what = what,
			.data_dir = b->data_dir,
			.name = b->name,
			.bytes = b->piece.p,
			.n = b->piece.n},
		on_step, b);
	b->piece.n = 0;
}

static void next_piece(struct backup *b)
{
	bool last = read_piece(b);

	b->then = last ? THEN_TELL : THEN_MORE;
	step(b, last ? BACKUP_END : BACKUP_MORE);
}

static void begin(struct backup *b)
{
	b->then = THEN_MORE;
	b->after.n = b->piece.n = 0;
	buf_str(&b->piece, KVLINE_HEADER);
	step(b, BACKUP_BEGIN);
}

static void tell(struct backup *b, int error)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/backup/%s", b->data_dir, b->name);
	b->then = THEN_NOTHING;
	b->done(b->ctx, error, error == 0 ? path : "");
}

static void on_step(void *ctx, int error)
{
	struct backup *b = ctx;

	b->with_store = false;
	if (b->then == THEN_START)
		begin(b);
	else if (b->then != THEN_NOTHING && (error != 0 || b->then == THEN_TELL))
		tell(b, error);
	else if (b->then == THEN_MORE)
		next_piece(b);
}

static void name_it(struct backup *b, const char *reason)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&now, &tm);
	n = strftime(b->name, sizeof b->name, "%Y%m%dT%H%M%SZ", &tm);
	snprintf(b->name + n, sizeof b->name - n, "-%s.kv", reason);
}

void backup_start(struct backup *b, struct data *data, struct state *state, const char *reason,
	backup_done *done, void *ctx)
{
	b->data = data;
	b->state = state;
	b->done = done;
	b->ctx = ctx;
	name_it(b, reason);
	if (b->with_store)
		b->then = THEN_START;
	else
		begin(b);
}

void backup_cancel(struct backup *b)
{
	b->then = THEN_NOTHING; /* what is unfinished goes with the next one, or at the end */
}

struct backup *backup_new(const char *data_dir)
{
	struct backup *b = xcalloc(1, sizeof *b);

	b->data_dir = xstrdup(data_dir);
	return b;
}

void backup_free(struct backup *b)
{
	if (b == NULL)
		return;
	buf_free(&b->after);
	buf_free(&b->piece);
	free(b->data_dir);
	free(b);
}
