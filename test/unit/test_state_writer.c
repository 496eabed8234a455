/* The writer thread: what it commits, loads and puts aside, and disks that are full, damaged or stall. */
#include "membership/store/state.h"
#include "membership/store/state_log.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/hash.h"
#include "test/unit/state_dir.h"

struct answers {
	struct ev_loop *loop;
	uint64_t expect, last;
	int error;
	unsigned failed, n_core, of_data, data_failed;
	bool in_steps; /* the numbers are not all membership's */
};

static void on_done(void *ctx, enum state_owner owner, uint64_t seq, int error)
{
	struct answers *a = ctx;

	if (owner == STATE_DATA) {
		a->of_data++;
		a->data_failed += error != 0;
		return;
	}
	if (!a->in_steps)
		ck_assert_uint_eq(seq, a->expect);
	a->expect++;
	a->n_core++;
	if (error != 0) {
		a->error = error;
		a->failed++;
	}
	if (seq == a->last)
		ev_break(a->loop, EVBREAK_ALL);
}

static void put_of(struct state *s, enum state_owner owner, uint64_t seq, size_t value_n)
{
	char key[32], *value = calloc(1, value_n + 1);
	struct core_write w = {.value = (uint8_t *)value, .value_n = value_n};

	ck_assert_ptr_nonnull(value);
	snprintf(key, sizeof key, "%c%llu", owner == STATE_CORE ? 'k' : 1,
		(unsigned long long)seq);
	w.key = (const uint8_t *)key;
	w.key_n = strlen(key);
	state_put(s, owner, seq, &w, 1);
	free(value);
}

static void put_numbered(struct state *s, uint64_t seq, size_t value_n)
{
	put_of(s, STATE_CORE, seq, value_n);
}

/* --- the shared data's file --- */

struct load {
	struct ev_loop *loop;
	size_t pairs, pieces;
	int error;
	bool ended;
	char text[1024];
};

static bool on_loaded(void *ctx, const struct state_piece *piece)
{
	struct load *l = ctx;

	ck_assert(!l->ended);
	l->pieces++;
	l->pairs += piece->pairs->n;
	l->error = piece->error;
	l->ended = piece->last;
	snprintf(l->text, sizeof l->text, "%s", piece->text);
	if (piece->last)
		ev_break(l->loop, EVBREAK_ALL);
	return true;
}

static struct load load_data(struct ev_loop *loop, struct state *s)
{
	struct load l = {.loop = loop};

	state_data_load(s, on_loaded, &l);
	while (!l.ended)
		ev_run(loop, EVRUN_ONCE);
	return l;
}

static struct load load_alone(void)
{
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV)};
	struct state_pairs p;
	struct state *s = state_new(a.loop, must_open(&p), dir, on_done, &a);
	struct load l = load_data(a.loop, s);

	state_pairs_free(&p);
	state_free(s);
	ev_loop_destroy(a.loop);
	return l;
}

static size_t count_data(void)
{
	struct load l = load_alone();

	ck_assert_int_eq(l.error, 0);
	return l.pairs;
}

/* n pairs of the shared data, written and answered. */
static void write_data(unsigned n, size_t value_n)
{
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV)};
	struct state_pairs p;
	struct state *s = state_new(a.loop, must_open(&p), dir, on_done, &a);

	for (unsigned i = 0; i < n; i++)
		put_of(s, STATE_DATA, i, value_n);
	while (a.of_data < n)
		ev_run(a.loop, EVRUN_ONCE);
	ck_assert_uint_eq(a.data_failed, 0);
	state_pairs_free(&p);
	state_free(s);
	ev_loop_destroy(a.loop);
}

START_TEST(test_data_comes_in_pieces)
{
	struct load l;

	ck_assert(!state_db_has_data(dir));
	ck_assert_uint_eq(count_data(), 0);
	ck_assert(!state_db_has_data(dir)); /* reading makes none */
	write_data(2000, 1000);
	ck_assert(state_db_has_data(dir));
	l = load_alone();
	ck_assert_int_eq(l.error, 0);
	ck_assert_uint_eq(l.pairs, 2000);
	ck_assert_uint_gt(l.pieces, 4);
}
END_TEST

/* What happens to kv/data.mdb. */
static void overwrite(int fd, off_t at, off_t n)
{
	static const char junk[4096] = "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5";

	for (off_t i = at; i < at + n; i += (off_t)sizeof junk)
		ck_assert_int_eq(pwrite(fd, junk, sizeof junk, i), sizeof junk);
}

static const struct {
	const char *what, *said;
} data_damage[] = {
	{"cut", "cut off"},
	{"empty", "empty"},
	{"meta", "damaged"},
	{"middle", "damaged"},
	{"end", "damaged"},
};

