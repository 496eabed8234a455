/* The log before the database: what it holds is stored, through crashes and over its laps. */
#include <lmdb.h>
#include <signal.h>

#include "membership/store/data_file.h"
#include "membership/store/state.h"
#include "test/unit/log_dir.h"

/* --- crashes */

/* Is it in the database itself? */
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
	const struct core_kv *a, *b;
	uint32_t acked = 0, have;
	int ack[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(ack), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct state_db *db = must_open();
		struct state_batch *batch =
			calloc(1, sizeof *batch + 2 * sizeof batch->write[0]);
		static uint8_t value[LONG_BYTES];

		batch->n = 2;
		batch->owner = STATE_DATA;
		for (uint32_t i = 1;; i++) {
			memcpy(value, &i, sizeof i);
			batch->write[0] =
				(struct core_write){(const uint8_t *)"a", value, 1, 4};
			batch->write[1] = (struct core_write){(const uint8_t *)"b", value, 1,
				sizeof value};
			if (state_db_commit(db, batch, STATE_DATA) != 0 ||
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
	a = find("a");
	b = find("b");
	ck_assert(a != NULL && b != NULL);
	ck_assert_mem_eq(a->value, b->value, sizeof acked);
	memcpy(&have, a->value, sizeof have);
	ck_assert_msg(have == acked || have == acked + 1, "%u is there, %u was acknowledged",
		have, acked);
}
END_TEST

/* --- laps */

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

static void check_two_laps(void)
{
	char key[32];

	ck_assert_uint_eq(stored.n, 22);
	check("a", "new");
	check("gone", NULL);
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "key/%02d", i);
		check(key, long_value(i));
	}
}

/* A crash before the database has taken over the first of two laps: both are read, and the second one counts. */
START_TEST(test_two_laps)
{
	struct state_db *db;

	crash_after(two_laps);
	for (int i = 0; i < 3; i++) {
		db = must_open();
		check_two_laps();
		ck_assert_int_eq(state_db_unsettled(db), i < 2);
		if (i == 1)
			ck_assert_int_eq(state_db_settle(db), 0);
		state_db_close(db);
	}
	ck_assert(raw_has("key/19"));
}
END_TEST

static void on_from_two_laps(struct state_db *db)
{
	char key[32];

	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "key/%02d", i);
		put(db, key, long_value(i));
	}
	put(db, "last", "one");
}

/* After such a crash the log goes on where it was, until it is full and the database takes over both. */
START_TEST(test_on_from_two_laps)
{
	crash_after(two_laps);
	crash_after(on_from_two_laps);
	reopen();
	check("a", "new");
	check("key/19", long_value(19));
	check("last", "one");
}
END_TEST

/* Many laps behind each other, with a database that keeps up, by turns slower and faster than the log. */
START_TEST(test_many_laps)
{
	struct state_db *db = must_open();
	char key[32];

	put(db, "first", "makes the log");
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "key/%02d", i % 30);
		put(db, key, long_value(i));
		if (i % 20 == 0)
			state_db_settle_on(db);
	}
	state_db_close(db);
	reopen();
	ck_assert_uint_eq(stored.n, 31);
	for (int i = 70; i < 100; i++) {
		snprintf(key, sizeof key, "key/%02d", i % 30);
		check(key, long_value(i));
	}
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
	tcase_add_test(tc, test_two_laps);
	tcase_add_test(tc, test_on_from_two_laps);
	tcase_add_test(tc, test_many_laps);
	tcase_add_loop_test(tc, test_settles, 0, 2);
	tcase_add_test(tc, test_aside);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
