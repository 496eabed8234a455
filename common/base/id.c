#include "common/base/id.h"

#include <errno.h>

char *id_hex(const struct id128 *id, char out[ID_HEX_MAX])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof id->b; i++) {
		out[2 * i] = digit[id->b[i] >> 4];
		out[2 * i + 1] = digit[id->b[i] & 15];
	}
	out[2 * sizeof id->b] = '\0';
	return out;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int id_parse(const char *s, struct id128 *out)
{
	struct id128 id;

	for (size_t i = 0; i < sizeof id.b; i++) {
		int hi = hex_value(s[2 * i]);
		int lo = hi < 0 ? -1 : hex_value(s[2 * i + 1]); /* never beyond the NUL */

		if (lo < 0)
			return -EINVAL;
		id.b[i] = (uint8_t)(hi << 4 | lo);
	}
	if (s[2 * sizeof id.b])
		return -EINVAL;
	*out = id;
	return 0;
}
