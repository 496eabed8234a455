#ifndef COMMON_CONF_BLOCK_VALUE_H
#define COMMON_CONF_BLOCK_VALUE_H
/* Of block.c: finds where a value ends. */
#include "common/conf/block.h"

/* Length of the blank at b->p (HOCON counts the wide ones of Unicode too), 0 when there is none. */
size_t block_blank(const struct block *b);
void block_skip_blanks(struct block *b);
/* True when a comment begins at b->p, given that a blank or the line's start stands before it. */
bool block_at_comment(const struct block *b);
void block_skip_line(struct block *b);
/*
 * Copies the value at b->p into b->value, flattened to one line, and leaves b->p behind it. NULL, or what is wrong as a
 * static text; b->p is then where it was found.
 */
const char *block_copy_value(struct block *b);
/* Passes over a value or a block of any form. NULL or what is wrong. */
const char *block_skip_value(struct block *b);

#endif
