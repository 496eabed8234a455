#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/conf/value.h"

static void *field(struct conf *c, const struct conf_key *k)
{
	return (char *)c + k->offset;
}

static void clear_list(struct conf_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i]);
	free(l->item);
	*l = (struct conf_list){0};
}

static void clear_map(struct conf_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->item[i].key);
		free(m->item[i].value);
	}
	free(m->item);
	*m = (struct conf_map){0};
}

void value_clear(struct conf *c, const struct conf_key *k)
{
	if (k->kind == CONF_STR) {
		char **s = field(c, k);

		free(*s);
		*s = NULL;
	} else if (k->kind == CONF_LIST) {
		clear_list(field(c, k));
	} else if (k->kind == CONF_MAP) {
		clear_map(field(c, k));
	}
}

static void store_list(struct conf_list *l, const char *text)
{
	clear_list(l);
	while (*text) {
		size_t n = strcspn(text, ",");

		l->item = xrealloc(l->item, l->n + 1, sizeof *l->item);
		l->item[l->n] = xcalloc(n + 1, 1);
		memcpy(l->item[l->n++], text, n);
		text += n + (text[n] == ',');
	}
}

static void store_entry(struct conf_map *m, const char *name, const char *text)
{
	size_t i = 0;

	while (i < m->n && strcmp(m->item[i].key, name) < 0)
		i++;
	if (i < m->n && !strcmp(m->item[i].key, name)) {
		free(m->item[i].value);
		m->item[i].value = xstrdup(text);
		return;
	}
	m->item = xrealloc(m->item, m->n + 1, sizeof *m->item);
	memmove(&m->item[i + 1], &m->item[i], (m->n - i) * sizeof *m->item);
	m->item[i] = (struct conf_pair){xstrdup(name), xstrdup(text)};
	m->n++;
}

static unsigned choice_index(const struct conf_key *k, const char *text)
{
	size_t n = strlen(text);

	for (unsigned i = 0; k->choice[i]; i++)
		if (strcspn(k->choice[i], "|") == n && !strncmp(k->choice[i], text, n))
			return i;
	return 0;
}

void value_store(struct conf *c, const struct conf_key *k, const char *sub, const char *text)
{
	void *at = field(c, k);
	int rc = 0;

	switch (k->kind) {
	case CONF_STR:
		value_clear(c, k);
		*(char **)at = xstrdup(text);
		break;
	case CONF_BOOL:
		*(bool *)at = !strcmp(text, "true");
		break;
	case CONF_UINT:
	case CONF_SIZE:
		*(uint64_t *)at = strtoull(text, NULL, 10);
		break;
	case CONF_DURATION:
		rc = *text ? duration_parse(text, 1, at) : (*(uint64_t *)at = 0, 0);
		break;
	case CONF_ENUM:
		*(unsigned *)at = choice_index(k, text);
		break;
	case CONF_LIST:
		store_list(at, text);
		break;
	case CONF_MAP:
		store_entry(at, sub, text);
		break;
	}
	assert(rc == 0); /* value_canon() wrote it */
}
