/* The log before the database: what it holds is stored, through crashes, full disks and flipped bits. */
#include "membership/store/state_log.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "membership/store/data_file.h"
#include "membership/store/state.h"
#include "test/unit/scratch.h"

enum { PIECES_MAX = 1000 };

static char dir[] = "/tmp/test_log.XXXXXX";
static char file[64];
static char err[1024];
static struct {
	struct state_pairs piece[PIECES_MAX];
	size_t n_pieces, n;
} stored;
static bool flush_fails;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/kv/data.mdb", dir);
}

static void stored_free(void)
{
	while (stored.n_pieces > 0)
		state_pairs_free(&stored.piece[--stored.n_pieces]);
	stored.n = 0;
}

static void teardown(void)
{
	stored_free();
	scratch_remove(dir);
	strcpy(dir, "/tmp/test_log.XXXXXX");
}

/* The store's own, taken over. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
	if (!flush_fails)
		return fsync(fd);
	errno = EIO;
	return -1;
}

/* Reads everything, in pieces of a pair or two. */
static struct state_db *must_open(void)
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

static bool raw_has(const char *key)
{
	MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v;
	char path[64];
	bool has = false;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	snprintf(path, sizeof path, "%s/kv", dir);
	ck_assert_int_eq(mdb_env_create(&env), 0);
	if (mdb_env_open(env, path, MDB_NOLOCK | MDB_RDONLY, 0600) == 0) {
		ck_assert_int_eq(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
		ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
		has = mdb_get(txn, dbi, &k, &v) == 0;
		mdb_txn_abort(txn);
	}
	mdb_env_close(env);
	return has;
}

static int put_as(struct state_db *db, const char *key, const char *value)
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
static void crash_after(void (*life)(struct state_db *db))
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

static void put(struct state_db *db, const char *key, const char *value)
{
	ck_assert_int_eq(put_as(db, key, value), 0);
}

static const struct core_kv *find(const char *key)
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

static void check(const char *key, const char *value)
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

static void reopen(void)
{
	state_db_close(must_open());
}

/* --- crashes */

static void some_writes(struct state_db *db)
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

/* What is read is what the log says, before the database has taken it over and afterwards. */
START_TEST(test_crash)
{
	struct state_db *db;

	crash_after(some_writes);
	ck_assert(raw_has("first"));
	ck_assert(!raw_has("empty")); /* it is in the log */
	for (int i = 0; i < 3; i++) {
		db = must_open();
		ck_assert_uint_eq(stored.n, 3);
		check("a", "of the database");
		check("b", "new");
		check("empty", "");
		check("first", NULL);
		check("gone", NULL);
		ck_assert_int_eq(state_db_unsettled(db), i < 2);
		if (i == 1)
			ck_assert_int_eq(state_db_settle(db), 0);
		state_db_close(db);
	}
	ck_assert(raw_has("empty"));
}
END_TEST

/* Killed between any two writes, over several laps: acknowledged is kept, in order, and two of one batch are not apart. */
START_TEST(test_killed)
{
	uint32_t acked = 0, have;
	int ack[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(ack), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct state_db *db = must_open();
		struct state_batch *b = calloc(1, sizeof *b + 2 * sizeof b->write[0]);
		uint8_t value[3000] = {0};

		b->n = 2;
		b->owner = STATE_DATA;
		for (uint32_t i = 1;; i++) {
			memcpy(value, &i, sizeof i);
			b->write[0] = (struct core_write){(const uint8_t *)"a", value, 1, 4};
			b->write[1] = (struct core_write){(const uint8_t *)"b", value, 1,
				sizeof value};
			if (state_db_commit(db, b, STATE_DATA) != 0 ||
				write(ack[1], &i, sizeof i) != sizeof i)
				_exit(1);
		}
	}
	close(ack[1]);
	for (int i = 0; i < 100 + 17 * _i; i++)
		ck_assert_int_eq(read(ack[0], &acked, sizeof acked), sizeof acked);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	while (read(ack[0], &acked, sizeof acked) == sizeof acked)
		continue;
	reopen();
	ck_assert_uint_eq(stored.n, 2);
	ck_assert_mem_eq(find("a")->value, find("b")->value, sizeof acked);
	memcpy(&have, find("a")->value, sizeof have);
	ck_assert_msg(have == acked || have == acked + 1, "%u is there, %u was acknowledged",
		have, acked);
}
END_TEST

/* --- laps */

static void fill_with(char *value, size_t n)
{
	memset(value, 'x', n - 1);
	value[n - 1] = '\0';
}

static void over_the_log(struct state_db *db)
{
	static char large[STATE_LOG_BYTES];

	fill_with(large, sizeof large);
	put(db, "first", "makes the log");
	put(db, "a", "old");
	put(db, "large", large); /* too large for the log: the database takes over */
	ck_assert(!state_db_unsettled(db));
	put(db, "b", "behind it");
	ck_assert(state_db_unsettled(db));
	ck_assert_int_eq(state_db_settle(db), 0);
	put(db, "c", "the last");
	put(db, "large", NULL);
}

/* Records of earlier laps are still in the file, and of no use. */
START_TEST(test_laps)
{
	crash_after(over_the_log);
	reopen();
	check("a", "old");
	check("b", "behind it");
	check("c", "the last");
	check("large", NULL);
}
END_TEST

static void settled_and_changed(struct state_db *db)
{
	static char large[STATE_LOG_BYTES];

	fill_with(large, sizeof large);
	put(db, "first", "makes the log");
	put(db, "a", "old");
	ck_assert_int_eq(state_db_settle(db), 0);
	put(db, "a", large); /* past the log, in which an older a is */
}

START_TEST(test_no_record_comes_back)
{
	crash_after(settled_and_changed);
	reopen();
	ck_assert_ptr_nonnull(find("a"));
	ck_assert_uint_eq(find("a")->value_n, STATE_LOG_BYTES - 1);
}
END_TEST

/* --- bad disks */

static void three_records(struct state_db *db)
{
	put(db, "first", "makes the log");
	put(db, "a", "1");
	put(db, "b", "2");
	put(db, "c", "3");
}

/* A bit of the last record: as if it had been cut off. Of an earlier one: acknowledged writes are damaged. */
START_TEST(test_flipped)
{
	enum { RECORD_BYTES = 40 }; /* 24 and 8 of heads, key and value, padded */
	char log[80];
	uint8_t byte;
	off_t at = _i;
	int fd, rc;
	struct state_db *db;

	crash_after(three_records);
	snprintf(log, sizeof log, "%s/kv/log", dir);
	fd = open(log, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= (uint8_t)(1 << _i % 8);
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
	rc = state_db_open_data(dir, false, &db, err, sizeof err);
	if (at < 2 * RECORD_BYTES && at % RECORD_BYTES < 34) {
		ck_assert_int_eq(rc, -EUCLEAN);
		ck_assert_msg(strstr(err, "kv/log is damaged") != NULL, "%s", err);
		return;
	}
	ck_assert_msg(rc == 0, "%s", err);
	state_db_close(db);
	reopen();
	check("a", "1");
	check("b", "2");
	check("c", at < 2 * RECORD_BYTES || at % RECORD_BYTES >= 34 ? "3" : NULL);
}
END_TEST

/* The database and its log belong together: one without the other has lost what was acknowledged. */
START_TEST(test_cut_off)
{
	char log[80];
	struct state_db *db;

	crash_after(three_records);
	snprintf(log, sizeof log, "%s/kv/log", dir);
	ck_assert_int_eq(_i == 0 ? unlink(log) : truncate(log, _i), 0);
	ck_assert_int_eq(state_db_open_data(dir, false, &db, err, sizeof err), -EUCLEAN);
	ck_assert_msg(strstr(err, "cut off or missing") != NULL, "%s", err);
}
END_TEST

static void nothing_yet(struct state_db *db)
{
	state_db_close(db);
}

/* A crash while the log is made, before the database knows of it: it is made anew. */
START_TEST(test_half_made)
{
	char log[80];
	struct stat st;

	crash_after(nothing_yet);
	snprintf(log, sizeof log, "%s/kv/log", dir);
	close(open(log, O_WRONLY | O_CREAT, 0600));
	crash_after(some_writes);
	ck_assert_int_eq(stat(log, &st), 0);
	ck_assert_int_eq(st.st_size, STATE_LOG_BYTES);
	reopen();
	check("b", "new");
}
END_TEST

/* What was refused may or may not be there; what is written later counts, and nothing before it is lost. */
START_TEST(test_flush_fails)
{
	struct state_db *db = must_open();

	put(db, "first", "makes the log");
	put(db, "a", "1");
	flush_fails = true;
	ck_assert_int_eq(put_as(db, "a", "2"), -EIO);
	ck_assert_int_eq(put_as(db, "a", "3"), -EIO);
	flush_fails = false;
	put(db, "b", "4");
	put(db, "c", "5");
	state_db_close(db);
	reopen();
	check("b", "4");
	check("c", "5");
	ck_assert_ptr_nonnull(find("a"));
}
END_TEST

static void many(struct state_db *db)
{
	static char value[4096];
	char key[32];

	fill_with(value, sizeof value);
	put(db, "first", "makes the log");
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "key/%02d", i);
		put(db, key, value);
	}
}

