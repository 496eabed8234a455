#include "supervisor/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int user_find(const char *name, struct user *out, struct why *why)
{
	const struct passwd *pw;

	*out = (struct user){.uid = geteuid(), .gid = getegid()};
	if (geteuid() != 0 || strcmp(name, "root") == 0)
		return 0;
	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL && errno != 0)
		return why_set(why, -errno, "supervisor.user %s: %s", name, strerror(errno));
	if (pw == NULL)
		return why_set(why, -ENOENT, "supervisor.user %s: no such user", name);
	*out = (struct user){pw->pw_uid, pw->pw_gid, true};
	return 0;
}

int user_own(const struct user *u, const char *path, struct why *why)
{
	struct stat st;
	int fd, rc = 0;

	if (!u->found)
		return 0;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || (st.st_uid == 0 && fchown(fd, u->uid, u->gid) < 0))
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc == 0)
		return 0;
	return why_set(why, rc, "%s: cannot hand it to uid %lu: %s", path,
		(unsigned long)u->uid, strerror(-rc));
}

int user_become(const struct user *u, const char *name, struct why *why)
{
	if (!u->found)
		return 0;
	if (initgroups(name, u->gid) < 0 || setresgid(u->gid, u->gid, u->gid) < 0 ||
		setresuid(u->uid, u->uid, u->uid) < 0)
		return why_set(why, -errno, "supervisor.user %s: cannot become it: %s", name,
			strerror(errno));
	if (u->uid != 0 && setuid(0) == 0)
		return why_set(why, -EPERM, "supervisor.user %s: root's rights came back",
			name);
	return 0;
}
