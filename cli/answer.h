#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H
/*
 * The first line that join, leave and force-leave print, in EMQX's words, from the daemon's result. Pure.
 * The codes are the daemon's (membership/control_command.c); one that is not in the table is shown as it is.
 */
#include "common/base/buf.h"
#include "common/ipc/ctl.h"

enum answer_kind { ANSWER_JOIN, ANSWER_LEAVE, ANSWER_FORCE_LEAVE };

/* Appends the line with its newline. asked: the node as the operator wrote it, for a result that names none. */
void answer_line(struct buf *out, enum answer_kind kind, const struct ctl_result *r,
	const char *asked);
/* What leave says first when it has switched discovery off. */
void answer_discovery_off(struct buf *out, const char *own_name);

#endif
