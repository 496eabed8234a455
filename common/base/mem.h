#ifndef COMMON_BASE_MEM_H
#define COMMON_BASE_MEM_H
/* Allocation that aborts when memory is out: the supervisor restarts us, nobody limps on. */
#include <stddef.h>

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
void *xmemdup(const void *p, size_t n);

#endif
