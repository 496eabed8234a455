#ifndef CLI_NODE_ARG_H
#define CLI_NODE_ARG_H
/* The NODE of a command line. The daemon completes `name` with its own host; what no node can be called is told here. */
#include "cli/cli.h"

/* EXIT_OK, or EXIT_USAGE after saying what is wrong. */
int node_arg_check(struct cli *c, const char *node);

#endif
