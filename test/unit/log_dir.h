#ifndef TEST_UNIT_LOG_DIR_H
#define TEST_UNIT_LOG_DIR_H
/* A data directory with the shared data's database and its log, lives that end in it, and what is read afterwards. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "membership/store/state_db_int.h"
#include "test/unit/scratch.h"

enum { PIECES_MAX = 5000 };

static char dir[] = "/tmp/test_log.XXXXXX";
static char file[64];
static char err[1024];
static struct {
	struct state_pairs piece[PIECES_MAX];
	size_t n_pieces, n;
} stored;

static enum { FLUSHES, FLUSH_FAILS, FLUSH_HANGS } log_flush, database_flush;

/* The store's own, taken over. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
	struct stat st, of_database;
	bool database;

	ck_assert_int_eq(fstat(fd, &st), 0);
	database = stat(file, &of_database) == 0 && st.st_ino == of_database.st_ino;
	switch (database ? database_flush : log_flush) {
	case FLUSHES:
		return fsync(fd);
	case FLUSH_FAILS:
		errno = EIO;
		return -1;
	case FLUSH_HANGS:
		for (;;)
			pause();
	}
	return -1;
}

static inline void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/kv/data.mdb", dir);
}

static inline void stored_free(void)
{
	while (stored.n_pieces > 0)
		state_pairs_free(&stored.piece[--stored.n_pieces]);
	stored.n = 0;
}

static inline void teardown(void)
{
	stored_free();
	scratch_remove(dir);
	strcpy(dir, "/tmp/test_log.XXXXXX");
}

/* Reads everything, in pieces of a pair or two. */
static inline struct state_db *must_open(void)
{
	struct state_cursor at = {.key_n = 0};
	struct state_db *db = NULL;
	int rc = state_db_open_data(dir, true, &db, err, sizeof err);

	ck_assert_msg(rc == 0, "%s", err);
	stored_free();
	while (!at.end) {
		struct state_pairs *p = &stored.piece[stored.n_pieces++];

		ck_assert_uint_lt(stored.n_pieces, PIECES_MAX);
		rc = state_db_read(db, &at, 50, p);
		ck_assert_int_eq(rc, 0);
		stored.n += p->n;
	}
	ck_assert_int_eq(state_db_explain(db, &at, rc, err, sizeof err), 0);
	return db;
}

static inline int put_as(struct state_db *db, const char *key, const char *value)
{
	struct state_batch *b = calloc(1, sizeof *b + sizeof b->write[0]);
	int rc;

	ck_assert_ptr_nonnull(b);
	b->owner = STATE_DATA;
	b->n = 1;
	b->write[0] = (struct core_write){(const uint8_t *)key, (const uint8_t *)value,
		strlen(key), value != NULL ? strlen(value) : 0};
	rc = state_db_commit(db, b, STATE_DATA);
	free(b);
	return rc;
}

/* Dies without closing anything. */
static inline void crash_after(void (*life)(struct state_db *db))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		life(must_open());
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline void put(struct state_db *db, const char *key, const char *value)
{
	ck_assert_int_eq(put_as(db, key, value), 0);
}

static inline const struct core_kv *find(const char *key)
{
	const struct core_kv *found = NULL;

	for (size_t k = 0; k < stored.n_pieces; k++)
		for (size_t i = 0; i < stored.piece[k].n; i++) {
			const struct core_kv *kv = &stored.piece[k].kv[i];

			if (kv->key_n != strlen(key) || memcmp(kv->key, key, kv->key_n) != 0)
				continue;
			ck_assert_ptr_null(found); /* each key once */
			found = kv;
		}
	return found;
}

static inline void check(const char *key, const char *value)
{
	const struct core_kv *kv = find(key);

	if (value == NULL) {
		ck_assert_ptr_null(kv);
		return;
	}
	ck_assert_msg(kv != NULL, "%s is lost", key);
	ck_assert_uint_eq(kv->value_n, strlen(value));
	ck_assert_mem_eq(kv->value, value, kv->value_n);
}

static inline void reopen(void)
{
	state_db_close(must_open());
}

static inline void some_writes(struct state_db *db)
{
	put(db, "first", "makes the log");
	put(db, "b", "old");
	put(db, "a", "of the database");
	ck_assert_int_eq(state_db_settle(db), 0);
	put(db, "b", "new");
	put(db, "gone", "soon");
	put(db, "first", NULL);
	put(db, "gone", NULL);
	put(db, "empty", "");
}

/* So long that the log turns to its other half some records later. */
enum { LONG_BYTES = STATE_LAP_BYTES / 16 };

static inline const char *long_value(int i)
{
	static char value[LONG_BYTES];

	memset(value, 'a' + i % 26, sizeof value - 1);
	return value;
}

/* The second half is begun, the database has taken over nothing: it hangs. */
static inline void two_laps(struct state_db *db)
{
	char key[32];

	put(db, "first", "makes the log");
	database_flush = FLUSH_HANGS;
	put(db, "a", "old");
	put(db, "gone", "soon");
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "key/%02d", i);
		put(db, key, long_value(i));
	}
	put(db, "a", "new");
	put(db, "gone", NULL);
	ck_assert(db->log.behind);
}

static inline void fill_with(char *value, size_t n)
{
	memset(value, 'x', n - 1);
	value[n - 1] = '\0';
}

#endif
