#include "common/base/node.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PORT_MODULUS = 60000 };

static const char why_short[] = "the part before @ must be letters, digits, _ or -";
static const char why_host[] = "the host must be a domain name or an IP address";
static const char why_port[] = "the port must be 1 to 65535";
static const char why_at[] = "a node is named name@host";
static const char why_long[] = "a node name has at most 255 bytes";

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool short_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '-')
			return false;
	return n > 0;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Four numbers to 255, without leading zeros, parted by dots, and nothing behind. */
static bool v4_ok(const char *s)
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = 0, digits = 0;

		for (; *s >= '0' && *s <= '9' && digits < 4; s++, digits++)
			n = n * 10 + (unsigned)(*s - '0');
		if (!digits || n > 255 || (digits > 1 && s[-(int)digits] == '0') ||
			*s++ != (i < 3 ? '.' : '\0'))
			return false;
	}
	return true;
}

/* As inet_pton(3) has it, which pure code may not call. */
static bool v6_ok(const char *s)
{
	unsigned groups = 0;
	bool gap = false;

	if (s[0] == ':' && s[1] != ':')
		return false;
	while (*s) {
		size_t digits = 0;

		if (s[0] == ':' && s[1] == ':') {
			if (gap)
				return false;
			gap = true;
			s += 2;
			if (!*s)
				break;
		} else if (groups && *s++ != ':') {
			return false;
		}
		while (is_hex(s[digits]))
			digits++;
		if (s[digits] == '.')
			return v4_ok(s) && (gap ? groups < 6 : groups == 6);
		if (!digits || digits > 4 || ++groups > 8)
			return false;
		s += digits;
	}
	return gap ? groups < 8 : groups == 8;
}

/* Labels of letters, digits, - and _, parted by single dots. IPv4 addresses are among them. */
static bool domain_ok(const char *host)
{
	char before = '.';

	for (const char *p = host; *p; before = *p++) {
		if (*p == '.' ? before == '.' : !is_alnum(*p) && *p != '-' && *p != '_')
			return false;
		if (*p == '-' && before == '.')
			return false;
	}
	return before != '.';
}

static int parse_port(const char *s, uint16_t *out)
{
	unsigned n = 0;
	size_t len = strlen(s);

	if (!len || len > 5)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		n = n * 10 + (unsigned)(*s - '0');
	}
	if (!n || n > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)n;
	return 0;
}

/* Takes `host`, `host:port`, `v6`, `[v6]` or `[v6]:port` apart. */
static int parse_host(const char *s, struct node_addr *out, const char **why)
{
	const char *colon = strchr(s, ':');
	size_t n = strlen(s);
	const char *port = NULL;
	bool v6 = *s == '[';

	if (v6) {
		const char *end = strchr(++s, ']');

		*why = why_host;
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		n = (size_t)(end - s);
		port = end[1] ? end + 2 : NULL;
	} else if (colon && strchr(colon + 1, ':')) {
		v6 = true;
	} else if (colon) {
		n = (size_t)(colon - s);
		port = colon + 1;
	}
	*why = why_host;
	if (!n || n > NODE_HOST_MAX)
		return -EINVAL;
	memcpy(out->host, s, n);
	out->host[n] = '\0';
	if (v6 ? !v6_ok(out->host) : !domain_ok(out->host))
		return -EINVAL;
	*why = why_port;
	return port ? parse_port(port, &out->port) : 0;
}

int node_parse(const char *s, const char *default_host, struct node_addr *out, const char **why)
{
	const char *at = strchr(s, '@');
	size_t len = at ? (size_t)(at - s) : strlen(s);
	const char *host = at ? at + 1 : default_host;
	struct node_addr a = {.port = 0};
	int rc;

	*why = why_at;
	if (!host)
		return -EINVAL;
	*why = why_short;
	if (!short_ok(s, len))
		return -EINVAL;
	rc = parse_host(host, &a, why);
	if (rc)
		return rc;
	*why = why_long;
	if (len + 1 + strlen(a.host) > NODE_NAME_MAX)
		return -EINVAL;
	memcpy(a.name, s, len);
	a.name[len] = '@';
	memcpy(a.name + len + 1, a.host, strlen(a.host) + 1);
	*out = a;
	*why = NULL;
	return 0;
}

unsigned node_short_len(const char *name)
{
	return (unsigned)strcspn(name, "@");
}

unsigned node_port_offset(const char *name)
{
	unsigned end = node_short_len(name), i = end, offset = 0;

	while (i > 0 && name[i - 1] >= '0' && name[i - 1] <= '9')
		i--;
	for (; i < end; i++)
		offset = (offset * 10 + (unsigned)(name[i] - '0')) % PORT_MODULUS;
	return offset;
}

uint16_t node_dist_port(const char *name)
{
	return (uint16_t)(NODE_DIST_PORT_BASE + node_port_offset(name));
}

uint16_t node_rpc_port(const char *name)
{
	return (uint16_t)(NODE_RPC_PORT_BASE + node_port_offset(name));
}
