#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "workers/worker.h"

static void add_dir(struct worker_reach *r, const char *dir, size_t len)
{
	for (size_t i = 0; i < r->n_dirs; i++) {
		if (strncmp(r->dir[i], dir, len) == 0 && r->dir[i][len] == '\0')
			return;
	}
	if (r->n_dirs < WORKER_REACH_DIRS) {
		char *copy = xcalloc(1, len + 1);

		memcpy(copy, dir, len);
		r->dir[r->n_dirs++] = copy;
	}
}

void worker_reach_dir(struct worker_reach *r, const char *dir)
{
	if (dir[0] != '\0')
		add_dir(r, dir, strlen(dir));
}

static void add_folder_of(struct worker_reach *r, const char *file)
{
	const char *slash = strrchr(file, '/');

	if (slash == NULL)
		add_dir(r, ".", 1);
	else
		add_dir(r, file, slash == file ? 1 : (size_t)(slash - file));
}

void worker_reach_file(struct worker_reach *r, const char *file)
{
	char *real;

	if (file[0] == '\0')
		return;
	add_folder_of(r, file);
	real = realpath(file, NULL);
	if (real != NULL)
		add_folder_of(r, real);
	free(real);
}

void worker_reach_port(struct worker_reach *r, unsigned port)
{
	if (port == 0 || port > UINT16_MAX || r->n_ports == WORKER_REACH_PORTS)
		return;
	for (size_t i = 0; i < r->n_ports; i++) {
		if (r->port[i] == port)
			return;
	}
	r->port[r->n_ports++] = (uint16_t)port;
}

static bool has_dir(const struct worker_reach *r, const char *dir)
{
	for (size_t i = 0; i < r->n_dirs; i++) {
		if (strcmp(r->dir[i], dir) == 0)
			return true;
	}
	return false;
}

static bool has_port(const struct worker_reach *r, uint16_t port)
{
	for (size_t i = 0; i < r->n_ports; i++) {
		if (r->port[i] == port)
			return true;
	}
	return false;
}

bool worker_reach_covers(const struct worker_reach *a, const struct worker_reach *b)
{
	for (size_t i = 0; i < b->n_dirs; i++) {
		if (!has_dir(a, b->dir[i]))
			return false;
	}
	for (size_t i = 0; i < b->n_ports; i++) {
		if (!has_port(a, b->port[i]))
			return false;
	}
	return true;
}

void worker_reach_free(struct worker_reach *r)
{
	for (size_t i = 0; i < r->n_dirs; i++)
		free(r->dir[i]);
	*r = (struct worker_reach){.n_dirs = 0};
}