/* The database can't take over: everything is there all the same, and is taken over later. */
START_TEST(test_full)
{
	struct rlimit old, small;
	struct state_db *db;
	struct stat st;
	int rc = 0;

	crash_after(many);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){STATE_LOG_BYTES, old.rlim_max};
	ck_assert_int_lt(st.st_size, STATE_LOG_BYTES);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	db = must_open();
	ck_assert_uint_eq(stored.n, 21);
	for (int i = 0; rc == 0 && i < 1000; i++) {
		char key[32], value[4096];

		fill_with(value, sizeof value);
		snprintf(key, sizeof key, "more/%03d", i);
		rc = put_as(db, key, value);
	}
	ck_assert_int_ne(rc, 0); /* the log is full, too */
	ck_assert(state_db_unsettled(db));
	ck_assert_int_ne(state_db_settle(db), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ck_assert_int_eq(state_db_settle(db), 0);
	put(db, "key/20", "one more");
	state_db_close(db);
	reopen();
	check("key/20", "one more");
	ck_assert_ptr_nonnull(find("key/19"));
	ck_assert_ptr_nonnull(find("more/000"));
}
END_TEST

/* --- the writer's part */

static void on_done(void *ctx, enum state_owner owner, uint64_t seq, int error)
{
	(void)ctx;
	(void)owner;
	(void)seq;
	ck_assert_int_eq(error, 0);
	ev_break(EV_DEFAULT, EVBREAK_ALL);
}

