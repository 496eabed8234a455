#ifndef CLI_TEXT_H
#define CLI_TEXT_H
/* Text for people. What comes from other machines is stripped of control characters: it must not steer a terminal. Pure. */
#include "common/base/buf.h"
#include "common/msg/msg.h"

enum { TEXT_TIME_MAX = 32 };

/* Appends s with every control character (C0, DEL, C1 in UTF-8) replaced by '?'. */
void text_clean(struct buf *out, struct msg_span s);
/* Two sentences on one line, cleaned, parted by the full stop that the first may lack. Either may be empty. */
void text_sentences(struct buf *out, struct msg_span first, struct msg_span second);
/* RFC 3339 in UTC, with milliseconds when ms is true. Returns out. */
char *text_time(uint64_t wall_ms, bool ms, char out[TEXT_TIME_MAX]);

/*
 * A table: cells are appended row by row, then printed with each column as wide as its widest cell. An empty cell is
 * shown as `-`. Columns that are empty in all rows stay.
 */
struct text_table {
	const char *const *title;
	size_t n_cols;
	struct buf cells; /* NUL-terminated strings */
	size_t n_cells;
};

void text_table_init(struct text_table *t, const char *const *title, size_t n_cols);
void text_table_free(struct text_table *t);
void text_cell(struct text_table *t, struct msg_span s);
void text_cellf(struct text_table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void text_table_put(const struct text_table *t, struct buf *out);

#endif
