#include "cli/emqx_layout.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum {
	LINE_MAX_COLS = 78,  /* the whole of it on one line; a last line with its brace */
	COMMA_MAX_COLS = 79, /* the first key's line with its comma */
	ITEM_MAX_COLS = 77,  /* a line of items without what follows the last */
	KEY_INDENT = 18,     /* strlen("Cluster status: #{") */
	LIST_INDENT = 22     /* of a list below its key: '[' is put here */
};

static bool is_bare(const char *s)
{
	if (!(*s >= 'a' && *s <= 'z'))
		return false;
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '_' && *s != '@')
			return false;
	return true;
}

/* The letter of a backslash escape for c, or 0. */
static char escape_letter(char c)
{
	static const char from[] = "'\\\n\t\r\v\b\f\033\177", to[] = "'\\ntrvbfed";
	const char *at = memchr(from, c, sizeof from - 1);

	if (at == NULL)
		return '\0';
	return to[at - from];
}

void emqx_atom(struct buf *out, const char *name)
{
	if (is_bare(name)) {
		buf_str(out, name);
		return;
	}
	buf_put(out, "'", 1);
	for (const char *p = name; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		char letter = escape_letter(*p);

		if (letter != '\0')
			buf_printf(out, "\\%c", letter);
		else if (c < ' ')
			buf_printf(out, "\\%03o", (unsigned)c);
		else
			buf_put(out, p, 1);
	}
	buf_put(out, "'", 1);
}

static void put_spaces(struct buf *out, size_t n)
{
	memset(buf_reserve(out, n), ' ', n);
	out->n += n;
}

/* `[a,b]` on one line. */
static void put_flat(struct buf *out, struct emqx_names names)
{
	buf_put(out, "[", 1);
	for (size_t i = 0; i < names.n; i++) {
		if (i > 0)
			buf_put(out, ",", 1);
		emqx_atom(out, names.item[i]);
	}
	buf_put(out, "]", 1);
}

/* A list that has a line of its own at least: items fill each line up to its limit. */
static void put_wrapped(struct buf *out, struct emqx_names names, bool last_key)
{
	struct buf atom = {0};
	size_t col = LIST_INDENT + 1;
	bool line_empty = true;

	buf_put(out, "\n", 1);
	put_spaces(out, LIST_INDENT);
	buf_put(out, "[", 1);
	for (size_t i = 0; i < names.n; i++) {
		bool at_end = last_key && i + 1 == names.n; /* a brace follows */
		size_t max = at_end ? ITEM_MAX_COLS - 1 : ITEM_MAX_COLS;

		atom.n = 0;
		emqx_atom(&atom, names.item[i]);
		if (i > 0)
			buf_put(out, ",", 1);
		if (!line_empty && col + 1 + atom.n > max) {
			buf_put(out, "\n", 1);
			put_spaces(out, LIST_INDENT + 1);
			col = LIST_INDENT + 1;
			line_empty = true;
		}
		col += atom.n + (line_empty ? 0 : 1);
		buf_put(out, atom.p, atom.n);
		line_empty = false;
	}
	buf_put(out, "]", 1);
	buf_free(&atom);
}

static void put_value(struct buf *out, const struct buf *flat, struct emqx_names names,
	size_t key_cols, bool last_key)
{
	size_t max = last_key ? LINE_MAX_COLS : COMMA_MAX_COLS;

	if (key_cols + 1 + flat->n + 1 <= max) {
		buf_put(out, " ", 1);
		buf_put(out, flat->p, flat->n);
	} else {
		put_wrapped(out, names, last_key);
	}
}

void emqx_status(struct buf *out, struct emqx_names running, struct emqx_names stopped)
{
	static const char head[] = "Cluster status: #{", k1[] = "running_nodes =>",
			  k2[] = "stopped_nodes =>";
	struct buf r = {0}, s = {0};
	size_t k1_cols = KEY_INDENT + sizeof k1 - 1, k2_cols = KEY_INDENT + sizeof k2 - 1;

	put_flat(&r, running);
	put_flat(&s, stopped);
	buf_str(out, head);
	buf_str(out, k1);
	if (k1_cols + 1 + r.n + 1 + sizeof k2 - 1 + 1 + s.n + 1 <= LINE_MAX_COLS) {
		buf_put(out, " ", 1);
		buf_put(out, r.p, r.n);
		buf_str(out, ",");
		buf_str(out, k2);
		buf_put(out, " ", 1);
		buf_put(out, s.p, s.n);
	} else {
		put_value(out, &r, running, k1_cols, false);
		buf_str(out, ",\n");
		put_spaces(out, KEY_INDENT);
		buf_str(out, k2);
		put_value(out, &s, stopped, k2_cols, true);
	}
	buf_str(out, "}\n");
	buf_free(&r);
	buf_free(&s);
}

static void put_json_string(struct buf *out, const char *s)
{
	buf_put(out, "\"", 1);
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", *s);
		else if (c < ' ')
			buf_printf(out, "\\u%04x", (unsigned)c);
		else
			buf_put(out, s, 1);
	}
	buf_put(out, "\"", 1);
}

/* An empty array is a line of four blanks: so jsone writes it. */
static void put_json_array(struct buf *out, const char *key, struct emqx_names names)
{
	buf_printf(out, "  \"%s\" : [\n    ", key);
	for (size_t i = 0; i < names.n; i++) {
		if (i > 0)
			buf_str(out, ",\n    ");
		put_json_string(out, names.item[i]);
	}
	buf_str(out, "\n  ]");
}

void emqx_status_json(struct buf *out, struct emqx_names running, struct emqx_names stopped)
{
	buf_str(out, "{\n");
	put_json_array(out, "running_nodes", running);
	buf_str(out, ",\n");
	put_json_array(out, "stopped_nodes", stopped);
	buf_str(out, "\n}\n");
}
