/*
 * The text of a configuration file, from the block reader to the values. What loads must go through a section and come
 * back the same; whatever is complained about must make one clean line; a written value that decodes and is canonical
 * must stay as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/conf/loaded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static void clean_lines(const struct conf_issues *is)
{
	char line[2048];

	for (size_t i = 0; i < is->n; i++) {
		conf_issue_format(&is->item[i], line, sizeof line);
		for (const char *p = line; *p; p++)
			demand((unsigned char)*p >= 0x20 && *p != 0x7f);
	}
}

/* Supervisor → text → child → text. */
static void through_section(const struct conf_loaded *l)
{
	struct buf once = {0}, twice = {0};
	struct conf_loaded *child;

	conf_section(l, CONF_FOR_ALL, &once);
	child = conf_section_parse((const char *)once.p, once.n);
	demand(child != NULL);
	conf_section(child, CONF_FOR_ALL, &twice);
	demand(once.n == twice.n && (!once.n || !memcmp(once.p, twice.p, once.n)));
	buf_free(&once);
	buf_free(&twice);
	conf_loaded_free(child);
}

static void as_file(const uint8_t *data, size_t size)
{
	static char cookie[] = "CLUSTERD_NODE__COOKIE=cookie-of-the-fuzzer";
	static char *const env[] = {cookie, NULL};
	const struct conf_sources src = {.environ_ = env};
	struct conf_issues is = {0};
	struct conf_loader ld = {
		.l = xcalloc(1, sizeof *ld.l),
		.issues = &is,
		.src = &src,
		.place = {.layer = LAYER_FILE, .where = "fuzz", .serial = 1},
		.foreign_told = xcalloc(1024, sizeof *ld.foreign_told),
	};

	conf_read_text(&ld, (const char *)data, size);
	conf_read_environment(&ld);
	conf_finish(&ld);
	clean_lines(&is);
	if (!is.n_errors)
		through_section(ld.l);
	conf_loaded_free(ld.l);
	conf_issues_free(&is);
	free(ld.foreign_told);
}

/* The same bytes as the section of a child: mostly refused, and what is taken comes back byte for byte. */
static void as_section(const uint8_t *data, size_t size)
{
	struct conf_loaded *l = conf_section_parse((const char *)data, size);

	if (!l)
		return;
	through_section(l);
	conf_loaded_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && !memchr(data, '\0', size))
		as_file(data, size);
	as_section(data, size);
	return 0;
}
