/* The log before the database on bad disks: flipped bits, cut off, forged, no flush, no space. */
#include <fcntl.h>
#include <sys/resource.h>

#include "common/base/hash.h"
#include "test/unit/log_dir.h"

enum {
	HEAD_BYTES = 24,
	RECORD_BYTES = 40
}; /* of a record: a head of 8, key and value, padded */

/* n bytes of the file at this place, read into p or written from it. */
static void log_bytes(bool write, void *p, size_t n, off_t at)
{
	char log[80];
	int fd;

	snprintf(log, sizeof log, "%s/kv/log", dir);
	fd = open(log, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write ? pwrite(fd, p, n, at) : pread(fd, p, n, at), (ssize_t)n);
	close(fd);
}

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
	uint8_t byte;
	off_t at = _i;
	int rc;
	struct state_db *db;

	crash_after(three_records);
	log_bytes(false, &byte, 1, at);
	byte ^= (uint8_t)(1 << _i % 8);
	log_bytes(true, &byte, 1, at);
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

/* Where the last record of this half begins. */
static off_t last_record(unsigned half)
{
	off_t at = (off_t)half * STATE_LAP_BYTES, last = -1;
	uint64_t lap, record[HEAD_BYTES / 8];

	log_bytes(false, &lap, sizeof lap, at);
	for (;;) {
		log_bytes(false, record, sizeof record, at);
		if (record[0] != lap)
			return last;
		last = at;
		at += HEAD_BYTES + ((off_t)(uint32_t)record[2] + 7) / 8 * 8;
	}
}

/* The last record of the first lap was acknowledged when there is a second one; that one's own may have been cut off. */
START_TEST(test_flipped_of_two_laps)
{
	struct state_db *db;
	uint8_t byte;
	off_t at;
	int rc;

	crash_after(two_laps);
	at = last_record((unsigned)_i) + HEAD_BYTES;
	log_bytes(false, &byte, 1, at);
	byte ^= 1;
	log_bytes(true, &byte, 1, at);
	rc = state_db_open_data(dir, false, &db, err, sizeof err);
	ck_assert_int_eq(rc, _i == 0 ? -EUCLEAN : 0);
	if (rc != 0)
		return;
	state_db_close(db);
	reopen();
	check("a", "new");
	ck_assert_ptr_nonnull(find("gone")); /* its deletion was the last */
}
END_TEST

/* A record whose sum is right and whose lengths lead out of it. */
START_TEST(test_forged)
{
	uint8_t record[RECORD_BYTES];
	uint64_t lap, n, sum;
	struct state_db *db;

	crash_after(three_records);
	log_bytes(false, record, sizeof record, 0);
	record[_i] ^= 0x40;
	memcpy(&lap, record, sizeof lap);
	memcpy(&n, record + 16, sizeof n);
	sum = hash64_seed(record + HEAD_BYTES, n, lap ^ n);
	memcpy(record + 8, &sum, sizeof sum);
	log_bytes(true, record, sizeof record, 0);
	ck_assert_int_eq(state_db_open_data(dir, false, &db, err, sizeof err), -EUCLEAN);
	ck_assert_msg(strstr(err, "kv/log is damaged") != NULL, "%s", err);
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
	log_flush = database_flush = FLUSH_FAILS;
	ck_assert_int_eq(put_as(db, "a", "2"), -EIO);
	ck_assert_int_eq(put_as(db, "a", "3"), -EIO);
	log_flush = database_flush = FLUSHES;
	put(db, "b", "4");
	put(db, "c", "5");
	state_db_close(db);
	reopen();
	check("b", "4");
	check("c", "5");
	ck_assert_ptr_nonnull(find("a"));
}
END_TEST

/* The database fails while the log goes on: from then on nothing is taken that it can't have, and nothing is lost. */
START_TEST(test_takeover_fails)
{
	struct state_db *db = must_open();
	char key[32];
	int n = 0;

	put(db, "first", "makes the log");
	database_flush = FLUSH_FAILS;
	do {
		snprintf(key, sizeof key, "key/%02d", n);
		put(db, key, long_value(n++));
	} while (!db->log.behind);
	ck_assert_int_eq(state_db_settle(db), -EIO);
	ck_assert_int_eq(put_as(db, "b", "1"), -EIO);
	ck_assert(state_db_unsettled(db));
	database_flush = FLUSHES;
	put(db, "c", "2");
	ck_assert(!state_db_unsettled(db));
	put(db, "d", "3");
	ck_assert(state_db_unsettled(db));
	state_db_close(db);
	reopen();
	check("c", "2");
	check("d", "3");
	for (int i = 0; i < n; i++) {
		snprintf(key, sizeof key, "key/%02d", i);
		check(key, long_value(i));
	}
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
	for (int i = 0; rc == 0 && i < 2 * STATE_LOG_BYTES / 4096; i++) {
		char key[32], value[4096];

		fill_with(value, sizeof value);
		snprintf(key, sizeof key, "more/%04d", i);
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
	ck_assert_ptr_nonnull(find("more/0000"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state_log_damage");
	TCase *tc = tcase_create("log");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_flipped, 0, 120);
	tcase_add_loop_test(tc, test_flipped_of_two_laps, 0, 2);
	tcase_add_loop_test(tc, test_forged, HEAD_BYTES, HEAD_BYTES + 6);
	tcase_add_loop_test(tc, test_cut_off, 0, 2);
	tcase_add_test(tc, test_half_made);
	tcase_add_test(tc, test_flush_fails);
	tcase_add_test(tc, test_takeover_fails);
	tcase_add_test(tc, test_full);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
