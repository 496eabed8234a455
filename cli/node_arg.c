#include "cli/node_arg.h"

#include "common/base/node.h"

int node_arg_check(struct cli *c, const char *node)
{
	struct node_addr a;
	const char *why;

	if (node_parse(node, "localhost", &a, &why) == 0)
		return EXIT_OK;
	return cli_usage_error(c, "no node name: %s: %s", node, why);
}
