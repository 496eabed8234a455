#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/conf/value.h"

static int hex4(const char *s, unsigned *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef0123456789ABCDEF";
		const char *at = s[i] ? strchr(digits, s[i]) : NULL;

		if (!at)
			return -EINVAL;
		n = n << 4 | ((unsigned)(at - digits) & 15);
	}
	*out = n;
	return 0;
}

static void put_utf8(struct buf *b, unsigned code)
{
	uint8_t s[4];
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	if (n == 1) {
		s[0] = (uint8_t)code;
	} else {
		for (size_t i = n; i-- > 1; code >>= 6)
			s[i] = (uint8_t)(0x80 | (code & 0x3f));
		s[0] = (uint8_t)((0xf00U >> n & 0xf0U) | code);
	}
	buf_put(b, s, n);
}

/* `\uXXXX` at s, a pair of them for what lies beyond 16 bits. Returns its length or 0. */
static size_t unicode_escape(struct buf *b, const char *s)
{
	unsigned code, low;

	if (hex4(s + 2, &code) || !code)
		return 0;
	if (code < 0xd800 || code > 0xdfff) {
		put_utf8(b, code);
		return 6;
	}
	if (code > 0xdbff || s[6] != '\\' || s[7] != 'u' || hex4(s + 8, &low) || low < 0xdc00 ||
		low > 0xdfff)
		return 0;
	put_utf8(b, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
	return 12;
}

/* The quoted string at *s, which moves behind its closing quote. */
static int quoted(struct buf *b, const char **s, const char **why)
{
	static const char letter[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *p = *s + 1;

	while (*p && *p != '"') {
		const char *at;
		size_t n;

		if (*p != '\\') {
			buf_put(b, p++, 1);
			continue;
		}
		at = p[1] ? strchr(letter, p[1]) : NULL;
		n = at ? 2 : p[1] == 'u' ? unicode_escape(b, p) : 0;
		if (at)
			buf_put(b, &meant[at - letter], 1);
		if (!n) {
			*why = "unknown escape; in quotes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX are "
			       "known";
			return -EINVAL;
		}
		p += n;
	}
	if (!*p) {
		*why = "a quote \" is not closed";
		return -EINVAL;
	}
	*s = p + 1;
	return 0;
}

static int decode_scalar(struct buf *b, const char *s, const char **why)
{
	int rc;

	if (*s != '"') {
		buf_str(b, s);
		return 0;
	}
	rc = quoted(b, &s, why);
	if (!rc && *s) {
		*why = "unexpected text behind the closing quote";
		rc = -EINVAL;
	}
	return rc;
}

static bool parts(char c)
{
	return c == ',' || c == ' ' || c == '\t';
}

/* Appends the items of plain text to the list, which splits at any of comma and blank. */
static void add_items(struct buf *list, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t from = i;

		while (i < n && !parts(s[i]))
			i++;
		if (i > from) {
			if (list->n)
				buf_put(list, ",", 1);
			buf_put(list, s + from, i - from);
		}
		i += i < n;
	}
}

/* Does the bracket at s close only at the end? (`[::1]:53,[::2]` is a comma list of two hosts.) */
static bool is_bracketed(const char *s, size_t n)
{
	unsigned depth = 0;
	bool in_quotes = false;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"')
			in_quotes = !in_quotes;
		else if (in_quotes)
			i += s[i] == '\\';
		else
			depth = depth + (s[i] == '[') - (s[i] == ']');
		if (!depth)
			return i > 0 && i + 1 == n;
	}
	return false;
}

static int decode_list(struct buf *list, const char *s, const char **why)
{
	size_t n = strlen(s);
	const char *end = s + n;
	struct buf item = {0};
	int rc = 0;

	if (is_bracketed(s, n)) {
		s++;
		end--;
	}
	while (s < end && !rc) {
		if (*s == '"') {
			item.n = 0;
			rc = quoted(&item, &s, why);
			if (!rc && s < end && !parts(*s)) {
				*why = "unexpected text behind the closing quote";
				rc = -EINVAL;
			}
			add_items(list, (const char *)item.p, item.n);
		} else {
			n = strcspn(s, ", \t");
			n = n < (size_t)(end - s) ? n : (size_t)(end - s);
			add_items(list, s, n);
			s += n;
		}
		s += s < end && parts(*s);
	}
	buf_free(&item);
	return rc;
}

int value_decode(enum conf_kind kind, const char *written, char **plain, const char **why)
{
	struct buf b = {0};
	int rc = kind == CONF_LIST ? decode_list(&b, written, why)
				   : decode_scalar(&b, written, why);

	if (rc) {
		buf_free(&b);
		return rc;
	}
	buf_put(&b, "", 1);
	*plain = (char *)b.p;
	return 0;
}
