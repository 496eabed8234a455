#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workers/worker.h"

START_TEST(test_folders)
{
	struct worker_reach r = {.n_dirs = 0};

	worker_reach_file(&r, "");
	worker_reach_dir(&r, "");
	ck_assert_uint_eq(r.n_dirs, 0);
	worker_reach_file(&r, "/nonexistent/a/ca.pem");
	worker_reach_file(&r, "/nonexistent/a/key.pem");
	worker_reach_file(&r, "/ca.pem");
	worker_reach_file(&r, "no-folder.pem");
	ck_assert_uint_eq(r.n_dirs, 3);
	ck_assert_str_eq(r.dir[0], "/nonexistent/a");
	ck_assert_str_eq(r.dir[1], "/");
	ck_assert_str_eq(r.dir[2], ".");
	worker_reach_free(&r);
}
END_TEST

/* As a certificate tool leaves it: a link to the file of the day in another folder. */
START_TEST(test_links)
{
	char folder[] = "/tmp/clusterd-reach.XXXXXX", live[64], archive[64], path[96], real[96];
	struct worker_reach r = {.n_dirs = 0};
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(live, sizeof live, "%s/live", folder);
	snprintf(archive, sizeof archive, "%s/archive", folder);
	snprintf(path, sizeof path, "%s/key.pem", live);
	snprintf(real, sizeof real, "%s/key7.pem", archive);
	mkdir(live, 0700);
	mkdir(archive, 0700);
	f = fopen(real, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_int_eq(symlink("../archive/key7.pem", path), 0);
	worker_reach_file(&r, path);
	ck_assert_uint_eq(r.n_dirs, 2);
	ck_assert_str_eq(r.dir[0], live);
	ck_assert_str_eq(r.dir[1], archive);
	worker_reach_free(&r);
	unlink(path);
	unlink(real);
	rmdir(live);
	rmdir(archive);
	rmdir(folder);
}
END_TEST

START_TEST(test_covers)
{
	struct worker_reach a = {.n_dirs = 0}, b = {.n_dirs = 0};

	worker_reach_port(&a, 2379);
	worker_reach_port(&a, 2379);
	worker_reach_port(&a, 0);
	worker_reach_port(&a, 65536);
	ck_assert_uint_eq(a.n_ports, 1);
	worker_reach_dir(&a, "/x");
	ck_assert(worker_reach_covers(&a, &b));
	ck_assert(!worker_reach_covers(&b, &a));
	worker_reach_port(&b, 2379);
	ck_assert(worker_reach_covers(&a, &b));
	worker_reach_dir(&b, "/y");
	ck_assert(!worker_reach_covers(&a, &b));
	worker_reach_dir(&a, "/y");
	worker_reach_port(&b, 4001);
	ck_assert(!worker_reach_covers(&a, &b));
	worker_reach_free(&a);
	worker_reach_free(&b);
}
END_TEST

START_TEST(test_bounded)
{
	struct worker_reach r = {.n_dirs = 0};
	char dir[32];

	for (unsigned i = 0; i < 2 * WORKER_REACH_DIRS; i++) {
		snprintf(dir, sizeof dir, "/d%u", i);
		worker_reach_dir(&r, dir);
		worker_reach_port(&r, 1000 + i);
	}
	ck_assert_uint_eq(r.n_dirs, WORKER_REACH_DIRS);
	ck_assert_uint_eq(r.n_ports, WORKER_REACH_PORTS);
	worker_reach_free(&r);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("worker_reach");
	Suite *s = suite_create("worker_reach");
	SRunner *r;
	int failed;

	tcase_add_test(t, test_folders);
	tcase_add_test(t, test_links);
	tcase_add_test(t, test_covers);
	tcase_add_test(t, test_bounded);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
