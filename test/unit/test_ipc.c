#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/node.h"
#include "common/ipc/ipc.h"
#include "common/msg/frame.h"

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static char letters[IPC_SECTION_MAX + 1];

static void fill(const struct msg_desc *d, uint8_t *out, struct msg_arena *a, unsigned seed);

static void fill_field(const struct msg_field *f, uint8_t *to, struct msg_arena *a,
	unsigned seed)
{
	struct msg_span span = {letters, f->max < seed ? f->max : seed};
	struct msg_list list = {NULL, f->max < seed ? f->max : seed};
	uint64_t n = f->max == 0 ? 0x1234 : seed % (f->max + 1);

	switch (f->kind) {
	case MSG_BOOL:
		memcpy(to, &(bool){seed % 2 == 1}, sizeof(bool));
		break;
	case MSG_U16:
		memcpy(to, &(uint16_t){(uint16_t)n}, sizeof(uint16_t));
		break;
	case MSG_U32:
		memcpy(to, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
		break;
	case MSG_U64:
		memcpy(to, &n, sizeof n);
		break;
	case MSG_STR:
		memcpy(to, &span, sizeof span);
		break;
	case MSG_LIST:
		list.item = msg_arena_alloc(a, (list.n + 1) * f->of->size);
		ck_assert_ptr_nonnull(list.item);
		for (uint32_t i = 0; i < list.n; i++)
			fill(f->of, (uint8_t *)list.item + i * f->of->size, a, seed);
		memcpy(to, &list, sizeof list);
		break;
	case MSG_I64:
	case MSG_ID:
	case MSG_BIN:
	case MSG_STRUCT:
		ck_abort_msg("%s: a kind that this test does not fill", f->name);
	}
}

static void fill(const struct msg_desc *d, uint8_t *out, struct msg_arena *a, unsigned seed)
{
	for (unsigned i = 0; i < d->n_fields; i++)
		fill_field(&d->field[i], out + d->field[i].offset, a, seed);
}

static enum ipc_side a_sender(const struct ipc_row *r)
{
	return (enum ipc_side)(r->from & (0U - r->from));
}

static enum ipc_side a_receiver(const struct ipc_row *r)
{
	return (enum ipc_side)(r->to & (0U - r->to));
}

START_TEST(test_every_row_comes_back_as_it_was_sent)
{
	static const unsigned seeds[] = {0, 1, 3, 40, 1000, IPC_SECTION_MAX};
	const struct ipc_row *r = &ipc_rows[_i];
	struct msg_arena a;

	msg_arena_init(&a, ARENA_BYTES);
	for (size_t k = 0; k < sizeof seeds / sizeof seeds[0]; k++) {
		struct buf one = {0}, two = {0};
		struct ipc_decoded got;
		uint8_t *in = msg_arena_alloc(&a, r->desc->size);

		fill(r->desc, in, &a, seeds[k]);
		ck_assert_int_eq(ipc_encode(&one, (enum ipc_type)_i, in), 0);
		ck_assert_int_eq(ipc_decode(one.p + 4, one.n - 4, a_sender(r), a_receiver(r),
					 &a, &got),
			0);
		ck_assert_int_eq(got.type, _i);
		ck_assert_int_eq(ipc_encode(&two, got.type, got.msg), 0);
		ck_assert_uint_eq(one.n, two.n);
		ck_assert_mem_eq(one.p, two.p, one.n);
		for (size_t cut = 0; cut < one.n - 4 && cut < 300; cut++)
			ck_assert_int_eq(ipc_decode(one.p + 4, cut, a_sender(r), a_receiver(r),
						 &a, &got),
				-EPROTO);
		buf_free(&one);
		buf_free(&two);
		msg_arena_reset(&a);
	}
	msg_arena_free(&a);
}
END_TEST

START_TEST(test_only_the_sides_of_the_row_may_send_and_receive)
{
	static const enum ipc_side sides[] = {IPC_SUPERVISOR, IPC_MEMBERSHIP, IPC_WORKER};
	const struct ipc_row *r = &ipc_rows[_i];
	struct buf b = {0};
	struct msg_arena a;
	uint8_t *in;

	msg_arena_init(&a, ARENA_BYTES);
	in = msg_arena_alloc(&a, r->desc->size);
	fill(r->desc, in, &a, 1);
	ck_assert_int_eq(ipc_encode(&b, (enum ipc_type)_i, in), 0);
	for (size_t i = 0; i < 9; i++) {
		enum ipc_side from = sides[i / 3], to = sides[i % 3];
		bool allowed = (r->from & from) != 0 && (r->to & to) != 0;
		struct ipc_decoded got;

		ck_assert_int_eq(ipc_decode(b.p + 4, b.n - 4, from, to, &a, &got),
			allowed ? 0 : -EPERM);
		if (!allowed)
			ck_assert_str_eq(got.why, r->method);
	}
	buf_free(&b);
	msg_arena_free(&a);
}
END_TEST

START_TEST(test_the_table_is_whole)
{
	const struct ipc_row *r = &ipc_rows[_i];

	ck_assert_ptr_nonnull(r->method);
	ck_assert_ptr_nonnull(r->desc);
	ck_assert(r->doc != NULL && r->doc[0] != '\0');
	ck_assert(r->from != 0 && r->to != 0 && (r->from & r->to) == 0);
	for (int i = 0; i < _i; i++)
		ck_assert_str_ne(ipc_rows[i].method, r->method);
	/* Descriptors go one way only: from the supervisor to membership. */
	if (r->with_fd)
		ck_assert(r->from == IPC_SUPERVISOR && r->to == IPC_MEMBERSHIP);
}
END_TEST

START_TEST(test_a_full_part_of_the_longest_candidates_fits_a_frame)
{
	struct ipc_candidate c = {.name = {letters, NODE_NAME_MAX},
		.host = {letters, NODE_HOST_MAX},
		.port = 65535,
		.source = {letters, 128}};
	struct ipc_candidate *all = xcalloc(IPC_CANDIDATES_PART + 1, sizeof *all);
	struct ipc_candidates m = {.generation = UINT64_MAX,
		.list = {all, IPC_CANDIDATES_PART + 1}};
	struct buf b = {0};
	struct msg_arena a;
	struct ipc_decoded got;

	for (unsigned i = 0; i <= IPC_CANDIDATES_PART; i++)
		all[i] = c;
	msg_arena_init(&a, ARENA_BYTES);
	ck_assert_int_eq(ipc_encode(&b, IPC_CANDIDATES, &m), 0);
	ck_assert_int_eq(ipc_decode(b.p + 4, b.n - 4, IPC_WORKER, IPC_MEMBERSHIP, &a, &got),
		-ERANGE);
	ck_assert_str_eq(got.why, "list");
	b.n = 0;
	m.list.n = IPC_CANDIDATES_PART;
	ck_assert_int_eq(ipc_encode(&b, IPC_CANDIDATES, &m), 0);
	ck_assert_int_eq(ipc_decode(b.p + 4, b.n - 4, IPC_WORKER, IPC_MEMBERSHIP, &a, &got), 0);
	buf_free(&b);
	msg_arena_free(&a);
	free(all);
}
END_TEST

START_TEST(test_an_oversized_message_leaves_the_buffer_as_it_was)
{
	char *big = xcalloc(1, FRAME_MAX_IPC);
	struct ipc_setup m = {.section = {big, FRAME_MAX_IPC}, .node_name = {"a@h", 3}};
	struct buf b = {0};

	ck_assert_int_eq(ipc_encode(&b, IPC_BEAT, NULL), 0);
	size_t n = b.n;

	ck_assert_int_eq(ipc_encode(&b, IPC_SETUP, &m), -EMSGSIZE);
	ck_assert_uint_eq(b.n, n);
	buf_free(&b);
	free(big);
}
END_TEST

static const struct {
	const char *title;
	const char *bytes;
	size_t n;
} garbage[] = {
	{"nothing", "", 0},
	{"a text", "hello, world", 12},
	{"a huge array", "\xdd\x10\x00\x00\x00", 5},
	{"a request",
		"\x94\x00\x01\xa4"
		"beat\x90",
		9},
	{"a response", "\x94\x01\x01\xc0\x90", 5},
	{"an unknown method",
		"\x93\x02\xa4"
		"bear\x90",
		8},
	{"params that are no array",
		"\x93\x02\xa4"
		"beat\x01",
		8},
	{"bytes after the message",
		"\x93\x02\xa4"
		"beat\x90\x90",
		9},
};

START_TEST(test_garbage_is_refused)
{
	struct ipc_decoded got;
	struct msg_arena a;

	msg_arena_init(&a, 1024);
	ck_assert_msg(ipc_decode((const uint8_t *)garbage[_i].bytes, garbage[_i].n, IPC_WORKER,
			      IPC_SUPERVISOR, &a, &got) == -EPROTO,
		"%s", garbage[_i].title);
	ck_assert_ptr_nonnull(got.why);
	msg_arena_free(&a);
}
END_TEST

START_TEST(test_a_line_is_cut_to_its_field)
{
	ck_assert_uint_eq(ipc_line("").n, 0);
	ck_assert_uint_eq(ipc_line("short").n, 5);
	ck_assert_uint_eq(ipc_line(letters).n, IPC_TEXT_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ipc");
	TCase *tc = tcase_create("table");
	SRunner *sr;
	int failed;

	memset(letters, 'x', sizeof letters - 1);
	tcase_add_loop_test(tc, test_every_row_comes_back_as_it_was_sent, 0, IPC_N_TYPES);
	tcase_add_loop_test(tc, test_only_the_sides_of_the_row_may_send_and_receive, 0,
		IPC_N_TYPES);
	tcase_add_loop_test(tc, test_the_table_is_whole, 0, IPC_N_TYPES);
	tcase_add_test(tc, test_a_full_part_of_the_longest_candidates_fits_a_frame);
	tcase_add_test(tc, test_an_oversized_message_leaves_the_buffer_as_it_was);
	tcase_add_loop_test(tc, test_garbage_is_refused, 0,
		(int)(sizeof garbage / sizeof garbage[0]));
	tcase_add_test(tc, test_a_line_is_cut_to_its_field);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
