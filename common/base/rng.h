#ifndef COMMON_BASE_RNG_H
#define COMMON_BASE_RNG_H
/*
 * xoshiro256** (Blackman and Vigna): the only random source of pure code, so that one seed decides a whole run.
 * Not for secrets: keys come from OpenSSL or getrandom(2).
 */
#include <stdint.h>

#include "common/base/id.h"

struct rng {
	uint64_t s[4];
};

/* Expands seed with splitmix64; any seed will do. */
void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n); n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Uniform in [lo, hi]. */
uint64_t rng_range(struct rng *r, uint64_t lo, uint64_t hi);
struct id128 rng_id(struct rng *r);

#endif
