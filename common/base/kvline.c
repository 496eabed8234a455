#include "common/base/kvline.h"

#include <errno.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

/* How many bytes at p are one whole, printable character beyond ASCII; 0: none. Overlong forms, surrogates and C1 are none. */
static size_t printable(const uint8_t *p, size_t n)
{
	static const uint32_t smallest[] = {0, 0, 0xa0, 0x800, 0x10000};
	size_t len = p[0] >= 0xf0 && p[0] < 0xf5   ? 4
		     : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		     : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
						   : 0;
	uint32_t c;

	if (len == 0 || len > n)
		return 0;
	c = p[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fU);
	}
	return c >= smallest[len] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? len : 0;
}

void kvline_field(struct buf *out, const void *p, size_t n)
{
	static const char plain[] = "\t\n\r\\", letter[] = "tnr\\";
	const uint8_t *b = p, *end = b + n;

	while (b < end) {
		const char *special = *b == '\0' ? NULL : strchr(plain, *b);
		size_t len = *b >= 0x20 && *b < 0x7f ? 1 : printable(b, (size_t)(end - b));

		if (special != NULL) {
			buf_put(out, (const char[]){'\\', letter[special - plain]}, 2);
			len = 1;
		} else if (len > 0) {
			buf_put(out, b, len);
		} else {
			buf_put(out,
				(const char[]){'\\', 'x', hex_digits[*b >> 4],
					hex_digits[*b & 15]},
				4);
			len = 1;
		}
		b += len;
	}
}

void kvline_put(struct buf *out, const struct kvline_field *field, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_str(out, "\t");
		if (field[i].p == NULL)
			buf_str(out, "\\N");
		else
			kvline_field(out, field[i].p, field[i].n);
	}
	buf_str(out, "\n");
}

/* 16: none. */
static unsigned hex_value(char c)
{
	const char *at = c == '\0' ? NULL : strchr(hex_digits, c);

	return at == NULL ? 16 : (unsigned)(at - hex_digits);
}

/* One escape behind its backslash; returns how many characters it took, 0: none. */
static size_t unescape(const char *s, size_t n, struct buf *out)
{
	static const char letter[] = "tnr\\", plain[] = "\t\n\r\\";
	const char *at = n == 0 || *s == '\0' ? NULL : strchr(letter, *s);

	if (at != NULL) {
		buf_put(out, &plain[at - letter], 1);
		return 1;
	}
	if (n >= 3 && *s == 'x' && hex_value(s[1]) < 16 && hex_value(s[2]) < 16) {
		buf_put(out, &(uint8_t){(uint8_t)(hex_value(s[1]) << 4 | hex_value(s[2]))}, 1);
		return 3;
	}
	return 0;
}

static int get_field(const char *s, size_t n, struct buf *store, struct kvline_field *f,
	const char **why)
{
	size_t from = store->n;

	if (n == 2 && s[0] == '\\' && s[1] == 'N') {
		*f = (struct kvline_field){NULL, 0};
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		size_t took;

		if (s[i] != '\\') {
			buf_put(store, &s[i], 1);
			continue;
		}
		took = unescape(s + i + 1, n - i - 1, store);
		if (took == 0) {
			*why = "a backslash begins \\t, \\n, \\r, \\\\, \\xHH (lower case) or, alone in its "
			       "field, \\N";
			return -EINVAL;
		}
		i += took;
	}
	*f = (struct kvline_field){store->p + from, store->n - from};
	return 0;
}

int kvline_get(const char *line, size_t n, struct buf *store,
	struct kvline_field field[KVLINE_FIELDS_MAX], const char **why)
{
	int count = 0;

	store->n = 0;
	(void)buf_reserve(store,
		n + 1); /* no escape is shorter than its byte: fields stay where they are */
	for (size_t from = 0; from <= n;) {
		const char *tab = memchr(line + from, '\t', n - from);
		size_t to = tab == NULL ? n : (size_t)(tab - line);

		if (count == KVLINE_FIELDS_MAX) {
			*why = "more values than a key can have";
			return -EINVAL;
		}
		if (get_field(line + from, to - from, store, &field[count], why) < 0)
			return -EINVAL;
		count++;
		from = to + 1;
	}
	if (field[0].p == NULL || field[0].n == 0) {
		*why = "a line begins with its key";
		return -EINVAL;
	}
	if (count < 2) {
		*why = "a line has a key, a tab and a value";
		return -EINVAL;
	}
	return count;
}
