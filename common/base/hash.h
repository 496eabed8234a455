#ifndef COMMON_BASE_HASH_H
#define COMMON_BASE_HASH_H
/* XXH3-64, the hash of rings and digests: not a secret one, equal on every node and architecture. */
#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *p, size_t n);
uint64_t hash64_seed(const void *p, size_t n, uint64_t seed);

#endif
