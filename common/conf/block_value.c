#include "common/conf/block_value.h"

#include <string.h>

struct out {
	char *p;
	size_t n, cap;
	bool full;
};

static void put(struct out *o, const char *p, size_t n)
{
	if (n >= o->cap - o->n) {
		o->full = true;
		return;
	}
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static bool at(const struct block *b, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(b->end - b->p) >= n && !memcmp(b->p, s, n);
}

size_t block_blank(const struct block *b)
{
	/* what is pasted from a web page is full of the first of these */
	static const char *const wide[] = {"\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xaf",
		"\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf"};

	if (b->p == b->end)
		return 0;
	if (*b->p == ' ' || *b->p == '\t' || *b->p == '\r')
		return 1;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		if (at(b, wide[i]))
			return strlen(wide[i]);
	/* U+2000 to U+200a */
	return at(b, "\xe2\x80") && b->end - b->p > 2 && (unsigned char)b->p[2] >= 0x80 &&
			       (unsigned char)b->p[2] <= 0x8a
		       ? 3
		       : 0;
}

void block_skip_blanks(struct block *b)
{
	while (block_blank(b))
		b->p += block_blank(b);
}

bool block_at_comment(const struct block *b)
{
	return at(b, "#") || at(b, ";") || at(b, "//");
}

void block_skip_line(struct block *b)
{
	while (b->p < b->end && *b->p != '\n')
		b->p++;
}

/* A quoted string, quotes and escapes as they are. */
static const char *copy_quoted(struct block *b, struct out *o)
{
	if (at(b, "\"\"\""))
		return "triple quotes are not supported; write the text in one line with \\n";
	put(o, b->p++, 1);
	for (; b->p < b->end && *b->p != '\n'; b->p++) {
		put(o, b->p, 1);
		if (*b->p == '"') {
			b->p++;
			return NULL;
		}
		if (*b->p == '\\' && b->p + 1 < b->end && b->p[1] != '\n')
			put(o, ++b->p, 1);
	}
	return "a quote \" is not closed in its line";
}

/* `[::1]:4370` and `[::1]` are hosts, no lists. */
static bool at_bracketed_host(const struct block *b)
{
	const char *p = b->p + 1;
	bool colon = false;

	while (p < b->end && strchr("0123456789abcdefABCDEF:.", *p))
		colon |= *p++ == ':';
	return colon && p < b->end && *p == ']';
}

static const char *copy_item_char(struct block *b, struct out *o, bool *in_host)
{
	if (at(b, "${"))
		return "substitutions ${...} are not supported; write the value itself, or in quotes";
	if (*b->p == '[')
		*in_host = true;
	else if (*b->p == ']')
		*in_host = false;
	put(o, b->p++, 1);
	return NULL;
}

/* `[ … ]` over any number of lines. Line breaks part items as commas do. */
static const char *copy_list(struct block *b, struct out *o)
{
	const char *wrong = NULL;
	bool fresh = true, in_host = false;

	put(o, b->p++, 1);
	while (b->p < b->end && !wrong) {
		size_t blank = block_blank(b);
		char c = *b->p;

		if (c == '\n' || blank || c == ',') {
			put(o, c == ',' ? "," : " ", 1);
			b->line += c == '\n';
			b->p += blank ? blank : 1;
			fresh = true;
			in_host = false;
			continue;
		}
		if (c == ']' && !in_host) {
			put(o, b->p++, 1);
			return NULL;
		}
		if (fresh && block_at_comment(b)) {
			block_skip_line(b);
			continue;
		}
		if (c == '{')
			return "blocks inside a list are not supported";
		if (c == '[' && fresh && !at_bracketed_host(b))
			return "lists inside a list are not supported";
		fresh = false;
		wrong = c == '"' ? copy_quoted(b, o) : copy_item_char(b, o, &in_host);
	}
	return wrong ? wrong : "a list [ is not closed";
}

/* The rest of a line without its comment; inside a block also up to `,` or `}`. */
static const char *copy_plain(struct block *b, struct out *o)
{
	const char *wrong = NULL;
	bool apart = true; /* a blank before, so that a comment may begin */

	while (b->p < b->end && *b->p != '\n' && !wrong) {
		size_t blank = block_blank(b);
		char c = *b->p;

		if (b->depth && (c == ',' || c == '}'))
			break;
		if (apart && block_at_comment(b)) {
			block_skip_line(b);
			break;
		}
		if (at(b, "${"))
			return "substitutions ${...} are not supported; write the value itself, or in "
			       "quotes";
		apart = blank;
		if (c == '"') {
			wrong = copy_quoted(b, o);
			continue;
		}
		put(o, blank ? " " : b->p, 1);
		b->p += blank ? blank : 1;
	}
	while (o->n && o->p[o->n - 1] == ' ')
		o->n--;
	return wrong;
}

const char *block_copy_value(struct block *b)
{
	struct out o = {.p = b->value, .cap = sizeof b->value};
	const char *wrong;

	block_skip_blanks(b);
	if (b->p < b->end && *b->p == '[' && !at_bracketed_host(b))
		wrong = copy_list(b, &o);
	else
		wrong = copy_plain(b, &o);
	if (!wrong && o.full)
		wrong = "the value is too long; at most 64 KiB";
	b->value[o.n] = '\0';
	return wrong;
}

static const char *skip_quoted(struct block *b)
{
	const char *quote = at(b, "\"\"\"") ? "\"\"\"" : "\"";
	bool triple = quote[1] != '\0';

	for (b->p += strlen(quote); b->p < b->end; b->p++) {
		if (at(b, quote)) {
			b->p += strlen(quote);
			/* four quotes at the end: the text itself ends with one */
			while (triple && b->p < b->end && *b->p == '"')
				b->p++;
			return NULL;
		}
		if (*b->p == '\n' && !triple)
			return "a quote \" is not closed in its line";
		b->line += *b->p == '\n';
		if (*b->p == '\\' && !triple && b->p + 1 < b->end && b->p[1] != '\n')
			b->p++;
	}
	return "a quote \" is not closed";
}

const char *block_skip_value(struct block *b)
{
	const char *wrong = NULL;
	unsigned open = 0;
	bool apart = true;

	block_skip_blanks(b);
	while (b->p < b->end && !wrong) {
		size_t blank = block_blank(b);
		char c = *b->p;

		if (!open && (c == '\n' || (b->depth && (c == ',' || c == '}'))))
			return NULL;
		if (apart && block_at_comment(b)) {
			block_skip_line(b);
			continue;
		}
		if (c == '"') {
			wrong = skip_quoted(b);
			apart = false;
			continue;
		}
		b->line += c == '\n';
		apart = blank || strchr("\n,[{", c);
		b->p += blank ? blank : 1;
		if (c == '{' || c == '[')
			open++;
		else if ((c == '}' || c == ']') && open && !--open)
			return NULL;
	}
	return wrong  ? wrong
	       : open ? "a block or list of another program's part is not closed"
		      : NULL;
}
