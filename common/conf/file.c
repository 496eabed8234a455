#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/conf/loaded.h"

enum { FILE_BYTES_MAX = 1024 * 1024, FILES_MAX = 256 };

int conf_slurp(const char *path, size_t max, char **text, size_t *n, bool *others)
{
	/* not blocking: a FIFO in the file's place would hold up the start for ever */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;
	struct stat st;
	char *p = NULL;
	size_t got = 0;

	if (fd < 0)
		return -errno;
	rc = fstat(fd, &st) ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
	if (!rc && !S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc)
		goto out;
	p = xcalloc(max + 2, 1);
	while (got <= max && !rc) {
		ssize_t k = read(fd, p + got, max + 1 - got);

		if (k == 0)
			break;
		if (k > 0)
			got += (size_t)k;
		else if (errno != EINTR)
			rc = -errno;
	}
	if (!rc && got > max)
		rc = -EFBIG;
	if (!rc) {
		p[got] = '\0';
		*text = p;
		*n = got;
		p = NULL;
		if (others)
			*others = st.st_mode & S_IROTH;
	}
out:
	free(p);
	close(fd);
	return rc;
}

static const char *read_error(int rc)
{
	switch (rc) {
	case -EISDIR:
		return "is a directory, not a file";
	case -EINVAL:
		return "is not a regular file";
	case -EFBIG:
		return "is longer than 1 MiB";
	default:
		return strerror(-rc);
	}
}

static void read_file(struct conf_loader *ld, const char *path)
{
	const char *nul;
	char *text = NULL;
	size_t n = 0;
	int rc = conf_slurp(path, FILE_BYTES_MAX, &text, &n, NULL);

	ld->place = (struct conf_place){.layer = LAYER_FILE,
		.where = path,
		.serial = ld->place.serial + 1};
	if (!text) {
		conf_error(ld, "", NULL, read_error(rc));
		return;
	}
	nul = memchr(text, '\0', n);
	if (nul) {
		ld->place.line = 1;
		for (const char *p = text; p < nul; p++)
			ld->place.line += *p == '\n';
		conf_error(ld, "", NULL, "contains a NUL byte; this is no text file");
	} else {
		conf_read_text(ld, text, n);
	}
	explicit_bzero(text, n);
	free(text);
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && !strcmp(d->d_name + n - 5, ".conf");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void directory_error(struct conf_loader *ld, const char *dir, const char *text)
{
	ld->place = (struct conf_place){.layer = LAYER_FILE,
		.where = dir,
		.serial = ld->place.serial};
	conf_error(ld, "", NULL, text);
}

static void read_directory(struct conf_loader *ld, const char *dir)
{
	struct dirent **entry = NULL;
	int n = scandir(dir, &entry, is_conf, by_name);

	if (n < 0 && errno != ENOENT)
		directory_error(ld, dir, strerror(errno));
	if (n > FILES_MAX)
		directory_error(ld, dir, "holds more than 256 files");
	for (int i = 0; i < n; i++) {
		struct buf path = {0};

		buf_printf(&path, "%s/%s", dir, entry[i]->d_name);
		buf_put(&path, "", 1);
		if (i < FILES_MAX)
			read_file(ld, (const char *)path.p);
		buf_free(&path);
		free(entry[i]);
	}
	free(entry);
	ld->place.where = ""; /* what it was is gone */
}

void conf_read_files(struct conf_loader *ld)
{
	const char *slash = strrchr(ld->src->file, '/');
	struct buf dir = {0};

	ld->place.serial = 0;
	read_file(ld, ld->src->file);
	if (slash)
		buf_put(&dir, ld->src->file, (size_t)(slash - ld->src->file) + 1);
	buf_str(&dir, "conf.d");
	buf_put(&dir, "", 1);
	read_directory(ld, (const char *)dir.p);
	buf_free(&dir);
}
