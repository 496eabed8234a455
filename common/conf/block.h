#ifndef COMMON_CONF_BLOCK_H
#define COMMON_CONF_BLOCK_H
/*
 * EMQX's block form as a reader in front of inih: it turns
 *
 *	cluster { static { seeds = ["a@h",        # and so on
 *	                            "b@h"] } }
 *
 * into the key `cluster.static.seeds` with the value `["a@h", "b@h"]`, and hands INI lines on without what inih trips
 * over (indentation, comments). HOCON that can't be had is an error that says so.
 *
 * inih gets section lines and `key =`; the value waits in the struct, as it is written, quotes and brackets included.
 * Through inih it would be cut, without a word, at 200 bytes or at a `;` behind a blank inside quotes.
 *
 * Works on text in memory that must outlive it and hold no NUL; opens nothing, allocates nothing.
 */
#include <stdbool.h>
#include <stddef.h>

enum {
	BLOCK_DEPTH_MAX = 16,
	BLOCK_KEY_MAX = 180,    /* with what is around it less than inih's 200 */
	BLOCK_SECTION_MAX = 48, /* inih cuts longer ones */
	BLOCK_VALUE_MAX = 64 * 1024
};

struct block_hooks {
	/* Is full key `key` none of ours? Then its value is passed over, whatever it holds. */
	bool (*skip)(void *ctx, unsigned line, const char *key);
	void (*error)(void *ctx, unsigned line, const char *key, const char *text);
	void *ctx;
};

struct block {
	const char *p, *end;
	unsigned line;       /* of p */
	unsigned start_line; /* of the statement that was handed out last */
	unsigned depth;
	unsigned block_line[BLOCK_DEPTH_MAX]; /* where each open block began */
	size_t block_len[BLOCK_DEPTH_MAX];    /* length of the prefix around it */
	char prefix[BLOCK_KEY_MAX], section[BLOCK_SECTION_MAX], key[BLOCK_KEY_MAX];
	char value[BLOCK_VALUE_MAX]; /* of the line that was handed out last */
	struct block_hooks hooks;
};

void block_init(struct block *b, const char *text, size_t n, const struct block_hooks *hooks);
/* An ini_reader: the next line of at most cap - 1 bytes (cap >= 200), or NULL at the end. `b` is a struct block. */
char *block_read(char *line, int cap, void *b);

#endif
