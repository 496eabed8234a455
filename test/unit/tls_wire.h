#ifndef TEST_UNIT_TLS_WIRE_H
#define TEST_UNIT_TLS_WIRE_H
/* Two ends of a TLS connection and a wire between them, for the tests of common/net/tls. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "common/net/tls.h"

enum { CLIENT, SERVER };

/* Two nodes and a wire between them. */
struct wire {
	struct tls_ctx *ctx[2];
	struct tls_conn *end[2];
	size_t budget[2]; /* bytes that an end may still send before it is cut off */
};

static inline struct tls_psk key(uint8_t fill)
{
	uint8_t bytes[TLS_KEY_BYTES];
	struct tls_psk psk;

	memset(bytes, fill, sizeof bytes);
	ck_assert_int_eq(tls_psk_init(&psk, bytes), 0);
	return psk;
}

static inline struct wire wire_of(struct tls_ctx *client, struct tls_ctx *server)
{
	struct wire w = {{client, server},
		{tls_conn_new(client, false), tls_conn_new(server, true)},
		{SIZE_MAX, SIZE_MAX}};

	ck_assert(w.end[CLIENT] != NULL && w.end[SERVER] != NULL);
	return w;
}

static inline struct wire wire_new(uint8_t client_key, uint8_t server_key)
{
	struct tls_psk a = key(client_key), b = key(server_key);

	return wire_of(tls_ctx_new(&a, 1), tls_ctx_new(&b, 1));
}

static inline void ends_free(struct wire *w)
{
	for (int i = 0; i < 2; i++)
		tls_conn_free(w->end[i]);
}

static inline void wire_free(struct wire *w)
{
	ends_free(w);
	tls_ctx_free(w->ctx[CLIENT]);
	if (w->ctx[SERVER] != w->ctx[CLIENT])
		tls_ctx_free(w->ctx[SERVER]);
}

/* Moves what one end has to say; an end whose budget is used up is seen as gone. */
static inline size_t move(struct wire *w, int from)
{
	size_t n;
	const uint8_t *p = tls_conn_output(w->end[from], &n);

	if (n > w->budget[from])
		n = w->budget[from];
	if (n > 0)
		n = tls_conn_input(w->end[!from], p, n);
	tls_conn_sent(w->end[from], n);
	w->budget[from] -= n;
	if (w->budget[from] == 0)
		tls_conn_eof(w->end[!from]);
	return n;
}

static inline void shake(struct wire *w, int rc[2])
{
	size_t moved;

	do {
		moved = 0;
		for (int i = 0; i < 2; i++) {
			rc[i] = tls_conn_handshake(w->end[i]);
			moved += move(w, i);
		}
	} while (moved > 0);
	for (int i = 0; i < 2; i++)
		rc[i] = tls_conn_handshake(w->end[i]);
}

static inline void expect(struct wire *w, enum tls_fail client, enum tls_fail server)
{
	enum tls_fail want[2] = {client, server};
	int rc[2];

	shake(w, rc);
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(tls_fail_text(tls_conn_fail(w->end[i])),
			tls_fail_text(want[i]));
		ck_assert_int_eq(rc[i], want[i] == TLS_FAIL_NONE ? 1 : -EPROTO);
	}
}

#endif
