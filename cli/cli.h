#ifndef CLI_CLI_H
#define CLI_CLI_H
/*
 * One run of clusterctl: what its commands share. Output goes to streams that the caller owns, so that tests read it.
 *
 * Exit codes: 0, 1 failed, 2 usage, 3 daemon not reachable (common/base/exit_code.h). What failed is said exactly once,
 * by the function that returns the code: cli_call(), cli_fail() and those built on them.
 */
#include <stdio.h>

#include "cli/client.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "common/base/exit_code.h"

struct cli {
	FILE *out, *err;
	const struct cli_args *args;
	bool json;
	bool connected;
	bool changing; /* the last request sent changes something: silence is no proof that it was not done */
	uint64_t
		grace_ms; /* the daemon itself ends the request after --timeout: so much longer for its answer */
	char socket[512];                 /* of the connection, or the first that was tried */
	char node_name[CTL_NAME_MAX + 1]; /* "" until the daemon has told it */
	struct client client;
	struct progress progress;
};

/* clusterctl itself. */
int cli_main(int argc, char **argv, FILE *out, FILE *err);

/* Connects when that has not happened yet. EXIT_OK, or EXIT_UNREACHABLE after saying so. */
int cli_connect(struct cli *c);
/* The same without a word: 0 or the error of the first place that has a socket, or of the first. */
int cli_try_connect(struct cli *c);
void cli_close(struct cli *c);

/*
 * One request and its answer (the method's result struct, valid until the next call). Progress goes to a terminal only.
 * EXIT_OK, or the exit code after saying what happened.
 */
int cli_call(struct cli *c, enum ctl_method m, const void *params, void *result);
/* The same in two halves, for requests that run side by side; *id says whose answer it is. */
int cli_send(struct cli *c, enum ctl_method m, const void *params, uint32_t *id);
int cli_receive(struct cli *c, struct client_msg *out);
/* The next notification, however long it takes; only goodbye and the end of the connection are failures. */
int cli_wait_notice(struct cli *c, struct client_msg *out);
/* Decodes an answer or says what is wrong with it. */
int cli_take(struct cli *c, const struct client_msg *msg, const struct msg_desc *d, void *out);

/*
 * Says that a command failed: as JSON `{"ok":false,"error":{code,text,hint}}` on out, else text and hint on err.
 * text and hint may be NULL or "". Returns EXIT_FAILED.
 */
int cli_fail(struct cli *c, const char *code, const char *text, const char *hint);
/* Of the wrong use of a command. Returns EXIT_USAGE. */
int cli_usage_error(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Keeps the name of the answering node for messages. */
void cli_learn_node(struct cli *c, struct msg_span name);

#endif
