#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/net/tls_priv.h"

static SSL_CTX *make_side(bool is_server)
{
	char groups[] = "X25519:P-256"; /* OpenSSL's macro casts const away */
	SSL_CTX *side = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());

	if (side == NULL)
		return NULL;
	SSL_CTX_set_mode(side, SSL_MODE_ENABLE_PARTIAL_WRITE |
				       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				       SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(side,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
	SSL_CTX_clear_options(side, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	SSL_CTX_set_session_cache_mode(side, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(side, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_max_proto_version(side, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_num_tickets(side, 0) == 1 &&
		SSL_CTX_set_max_early_data(side, 0) == 1 &&
		SSL_CTX_set1_groups_list(side, groups) == 1 &&
		tls_psk_prepare(side, is_server) == 0)
		return side;
	SSL_CTX_free(side);
	return NULL;
}

struct tls_ctx *tls_ctx_new(const struct tls_psk *psk, size_t n)
{
	struct tls_ctx *ctx = xcalloc(1, sizeof *ctx);

	/* The machine's openssl.cnf is about other programs: what we speak is decided here. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	tls_ctx_set_keys(ctx, psk, n);
	ctx->bio = tls_bio_method();
	ctx->side[0] = make_side(false);
	ctx->side[1] = make_side(true);
	if (ctx->bio != NULL && ctx->side[0] != NULL && ctx->side[1] != NULL &&
		RAND_bytes(ctx->nonce, sizeof ctx->nonce) == 1)
		return ctx;
	tls_ctx_free(ctx);
	return NULL;
}

void tls_ctx_free(struct tls_ctx *ctx)
{
	if (ctx == NULL)
		return;
	SSL_CTX_free(ctx->side[0]);
	SSL_CTX_free(ctx->side[1]);
	BIO_meth_free(ctx->bio);
	OPENSSL_cleanse(ctx, sizeof *ctx);
	free(ctx);
}
