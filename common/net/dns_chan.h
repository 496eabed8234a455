#ifndef COMMON_NET_DNS_CHAN_H
#define COMMON_NET_DNS_CHAN_H
/*
 * A c-ares channel on libev: its sockets, its timer, and a new channel when resolv.conf has changed and nothing is
 * running. Knows nothing of lookups; c-ares calls their callbacks from dns_chan_* calls and from the loop.
 */
#include <ares.h>
#include <ev.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "common/net/dns.h"

struct dns_sock;

struct dns_chan {
	struct ev_loop *loop;
	ares_channel ares;
	ev_timer timer;
	LIST_HEAD(dns_socks, dns_sock) socks;
	char *servers, *resolv_conf; /* servers NULL: from resolv_conf */
	uint32_t try_ms, tries;
	bool verbatim;
	struct stat seen; /* resolv_conf when it was read */
};

/*
 * verbatim: a server's refusal or failure is the answer. Otherwise c-ares 1.18 asks the next server and, when none is
 * left, forgets what they said (ARES_ECONNREFUSED).
 */
int dns_chan_init(struct dns_chan *c, struct ev_loop *loop, const struct dns_options *o,
	bool verbatim);
/* Ends every running query with ARES_EDESTRUCTION. */
void dns_chan_free(struct dns_chan *c);
/* Before a query, with idle when none is running. */
void dns_chan_refresh(struct dns_chan *c, bool idle);
/* After each call into c-ares from outside. */
void dns_chan_rearm(struct dns_chan *c);

#endif
