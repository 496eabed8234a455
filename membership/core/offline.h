#ifndef MEMBERSHIP_CORE_OFFLINE_H
#define MEMBERSHIP_CORE_OFFLINE_H
/* Edits of a stopped node's stored state: `clusterd --rename` and `--new-identity`. Pure, like the core. */
#include "membership/core/core.h"

enum core_offline_kind {
	CORE_OFFLINE_RENAME, /* the directory was moved: keeps node id, membership and data, takes conf's node name */
	CORE_OFFLINE_NEW_IDENTITY, /* the directory was copied: forgets everything, so that the next start draws new ids */
};

struct core_sink {
	void (*put)(void *ctx, const struct core_write *w);
	void *ctx;
};

/*
 * Reads stored and hands the changed keys to sink->put(), to be written as one transaction. 0, or -EINVAL with a message for
 * the operator in err and nothing put.
 */
int core_offline(enum core_offline_kind kind, const struct core_conf *conf,
	const struct core_stored *stored, const struct core_sink *sink, char *err, size_t cap);

#endif
