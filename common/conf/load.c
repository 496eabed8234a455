#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/conf/block.h"
#include "common/conf/check.h"
#include "common/conf/loaded.h"
#include "common/conf/value.h"

struct reading {
	struct conf_loader *ld;
	struct block block;
};

void conf_error(struct conf_loader *ld, const char *key, const char *value, const char *text)
{
	conf_issue_add(ld->issues, CONF_ERROR, &ld->place, key, value, text);
}

void conf_warn(struct conf_loader *ld, const char *key, const char *value, const char *text)
{
	conf_issue_add(ld->issues, CONF_WARNING, &ld->place, key, value, text);
}

static void put_name(char name[CONF_NAME_MAX], const struct conf_key *k, const char *sub)
{
	snprintf(name, CONF_NAME_MAX, "%s%s%s", k->name, sub ? "." : "", sub ? sub : "");
}

void conf_put_plain(struct conf_loader *ld, const struct conf_key *k, const char *sub,
	const char *plain)
{
	char why[VALUE_WHY_MAX], name[CONF_NAME_MAX], text[128];
	struct conf_entry *before = conf_entry_find(ld->l, k, sub);
	const char *allowed;
	char *canon = NULL;

	put_name(name, k, sub);
	if (before && before->place.layer == LAYER_FILE && ld->place.layer == LAYER_FILE &&
		before->place.serial == ld->place.serial) {
		snprintf(text, sizeof text, "is already set in line %u of this file",
			before->place.line);
		conf_error(ld, name, plain, text);
		return;
	}
	if (sub && k->check_name(sub, &allowed))
		conf_error(ld, name, plain, allowed);
	else if (value_canon(k, plain, &canon, why))
		conf_error(ld, name, plain, why);
	conf_entry_put(ld->l, k, sub, canon, &ld->place);
}

static void unknown_key(struct conf_loader *ld, const char *name, const char *value)
{
	const char *similar = conf_similar(name), *sub;
	const struct conf_key *meant = similar ? conf_find(similar, &sub) : NULL;
	char text[CONF_NAME_MAX];

	conf_unknown_text(name, text);
	conf_error(ld, name, meant ? conf_shown(meant, value) : value, text);
}

void conf_put_written(struct conf_loader *ld, const char *written_name, const char *written)
{
	char name[CONF_NAME_MAX];
	const struct conf_key *k;
	const char *sub, *wrong;
	char *plain;

	conf_normalise(written_name, name);
	k = conf_find(name, &sub);
	if (!k) {
		unknown_key(ld, name, written);
		return;
	}
	if (value_decode(k->kind, written, &plain, &wrong)) {
		conf_error(ld, name, written, wrong);
		conf_entry_put(ld->l, k, sub, NULL, &ld->place);
		return;
	}
	conf_put_plain(ld, k, sub, plain);
	free(plain);
}

static bool on_skip(void *ctx, unsigned line, const char *written_name)
{
	struct reading *r = ctx;
	char name[CONF_NAME_MAX];
	int i;

	conf_normalise(written_name, name);
	i = conf_find_foreign(name);
	if (i < 0)
		return false;
	if (!r->ld->foreign_told[i]) {
		r->ld->foreign_told[i] = true;
		r->ld->place.line = line;
		conf_warn(r->ld, conf_foreign[i], NULL,
			"belongs to EMQX and means nothing to clusterd; skipped");
	}
	return true;
}

static void on_error(void *ctx, unsigned line, const char *key, const char *text)
{
	struct reading *r = ctx;

	r->ld->place.line = line;
	conf_error(r->ld, key, NULL, text);
}

/* The value is the reader's: inih has not seen it. */
static int on_pair(void *ctx, const char *section, const char *name, const char *empty)
{
	struct reading *r = ctx;
	char full[BLOCK_SECTION_MAX + BLOCK_KEY_MAX + 2];

	(void)empty;
	snprintf(full, sizeof full, "%s%s%s", section, *section ? "." : "", name);
	r->ld->place.line = r->block.start_line;
	conf_put_written(r->ld, full, r->block.value);
	return 1;
}

void conf_read_text(struct conf_loader *ld, const char *text, size_t n)
{
	struct reading *r = xcalloc(1, sizeof *r);
	const struct block_hooks hooks = {.skip = on_skip, .error = on_error, .ctx = r};

	r->ld = ld;
	block_init(&r->block, text, n, &hooks);
	if (ini_parse_stream(block_read, &r->block, on_pair, r)) {
		/* The reader gives out nothing that inih refuses; were it to, the file must not count as read. */
		ld->place.line = r->block.line;
		conf_error(ld, r->block.key, NULL, "expected `key = value`");
	}
	explicit_bzero(r->block.value, sizeof r->block.value);
	free(r);
	ld->place.line = 0;
}

static void read_set(struct conf_loader *ld)
{
	ld->place = (struct conf_place){.layer = LAYER_SET, .where = "--set"};
	for (size_t i = 0; i < ld->src->n_set; i++) {
		const char *pair = ld->src->set[i], *equals = strchr(pair, '=');
		char name[CONF_NAME_MAX], normal[CONF_NAME_MAX];
		const struct conf_key *k;
		const char *sub;

		snprintf(name, sizeof name, "%.*s", (int)(equals ? equals - pair : 0), pair);
		conf_normalise(name, normal);
		k = conf_find(normal, &sub);
		if (!equals || equals - pair >= CONF_NAME_MAX - 64)
			conf_error(ld, "", pair, "--set wants key=value");
		else if (k && k->flags & CONF_SECRET)
			conf_error(ld, normal, equals + 1,
				"everybody can see what is on a command line (ps); use the configuration "
				"file, file:///path (node.cookie) or the environment");
		else
			conf_put_written(ld, name, equals + 1);
	}
}

struct conf_loaded *conf_load(const struct conf_sources *src, struct conf_issues *issues)
{
	struct conf_loaded *l = xcalloc(1, sizeof *l);
	struct conf_loader ld = {.l = l, .issues = issues, .src = src};
	size_t n = 0;

	while (conf_foreign[n])
		n++;
	ld.foreign_told = xcalloc(n, sizeof *ld.foreign_told);
	if (src->file)
		conf_read_files(&ld);
	if (src->environ_)
		conf_read_environment(&ld);
	read_set(&ld);
	conf_finish(&ld);
	free(ld.foreign_told);
	return l;
}
