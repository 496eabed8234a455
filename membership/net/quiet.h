#ifndef MEMBERSHIP_NET_QUIET_H
#define MEMBERSHIP_NET_QUIET_H
/*
 * "Logged at most once a second per address": the first line at once; of those that follow within the second only the
 * last, at its end, with their number. Bounded: addresses that share a slot share their second.
 */
#include <ev.h>

#include "membership/net/net_addr.h"

enum { QUIET_SLOTS = 256, QUIET_MS = 1000, QUIET_REASON_MAX = 160 };

struct quiet;

struct quiet_line {
	const char *port_name; /* static */
	char remote[NET_ADDR_TEXT];
	char reason[QUIET_REASON_MAX];
};

/* others: how many lines this one stands for beside itself. */
typedef void quiet_say(const struct quiet_line *line, unsigned others);

struct quiet *quiet_new(struct ev_loop *loop, quiet_say *say);
void quiet_free(struct quiet *q);
/* Copies what it keeps. */
void quiet_put(struct quiet *q, const struct net_ip *ip, const char *port_name,
	const char *remote, const char *reason);

#endif
