#ifndef MEMBERSHIP_NET_NET_ENV_H
#define MEMBERSHIP_NET_NET_ENV_H
/*
 * What all connections of this process share: loop, keys, resolver, address family, scratch memory, and the list of
 * those that have something to say. Sending happens once at the end of a turn of the loop, so that what several inputs
 * want to say to one peer leaves in one record.
 *
 * Priorities: input (0) before accepting (-1), both before deadlines and sending (-2): what has arrived is read before
 * time is judged.
 */
#include <ev.h>
#include <sys/queue.h>

#include "common/net/dns.h"
#include "common/net/tls.h"
#include "membership/net/net_addr.h"

enum { NET_PRI_INPUT = 0, NET_PRI_ACCEPT = -1, NET_PRI_LAST = -2 };
enum { NET_IN_BYTES = 64 * 1024, NET_PULL_BYTES = 64 * 1024 + 4 };

struct stream;
TAILQ_HEAD(stream_list, stream);

struct net_conf {
	struct tls_ctx *tls;
	struct dns *dns;
	bool ipv6;                /* else IPv4: addresses of the other family are not dialled */
	const char *bind_address; /* literal, the source of our dials; "" or NULL: any */
	uint32_t user_timeout_ms; /* unacknowledged for so long: the kernel gives up */
};

struct net_env {
	struct ev_loop *loop;
	struct tls_ctx *tls;
	struct dns *dns;
	int family;
	bool has_source;
	union net_addr source;
	uint32_t user_timeout_ms;
	struct stream_list wake; /* to be flushed when this turn's input is done */
	ev_prepare flusher;      /* never started, only fed */
	bool more_input;         /* somebody stopped reading before the end, for fairness */
	uint8_t in[NET_IN_BYTES], out[NET_PULL_BYTES];
};

/* Borrows tls and dns. NULL when bind_address is no literal of the family. */
struct net_env *net_env_new(struct ev_loop *loop, const struct net_conf *conf);
/* All connections must be gone. */
void net_env_free(struct net_env *env);
/* Non-blocking, no delay, little unsent data in the kernel, a bound on silence. */
void net_socket_options(const struct net_env *env, int fd);

#endif
