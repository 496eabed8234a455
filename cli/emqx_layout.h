#ifndef CLI_EMQX_LAYOUT_H
#define CLI_EMQX_LAYOUT_H
/*
 * `cluster status` as EMQX 5 prints it: the text of Erlang's ~p on
 * `#{running_nodes => [..],stopped_nodes => [..]}`, down to the last line break, and the two-space JSON of --json.
 * Pure: names in, bytes out. Scripts of EMQX's users read these bytes, so nothing here is a matter of taste.
 */
#include <stddef.h>

#include "common/base/buf.h"

struct emqx_names { /* borrowed, sorted by the caller */
	const char *const *item;
	size_t n;
};

/* Appends one atom: bare when it may be, else quoted and escaped (`'emqx@127.0.0.1'`). */
void emqx_atom(struct buf *out, const char *name);
/* Appends `Cluster status: #{…}` and a newline. */
void emqx_status(struct buf *out, struct emqx_names running, struct emqx_names stopped);
/* Appends the object of `cluster status --json` and a newline. */
void emqx_status_json(struct buf *out, struct emqx_names running, struct emqx_names stopped);

#endif
