#ifndef COMMON_BASE_BASE64_H
#define COMMON_BASE_BASE64_H
/* Base64 with the standard alphabet and padding. Pure. */
#include <stddef.h>

#include "common/base/buf.h"

void base64_put(struct buf *out, const void *p, size_t n);
/* Decodes s[0..n) into out; *len gets the count. 0, -EPROTO, -EMSGSIZE when cap is too small. */
int base64_get(const char *s, size_t n, void *out, size_t cap, size_t *len);

#endif
