#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/duration.h"

enum { SECOND_MS = 1000, PICK_MAX = 64, PREFIX_MAX = 480, ACK_ONE = 1 };

static const char *const ack_names[] = {"local", "one", "majority"};

const struct cli_option cli_options[] = {
	{OPT_SOCKET, "socket", "PATH", '\0',
		"Control socket; else CLUSTERD_SOCKET, else the default places."},
	{OPT_TIMEOUT, "timeout", "DURATION", '\0',
		"Longest silence of the daemon, default 15s; a bare number is seconds."},
	{OPT_JSON, "json", NULL, '\0', "Print JSON."},
	{OPT_HELP, "help", NULL, 'h', "Show usage."},
	{OPT_FORCE, "force", NULL, '\0', "Do it though what only this node has is lost by it."},
	{OPT_KEEP_BACKUP, "keep-backup", NULL, '\0',
		"Save what the copy replaces in data_dir/backup first (the last one is kept; kv import takes it): the default."},
	{OPT_NO_BACKUP, "no-backup", NULL, '\0', "Don't save it."},
	{OPT_BAN, "ban", "DURATION", '\0',
		"Keep the node out for so long; a bare number is seconds."},
	{OPT_SINCE, "since", "N", '\0', "Only events with a number above N."},
	{OPT_FOLLOW, "follow", NULL, '\0', "Go on with new events as they come."},
	{OPT_ACK, "ack", "local|one|majority", '\0',
		"Wait until it is on disk here (local), on another core too (one, the default) or on a "
		"majority of the cores."},
	{OPT_IF_VERSION, "if-version", "VERSION", '\0',
		"Only when the key has this version (see kv get --json), or with \"\" only when it has no "
		"value. Checked on this node alone: two sides of a split can both succeed, and are then "
		"in conflict."},
	{OPT_PREFIX, "prefix", "PREFIX", '\0', "Only keys that begin so."},
	{OPT_FROM, "from", "INDEX", '\0',
		"Changes behind this index, which a line of an earlier watch began with; 0: all keys, "
		"then changes."},
	{OPT_PICK, "pick", "N", '\0', "The value that stands, by its number."},
	{OPT_NULL, "null", NULL, '0', "End each key with a NUL byte, as it is."},
	{OPT_ANNOUNCE, "announce", NULL, '\0',
		"Only announce it; stop and start follow from elsewhere."},
};
const size_t cli_n_options = sizeof cli_options / sizeof cli_options[0];

static const struct cli_option *find(const char *name, size_t n)
{
	for (size_t i = 0; i < cli_n_options; i++)
		if (strlen(cli_options[i].name) == n &&
			memcmp(cli_options[i].name, name, n) == 0)
			return &cli_options[i];
	return NULL;
}

static int parse_number(const char *s, uint64_t *out)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return *end != '\0' || errno != 0 ? -EINVAL : 0;
}

static int parse_ack(const char *s, uint32_t *out)
{
	for (uint32_t i = 0; i < sizeof ack_names / sizeof ack_names[0]; i++)
		if (strcmp(s, ack_names[i]) == 0) {
			*out = i;
			return 0;
		}
	return -EINVAL;
}

/* The switch that -x stands for; NULL: none. */
static const struct cli_option *find_letter(const char *s)
{
	if (s[0] != '-' || s[1] == '\0' || s[2] != '\0')
		return NULL;
	for (size_t i = 0; i < cli_n_options; i++)
		if (cli_options[i].letter == s[1])
			return &cli_options[i];
	return NULL;
}

static int take_value(struct cli_args *a, enum cli_opt bit, const char *value)
{
	switch (bit) {
	case OPT_SOCKET:
		a->socket = value;
		return *value == '\0' ? -EINVAL : 0;
	case OPT_TIMEOUT:
		if (duration_parse(value, SECOND_MS, &a->timeout_ms) < 0)
			return -EINVAL;
		return a->timeout_ms == 0 ? -EINVAL : 0;
	case OPT_BAN:
		return duration_parse(value, SECOND_MS, &a->ban_ms);
	case OPT_SINCE:
		return parse_number(value, &a->since);
	case OPT_PICK:
		return parse_number(value, &a->pick) < 0 || a->pick == 0 || a->pick > PICK_MAX
			       ? -EINVAL
			       : 0;
	case OPT_ACK:
		return parse_ack(value, &a->ack);
	case OPT_IF_VERSION:
		a->if_version = value;
		return 0;
	case OPT_PREFIX:
		a->prefix = value;
		return strlen(value) <= PREFIX_MAX ? 0 : -EINVAL;
	case OPT_FROM:
		a->from = value;
		return *value == '\0' ? -EINVAL : 0;
	default:
		return 0;
	}
}

/* One `--name`, `--name=value` or `--name value`; *i moves over what was used. */
static int take_option(struct cli_args *a, int argc, char **argv, int *i, char *why, size_t cap)
{
	const char *name = argv[*i] + 2, *eq = strchr(name, '=');
	const struct cli_option *o = find(name, eq ? (size_t)(eq - name) : strlen(name));
	const char *value = eq ? eq + 1 : NULL;

	if (o == NULL) {
		snprintf(why, cap, "unknown option %s", argv[*i]);
		return -EINVAL;
	}
	if (o->value == NULL && value != NULL) {
		snprintf(why, cap, "option --%s takes no value", o->name);
		return -EINVAL;
	}
	if (o->value != NULL && value == NULL) {
		if (*i + 1 == argc) {
			snprintf(why, cap, "option --%s needs a value (%s)", o->name, o->value);
			return -EINVAL;
		}
		value = argv[++*i];
	}
	a->given |= (unsigned)o->bit;
	if (o->value != NULL && take_value(a, o->bit, value) < 0) {
		snprintf(why, cap, "option --%s: not a valid %s: %s", o->name, o->value, value);
		return -EINVAL;
	}
	return 0;
}

int cli_args_parse(int argc, char **argv, struct cli_args *out, char *why, size_t cap)
{
	const struct cli_option *sw;
	bool words_only = false;

	*out = (struct cli_args){.timeout_ms = 15 * SECOND_MS, .ack = ACK_ONE};
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i];

		if (!words_only && strcmp(s, "--") == 0) {
			words_only = true;
		} else if (!words_only && s[0] == '-' && s[1] == '-') {
			if (take_option(out, argc, argv, &i, why, cap) < 0)
				return -EINVAL;
		} else if (!words_only && (sw = find_letter(s)) != NULL) {
			out->given |= (unsigned)sw->bit;
		} else if (!words_only && s[0] == '-' && s[1] != '\0') {
			snprintf(why, cap, "unknown option %s", s);
			return -EINVAL;
		} else if (out->n_words == CLI_WORDS_MAX) {
			snprintf(why, cap, "more than %d words", CLI_WORDS_MAX);
			return -EINVAL;
		} else {
			out->word[out->n_words++] = s;
		}
	}
	return 0;
}
