/* Which of the candidates is this node itself: by name, by the address it listens at, by the one it advertises. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/node.h"
#include "workers/worker.h"

enum { INTERFACES_MAX = 256, INTERFACES_FRESH_MS = 1000 };

/* Any address as IPv6, IPv4 mapped into it, so that two spellings of one compare equal. */
static bool address_parse(const char *s, struct in6_addr *out)
{
	struct in_addr v4;

	if (inet_pton(AF_INET6, s, out) == 1)
		return true;
	if (inet_pton(AF_INET, s, &v4) != 1)
		return false;
	memset(out, 0, sizeof *out);
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &v4, sizeof v4);
	return true;
}

static bool address_eq(const char *a, const char *b)
{
	struct in6_addr x, y;

	return address_parse(a, &x) && address_parse(b, &y) && memcmp(&x, &y, sizeof x) == 0;
}

static bool interface_address(const struct ifaddrs *i, struct in6_addr *out)
{
	char text[INET6_ADDRSTRLEN];
	const void *from;

	if (i->ifa_addr == NULL)
		return false;
	if (i->ifa_addr->sa_family == AF_INET)
		from = &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr;
	else if (i->ifa_addr->sa_family == AF_INET6)
		from = &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
	else
		return false;
	return inet_ntop(i->ifa_addr->sa_family, from, text, sizeof text) != NULL &&
	       address_parse(text, out);
}

/* What this host's interfaces had a moment ago: asked once for a whole answer of ten thousand candidates. */
static struct {
	struct in6_addr address[INTERFACES_MAX];
	size_t n;
	uint64_t read_ms; /* 0: never */
} interfaces;

static void read_interfaces(void)
{
	uint64_t now_ms = clock_mono_ms();
	struct ifaddrs *all;

	if (interfaces.read_ms != 0 && now_ms - interfaces.read_ms < INTERFACES_FRESH_MS)
		return;
	interfaces.n = 0;
	interfaces.read_ms = now_ms;
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL && interfaces.n < INTERFACES_MAX;
		i = i->ifa_next)
		interfaces.n += interface_address(i, &interfaces.address[interfaces.n]);
	freeifaddrs(all);
}

/* True for an address of this host; all of 127/8 is. */
static bool is_local(const char *host)
{
	struct in6_addr address;

	if (!address_parse(host, &address))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127)
		return true;
	read_interfaces();
	for (size_t i = 0; i < interfaces.n; i++)
		if (memcmp(&interfaces.address[i], &address, sizeof address) == 0)
			return true;
	return false;
}

/* node.advertise = host[:dist[:rpc]], an IPv6 host in brackets. */
static bool is_advertised(const char *advertise, const char *host, uint16_t port,
	uint16_t own_port)
{
	char own[NODE_HOST_MAX + 1];
	bool brackets = advertise[0] == '[';
	const char *from = advertise + brackets;
	size_t n = strcspn(from, brackets ? "]" : ":");
	const char *rest = from + n + (brackets && from[n] == ']');
	unsigned long dist = rest[0] == ':' ? strtoul(rest + 1, NULL, 10) : 0;

	if (n == 0 || n >= sizeof own)
		return false;
	memcpy(own, from, n);
	own[n] = '\0';
	return port == (dist != 0 ? dist : own_port) &&
	       (strcasecmp(own, host) == 0 || address_eq(own, host));
}

bool worker_is_self(struct worker *w, const char *name, const char *host, uint16_t port)
{
	const struct conf *conf = w->conf;
	uint16_t own_port = (uint16_t)conf->node.dist_port;

	if (strcmp(name, w->node_name) == 0)
		return true;
	if (port == 0)
		port = node_dist_port(name);
	if (is_advertised(conf->node.advertise, host, port, own_port))
		return true;
	if (port != own_port)
		return false;
	return conf->node.bind_address[0] != '\0' ? address_eq(host, conf->node.bind_address)
						  : is_local(host);
}
