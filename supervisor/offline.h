#ifndef SUPERVISOR_OFFLINE_H
#define SUPERVISOR_OFFLINE_H
/* `clusterd --rename` and `--new-identity`: membership's work on a stopped data directory, under our lock. */
#include "common/conf/conf.h"

/* Runs `clusterd-membership --offline WHAT` and returns its exit code. */
int offline_run(const char *libexec, const struct conf_loaded *conf, int lock_fd,
	const char *what);

#endif
