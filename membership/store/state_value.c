#include "membership/store/state_value.h"

#include <errno.h>
#include <string.h>

#include "common/base/hash.h"

static uint64_t sum(struct state_bytes key, struct state_bytes value)
{
	return hash64_seed(value.p, value.n, hash64(key.p, key.n));
}

void state_value_seal(uint8_t *out, struct state_bytes key, struct state_bytes value)
{
	uint64_t v = sum(key, value);

	out[0] = STATE_VALUE_FORMAT;
	for (int i = STATE_VALUE_HEAD - 1; i > 0; i--, v >>= 8)
		out[i] = (uint8_t)v;
	if (value.n > 0)
		memcpy(out + STATE_VALUE_HEAD, value.p, value.n);
}

int state_value_open(struct state_bytes stored, struct state_bytes key,
	struct state_bytes *value, unsigned *format)
{
	uint64_t v = 0;

	if (stored.n < STATE_VALUE_HEAD)
		return -EUCLEAN;
	for (int i = 1; i < STATE_VALUE_HEAD; i++)
		v = v << 8 | stored.p[i];
	*format = stored.p[0];
	*value = (struct state_bytes){stored.p + STATE_VALUE_HEAD, stored.n - STATE_VALUE_HEAD};
	return v == sum(key, *value) ? 0 : -EUCLEAN;
}
