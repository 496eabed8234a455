#ifndef TEST_UNIT_CONF_DIR_H
#define TEST_UNIT_CONF_DIR_H
/* A directory of configuration files for each test. */
#include <unistd.h>

#include "test/unit/conf_help.h"
#include "test/unit/scratch.h"

static char dir[64], file[96];

static inline void setup(void)
{
	snprintf(dir, sizeof dir, "/tmp/test_conf_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/clusterd.conf", dir);
}

static inline void teardown(void)
{
	scratch_remove(dir);
}

static inline void write_file(const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	help_write(path, text, strlen(text));
}

static inline struct help load_text(const char *text)
{
	write_file("clusterd.conf", text);
	return help_load(file, NULL, NULL, 0);
}

#endif
