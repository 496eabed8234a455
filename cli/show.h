#ifndef CLI_SHOW_H
#define CLI_SHOW_H
/* Parts of the output that more than one command prints. */
#include "cli/cli.h"

void show_workers(struct cli *c, const struct ctl_workers *ws);

#endif
