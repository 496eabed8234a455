#include "common/os/sdnotify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int sdnotify_send(const char *address, const char *lines)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = address == NULL ? 0 : strlen(address);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	int fd, rc = 1;

	if (n == 0)
		return 0;
	if (address[0] != '/' && address[0] != '@')
		return -EINVAL;
	if (n >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	memcpy(to.sun_path, address, n);
	if (address[0] == '@')
		to.sun_path[0] = '\0';
	else
		len++; /* a path is sent with its NUL */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT,
		    (const struct sockaddr *)&to, len) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static uint64_t number(const char *s)
{
	char *end;
	unsigned long long n;

	if (s == NULL || *s < '0' || *s > '9')
		return 0;
	errno = 0;
	n = strtoull(s, &end, 10);
	return errno == 0 && *end == '\0' ? n : 0;
}

uint64_t sdnotify_watchdog_ms(const char *usec, const char *pid)
{
	if (pid != NULL && number(pid) != (uint64_t)getpid())
		return 0;
	return number(usec) / 1000;
}
