#include "membership/store/backup.h"
#include "test/unit/scratch.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file that what is replaced is saved in: whole or not there, and the newest alone. */

static char dir[] = "/tmp/test_backup.XXXXXX";
static struct backup_file f, died;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	f = (struct backup_file){.fd = -1};
}

static void teardown(void)
{
	backup_step(&f, &(struct backup_step){.what = BACKUP_DROP});
	scratch_remove(dir);
	strcpy(dir, "/tmp/test_backup.XXXXXX");
}

static int step(enum backup_what what, const char *name, const char *bytes)
{
	return backup_step(&f, &(struct backup_step){.what = what,
				       .data_dir = dir,
				       .name = name,
				       .bytes = (const uint8_t *)bytes,
				       .n = strlen(bytes)});
}

/* What is in the folder, and what is in the last of it. */
static int files(char name[256], char text[256])
{
	char path[512];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(path, sizeof path, "%s/backup", dir);
	d = opendir(path);
	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		FILE *file;
		size_t got;

		if (e->d_name[0] == '.')
			continue;
		n++;
		snprintf(name, 256, "%s", e->d_name);
		snprintf(path, sizeof path, "%s/backup/%s", dir, e->d_name);
		file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		got = fread(text, 1, 255, file);
		text[got] = '\0';
		fclose(file);
	}
	closedir(d);
	return n;
}

static void whole(const char *name, const char *text)
{
	ck_assert_int_eq(step(BACKUP_BEGIN, name, "# head\n"), 0);
	ck_assert_int_eq(step(BACKUP_MORE, name, text), 0);
	ck_assert_int_eq(step(BACKUP_END, name, "end\n"), 0);
}

START_TEST(test_newest_alone)
{
	char name[256] = "", text[256];
	struct stat st;

	whole("1-join.kv", "one\n");
	whole("2-leave.kv", "two\n");
	ck_assert_int_eq(files(name, text), 1);
	ck_assert_str_eq(name, "2-leave.kv");
	ck_assert_str_eq(text, "# head\ntwo\nend\n");
	snprintf(text, sizeof text, "%s/backup", dir);
	ck_assert_int_eq(stat(text, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
}
END_TEST

/* Broken off, by a new one or for good: the one before it stands. */
START_TEST(test_broken_off)
{
	char name[256] = "", text[256];

	whole("1-join.kv", "one\n");
	ck_assert_int_eq(step(BACKUP_BEGIN, "2-join.kv", "half"), 0);
	if (_i == 0) {
		ck_assert_int_eq(step(BACKUP_DROP, "", ""), 0);
	} else if (_i == 1) {
		whole("3-join.kv", "three\n");
	} else { /* the process died */
		died = f;
		f = (struct backup_file){.fd = -1};
	}
	if (_i == 2)
		whole("3-join.kv", "three\n");
	ck_assert_int_eq(files(name, text), 1);
	ck_assert_str_eq(name, _i == 0 ? "1-join.kv" : "3-join.kv");
	if (_i == 2)
		f = died; /* only its memory is of interest now */
}
END_TEST

START_TEST(test_disk_says_no)
{
	struct rlimit old, small;
	char name[256] = "", text[256];
	static char much[64 * 1024];

	whole("1-join.kv", "one\n");
	memset(much, 'x', sizeof much - 1);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){32 * 1024, old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ck_assert_int_eq(step(BACKUP_BEGIN, "2-join.kv", ""), 0);
	ck_assert_int_eq(step(BACKUP_MORE, "", much), -EFBIG);
	ck_assert_int_eq(step(BACKUP_MORE, "", much), -EBADF);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ck_assert_int_eq(files(name, text), 1);
	ck_assert_str_eq(name, "1-join.kv");
}
END_TEST

START_TEST(test_no_place)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof path, "%s/backup", dir);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	ck_assert_int_eq(step(BACKUP_BEGIN, "1-join.kv", "x"), -ENOTDIR);
	ck_assert_int_eq(f.fd, -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backup");
	TCase *tc = tcase_create("backup");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_newest_alone);
	tcase_add_loop_test(tc, test_broken_off, 0, 3);
	tcase_add_test(tc, test_disk_says_no);
	tcase_add_test(tc, test_no_place);
	suite_add_tcase(suite, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
