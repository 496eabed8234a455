#include "common/net/tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/net/tls_priv.h"

/* OUT_SOFT and a whole record with what may come before it stay below the pipe's own bound (tls_bio.c). */
enum { IN_MAX = 32 * 1024, OUT_SOFT = 40 * 1024, RECORD_MAX = 16 * 1024 };

struct tls_conn *tls_conn_new(struct tls_ctx *ctx, bool is_server)
{
	struct tls_conn *c = xcalloc(1, sizeof *c);
	BIO *bio = BIO_new(ctx->bio);

	c->ctx = ctx;
	c->is_server = is_server;
	c->ssl = SSL_new(ctx->side[is_server]);
	if (c->ssl == NULL || bio == NULL || SSL_set_app_data(c->ssl, c) != 1) {
		BIO_free(bio);
		tls_conn_free(c);
		return NULL;
	}
	BIO_set_data(bio, c);
	SSL_set_bio(c->ssl, bio, bio);
	if (is_server)
		SSL_set_accept_state(c->ssl);
	else
		SSL_set_connect_state(c->ssl);
	return c;
}

void tls_conn_free(struct tls_conn *c)
{
	if (c == NULL)
		return;
	SSL_free(c->ssl);
	buf_free(&c->in.buf);
	buf_free(&c->out.buf);
	free(c);
}

size_t tls_conn_input(struct tls_conn *c, const void *p, size_t n)
{
	const uint8_t *from = p;
	size_t room;

	if (c->fail != TLS_FAIL_NONE || c->closed)
		return n; /* nobody will ever read it */
	room = IN_MAX - tls_pipe_n(&c->in);
	if (n > room)
		n = room;
	for (size_t i = 0; i < n && c->n_first < sizeof c->first; i++)
		c->first[c->n_first++] = from[i];
	tls_pipe_put(&c->in, p, n);
	return n;
}

void tls_conn_eof(struct tls_conn *c)
{
	c->eof = true;
}

const uint8_t *tls_conn_output(const struct tls_conn *c, size_t *n)
{
	*n = tls_pipe_n(&c->out);
	return *n == 0 ? NULL : c->out.buf.p + c->out.off;
}

void tls_conn_sent(struct tls_conn *c, size_t n)
{
	assert(n <= tls_pipe_n(&c->out));
	tls_pipe_drop(&c->out, n);
}

/* The first record is a handshake or an alert, of a version 3.x. */
static bool looks_like_tls(const struct tls_conn *c)
{
	return (c->n_first < 1 || c->first[0] == SSL3_RT_HANDSHAKE ||
		       c->first[0] == SSL3_RT_ALERT) &&
	       (c->n_first < 2 || c->first[1] == SSL3_VERSION_MAJOR);
}

enum { ALERT = SSL_AD_REASON_OFFSET };

/* What OpenSSL's reasons mean here; an alert is the server's reason. */
static const struct {
	int reason;
	enum tls_fail fail;
} reasons[] = {
	{ALERT + SSL_AD_HANDSHAKE_FAILURE,
		TLS_FAIL_KEY}, /* the server does not know our key id */
	{ALERT + SSL_AD_ILLEGAL_PARAMETER,
		TLS_FAIL_KEY}, /* it knows the id, but has another key */
	{ALERT + SSL_AD_DECRYPT_ERROR, TLS_FAIL_KEY},
	{ALERT + SSL_AD_UNKNOWN_PSK_IDENTITY, TLS_FAIL_KEY},
	{ALERT + SSL_AD_PROTOCOL_VERSION, TLS_FAIL_VERSION},
	{SSL_R_BINDER_DOES_NOT_VERIFY, TLS_FAIL_KEY},
	{SSL_R_CERTIFICATE_VERIFY_FAILED, TLS_FAIL_CERTIFICATE},
	{SSL_R_UNSUPPORTED_PROTOCOL, TLS_FAIL_VERSION},
	{SSL_R_VERSION_TOO_LOW, TLS_FAIL_VERSION},
	{SSL_R_HTTP_REQUEST, TLS_FAIL_NOT_TLS},
};

static enum tls_fail fail_of(const struct tls_conn *c, int reason)
{
	bool no_proof = reason == SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM;

