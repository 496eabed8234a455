#ifndef COMMON_NET_TLS_H
#define COMMON_NET_TLS_H
/*
 * TLS 1.3 as a byte machine: ciphertext in, ciphertext out, never a socket. Both ends prove that they hold the same key
 * (an external PSK made from the cookie); there are no certificates, tickets, early data or caches. One
 * struct tls_ctx a process, one struct tls_conn a connection; a connection must be freed before its context.
 *
 * The caller moves bytes: what arrives goes into tls_conn_input(), whatever tls_conn_output() shows goes to the peer
 * (also after a failure: it is the alert that tells the peer), and tls_conn_handshake() is asked again until it is done.
 * How an end proves itself is decided in tls_psk.c alone (tls_psk_prepare(), tls_psk_proven()); a certificate mode is
 * a sibling of that file.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/net/tls_cookie.h"

enum { TLS_KEYS_MAX = 4, TLS_NONCE_BYTES = 16 };

enum tls_fail {
	TLS_FAIL_NONE,
	TLS_FAIL_KEY,         /* the other end has another cookie or cluster name */
	TLS_FAIL_NO_KEY,      /* a client that offers no cookie at all */
	TLS_FAIL_CERTIFICATE, /* a server that shows a certificate in place of the cookie */
	TLS_FAIL_REFLECTION,  /* the other end is this process */
	TLS_FAIL_NOT_TLS,
	TLS_FAIL_VERSION, /* TLS, but not 1.3 */
	TLS_FAIL_CLOSED,  /* the connection ended in the middle of the handshake */
	TLS_FAIL_PROTOCOL /* anything else that OpenSSL refuses */
};

struct tls_psk {
	uint8_t key[TLS_KEY_BYTES];
	uint8_t id[TLS_KEY_ID_BYTES];
};

struct tls_ctx;
struct tls_conn;

/* Copies a key and computes its id. 0 or -ENOMEM. */
int tls_psk_init(struct tls_psk *psk, const uint8_t key[TLS_KEY_BYTES]);

/* psk[0] is what this end offers; all n (1 … TLS_KEYS_MAX) are accepted. Copied. NULL when OpenSSL fails. */
struct tls_ctx *tls_ctx_new(const struct tls_psk *psk, size_t n);
void tls_ctx_free(struct tls_ctx *ctx);
/* New keys for handshakes that begin from now on; connections that are up stay up. */
void tls_ctx_set_keys(struct tls_ctx *ctx, const struct tls_psk *psk, size_t n);

/* NULL when OpenSSL fails. */
struct tls_conn *tls_conn_new(struct tls_ctx *ctx, bool is_server);
void tls_conn_free(struct tls_conn *c);

/* Takes ciphertext; returns how much was taken (less than n when tls_conn_read() must make room first). */
size_t tls_conn_input(struct tls_conn *c, const void *p, size_t n);
/* The peer's end of the byte stream was reached: nothing more will be put in. */
void tls_conn_eof(struct tls_conn *c);
/* Ciphertext to send, valid until the next call on c; *n may be 0. Then tls_conn_sent(). */
const uint8_t *tls_conn_output(const struct tls_conn *c, size_t *n);
void tls_conn_sent(struct tls_conn *c, size_t n);

/* 1: done, both ends have proven the key; 0: wants more input; -EPROTO: failed, tls_conn_fail() says why. */
int tls_conn_handshake(struct tls_conn *c);
enum tls_fail tls_conn_fail(const struct tls_conn *c);
/* In words for an operator. */
const char *tls_fail_text(enum tls_fail fail);
/* After the handshake: the id of the key that both ends used. */
const uint8_t *tls_conn_key_id(const struct tls_conn *c);

/*
 * Plaintext, after the handshake. Like read(2): bytes; 0 after the peer's close_notify; -EAGAIN: put more in;
 * -ECONNRESET: the stream ended without close_notify; -EPROTO. Read until -EAGAIN: bytes inside raise no event.
 */
ssize_t tls_conn_read(struct tls_conn *c, void *p, size_t cap);
/* Bytes taken, less than n (or 0) while enough output is waiting to be sent; -EPROTO, -EPIPE after a shutdown. */
ssize_t tls_conn_write(struct tls_conn *c, const void *p, size_t n);
/* Queues close_notify. */
void tls_conn_shutdown(struct tls_conn *c);
/* True when the peer's close_notify has been read. */
bool tls_conn_closed(const struct tls_conn *c);

#endif
