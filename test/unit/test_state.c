#include "membership/store/state.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/hash.h"
#include "test/unit/state_dir.h"

static struct state_batch *batch(const char *key, const char *value, size_t value_n)
{
	struct state_batch *b = calloc(1, sizeof *b + sizeof b->write[0]);

	ck_assert_ptr_nonnull(b);
	b->n = 1;
	b->write[0] = (struct core_write){(const uint8_t *)key, (const uint8_t *)value,
		strlen(key), value_n};
	return b;
}

static void put(struct state_db *db, const char *key, const char *value)
{
	struct state_batch *b = batch(key, value, value != NULL ? strlen(value) : 0);

	ck_assert_int_eq(state_db_commit(db, b, STATE_CORE), 0);
	free(b);
}

/* A file with 300 keys, so that it has branch pages and a free list. */
static void fill(void)
{
	struct state_pairs p;
	struct state_db *db = must_open(&p);
	char key[32], value[400];

	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof key, "key/%03d", i);
		memset(value, 'a' + i % 26, sizeof value - 1);
		value[sizeof value - 1] = '\0';
		put(db, key, value);
	}
	state_pairs_free(&p);
	state_db_close(db);
}

static void check_filled(const struct state_pairs *p)
{
	char value[399];

	ck_assert_uint_eq(p->n, 300);
	for (size_t i = 0; i < p->n; i++) {
		ck_assert_uint_eq(p->kv[i].key_n, 7);
		ck_assert_uint_eq(p->kv[i].value_n, 399);
		memset(value, (int)('a' + i % 26), sizeof value);
		ck_assert_mem_eq(p->kv[i].value, value, sizeof value);
	}
}

START_TEST(test_round_trip)
{
	struct state_pairs p;
	struct state_db *db = must_open(&p);
	struct stat st;

	ck_assert_uint_eq(p.n, 0);
	put(db, "a", "one");
	put(db, "b", "");
	put(db, "c", "three");
	put(db, "c", NULL);
	put(db, "nothing", NULL);
	state_pairs_free(&p);
	state_db_close(db);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);

	db = must_open(&p);
	ck_assert_uint_eq(p.n, 2);
	ck_assert_uint_eq(p.kv[0].value_n, 3);
	ck_assert_mem_eq(p.kv[0].value, "one", 3);
	ck_assert_uint_eq(p.kv[1].value_n, 0);
	state_pairs_free(&p);
	state_db_close(db);
}
END_TEST

