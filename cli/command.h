#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H
/*
 * The commands, once: dispatch, usage, help, the manual page and shell completion are loops over commands[].
 * A command gets the words after its own, min_args to max_args of them.
 */
#include "cli/cli.h"

struct command {
	const char *words, *args, *help;
	unsigned options; /* enum cli_opt bits beside the global ones */
	int min_args, max_args;
	int (*run)(struct cli *c, int argc, const char *const *argv);
};

extern const struct command commands[];
extern const size_t n_commands;

/* The command with the most words at the start of the line, with the number of its words; NULL: none. */
const struct command *command_find(const char *const *word, int n, int *n_words);
/* One line of usage: `clusterctl cluster join NODE [--timeout D]`. */
void command_usage(const struct command *cmd, FILE *out);
/* Help on all commands that begin with these words. Returns how many there are. */
size_t command_help(const char *const *word, int n, FILE *out);

/* cmd_cluster.c */
int cmd_join(struct cli *c, int argc, const char *const *argv);
int cmd_leave(struct cli *c, int argc, const char *const *argv);
int cmd_force_leave(struct cli *c, int argc, const char *const *argv);
int cmd_cluster_status(struct cli *c, int argc, const char *const *argv);
/* cmd_change.c */
int cmd_discovery_enable(struct cli *c, int argc, const char *const *argv);
int cmd_discovery_disable(struct cli *c, int argc, const char *const *argv);
int cmd_mode(struct cli *c, int argc, const char *const *argv);
int cmd_heal(struct cli *c, int argc, const char *const *argv);
int cmd_replace(struct cli *c, int argc, const char *const *argv);
int cmd_tag_set(struct cli *c, int argc, const char *const *argv);
int cmd_tag_unset(struct cli *c, int argc, const char *const *argv);
int cmd_worker_restart(struct cli *c, int argc, const char *const *argv);
int cmd_reload(struct cli *c, int argc, const char *const *argv);
int cmd_restart(struct cli *c, int argc, const char *const *argv);
/* cmd_show.c, cmd_status.c, cmd_events.c, cmd_check.c */
int cmd_members(struct cli *c, int argc, const char *const *argv);
int cmd_links(struct cli *c, int argc, const char *const *argv);
int cmd_workers(struct cli *c, int argc, const char *const *argv);
int cmd_status(struct cli *c, int argc, const char *const *argv);
int cmd_discovery_status(struct cli *c, int argc, const char *const *argv);
int cmd_events(struct cli *c, int argc, const char *const *argv);
int cmd_check(struct cli *c, int argc, const char *const *argv);
/* cmd_kv.c, cmd_kv_list.c, cmd_kv_file.c */
int cmd_kv_get(struct cli *c, int argc, const char *const *argv);
int cmd_kv_put(struct cli *c, int argc, const char *const *argv);
int cmd_kv_delete(struct cli *c, int argc, const char *const *argv);
int cmd_kv_list(struct cli *c, int argc, const char *const *argv);
int cmd_kv_watch(struct cli *c, int argc, const char *const *argv);
int cmd_kv_resolve(struct cli *c, int argc, const char *const *argv);
int cmd_kv_export(struct cli *c, int argc, const char *const *argv);
int cmd_kv_import(struct cli *c, int argc, const char *const *argv);
int cmd_kv_status(struct cli *c, int argc, const char *const *argv);
int cmd_kv_repair(struct cli *c, int argc, const char *const *argv);
/* cmd_change.c: a change that is answered in a word. */
int cli_change(struct cli *c, enum ctl_method m, const void *params, const char *done);
/* cmd_local.c */
int cmd_cookie_generate(struct cli *c, int argc, const char *const *argv);
int cmd_version(struct cli *c, int argc, const char *const *argv);
int cmd_help(struct cli *c, int argc, const char *const *argv);

#endif
