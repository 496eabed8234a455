#ifndef MEMBERSHIP_DATAPATH_H
#define MEMBERSHIP_DATAPATH_H
/*
 * Do data's ways work? One probe of the RPC port for each new link, so that a blocked one is seen before data needs it.
 * Probes run one at a time, some seconds after things have settled; one that failed is repeated after 2 s, doubling to
 * half a minute. Without a new or failed link nothing happens at all.
 */
#include "membership/shell_int.h"

struct datapath;

struct datapath *datapath_new(struct shell *s);
void datapath_free(struct datapath *d); /* NULL is fine */
/* What somebody else's connection to a member showed. */
void datapath_reached(struct datapath *d, const struct id128 *member, bool ok,
	const char *text);
/* Links may have changed. */
void datapath_view_changed(struct datapath *d);
/* This node has no data to exchange: all of its links are told to be no way for data, until it has. */
void datapath_refuse(struct datapath *d, bool refuse);
/* Who this node is, for RPC hellos. ctx: the shell. */
void datapath_self(void *ctx, struct wire_rpc_hello *out);

#endif
