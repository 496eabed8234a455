#include "membership/store/data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "membership/store/state_log.h"

enum { PIECE_BYTES = 256 * 1024 };

#define ASIDE "kv.damaged"

void data_file_init(struct data_file *f, const char *data_dir)
{
	*f = (struct data_file){.data_dir = xstrdup(data_dir)};
}

/* Not while it is read: what the log says would be read twice, or not at all. */
bool data_file_unsettled(const struct data_file *f)
{
	bool half_read = f->at.key_n > 0 && !f->at.end;

	return f->db != NULL && !half_read && state_db_unsettled(f->db);
}

void data_file_settle(struct data_file *f)
{
	if (data_file_unsettled(f))
		state_db_settle_on(f->db);
}

void data_file_fini(struct data_file *f)
{
	if (data_file_unsettled(f))
		(void)state_db_settle(f->db); /* else after the next start */
	state_db_close(f->db);
	free(f->data_dir);
}

int data_file_load(struct data_file *f, struct state_pairs *out, char *err, size_t cap)
{
	int rc = 0;

	memset(out, 0, sizeof *out);
	if (f->db == NULL)
		rc = state_db_open_data(f->data_dir, false, &f->db, err, cap);
	if (rc == -ENOENT) {
		f->at.end = true;
		return 0;
	}
	if (rc == 0) {
		rc = state_db_read(f->db, &f->at, PIECE_BYTES, out);
		rc = state_db_explain(f->db, &f->at, rc, err, cap);
	}
	if (rc == 0)
		return 0;
	state_pairs_free(out);
	state_db_close(f->db);
	f->db = NULL;
	f->unusable = true;
	return rc;
}

int data_file_commit(struct data_file *f, const struct state_batch *first)
{
	char err[1024];
	int rc = f->unusable ? -EUCLEAN : 0;

	if (rc == 0 && f->db == NULL)
		rc = state_db_open_data(f->data_dir, true, &f->db, err, sizeof err);
	return rc != 0 ? rc : state_db_commit(f->db, first, STATE_DATA);
}

static int remove_last(int dir)
{
	int fd = openat(dir, ASIDE, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if ((unlinkat(fd, "data.mdb", 0) != 0 && errno != ENOENT) ||
		(unlinkat(fd, STATE_LOG_FILE, 0) != 0 && errno != ENOENT))
		rc = -errno;
	close(fd);
	if (rc == 0 && unlinkat(dir, ASIDE, AT_REMOVEDIR) != 0)
		rc = -errno;
	return rc;
}

int data_file_aside(struct data_file *f)
{
	int dir = open(f->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (dir < 0)
		return -errno;
	state_db_close(f->db);
	f->db = NULL;
	rc = remove_last(dir);
	if (rc == 0 && renameat(dir, state_shared_data.sub, dir, ASIDE) != 0 && errno != ENOENT)
		rc = -errno;
	if (rc == 0 && fsync(dir) != 0)
		rc = -errno;
	close(dir);
	f->unusable = rc != 0;
	return rc;
}
