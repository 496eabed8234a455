#ifndef WORKERS_ETCD_ETCD_CONF_H
#define WORKERS_ETCD_ETCD_CONF_H
/* What the etcd worker makes of its section: server URLs, the keys of the tree, our own entry. Pure; owns its strings. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"

struct etcd_conf {
	char **server; /* "http://host:port", no path */
	size_t n_servers;
	char *prefix;     /* /<prefix>/<cluster.name>/nodes/ */
	char *prefix_end; /* the first key behind it */
	char *key;        /* our own below prefix */
	char *value;      /* <node> or <node>:<port> */
	char *username, *password;
	char *ca_file, *cert_file, *key_file, *server_name;
	bool verify;
	uint64_t ttl_s; /* to ask for */
};

/* 0, or -EINVAL with *why when there is no usable server. */
int etcd_conf_init(struct etcd_conf *e, const struct conf *conf, const char *node_name,
	const char **why);
void etcd_conf_fini(struct etcd_conf *e);
bool etcd_conf_equal(const struct etcd_conf *a, const struct etcd_conf *b);

/* `host`, `host:port`, `[v6]:port`, with or without http(s):// and a trailing slash, as a URL; NULL: unusable. */
char *etcd_server_url(const char *text, bool tls);

#endif
