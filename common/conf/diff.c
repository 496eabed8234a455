#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/loaded.h"

/* All entries of a map count as one key. */
static bool differs(const struct conf_loaded *a, const struct conf_loaded *b,
	const struct conf_key *k)
{
	size_t n_a = 0, n_b = 0;

	for (size_t i = 0; i < b->n; i++)
		n_b += b->entry[i].key == k;
	for (size_t i = 0; i < a->n; i++) {
		const struct conf_entry *x = &a->entry[i], *y;

		if (x->key != k)
			continue;
		n_a++;
		y = conf_entry_of(b, k, x->sub);
		if (!y || strcmp(x->text, y->text) != 0)
			return true;
	}
	return n_a != n_b;
}

static void refuse(const struct conf_key *k, const struct conf_loaded *old,
	const struct conf_loaded *new_, struct conf_issues *issues)
{
	static const struct conf_place nowhere = {.where = "default"};
	const struct conf_entry *was = conf_entry_of(old, k, NULL);
	const struct conf_entry *is = conf_entry_of(new_, k, NULL);
	char text[512];

	snprintf(text, sizeof text, "can't change while clusterd runs (it is %.200s); %s",
		was && *was->text ? conf_shown(k, was->text) : "not set",
		k->flags & CONF_STAMPED
			? "it is stamped into the data directory, see clusterd --rename"
			: "restart clusterd");
	conf_issue_add(issues, CONF_ERROR, is ? &is->place : &nowhere, k->name,
		is ? is->text : NULL, text);
}

size_t conf_diff(const struct conf_loaded *old, const struct conf_loaded *new_,
	struct conf_issues *issues)
{
	size_t n_hot = 0;

	for (size_t i = 0; i < conf_n_keys; i++) {
		const struct conf_key *k = &conf_key[i];

		if (!differs(old, new_, k))
			continue;
		if (k->flags & CONF_HOT)
			n_hot++;
		else
			refuse(k, old, new_, issues);
	}
	return n_hot;
}

void conf_diff_stamped(const struct conf_loaded *old, const struct conf_loaded *new_,
	struct conf_issues *issues)
{
	for (size_t i = 0; i < conf_n_keys; i++)
		if ((conf_key[i].flags & CONF_STAMPED) != 0 && differs(old, new_, &conf_key[i]))
			refuse(&conf_key[i], old, new_, issues);
}