static void damage_data(size_t i)
{
	const char *what = data_damage[i].what;
	char path[80];
	struct stat st;
	int fd;

	snprintf(path, sizeof path, "%s/kv/data.mdb", dir);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	if (strcmp(what, "cut") == 0)
		ck_assert_int_eq(ftruncate(fd, st.st_size / 2), 0);
	else if (strcmp(what, "empty") == 0)
		ck_assert_int_eq(ftruncate(fd, 0), 0);
	else if (strcmp(what, "meta") == 0)
		overwrite(fd, 0, 8192);
	else if (strcmp(what, "middle") == 0)
		overwrite(fd, 8192, (st.st_size - 8192) / 2);
	else
		overwrite(fd, st.st_size / 2, st.st_size / 2);
	close(fd);
}

static void on_aside(void *ctx, int error)
{
	struct load *l = ctx;

	l->error = error;
	ev_break(l->loop, EVBREAK_ALL);
}

/* Told, and nothing of membership's is touched by it; put aside, there is a new beginning. */
START_TEST(test_damaged_data)
{
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV), .expect = 1, .last = 1};
	struct state_pairs p;
	struct state *s;
	struct load l;
	char path[80];

	write_data(500, 2000);
	damage_data((size_t)_i);
	s = state_new(a.loop, must_open(&p), dir, on_done, &a);
	state_pairs_free(&p);
	l = load_data(a.loop, s);
	ck_assert_int_eq(l.error, -EUCLEAN);
	ck_assert_msg(strstr(l.text, data_damage[_i].said) != NULL, "%s", l.text);
	ck_assert_ptr_nonnull(strstr(l.text, "kv repair"));

	put_of(s, STATE_DATA, 1, 100);
	put_numbered(s, 1, 100);
	ev_run(a.loop, 0);
	ck_assert_uint_eq(a.failed, 0);
	ck_assert_uint_eq(a.data_failed, 1);

	for (int i = 0; i < 2; i++) { /* the second in the place of the first */
		state_data_aside(s, on_aside, &l);
		ev_run(a.loop, 0);
		ck_assert_int_eq(l.error, 0);
		ck_assert(!state_db_has_data(dir));
		put_of(s, STATE_DATA, 2, 100);
		a.of_data = a.data_failed = 0;
		while (a.of_data == 0)
			ev_run(a.loop, EVRUN_ONCE);
		ck_assert_uint_eq(a.data_failed, 0);
	}
	state_free(s);
	ev_loop_destroy(a.loop);
	ck_assert_uint_eq(count_data(), 1);
	snprintf(path, sizeof path, "%s/kv.damaged/data.mdb", dir);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* A page goes bad under a running node: no crash, and an error once the log is full that it was to take over. */
START_TEST(test_data_damaged_while_it_runs)
{
	enum { BYTES = 3000, PUTS = 2 * STATE_LOG_BYTES / BYTES };
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV), .expect = 1, .last = 1};
	struct state_pairs p;
	struct state *s;

	write_data(500, 2000);
	s = state_new(a.loop, must_open(&p), dir, on_done, &a);
	state_pairs_free(&p);
	ck_assert_int_eq(load_data(a.loop, s).error, 0);
	damage_data(0);
	for (uint64_t i = 0; i < PUTS; i++)
		put_of(s, STATE_DATA, i, BYTES);
	put_numbered(s, 1, 100);
	while (a.of_data < PUTS || a.n_core < 1)
		ev_run(a.loop, EVRUN_ONCE);
	ck_assert_uint_eq(a.failed, 0);
	ck_assert_uint_gt(a.data_failed, 0);
	state_free(s);
	ev_loop_destroy(a.loop);
}
END_TEST

START_TEST(test_writer)
{
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV), .expect = 1, .last = 500};
	struct state_pairs p;
	struct state *s = state_new(a.loop, must_open(&p), dir, on_done, &a);

	ck_assert_ptr_nonnull(s);
	for (uint64_t i = 1; i <= 500; i++)
		put_numbered(s, i, 100);
	ev_run(a.loop, 0);
	ck_assert_uint_eq(a.expect, 501);
	ck_assert_uint_eq(a.failed, 0);
	put_numbered(s, 501, 10); /* written by closing, though nobody hears of it */
	state_free(s);
	ev_loop_destroy(a.loop);
	state_db_close(must_open(&p));
	ck_assert_uint_eq(p.n, 501);
	state_pairs_free(&p);
}
END_TEST

/* A full disk (here: the largest file allowed) is an answer, and gone when there is room again. */
START_TEST(test_full)
{
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV), .expect = 1, .last = 1};
	struct state_pairs p;
	struct state *s = state_new(a.loop, must_open(&p), dir, on_done, &a);
	struct rlimit old, small;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){128 * 1024, old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	put_numbered(s, 1, 300 * 1024);
	ev_run(a.loop, 0);
	ck_assert_int_eq(a.error, -EIO);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	a.last = 2;
	put_numbered(s, 2, 300 * 1024);
	ev_run(a.loop, 0);
	ck_assert_uint_eq(a.failed, 1);
	state_free(s);
	ev_loop_destroy(a.loop);
	state_db_close(must_open(&p));
	ck_assert_uint_eq(p.n, 1);
	state_pairs_free(&p);
}
END_TEST

