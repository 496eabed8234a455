/* tables [--check] FILE...: rewrites the generated parts of pages, or says which are stale and exits with 1. */
#include "docs/tables.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/exit_code.h"

static const struct marks {
	const char *begin, *begin_end, *end;
	const struct section *sections;
} all_marks[] = {
	{"<!-- generated: ", " -->\n", "<!-- end -->\n", md_sections},
	{".\\\" generated: ", "\n", ".\\\" end\n", man_sections},
};
enum { N_MARKS = sizeof all_marks / sizeof all_marks[0] };

/* The page as text, to be freed; NULL with errno. */
static char *read_page(const char *path)
{
	struct buf text = {0};
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return NULL;
	while (!feof(f) && !ferror(f))
		text.n += fread(buf_reserve(&text, 4096), 1, 4096, f);
	if (ferror(f)) {
		buf_free(&text);
		errno = EIO;
	} else {
		buf_put(&text, "", 1);
	}
	(void)fclose(f);
	return (char *)text.p;
}

static int write_page(const char *path, const struct buf *page)
{
	FILE *f = fopen(path, "w");
	bool whole;

	if (f == NULL)
		return -errno;
	whole = fwrite(page->p, 1, page->n, f) == page->n;
	return fclose(f) == 0 && whole ? 0 : -EIO;
}

static const struct section *find(const struct section *s, const char *name, size_t n)
{
	for (; s->name != NULL; s++)
		if (strlen(s->name) == n && memcmp(s->name, name, n) == 0)
			return s;
	return NULL;
}

struct place { /* of one generated part in a page */
	const struct section *section;
	const char *from, *to;
};

/* The first one at or behind text. 1, 0: none, -EINVAL: a mark that makes no sense. */
static int next_place(const char *text, struct place *p)
{
	const struct marks *m = NULL;
	const char *at = NULL, *name, *name_end;

	for (int i = 0; i < N_MARKS; i++) {
		const char *here = strstr(text, all_marks[i].begin);

		if (here != NULL && (at == NULL || here < at)) {
			at = here;
			m = &all_marks[i];
		}
	}
	if (m == NULL)
		return 0;
	name = at + strlen(m->begin);
	name_end = strstr(name, m->begin_end);
	if (name_end == NULL)
		return -EINVAL;
	p->section = find(m->sections, name, (size_t)(name_end - name));
	p->from = name_end + strlen(m->begin_end);
	p->to = strstr(p->from, m->end);
	return p->section != NULL && p->to != NULL ? 1 : -EINVAL;
}

/* The page as it should be. The number of stale parts, each named when tell is on, or -EINVAL. */
static int renew(const char *path, const char *text, bool tell, struct buf *out)
{
	int stale = 0, rc;
	struct place p;

	while ((rc = next_place(text, &p)) == 1) {
		struct buf part = {0};

		p.section->put(&part);
		if (part.n != (size_t)(p.to - p.from) || memcmp(part.p, p.from, part.n) != 0) {
			stale++;
			if (tell)
				fprintf(stderr, "%s: stale: %s; run `make docs`\n", path,
					p.section->name);
		}
		buf_put(out, text, (size_t)(p.from - text));
		buf_put(out, part.p, part.n);
		buf_free(&part);
		text = p.to;
	}
	buf_str(out, text);
	return rc < 0 ? rc : stale;
}

/* 0, or not: stale, or told why not. */
static int do_page(const char *path, bool check)
{
	struct buf out = {0};
	char *text = read_page(path);
	int rc;

	if (text == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	rc = renew(path, text, check, &out);
	if (rc < 0) {
		fprintf(stderr, "%s: a mark without end, or of an unknown part\n", path);
	} else if (rc > 0 && !check) {
		rc = write_page(path, &out);
		if (rc < 0)
			fprintf(stderr, "%s: %s\n", path, strerror(-rc));
	}
	free(text);
	buf_free(&out);
	return rc;
}

int main(int argc, char **argv)
{
	bool check = argc > 1 && strcmp(argv[1], "--check") == 0, bad = false;

	if (argc < (check ? 3 : 2)) {
		fprintf(stderr, "usage: tables [--check] FILE...\n");
		return EXIT_USAGE;
	}
	for (int i = check ? 2 : 1; i < argc; i++)
		bad |= do_page(argv[i], check) != 0;
	return bad ? EXIT_FAILED : EXIT_OK;
}
