#include "cli/command.h"

#include <string.h>

const struct command commands[] = {
	{"cluster join", "NODE", "Join the cluster of NODE (name@host[:port]) with this node.",
		OPT_KEEP_BACKUP | OPT_NO_BACKUP, 1, 1, cmd_join},
	{"cluster leave", "", "Leave the cluster.", OPT_FORCE, 0, 0, cmd_leave},
	{"cluster force-leave", "NODE", "Remove NODE from the cluster.", OPT_BAN, 1, 1,
		cmd_force_leave},
	{"cluster status", "", "Show who is running and who is stopped.", 0, 0, 0,
		cmd_cluster_status},
	{"cluster discovery enable", "", "Switch automatic discovery on, also after a leave.",
		0, 0, 0, cmd_discovery_enable},
	{"cluster discovery disable", "", "Switch automatic discovery off.", 0, 0, 0,
		cmd_discovery_disable},
	{"cluster discovery status", "", "Show what discovery does.", 0, 0, 0,
		cmd_discovery_status},
	{"cluster mode", "[auto|manual]", "Show or change the cluster's mode.", 0, 0, 1,
		cmd_mode},
	{"cluster heal", "", "Let a partition heal that waits because autoheal is off.", 0, 0,
		0, cmd_heal},
	{"cluster replace", "NAME",
		"Declare the stopped member NAME replaced by its successor.", 0, 1, 1,
		cmd_replace},
	{"status", "", "Show this node, its cluster and what needs attention.", 0, 0, 0,
		cmd_status},
	{"members", "", "Show every member with its state, address and tags.", 0, 0, 0,
		cmd_members},
	{"links", "", "Show who sees whom.", 0, 0, 0, cmd_links},
	{"check", "[NODE]", "Try to reach NODE, or everybody, step by step.", 0, 0, 1,
		cmd_check},
	{"workers", "", "Show the discovery workers.", 0, 0, 0, cmd_workers},
	{"workers restart", "NAME", "Restart one worker.", 0, 1, 1, cmd_worker_restart},
	{"events", "", "Show the last events.", OPT_SINCE | OPT_FOLLOW, 0, 0, cmd_events},
	{"tag set", "KEY=VALUE...", "Set tags of this node.", 0, 1, CLI_WORDS_MAX, cmd_tag_set},
	{"tag unset", "KEY...", "Remove tags of this node.", 0, 1, CLI_WORDS_MAX,
		cmd_tag_unset},
	{"kv get", "KEY", "Print the value of KEY, byte for byte.", 0, 1, 1, cmd_kv_get},
	{"kv put", "KEY [VALUE]", "Write VALUE, or what comes on standard input, under KEY.",
		OPT_ACK | OPT_IF_VERSION, 1, 2, cmd_kv_put},
	{"kv delete", "KEY", "Delete KEY.", OPT_ACK | OPT_IF_VERSION, 1, 1, cmd_kv_delete},
	{"kv list", "", "Print the keys, one a line, in byte order.", OPT_PREFIX | OPT_NULL, 0,
		0, cmd_kv_list},
	{"kv watch", "", "Print changes as they come.", OPT_PREFIX | OPT_FROM, 0, 0,
		cmd_kv_watch},
	{"kv resolve", "KEY", "Show the values of a KEY in conflict, or let one stand.",
		OPT_PICK | OPT_ACK | OPT_IF_VERSION, 1, 1, cmd_kv_resolve},
	{"kv export", "", "Print all keys and values, a line each.", OPT_PREFIX, 0, 0,
		cmd_kv_export},
	{"kv import", "[FILE]", "Write what kv export has printed.", OPT_ACK, 0, 1,
		cmd_kv_import},
	{"kv repair", "",
		"Put shared data that can't be read aside, and copy what the others have.",
		OPT_FORCE, 0, 0, cmd_kv_repair},
	{"kv status", "", "Show the state of the shared data on this node.", 0, 0, 0,
		cmd_kv_status},
	{"conf reload", "", "Read the configuration again, all or nothing.", 0, 0, 0,
		cmd_reload},
	{"restart", "", "Announce a restart of this node, and restart it.", OPT_ANNOUNCE, 0, 0,
		cmd_restart},
	{"cookie generate", "", "Print a new random cookie.", 0, 0, 0, cmd_cookie_generate},
	{"version", "", "Show the versions of clusterctl and of the daemon.", 0, 0, 0,
		cmd_version},
	{"help", "[COMMAND]", "Show this help.", 0, 0, 3, cmd_help},
};
const size_t n_commands = sizeof commands / sizeof commands[0];

/* How many of the first n words match the beginning of a command's words; -1 when one differs. */
static int match(const struct command *cmd, const char *const *word, int n)
{
	const char *s = cmd->words;
	int i = 0;

	for (; i < n && *s != '\0'; i++) {
		size_t len = strcspn(s, " ");

		if (strlen(word[i]) != len || memcmp(s, word[i], len) != 0)
			return -1;
		s += len + (s[len] == ' ');
	}
	return i;
}

static int count_words(const struct command *cmd)
{
	int n = 1;

	for (const char *s = cmd->words; *s != '\0'; s++)
		n += *s == ' ';
	return n;
}

const struct command *command_find(const char *const *word, int n, int *n_words)
{
	const struct command *best = NULL;

	*n_words = 0;
	for (size_t i = 0; i < n_commands; i++) {
		int all = count_words(&commands[i]);

		if (all > *n_words && all <= n && match(&commands[i], word, n) == all) {
			best = &commands[i];
			*n_words = all;
		}
	}
	return best;
}

static void put_options(unsigned bits, FILE *out)
{
	for (size_t i = 0; i < cli_n_options; i++) {
		const struct cli_option *o = &cli_options[i];

		if ((bits & (unsigned)o->bit) != 0)
			fprintf(out, " [--%s%s%s]", o->name, o->value ? " " : "",
				o->value ? o->value : "");
	}
}

void command_usage(const struct command *cmd, FILE *out)
{
	fprintf(out, "Usage: clusterctl %s", cmd->words);
	if (*cmd->args != '\0')
		fprintf(out, " %s", cmd->args);
	put_options(cmd->options, out);
	fputc('\n', out);
}

static size_t help_width(const struct command *cmd)
{
	return strlen(cmd->words) + 1 + strlen(cmd->args);
}

static void put_help(const struct command *cmd, size_t width, FILE *out)
{
	size_t n = help_width(cmd);

	fprintf(out, "  %s %s%*s  %s\n", cmd->words, cmd->args, (int)(width - n), "",
		cmd->help);
	for (size_t i = 0; i < cli_n_options; i++) {
		const struct cli_option *o = &cli_options[i];
		char text[64];

		if ((cmd->options & (unsigned)o->bit) == 0)
			continue;
		snprintf(text, sizeof text, o->letter ? "  -%.1s, --%s %s" : "  %.0s--%s %s",
			&o->letter, o->name, o->value ? o->value : "");
		fprintf(out, "  %-*s  %s\n", (int)width, text, o->help);
	}
}

size_t command_help(const char *const *word, int n, FILE *out)
{
	size_t width = 0, found = 0;

	for (size_t i = 0; i < n_commands; i++)
		if (match(&commands[i], word, n) == n && help_width(&commands[i]) > width)
			width = help_width(&commands[i]);
	for (size_t i = 0; i < n_commands; i++)
		if (match(&commands[i], word, n) == n) {
			put_help(&commands[i], width, out);
			found++;
		}
	return found;
}
