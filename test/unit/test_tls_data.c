#include "test/unit/tls_wire.h"

enum { LARGE = 3 * 1000 * 1000 };

static uint8_t pattern(size_t at, int side)
{
	return (uint8_t)(at * 31 + at / 251 + (size_t)side);
}

START_TEST(test_large_data_both_ways)
{
	static uint8_t chunk[100000];
	struct wire w = wire_new(1, 1);
	size_t sent[2] = {0}, got[2] = {0}, wrong = 0, out;

	expect(&w, TLS_FAIL_NONE, TLS_FAIL_NONE);
	while (got[0] < LARGE || got[1] < LARGE) {
		for (int i = 0; i < 2; i++) {
			size_t n =
				LARGE - sent[i] < sizeof chunk ? LARGE - sent[i] : sizeof chunk;
			ssize_t rc;

			for (size_t k = 0; k < n; k++)
				chunk[k] = pattern(sent[i] + k, i);
			rc = tls_conn_write(w.end[i], chunk, n);
			ck_assert_int_ge(rc, 0);
			sent[i] += (size_t)rc;
			tls_conn_output(w.end[i], &out);
			ck_assert_uint_le(out, 65536);
			move(&w, i);
			while ((rc = tls_conn_read(w.end[!i], chunk, 50000)) > 0) {
				for (size_t k = 0; k < (size_t)rc; k++)
					wrong += chunk[k] != pattern(got[i] + k, i);
				got[i] += (size_t)rc;
			}
			ck_assert_int_eq(rc, -EAGAIN);
		}
	}
	ck_assert_uint_eq(wrong, 0);
	wire_free(&w);
}
END_TEST

START_TEST(test_output_is_bounded_when_the_peer_reads_nothing)
{
	static const uint8_t chunk[100000];
	struct wire w = wire_new(1, 1);
	size_t out = 0, total = 0, n;

	expect(&w, TLS_FAIL_NONE, TLS_FAIL_NONE);
	do {
		n = (size_t)tls_conn_write(w.end[CLIENT], chunk, sizeof chunk);
		ck_assert_uint_le(n, sizeof chunk);
		total += n;
	} while (n > 0);
	tls_conn_output(w.end[CLIENT], &out);
	ck_assert(out <= 65536 && total > 32768);
	ck_assert_uint_le(tls_conn_input(w.end[SERVER], chunk, sizeof chunk), 32768);
	wire_free(&w);
}
END_TEST

START_TEST(test_shutdown)
{
	struct wire w = wire_new(1, 1);
	char text[8];

	tls_conn_shutdown(w.end[CLIENT]); /* nothing to say before the handshake */
	expect(&w, TLS_FAIL_NONE, TLS_FAIL_NONE);
	ck_assert_int_eq(tls_conn_write(w.end[CLIENT], "bye", 3), 3);
	tls_conn_shutdown(w.end[CLIENT]);
	ck_assert_int_eq(tls_conn_write(w.end[CLIENT], "more", 4), -EPIPE);
	move(&w, CLIENT);
	tls_conn_eof(w.end[SERVER]);
	ck_assert_int_eq(tls_conn_read(w.end[SERVER], text, sizeof text), 3);
	ck_assert(!tls_conn_closed(w.end[SERVER]));
	ck_assert_int_eq(tls_conn_read(w.end[SERVER], text, sizeof text), 0);
	ck_assert(tls_conn_closed(w.end[SERVER]));
	ck_assert_int_eq(tls_conn_write(w.end[SERVER], "ok", 2),
		2); /* the other direction is open */
	move(&w, SERVER);
	ck_assert_int_eq(tls_conn_read(w.end[CLIENT], text, sizeof text), 2);
	wire_free(&w);
}
END_TEST

START_TEST(test_end_without_close_notify_is_told)
{
	struct wire w = wire_new(1, 1);
	char text[8];

	expect(&w, TLS_FAIL_NONE, TLS_FAIL_NONE);
	ck_assert_int_eq(tls_conn_write(w.end[CLIENT], "half", 4), 4);
	w.budget[CLIENT] = 10;
	move(&w, CLIENT);
	ck_assert_int_eq(tls_conn_read(w.end[SERVER], text, sizeof text), -ECONNRESET);
	wire_free(&w);
}
END_TEST

START_TEST(test_forged_data_ends_the_connection)
{
	struct wire w = wire_new(1, 1);
	char text[8];

	expect(&w, TLS_FAIL_NONE, TLS_FAIL_NONE);
	tls_conn_input(w.end[SERVER],
		"\x17\3\3\0\x14"
		"01234567890123456789",
		25);
	ck_assert_int_eq(tls_conn_read(w.end[SERVER], text, sizeof text), -EPROTO);
	ck_assert_int_eq(tls_conn_fail(w.end[SERVER]), TLS_FAIL_PROTOCOL);
	wire_free(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tls_data");
	TCase *tc = tcase_create("tls_data");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_large_data_both_ways);
	tcase_add_test(tc, test_output_is_bounded_when_the_peer_reads_nothing);
	tcase_add_test(tc, test_shutdown);
	tcase_add_test(tc, test_end_without_close_notify_is_told);
	tcase_add_test(tc, test_forged_data_ends_the_connection);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
