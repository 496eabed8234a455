#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/node.h"
#include "common/conf/loaded.h"

#define AT(member) offsetof(struct conf, member)

/* Both usable, or neither's own error is worth a second one? */
static bool usable(const struct conf_loader *ld, size_t offset)
{
	const struct conf_entry *e = conf_entry_at(ld->l, offset);

	return e && !e->bad;
}

static void report(struct conf_loader *ld, enum conf_severity severity, size_t offset,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* With the place and value of the key at offset. */
static void report(struct conf_loader *ld, enum conf_severity severity, size_t offset,
	const char *fmt, ...)
{
	const struct conf_entry *e = conf_entry_at(ld->l, offset);
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	conf_issue_add(ld->issues, severity, &e->place, e->key->name, *e->text ? e->text : NULL,
		text);
}

static void check_strategies(struct conf_loader *ld, const struct conf *c)
{
	const struct conf_list *l = &c->cluster.discovery_strategy;
	bool alone = false;

	if (!usable(ld, AT(cluster.discovery_strategy)))
		return;
	for (size_t i = 0; i < l->n; i++)
		alone |= !strcmp(l->item[i], "manual") || !strcmp(l->item[i], "singleton");
	if (alone && l->n > 1)
		report(ld, CONF_ERROR, AT(cluster.discovery_strategy),
			"manual and singleton stand alone; several may be given of static, dns, etcd, "
			"k8s");
	if (c->cluster.discovery == DISCOVERY_AUTO && usable(ld, AT(node.name)) &&
		!strcmp(c->node.name, "emqx@127.0.0.1") &&
		conf_entry_at(ld->l, AT(node.name))->place.layer == LAYER_DEFAULT)
		report(ld, CONF_WARNING, AT(node.name),
			"no other machine can reach a node of this name; set node.name = name@host");
	if (c->node.role == 1 && !c->cluster.strategies)
		report(ld, CONF_WARNING, AT(node.role),
			"a replica can't join by hand; set cluster.discovery_strategy to static, dns, "
			"etcd or k8s");
	if (c->cluster.strategies & STRATEGY_STATIC && usable(ld, AT(cluster.static_seeds)) &&
		!c->cluster.static_seeds.n)
		report(ld, CONF_WARNING, AT(cluster.static_seeds),
			"the strategy static has no seeds, so it finds nobody");
}

static void check_file(struct conf_loader *ld, size_t offset, const char *path)
{
	if (*path && access(path, F_OK) != 0)
		report(ld, CONF_ERROR, offset, "no such file");
}

static void check_etcd(struct conf_loader *ld, const struct conf *c)
{
	bool tls = c->cluster.etcd.ssl.enable;

	if (!(c->cluster.strategies & STRATEGY_ETCD))
		return;
	if (usable(ld, AT(cluster.etcd.server)) && !c->cluster.etcd.server.n)
		report(ld, CONF_ERROR, AT(cluster.etcd.server),
			"needed by the strategy etcd; must be: one or several http://host:port or "
			"https://host:port");
	for (size_t i = 0; i < c->cluster.etcd.server.n; i++)
		tls |= !strncmp(c->cluster.etcd.server.item[i], "https:", 6);
	if (!tls)
		return;
	if (!c->cluster.etcd.ssl.verify)
		report(ld, CONF_WARNING, AT(cluster.etcd.ssl.verify),
			"etcd's certificate is not checked: anybody between may answer in its place");
	if (!*c->cluster.etcd.ssl.certfile != !*c->cluster.etcd.ssl.keyfile)
		report(ld, CONF_ERROR,
			*c->cluster.etcd.ssl.keyfile ? AT(cluster.etcd.ssl.keyfile)
						     : AT(cluster.etcd.ssl.certfile),
			"certfile and keyfile go together");
	check_file(ld, AT(cluster.etcd.ssl.cacertfile), c->cluster.etcd.ssl.cacertfile);
	check_file(ld, AT(cluster.etcd.ssl.certfile), c->cluster.etcd.ssl.certfile);
	check_file(ld, AT(cluster.etcd.ssl.keyfile), c->cluster.etcd.ssl.keyfile);
}

static void check_times(struct conf_loader *ld, const struct conf *c)
{
	if (usable(ld, AT(cluster.link_timeout_ms)) &&
		usable(ld, AT(cluster.heartbeat_interval_ms)) &&
		c->cluster.link_timeout_ms < 3 * c->cluster.heartbeat_interval_ms)
		report(ld, CONF_ERROR, AT(cluster.link_timeout_ms),
			"must be at least 3 times cluster.heartbeat_interval, which is %llums",
			(unsigned long long)c->cluster.heartbeat_interval_ms);
	if (usable(ld, AT(supervisor.restart_min_ms)) &&
		usable(ld, AT(supervisor.restart_max_ms)) &&
		c->supervisor.restart_max_ms < c->supervisor.restart_min_ms)
		report(ld, CONF_ERROR, AT(supervisor.restart_max_ms),
			"must not be less than supervisor.restart_min, which is %llums",
			(unsigned long long)c->supervisor.restart_min_ms);
}

/* 4, 6, or 0 for what is no address. */
static int family(const char *host)
{
	unsigned char a[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, a) == 1 ? 4 : inet_pton(AF_INET6, host, a) == 1 ? 6 : 0;
}

static void check_addresses(struct conf_loader *ld, const struct conf *c)
{
	bool v6 = c->cluster.proto_dist == PROTO_INET6_TCP ||
		  c->cluster.proto_dist == PROTO_INET6_TLS;
	int other = v6 ? 4 : 6;

	if (!usable(ld, AT(cluster.proto_dist)))
		return;
	if (family(c->node.bind_address) == other)
		report(ld, CONF_ERROR, AT(node.bind_address),
			"cluster.proto_dist wants an IPv%d address", v6 ? 6 : 4);
	if (usable(ld, AT(node.name)) &&
		family(c->node.name + strcspn(c->node.name, "@") + 1) == other &&
		conf_entry_at(ld->l, AT(node.name))->place.layer != LAYER_DEFAULT)
		report(ld, CONF_ERROR, AT(node.name),
			"cluster.proto_dist wants an IPv%d address or a domain name behind @",
			v6 ? 6 : 4);
	if (usable(ld, AT(node.dist_port)) && usable(ld, AT(rpc.server_port)) &&
		c->node.dist_port == c->rpc.server_port)
		report(ld, CONF_ERROR, AT(node.dist_port),
			"is also the port for joins and data (rpc.server_port)");
}

static void check_paths(struct conf_loader *ld, const struct conf *c)
{
	if (usable(ld, AT(node.data_dir)) && *c->node.data_dir != '/')
		report(ld, CONF_WARNING, AT(node.data_dir),
			"is relative, to the directory in which clusterd is started");
}

/* The names are EMQX's and known; what they promise is not built, and must not look as if it were. */
static void check_transport(struct conf_loader *ld, const struct conf *c)
{
	if (usable(ld, AT(cluster.proto_dist)) && c->cluster.proto_dist >= PROTO_INET_TLS)
		report(ld, CONF_ERROR, AT(cluster.proto_dist),
			"certificates between nodes are not supported by this version; inet_tcp and "
			"inet6_tcp are TLS 1.3 already, keyed by the cookie");
}

void conf_cross_check(struct conf_loader *ld)
{
	const struct conf *c = &ld->l->values;

	check_strategies(ld, c);
	check_transport(ld, c);
	check_etcd(ld, c);
	check_times(ld, c);
	check_addresses(ld, c);
	check_paths(ld, c);
}
