#ifndef MEMBERSHIP_NET_STREAM_H
#define MEMBERSHIP_NET_STREAM_H
/*
 * One authenticated connection: socket, TLS and frames in one object, dialled or accepted. It knows nothing of what is
 * said in the frames. Sending is by pulling: after stream_wake() the owner is asked for bytes whenever what was pulled
 * before has left for the kernel, which takes little more than 16 KiB ahead of the network.
 *
 *   dialled: RESOLVE, CONNECT, TLS -> open -> lost          accepted: TLS -> open -> lost
 *
 * Callbacks come from the loop only, never from inside a call of the owner's. The owner frees the stream, at any time,
 * also inside a callback; after stream_free() none comes. After lost() the stream does nothing more.
 */
#include "membership/core/core.h"
#include "membership/net/net_env.h"

struct stream;

struct stream_handlers {
	/* CORE_STAGE_HELLO: open, both ends have proven the cookie. NULL: not interested. */
	void (*stage)(void *ctx, enum core_stage stage);
	void (*frame)(void *ctx, const uint8_t *body, size_t n);
	/* Whole frames, at most cap (NET_PULL_BYTES) bytes; 0: nothing to say. */
	size_t (*pull)(void *ctx, uint8_t *out, size_t cap);
	void (*lost)(void *ctx, enum core_loss loss, const char *text);
};

struct stream_target {
	const char *host; /* name or literal; copied */
	uint16_t port;
	uint32_t timeout_ms; /* until it is open */
	uint32_t frame_max;
};

struct stream *stream_dial(struct net_env *env, const struct stream_target *target,
	const struct stream_handlers *h, void *ctx);
/* Owns fd. NULL (fd closed) when memory for TLS is out. */
struct stream *stream_accept(struct net_env *env, int fd, const union net_addr *peer,
	const struct stream_handlers *h, void *ctx);
void stream_free(struct stream *s); /* NULL is fine */

void stream_wake(struct stream *s);
void stream_frame_max(struct stream *s, uint32_t max);
/* Reads nothing more from the socket while on: what the peer asks for must not outrun what it takes. */
void stream_hold(struct stream *s, bool on);
/* Sends what is to be said (1 s at most), closes its own direction, delivers what still comes (2 s), then lost(). */
void stream_linger(struct stream *s);

const char *stream_remote(
	const struct stream *s); /* address and port, or what is being dialled */
/* False before a dialled one is connected. */
bool stream_peer(const struct stream *s, struct net_ip *out);
bool stream_is_open(const struct stream *s);
/* What has come so far, and when the last of it (0: never). */
uint64_t stream_bytes_in(const struct stream *s, ev_tstamp *last);

/* The environment's: sends what there is to send now. */
void stream_flush(struct stream *s);

#endif
