#include "membership/shell_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/os/proc.h"
#include "common/os/sandbox.h"
#include "membership/datapath.h"
#include "membership/known.h"
#include "membership/links.h"
#include "membership/net/user_timeout.h"
#include "membership/shared.h"

#define LOG_COMPONENT "membership"

enum { STOP_MS = 4000, FILES_MAX = 65536 };

/* --- the configuration as the core wants it --- */

struct advertised {
	char host[NODE_HOST_MAX + 1];
	uint16_t dist_port, rpc_port;
};

static uint16_t port_of(const char *text, uint16_t otherwise)
{
	unsigned long port = strtoul(text, NULL, 10);

	return port >= 1 && port <= UINT16_MAX ? (uint16_t)port : otherwise;
}

/* host[:dist[:rpc]], a checked value; over what the node has of its own. */
static void read_advertise(const char *value, struct advertised *a)
{
	const char *end = value[0] == '[' ? strchr(value, ']') : value + strcspn(value, ":");
	const char *host = value[0] == '[' ? value + 1 : value;
	const char *dist, *rpc;

	if (value[0] == '\0' || end == NULL)
		return;
	snprintf(a->host, sizeof a->host, "%.*s", (int)(end - host), host);
	dist = strchr(end, ':');
	rpc = dist != NULL ? strchr(dist + 1, ':') : NULL;
	if (dist != NULL)
		a->dist_port = port_of(dist + 1, a->dist_port);
	if (rpc != NULL)
		a->rpc_port = port_of(rpc + 1, a->rpc_port);
}

static bool is_ipv6(const struct conf *v)
{
	return v->cluster.proto_dist == PROTO_INET6_TCP ||
	       v->cluster.proto_dist == PROTO_INET6_TLS;
}

struct core_conf *serve_core_conf(struct shell *s, const struct conf_loaded *conf)
{
	static const enum core_mode mode[] = {[DISCOVERY_MANUAL] = CORE_MANUAL,
		[DISCOVERY_AUTO] = CORE_AUTO,
		[DISCOVERY_SINGLETON] = CORE_SINGLETON};
	const struct conf *v = conf_values(conf);
	struct advertised a = {.dist_port = s->listen_port[IPC_LISTEN_DIST],
		.rpc_port = s->listen_port[IPC_LISTEN_RPC]};
	const char *at = strchr(v->node.name, '@');
	struct core_tag *tags = xcalloc(v->node.tags.n, sizeof *tags);
	struct core_conf *c = xcalloc(1, sizeof *c);

	snprintf(a.host, sizeof a.host, "%s", at != NULL ? at + 1 : v->node.name);
	read_advertise(v->node.advertise, &a);
	for (size_t i = 0; i < v->node.tags.n; i++)
		tags[i] =
			(struct core_tag){v->node.tags.item[i].key, v->node.tags.item[i].value};
	*c = (struct core_conf){
		.node_name = v->node.name,
		.cluster_name = v->cluster.name,
		.host = xstrdup(a.host),
		.dist_port = a.dist_port,
		.rpc_port = a.rpc_port,
		.role = v->node.role == 0 ? WIRE_CORE : WIRE_REPLICA,
		.mode = mode[v->cluster.discovery],
		.autoheal = v->cluster.autoheal,
		.autoclean_ms = v->cluster.autoclean_ms,
		.heartbeat_ms = (uint32_t)v->cluster.heartbeat_interval_ms,
		.timeout_ms = (uint32_t)v->cluster.link_timeout_ms,
		.members_max = (uint32_t)v->limits.members,
		.version = CLUSTERD_VERSION,
		.tags = tags,
		.n_tags = v->node.tags.n,
	};
	return c;
}

void serve_core_conf_free(struct core_conf *c)
{
	struct core_tag *tags;
	char *host;

	memcpy(&tags, &c->tags, sizeof tags); /* both made here, const for the core */
	memcpy(&host, &c->host, sizeof host);
	free(tags);
	free(host);
	free(c);
}

/* --- start --- */

static bool start_keys(struct shell *s)
{
	const struct conf *v = conf_values(s->conf);
	uint8_t key[TLS_KEY_BYTES];
	struct tls_psk psk;
	int rc = tls_cookie_key(v->node.cookie, v->cluster.name, key);

	if (rc == 0)
		rc = tls_psk_init(&psk, key);
	if (rc == 0)
		s->tls = tls_ctx_new(&psk, 1);
	explicit_bzero(key, sizeof key);
	explicit_bzero(&psk, sizeof psk);
	if (s->tls != NULL)
		return true;
	log_error("tls_unusable", "error=\"%s\"", strerror(rc != 0 ? -rc : ENOMEM));
	return false;
}

static bool start_net(struct shell *s)
{
	const struct conf *v = conf_values(s->conf);
	struct net_conf conf = {.ipv6 = is_ipv6(v), .bind_address = v->node.bind_address};
	struct dns_options dns = {0};
	int rc = dns_new(s->loop, &dns, &s->dns);

	if (rc != 0) {
		log_error("resolver_unusable", "error=\"%s\"", strerror(-rc));
		return false;
	}
	conf.tls = s->tls;
	conf.dns = s->dns;
	conf.user_timeout_ms = (uint32_t)net_user_timeout_ms(v->cluster.link_timeout_ms);
	s->env = net_env_new(s->loop, &conf);
	if (s->env == NULL) {
		log_error("bind_address_unusable", "address=%s family=%s", v->node.bind_address,
			conf.ipv6 ? "IPv6" : "IPv4");
		return false;
	}
	s->known = known_new(s);
	s->gate = gate_new(s->loop, known_has, s->known);
	s->links = links_new(s);
	s->rpc_server = rpc_server_new(s->env, s->gate, datapath_self, &shared_requests, s);
	s->datapath = datapath_new(s);
	s->shared = shared_new(s);
	return true;
}

