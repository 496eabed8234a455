#ifndef MEMBERSHIP_STORE_STATE_VALUE_H
#define MEMBERSHIP_STORE_STATE_VALUE_H
/* How a value is stored: format byte, XXH3-64 of (key, value) big-endian, value. Pure. */
#include <stddef.h>
#include <stdint.h>

enum { STATE_VALUE_FORMAT = 1, STATE_VALUE_HEAD = 9 };

struct state_bytes {
	const uint8_t *p;
	size_t n;
};

/* Fills STATE_VALUE_HEAD + value.n bytes. */
void state_value_seal(uint8_t *out, struct state_bytes key, struct state_bytes value);
/* The value inside, and its format. 0 or -EUCLEAN: torn, or not under its own key. */
int state_value_open(struct state_bytes stored, struct state_bytes key,
	struct state_bytes *value, unsigned *format);

#endif
