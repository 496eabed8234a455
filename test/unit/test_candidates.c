#include "membership/candidates.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Discovery workers as membership sees them: pipes that tell, break off, lie and come back. */

static struct ev_loop *loop;
static struct candidates *c;
static int pipe_fd = -1;
static unsigned n_changes, n_faults;
static size_t n_last;
static char last_strategy[64], last_first[256];

static void on_changed(void *ctx, const char *strategy, const struct core_candidate *list,
	size_t n)
{
	(void)ctx;
	n_changes++;
	n_last = n;
	snprintf(last_strategy, sizeof last_strategy, "%s", strategy);
	snprintf(last_first, sizeof last_first, "%s", n > 0 ? list[0].name : "");
}

static void on_fault(void *ctx, const char *worker)
{
	(void)ctx;
	ck_assert_str_eq(worker, "static");
	n_faults++;
}

static void turn(void)
{
	for (int i = 0; i < 40; i++)
		ev_run(loop, EVRUN_NOWAIT);
}

/* A new life of the worker. */
static void live(uint64_t life)
{
	struct ipc_worker_pipe m = {msg_str("static"), life};
	int fd[2];

	if (pipe_fd >= 0)
		close(pipe_fd);
	ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
	fcntl(fd[1], F_SETPIPE_SZ, 1024 * 1024);
	pipe_fd = fd[1];
	candidates_pipe(c, &m, fd[0]);
}

static void setup(void)
{
	loop = ev_loop_new(EVFLAG_NOENV);
	c = candidates_new(loop, on_changed, on_fault, NULL);
	live(1);
}

static void teardown(void)
{
	close(pipe_fd);
	candidates_close(c);
	ev_loop_destroy(loop);
}

static void say(enum ipc_type type, const void *m)
{
	struct buf b = {0};

	ck_assert_int_eq(ipc_encode(&b, type, m), 0);
	for (size_t done = 0; done < b.n;) {
		ssize_t n = write(pipe_fd, b.p + done, b.n - done);

		ck_assert_int_gt(n, 0);
		done += (size_t)n;
		turn();
	}
	buf_free(&b);
	turn();
}

/* Part `part` of generation `gen` with n good nodes, numbered from `from`. */
static void part(uint64_t gen, uint32_t number, bool last, unsigned from, unsigned n)
{
	struct ipc_candidate *list = calloc(n + 1, sizeof *list);
	char(*text)[32] = calloc(n + 1, sizeof *text);
	struct ipc_candidates m = {gen, number, last, {list, n}};

	ck_assert(list != NULL && text != NULL);
	for (unsigned i = 0; i < n; i++) {
		snprintf(text[i], sizeof text[i], "n%u@10.0.%u.%u", from + i, (from + i) / 250,
			(from + i) % 250);
		list[i] = (struct ipc_candidate){msg_str(text[i]),
			msg_str(strchr(text[i], '@') + 1), 0, msg_str("static")};
	}
	say(IPC_CANDIDATES, &m);
	free(list);
	free(text);
}

static struct shell_worker the_worker(void)
{
	struct shell_worker w;

	ck_assert_uint_eq(candidates_n_workers(c), 1);
	candidates_worker_at(c, 0, &w);
	return w;
}

START_TEST(test_parts)
{
	part(1, 0, false, 0, 500);
	part(1, 1, false, 500, 500);
	ck_assert_uint_eq(n_changes, 0);
	part(1, 2, true, 1000, 3);
	ck_assert_uint_eq(n_changes, 1);
	ck_assert_uint_eq(n_last, 1003);
	ck_assert_str_eq(last_first, "n0@10.0.0.0");
	part(2, 0, true, 7, 1);
	ck_assert_uint_eq(n_last, 1);
	ck_assert_str_eq(last_first, "n7@10.0.0.7");
	candidates_replay(c);
	ck_assert_uint_eq(n_changes, 3);
}
END_TEST

static const struct {
	const char *title;
	uint64_t gen;
	uint32_t number;
} wrong[] = {
	{"a part is missing", 2, 2},
	{"a part comes twice", 2, 0x7fffffff},
	{"another generation", 3, 1},
};

