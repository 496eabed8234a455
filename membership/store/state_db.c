#include "membership/store/state_db_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "common/base/mem.h"

enum { LOCK_TRIES = 200 };

/* The header's key begins with a NUL, no other does but the lap's. */
const char state_header_key[10] = "\0clusterd", state_header_magic[15] = "clusterd state";
const char state_lap_key[5] = "\0log";

const struct state_place state_membership = {"state",
	"restore the directory from a backup, or move it away: the node then starts as a new "
	"one, alone, and has to join again (and `clusterctl cluster force-leave NAME` on "
	"another member removes its old self)"};
const struct state_place state_shared_data = {"kv",
	"this node goes on without it: `clusterctl kv repair` puts it aside, and what the other "
	"nodes have is copied"};

int state_errno(int rc)
{
	if (rc >= 0)
		return -rc;
	switch (rc) {
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return -ENOSPC;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_PANIC:
		return -EIO;
	default:
		return -EUCLEAN;
	}
}

/* --- opening --- */

int state_env_open(struct state_db *db, const char *dir, unsigned flags)
{
	int rc = mdb_env_create(&db->env);

	if (rc != 0)
		return state_errno(rc);
	mdb_env_set_mapsize(db->env, db->map_bytes);
	mdb_env_set_assert(db->env, state_on_lmdb_assert);
	rc = mdb_env_open(db->env, dir, flags | MDB_NOLOCK | MDB_NORDAHEAD, 0600);
	if (rc != 0) {
		mdb_env_close(db->env);
		db->env = NULL;
	}
	return state_errno(rc);
}

static int env_open_guarded(void *ctx)
{
	struct state_db *db = ctx;

	return state_env_open(db, db->dir, 0);
}

static int fsync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* The first transaction of a new file: its header. */
static int write_header(struct state_db *db)
{
	uint8_t value[sizeof state_header_magic + 1];
	struct core_write w = {.key = (const uint8_t *)state_header_key,
		.value = value,
		.key_n = sizeof state_header_key,
		.value_n = sizeof value};
	MDB_txn *txn;
	MDB_dbi dbi;
	int rc = mdb_txn_begin(db->env, NULL, 0, &txn);

	memcpy(value, state_header_magic, sizeof state_header_magic);
	value[sizeof value - 1] = STATE_FORMAT;
	if (rc != 0)
		return state_errno(rc);
	rc = mdb_dbi_open(txn, NULL, 0, &dbi);
	if (rc == 0)
		rc = state_put_one(txn, dbi, &w);
	if (rc == 0)
		return state_errno(mdb_txn_commit(txn));
	mdb_txn_abort(txn);
	return state_errno(rc);
}

int state_disk_error(const char *dir, int rc)
{
	enum { NO_ROOM_BYTES = 64 * 1024 };
	struct statvfs fs;

	if (rc == -EIO && statvfs(dir, &fs) == 0 && fs.f_bavail * fs.f_frsize < NO_ROOM_BYTES)
		return -ENOSPC;
	return rc;
}

/* Whole under a name of its own, then renamed: a crash leaves either nothing or a good file in its place. */
static int make_new(struct state_db *db, const char *data_dir)
{
	char tmp[4096], file[4200];
	int rc;

	if ((size_t)snprintf(tmp, sizeof tmp, "%s.new", db->dir) >= sizeof tmp)
		return -ENAMETOOLONG;
	snprintf(file, sizeof file, "%s/data.mdb", tmp);
	if (unlink(file) != 0 && errno != ENOENT)
		return -errno;
	if (rmdir(tmp) != 0 && errno != ENOENT)
		return -errno;
	if (mkdir(tmp, 0700) != 0)
		return -errno;
	rc = state_env_open(db, tmp, MDB_NOSYNC);
	if (rc == 0)
		rc = write_header(db);
	if (rc == 0) /* one flush in place of two: nobody looks before the rename */
		rc = state_errno(mdb_env_sync(db->env, 1));
	mdb_env_close(db->env);
	db->env = NULL;
	if (rc == 0)
		rc = fsync_dir(tmp);
	if (rc == 0 && rename(tmp, db->dir) != 0)
		rc = -errno;
	return rc == 0 ? fsync_dir(data_dir) : rc;
}

