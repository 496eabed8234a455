#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H
/*
 * The command line, taken apart: options may stand anywhere, words keep their order, `--` ends the options.
 * Usage, the manual page and shell completion are loops over cli_options[]. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits: what a command accepts beside the global ones. */
enum cli_opt {
	OPT_SOCKET = 1,
	OPT_TIMEOUT = 2,
	OPT_JSON = 4,
	OPT_HELP = 8,
	OPT_GLOBAL = OPT_SOCKET | OPT_TIMEOUT | OPT_JSON | OPT_HELP,
	OPT_FORCE = 16,
	OPT_BAN = 32,
	OPT_SINCE = 64,
	OPT_FOLLOW = 128,
	OPT_ACK = 256,
	OPT_IF_VERSION = 512,
	OPT_PREFIX = 1024,
	OPT_FROM = 2048,
	OPT_PICK = 4096,
	OPT_NULL = 8192,
	OPT_NO_BACKUP = 16384,
	OPT_KEEP_BACKUP = 32768,
	OPT_ANNOUNCE = 65536,
};

struct cli_option {
	enum cli_opt bit;
	const char *name, *value; /* value: its name in usage, NULL: a switch */
	char letter;              /* -x does the same; '\0': none */
	const char *help;
};

extern const struct cli_option cli_options[];
extern const size_t cli_n_options;

enum { CLI_WORDS_MAX = 128 };

struct cli_args {
	unsigned given;     /* bits of the options that were there */
	const char *socket; /* borrowed from argv */
	const char *if_version, *prefix, *from;
	uint64_t timeout_ms, ban_ms, since, pick;
	uint32_t ack;
	const char *word[CLI_WORDS_MAX];
	int n_words;
};

/* 0, or -EINVAL with one line for the operator in why. */
int cli_args_parse(int argc, char **argv, struct cli_args *out, char *why, size_t cap);

#endif
