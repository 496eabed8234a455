#ifndef COMMON_CONF_LOADED_H
#define COMMON_CONF_LOADED_H
/* What the parts of common/conf share: the texts behind a struct conf, and the context of a load. Not for others. */
#include "common/conf/conf.h"

enum conf_layer { LAYER_DEFAULT, LAYER_FILE, LAYER_ENV, LAYER_SET, LAYER_SECTION };

/* Where a value comes from. */
struct conf_place {
	enum conf_layer layer;
	const char *where;
	unsigned line;   /* 0: none */
	unsigned serial; /* of the file: twice in one is an error */
};

/* One key that has a value. A later layer replaces it. */
struct conf_entry {
	const struct conf_key *key;
	char *sub; /* of a map, else NULL */
	char *text;
	char *where;
	struct conf_place place; /* where: the member above */
	bool bad;                /* text is not to be used, and its error is told */
};

struct conf_loaded {
	struct conf values;
	struct conf_entry *entry; /* pointers to one are good until the next is put */
	size_t n;
};

struct conf_loader {
	struct conf_loaded *l;
	struct conf_issues *issues;
	const struct conf_sources *src;
	struct conf_place place; /* what is being read */
	bool *foreign_told;      /* one for each of conf_foreign[] */
};

/* ---- issue.c */
/* value may be NULL; it is masked for a secret key. */
void conf_issue_add(struct conf_issues *is, enum conf_severity severity,
	const struct conf_place *at, const char *key, const char *value, const char *text);
const char *conf_shown(const struct conf_key *k, const char *value);

/* ---- lookup.c */
enum { CONF_NAME_MAX = 320 };
/* The spelling of the table: first two parts in lower case, `cluster.etcd.ssl.` as ssl_options. Cuts what is too long. */
void conf_normalise(const char *name, char out[CONF_NAME_MAX]);
/* name normalised; *sub is set to the part behind a map's name (inside name), else to NULL. NULL: unknown. */
const struct conf_key *conf_find(const char *name, const char **sub);
/* Index in conf_foreign[] or -1. */
int conf_find_foreign(const char *name);
/* Is the first part one of ours? */
bool conf_known_root(const char *name);
/* The known key that looks most like name, or NULL. */
const char *conf_similar(const char *name);
void conf_unknown_text(const char *name, char out[CONF_NAME_MAX]);

/* ---- loaded.c */
struct conf_entry *conf_entry_find(struct conf_loaded *l, const struct conf_key *k,
	const char *sub);
const struct conf_entry *conf_entry_of(const struct conf_loaded *l, const struct conf_key *k,
	const char *sub);
/* The same by the address of the field: conf_entry_at(l, offsetof(struct conf, node.name)). NULL: no entry. */
const struct conf_entry *conf_entry_at(const struct conf_loaded *l, size_t offset);
/* Sets or replaces; takes text over (NULL: bad). */
struct conf_entry *conf_entry_put(struct conf_loaded *l, const struct conf_key *k,
	const char *sub, char *text, const struct conf_place *at);
/* Entries → values, and the entries into the table's order, those of a map sorted. Keys without one get "", 0 and empty. */
void conf_apply(struct conf_loaded *l);
/* Of discovery_strategy: the two derived fields. */
void conf_apply_strategies(struct conf *c);

/* ---- load.c */
void conf_error(struct conf_loader *ld, const char *key, const char *value, const char *text);
void conf_warn(struct conf_loader *ld, const char *key, const char *value, const char *text);
/* name as written; plain is the decoded value. ld->place says where it stands. */
void conf_put_plain(struct conf_loader *ld, const struct conf_key *k, const char *sub,
	const char *plain);
void conf_put_written(struct conf_loader *ld, const char *name, const char *written);
/* The text of one file; ld->place names it. n without a NUL inside. */
void conf_read_text(struct conf_loader *ld, const char *text, size_t n);

/* ---- env.c */
void conf_read_environment(struct conf_loader *ld);

/* ---- file.c: the file, then conf.d beside it */
void conf_read_files(struct conf_loader *ld);
/*
 * A whole regular file of at most max bytes, with a NUL behind; the caller frees *text. others: whether anybody may read
 * it (may be NULL). 0 or -errno: -EFBIG when it is longer.
 */
int conf_slurp(const char *path, size_t max, char **text, size_t *n, bool *others);

/* ---- finish.c: defaults, the cookie's file, what follows from other keys, and what must fit together */
void conf_finish(struct conf_loader *ld);

/* ---- cross.c */
void conf_cross_check(struct conf_loader *ld);

#endif
