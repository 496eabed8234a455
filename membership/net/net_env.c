#include "membership/net/net_env.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "membership/net/stream.h"

enum { NOTSENT_LOWAT_BYTES = 16 * 1024 };

static void on_flush(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct net_env *env = w->data;
	struct stream *s;

	(void)loop;
	(void)revents;
	while ((s = TAILQ_FIRST(&env->wake)) != NULL)
		stream_flush(s);
}

struct net_env *net_env_new(struct ev_loop *loop, const struct net_conf *conf)
{
	struct net_env *env = xcalloc(1, sizeof *env);

	env->loop = loop;
	env->tls = conf->tls;
	env->dns = conf->dns;
	env->family = conf->ipv6 ? AF_INET6 : AF_INET;
	env->user_timeout_ms = conf->user_timeout_ms;
	env->has_source = conf->bind_address != NULL && conf->bind_address[0] != '\0';
	TAILQ_INIT(&env->wake);
	ev_prepare_init(&env->flusher, on_flush);
	ev_set_priority(&env->flusher, NET_PRI_LAST);
	env->flusher.data = env;
	if (!env->has_source)
		return env;
	if (net_addr_parse(conf->bind_address, 0, &env->source) == 0 &&
		env->source.sa.sa_family == env->family)
		return env;
	free(env);
	return NULL;
}

void net_env_free(struct net_env *env)
{
	if (env == NULL)
		return;
	assert(TAILQ_EMPTY(&env->wake));
	ev_clear_pending(env->loop, &env->flusher);
	free(env);
}

/* Each is an improvement, none a need: failures are of no consequence. */
void net_socket_options(const struct net_env *env, int fd)
{
	int on = 1, lowat = NOTSENT_LOWAT_BYTES;
	unsigned timeout_ms = env->user_timeout_ms;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}
