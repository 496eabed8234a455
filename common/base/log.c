#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * The text of a call is split into its pairs, and each pair is written again for the format in use: whatever a value
 * holds, a line stays one line, and a line that is too long loses whole pairs, never a closing quote.
 */
enum { LINE_BYTES_MAX = 4096, TAIL_BYTES = 32 };

static struct {
	const char *role;
	enum log_level max;
	enum log_format format;
} g_log = {.role = "-", .max = LOG_INFO};

static const char *const level_name[] = {"error", "warn", "info", "debug"};

struct line {
	char p[LINE_BYTES_MAX];
	size_t n, cap;
	bool full;
};

struct token {
	const char *p;
	size_t n;
	bool quoted; /* p[0..n) is what stands between the quotes */
};

void log_init(const char *role, enum log_level max, enum log_format format)
{
	g_log.role = role;
	g_log.max = max;
	g_log.format = format;
}

bool log_enabled(enum log_level level)
{
	return level <= g_log.max;
}

/* Length of the UTF-8 sequence at s that is fit to print, 0 when there is none. */
static size_t utf8_len(const char *s, size_t n)
{
	static const uint32_t min[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char c = (unsigned char)*s;
	size_t len = c < 0x80         ? 1
		     : (c >> 5) == 6  ? 2
		     : (c >> 4) == 14 ? 3
		     : (c >> 3) == 30 ? 4
				      : 0;
	uint32_t code = len == 1 ? c : len ? c & (0x7fU >> len) : 0;

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < min[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	/* Controls, and the marks that turn a terminal's writing direction. */
	if (code < 0x20 || (code >= 0x7f && code < 0xa0) ||
		(code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
		return 0;
	return len;
}

/* One character of s as JSON (and logfmt) wants it inside quotes; returns how many bytes of s it took. */
static size_t escape_one(const char *s, size_t n, char out[8], size_t *out_n)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *at = *s ? strchr(plain, *s) : NULL;
	size_t len = utf8_len(s, n);

	if (at) {
		out[0] = '\\';
		out[1] = letter[at - plain];
		*out_n = 2;
		return 1;
	}
	if (len) {
		memcpy(out, s, len);
		*out_n = len;
		return len;
	}
	*out_n = 6;
	snprintf(out, 8, "\\u%04x", *s & 0x80 ? 0xfffdU : (unsigned)(unsigned char)*s);
	return 1;
}

char *log_quote(char *out, size_t cap, const char *s, size_t n)
{
	size_t used = 1, len;
	char piece[8];

	if (cap < 3) {
		if (cap)
			*out = '\0';
		return out;
	}
	out[0] = '"';
	for (size_t i = 0; i < n;) {
		i += escape_one(s + i, n - i, piece, &len);
		if (used + len + 2 > cap)
			break;
		memcpy(out + used, piece, len);
		used += len;
	}
	out[used] = '"';
	out[used + 1] = '\0';
	return out;
}

static void put(struct line *l, const char *p, size_t n)
{
	if (l->full || n > l->cap - l->n) {
		l->full = true;
		return;
	}
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void put_str(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* An escape that is already there, as log_quote() makes them, is passed on. */
static size_t escape_len(const char *s, size_t n)
{
	if (n < 2 || s[0] != '\\' || !s[1])
		return 0;
	if (strchr("\"\\/bfnrt", s[1]))
		return 2;
	if (s[1] == 'u' && n >= 6 && strspn(s + 2, "0123456789abcdefABCDEF") >= 4)
		return 6;
	return 0;
}

static void put_quoted(struct line *l, const struct token *t)
{
	char piece[8];

	put(l, "\"", 1);
	for (size_t i = 0; i < t->n && !l->full;) {
		size_t len = t->quoted ? escape_len(t->p + i, t->n - i) : 0;

		if (len) {
			put(l, t->p + i, len);
			i += len;
			continue;
		}
		i += escape_one(t->p + i, t->n - i, piece, &len);
		put(l, piece, len);
	}
	put(l, "\"", 1);
}

/* Nothing in it that would need quotes in logfmt. */
static bool is_plain(const struct token *t)
{
	for (size_t i = 0; i < t->n;) {
		size_t len = utf8_len(t->p + i, t->n - i);

		if (!len || t->p[i] == ' ' || t->p[i] == '"')
			return false;
		i += len;
	}
	return true;
}

static bool is_json_literal(const struct token *t)
{
	size_t i = t->n && *t->p == '-';
	size_t digits = strspn(t->p + i, "0123456789");

	if ((t->n == 4 && !memcmp(t->p, "true", 4)) || (t->n == 5 && !memcmp(t->p, "false", 5)))
		return true;
	/* Up to 15 digits: what a double holds exactly. */
	return digits && i + digits == t->n && digits <= 15 && (digits == 1 || t->p[i] != '0');
}

static void put_value(struct line *l, const struct token *t)
{
	bool bare = g_log.format == LOG_JSON ? is_json_literal(t) : is_plain(t);

	if (bare && !t->quoted)
		put(l, t->p, t->n);
	else
		put_quoted(l, t);
}

static void put_pair(struct line *l, const struct token *key, const struct token *value)
{
	bool json = g_log.format == LOG_JSON;
	size_t before = l->n;

	if (l->n > (json ? 1U : 0U))
		put(l, json ? "," : " ", 1);
	if (json || !is_plain(key))
		put_quoted(l, key);
	else
		put(l, key->p, key->n);
	put(l, json ? ":" : "=", 1);
	put_value(l, value);
	if (l->full)
		l->n = before;
}

static void put_head(struct line *l, const char *key, const char *value)
{
	struct token k = {key, strlen(key), false}, v = {value, strlen(value), false};

	put_pair(l, &k, &v);
}

/* The next token up to `stop` or a blank; *s moves behind it. */
static struct token take(const char **s, char stop)
{
	struct token t = {*s, 0, **s == '"'};
	const char *p = *s + t.quoted;

	t.p = p;
	while (*p && (t.quoted ? *p != '"' : *p != ' ' && *p != stop))
		p += t.quoted && p[0] == '\\' && p[1] ? 2 : 1;
	t.n = (size_t)(p - t.p);
	*s = p + (t.quoted && *p == '"');
	return t;
}

static void put_pairs(struct line *l, const char *text)
{
	static const struct token yes = {"true", 4, false};

	while (!l->full) {
		struct token key, value = yes;

		text += strspn(text, " ");
		if (!*text)
			break;
		key = take(&text, '=');
		if (*text == '=') {
			text++;
			value = take(&text, '\0');
		}
		put_pair(l, &key, &value);
	}
}

static void put_time(struct line *l)
{
	char date[32], text[48];
	struct timespec ts = {0};
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (!gmtime_r(&ts.tv_sec, &tm) ||
		!strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	snprintf(text, sizeof text, "%s.%03ldZ", date, ts.tv_nsec / 1000000);
	put_head(l, "time", text);
}

void log_event(enum log_level level, const char *component, const char *event, const char *fmt,
	...)
{
	char text[LINE_BYTES_MAX];
	struct line l = {.n = 0, .cap = LINE_BYTES_MAX - TAIL_BYTES};
	int saved = errno, n;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text[0] = '\0';
	if (g_log.format == LOG_JSON)
		put_str(&l, "{");
	put_time(&l);
	put_head(&l, "level", level_name[level]);
	put_head(&l, "role", g_log.role);
	put_head(&l, "component", component);
	put_head(&l, "event", event);
	put_pairs(&l, text);
	if (l.full || n >= (int)sizeof text) {
		l.full = false;
		l.cap = LINE_BYTES_MAX;
		put_head(&l, "cut", "true");
	}
	l.cap = LINE_BYTES_MAX;
	put_str(&l, g_log.format == LOG_JSON ? "}\n" : "\n");
	if (write(STDERR_FILENO, l.p, l.n) < 0)
		errno = 0; /* nowhere left to tell it */
	errno = saved;
}
