#include "common/base/cookie.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#define PREFIX "cd1-"

enum { RANDOM_BYTES = 32, RANDOM_CHARS = 43 };

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

_Static_assert(sizeof PREFIX + RANDOM_CHARS <= COOKIE_GENERATED_MAX, "a cookie fits");

int cookie_generate(char out[COOKIE_GENERATED_MAX])
{
	/* One byte more: the last character looks at two bits behind the end. */
	uint8_t bits[RANDOM_BYTES + 1] = {0};
	char *to = out + sizeof PREFIX - 1;

	if (getrandom(bits, RANDOM_BYTES, 0) != RANDOM_BYTES)
		return errno > 0 ? -errno : -EIO;
	memcpy(out, PREFIX, sizeof PREFIX);
	for (unsigned i = 0; i < RANDOM_CHARS; i++) {
		unsigned at = i * 6;
		unsigned two = (unsigned)bits[at / 8] << 8 | bits[at / 8 + 1];

		to[i] = alphabet[two >> (10 - at % 8) & 63];
	}
	to[RANDOM_CHARS] = '\0';
	explicit_bzero(bits, sizeof bits);
	return 0;
}

bool cookie_is_generated(const char *cookie)
{
	const char *text = cookie + sizeof PREFIX - 1, *last;

	if (strncmp(cookie, PREFIX, sizeof PREFIX - 1) != 0 || strlen(text) != RANDOM_CHARS ||
		strspn(text, alphabet) != RANDOM_CHARS)
		return false;
	last = strchr(alphabet, text[RANDOM_CHARS - 1]);
	return (last - alphabet) % 4 == 0; /* 43 × 6 bits are two more than 256 */
}
