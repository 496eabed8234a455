#include <check.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/tls_wire.h"

START_TEST(test_same_key)
{
	struct wire w = wire_new(1, 1);
	struct tls_psk psk = key(1);
	char text[8] = "";

	ck_assert_int_eq(tls_conn_write(w.end[CLIENT], "early", 5), 0);
	ck_assert_int_eq(tls_conn_read(w.end[CLIENT], text, sizeof text), -EAGAIN);
	expect(&w, TLS_FAIL_NONE, TLS_FAIL_NONE);
	for (int i = 0; i < 2; i++) {
		ck_assert_mem_eq(tls_conn_key_id(w.end[i]), psk.id, sizeof psk.id);
		ck_assert_int_eq(tls_conn_read(w.end[i], text, sizeof text), -EAGAIN);
		ck_assert_int_eq(tls_conn_write(w.end[i], "hello", 5), 5);
	}
	for (int i = 0; i < 2; i++) {
		move(&w, i);
		ck_assert_int_eq(tls_conn_read(w.end[!i], text, sizeof text), 5);
		ck_assert_mem_eq(text, "hello", 5);
		ck_assert_int_eq(tls_conn_read(w.end[!i], text, sizeof text), -EAGAIN);
	}
	wire_free(&w);
}
END_TEST

START_TEST(test_another_key_is_a_mismatch_on_both_ends)
{
	struct wire w = wire_new(1, 2);

	expect(&w, TLS_FAIL_KEY, TLS_FAIL_KEY);
	ck_assert_int_eq(tls_conn_write(w.end[CLIENT], "x", 1), -EPROTO);
	ck_assert_int_eq(tls_conn_read(w.end[SERVER], (char[1]){0}, 1), -EPROTO);
	wire_free(&w);
}
END_TEST

START_TEST(test_right_id_without_the_key)
{
	struct tls_psk a = key(1), b = key(2);
	struct wire w;

	memcpy(b.id, a.id, sizeof b.id);
	w = wire_of(tls_ctx_new(&a, 1), tls_ctx_new(&b, 1));
	expect(&w, TLS_FAIL_KEY, TLS_FAIL_KEY);
	wire_free(&w);
}
END_TEST

START_TEST(test_rotation)
{
	struct tls_psk both[2] = {key(1), key(2)}, next[2] = {key(2), key(1)};
	struct wire w = wire_of(tls_ctx_new(both, 1), tls_ctx_new(next, 2));

	expect(&w, TLS_FAIL_NONE, TLS_FAIL_NONE); /* old to both */
	ck_assert_mem_eq(tls_conn_key_id(w.end[SERVER]), both[0].id, TLS_KEY_ID_BYTES);
	wire_free(&w);
	w = wire_of(tls_ctx_new(next, 2), tls_ctx_new(both, 2));
	expect(&w, TLS_FAIL_NONE, TLS_FAIL_NONE); /* new to both */
	ck_assert_mem_eq(tls_conn_key_id(w.end[SERVER]), next[0].id, TLS_KEY_ID_BYTES);
	wire_free(&w);
	w = wire_of(tls_ctx_new(both, 1), tls_ctx_new(next, 2));
	tls_ctx_set_keys(w.ctx[SERVER], next, 1);
	expect(&w, TLS_FAIL_KEY, TLS_FAIL_KEY); /* the old one is gone */
	wire_free(&w);
}
END_TEST

START_TEST(test_reflection_is_told_at_both_ends)
{
	struct tls_psk psk = key(1);
	struct tls_ctx *me = tls_ctx_new(&psk, 1);

	for (int i = 0; i < 20; i++) {
		struct wire w = wire_of(me, me);

		expect(&w, TLS_FAIL_REFLECTION, TLS_FAIL_REFLECTION);
		ends_free(&w);
	}
	tls_ctx_free(me);
}
END_TEST

/* Whoever sends my own handshake back to me learns nothing and gets nowhere. */
START_TEST(test_echo)
{
	struct wire w = wire_new(1, 1);
	struct tls_conn *c = w.end[CLIENT];
	const uint8_t *p;
	size_t n;

	ck_assert_int_eq(tls_conn_handshake(c), 0);
	p = tls_conn_output(c, &n);
	ck_assert_uint_eq(tls_conn_input(c, p, n), n);
	ck_assert_int_eq(tls_conn_handshake(c), -EPROTO);
	ck_assert_int_eq(tls_conn_fail(c), TLS_FAIL_PROTOCOL);
	wire_free(&w);
}
END_TEST

