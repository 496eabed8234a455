#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/net/dns_answer.h"

enum { CNAME = 5, TXT = 16, IN = 1, CHAOS = 3 };

static void put16(struct buf *b, unsigned n)
{
	buf_put(b, (uint8_t[2]){(uint8_t)(n >> 8), (uint8_t)n}, 2);
}

/* A dotted name as labels. */
static void put_name(struct buf *b, const char *name)
{
	while (*name != '\0') {
		uint8_t n = (uint8_t)strcspn(name, ".");

		buf_put(b, &n, 1);
		buf_put(b, name, n);
		name += n + (name[n] == '.');
	}
	buf_put(b, "", 1);
}

static struct buf packet(const char *question, unsigned type, unsigned n_answers)
{
	struct buf b = {0};

	put16(&b, 7);
	put16(&b, 0x8180);
	put16(&b, 1);
	put16(&b, n_answers);
	put16(&b, 0);
	put16(&b, 0);
	put_name(&b, question);
	put16(&b, type);
	put16(&b, IN);
	return b;
}

/* One record: data is a name for CNAME, the fields and a name for SRV, else these bytes. */
struct rr {
	const char *owner;
	unsigned type, class;
	uint32_t ttl_s;
	const char *data;
	uint16_t n;
};

static void put_rr(struct buf *b, const struct rr *rr)
{
	size_t length;

	put_name(b, rr->owner);
	put16(b, rr->type);
	put16(b, rr->class);
	put16(b, rr->ttl_s >> 16);
	put16(b, rr->ttl_s & 0xffff);
	length = b->n;
	put16(b, 0);
	if (rr->type == DNS_SRV)
		buf_put(b, "\0\1\0\2\x11\x12", 6);
	if (rr->type == DNS_SRV || rr->type == CNAME)
		put_name(b, rr->data);
	else
		buf_put(b, rr->data, rr->n);
	b->p[length] = (uint8_t)((b->n - length - 2) >> 8);
	b->p[length + 1] = (uint8_t)(b->n - length - 2);
}

#define A1   "\12\0\0\1"
#define A2   "\12\0\0\2"
#define SIX1 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"

static const struct {
	const char *title;
	enum dns_type type;
	struct rr rr[4];
	enum dns_status status;
	size_t n;
	uint32_t ttl_s;
} stories[] = {
	{"nothing", DNS_A, {{0}}, DNS_NODATA, 0, 0},
	{"one address", DNS_A, {{"q.x", DNS_A, IN, 5, A1, 4}}, DNS_OK, 1, 5},
	{"case does not matter", DNS_A, {{"Q.X", DNS_A, IN, 5, A1, 4}}, DNS_OK, 1, 5},
	{"IPv6", DNS_AAAA, {{"q.x", DNS_AAAA, IN, 5, SIX1, 16}}, DNS_OK, 1, 5},
	{"another type is passed over", DNS_AAAA,
		{{"q.x", DNS_A, IN, 9, A1, 4}, {"q.x", DNS_AAAA, IN, 5, SIX1, 16}}, DNS_OK, 1,
		5},
	{"another class is passed over", DNS_A, {{"q.x", DNS_A, CHAOS, 5, A1, 4}}, DNS_NODATA,
		0, 0},
	{"an address nobody asked for", DNS_A,
		{{"evil.x", DNS_A, IN, 5, A1, 4}, {"q.x", DNS_A, IN, 5, A2, 4}}, DNS_OK, 1, 5},
	{"an alias that lives shorter", DNS_A,
		{{"q.x", CNAME, IN, 3, "r.x", 0}, {"r.x", DNS_A, IN, 50, A1, 4}}, DNS_OK, 1, 3},
	{"an alias that lives longer", DNS_A,
		{{"q.x", CNAME, IN, 60, "r.x", 0}, {"r.x", DNS_A, IN, 50, A1, 4}}, DNS_OK, 1,
		50},
	{"a chain in the wrong order", DNS_A,
		{{"s.x", DNS_A, IN, 50, A1, 4}, {"r.x", CNAME, IN, 20, "s.x", 0},
			{"q.x", CNAME, IN, 30, "r.x", 0}, {"s.x", DNS_A, IN, 50, A2, 4}},
		DNS_OK, 2, 20},
	{"an alias of itself", DNS_A, {{"q.x", CNAME, IN, 3, "q.x", 0}}, DNS_NODATA, 0, 0},
	{"two aliases in a ring", DNS_A,
		{{"q.x", CNAME, IN, 3, "r.x", 0}, {"r.x", CNAME, IN, 3, "q.x", 0}}, DNS_NODATA,
		0, 0},
	{"an alias that leads nowhere", DNS_A, {{"q.x", CNAME, IN, 3, "r.x", 0}}, DNS_NODATA, 0,
		0},
	{"a TTL with the top bit is none", DNS_A, {{"q.x", DNS_A, IN, 0x80000005, A1, 4}},
		DNS_OK, 1, 0},
	{"a service", DNS_SRV, {{"q.x", DNS_SRV, IN, 5, "host.x", 0}}, DNS_OK, 1, 5},
	{"a service that is not offered", DNS_SRV, {{"q.x", DNS_SRV, IN, 5, "", 0}}, DNS_OK, 1,
		5},
	{"an address of three bytes", DNS_A, {{"q.x", DNS_A, IN, 5, A1, 3}}, DNS_GARBAGE, 0, 0},
	{"garbage after a good one", DNS_A,
		{{"q.x", DNS_A, IN, 5, A1, 4}, {"q.x", DNS_A, IN, 5, "12345", 5}}, DNS_GARBAGE,
		0, 0},
	{"an IPv6 address of four bytes", DNS_AAAA, {{"q.x", DNS_AAAA, IN, 5, A1, 4}},
		DNS_GARBAGE, 0, 0},
};