/* Anything unpredictable for the core's own choices; no keys come from it. */
static uint64_t seed(void)
{
	uint64_t v = 0;

	if (getrandom(&v, sizeof v, 0) != sizeof v)
		v = clock_mono_us() ^ (uint64_t)getpid() << 40;
	return v;
}

/* What only an operator can mend must not be tried again and again. */
static bool unusable(struct shell *s, const char *what, const char *err, bool for_good)
{
	char text[2048];

	log_error(what, "error=%s", log_quote(text, sizeof text, err, strlen(err)));
	s->exit_code = for_good ? EXIT_CONFIG : EXIT_FAILED;
	return false;
}

static bool start_core(struct shell *s)
{
	char err[1024] = "";
	struct state_pairs stored;
	struct state_db *db;
	struct core_conf *conf;
	int rc;

	rc = state_db_open(conf_values(s->conf)->node.data_dir, &db, &stored, err, sizeof err);
	if (rc != 0)
		return unusable(s, "state_unusable", err, rc == -EUCLEAN);
	conf = serve_core_conf(s, s->conf);
	s->core = core_new(conf, &(struct core_stored){stored.kv, stored.n},
		&(struct core_birth){seed(), clock_mono_us(), clock_wall_ms()}, err,
		sizeof err);
	serve_core_conf_free(conf);
	if (s->core == NULL) {
		state_pairs_free(&stored);
		state_db_close(db);
		return unusable(s, "state_unusable", err, true);
	}
	s->state =
		state_new(s->loop, db, conf_values(s->conf)->node.data_dir, shell_persisted, s);
	if (s->state == NULL)
		state_db_close(db);
	else
		shared_open(s->shared, &(struct core_stored){stored.kv, stored.n});
	state_pairs_free(&stored);
	return s->state != NULL || unusable(s, "no_writer_thread", strerror(errno), false);
}

static void on_dist(void *ctx, int fd, const union net_addr *peer)
{
	struct shell *s = ctx;

	links_accept(s->links, fd, peer);
}

static void on_rpc(void *ctx, int fd, const union net_addr *peer)
{
	struct shell *s = ctx;

	rpc_server_accept(s->rpc_server, fd, peer);
}

static void on_exhausted(void *ctx)
{
	struct shell *s = ctx;

	gate_shed(s->gate);
}

static int take_fd(struct shell *s, enum ipc_listener_kind kind)
{
	int fd = s->listen_fd[kind];

	s->listen_fd[kind] = -1;
	return fd;
}

static void start_listening(struct shell *s)
{
	static const struct listener_handlers dist = {on_dist, on_exhausted};
	static const struct listener_handlers rpc = {on_rpc, on_exhausted};

	s->dist = listener_new(s->loop, take_fd(s, IPC_LISTEN_DIST), "distribution", &dist, s);
	s->rpc = listener_new(s->loop, take_fd(s, IPC_LISTEN_RPC), "rpc", &rpc, s);
}

static bool confine(const struct shell *s)
{
	struct sandbox_spec spec = {.needs = SANDBOX_NET_CLIENT | SANDBOX_NET_SERVER |
					     SANDBOX_DNS | SANDBOX_TLS | SANDBOX_READ_ETC |
					     SANDBOX_THREADS | SANDBOX_STORE,
		.write_dir = conf_values(s->conf)->node.data_dir};
	int rc = proc_raise_nofile(FILES_MAX);

	if (rc != 0)
		log_warn("few_descriptors", "error=\"%s\"", strerror(-rc));
	rc = sandbox_apply(&spec);
	if (rc != 0)
		log_error("sandbox_failed", "error=\"%s\"", strerror(-rc));
	return rc == 0;
}

bool serve_start(struct shell *s)
{
	s->exit_code = EXIT_FAILED;
	for (size_t i = 0; i < SHELL_LISTENERS; i++) {
		if (s->listen_fd[i] >= 0)
			continue;
		log_error("listener_missing", "kind=%zu", i);
		return false;
	}
	if (!confine(s) || !start_keys(s))
		return false;
	s->control = control_new(s, take_fd(s, IPC_LISTEN_CONTROL));
	if (!start_net(s) || !start_core(s))
		return false;
	start_listening(s);
	candidates_replay(s->candidates);
	shell_out(s);
	s->exit_code = EXIT_OK;
	return true;
}

/* --- stop --- */

static void on_stop_time(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)t;
	(void)revents;
	log_warn("stop_incomplete", "after_ms=%d", STOP_MS);
	ev_break(loop, EVBREAK_ALL);
}

void serve_stop(struct shell *s)
{
	struct core_command cmd = {.kind = CORE_CMD_STOP};

	if (s->stopping)
		return;
	s->stopping = true;
	if (s->core == NULL) {
		ev_break(s->loop, EVBREAK_ALL);
		return;
	}
	ev_timer_init(&s->stop, on_stop_time, STOP_MS / 1e3, 0.);
	ev_timer_start(s->loop, &s->stop);
	cmd.request = s->stop_request = shell_request(s);
	shell_command(s, &cmd);
}
