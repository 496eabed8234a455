#ifndef TEST_UNIT_CONF_HELP_H
#define TEST_UNIT_CONF_HELP_H
/* Loads configurations for the tests of common/conf, and finds what was complained about. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/conf.h"

#define COOKIE_ENV "CLUSTERD_NODE__COOKIE=cookie-of-the-unit-tests"

struct help {
	struct conf_loaded *l;
	struct conf_issues is;
	const struct conf *c;
};

static inline void help_free(struct help *h)
{
	conf_loaded_free(h->l);
	conf_issues_free(&h->is);
}

static inline void help_print(const struct help *h)
{
	char line[2048];

	for (size_t i = 0; i < h->is.n; i++)
		fprintf(stderr, "%s\n", conf_issue_format(&h->is.item[i], line, sizeof line));
}

/* env: NULL-terminated, or NULL for the cookie alone. */
static inline struct help help_load(const char *file, const char *const *env,
	const char *const *set, size_t n_set)
{
	static const char *const cookie_only[] = {COOKIE_ENV, NULL};
	char *list[16];
	size_t n = 0;
	struct help h = {0};
	struct conf_sources src = {.file = file, .environ_ = list, .set = set, .n_set = n_set};

	for (const char *const *e = env ? env : cookie_only; *e; e++)
		list[n++] = strdup(*e);
	list[n] = NULL;
	h.l = conf_load(&src, &h.is);
	h.c = conf_values(h.l);
	while (n)
		free(list[--n]);
	return h;
}

/* The issue whose formatted line holds all of `part`, or NULL. */
static inline const struct conf_issue *help_find(const struct help *h, const char *part)
{
	char line[2048];

	for (size_t i = 0; i < h->is.n; i++)
		if (strstr(conf_issue_format(&h->is.item[i], line, sizeof line), part))
			return &h->is.item[i];
	return NULL;
}

static inline void help_want(const struct help *h, const char *part)
{
	if (!help_find(h, part))
		help_print(h);
	ck_assert_msg(help_find(h, part) != NULL, "nobody said: %s", part);
}

static inline void help_ok(const struct help *h)
{
	if (h->is.n_errors)
		help_print(h);
	ck_assert_uint_eq(h->is.n_errors, 0);
}

static inline void help_write(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

/* A list's items joined by blanks. */
static inline const char *help_joined(const struct conf_list *l)
{
	static char out[4096];

	out[0] = '\0';
	for (size_t i = 0; i < l->n; i++)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", i ? " " : "",
			l->item[i]);
	return out;
}

#endif
