#ifndef DOCS_TABLES_H
#define DOCS_TABLES_H
/*
 * The generated parts of the documentation: loops over the tables that the programs themselves run on. A page has, in
 * Markdown, `<!-- generated: NAME -->` … `<!-- end -->`, in mdoc `.\" generated: NAME` … `.\" end`; what stands between
 * is this program's. A build-time tool: nothing of it is installed.
 */
#include "common/base/buf.h"

struct section {
	const char *name;
	void (*put)(struct buf *out);
};

/* Ends with a NULL name. */
extern const struct section md_sections[];
extern const struct section man_sections[];

/* What man pages and Markdown say alike of a key: "duration", "100ms to 1h", "lan, fast, wan"; "" where there is nothing to say. */
struct conf_key;
const char *key_kind(const struct conf_key *k);
void key_range(struct buf *out, const struct conf_key *k);

#endif
