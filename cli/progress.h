#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H
/*
 * How far a command has come, on standard error: a line that is drawn again and again on a terminal, with --json a JSON
 * object a line wherever it goes, else nothing. Pure but for the clock that is handed in.
 */
#include <stdio.h>

#include "common/ipc/ctl.h"

struct progress {
	uint64_t since_ms, since_bytes; /* the first that was seen of a copy */
	bool drawn;
};

enum progress_how { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_JSON };

void progress_show(struct progress *p, FILE *out, enum progress_how how,
	const struct ctl_progress *note, uint64_t now_ms);
/* The line is cleared for what is said next. */
void progress_end(struct progress *p, FILE *out);

#endif
