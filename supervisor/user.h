#ifndef SUPERVISOR_USER_H
#define SUPERVISOR_USER_H
/* Started as root, the whole tree runs as supervisor.user. Happens before the first fork. */
#include <stdbool.h>
#include <sys/types.h>

#include "supervisor/why.h"

struct user {
	uid_t uid;
	gid_t gid;
	bool found; /* false: stay what we are */
};

/*
 * Whom to become. An ordinary user and a tree that is to run as root stay what they are. A user that does not exist
 * is -ENOENT with *why; the caller decides whether it may stay root (the default) or not (an explicit wish).
 */
int user_find(const char *name, struct user *out, struct why *why);
/* Hands a directory that root has just made, or still owns, to that user. */
int user_own(const struct user *u, const char *path, struct why *why);
int user_become(const struct user *u, const char *name, struct why *why);

#endif
