#include "common/conf/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/node.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char name_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
static const char dotted_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

static const char path_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/";

static int answer(bool ok)
{
	return ok ? 0 : -EINVAL;
}

static bool only(const char *value, const char *chars)
{
	return *value && !value[strspn(value, chars)];
}

static bool is_ip(const char *s)
{
	unsigned char a[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, s, a) == 1 || inet_pton(AF_INET6, s, a) == 1;
}

int check_node(const char *value, const char **why)
{
	struct node_addr a;

	if (node_parse(value, NULL, &a, why))
		return -EINVAL;
	*why = "a node's own name has no port; set node.dist_port";
	if (a.port)
		return -EINVAL;
	*why = "an IPv6 host in a node's own name is written without brackets";
	return answer(!strcmp(a.name, value));
}

int check_cluster_name(const char *value, const char **why)
{
	*why = "a letter, then letters, digits, _ or -; at most 64";
	return answer(*value && strchr(letters, *value) && only(value, name_chars));
}

int check_strategy(const char *value, const char **why)
{
	static const char *const known[] = {"manual", "static", "dns", "etcd", "k8s",
		"singleton"};

	*why = "manual, singleton, or one or several of static, dns, etcd, k8s";
	for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(value, known[i]))
			return 0;
	return -EINVAL;
}

int check_seed(const char *value, const char **why)
{
	struct node_addr a;

	return node_parse(value, NULL, &a, why);
}

int check_address(const char *value, const char **why)
{
	*why = "an IPv4 or IPv6 address, without brackets or a port";
	return answer(!*value || is_ip(value));
}

/* host[:dist[:rpc]]; the syntax of hosts and ports is that of seeds. */
int check_advertise(const char *value, const char **why)
{
	char text[NODE_TEXT_MAX];
	const char *v6_end = *value == '[' ? strchr(value, ']') : value;
	const char *first = v6_end ? strchr(v6_end, ':') : NULL;
	const char *second = first ? strchr(first + 1, ':') : NULL;
	const char *unused;
	struct node_addr a;
	size_t n = second ? (size_t)(second - value) : strlen(value);

	*why = "host, host:dist_port or host:dist_port:rpc_port, an IPv6 host in brackets";
	if (!*value)
		return 0;
	if (!v6_end || n >= sizeof text - sizeof "a@")
		return -EINVAL;
	snprintf(text, sizeof text, "a@%.*s", (int)n, value);
	if (node_parse(text, NULL, &a, &unused))
		return -EINVAL;
	if (!second)
		return 0;
	if (!a.port)
		return -EINVAL;
	n = strlen(second);
	if (n >= sizeof text - sizeof "a@h")
		return -EINVAL;
	snprintf(text, sizeof text, "a@h%s", second);
	return node_parse(text, NULL, &a, &unused);
}

int check_domain(const char *value, const char **why)
{
	struct node_addr a;
	const char *unused;
	char text[NODE_TEXT_MAX];
	size_t n = strlen(value);

	*why = "a domain name";
	/* a final dot, which says that the name is complete, is no part of node names */
	if (n && value[n - 1] == '.')
		n--;
	if (!n || n >= sizeof text - sizeof "a@" || strcspn(value, "[]:") < n)
		return -EINVAL;
	snprintf(text, sizeof text, "a@%.*s", (int)n, value);
	return node_parse(text, NULL, &a, &unused);
}

int check_dns_server(const char *value, const char **why)
{
	char text[NODE_TEXT_MAX];
	struct node_addr a;
	const char *unused;

	*why = "an IP address, address:port or [address]:port";
	if (strlen(value) >= sizeof text - sizeof "a@")
		return -EINVAL;
	snprintf(text, sizeof text, "a@%s", value);
	return answer(!node_parse(text, NULL, &a, &unused) && is_ip(a.host));
}

int check_url(const char *value, const char **why)
{
	const char *host;

	*why = "http://host:port or https://host:port";
	if (!strncmp(value, "http://", 7))
		host = value + 7;
	else if (!strncmp(value, "https://", 8))
		host = value + 8;
	else
		return -EINVAL;
	/* No path is used and no user: a password has a key of its own, which is kept secret. */
	if (strpbrk(host, "@?#\\\"'<>"))
		return -EINVAL;
	return answer(*host && *host != '/' && *host != ':');
}

int check_prefix(const char *value, const char **why)
{
	*why = "letters, digits, _ . - and / between them";
	for (const char *p = value; *p; p++)
		if (!strchr(dotted_chars, *p) &&
			(*p != '/' || p == value || !p[1] || p[1] == '/'))
			return -EINVAL;
	return answer(*value);
}

int check_label(const char *value, const char **why)
{
	*why = "letters, digits, _ . or -";
	return answer(only(value, dotted_chars));
}

int check_path(const char *value, const char **why)
{
	*why = "an absolute path";
	return answer(!*value || *value == '/');
}

int check_user(const char *value, const char **why)
{
	*why = "a user's name: letters, digits, _ . or -, not beginning with -";
	return answer(only(value, dotted_chars) && *value != '-');
}

int check_tag_name(const char *value, const char **why)
{
	*why = "a tag's name is letters, digits, _ . or -; at most 64";
	return answer(only(value, dotted_chars) && strlen(value) <= 64);
}

int check_policy(const char *value, const char **why)
{
	*why = "lww, max or union";
	return answer(
		!strcmp(value, "lww") || !strcmp(value, "max") || !strcmp(value, "union"));
}

int check_policy_prefix(const char *value, const char **why)
{
	*why = "a prefix is letters, digits, _ . / or -; at most 64";
	return answer(only(value, path_chars) && strlen(value) <= 64);
}
