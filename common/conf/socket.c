#include <stdio.h>
#include <string.h>

#include "common/conf/conf.h"

static void add(struct conf_sockets *out, const char *dir)
{
	char *path = out->path[out->n];
	int n = dir && *dir == '/'
			? snprintf(path, sizeof out->path[0], "%s/clusterd.sock", dir)
			: 0;

	out->n += n > 0 && (size_t)n < sizeof out->path[0];
}

void conf_socket_candidates(const char *data_dir, const char *xdg_runtime_dir,
	struct conf_sockets *out)
{
	*out = (struct conf_sockets){.n = 0};
	add(out, "/run/clusterd");
	add(out, xdg_runtime_dir);
	add(out, data_dir);
}
