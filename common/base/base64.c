#include "common/base/base64.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *out, const void *p, size_t n)
{
	const uint8_t *in = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = (uint32_t)in[i] << 16;
		char four[4];

		if (left > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			v |= in[i + 2];
		four[0] = alphabet[v >> 18];
		four[1] = alphabet[v >> 12 & 63];
		four[2] = '=';
		four[3] = '=';
		if (left > 1)
			four[2] = alphabet[v >> 6 & 63];
		if (left > 2)
			four[3] = alphabet[v & 63];
		buf_put(out, four, sizeof four);
	}
}

static int digit(char c)
{
	const char *at = c == '\0' ? NULL : strchr(alphabet, c);

	return at == NULL ? -1 : (int)(at - alphabet);
}

/* How many bytes the last group of four stands for; 0: bad padding. */
static size_t group_bytes(const char *s, bool last)
{
	if (!last || s[3] != '=')
		return s[3] == '=' ? 0 : 3;
	return s[2] == '=' ? 1 : 2;
}

int base64_get(const char *s, size_t n, void *out, size_t cap, size_t *len)
{
	uint8_t *to = out;

	*len = 0;
	if (n % 4 != 0)
		return -EPROTO;
	for (size_t i = 0; i < n; i += 4) {
		size_t bytes = group_bytes(s + i, i + 4 == n);
		uint32_t v = 0;

		if (bytes == 0)
			return -EPROTO;
		for (size_t k = 0; k < 4; k++) {
			int d = k <= bytes ? digit(s[i + k]) : 0;

			if (d < 0)
				return -EPROTO;
			v = v << 6 | (uint32_t)d;
		}
		if (cap - *len < bytes)
			return -EMSGSIZE;
		for (size_t k = 0; k < bytes; k++)
			to[(*len)++] = (uint8_t)(v >> (16 - 8 * k));
	}
	return 0;
}
