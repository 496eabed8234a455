#include "membership/net/net_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

int net_addr_parse(const char *host, uint16_t port, union net_addr *out)
{
	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1)
		out->v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1)
		out->v6.sin6_family = AF_INET6;
	else
		return -EINVAL;
	net_addr_port_set(out, port);
	return 0;
}

socklen_t net_addr_len(const union net_addr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

void net_addr_port_set(union net_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->v4.sin_port = htons(port);
	else
		a->v6.sin6_port = htons(port);
}

struct net_ip net_addr_ip(const union net_addr *a)
{
	struct net_ip ip;

	if (a->sa.sa_family == AF_INET6) {
		memcpy(ip.b, &a->v6.sin6_addr, sizeof ip.b);
		return ip;
	}
	memcpy(ip.b, mapped_prefix, sizeof mapped_prefix);
	memcpy(ip.b + sizeof mapped_prefix, &a->v4.sin_addr, sizeof a->v4.sin_addr);
	return ip;
}

char *net_ip_text(const struct net_ip *ip, char out[NET_ADDR_TEXT])
{
	bool v4 = memcmp(ip->b, mapped_prefix, sizeof mapped_prefix) == 0;

	out[0] = '\0';
	if (v4)
		inet_ntop(AF_INET, ip->b + sizeof mapped_prefix, out, NET_ADDR_TEXT);
	else
		inet_ntop(AF_INET6, ip->b, out, NET_ADDR_TEXT);
	return out;
}

char *net_addr_text(const union net_addr *a, char out[NET_ADDR_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "";

	if (a->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof host);
		snprintf(out, NET_ADDR_TEXT, "%s:%u", host, ntohs(a->v4.sin_port));
	} else {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof host);
		snprintf(out, NET_ADDR_TEXT, "[%s]:%u", host, ntohs(a->v6.sin6_port));
	}
	return out;
}

bool net_ip_eq(const struct net_ip *a, const struct net_ip *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* The slot where ip is or would be. */
static size_t slot_of(const struct net_ip_set *s, const struct net_ip *ip)
{
	size_t i = hash64(ip->b, sizeof ip->b) & (s->cap - 1);

	while (s->used[i] && !net_ip_eq(&s->slot[i], ip))
		i = (i + 1) & (s->cap - 1);
	return i;
}

static void grow(struct net_ip_set *s)
{
	struct net_ip_set old = *s;

	s->cap = old.cap == 0 ? 64 : 2 * old.cap;
	s->n = 0;
	s->slot = xcalloc(s->cap, sizeof *s->slot);
	s->used = xcalloc(s->cap, sizeof *s->used);
	for (size_t i = 0; i < old.cap; i++)
		if (old.used[i])
			net_ip_set_add(s, &old.slot[i]);
	net_ip_set_free(&old);
}

void net_ip_set_add(struct net_ip_set *s, const struct net_ip *ip)
{
	size_t i;

	if (2 * (s->n + 1) > s->cap)
		grow(s);
	i = slot_of(s, ip);
	if (s->used[i])
		return;
	s->used[i] = true;
	s->slot[i] = *ip;
	s->n++;
}

bool net_ip_set_has(const struct net_ip_set *s, const struct net_ip *ip)
{
	return s->cap != 0 && s->used[slot_of(s, ip)];
}

void net_ip_set_free(struct net_ip_set *s)
{
	free(s->slot);
	free(s->used);
	memset(s, 0, sizeof *s);
}
