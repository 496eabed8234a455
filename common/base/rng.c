#include "common/base/rng.h"

#include <assert.h>

static uint64_t rotl(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

void rng_init(struct rng *r, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t out = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return out;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	uint64_t x, first_fair;

	assert(n > 0);
	/* 2^64 mod n values at the bottom would make some results likelier: they are drawn again. */
	first_fair = (0 - n) % n;
	do {
		x = rng_u64(r);
	} while (x < first_fair);
	return x % n;
}

uint64_t rng_range(struct rng *r, uint64_t lo, uint64_t hi)
{
	assert(lo <= hi);
	if (hi - lo == UINT64_MAX)
		return rng_u64(r);
	return lo + rng_below(r, hi - lo + 1);
}

struct id128 rng_id(struct rng *r)
{
	struct id128 id;

	for (unsigned i = 0; i < sizeof id.b; i += 8) {
		uint64_t x = rng_u64(r);

		for (unsigned k = 0; k < 8; k++)
			id.b[i + k] = (uint8_t)(x >> (56 - 8 * k));
	}
	return id;
}
