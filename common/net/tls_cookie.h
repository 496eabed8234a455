#ifndef COMMON_NET_TLS_COOKIE_H
#define COMMON_NET_TLS_COOKIE_H
/*
 * From the cookie that an operator configures to the key that TLS uses. A generated cookie carries 256 random bits, so
 * one HKDF step is enough and starting is instant; any other text may be guessable, so it goes through scrypt (about
 * 150 ms and 32 MiB, once: do it at start, off the loop). Pure: no I/O, nothing is kept. Generated cookies: common/base/cookie.h.
 */
#include <stdint.h>

enum { TLS_KEY_BYTES = 32, TLS_KEY_ID_BYTES = 8 };

/* Two nodes get the same key when both texts are equal. 0, -EINVAL: empty cookie, -ENOMEM. */
int tls_cookie_key(const char *cookie, const char *cluster_name, uint8_t out[TLS_KEY_BYTES]);

/* The name under which a key is offered: tells two keys apart and nothing about them. 0 or -ENOMEM. */
int tls_key_id(const uint8_t key[TLS_KEY_BYTES], uint8_t out[TLS_KEY_ID_BYTES]);

#endif