static bool on_loaded(void *ctx, const struct state_piece *piece)
{
	(void)ctx;
	ck_assert_int_eq(piece->error, 0);
	if (piece->last)
		ev_break(EV_DEFAULT, EVBREAK_ALL);
	return true;
}

static void on_pause(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)t;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

/* Nothing is written for a moment: the database takes over by itself. */
START_TEST(test_settles)
{
	static const char *const keys[] = {"first", "second"};
	struct state_pairs members;
	struct state_db *db;
	struct state *s;
	bool has = false;

	ck_assert_int_eq(state_db_open(dir, &db, &members, err, sizeof err), 0);
	state_pairs_free(&members);
	s = state_new(EV_DEFAULT, db, dir, on_done, NULL);
	if (_i == 1) { /* a fresh node reads nothing */
		state_data_load(s, on_loaded, NULL);
		ev_run(EV_DEFAULT, 0);
	}
	for (uint64_t i = 0; i < 2; i++) {
		struct core_write w = {(const uint8_t *)keys[i], (const uint8_t *)"x",
			strlen(keys[i]), 1};

		state_put(s, STATE_DATA, i + 1, &w, 1);
		ev_run(EV_DEFAULT, 0);
	}
	for (int i = 0; i < 1000 && !has; i++) {
		ev_timer t;

		ev_timer_init(&t, on_pause, .01, 0.);
		ev_timer_start(EV_DEFAULT, &t);
		ev_run(EV_DEFAULT, 0);
		has = raw_has("second");
	}
	ck_assert(has);
	state_free(s);
}
END_TEST

/* Put aside with its file; the next one has a log of its own. */
START_TEST(test_aside)
{
	struct data_file f;
	struct state_pairs p;
	struct stat st;
	char log[80];

	crash_after(some_writes);
	data_file_init(&f, dir);
	for (int i = 0; i < 2; i++) { /* the second one replaces the first */
		do {
			ck_assert_int_eq(data_file_load(&f, &p, err, sizeof err), 0);
			state_pairs_free(&p);
		} while (!f.at.end);
		ck_assert_int_eq(data_file_aside(&f), 0);
		snprintf(log, sizeof log, "%s/kv.damaged/log", dir);
		ck_assert_int_eq(stat(log, &st), 0);
		ck_assert_int_ne(stat(file, &st), 0);
		f.at = (struct state_cursor){.key_n = 0};
		crash_after(some_writes);
	}
	data_file_fini(&f);
	reopen();
	ck_assert_uint_eq(stored.n, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state_log");
	TCase *tc = tcase_create("log");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_crash);
	tcase_add_loop_test(tc, test_killed, 0, 8);
	tcase_add_test(tc, test_laps);
	tcase_add_test(tc, test_no_record_comes_back);
	tcase_add_loop_test(tc, test_flipped, 0, 120);
	tcase_add_loop_test(tc, test_cut_off, 0, 2);
	tcase_add_test(tc, test_half_made);
	tcase_add_test(tc, test_flush_fails);
	tcase_add_test(tc, test_full);
	tcase_add_loop_test(tc, test_settles, 0, 2);
	tcase_add_test(tc, test_aside);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
