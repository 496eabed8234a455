#ifndef MEMBERSHIP_NET_NET_ADDR_H
#define MEMBERSHIP_NET_NET_ADDR_H
/* Socket addresses as values: literals, text, and the bare IP as a key (IPv4 mapped into IPv6). Pure. */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NET_ADDR_TEXT = 64 };

union net_addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct net_ip {
	uint8_t b[16];
};

/* An address literal, never a name. 0 or -EINVAL. */
int net_addr_parse(const char *host, uint16_t port, union net_addr *out);
socklen_t net_addr_len(const union net_addr *a);
void net_addr_port_set(union net_addr *a, uint16_t port);
struct net_ip net_addr_ip(const union net_addr *a);
/* "10.0.0.7:4370", "[::1]:4370". Returns out. */
char *net_addr_text(const union net_addr *a, char out[NET_ADDR_TEXT]);
/* The same without the port. */
char *net_ip_text(const struct net_ip *ip, char out[NET_ADDR_TEXT]);
bool net_ip_eq(const struct net_ip *a, const struct net_ip *b);

/* A set of addresses, open addressing; grows as needed. Zeroed memory is an empty set. */
struct net_ip_set {
	struct net_ip *slot;
	bool *used;
	size_t n, cap;
};
void net_ip_set_add(struct net_ip_set *s, const struct net_ip *ip);
bool net_ip_set_has(const struct net_ip_set *s, const struct net_ip *ip);
void net_ip_set_free(struct net_ip_set *s);

#endif
