#ifndef COMMON_OS_SDNOTIFY_H
#define COMMON_OS_SDNOTIFY_H
/*
 * The service manager's notification protocol: one datagram of KEY=VALUE lines to the socket named by NOTIFY_SOCKET,
 * a path or an abstract name (`@…`). Our own, because libsystemd would map six more libraries into every process.
 */
#include <stdint.h>

/* address: value of NOTIFY_SOCKET, may be NULL. 1 sent, 0 nobody listens (NULL or empty), or a negative errno. */
int sdnotify_send(const char *address, const char *lines);
/* Values of WATCHDOG_USEC and WATCHDOG_PID (may be NULL). Interval in ms within which we must report; 0: none wanted. */
uint64_t sdnotify_watchdog_ms(const char *usec, const char *pid);

#endif
