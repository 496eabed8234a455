#ifndef COMMON_BASE_KVLINE_H
#define COMMON_BASE_KVLINE_H
/*
 * The format of `clusterctl kv export`, of backups and of keys in lists: one key a line, fields parted by a tab, in the
 * escapes of PostgreSQL's COPY: \t \n \r \\, \xHH for other bytes that are no printable UTF-8, \N for a deletion.
 * Fields: key, the value that readers see, then, where the key is in conflict, the other values. Binary-safe, sorted by
 * key, without anything that differs between nodes: equal data gives equal bytes. The first line is KVLINE_HEADER.
 */
#include <stdbool.h>

#include "common/base/buf.h"

#define KVLINE_HEADER "# clusterd kv 1\n"

enum { KVLINE_FIELDS_MAX = 66 };

struct kvline_field {
	const uint8_t *p; /* NULL: \N */
	size_t n;
};

/* Appends one field in its escapes. */
void kvline_field(struct buf *out, const void *p, size_t n);
/* Appends one line with its newline. */
void kvline_put(struct buf *out, const struct kvline_field *field, size_t n);
/*
 * Takes one line (without its newline) apart; the fields' bytes are put into store, which is emptied first and must
 * outlive them. Returns their number, or -EINVAL with what is wrong in *why (static).
 */
int kvline_get(const char *line, size_t n, struct buf *store,
	struct kvline_field field[KVLINE_FIELDS_MAX], const char **why);

#endif