static const struct {
	const char *title, *bytes;
	size_t n;
	enum tls_fail fail;
} strangers[] = {
	{"a browser", "GET / HTTP/1.0\r\n\r\n", 18, TLS_FAIL_NOT_TLS},
	{"one wrong byte is enough", "G", 1, TLS_FAIL_NOT_TLS},
	{"zeros", "\0\0\0\0\0\0", 6, TLS_FAIL_NOT_TLS},
	{"an SSL 2 hello", "\x80\x2e\1\3\1\0\x15\0\0\0\x10", 11, TLS_FAIL_NOT_TLS},
	{"a handshake record of version 9", "\x16\x09\0\0\1\1", 6, TLS_FAIL_NOT_TLS},
	{"application data first", "\x17\3\3\0\1x", 6, TLS_FAIL_NOT_TLS},
	{"an alert first", "\x15\3\3\0\2\2\x28", 7, TLS_FAIL_PROTOCOL},
	{"a record too long", "\x16\3\1\xff\xff", 5, TLS_FAIL_PROTOCOL},
	{"a hello of nothing", "\x16\3\1\0\4\1\0\0\0", 9, TLS_FAIL_PROTOCOL},
};

START_TEST(test_strangers)
{
	for (int side = 0; side < 2; side++) {
		struct wire w = wire_new(1, 1);
		struct tls_conn *c = w.end[side];
		size_t out;

		tls_conn_handshake(c);
		tls_conn_input(c, strangers[_i].bytes, strangers[_i].n);
		ck_assert_int_eq(tls_conn_handshake(c), -EPROTO);
		if (side == SERVER || strangers[_i].fail == TLS_FAIL_NOT_TLS)
			ck_assert_msg(tls_conn_fail(c) == strangers[_i].fail, "%s: %s",
				strangers[_i].title, tls_fail_text(tls_conn_fail(c)));
		tls_conn_output(c, &out);
		ck_assert_uint_lt(out, 4096);
		ck_assert_uint_eq(tls_conn_input(c, "more", 4), 4);
		ck_assert_int_eq(tls_conn_handshake(c), -EPROTO);
		wire_free(&w);
	}
}
END_TEST

START_TEST(test_bytes_flipped_in_the_handshake_never_pass)
{
	struct wire nodes = wire_new(1, 1);

	for (size_t at = 0; at < 400; at++) {
		struct wire w = wire_of(nodes.ctx[CLIENT], nodes.ctx[SERVER]);
		uint8_t hello[1024];
		const uint8_t *p;
		size_t n;
		int rc[2];

		tls_conn_handshake(w.end[CLIENT]);
		p = tls_conn_output(w.end[CLIENT], &n);
		ck_assert_uint_lt(n, sizeof hello);
		memcpy(hello, p, n);
		tls_conn_sent(w.end[CLIENT], n);
		if (at < n)
			hello[at] ^= 0x41;
		tls_conn_input(w.end[SERVER], hello, n);
		tls_conn_eof(w.end[SERVER]);
		shake(&w, rc);
		/* The record's version byte is the one thing that TLS does not look at. */
		ck_assert_msg((rc[CLIENT] == 1) == (at >= n || at == 2), "byte %zu", at);
		ends_free(&w);
	}
	wire_free(&nodes);
}
END_TEST

/* The stream of one end stops after each possible number of bytes. */
START_TEST(test_truncation_at_every_byte)
{
	struct wire nodes = wire_new(1, 1);
	size_t whole[2] = {0, 0};
	int rc[2];

	for (int side = 0; side < 2; side++) {
		struct wire w = wire_of(nodes.ctx[CLIENT], nodes.ctx[SERVER]);

		w.budget[side] = 1 << 20;
		shake(&w, rc);
		ck_assert(rc[0] == 1 && rc[1] == 1);
		whole[side] = (1 << 20) - w.budget[side];
		ends_free(&w);
	}
	for (int side = 0; side < 2; side++) {
		for (size_t cut = 1; cut < whole[side]; cut++) {
			struct wire w = wire_of(nodes.ctx[CLIENT], nodes.ctx[SERVER]);

			w.budget[side] = cut;
			shake(&w, rc);
			ck_assert_int_eq(rc[!side], -EPROTO);
			ck_assert_int_eq(tls_conn_fail(w.end[!side]), TLS_FAIL_CLOSED);
			ends_free(&w);
		}
	}
	wire_free(&nodes);
}
END_TEST

