#ifndef MEMBERSHIP_NET_CONNECTOR_H
#define MEMBERSHIP_NET_CONNECTOR_H
/*
 * From a host (name or address) and a port to a connected socket: resolve, then try every address in turn, each with
 * its share of the time. Never blocks, never calls back from inside connector_new().
 */
#include "membership/core/core.h"
#include "membership/net/net_env.h"

struct connector;

struct connector_handlers {
	/* CORE_STAGE_RESOLVE or CORE_STAGE_CONNECT has begun. */
	void (*stage)(void *ctx, enum core_stage stage);
	/* The last call: a connected, non-blocking socket and who is there; or -1 and why. The owner frees the connector. */
	void (*done)(void *ctx, int fd, const union net_addr *peer, enum core_loss loss,
		const char *text);
};

struct connector *connector_new(struct net_env *env, const char *host, uint16_t port,
	uint32_t timeout_ms, const struct connector_handlers *h, void *ctx);
void connector_free(struct connector *c); /* NULL is fine */

#endif
