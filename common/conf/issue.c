#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/conf/loaded.h"

enum { SHOWN_MAX = 160 };

void conf_issue_add(struct conf_issues *is, enum conf_severity severity,
	const struct conf_place *at, const char *key, const char *value, const char *text)
{
	const char *unused;
	const struct conf_key *k = conf_find(key, &unused);

	is->n_errors += severity == CONF_ERROR;
	if (is->n == CONF_ISSUES_MAX)
		return;
	is->item = xrealloc(is->item, is->n + 1, sizeof *is->item);
	is->item[is->n++] = (struct conf_issue){
		.severity = severity,
		.where = xstrdup(at->where),
		.line = at->line,
		.key = xstrdup(key),
		.value = value ? xstrdup(k ? conf_shown(k, value) : value) : NULL,
		.text = xstrdup(text),
	};
}

const char *conf_shown(const struct conf_key *k, const char *value)
{
	return k->flags & CONF_SECRET && *value ? "******" : value;
}

void conf_issues_free(struct conf_issues *is)
{
	for (size_t i = 0; i < is->n; i++) {
		free(is->item[i].where);
		free(is->item[i].key);
		free(is->item[i].value);
		free(is->item[i].text);
	}
	free(is->item);
	*is = (struct conf_issues){0};
}

/* Text from a configuration on its way to a terminal: log_quote()'s escapes, less the quotes and those of quotes. */
static void unquoted(char *out, size_t cap, const char *s)
{
	char *to = out;

	log_quote(out, cap, s, strlen(s));
	for (const char *p = out + 1; p[1]; p++) {
		if (p[0] == '\\' && p[1] != '"')
			*to++ = *p++;
		else if (p[0] == '\\')
			p++;
		*to++ = *p;
	}
	*to = '\0';
}

char *conf_issue_format(const struct conf_issue *i, char *out, size_t cap)
{
	char where[SHOWN_MAX * 2], key[SHOWN_MAX * 2], value[SHOWN_MAX], text[SHOWN_MAX * 4];
	char line[16] = "";

	unquoted(where, sizeof where, i->where);
	unquoted(key, sizeof key, i->key);
	unquoted(text, sizeof text, i->text);
	if (i->line)
		snprintf(line, sizeof line, ":%u", i->line);
	value[0] = '\0';
	if (i->value)
		log_quote(value, sizeof value, i->value, strlen(i->value));
	snprintf(out, cap, "%s%s: %s%s%s%s%s", where, line, key, *key && *value ? " = " : "",
		value, *key || *value ? ": " : "", text);
	return out;
}
