#ifndef MEMBERSHIP_NET_LISTENER_H
#define MEMBERSHIP_NET_LISTENER_H
/*
 * Accepts on a socket that somebody else has bound and listens on. Takes a few connections a turn, after all input that
 * is there has been read; waits a little when descriptors have run out.
 */
#include "membership/net/net_env.h"

struct listener;

struct listener_handlers {
	void (*accepted)(void *ctx, int fd, const union net_addr *peer); /* owns fd */
	void (*exhausted)(void *ctx); /* no descriptors left: give some back */
};

/* Owns fd. */
struct listener *listener_new(struct ev_loop *loop, int fd, const char *name,
	const struct listener_handlers *h, void *ctx);
void listener_free(struct listener *l); /* NULL is fine */

#endif
