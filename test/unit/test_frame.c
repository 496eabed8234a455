#include <check.h>
#include <errno.h>
#include <string.h>

#include "common/msg/frame.h"

static void feed(struct frame_in *f, const void *p, size_t n)
{
	size_t room;
	uint8_t *to;

	for (const uint8_t *from = p; n > 0;) {
		to = frame_in_space(f, &room);
		ck_assert_uint_ge(room, 1);
		if (room > n)
			room = n;
		memcpy(to, from, room);
		frame_in_fed(f, room);
		from += room;
		n -= room;
	}
}

START_TEST(test_two_frames_in_one_piece)
{
	struct frame_in f;
	const uint8_t *body;
	size_t n;

	frame_in_init(&f, 16);
	ck_assert_int_eq(frame_in_next(&f, &body, &n), 0);
	ck_assert(!frame_in_partial(&f));
	feed(&f, "\0\0\0\2hi\0\0\0\3you\0", 14);
	ck_assert_int_eq(frame_in_next(&f, &body, &n), 1);
	ck_assert_uint_eq(n, 2);
	ck_assert_mem_eq(body, "hi", 2);
	ck_assert_int_eq(frame_in_next(&f, &body, &n), 1);
	ck_assert_uint_eq(n, 3);
	ck_assert_mem_eq(body, "you", 3);
	ck_assert_int_eq(frame_in_next(&f, &body, &n), 0);
	ck_assert(frame_in_partial(&f));
	frame_in_free(&f);
}
END_TEST

START_TEST(test_byte_by_byte)
{
	static const char stream[] = "\0\0\0\2hi\0\0\0\3you";
	struct frame_in f;
	const uint8_t *body;
	size_t n, seen = 0;

	frame_in_init(&f, 3);
	for (size_t i = 0; i < sizeof stream - 1; i++) {
		feed(&f, &stream[i], 1);
		while (frame_in_next(&f, &body, &n) == 1)
			seen += n;
		ck_assert(frame_in_partial(&f) == (i != 5 && i != sizeof stream - 2));
	}
	ck_assert_uint_eq(seen, 5);
	frame_in_free(&f);
}
END_TEST

static const struct {
	const char *title;
	uint8_t head[4];
	int rc;
} heads[] = {
	{"a frame of the maximum is awaited", {0, 0, 16, 0}, 0},
	{"one byte more is refused before it comes", {0, 0, 16, 1}, -EMSGSIZE},
	{"an empty frame is refused", {0, 0, 0, 0}, -EMSGSIZE},
	{"4 GiB are refused", {255, 255, 255, 255}, -EMSGSIZE},
};

START_TEST(test_announced_length)
{
	struct frame_in f;
	const uint8_t *body;
	size_t n;

	frame_in_init(&f, FRAME_MAX_HELLO);
	feed(&f, heads[_i].head, 4);
	ck_assert_msg(frame_in_next(&f, &body, &n) == heads[_i].rc, "%s", heads[_i].title);
	frame_in_free(&f);
}
END_TEST

START_TEST(test_memory_follows_what_came)
{
	static uint8_t big[FRAME_MAX_RPC];
	struct frame_in f;
	const uint8_t *body;
	size_t n, room;

	frame_in_init(&f, FRAME_MAX_RPC);
	feed(&f, "\0\x40\0\0", 4);
	frame_in_space(&f, &room);
	ck_assert_uint_le(f.buf.cap, 16384);
	memset(big, 'x', sizeof big);
	feed(&f, big, sizeof big);
	ck_assert_int_eq(frame_in_next(&f, &body, &n), 1);
	ck_assert_uint_eq(n, FRAME_MAX_RPC);
	ck_assert_mem_eq(body, big, n);
	frame_in_space(&f, &room);
	ck_assert_uint_le(f.buf.cap, 16384);
	frame_in_free(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame");
	TCase *tc = tcase_create("frame");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, test_two_frames_in_one_piece);
	tcase_add_test(tc, test_byte_by_byte);
	tcase_add_loop_test(tc, test_announced_length, 0,
		(int)(sizeof heads / sizeof heads[0]));
	tcase_add_test(tc, test_memory_follows_what_came);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