	if (c->offer == TLS_OFFER_REFLECTED || (!c->is_server && tls_psk_was_reflected(c)))
		return TLS_FAIL_REFLECTION;
	if (c->is_server && no_proof)
		return c->offer == TLS_OFFER_NONE ? TLS_FAIL_NO_KEY : TLS_FAIL_KEY;
	if (c->is_server && reason >= ALERT)
		return TLS_FAIL_PROTOCOL; /* a client has nothing to say about keys */
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].reason == reason)
			return reasons[i].fail;
	return TLS_FAIL_PROTOCOL;
}

static int failed(struct tls_conn *c, enum tls_fail why)
{
	c->fail = why;
	tls_pipe_drop(&c->in, tls_pipe_n(&c->in));
	return -EPROTO;
}

int tls_conn_handshake(struct tls_conn *c)
{
	int rc, err;

	if (c->fail != TLS_FAIL_NONE)
		return -EPROTO;
	if (c->done)
		return 1;
	if (!looks_like_tls(c))
		return failed(c, TLS_FAIL_NOT_TLS);
	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		if (!tls_psk_proven(c))
			return failed(c, TLS_FAIL_CERTIFICATE);
		c->done = true;
		return 1;
	}
	err = SSL_get_error(c->ssl, rc);
	if (err == SSL_ERROR_WANT_WRITE || (err == SSL_ERROR_WANT_READ && !c->eof))
		return 0;
	if (err == SSL_ERROR_WANT_READ)
		return failed(c, TLS_FAIL_CLOSED);
	return failed(c, fail_of(c, ERR_GET_REASON(ERR_peek_error())));
}

enum tls_fail tls_conn_fail(const struct tls_conn *c)
{
	return c->fail;
}

const char *tls_fail_text(enum tls_fail fail)
{
	static const char *const text[] = {
		[TLS_FAIL_NONE] = "no failure",
		[TLS_FAIL_KEY] = "cookie or cluster name mismatch",
		[TLS_FAIL_NO_KEY] = "peer offers no cookie",
		[TLS_FAIL_CERTIFICATE] = "peer shows a certificate in place of the cookie",
		[TLS_FAIL_REFLECTION] = "reflection: this is me",
		[TLS_FAIL_NOT_TLS] = "not TLS",
		[TLS_FAIL_VERSION] = "peer speaks no TLS 1.3",
		[TLS_FAIL_CLOSED] = "peer closed the connection during the handshake",
		[TLS_FAIL_PROTOCOL] = "TLS protocol error",
	};

	return text[fail];
}

const uint8_t *tls_conn_key_id(const struct tls_conn *c)
{
	return c->key_id;
}

ssize_t tls_conn_read(struct tls_conn *c, void *p, size_t cap)
{
	size_t n;

	if (c->fail != TLS_FAIL_NONE)
		return -EPROTO;
	if (c->closed || cap == 0)
		return 0;
	if (!c->done)
		return -EAGAIN;
	/* OpenSSL takes as long to find that there is nothing as it takes for a small record */
	if (tls_pipe_n(&c->in) == 0 && SSL_has_pending(c->ssl) == 0)
		return c->eof ? -ECONNRESET : -EAGAIN;
	ERR_clear_error();
	if (SSL_read_ex(c->ssl, p, cap, &n) == 1)
		return (ssize_t)n;
	switch (SSL_get_error(c->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return c->eof ? -ECONNRESET : -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		c->closed = true;
		return 0;
	default:
		return failed(c, TLS_FAIL_PROTOCOL);
	}
}

ssize_t tls_conn_write(struct tls_conn *c, const void *p, size_t n)
{
	const uint8_t *from = p;
	size_t done = 0, wrote;

	if (c->fail != TLS_FAIL_NONE)
		return -EPROTO;
	if (c->shut)
		return -EPIPE;
	while (c->done && done < n && tls_pipe_n(&c->out) < OUT_SOFT) {
		size_t part = n - done < RECORD_MAX ? n - done : RECORD_MAX;
		int err;

		ERR_clear_error();
		if (SSL_write_ex(c->ssl, from + done, part, &wrote) == 1) {
			done += wrote;
			continue;
		}
		err = SSL_get_error(c->ssl, 0);
		if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
			return failed(c, TLS_FAIL_PROTOCOL);
		break;
	}
	return (ssize_t)done;
}

void tls_conn_shutdown(struct tls_conn *c)
{
	if (!c->done || c->shut || c->fail != TLS_FAIL_NONE)
		return;
	c->shut = true;
	ERR_clear_error();
	SSL_shutdown(c->ssl);
}

bool tls_conn_closed(const struct tls_conn *c)
{
	return c->closed;
}