/* A predecessor that was killed may still be on its way out; its supervisor held data_dir/lock. */
static int lock_dir(struct state_db *db)
{
	db->dir_fd = open(db->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (db->dir_fd < 0)
		return -errno;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(db->dir_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		nanosleep(&(struct timespec){.tv_nsec = 10000000L}, NULL);
	}
	return -EBUSY;
}

/* What LMDB would take for a new database, or not tell apart. */
static int check_file(struct state_db *db, char *err, size_t cap)
{
	struct stat st;

	if (fstatat(db->dir_fd, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) != 0) {
		int rc = -errno;

		if (rc == -ENOENT)
			snprintf(err, cap, "%s has no data.mdb in it; %s", db->dir,
				db->place->advice);
		else
			snprintf(err, cap, "%s/data.mdb: %s", db->dir, strerror(-rc));
		return rc == -ENOENT ? -EUCLEAN : rc;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		snprintf(err, cap, "%s/data.mdb is %s; %s", db->dir,
			st.st_size == 0 ? "empty" : "not a file", db->place->advice);
		return -EUCLEAN;
	}
	return 0;
}

/* Bytes that the database should have and the file has not; 0: none. */
static uint64_t missing_bytes(struct state_db *db)
{
	struct stat st;
	MDB_envinfo info;
	MDB_stat ms;
	uint64_t want;

	if (db->env == NULL || mdb_env_info(db->env, &info) != 0 ||
		mdb_env_stat(db->env, &ms) != 0 ||
		fstatat(db->dir_fd, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	want = (info.me_last_pgno + 1) * ms.ms_psize;
	return (uint64_t)st.st_size < want ? want - (uint64_t)st.st_size : 0;
}

int state_db_explain(struct state_db *db, const struct state_cursor *at, int rc, char *err,
	size_t cap)
{
	uint64_t missing = missing_bytes(db);

	if (rc == 0 && at->header && at->format == STATE_FORMAT)
		return 0;
	if (rc != 0 && rc != -EUCLEAN)
		snprintf(err, cap, "%s/data.mdb can't be read: %s", db->dir, strerror(-rc));
	else if (rc != 0 && missing > 0)
		snprintf(err, cap, "%s/data.mdb is cut off, %" PRIu64 " bytes are missing; %s",
			db->dir, missing, db->place->advice);
	else if (rc != 0)
		snprintf(err, cap, "%s/data.mdb is damaged (%s); %s", db->dir,
			db->env == NULL ? "not a database" : "checksum or structure wrong",
			db->place->advice);
	else if (at->header && at->format > STATE_FORMAT)
		snprintf(err, cap,
			"%s was written by a newer clusterd (format %u, this one knows %d): "
			"install that version again, or %s",
			db->dir, at->format, STATE_FORMAT, db->place->advice);
	else
		snprintf(err, cap, "%s/data.mdb is a database, but not clusterd's; %s", db->dir,
			db->place->advice);
	return rc != 0 ? rc : -EUCLEAN;
}

static int open_log(struct state_db *db, char *err, size_t cap)
{
	const struct state_cursor nothing = {.key_n = 0};
	uint64_t lap = 0;
	int rc = state_read_lap(db, &lap);

	if (rc != 0) {
		state_db_explain(db, &nothing, rc, err, cap);
		return rc;
	}
	rc = state_log_open(&db->log, db->dir_fd, lap);
	if (rc != 0)
		snprintf(err, cap, "%s/" STATE_LOG_FILE " %s; %s", db->dir,
			rc == -EUCLEAN ? "is damaged (checksum wrong), cut off or missing"
				       : strerror(-rc),
			db->place->advice);
	state_log_index(&db->log);
	return rc;
}

static int open_existing(struct state_db *db, char *err, size_t cap)
{
	const struct state_cursor nothing = {.key_n = 0};
	int rc = check_file(db, err, cap);

	if (rc != 0)
		return rc;
	rc = state_guarded(env_open_guarded, db);
	if (rc != 0)
		state_db_explain(db, &nothing, rc, err, cap);
	else if (db->place == &state_shared_data)
		rc = open_log(db, err, cap);
	return rc;
}

/* Opened, and made when it isn't there and may be; nothing is read. */
static int open_place(const struct state_place *place, const char *data_dir, bool make,
	struct state_db **out, char *err, size_t cap)
{
	struct state_db *db = xcalloc(1, sizeof *db);
	size_t n = strlen(data_dir) + strlen(place->sub) + 2;
	int rc = 0;

	db->place = place;
	db->dir_fd = db->log.fd = -1;
	db->map_bytes = STATE_MAP_BYTES;
	db->dir = xcalloc(1, n);
	snprintf(db->dir, n, "%s/%s", data_dir, place->sub);
	if (access(db->dir, F_OK) != 0 && errno == ENOENT)
		rc = make ? state_disk_error(data_dir, make_new(db, data_dir)) : -ENOENT;
	if (rc == 0)
		rc = lock_dir(db);
	if (rc == 0)
		rc = open_existing(db, err, cap);
	else if (rc == -EBUSY)
		snprintf(err, cap, "%s is in use by another process", db->dir);
	else
		snprintf(err, cap, "%s: %s", db->dir, strerror(-rc));
	if (rc == 0)
		*out = db;
	else
		state_db_close(db);
	return rc;
}

int state_db_open_data(const char *data_dir, bool make, struct state_db **out, char *err,
	size_t cap)
{
	return open_place(&state_shared_data, data_dir, make, out, err, cap);
}

bool state_db_has_data(const char *data_dir)
{
	char path[4096];

	return (size_t)snprintf(path, sizeof path, "%s/%s", data_dir, state_shared_data.sub) <
		       sizeof path &&
	       (access(path, F_OK) == 0 || errno != ENOENT);
}

int state_db_open(const char *data_dir, struct state_db **out, struct state_pairs *stored,
	char *err, size_t cap)
{
	struct state_cursor all = {.key_n = 0};
	struct state_db *db;
	int rc = open_place(&state_membership, data_dir, true, &db, err, cap);

	memset(stored, 0, sizeof *stored);
	if (rc != 0)
		return rc;
	rc = state_db_read(db, &all, SIZE_MAX, stored);
	rc = state_db_explain(db, &all, rc, err, cap);
	if (rc == 0) {
		*out = db;
		return 0;
	}
	state_pairs_free(stored);
	state_db_close(db);
	return rc;
}

/* LMDB was interrupted in them: what they hold can't be freed. One thread at a time. */
static struct state_db *abandoned;

void state_db_close(struct state_db *db)
{
	if (db == NULL)
		return;
	state_takeover_end(db);
	if (db->env != NULL && !db->faulted)
		mdb_env_close(db->env);
	state_log_close(&db->log);
	if (db->dir_fd >= 0)
		close(db->dir_fd);
	free(db->dir);
	if (db->faulted) {
		db->next_abandoned = abandoned;
		abandoned = db;
	} else {
		free(db);
	}
}
