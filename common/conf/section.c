#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/conf/check.h"
#include "common/conf/loaded.h"
#include "common/conf/value.h"

static void put_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			buf_str(out, "\\n");
		else if (*s == '\\')
			buf_str(out, "\\\\");
		else
			buf_put(out, s, 1);
	}
}

void conf_section(const struct conf_loaded *l, unsigned role, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct conf_entry *e = &l->entry[i];

		if (!(e->key->roles & role) || e->bad)
			continue;
		buf_str(out, e->key->name);
		if (e->sub)
			buf_printf(out, ".%s", e->sub);
		buf_str(out, "=");
		put_escaped(out, e->text);
		buf_str(out, "\n");
	}
}

/* Undoes put_escaped() in place. False: it was not it that wrote this. */
static bool unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s != '\\') {
			*to++ = *s;
			continue;
		}
		s++;
		if (*s != 'n' && *s != '\\')
			return false;
		*to++ = *s == 'n' ? '\n' : '\\';
	}
	*to = '\0';
	return true;
}

/* What is allowed in a section is the canonical text, byte for byte; derived keys may be longer than what users write. */
static bool put_line(struct conf_loaded *l, char *line, const struct conf_place *at)
{
	char why[VALUE_WHY_MAX], *value = strchr(line, '='), *text = NULL;
	const struct conf_key *k;
	const char *sub, *unused;
	bool ok;

	if (!value)
		return false;
	*value++ = '\0';
	k = conf_find(line, &sub);
	if (!k || (!sub && strcmp(k->name, line) != 0) || !unescape(value) ||
		conf_entry_of(l, k, sub) || (sub && k->check_name(sub, &unused)))
		return false;
	ok = !value_canon(k, value, &text, why) && !strcmp(text, value);
	if (!ok) {
		free(text);
		return false;
	}
	conf_entry_put(l, k, sub, text, at);
	return true;
}

struct conf_loaded *conf_section_parse(const char *text, size_t n)
{
	const struct conf_place at = {.layer = LAYER_SECTION, .where = "supervisor"};
	struct conf_loaded *l = xcalloc(1, sizeof *l);
	char *copy = xcalloc(n + 1, 1), *p = copy;
	bool ok;

	if (n)
		memcpy(copy, text, n);
	ok = !memchr(copy, '\0', n) && (!n || copy[n - 1] == '\n');
	while (ok && *p) {
		char *end = strchr(p, '\n');

		*end = '\0';
		ok = put_line(l, p, &at);
		p = end + 1;
	}
	explicit_bzero(copy, n);
	free(copy);
	if (!ok) {
		conf_loaded_free(l);
		return NULL;
	}
	conf_apply(l);
	return l;
}