/* What the data can't write any more is no reason for membership not to write. */
START_TEST(test_full_for_data)
{
	enum { ROUNDS = 20 };
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV), .expect = 1, .last = ROUNDS};
	struct state_pairs p;
	struct state *s = state_new(a.loop, must_open(&p), dir, on_done, &a);
	struct rlimit old, small;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){256 * 1024, old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		put_of(s, STATE_DATA, i, 300 * 1024);
		put_numbered(s, i, 100);
	}
	ev_run(a.loop, 0);
	ck_assert_uint_eq(a.failed, 0);
	ck_assert_uint_eq(a.of_data, ROUNDS);
	ck_assert_uint_eq(a.data_failed, ROUNDS);
	state_free(s);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ev_loop_destroy(a.loop);
	state_db_close(must_open(&p));
	ck_assert_uint_eq(p.n, ROUNDS);
	state_pairs_free(&p);
}
END_TEST

START_TEST(test_grows)
{
	enum { N = 6, BYTES = 16 * 1024 * 1024 };
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV), .expect = 1};
	struct state_pairs p;
	struct state *s = state_new(a.loop, must_open(&p), dir, on_done, &a);

	for (uint64_t i = 1; i <= N; i++) {
		a.last = i;
		put_numbered(s, i, BYTES);
		ev_run(a.loop, 0);
	}
	ck_assert_uint_eq(a.failed, 0);
	state_free(s);
	ev_loop_destroy(a.loop);
	state_db_close(must_open(&p)); /* also with a map that is smaller at first */
	ck_assert_uint_eq(p.n, N);
	state_pairs_free(&p);
}
END_TEST

/*
 * LMDB's own flush of the file, taken over here: a disk that does not come back from it for as long as the test likes.
 */
static sem_t flush_begun, flush_may_end;
static bool stalls;

__attribute__((visibility("default"))) int fdatasync(int fd)
{
	if (stalls) {
		sem_post(&flush_begun);
		sem_wait(&flush_may_end);
	}
	return fsync(fd);
}

/* The first write is with the writer, which hangs until disk_goes_on(). */
static void write_and_stall(struct state *s, size_t value_n)
{
	ck_assert_int_eq(sem_init(&flush_begun, 0, 0), 0);
	ck_assert_int_eq(sem_init(&flush_may_end, 0, 0), 0);
	stalls = true;
	put_numbered(s, 1, value_n);
	sem_wait(&flush_begun);
}

static void disk_goes_on(void)
{
	stalls = false;
	sem_post(&flush_may_end);
}

START_TEST(test_disk_that_stalls)
{
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV), .expect = 1, .last = 300};
	struct state_pairs p;
	struct state *s = state_new(a.loop, must_open(&p), dir, on_done, &a);

	write_and_stall(s, 100);
	for (uint64_t i = 2; i <= 300; i++) {
		put_of(s, i % 2 == 0 ? STATE_DATA : STATE_CORE, i, 1000);
		ev_run(a.loop, EVRUN_NOWAIT);
	}
	ck_assert_uint_eq(a.expect, 1);
	ck_assert_uint_eq(a.of_data, 0);
	disk_goes_on();
	a.in_steps = true;
	while (a.of_data < 150 || a.n_core < 150)
		ev_run(a.loop, EVRUN_ONCE);
	ck_assert_uint_eq(a.failed + a.data_failed, 0);
	state_free(s);
	ev_loop_destroy(a.loop);
	state_db_close(must_open(&p));
	ck_assert_uint_eq(p.n, 150);
	state_pairs_free(&p);
	ck_assert_uint_eq(count_data(), 150);
}
END_TEST

/* More than the queue takes while the disk is busy: refused in its turn, not out of order. */
START_TEST(test_queue_full)
{
	struct answers a = {.loop = ev_loop_new(EVFLAG_NOENV), .expect = 1, .last = 10};
	struct state_pairs p;
	struct state *s = state_new(a.loop, must_open(&p), dir, on_done, &a);

	write_and_stall(s, 100);
	for (uint64_t i = 2; i <= 10; i++)
		put_numbered(s, i, STATE_QUEUE_MAX / 4);
	disk_goes_on();
	ev_run(a.loop, 0);
	ck_assert_uint_eq(a.expect, 11);
	ck_assert_uint_eq(a.failed, 9 - 3); /* with their keys three have room */
	ck_assert_int_eq(a.error, -ENOBUFS);
	state_free(s);
	ev_loop_destroy(a.loop);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state_writer");
	TCase *writer = tcase_create("writer");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(writer, setup, teardown);
	tcase_add_test(writer, test_data_comes_in_pieces);
	tcase_add_loop_test(writer, test_damaged_data, 0,
		sizeof data_damage / sizeof data_damage[0]);
	tcase_add_test(writer, test_data_damaged_while_it_runs);
	tcase_add_test(writer, test_writer);
	tcase_add_test(writer, test_full);
	tcase_add_test(writer, test_full_for_data);
	tcase_add_test(writer, test_grows);
	tcase_add_test(writer, test_disk_that_stalls);
	tcase_add_test(writer, test_queue_full);
	tcase_set_timeout(writer, 60);
	suite_add_tcase(suite, writer);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
