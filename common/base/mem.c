#include "common/base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *xcalloc(size_t n, size_t size)
{
	void *p = n && size ? calloc(n, size) : calloc(1, 1);

	assert(p && "out of memory");
	return p;
}

void *xrealloc(void *p, size_t n, size_t size)
{
	void *q;

	assert(!size || n <= SIZE_MAX / size);
	q = realloc(p, n && size ? n * size : 1);
	assert(q && "out of memory");
	return q;
}

char *xstrdup(const char *s)
{
	return xmemdup(s, strlen(s) + 1);
}

void *xmemdup(const void *p, size_t n)
{
	void *q = xcalloc(n, 1);

	if (n)
		memcpy(q, p, n);
	return q;
}
