#include "supervisor/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

const char options_usage[] =
	"Usage: clusterd [-c FILE] [--set KEY=VALUE]... [MODE]\n"
	"\n"
	"Runs one node of a cluster, in the foreground, until SIGTERM. SIGHUP reloads.\n"
	"\n"
	"  -c, --config FILE    configuration (default " CLUSTERD_SYSCONFDIR
	"/clusterd/clusterd.conf)\n"
	"      --set KEY=VALUE  one key, over file and environment; may be repeated\n"
	"\n"
	"Modes, each of which ends at once:\n"
	"      --check          reads the configuration, shows everything wrong with it, exit 0 or 78\n"
	"        --online       then asks each discovery source once, shows the answers, exit 0 or 1\n"
	"      --rename         lets a stopped data directory take the configured node.name\n"
	"      --new-identity   makes a copied data directory a node of its own\n"
	"      --version, --help\n";

enum arg_kind { ARG_FILE, ARG_SET, ARG_MODE, ARG_ONLINE };

static const struct {
	const char *name, *alias;
	enum arg_kind kind;
	enum options_mode mode;
} args[] = {
	{"--config", "-c", ARG_FILE, OPTIONS_RUN},
	{"--set", NULL, ARG_SET, OPTIONS_RUN},
	{"--check", NULL, ARG_MODE, OPTIONS_CHECK},
	{"--online", NULL, ARG_ONLINE, OPTIONS_RUN},
	{"--rename", NULL, ARG_MODE, OPTIONS_RENAME},
	{"--new-identity", NULL, ARG_MODE, OPTIONS_NEW_IDENTITY},
	{"--version", "-V", ARG_MODE, OPTIONS_VERSION},
	{"--help", "-h", ARG_MODE, OPTIONS_HELP},
};
enum { N_ARGS = sizeof args / sizeof args[0] };

/* Index into args and, for `--name=value`, where the value begins; -1: no such option. */
static int find(const char *s, const char **value)
{
	size_t n = strncmp(s, "--", 2) == 0 ? strcspn(s, "=") : strlen(s);

	*value = s[n] == '=' ? s + n + 1 : NULL;
	for (int i = 0; i < N_ARGS; i++) {
		if (strlen(args[i].name) == n && strncmp(args[i].name, s, n) == 0)
			return i;
		if (args[i].alias != NULL && strcmp(args[i].alias, s) == 0)
			return i;
	}
	return -1;
}

static int take(struct options *o, int i, const char *value, const char **why)
{
	switch (args[i].kind) {
	case ARG_FILE:
		o->file = value;
		return 0;
	case ARG_SET:
		*why = "--set wants KEY=VALUE";
		if (strchr(value, '=') == NULL || value[0] == '=')
			return -EINVAL;
		o->set[o->n_set++] = value;
		return 0;
	case ARG_MODE:
		*why = "only one of --check, --rename, --new-identity, --version, --help";
		if (o->mode != OPTIONS_RUN)
			return -EINVAL;
		o->mode = args[i].mode;
		return 0;
	case ARG_ONLINE:
		o->online = true;
		return 0;
	}
	return -EINVAL;
}

/* The answers are what is asked for: the workers' own lines are only shown to whom wishes them. */
static void quieten(struct options *o)
{
	static const char key[] = "log.level=";

	for (size_t i = 0; i < o->n_set; i++)
		if (strncasecmp(o->set[i], key, sizeof key - 1) == 0)
			return;
	o->set[o->n_set++] = "log.level=error"; /* in the place of --online itself */
}

static int finish(struct options *o, const char **why, const char **arg)
{
	if (!o->online)
		return 0;
	*arg = "--online";
	*why = "goes with --check only";
	if (o->mode != OPTIONS_CHECK)
		return -EINVAL;
	quieten(o);
	return 0;
}

int options_parse(struct options *o, int argc, char **argv, const char **why, const char **arg)
{
	*o = (struct options){.file = CLUSTERD_SYSCONFDIR "/clusterd/clusterd.conf"};
	o->set = xcalloc((size_t)argc + 1, sizeof *o->set);
	for (int i = 1; i < argc; i++) {
		const char *value;
		int k = find(argv[i], &value);
		bool wants_value =
			k >= 0 && (args[k].kind == ARG_FILE || args[k].kind == ARG_SET);

		*arg = argv[i];
		*why = "unknown option";
		if (k < 0)
			return -EINVAL;
		*why = "takes no value";
		if (!wants_value && value != NULL)
			return -EINVAL;
		*why = "wants a value";
		if (wants_value && value == NULL)
			value = argv[++i];
		if (wants_value && value == NULL)
			return -EINVAL;
		if (take(o, k, value, why) < 0)
			return -EINVAL;
	}
	return finish(o, why, arg);
}

void options_free(struct options *o)
{
	free(o->set);
	*o = (struct options){0};
}
