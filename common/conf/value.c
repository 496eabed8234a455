#include "common/conf/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/duration.h"
#include "common/base/mem.h"

static const char *const yes[] = {"true", "on", "yes"}, *const no[] = {"false", "off", "no"};

static int refuse(char why[VALUE_WHY_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(char why[VALUE_WHY_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, VALUE_WHY_MAX, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static int canon_str(const struct conf_key *k, const char *plain, char **text, char *why)
{
	size_t n = strlen(plain);
	const char *allowed;

	if (has_control(plain))
		return refuse(why, "control characters are not allowed");
	if (n < k->min || n > k->max)
		return refuse(why, "%zu bytes; allowed: %" PRIu64 " to %" PRIu64, n, k->min,
			k->max);
	if (k->check && k->check(plain, &allowed))
		return refuse(why, "not allowed; must be: %s", allowed);
	*text = xstrdup(plain);
	return 0;
}

/* Of a map; what bounds them is what a record of membership has room for. */
static int canon_entry(const struct conf_key *k, const char *plain, char **text, char *why)
{
	const char *allowed;

	if (has_control(plain) || strlen(plain) > 256)
		return refuse(why, "allowed: at most 256 bytes without control characters");
	if (k->check && k->check(plain, &allowed))
		return refuse(why, "allowed: %s", allowed);
	*text = xstrdup(plain);
	return 0;
}

static int canon_bool(const char *plain, char **text, char *why)
{
	for (unsigned i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!strcasecmp(plain, yes[i]) || !strcasecmp(plain, no[i])) {
			*text = xstrdup(strcasecmp(plain, yes[i]) ? no[0] : yes[0]);
			return 0;
		}
	return refuse(why, "allowed: true or false (on, off, yes, no)");
}

static int canon_uint(const struct conf_key *k, const char *plain, char **text, char *why)
{
	char out[24];
	uint64_t n = 0;
	bool ok = *plain && strlen(plain) <= 19 && !plain[strspn(plain, "0123456789")];

	for (const char *p = plain; ok && *p; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (!ok || n < k->min || n > k->max)
		return refuse(why, "allowed: a number from %" PRIu64 " to %" PRIu64, k->min,
			k->max);
	snprintf(out, sizeof out, "%" PRIu64, n);
	*text = xstrdup(out);
	return 0;
}

static int canon_duration(const struct conf_key *k, const char *plain, char **text, char *why)
{
	char lo[24], hi[24];
	uint64_t ms = 0;
	int rc = !k->min && !strcasecmp(plain, "disabled")
			 ? 0
			 : duration_parse(plain, k->unit_ms, &ms);

	duration_format(k->min, lo);
	duration_format(k->max, hi);
	if (rc == -EINVAL)
		return refuse(why,
			"not a duration; allowed: %s to %s, like 500ms, 90s, 1h30m; a bare number "
			"counts %s%s",
			lo, hi, k->unit_ms == 1 ? "milliseconds" : "seconds",
			k->min ? "" : "; 0 or disabled is never");
	if (rc || ms < k->min || ms > k->max)
		return refuse(why, "out of range; allowed: %s to %s", lo, hi);
	*text = xstrdup(duration_format(ms, lo));
	return 0;
}

static int canon_size(const struct conf_key *k, const char *plain, char **text, char *why)
{
	char out[24];
	uint64_t n;
	int rc = size_parse(plain, &n);

	if (rc == -EINVAL)
		return refuse(why,
			"not a size; allowed: a number of bytes, or like 64kb, 256MB");
	if (rc || n < k->min || n > k->max)
		return refuse(why, "out of range; allowed: %" PRIu64 " to %" PRIu64 " bytes",
			k->min, k->max);
	snprintf(out, sizeof out, "%" PRIu64, n);
	*text = xstrdup(out);
	return 0;
}

/* Is s one of the spellings in `choice`, which are parted by `|`? */
static bool matches(const char *choice, const char *s)
{
	size_t n = strlen(s);

	for (const char *p = choice; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (strcspn(p, "|") == n && !strncasecmp(p, s, n))
			return true;
	return false;
}

static int canon_enum(const struct conf_key *k, const char *plain, char **text, char *why)
{
	size_t used;

	for (unsigned i = 0; k->choice[i]; i++)
		if (*plain && matches(k->choice[i], plain)) {
			*text = xstrdup(k->choice[i]);
			(*text)[strcspn(*text, "|")] = '\0';
			return 0;
		}
	used = (size_t)snprintf(why, VALUE_WHY_MAX, "allowed:");
	for (unsigned i = 0; k->choice[i] && used < VALUE_WHY_MAX; i++)
		used += (size_t)snprintf(why + used, VALUE_WHY_MAX - used, "%s %.*s",
			i ? "," : "", (int)strcspn(k->choice[i], "|"), k->choice[i]);
	return -EINVAL;
}

static int check_item(const struct conf_key *k, const char *item, char *why)
{
	char shown[64];
	const char *allowed;

	snprintf(shown, sizeof shown, "%s", item);
	if (has_control(item))
		return refuse(why, "control characters are not allowed");
	if (strlen(item) > VALUE_ITEM_MAX)
		return refuse(why, "`%s…` is too long", shown);
	if (k->check && k->check(item, &allowed))
		return refuse(why, "`%s` is not allowed; must be: %s", shown, allowed);
	return 0;
}

/* plain is already joined by single commas. */
static int canon_list(const struct conf_key *k, const char *plain, char **text, char *why)
{
	char *copy = xstrdup(plain), *item = copy, *next;
	size_t n = 0;
	int rc = 0;

	for (char *p = copy; k->flags & CONF_ANY_CASE && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	for (; item && *item && !rc; item = next) {
		next = strchr(item, ',');
		if (next)
			*next = '\0';
		rc = check_item(k, item, why);
		if (next)
			*next++ = ',';
		n++;
	}
	if (!rc && (n < k->min || n > k->max))
		rc = refuse(why, "%zu values; allowed: %" PRIu64 " to %" PRIu64, n, k->min,
			k->max);
	if (rc)
		free(copy);
	else
		*text = copy;
	return rc;
}

int value_canon(const struct conf_key *k, const char *plain, char **text,
	char why[VALUE_WHY_MAX])
{
	switch (k->kind) {
	case CONF_STR:
		return canon_str(k, plain, text, why);
	case CONF_BOOL:
		return canon_bool(plain, text, why);
	case CONF_UINT:
		return canon_uint(k, plain, text, why);
	case CONF_DURATION:
		return canon_duration(k, plain, text, why);
	case CONF_SIZE:
		return canon_size(k, plain, text, why);
	case CONF_ENUM:
		return canon_enum(k, plain, text, why);
	case CONF_LIST:
		return canon_list(k, plain, text, why);
	case CONF_MAP:
		return canon_entry(k, plain, text, why);
	}
	return refuse(why, "unknown kind");
}
