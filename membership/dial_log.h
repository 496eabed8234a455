#ifndef MEMBERSHIP_DIAL_LOG_H
#define MEMBERSHIP_DIAL_LOG_H
/*
 * What becomes of our own dials, for the log: the core tries again and again, an operator wants to read it once. A line
 * when a target fails, when it fails for another reason, and after ten minutes of the same. Bounded.
 */
#include "membership/shell.h"

struct dial_log;

struct dial_log *dial_log_new(void);
void dial_log_free(struct dial_log *d); /* NULL is fine */
void dial_log_failed(struct dial_log *d, const char *host, uint16_t port, enum core_loss loss,
	const char *text);
void dial_log_ok(struct dial_log *d, const char *host, uint16_t port);
/* What fails now (tried within the last minute) for a reason that somebody should mend. */
void dial_log_each(const struct dial_log *d, shell_dial_visit *visit, void *ctx);

#endif
