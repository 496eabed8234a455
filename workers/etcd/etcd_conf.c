#include "workers/etcd/etcd_conf.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/node.h"
#include "workers/etcd/etcd_json.h"

enum { DEFAULT_PORT = 2379, TTL_MIN_S = 2, TTL_MARGIN_FROM_S = 5 };

static const char *skip_scheme(const char *text, bool *tls)
{
	if (strncasecmp(text, "http://", 7) == 0)
		return text + 7;
	if (strncasecmp(text, "https://", 8) == 0) {
		*tls = true;
		return text + 8;
	}
	return text;
}

/* The length of `host` or `[v6]` at the start of s; 0 when it is neither. */
static size_t host_length(const char *s)
{
	const char *end;

	if (s[0] != '[')
		return strcspn(s, ":/ @?#[]\t");
	end = strchr(s, ']');
	return end == NULL || end == s + 1 ? 0 : (size_t)(end - s) + 1;
}

static char *text_of(struct buf *b)
{
	char *s;

	buf_put(b, "", 1);
	s = xstrdup((char *)b->p);
	buf_free(b);
	return s;
}

char *etcd_server_url(const char *text, bool tls)
{
	const char *host = skip_scheme(text, &tls), *at;
	size_t n = host_length(host);
	unsigned long port = DEFAULT_PORT;
	struct buf b = {0};
	char *end;

	if (n == 0 || n > NODE_HOST_MAX + 2)
		return NULL;
	at = host + n;
	if (*at == ':') {
		if (at[1] < '0' || at[1] > '9')
			return NULL;
		port = strtoul(at + 1, &end, 10);
		at = end;
	}
	if (port == 0 || port > UINT16_MAX || (*at != '\0' && strcmp(at, "/") != 0))
		return NULL;
	buf_printf(&b, "http%s://%.*s:%lu", tls ? "s" : "", (int)n, host, port);
	return text_of(&b);
}

/* The prefix with its slashes at both ends off: the tree begins with exactly one. */
static void put_segment(struct buf *b, const char *text)
{
	size_t n = strlen(text);

	while (n > 0 && text[0] == '/') {
		text++;
		n--;
	}
	while (n > 0 && text[n - 1] == '/')
		n--;
	if (n > 0)
		buf_printf(b, "/%.*s", (int)n, text);
}

/* node.advertise is host[:dist[:rpc]]. */
static uint16_t advertised_port(const struct conf *conf, const char *node_name)
{
	const char *at = conf->node.advertise + host_length(conf->node.advertise);
	unsigned long port = *at == ':' ? strtoul(at + 1, NULL, 10) : 0;

	if (port == 0)
		port = conf->node.dist_port;
	return port == 0 || port > UINT16_MAX ? node_dist_port(node_name) : (uint16_t)port;
}

static char *own_value(const struct conf *conf, const char *node_name)
{
	uint16_t port = advertised_port(conf, node_name);
	const char *host = node_name + node_short_len(node_name) + 1;
	bool v6 = strchr(host, ':') != NULL;
	struct buf b = {0};

	if (port == node_dist_port(node_name))
		return xstrdup(node_name);
	buf_printf(&b, "%.*s@%s%s%s:%u", (int)node_short_len(node_name), node_name,
		v6 ? "[" : "", host, v6 ? "]" : "", port);
	return text_of(&b);
}

static void set_keys(struct etcd_conf *e, const struct conf *conf, const char *node_name)
{
	struct buf b = {0};
	size_t n;

	put_segment(&b, conf->cluster.etcd.prefix);
	put_segment(&b, conf->cluster.name);
	buf_str(&b, "/nodes/");
	e->prefix = text_of(&b);
	n = strlen(e->prefix) + 1;
	e->prefix_end = xcalloc(1, n);
	etcd_prefix_end(e->prefix, e->prefix_end, n);
	buf_printf(&b, "%s%s", e->prefix, node_name);
	e->key = text_of(&b);
	e->value = own_value(conf, node_name);
}

/*
 * A lease ends up to a second after its time. So that a dead node's key is gone within node_ttl, a second less is asked
 * for, where there is one to spare.
 */
static uint64_t ttl_to_ask(uint64_t node_ttl_ms)
{
	uint64_t s = (node_ttl_ms + 999) / 1000;

	if (s >= TTL_MARGIN_FROM_S)
		s--;
	return s < TTL_MIN_S ? TTL_MIN_S : s;
}

int etcd_conf_init(struct etcd_conf *e, const struct conf *conf, const char *node_name,
	const char **why)
{
	const struct conf_list *servers = &conf->cluster.etcd.server;

	*e = (struct etcd_conf){0};
	e->server = xcalloc(servers->n + 1, sizeof *e->server);
	for (size_t i = 0; i < servers->n; i++) {
		char *url = etcd_server_url(servers->item[i], conf->cluster.etcd.ssl.enable);

		if (url == NULL) {
			*why = "cluster.etcd.server is http://host:port or https://host:port, "
			       "several with commas between them";
			etcd_conf_fini(e);
			return -EINVAL;
		}
		e->server[e->n_servers++] = url;
	}
	if (e->n_servers == 0) {
		*why = "cluster.etcd.server names no server";
		etcd_conf_fini(e);
		return -EINVAL;
	}
	set_keys(e, conf, node_name);
	e->username = xstrdup(conf->cluster.etcd.username);
	e->password = xstrdup(conf->cluster.etcd.password);
	e->ca_file = xstrdup(conf->cluster.etcd.ssl.cacertfile);
	e->cert_file = xstrdup(conf->cluster.etcd.ssl.certfile);
	e->key_file = xstrdup(conf->cluster.etcd.ssl.keyfile);
	e->server_name = xstrdup(conf->cluster.etcd.ssl.server_name_indication);
	e->verify = conf->cluster.etcd.ssl.verify == 1;
	e->ttl_s = ttl_to_ask(conf->cluster.etcd.node_ttl_ms);
	return 0;
}

static const size_t strings[] = {
	offsetof(struct etcd_conf, prefix),
	offsetof(struct etcd_conf, prefix_end),
	offsetof(struct etcd_conf, key),
	offsetof(struct etcd_conf, value),
	offsetof(struct etcd_conf, username),
	offsetof(struct etcd_conf, password),
	offsetof(struct etcd_conf, ca_file),
	offsetof(struct etcd_conf, cert_file),
	offsetof(struct etcd_conf, key_file),
	offsetof(struct etcd_conf, server_name),
};

static char *string_at(const struct etcd_conf *e, size_t i)
{
	char *s;

	memcpy(&s, (const char *)e + strings[i], sizeof s);
	return s;
}

void etcd_conf_fini(struct etcd_conf *e)
{
	for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
		free(string_at(e, i));
	for (size_t i = 0; i < e->n_servers; i++)
		free(e->server[i]);
	free(e->server);
	*e = (struct etcd_conf){0};
}

bool etcd_conf_equal(const struct etcd_conf *a, const struct etcd_conf *b)
{
	if (a->n_servers != b->n_servers || a->verify != b->verify || a->ttl_s != b->ttl_s)
		return false;
	for (size_t i = 0; i < a->n_servers; i++) {
		if (strcmp(a->server[i], b->server[i]) != 0)
			return false;
	}
	for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
		if (strcmp(string_at(a, i), string_at(b, i)) != 0)
			return false;
	}
	return true;
}
