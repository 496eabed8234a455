#ifndef SUPERVISOR_DATADIR_H
#define SUPERVISOR_DATADIR_H
/*
 * The data directory's outside: made when it is missing, and locked, so that one tree of processes at a time uses it.
 * What is inside belongs to membership. Errors come with *why set.
 */
#include <stdint.h>

#include "supervisor/why.h"

/* Makes path (its last part only: a file system that is not mounted must not be replaced by an empty directory). */
int datadir_make(const char *path, struct why *why);
/*
 * Takes path/lock and writes our pid into it. The descriptor, close-on-exec, or a negative errno (-EBUSY: another one
 * has it). The lock stays as long as anybody holds the descriptor: membership inherits it, so that a new tree waits for
 * the last process of a killed one, up to wait_ms.
 */
int datadir_lock(const char *path, uint64_t wait_ms, struct why *why);

#endif
