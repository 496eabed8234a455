#include "common/base/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FRACTION_DIGITS_MAX = 9 };

struct unit {
	const char *name;
	uint64_t n;
};

/* Largest first: duration_format() takes the first that divides, and stays with days. */
static const struct unit time_unit[] = {
	{"f", 14 * 86400000ULL},
	{"w", 7 * 86400000ULL},
	{"d", 86400000},
	{"h", 3600000},
	{"m", 60000},
	{"s", 1000},
	{"ms", 1},
};
enum { N_TIME_UNITS = sizeof time_unit / sizeof *time_unit, FIRST_FORMAT_UNIT = 2 };

static const struct unit size_unit[] = {
	{"b", 1},
	{"B", 1},
	{"kb", 1U << 10},
	{"KB", 1U << 10},
	{"mb", 1U << 20},
	{"MB", 1U << 20},
	{"gb", 1U << 30},
	{"GB", 1U << 30},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits at *s, which moves behind them. */
static int digits(const char **s, uint64_t *out)
{
	uint64_t n = 0;

	if (!is_digit(**s))
		return -EINVAL;
	for (; is_digit(**s); (*s)++)
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(**s - '0'), &n))
			return -ERANGE;
	*out = n;
	return 0;
}

/* The digits behind a decimal point as a count of 10^-FRACTION_DIGITS_MAX; further ones only round up. */
static int fraction(const char **s, uint64_t *out)
{
	uint64_t n = 0;
	bool more = false;
	unsigned i;

	if (!is_digit(**s))
		return -EINVAL;
	for (i = 0; is_digit(**s); i++, (*s)++) {
		if (i < FRACTION_DIGITS_MAX)
			n = n * 10 + (uint64_t)(**s - '0');
		else
			more |= **s != '0';
	}
	for (; i < FRACTION_DIGITS_MAX; i++)
		n *= 10;
	*out = n + more;
	return 0;
}

static const struct unit *find_time_unit(const char *s, size_t n)
{
	for (size_t i = 0; i < N_TIME_UNITS; i++)
		if (strlen(time_unit[i].name) == n && !strncasecmp(time_unit[i].name, s, n))
			return &time_unit[i];
	return NULL;
}

/* whole.part units, rounded up: a time-out is never shorter than what was written. */
static int scale(uint64_t whole, uint64_t part, uint64_t unit, uint64_t *out)
{
	const uint64_t one = 1000000000;
	uint64_t ms;

	if (__builtin_mul_overflow(whole, unit, &ms) ||
		__builtin_add_overflow(ms, (part * unit + one - 1) / one, &ms))
		return -ERANGE;
	*out = ms;
	return 0;
}

/* One `<number><unit>` at *s, which moves behind it. */
static int duration_part(const char **s, uint64_t *ms)
{
	uint64_t whole, part = 0;
	const struct unit *u;
	const char *letters;
	int rc = digits(s, &whole);

	if (!rc && **s == '.') {
		(*s)++;
		rc = fraction(s, &part);
	}
	if (rc)
		return rc;
	letters = *s;
	while (is_letter(**s))
		(*s)++;
	u = find_time_unit(letters, (size_t)(*s - letters));
	return u ? scale(whole, part, u->n, ms) : -EINVAL;
}

int duration_parse(const char *s, uint64_t unit_ms, uint64_t *ms)
{
	uint64_t total = 0, one;
	int rc;

	if (*s && !s[strspn(s, "0123456789")]) {
		rc = digits(&s, &one);
		return rc ? rc : scale(one, 0, unit_ms, ms);
	}
	do {
		rc = duration_part(&s, &one);
		if (rc)
			return rc;
		if (__builtin_add_overflow(total, one, &total))
			return -ERANGE;
	} while (*s);
	*ms = total;
	return 0;
}

int size_parse(const char *s, uint64_t *bytes)
{
	uint64_t n;
	int rc = digits(&s, &n);

	if (rc)
		return rc;
	if (!*s) {
		*bytes = n;
		return 0;
	}
	for (size_t i = 0; i < sizeof size_unit / sizeof *size_unit; i++) {
		if (strcmp(size_unit[i].name, s) != 0)
			continue;
		if (__builtin_mul_overflow(n, size_unit[i].n, &n))
			return -ERANGE;
		*bytes = n;
		return 0;
	}
	return -EINVAL;
}

char *duration_format(uint64_t ms, char out[24])
{
	size_t i = FIRST_FORMAT_UNIT;

	while (ms % time_unit[i].n)
		i++;
	if (ms)
		snprintf(out, 24, "%" PRIu64 "%s", ms / time_unit[i].n, time_unit[i].name);
	else
		snprintf(out, 24, "0");
	return out;
}
