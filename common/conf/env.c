#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/conf/loaded.h"
#include "common/conf/value.h"

/*
 * EMQX_CLUSTER__STATIC__SEEDS and the same with CLUSTERD_, which wins. What has no root of ours (CLUSTERD_SOCKET,
 * EMQX_HOST, another part of EMQX) is not meant for us, nor what is only a root (CLUSTERD_NODE in a hook).
 */
struct prefix {
	const char *text;
	enum conf_severity unknown; /* how bad an unknown key is */
};

static const struct prefix prefixes[] = {{"EMQX_", CONF_WARNING}, {"CLUSTERD_", CONF_ERROR}};

/* Names with one underscore that EMQX has always had; they win over the long form. */
static const struct {
	const char *name, *key;
} short_names[] = {{"NODE_NAME", "node.name"}, {"NODE_COOKIE", "node.cookie"}};
enum { N_SHORT = sizeof short_names / sizeof *short_names };

enum pass { PASS_WHOLE, PASS_ITEMS, PASS_SHORT };

struct var {
	char name[CONF_NAME_MAX]; /* of the variable */
	char key[CONF_NAME_MAX]; /* dotted; empty when the variable's name is too long for any key */
	unsigned long index; /* of a list's item, from 1; 0: the whole value */
	enum pass pass;
	const char *value;
};

static int parse_index(const char *s, unsigned long *out)
{
	if (!*s || s[strspn(s, "0123456789")] || strlen(s) > 5)
		return -EINVAL;
	*out = strtoul(s, NULL, 10);
	return *out ? 0 : -EINVAL;
}

/* `A__B_C__1` → `a.b_c.1`; empty parts are dropped. */
static void dotted(const char *s, char *out, size_t cap)
{
	size_t n = 0;

	while (*s && n + 2 < cap) {
		if (s[0] == '_' && s[1] == '_') {
			s += 2;
			if (n && out[n - 1] != '.')
				out[n++] = '.';
			continue;
		}
		out[n++] = (char)(*s >= 'A' && *s <= 'Z' ? *s + ('a' - 'A') : *s);
		s++;
	}
	while (n && out[n - 1] == '.')
		n--;
	out[*s ? 0 : n] = '\0';
}

/* Takes `NAME=value` apart. False: not with this prefix. */
static bool parse_var(const char *pair, const struct prefix *prefix, struct var *v)
{
	const char *equals = strchr(pair, '=');
	size_t n = strlen(prefix->text), len;
	const struct conf_key *k;
	const char *sub;
	char *dot;

	*v = (struct var){.pass = PASS_WHOLE};
	len = equals ? (size_t)(equals - pair) : 0;
	if (len <= n || strncmp(pair, prefix->text, n) != 0 || len >= sizeof v->name)
		return false;
	memcpy(v->name, pair, len);
	v->value = equals + 1;
	for (unsigned i = 0; i < N_SHORT; i++)
		if (!strcmp(v->name + n, short_names[i].name)) {
			snprintf(v->key, sizeof v->key, "%s", short_names[i].key);
			v->pass = PASS_SHORT;
			return true;
		}
	dotted(v->name + n, v->key, sizeof v->key);
	dot = strrchr(v->key, '.');
	if (!dot || parse_index(dot + 1, &v->index))
		return true;
	*dot = '\0';
	k = conf_find(v->key, &sub);
	if (k && k->kind == CONF_LIST) {
		v->pass = PASS_ITEMS;
		return true;
	}
	*dot = '.';
	v->index = 0;
	return true;
}

/* A value may still carry the quotes that a shell would have taken away (docker's --env-file, a unit's file). */
static char *unquoted(const char *s)
{
	size_t n = strlen(s);
	bool quoted = n >= 2 && s[0] == '\'' && s[n - 1] == '\'';
	char *copy = xstrdup(quoted ? s + 1 : s);

	if (quoted)
		copy[n - 2] = '\0';
	return copy;
}

/* As EMQX does: what can't be parsed is taken as it is. */
static void put_value(struct conf_loader *ld, const struct conf_key *k, const char *sub,
	const char *value)
{
	char *written = unquoted(value), *plain;
	const char *wrong;

	if (value_decode(k->kind, written, &plain, &wrong) != 0)
		plain = xstrdup(written);
	conf_put_plain(ld, k, sub, plain);
	free(plain);
	free(written);
}

/* Item v->index of a list replaces the one that is there or comes behind the last. */
static void put_item(struct conf_loader *ld, const struct conf_key *k, const struct var *v)
{
	const struct conf_entry *e = conf_entry_of(ld->l, k, NULL);
	char *written = unquoted(v->value), *item;
	const char *old = e && !e->bad ? e->text : "", *wrong;
	unsigned long i = 1;
	struct buf list = {0};
	bool done = false;

	if (value_decode(CONF_STR, written, &item, &wrong) != 0)
		item = xstrdup(written);
	for (; *old; i++) {
		size_t n = strcspn(old, ",");

		if (list.n)
			buf_str(&list, ",");
		if (i == v->index)
			buf_str(&list, item);
		else
			buf_put(&list, old, n);
		done |= i == v->index;
		old += n + (old[n] == ',');
	}
	if (!done && i == v->index)
		buf_printf(&list, "%s%s", list.n ? "," : "", item);
	buf_put(&list, "", 1);
	if (!done && i != v->index)
		conf_error(ld, k->name, v->value, "there is no item before this one");
	else if (!*item || item[strcspn(item, ", ")])
		conf_error(ld, k->name, v->value, "one item only, without commas and blanks");
	else
		conf_put_plain(ld, k, NULL, (const char *)list.p);
	buf_free(&list);
	free(item);
	free(written);
}

static void put_var(struct conf_loader *ld, const struct prefix *prefix, const struct var *v)
{
	const struct conf_key *k;
	const char *sub;
	char key[CONF_NAME_MAX], text[CONF_NAME_MAX];

	ld->place = (struct conf_place){.layer = LAYER_ENV, .where = v->name};
	conf_normalise(v->key, key);
	k = conf_find(key, &sub);
	if (k && v->pass == PASS_ITEMS) {
		put_item(ld, k, v);
	} else if (k) {
		put_value(ld, k, sub, v->value);
	} else if (strchr(key, '.') && conf_known_root(key) && conf_find_foreign(key) < 0) {
		conf_unknown_text(key, text);
		conf_issue_add(ld->issues, prefix->unknown, &ld->place, key, NULL, text);
	}
}

static int by_index(const void *a, const void *b)
{
	const struct var *x = a, *y = b;

	if (x->pass != y->pass)
		return x->pass < y->pass ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static void read_prefix(struct conf_loader *ld, const struct prefix *prefix)
{
	struct var *vars = NULL, v;
	size_t n = 0;

	for (char *const *e = ld->src->environ_; *e; e++) {
		if (!parse_var(*e, prefix, &v))
			continue;
		vars = xrealloc(vars, n + 1, sizeof *vars);
		vars[n++] = v;
	}
	if (n)
		qsort(vars, n, sizeof *vars, by_index);
	for (size_t i = 0; i < n; i++)
		put_var(ld, prefix, &vars[i]);
	free(vars);
}

void conf_read_environment(struct conf_loader *ld)
{
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		read_prefix(ld, &prefixes[i]);
}