/* What a crash during the first start leaves is no reason to stay down. */
START_TEST(test_half_made)
{
	struct state_pairs p;
	char path[80];
	int fd;

	snprintf(path, sizeof path, "%s/state.new", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/state.new/data.mdb", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	state_db_close(must_open(&p));
	ck_assert_uint_eq(p.n, 0);
}
END_TEST

static const struct {
	const char *title;
	long size; /* of the file after the cut */
	const char *says;
} cuts[] = {
	{"an empty file", 0, "is empty"},
	{"less than a page", 100, "is damaged"},
	{"one page", 4096, "is damaged"},
	{"a page and a bit", 5000, "cut off"},
	{"two pages", 8192, "cut off"},
	{"half", 65536, "cut off"},
};

START_TEST(test_cut)
{
	struct state_pairs p;
	struct state_db *db;
	struct stat st;

	fill();
	ck_assert_int_eq(truncate(file, cuts[_i].size), 0);
	ck_assert_msg(state_db_open(dir, &db, &p, err, sizeof err) == -EUCLEAN, "%s: %s",
		cuts[_i].title, err);
	ck_assert_msg(strstr(err, cuts[_i].says) != NULL, "%s: %s", cuts[_i].title, err);
	ck_assert_ptr_nonnull(strstr(err, "move it away"));
	ck_assert_int_eq(stat(file, &st), 0); /* still there, and not replaced */
}
END_TEST

/* What lies beyond the cut is only free pages: nothing is lost, and the file grows again. */
START_TEST(test_cut_of_nothing)
{
	struct state_pairs p;
	struct state_db *db;
	struct stat st;

	fill();
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(truncate(file, st.st_size - 4096), 0);
	db = must_open(&p);
	check_filled(&p);
	state_pairs_free(&p);
	for (int i = 0; i < 20; i++)
		put(db, "key/000", "new");
	state_db_close(db);
	state_db_close(must_open(&p));
	ck_assert_uint_eq(p.n, 300);
	state_pairs_free(&p);
}
END_TEST

START_TEST(test_foreign)
{
	static const char noise[] = "#!/bin/sh\necho this is no database, whatever its name\n";
	struct state_pairs p;
	struct state_db *db;
	int fd;

	fill();
	fd = open(file, O_WRONLY | O_TRUNC);
	for (int i = 0; i < 400; i++)
		ck_assert_int_eq(write(fd, noise, sizeof noise), sizeof noise);
	close(fd);
	ck_assert_int_eq(state_db_open(dir, &db, &p, err, sizeof err), -EUCLEAN);
	ck_assert_msg(strstr(err, "not a database") != NULL, "%s", err);

	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(state_db_open(dir, &db, &p, err, sizeof err), -EUCLEAN);
	ck_assert_msg(strstr(err, "no data.mdb") != NULL, "%s", err);
}
END_TEST

static void raw_put(const void *key, size_t key_n, const void *value, size_t value_n)
{
	MDB_val k = {key_n, (void *)(uintptr_t)key}, v = {value_n, (void *)(uintptr_t)value};
	char path[64];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	snprintf(path, sizeof path, "%s/state", dir);
	ck_assert_int_eq(mdb_env_create(&env), 0);
	ck_assert_int_eq(mdb_env_open(env, path, MDB_NOLOCK, 0600), 0);
	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

START_TEST(test_other_database)
{
	struct state_pairs p;
	struct state_db *db;
	char path[64];

	snprintf(path, sizeof path, "%s/state", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	raw_put("user", 4, "somebody else's data", 20);
	ck_assert_int_eq(state_db_open(dir, &db, &p, err, sizeof err), -EUCLEAN);
	ck_assert_msg(strstr(err, "damaged") != NULL, "%s", err);
}
END_TEST

/* The header of a later format, sealed as this one seals. */
START_TEST(test_newer)
{
	static const char key[] = "\0clusterd";
	uint8_t value[9 + 16] = {1};
	uint64_t sum;
	struct state_pairs p;
	struct state_db *db;

	state_db_close(must_open(&p));
	memcpy(value + 9, "clusterd state", 15);
	value[24] = STATE_FORMAT + 1;
	sum = hash64_seed(value + 9, 16, hash64(key, sizeof key));
	for (int i = 8; i >= 1; i--, sum >>= 8)
		value[i] = (uint8_t)sum;
	raw_put(key, sizeof key, value, sizeof value);
	ck_assert_int_eq(state_db_open(dir, &db, &p, err, sizeof err), -EUCLEAN);
	ck_assert_msg(strstr(err, "newer clusterd (format 2") != NULL, "%s", err);
}
END_TEST

/* Any flipped byte is either noticed or of no consequence; it never kills and never changes a value. */
START_TEST(test_flipped)
{
	struct stat st;
	unsigned noticed = 0;
	int fd;

	fill();
	ck_assert_int_eq(stat(file, &st), 0);
	fd = open(file, O_RDWR);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 7 * _i; at < st.st_size; at += 1009) {
		struct state_db *db = NULL;
		struct state_pairs p;
		uint8_t good, bad;
		int rc;

		ck_assert_int_eq(pread(fd, &good, 1, at), 1);
		bad = good ^ (uint8_t)(1U << at % 8);
		ck_assert_int_eq(pwrite(fd, &bad, 1, at), 1);
		rc = state_db_open(dir, &db, &p, err, sizeof err);
		ck_assert(rc == 0 || rc == -EUCLEAN || rc == -EINVAL || rc == -ENOMEM);
		if (rc == 0 && p.n != 0)
			check_filled(&p);
		noticed += rc != 0;
		if (rc == 0) {
			state_pairs_free(&p);
			state_db_close(db);
		}
		ck_assert_int_eq(pwrite(fd, &good, 1, at), 1);
	}
	close(fd);
	ck_assert_uint_gt(noticed, 20);
}
END_TEST

/* Two keys in one transaction, counted up by a process that is killed: they are never apart, and acknowledged is kept. */
START_TEST(test_killed)
{
	struct state_pairs p;
	int ack[2], status;
	uint32_t acknowledged = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(ack), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct state_db *db = must_open(&p);
		struct state_batch *b = calloc(1, sizeof *b + 2 * sizeof b->write[0]);

		b->n = 2;
		for (uint32_t i = 1;; i++) {
			b->write[0] = (struct core_write){(const uint8_t *)"a",
				(const uint8_t *)&i, 1, sizeof i};
			b->write[1] = (struct core_write){(const uint8_t *)"b",
				(const uint8_t *)&i, 1, sizeof i};
			if (state_db_commit(db, b, STATE_CORE) != 0 ||
				write(ack[1], &i, sizeof i) != sizeof i)
				_exit(1);
		}
	}
	close(ack[1]);
	for (int i = 0; i < 50 + 13 * _i; i++)
		ck_assert_int_eq(read(ack[0], &acknowledged, sizeof acknowledged),
			sizeof acknowledged);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	while (read(ack[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged)
		continue;
	state_db_close(must_open(&p));
	ck_assert_uint_eq(p.n, 2);
	ck_assert_mem_eq(p.kv[0].value, p.kv[1].value, sizeof acknowledged);
	ck_assert(memcmp(p.kv[0].value, &acknowledged, 4) == 0 ||
		  *(const uint32_t *)(const void *)p.kv[0].value == acknowledged + 1);
	state_pairs_free(&p);
}
END_TEST

START_TEST(test_in_use)
{
	struct state_pairs p;
	struct state_db *db = must_open(&p), *second;
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int rc = state_db_open(dir, &second, &p, err, sizeof err);

		_exit(rc == -EBUSY && strstr(err, "another process") != NULL ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	state_db_close(db);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state");
	TCase *tc = tcase_create("db");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_round_trip);
	tcase_add_test(tc, test_half_made);
	tcase_add_loop_test(tc, test_cut, 0, sizeof cuts / sizeof cuts[0]);
	tcase_add_test(tc, test_cut_of_nothing);
	tcase_add_test(tc, test_foreign);
	tcase_add_test(tc, test_other_database);
	tcase_add_test(tc, test_newer);
	tcase_add_loop_test(tc, test_flipped, 0, 3);
	tcase_add_loop_test(tc, test_killed, 0, 3);
	tcase_add_test(tc, test_in_use);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
