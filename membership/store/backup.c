#include "membership/store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"

#define UNFINISHED "unfinished"

static int dir_open(const struct backup_file *f)
{
	return open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static void forget(struct backup_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->dir);
	free(f->name);
	*f = (struct backup_file){.fd = -1};
}

static int give_up(struct backup_file *f, int rc)
{
	int dir = f->dir == NULL ? -1 : dir_open(f);

	if (dir >= 0) {
		unlinkat(dir, UNFINISHED, 0);
		close(dir);
	}
	forget(f);
	return rc;
}

static int begin(struct backup_file *f, const struct backup_step *s)
{
	size_t n = strlen(s->data_dir) + sizeof "/backup";
	int dir, rc = 0;

	give_up(f, 0);
	f->dir = xcalloc(1, n);
	snprintf(f->dir, n, "%s/backup", s->data_dir);
	f->name = xstrdup(s->name);
	if (mkdir(f->dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	dir = dir_open(f);
	if (dir < 0)
		return -errno;
	if (unlinkat(dir, UNFINISHED, 0) != 0 && errno != ENOENT)
		rc = -errno;
	if (rc == 0)
		f->fd = openat(dir, UNFINISHED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (rc == 0 && f->fd < 0)
		rc = -errno;
	close(dir);
	return rc;
}

static int more(const struct backup_file *f, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(f->fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static void drop_others(int dir_fd, const char *name)
{
	int fd = dup(dir_fd);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL) { // NOLINT(concurrency-mt-unsafe): the only user of d
		size_t n = strlen(e->d_name);

		if (n > 3 && strcmp(e->d_name + n - 3, ".kv") == 0 &&
			strcmp(e->d_name, name) != 0)
			unlinkat(dir_fd, e->d_name, 0);
	}
	closedir(d);
}

static int end(struct backup_file *f)
{
	int dir = dir_open(f), rc = 0;

	if (dir < 0)
		return -errno;
	if (fsync(f->fd) != 0 || renameat(dir, UNFINISHED, dir, f->name) != 0 ||
		fsync(dir) != 0)
		rc = -errno;
	else
		drop_others(dir, f->name);
	close(dir);
	return rc;
}

int backup_step(struct backup_file *f, const struct backup_step *s)
{
	int rc = 0;

	if (s->what == BACKUP_BEGIN)
		rc = begin(f, s);
	else if (s->what == BACKUP_DROP || f->fd < 0)
		return give_up(f, s->what == BACKUP_DROP ? 0 : -EBADF);
	if (rc == 0)
		rc = more(f, s->bytes, s->n);
	if (rc == 0 && s->what == BACKUP_END)
		rc = end(f);
	if (rc != 0)
		return give_up(f, rc);
	if (s->what == BACKUP_END)
		forget(f);
	return 0;
}