START_TEST(test_out_of_order)
{
	part(1, 0, true, 0, 2);
	part(2, 0, false, 10, 5);
	part(wrong[_i].gen, wrong[_i].number, true, 20, 5);
	ck_assert_msg(n_faults == 1, "%s", wrong[_i].title);
	ck_assert_uint_eq(n_changes, 1);
	ck_assert_uint_eq(the_worker().n_candidates, 2);
	live(2); /* its successor begins with its own first part */
	part(1, 0, true, 5, 1);
	ck_assert_uint_eq(n_changes, 2);
	ck_assert_str_eq(last_first, "n5@10.0.0.5");
}
END_TEST

START_TEST(test_garbage)
{
	static const char noise[64] = "\xff\xff\xff\xff this is no frame";

	part(1, 0, true, 0, 2);
	ck_assert_int_eq(write(pipe_fd, noise, sizeof noise), sizeof noise);
	turn();
	ck_assert_uint_eq(n_faults, 1);
	ck_assert_uint_eq(the_worker().n_candidates, 2);
}
END_TEST

/* Half a set dies with its worker; the last whole one stays. */
START_TEST(test_death)
{
	part(1, 0, true, 0, 2);
	part(2, 0, false, 10, 5);
	close(pipe_fd);
	pipe_fd = -1;
	turn();
	ck_assert_uint_eq(n_faults, 0);
	ck_assert_uint_eq(the_worker().n_candidates, 2);
	live(2);
	part(2, 1, true, 10, 5);
	ck_assert_uint_eq(n_faults, 1);
	ck_assert_uint_eq(the_worker().n_candidates, 2);
}
END_TEST

START_TEST(test_malformed_and_too_many)
{
	struct ipc_candidate list[] = {
		{msg_str("no-host"), msg_str("10.0.0.1"), 0, msg_str("")},
		{msg_str("a@10.0.0.1"), msg_str(""), 0, msg_str("")},
		{msg_str("a@10.0.0.1"), {"10.0.0.1\0x", 10}, 0, msg_str("")},
		{msg_str("b@10.0.0.2"), msg_str("10.0.0.2"), 4400, msg_str("")},
	};
	struct ipc_candidates m = {1, 0, true, {list, 4}};

	say(IPC_CANDIDATES, &m);
	ck_assert_uint_eq(n_last, 1);
	ck_assert_str_eq(last_first, "b@10.0.0.2");
	for (uint32_t i = 0; i < 20; i++)
		part(2, i, i == 19, i * 500, 500);
	ck_assert_uint_eq(n_last, IPC_CANDIDATES_MAX);
}
END_TEST

START_TEST(test_health_and_table)
{
	struct ipc_health h = {.ok = false,
		.text = msg_str("no such name"),
		.detail = msg_str("dns"),
		.last_sync_ms = 5};
	struct ipc_worker_row row = {msg_str("static"), msg_str("running"), msg_str("exit 1"),
		77, 3, 99};
	struct ipc_workers table = {{&row, 1}}, empty = {{NULL, 0}};
	struct shell_worker w;

	ck_assert(!the_worker().has_health);
	say(IPC_HEALTH, &h);
	candidates_table(c, &table);
	part(1, 0, true, 0, 2);
	w = the_worker();
	ck_assert(w.has_health && !w.ok);
	ck_assert_str_eq(w.text, "no such name");
	ck_assert_str_eq(w.detail, "dns");
	ck_assert_str_eq(w.state, "running");
	ck_assert_str_eq(w.last_exit, "exit 1");
	ck_assert_uint_eq(w.pid, 77);
	ck_assert_uint_eq(w.restarts, 3);
	candidates_table(c, &empty); /* configured no more */
	ck_assert_uint_eq(candidates_n_workers(c), 0);
	ck_assert_uint_eq(n_last, 0);
	ck_assert_str_eq(last_strategy, "static");
}
END_TEST

static void count(void *ctx, const char *strategy, const struct core_candidate *candidate)
{
	(void)candidate;
	ck_assert_str_eq(strategy, "static");
	++*(unsigned *)ctx;
}

START_TEST(test_each)
{
	unsigned n = 0;

	part(1, 0, true, 0, 9);
	candidates_each(c, count, &n);
	ck_assert_uint_eq(n, 9);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("candidates");
	TCase *tc = tcase_create("candidates");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_parts);
	tcase_add_loop_test(tc, test_out_of_order, 0, sizeof wrong / sizeof wrong[0]);
	tcase_add_test(tc, test_garbage);
	tcase_add_test(tc, test_death);
	tcase_add_test(tc, test_malformed_and_too_many);
	tcase_add_test(tc, test_health_and_table);
	tcase_add_test(tc, test_each);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
