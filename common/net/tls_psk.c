#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/net/tls_priv.h"

/*
 * The identity of a key on the wire: key id, then the nonce of the offering process. A server that finds its own nonce
 * talks to itself, or to somebody who throws its own bytes back.
 */
enum { IDENTITY_BYTES = sizeof((struct tls_conn *)0)->identity };

int tls_psk_init(struct tls_psk *psk, const uint8_t key[TLS_KEY_BYTES])
{
	memcpy(psk->key, key, sizeof psk->key);
	return tls_key_id(key, psk->id);
}

/* A new one each time: OpenSSL writes the secrets of the handshake into the client's. */
static SSL_SESSION *make_session(SSL *ssl, const struct tls_psk *psk)
{
	static const uint8_t aes_128_gcm_sha256[] = {0x13, 0x01};
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, aes_128_gcm_sha256);
	SSL_SESSION *s = SSL_SESSION_new();

	if (s != NULL && cipher != NULL &&
		SSL_SESSION_set1_master_key(s, psk->key, sizeof psk->key) == 1 &&
		SSL_SESSION_set_cipher(s, cipher) == 1 &&
		SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION) == 1)
		return s;
	SSL_SESSION_free(s);
	return NULL;
}

/* Client: which key I offer. OpenSSL copies the identity before the next call. */
static int offer_key(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_n,
	SSL_SESSION **session)
{
	struct tls_conn *c = SSL_get_app_data(ssl);

	*session = NULL;
	if (md != NULL && EVP_MD_is_a(md, "SHA256") != 1)
		return 1; /* the server wants a hash that our key is not for; it will find no proof */
	*session = make_session(ssl, &c->ctx->psk[0]);
	if (*session == NULL)
		return 0;
	memcpy(c->key_id, c->ctx->psk[0].id, sizeof c->key_id);
	memcpy(c->identity, c->key_id, sizeof c->key_id);
	memcpy(c->identity + sizeof c->key_id, c->ctx->nonce, TLS_NONCE_BYTES);
	*id = c->identity;
	*id_n = IDENTITY_BYTES;
	c->offer = TLS_OFFER_OURS;
	return 1;
}

static void note_reflection(struct tls_conn *c)
{
	struct tls_ctx *ctx = c->ctx;

	c->offer = TLS_OFFER_REFLECTED;
	SSL_get_client_random(c->ssl, ctx->reflected[ctx->n_reflected % TLS_REFLECTIONS],
		SSL3_RANDOM_SIZE);
	ctx->n_reflected++;
}

/* Server: the key of an identity. No session and 1: go on without, which ends in "no proof". */
static int find_key(SSL *ssl, const unsigned char *id, size_t id_n, SSL_SESSION **session)
{
	struct tls_conn *c = SSL_get_app_data(ssl);
	const struct tls_ctx *ctx = c->ctx;

	*session = NULL;
	c->offer = TLS_OFFER_UNKNOWN;
	if (id_n != IDENTITY_BYTES)
		return 1;
	if (memcmp(id + TLS_KEY_ID_BYTES, ctx->nonce, TLS_NONCE_BYTES) == 0) {
		note_reflection(c);
		return 0;
	}
	for (size_t i = 0; i < ctx->n_psk; i++) {
		if (memcmp(id, ctx->psk[i].id, TLS_KEY_ID_BYTES) != 0)
			continue;
		*session = make_session(ssl, &ctx->psk[i]);
		memcpy(c->key_id, ctx->psk[i].id, sizeof c->key_id);
		c->offer = TLS_OFFER_OURS;
		return *session != NULL;
	}
	return 1;
}

int tls_psk_prepare(SSL_CTX *side, bool is_server)
{
	SSL_CTX_set_psk_use_session_callback(side, offer_key);
	SSL_CTX_set_psk_find_session_callback(side, find_key);
	/* Without this a client takes any certificate that a server shows. The trust store stays empty. */
	SSL_CTX_set_verify(side, is_server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	return SSL_CTX_set_ciphersuites(side, "TLS_AES_128_GCM_SHA256") == 1 ? 0 : -EIO;
}

bool tls_psk_proven(const struct tls_conn *c)
{
	return c->offer == TLS_OFFER_OURS && SSL_session_reused(c->ssl) == 1;
}

bool tls_psk_was_reflected(const struct tls_conn *c)
{
	uint8_t mine[SSL3_RANDOM_SIZE];

	SSL_get_client_random(c->ssl, mine, sizeof mine);
	for (unsigned i = 0; i < TLS_REFLECTIONS && i < c->ctx->n_reflected; i++)
		if (memcmp(mine, c->ctx->reflected[i], sizeof mine) == 0)
			return true;
	return false;
}

void tls_ctx_set_keys(struct tls_ctx *ctx, const struct tls_psk *psk, size_t n)
{
	assert(n >= 1);
	assert(n <= TLS_KEYS_MAX);
	OPENSSL_cleanse(ctx->psk, sizeof ctx->psk);
	memcpy(ctx->psk, psk, n * sizeof *psk);
	ctx->n_psk = n;
}
