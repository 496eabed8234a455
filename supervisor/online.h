#ifndef SUPERVISOR_ONLINE_H
#define SUPERVISOR_ONLINE_H
/*
 * `clusterd --check --online`: each configured source is asked once, by the worker that would ask it, in its sandbox,
 * and what it answered is written for a human. Takes no lock and no port, so it may run beside a node.
 */
#include <stdio.h>

#include "common/conf/conf.h"

/* EXIT_OK when every source answered, else EXIT_FAILED. No worker is alive afterwards. conf stays the caller's. */
int online_run(const char *libexec, struct conf_loaded *conf, FILE *out);

#endif
