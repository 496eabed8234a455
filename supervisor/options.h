#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H
/* clusterd's command line. Pure: prints nothing, opens nothing. */
#include <stdbool.h>
#include <stddef.h>

enum options_mode {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_RENAME,
	OPTIONS_NEW_IDENTITY,
	OPTIONS_VERSION,
	OPTIONS_HELP
};

struct options {
	enum options_mode mode;
	bool online; /* with OPTIONS_CHECK: ask the sources too */
	const char *file;
	const char **set; /* key=value each; owned array of argv's strings */
	size_t n_set;
};

/* 0, or -EINVAL with *why (static text) and *arg, the argument at fault. */
int options_parse(struct options *o, int argc, char **argv, const char **why, const char **arg);
void options_free(struct options *o);
extern const char options_usage[];

#endif
