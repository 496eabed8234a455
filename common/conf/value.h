#ifndef COMMON_CONF_VALUE_H
#define COMMON_CONF_VALUE_H
/*
 * One value on its way: written (quotes, brackets) → plain (decoded) → text (canonical, checked) → field of struct conf.
 * Pure, but for memory.
 */
#include "common/conf/conf.h"

enum { VALUE_WHY_MAX = 512, VALUE_ITEM_MAX = 1024 };

/*
 * What is meant by a written value; items of a list are joined by commas. The caller frees *plain. -EINVAL: *why says what
 * is wrong with quotes, escapes or brackets (static).
 */
int value_decode(enum conf_kind kind, const char *written, char **plain, const char **why);
/*
 * Checks plain by k (for a map: one of its values) and gives the spelling that everything else sees; the caller frees
 * *text. -EINVAL with what is wrong and what is allowed in why.
 */
int value_canon(const struct conf_key *k, const char *plain, char **text,
	char why[VALUE_WHY_MAX]);
/* Puts a canonical text into its field, freeing what was there; sub is the name of a map's entry. */
void value_store(struct conf *c, const struct conf_key *k, const char *sub, const char *text);
void value_clear(struct conf *c, const struct conf_key *k);

#endif
