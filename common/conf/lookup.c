#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/conf/loaded.h"

static const char ssl_short[] = "cluster.etcd.ssl.", ssl_long[] = "cluster.etcd.ssl_options.";

void conf_normalise(const char *name, char out[CONF_NAME_MAX])
{
	char text[CONF_NAME_MAX];
	unsigned dots = 0;
	bool is_short;

	snprintf(text, sizeof text, "%s", name);
	for (char *p = text; *p && dots < 2; p++) {
		dots += *p == '.';
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	}
	is_short = !strncmp(text, ssl_short, sizeof ssl_short - 1);
	/* what is cut here is far longer than any key of the table */
	snprintf(out, CONF_NAME_MAX, "%s%.*s", is_short ? ssl_long : "", CONF_NAME_MAX - 32,
		text + (is_short ? sizeof ssl_short - 1 : 0));
}

/* Is name one of the blank-parted names in list? */
static bool among(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p && *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (strcspn(p, " ") == n && !memcmp(p, name, n))
			return true;
	return false;
}

const struct conf_key *conf_find(const char *name, const char **sub)
{
	*sub = NULL;
	for (size_t i = 0; i < conf_n_keys; i++) {
		const struct conf_key *k = &conf_key[i];
		size_t n = strlen(k->name);

		if (k->kind == CONF_MAP) {
			if (!strncmp(k->name, name, n) && name[n] == '.' && name[n + 1]) {
				*sub = name + n + 1;
				return k;
			}
		} else if (!strcmp(k->name, name) || among(k->alias, name)) {
			return k;
		}
	}
	return NULL;
}

int conf_find_foreign(const char *name)
{
	for (int i = 0; conf_foreign[i]; i++) {
		size_t n = strlen(conf_foreign[i]);

		if (!strncasecmp(conf_foreign[i], name, n) && (!name[n] || name[n] == '.'))
			return i;
	}
	return -1;
}

bool conf_known_root(const char *name)
{
	size_t n = strcspn(name, ".");

	for (size_t i = 0; i < conf_n_keys; i++)
		if (strcspn(conf_key[i].name, ".") == n && !strncmp(conf_key[i].name, name, n))
			return true;
	return false;
}

enum { SIMILAR_MAX = 64 };

/* Levenshtein's, one row at a time. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[SIMILAR_MAX + 1];
	size_t n = strlen(b);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = i;

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			unsigned best = diagonal + (a[i] != b[j]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = best;
		}
	}
	return row[n];
}

const char *conf_similar(const char *name)
{
	const char *best = NULL;
	unsigned least = 4; /* more slips than that make another word */

	if (strlen(name) > SIMILAR_MAX)
		return NULL;
	for (size_t i = 0; i < conf_n_keys; i++) {
		unsigned d = strlen(conf_key[i].name) <= SIMILAR_MAX
				     ? distance(name, conf_key[i].name)
				     : least;

		if (d < least) {
			least = d;
			best = conf_key[i].name;
		}
	}
	return best;
}

void conf_unknown_text(const char *name, char out[CONF_NAME_MAX])
{
	const char *similar = conf_similar(name);

	for (size_t i = 0; i < conf_n_keys; i++)
		if (conf_key[i].kind == CONF_MAP && !strcmp(conf_key[i].name, name)) {
			snprintf(out, CONF_NAME_MAX,
				"each entry is a key of its own: %s.NAME = value", name);
			return;
		}
	snprintf(out, CONF_NAME_MAX, "unknown key%s%s%s", similar ? "; did you mean " : "",
		similar ? similar : "", similar ? "?" : "");
}
