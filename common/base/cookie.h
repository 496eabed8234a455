#ifndef COMMON_BASE_COOKIE_H
#define COMMON_BASE_COOKIE_H
/*
 * The form of a generated cookie: `cd1-` and 43 characters of base64url, 256 random bits. Recognised, it needs no slow
 * hash (common/net/tls_cookie.h). Here, because clusterctl makes cookies and links no TLS.
 */
#include <stdbool.h>

enum { COOKIE_GENERATED_MAX = 64 };

/* 0, or a negative errno when the kernel gives no random bytes. */
int cookie_generate(char out[COOKIE_GENERATED_MAX]);
bool cookie_is_generated(const char *cookie);

#endif