START_TEST(test_story)
{
	struct buf b;
	struct dns_answer a;
	unsigned n = 0;

	while (n < 4 && stories[_i].rr[n].owner != NULL)
		n++;
	b = packet("q.x", stories[_i].type, n);
	for (unsigned i = 0; i < n; i++)
		put_rr(&b, &stories[_i].rr[i]);
	ck_assert_msg(dns_answer_read(b.p, b.n, stories[_i].type, &a) == stories[_i].status,
		"%s", stories[_i].title);
	ck_assert_uint_eq(a.n, stories[_i].n);
	for (size_t i = 0; i < a.n; i++)
		ck_assert_uint_eq(a.record[i].ttl_s, stories[_i].ttl_s);
	dns_answer_free(&a);
	buf_free(&b);
}
END_TEST

START_TEST(test_contents)
{
	struct buf b = packet("q.x", DNS_SRV, 1);
	struct dns_answer a;

	put_rr(&b, &(struct rr){"q.x", DNS_SRV, IN, 5, "host.x", 0});
	ck_assert_int_eq(dns_answer_read(b.p, b.n, DNS_SRV, &a), DNS_OK);
	ck_assert_str_eq(a.record[0].target, "host.x");
	ck_assert(a.record[0].priority == 1 && a.record[0].weight == 2);
	ck_assert_uint_eq(a.record[0].port, 0x1112);
	dns_answer_free(&a);
	buf_free(&b);
}
END_TEST

/* Each cut is an exact heap copy, so that the sanitizer sees one byte too many. */
START_TEST(test_every_truncation_is_garbage)
{
	struct buf b = packet("q.x", DNS_SRV, 2);
	struct dns_answer a;

	put_rr(&b, &(struct rr){"q.x", CNAME, IN, 5, "r.x", 0});
	put_rr(&b, &(struct rr){"r.x", DNS_SRV, IN, 5, "host.x", 0});
	for (size_t cut = 0; cut < b.n; cut++) {
		uint8_t *p = malloc(cut + 1);

		memcpy(p, b.p, cut);
		ck_assert_int_eq(dns_answer_read(p, cut, DNS_SRV, &a), DNS_GARBAGE);
		ck_assert(a.n == 0 && a.record == NULL);
		free(p);
	}
	ck_assert_int_eq(dns_answer_read(b.p, b.n, DNS_SRV, &a), DNS_OK);
	dns_answer_free(&a);
	buf_free(&b);
}
END_TEST

