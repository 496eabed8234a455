#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H
/* A growable byte buffer. Growth aborts when memory is out; callers bound what comes from outside before they append. */
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *p;
	size_t n, cap;
};

void buf_free(struct buf *b);
/* Makes room for n more bytes and returns where they go; the caller then adds to b->n. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);

#endif
