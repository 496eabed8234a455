#ifndef MEMBERSHIP_NET_STREAM_INT_H
#define MEMBERSHIP_NET_STREAM_INT_H
/* What stream.c (life), stream_in.c and stream_out.c share. Nothing else includes it. */
#include "common/msg/frame.h"
#include "membership/net/connector.h"
#include "membership/net/stream.h"

enum phase {
	DIALLING,
	HANDSHAKE,
	OPEN,
	FLUSHING, /* lingering: says what is left */
	ENDING,   /* that is on its way to the kernel */
	DRAINING, /* its own direction closed: hears what is left */
	DONE      /* lost() was called, or nothing was ever opened */
};

struct stream {
	struct net_env *env;
	const struct stream_handlers *h;
	void *ctx;
	enum phase phase;
	unsigned busy; /* in so many of its own functions: not to be freed under them */
	bool dead, waiting, is_server;
	int fd, write_error;
	struct connector *connector;
	struct tls_conn *tls;
	ev_io rd, wr;
	ev_timer timer;
	struct frame_in in;
	struct buf plain; /* pulled, but TLS took no more */
	uint64_t bytes_in;
	ev_tstamp input_at;
	TAILQ_ENTRY(stream) wake;
	char *host; /* dialled */
	char remote[NET_ADDR_TEXT];
	struct net_ip peer;
};

/* --- stream.c --- */
/* Around everything that may call the owner, who may free the stream there. */
void stream_enter(struct stream *s);
void stream_leave(struct stream *s);
/* The end: closes, tells the owner. Last statement but stream_leave(). */
void stream_lose(struct stream *s, enum core_loss loss, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* --- stream_in.c --- */
/* Whatever TLS can make of what it has. 1: end of stream; 0: wants more; < 0: lost() was called, or freed. */
int stream_advance(struct stream *s);
void stream_on_readable(struct ev_loop *loop, ev_io *io, int revents);

/* --- stream_out.c --- */
/* Ciphertext to the kernel. True when all of it is gone. */
bool stream_send(struct stream *s);
void stream_on_writable(struct ev_loop *loop, ev_io *io, int revents);

#endif
