#ifndef COMMON_BASE_NODE_H
#define COMMON_BASE_NODE_H
/* Node names `name@host`, seeds `name@host[:port]`, and the port rule (reference: emqx-facts 2.5, 4). Pure. */
#include <stdint.h>

enum { NODE_NAME_MAX = 255, NODE_HOST_MAX = 253, NODE_TEXT_MAX = 320 };
enum { NODE_DIST_PORT_BASE = 4370, NODE_RPC_PORT_BASE = 5370, NODE_RPC_PORT_MANUAL = 5369 };

struct node_addr {
	char name[NODE_NAME_MAX + 1]; /* name@host, without a port */
	char host[NODE_HOST_MAX + 1]; /* the host of it; IPv6 without brackets */
	uint16_t port;                /* 0: by the rule */
};

/*
 * Parses `name@host`, `name@host:port`, `name@[v6]:port`; `name` alone takes default_host when that is not NULL.
 * 0 or -EINVAL with *why set to a static text that tells what is wrong.
 */
int node_parse(const char *s, const char *default_host, struct node_addr *out,
	const char **why);
/* The part before '@' as its length, so `name[0..len)`. */
unsigned node_short_len(const char *name);
/* Trailing decimal digits of the short name mod 60000; 0 when there are none. */
unsigned node_port_offset(const char *name);
uint16_t node_dist_port(const char *name);
uint16_t node_rpc_port(const char *name);

#endif
