#ifndef COMMON_BASE_ID_H
#define COMMON_BASE_ID_H
/* 128-bit random identities: node ids, member ids, cluster ids. Plain values, compared as big-endian numbers. */
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ID_HEX_MAX = 33 };

struct id128 {
	uint8_t b[16];
};

/* A half, most significant first. */
static inline uint64_t id_half(const struct id128 *id, unsigned half)
{
	uint64_t v;

	memcpy(&v, id->b + half * sizeof v, sizeof v);
	return be64toh(v);
}

static inline int id_cmp(const struct id128 *a, const struct id128 *b)
{
	unsigned half = id_half(a, 0) == id_half(b, 0) ? 1 : 0;
	uint64_t x = id_half(a, half), y = id_half(b, half);

	return (x > y) - (x < y);
}

static inline bool id_eq(const struct id128 *a, const struct id128 *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline bool id_is_zero(const struct id128 *a)
{
	static const struct id128 zero;

	return id_eq(a, &zero);
}

/* Writes 32 hex digits and a NUL. Returns out. */
char *id_hex(const struct id128 *id, char out[ID_HEX_MAX]);
/* 0, or -EINVAL unless s is exactly 32 hex digits. */
int id_parse(const char *s, struct id128 *out);

#endif