/* The record's length ends inside the target's name: what follows is not part of it. */
START_TEST(test_target_beyond_its_record)
{
	struct buf b = packet("q.x", DNS_SRV, 1);
	struct dns_answer a;

	put_rr(&b, &(struct rr){"q.x", DNS_SRV, IN, 5, "host.x", 0});
	b.p[b.n - 15]--; /* low byte of the length, before 6 + 8 bytes */
	ck_assert_int_eq(dns_answer_read(b.p, b.n, DNS_SRV, &a), DNS_GARBAGE);
	buf_free(&b);
}
END_TEST

static const struct {
	const char *title, *name;
	size_t n;
} names[] = {
	{"a pointer to itself", "\xc0\x15", 2}, /* the first record lies at 21 */
	{"a pointer behind the end", "\xff\xff", 2},
	{"a label that is no label", "\x80x", 2},
	{"half a pointer", "\xc0", 1},
};

START_TEST(test_hostile_names)
{
	struct buf b = packet("q.x", DNS_A, 1);
	struct dns_answer a;

	ck_assert_uint_eq(b.n, 21);
	buf_put(&b, names[_i].name, names[_i].n);
	if (names[_i].n > 1)
		buf_put(&b, "\0\1\0\1\0\0\0\5\0\4" A1, 14);
	ck_assert_msg(dns_answer_read(b.p, b.n, DNS_A, &a) == DNS_GARBAGE, "%s",
		names[_i].title);
	buf_free(&b);
}
END_TEST

/* Thousands of records, each with a chain of thousands of pointers: refused at once, not followed for seconds. */
START_TEST(test_pointer_chains)
{
	enum { HOPS = 3000, RECORDS = 3000 };
	struct buf b = packet("q.x", DNS_A, RECORDS + 1);
	struct dns_answer a;
	unsigned at, first;

	buf_put(&b, "\0", 1); /* a record of the root with HOPS pointers as its data */
	put16(&b, TXT);
	put16(&b, IN);
	buf_put(&b, "\0\0\0\5", 4);
	put16(&b, 2 * HOPS);
	first = (unsigned)b.n;
	put16(&b, 0xc00c);
	for (at = first; at < first + 2 * (HOPS - 1); at += 2)
		put16(&b, 0xc000 | at);
	for (int i = 0; i < RECORDS; i++) {
		put16(&b, 0xc000 | at);
		buf_put(&b, "\0\1\0\1\0\0\0\5\0\4" A1, 14);
	}
	ck_assert_uint_lt(b.n, 65535);
	ck_assert_int_eq(dns_answer_read(b.p, b.n, DNS_A, &a), DNS_GARBAGE);
	buf_free(&b);
}
END_TEST

START_TEST(test_a_full_packet)
{
	enum { RECORDS = 4000 };
	struct buf b = packet("q.x", DNS_A, RECORDS);
	struct dns_answer a;

	for (int i = 0; i < RECORDS; i++)
		buf_put(&b, "\xc0\x0c\0\1\0\1\0\0\0\5\0\4" A1, 16);
	ck_assert_int_eq(dns_answer_read(b.p, b.n, DNS_A, &a), DNS_OK);
	ck_assert_uint_eq(a.n, RECORDS);
	dns_answer_free(&a);
	buf_free(&b);
}
END_TEST

#define N(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int main(void)
{
	Suite *s = suite_create("dns_answer");
	TCase *tc = tcase_create("answer");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, test_story, 0, N(stories));
	tcase_add_test(tc, test_contents);
	tcase_add_test(tc, test_every_truncation_is_garbage);
	tcase_add_test(tc, test_target_beyond_its_record);
	tcase_add_loop_test(tc, test_hostile_names, 0, N(names));
	tcase_add_test(tc, test_pointer_chains);
	tcase_add_test(tc, test_a_full_packet);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