START_TEST(test_closed_before_a_byte_came)
{
	struct wire w = wire_new(1, 1);

	for (int side = 0; side < 2; side++) {
		tls_conn_eof(w.end[side]);
		ck_assert_int_eq(tls_conn_handshake(w.end[side]), -EPROTO);
		ck_assert_int_eq(tls_conn_fail(w.end[side]), TLS_FAIL_CLOSED);
	}
	wire_free(&w);
}
END_TEST

static void self_signed(SSL_CTX *ctx)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)"impostor", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, pkey);
	ck_assert_int_gt(X509_sign(x, pkey, EVP_sha256()), 0);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, x), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, pkey), 1);
	X509_free(x);
	EVP_PKEY_free(pkey);
}

/* One of our ends against a plain OpenSSL peer with these settings. Returns our verdict. */
static int against(SSL_CTX *foreign, bool we_serve, enum tls_fail *fail)
{
	struct tls_psk psk = key(1);
	struct tls_ctx *ctx = tls_ctx_new(&psk, 1);
	struct tls_conn *c = tls_conn_new(ctx, we_serve);
	SSL *ssl = SSL_new(foreign);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	uint8_t bytes[4096];
	int rc = 0, n;

	SSL_set_bio(ssl, in, out);
	for (int round = 0; round < 10; round++) {
		const uint8_t *p;
		size_t have;

		if (we_serve)
			SSL_connect(ssl);
		else
			SSL_accept(ssl);
		while ((n = BIO_read(out, bytes, sizeof bytes)) > 0)
			tls_conn_input(c, bytes, (size_t)n);
		rc = tls_conn_handshake(c);
		p = tls_conn_output(c, &have);
		if (have > 0)
			BIO_write(in, p, (int)have);
		tls_conn_sent(c, have);
	}
	*fail = tls_conn_fail(c);
	SSL_free(ssl);
	tls_conn_free(c);
	tls_ctx_free(ctx);
	return rc;
}

/* The hole that this module closes [A9]: no key, but a certificate of one's own. */
START_TEST(test_impostor_server_with_a_certificate)
{
	SSL_CTX *foreign = SSL_CTX_new(TLS_server_method());
	enum tls_fail fail;

	self_signed(foreign);
	ck_assert_int_eq(against(foreign, false, &fail), -EPROTO);
	ck_assert_int_eq(fail, TLS_FAIL_CERTIFICATE);
	SSL_CTX_free(foreign);
}
END_TEST

START_TEST(test_impostor_client_with_a_certificate)
{
	SSL_CTX *foreign = SSL_CTX_new(TLS_client_method());
	enum tls_fail fail;

	self_signed(foreign);
	ck_assert_int_eq(against(foreign, true, &fail), -EPROTO);
	ck_assert_int_eq(fail, TLS_FAIL_NO_KEY);
	SSL_CTX_free(foreign);
}
END_TEST

START_TEST(test_old_tls)
{
	for (int we_serve = 0; we_serve < 2; we_serve++) {
		SSL_CTX *foreign =
			SSL_CTX_new(we_serve ? TLS_client_method() : TLS_server_method());
		enum tls_fail fail;

		self_signed(foreign);
		SSL_CTX_set_max_proto_version(foreign, TLS1_2_VERSION);
		ck_assert_int_eq(against(foreign, we_serve, &fail), -EPROTO);
		ck_assert_str_eq(tls_fail_text(fail), tls_fail_text(TLS_FAIL_VERSION));
		SSL_CTX_free(foreign);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tls");
	TCase *tc = tcase_create("tls");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_same_key);
	tcase_add_test(tc, test_another_key_is_a_mismatch_on_both_ends);
	tcase_add_test(tc, test_right_id_without_the_key);
	tcase_add_test(tc, test_rotation);
	tcase_add_test(tc, test_reflection_is_told_at_both_ends);
	tcase_add_test(tc, test_echo);
	tcase_add_loop_test(tc, test_strangers, 0,
		(int)(sizeof strangers / sizeof strangers[0]));
	tcase_add_test(tc, test_bytes_flipped_in_the_handshake_never_pass);
	tcase_add_test(tc, test_truncation_at_every_byte);
	tcase_add_test(tc, test_closed_before_a_byte_came);
	tcase_add_test(tc, test_impostor_server_with_a_certificate);
	tcase_add_test(tc, test_impostor_client_with_a_certificate);
	tcase_add_test(tc, test_old_tls);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
