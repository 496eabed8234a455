#include "common/net/dns_chan.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"

enum { TRY_MS = 1000, TRIES = 3 };

struct dns_sock {
	LIST_ENTRY(dns_sock) link;
	struct dns_chan *chan;
	ev_io io;
};

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct dns_chan *c = ((struct dns_sock *)io->data)->chan;
	ares_socket_t fd = io->fd;

	(void)loop;
	/* The socket, and with it io, may be gone after this. */
	ares_process_fd(c->ares, events & EV_READ ? fd : ARES_SOCKET_BAD,
		events & EV_WRITE ? fd : ARES_SOCKET_BAD);
	dns_chan_rearm(c);
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int events)
{
	struct dns_chan *c = t->data;

	(void)loop;
	(void)events;
	ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	dns_chan_rearm(c);
}

void dns_chan_rearm(struct dns_chan *c)
{
	struct timeval tv;

	ev_timer_stop(c->loop, &c->timer);
	if (ares_timeout(c->ares, NULL, &tv) == NULL)
		return;
	ev_now_update(c->loop);
	ev_timer_set(&c->timer, (double)tv.tv_sec + (double)tv.tv_usec / 1e6, 0);
	ev_timer_start(c->loop, &c->timer);
}

static struct dns_sock *sock_of(struct dns_chan *c, int fd)
{
	struct dns_sock *s;

	LIST_FOREACH (s, &c->socks, link)
		if (s->io.fd == fd)
			return s;
	s = xcalloc(1, sizeof *s);
	s->chan = c;
	s->io.data = s;
	ev_init(&s->io, on_io);
	s->io.fd = fd;
	LIST_INSERT_HEAD(&c->socks, s, link);
	return s;
}

/* Neither direction: the socket is about to be closed. */
static void on_sock_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct dns_chan *c = data;
	struct dns_sock *s = sock_of(c, fd);

	ev_io_stop(c->loop, &s->io);
	if (!readable && !writable) {
		LIST_REMOVE(s, link);
		free(s);
		return;
	}
	ev_io_set(&s->io, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	ev_io_start(c->loop, &s->io);
}

static int open_channel(struct dns_chan *c, ares_channel *out)
{
	char lookups[] = "fb"; /* /etc/hosts, then servers, whatever nsswitch.conf would say */
	struct ares_options o = {
		.flags = ARES_FLAG_NOALIASES | (c->verbatim ? ARES_FLAG_NOCHECKRESP : 0),
		.timeout = (int)c->try_ms,
		.tries = (int)c->tries,
		.lookups = lookups,
		.sock_state_cb = on_sock_state,
		.sock_state_cb_data = c,
		.resolvconf_path = c->resolv_conf,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF;

	if (ares_init_options(out, &o, mask) != ARES_SUCCESS) {
		*out = NULL;
		return -ENOMEM;
	}
	if (c->servers == NULL)
		return 0;
	if (c->servers[0] != '\0' &&
		ares_set_servers_ports_csv(*out, c->servers) == ARES_SUCCESS)
		return 0;
	ares_destroy(*out);
	*out = NULL;
	return -EINVAL;
}

int dns_chan_init(struct dns_chan *c, struct ev_loop *loop, const struct dns_options *o,
	bool verbatim)
{
	int rc;

	*c = (struct dns_chan){.loop = loop,
		.verbatim = verbatim,
		.resolv_conf = xstrdup(o->resolv_conf ? o->resolv_conf : "/etc/resolv.conf"),
		.servers = o->servers ? xstrdup(o->servers) : NULL,
		.try_ms = o->try_ms ? o->try_ms : TRY_MS,
		.tries = o->tries ? o->tries : TRIES};
	LIST_INIT(&c->socks);
	ev_timer_init(&c->timer, on_timer, 0, 0);
	c->timer.data = c;
	if (stat(c->resolv_conf, &c->seen) < 0)
		c->seen = (struct stat){0};
	rc = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS ? 0 : -ENOMEM;
	if (rc == 0)
		rc = open_channel(c, &c->ares);
	if (rc < 0)
		dns_chan_free(c);
	return rc;
}

void dns_chan_free(struct dns_chan *c)
{
	if (c->ares != NULL)
		ares_destroy(c->ares);
	ev_timer_stop(c->loop, &c->timer);
	ares_library_cleanup();
	free(c->servers);
	free(c->resolv_conf);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A file that is gone or that our sandbox hides is no reason to forget the servers we know. */
void dns_chan_refresh(struct dns_chan *c, bool idle)
{
	ares_channel fresh;
	struct stat now;

	if (c->servers != NULL || !idle || stat(c->resolv_conf, &now) < 0 ||
		same_file(&now, &c->seen) || access(c->resolv_conf, R_OK) < 0)
		return;
	if (open_channel(c, &fresh) < 0)
		return;
	ares_destroy(c->ares);
	c->ares = fresh;
	c->seen = now;
}
