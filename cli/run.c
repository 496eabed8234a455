#include <errno.h>
#include <string.h>

#include "cli/command.h"

/* Words that are no command: those that begin like them, or all. */
static int not_a_command(struct cli *c, const struct cli_args *a)
{
	int n = a->n_words;

	if (n == 0) {
		fputs("Usage: clusterctl COMMAND, one of:\n", c->err);
		(void)command_help(NULL, 0, c->err);
		return EXIT_USAGE;
	}
	fprintf(c->err, "clusterctl: no such command:");
	for (int i = 0; i < n; i++)
		fprintf(c->err, " %s", a->word[i]);
	fputs("\nUsage:\n", c->err);
	while (n > 0 && command_help(a->word, n, c->err) == 0)
		n--;
	if (n == 0)
		fputs("  clusterctl help shows all commands.\n", c->err);
	return EXIT_USAGE;
}

static int run(struct cli *c, const struct cli_args *a)
{
	int n_words;
	const struct command *cmd = command_find(a->word, a->n_words, &n_words);
	int argc = a->n_words - n_words;
	unsigned foreign;

	if ((a->given & OPT_HELP) != 0)
		return cmd_help(c, a->n_words, a->word);
	if (cmd == NULL)
		return not_a_command(c, a);
	foreign = a->given & ~(cmd->options | OPT_GLOBAL);
	for (size_t i = 0; i < cli_n_options; i++)
		if ((foreign & (unsigned)cli_options[i].bit) != 0) {
			fprintf(c->err, "clusterctl: %s has no option --%s\n", cmd->words,
				cli_options[i].name);
			command_usage(cmd, c->err);
			return EXIT_USAGE;
		}
	if (argc < cmd->min_args || argc > cmd->max_args) {
		fprintf(c->err, "clusterctl: %s: too %s arguments\n", cmd->words,
			argc < cmd->min_args ? "few" : "many");
		command_usage(cmd, c->err);
		return EXIT_USAGE;
	}
	return cmd->run(c, argc, a->word + n_words);
}

int cli_main(int argc, char **argv, FILE *out, FILE *err)
{
	struct cli_args args;
	struct cli c = {.out = out, .err = err, .args = &args};
	char why[256];
	int rc;

	if (cli_args_parse(argc, argv, &args, why, sizeof why) < 0) {
		return cli_usage_error(&c, "%s", why);
	}
	c.json = (args.given & OPT_JSON) != 0;
	rc = run(&c, &args);
	cli_close(&c);
	if (fflush(out) != 0 && rc == EXIT_OK) {
		fprintf(err, "clusterctl: the output could not be written: %s\n",
			strerror(errno));
		rc = EXIT_FAILED;
	}
	return rc;
}
