#include "common/conf/loaded.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/conf/value.h"

static size_t find(const struct conf_loaded *l, const struct conf_key *k, const char *sub)
{
	size_t i = 0;

	while (i < l->n && (l->entry[i].key != k || (sub && strcmp(l->entry[i].sub, sub) != 0)))
		i++;
	return i;
}

struct conf_entry *conf_entry_find(struct conf_loaded *l, const struct conf_key *k,
	const char *sub)
{
	size_t i = find(l, k, sub);

	return i < l->n ? &l->entry[i] : NULL;
}

const struct conf_entry *conf_entry_of(const struct conf_loaded *l, const struct conf_key *k,
	const char *sub)
{
	size_t i = find(l, k, sub);

	return i < l->n ? &l->entry[i] : NULL;
}

const struct conf_entry *conf_entry_at(const struct conf_loaded *l, size_t offset)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->entry[i].key->offset == offset)
			return &l->entry[i];
	return NULL;
}

struct conf_entry *conf_entry_put(struct conf_loaded *l, const struct conf_key *k,
	const char *sub, char *text, const struct conf_place *at)
{
	struct conf_entry *e = conf_entry_find(l, k, sub);

	if (!e) {
		l->entry = xrealloc(l->entry, l->n + 1, sizeof *l->entry);
		e = &l->entry[l->n++];
		*e = (struct conf_entry){.key = k, .sub = sub ? xstrdup(sub) : NULL};
	}
	free(e->text);
	free(e->where);
	e->text = text ? text : xstrdup("");
	e->bad = !text;
	e->where = xstrdup(at->where);
	e->place = *at;
	e->place.where = e->where;
	return e;
}

void conf_apply_strategies(struct conf *c)
{
	static const struct {
		const char *name;
		unsigned bit;
	} auto_strategy[] = {
		{"static", STRATEGY_STATIC},
		{"dns", STRATEGY_DNS},
		{"etcd", STRATEGY_ETCD},
		{"k8s", STRATEGY_K8S},
	};
	const struct conf_list *l = &c->cluster.discovery_strategy;

	c->cluster.strategies = 0;
	c->cluster.discovery = DISCOVERY_MANUAL;
	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(l->item[i], "singleton"))
			c->cluster.discovery = DISCOVERY_SINGLETON;
		for (size_t k = 0; k < sizeof auto_strategy / sizeof *auto_strategy; k++)
			if (!strcmp(l->item[i], auto_strategy[k].name))
				c->cluster.strategies |= auto_strategy[k].bit;
	}
	if (c->cluster.strategies)
		c->cluster.discovery = DISCOVERY_AUTO;
}

static int by_key(const void *a, const void *b)
{
	const struct conf_entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->sub && y->sub ? strcmp(x->sub, y->sub) : 0;
}

void conf_apply(struct conf_loaded *l)
{
	if (l->n)
		qsort(l->entry, l->n, sizeof *l->entry, by_key);
	for (size_t i = 0; i < conf_n_keys; i++) {
		value_clear(&l->values, &conf_key[i]);
		if (conf_key[i].kind != CONF_MAP)
			value_store(&l->values, &conf_key[i], NULL, "");
	}
	for (size_t i = 0; i < l->n; i++)
		if (!l->entry[i].bad)
			value_store(&l->values, l->entry[i].key, l->entry[i].sub,
				l->entry[i].text);
	conf_apply_strategies(&l->values);
}

void conf_loaded_free(struct conf_loaded *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < conf_n_keys; i++)
		value_clear(&l->values, &conf_key[i]);
	for (size_t i = 0; i < l->n; i++) {
		/* a secret does not stay in freed memory */
		explicit_bzero(l->entry[i].text, strlen(l->entry[i].text));
		free(l->entry[i].sub);
		free(l->entry[i].text);
		free(l->entry[i].where);
	}
	free(l->entry);
	free(l);
}

const struct conf *conf_values(const struct conf_loaded *l)
{
	return &l->values;
}

void conf_each(const struct conf_loaded *l, bool reveal, conf_visit *visit, void *ctx)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct conf_entry *e = &l->entry[i];
		struct buf name = {0}, origin = {0};

		buf_str(&name, e->key->name);
		if (e->sub)
			buf_printf(&name, ".%s", e->sub);
		buf_put(&name, "", 1);
		buf_str(&origin, e->where);
		if (e->place.line)
			buf_printf(&origin, ":%u", e->place.line);
		buf_put(&origin, "", 1);
		visit(ctx, e->key, (const char *)name.p,
			reveal ? e->text : conf_shown(e->key, e->text), (const char *)origin.p);
		buf_free(&name);
		buf_free(&origin);
	}
}
