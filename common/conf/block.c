#include "common/conf/block.h"

#include <stdio.h>
#include <string.h>

#include "common/conf/block_value.h"

static const char key_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

void block_init(struct block *b, const char *text, size_t n, const struct block_hooks *hooks)
{
	memset(b, 0, sizeof *b);
	b->p = text;
	b->end = text + n;
	b->line = 1;
	b->hooks = *hooks;
}

static bool more(const struct block *b)
{
	return b->p < b->end;
}

/* Tells it and goes on with the next line. */
static void complain(struct block *b, const char *text)
{
	b->hooks.error(b->hooks.ctx, b->start_line, b->key, text);
	block_skip_line(b);
}

/* Blanks, line breaks, comments, and commas between the fields of a block. */
static void skip_space(struct block *b)
{
	while (more(b)) {
		if (block_at_comment(b)) {
			block_skip_line(b);
		} else if (*b->p == '\n') {
			b->line++;
			b->p++;
		} else if (block_blank(b)) {
			block_skip_blanks(b);
		} else if (*b->p == ',' && b->depth) {
			b->p++;
		} else {
			return;
		}
	}
}

/* What may follow on the line of a complete statement. */
static bool at_statement_end(struct block *b)
{
	bool apart = block_blank(b);

	block_skip_blanks(b);
	return !more(b) || *b->p == '\n' || (apart && block_at_comment(b)) ||
	       (b->depth && (*b->p == ',' || *b->p == '}'));
}

/* `[name]` on a line of its own, outside of blocks. */
static bool read_section(struct block *b, char *line, size_t cap)
{
	const char *name, *close;
	size_t n;

	b->p++;
	block_skip_blanks(b);
	name = b->p;
	n = 0;
	while (b->p < b->end && *b->p && strchr(key_chars, *b->p))
		b->p++, n++;
	block_skip_blanks(b);
	close = b->p;
	snprintf(b->key, sizeof b->key, "[%.*s]", (int)(n < 64 ? n : 64), name);
	if (b->depth || !n || n >= BLOCK_SECTION_MAX || !more(b) || *close != ']') {
		complain(b,
			b->depth
				? "a section can't begin inside a block"
				: "a section is written [name], of letters, digits, _ . and -");
		return false;
	}
	b->p++;
	if (!at_statement_end(b)) {
		complain(b, "nothing but a comment may follow a section's ]");
		return false;
	}
	memcpy(b->section, name, n);
	b->section[n] = '\0';
	snprintf(line, cap, "[%s]\n", b->section);
	return true;
}

/* A key, with or without quotes, into b->key behind the prefix. NULL or what is wrong. */
static const char *read_key(struct block *b)
{
	size_t n = (size_t)snprintf(b->key, sizeof b->key, "%s%s", b->prefix,
		*b->prefix ? "." : "");
	size_t before = n;
	bool quoted = false;

	for (; more(b) && (*b->p == '"' || (quoted && *b->p == '/') ||
				  (*b->p && strchr(key_chars, *b->p)));
		b->p++) {
		if (*b->p == '"') {
			quoted = !quoted;
			continue;
		}
		if (n + 1 >= sizeof b->key)
			return "the key is too long";
		b->key[n++] = *b->p;
	}
	b->key[n] = '\0';
	if (quoted)
		return "a quoted key holds letters, digits, _ . / and - only";
	return n > before ? NULL : "expected `key = value`, `key {` or [section]";
}

static void full_key(const struct block *b, char out[BLOCK_SECTION_MAX + BLOCK_KEY_MAX])
{
	snprintf(out, BLOCK_SECTION_MAX + BLOCK_KEY_MAX, "%s%s%s", b->section,
		*b->section ? "." : "", b->key);
}

static bool skip_foreign(struct block *b)
{
	char key[BLOCK_SECTION_MAX + BLOCK_KEY_MAX];
	const char *wrong;

	full_key(b, key);
	if (!b->hooks.skip(b->hooks.ctx, b->start_line, key))
		return false;
	wrong = block_skip_value(b);
	if (wrong)
		complain(b, wrong);
	return true;
}

static void open_block(struct block *b)
{
	size_t n = strlen(b->key);

	b->p++;
	if (b->depth == BLOCK_DEPTH_MAX) {
		complain(b, "blocks are nested too deeply");
		return;
	}
	b->block_line[b->depth] = b->start_line;
	b->block_len[b->depth++] = strlen(b->prefix);
	memcpy(b->prefix, b->key, n + 1);
}

static void close_block(struct block *b)
{
	if (!b->depth) {
		b->key[0] = '\0';
		complain(b, "} without a block that it would close");
		return;
	}
	b->p++;
	b->prefix[b->block_len[--b->depth]] = '\0';
	if (!at_statement_end(b))
		complain(b, "nothing but a comment may follow } in its line");
}

static bool read_value(struct block *b, char *line, size_t cap)
{
	const char *wrong = block_copy_value(b);

	if (!wrong && !at_statement_end(b))
		wrong = "unexpected text behind the value";
	if (wrong) {
		complain(b, wrong);
		return false;
	}
	snprintf(line, cap, "%s =\n", b->key);
	return true;
}

static bool is_include(const char *key)
{
	const char *dot = strrchr(key, '.');

	return !strcmp(dot ? dot + 1 : key, "include");
}

/* True when there is a line for inih. */
static bool read_field(struct block *b, char *line, size_t cap)
{
	const char *wrong = read_key(b);
	bool assigned;

	if (wrong) {
		complain(b, wrong);
		return false;
	}
	block_skip_blanks(b);
	if (more(b) && *b->p == '+') {
		if (!skip_foreign(b))
			complain(b, "+= is not supported; write the whole value");
		return false;
	}
	assigned = more(b) && (*b->p == '=' || *b->p == ':');
	if (assigned)
		b->p++;
	block_skip_blanks(b);
	if (assigned || (more(b) && *b->p == '{')) {
		if (skip_foreign(b))
			return false;
		if (!more(b) || *b->p != '{')
			return read_value(b, line, cap);
		open_block(b);
		return false;
	}
	if (is_include(b->key))
		wrong = "include is not supported; put files into conf.d beside the main file";
	complain(b, wrong ? wrong : "expected `=` or `{` behind the key");
	return false;
}

static void report_open_blocks(struct block *b)
{
	while (b->depth) {
		b->start_line = b->block_line[b->depth - 1];
		snprintf(b->key, sizeof b->key, "%s", b->prefix);
		complain(b, "the block that begins here is not closed by }");
		b->prefix[b->block_len[--b->depth]] = '\0';
	}
}

char *block_read(char *line, int cap, void *ctx)
{
	struct block *b = ctx;
	bool done = false;

	while (!done) {
		skip_space(b);
		b->start_line = b->line;
		if (!more(b)) {
			report_open_blocks(b);
			return NULL;
		}
		if (*b->p == '[') {
			done = read_section(b, line, (size_t)cap);
		} else if (*b->p == '}') {
			close_block(b);
		} else if (*b->p == '{') {
			snprintf(b->key, sizeof b->key, "%s", b->prefix);
			open_block(b);
		} else {
			done = read_field(b, line, (size_t)cap);
		}
	}
	return line;
}
