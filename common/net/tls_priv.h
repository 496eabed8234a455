#ifndef COMMON_NET_TLS_PRIV_H
#define COMMON_NET_TLS_PRIV_H
/* What the files of the TLS module share; nobody else includes this. */
#include <openssl/ssl.h>

#include "common/base/buf.h"
#include "common/net/tls.h"

enum { TLS_REFLECTIONS = 8 };

/* Bytes on their way in one direction. */
struct tls_pipe {
	struct buf buf;
	size_t off; /* bytes of buf that are gone already */
};

struct tls_ctx {
	SSL_CTX *side[2]; /* client, server */
	BIO_METHOD *bio;
	struct tls_psk psk[TLS_KEYS_MAX];
	size_t n_psk;
	uint8_t nonce[TLS_NONCE_BYTES];
	/* Client randoms that came back to our own server: lets the dialling end say so, too. */
	uint8_t reflected[TLS_REFLECTIONS][SSL3_RANDOM_SIZE];
	unsigned n_reflected; /* of all times; the last ones are kept */
};

/* What the other end said in the handshake about its key; only for the reason of a failure. */
enum tls_offer { TLS_OFFER_NONE, TLS_OFFER_UNKNOWN, TLS_OFFER_REFLECTED, TLS_OFFER_OURS };

struct tls_conn {
	struct tls_ctx *ctx;
	SSL *ssl;
	struct tls_pipe in, out;
	uint8_t key_id[TLS_KEY_ID_BYTES];
	uint8_t identity[TLS_KEY_ID_BYTES + TLS_NONCE_BYTES];
	uint8_t first[2]; /* the first bytes that came: is this TLS at all? */
	uint8_t n_first;
	bool is_server, done, eof, shut, closed;
	enum tls_offer offer;
	enum tls_fail fail;
};

void tls_pipe_put(struct tls_pipe *p, const void *from, size_t n);
void tls_pipe_drop(struct tls_pipe *p, size_t n);
static inline size_t tls_pipe_n(const struct tls_pipe *p)
{
	return p->buf.n - p->off;
}

/* A BIO kind whose bytes are the pipes of the struct tls_conn that is its data. */
BIO_METHOD *tls_bio_method(void);

/* How the ends prove themselves: settings of one side, then the verdict when the handshake is over. 0 or -EIO. */
int tls_psk_prepare(SSL_CTX *side, bool is_server);
bool tls_psk_proven(const struct tls_conn *c);
bool tls_psk_was_reflected(const struct tls_conn *c);

#endif
