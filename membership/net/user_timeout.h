#ifndef MEMBERSHIP_NET_USER_TIMEOUT_H
#define MEMBERSHIP_NET_USER_TIMEOUT_H
/* When the kernel gives up a connection on which nothing is acknowledged (TCP_USER_TIMEOUT); the simulator's does the same. */
#include <stdint.h>

enum { NET_USER_TIMEOUT_MIN_MS = 10000 };

/* A link is long un-announced and closed by then. */
static inline uint64_t net_user_timeout_ms(uint64_t link_timeout_ms)
{
	uint64_t ms = 3 * link_timeout_ms;

	return ms > NET_USER_TIMEOUT_MIN_MS ? ms : NET_USER_TIMEOUT_MIN_MS;
}

#endif
