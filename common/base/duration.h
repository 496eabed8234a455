#ifndef COMMON_BASE_DURATION_H
#define COMMON_BASE_DURATION_H
/* Durations and sizes as EMQX spells them (emqx-facts 2.4). Pure. */
#include <stdint.h>

/*
 * `1h30m`, `1.5h`, `500ms`, units f w d h m s ms in any case; a bare number counts in unit_ms. Rounded up to whole ms.
 * 0, -EINVAL for a bad spelling, -ERANGE beyond 64 bits of milliseconds.
 */
int duration_parse(const char *s, uint64_t unit_ms, uint64_t *ms);
/* `64kb`, `1MB`, units b kb mb gb in lower or upper case, 1024 based; a bare number is bytes. Errors as above. */
int size_parse(const char *s, uint64_t *bytes);
/* A spelling that parses back: the largest of d h m s ms that divides, e.g. "1m", "90s", "1500ms", "0". Returns out. */
char *duration_format(uint64_t ms, char out[24]);

#endif
