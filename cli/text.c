#include "cli/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"

enum { COLUMN_GAP = 2, C1_LEAD = 0xc2, C1_END = 0xa0 };

void text_clean(struct buf *out, struct msg_span s)
{
	for (uint32_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool c1 = c == C1_LEAD && i + 1 < s.n && (unsigned char)s.p[i + 1] < C1_END;

		buf_put(out, c < ' ' || c == 0x7f || c1 ? "?" : &s.p[i], 1);
		i += c1;
	}
}

void text_sentences(struct buf *out, struct msg_span first, struct msg_span second)
{
	text_clean(out, first);
	if (first.n > 0 && second.n > 0)
		buf_str(out, strchr(".:!?", first.p[first.n - 1]) != NULL ? " " : ". ");
	text_clean(out, second);
}

char *text_time(uint64_t wall_ms, bool ms, char out[TEXT_TIME_MAX])
{
	time_t sec = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t n;

	if (gmtime_r(&sec, &tm) == NULL || tm.tm_year > 9999 - 1900) {
		snprintf(out, TEXT_TIME_MAX, "?");
		return out;
	}
	n = strftime(out, TEXT_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	if (ms)
		snprintf(out + n, TEXT_TIME_MAX - n, ".%03uZ", (unsigned)(wall_ms % 1000));
	else
		snprintf(out + n, TEXT_TIME_MAX - n, "Z");
	return out;
}

void text_table_init(struct text_table *t, const char *const *title, size_t n_cols)
{
	*t = (struct text_table){.title = title, .n_cols = n_cols};
}

void text_table_free(struct text_table *t)
{
	buf_free(&t->cells);
}

void text_cell(struct text_table *t, struct msg_span s)
{
	if (s.n == 0)
		s = msg_str("-");
	text_clean(&t->cells, s);
	buf_put(&t->cells, "", 1);
	t->n_cells++;
}

void text_cellf(struct text_table *t, const char *fmt, ...)
{
	char s[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s, sizeof s, fmt, ap);
	va_end(ap);
	text_cell(t, msg_str(s));
}

/* Columns on a terminal, taking every UTF-8 character as one wide. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void put_padded(struct buf *out, const char *s, size_t width, bool last)
{
	size_t n = width_of(s);

	buf_str(out, s);
	if (last) {
		buf_put(out, "\n", 1);
		return;
	}
	for (; n < width + COLUMN_GAP; n++)
		buf_put(out, " ", 1);
}

void text_table_put(const struct text_table *t, struct buf *out)
{
	size_t *width = xcalloc(t->n_cols, sizeof *width);
	const char *s = (const char *)t->cells.p;

	assert(t->n_cells % t->n_cols == 0);
	for (size_t i = 0; i < t->n_cols; i++)
		width[i] = width_of(t->title[i]);
	for (size_t i = 0; i < t->n_cells; i++, s += strlen(s) + 1)
		if (width_of(s) > width[i % t->n_cols])
			width[i % t->n_cols] = width_of(s);
	for (size_t i = 0; i < t->n_cols; i++)
		put_padded(out, t->title[i], width[i], i + 1 == t->n_cols);
	s = (const char *)t->cells.p;
	for (size_t i = 0; i < t->n_cells; i++, s += strlen(s) + 1)
		put_padded(out, s, width[i % t->n_cols], (i + 1) % t->n_cols == 0);
	free(width);
}
