#ifndef CLI_NAMES_H
#define CLI_NAMES_H
/* The two lists of `cluster status`, gathered page by page, owned, sorted and without doubles. */
#include "cli/cli.h"
#include "cli/emqx_layout.h"

struct names {
	char **item;
	size_t n, cap;
};

struct cluster_view {
	struct names running, stopped;
	struct buf warnings; /* lines for standard error */
};

/* EXIT_OK, or the exit code after saying what happened. To be freed in any case. */
int cluster_view_fetch(struct cli *c, struct cluster_view *v);
void cluster_view_free(struct cluster_view *v);
/* As EMQX prints it, or its JSON; warnings to standard error. */
void cluster_view_put(const struct cluster_view *v, struct cli *c);

/* One line for a warning: text, hint. */
void warning_put(struct buf *out, const struct ctl_warning *w);

#endif
