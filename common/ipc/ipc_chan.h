#ifndef COMMON_IPC_IPC_CHAN_H
#define COMMON_IPC_IPC_CHAN_H
/*
 * One end of a channel between our processes, on libev: frames out with back-pressure, frames in decoded and checked
 * against the table. Descriptors travel with SCM_RIGHTS beside the frame that names them. Never blocks.
 *
 * A stream socket carries both directions; of a pipe the reading or the writing end will do (SIGPIPE must be ignored
 * then). Anything that the table does not allow, an unasked-for descriptor too, ends the channel.
 */
#include <ev.h>

#include "common/ipc/ipc.h"

struct ipc_chan;

struct ipc_handlers {
	/* msg is the row's struct, valid during the call; fd is the receiver's to close (-1: none). Must not free the channel. */
	void (*message)(void *ctx, enum ipc_type type, const void *msg, int fd);
	/* Once, from the loop: EOF (error 0), -EPROTO, -EPERM, -EMSGSIZE, an errno. The owner frees the channel here or later. */
	void (*closed)(void *ctx, int error, const char *why);
};

enum { IPC_CHAN_QUEUE_MAX = 8 * 1024 * 1024 };

/* Owns fd from here on (made non-blocking). peer: who is at the other end; side: who we are. */
struct ipc_chan *ipc_chan_new(struct ev_loop *loop, int fd, enum ipc_side side,
	enum ipc_side peer, const struct ipc_handlers *h, void *ctx);
void ipc_chan_free(struct ipc_chan *c);
/*
 * Queues one message; fd (or -1) is duplicated, the caller keeps its own. 0, -EPIPE after close, -ENOBUFS when the peer
 * does not drain, -EMSGSIZE for a message over FRAME_MAX_IPC, an errno of dup(2). Nothing is queued when it failed.
 */
int ipc_chan_send(struct ipc_chan *c, enum ipc_type type, const void *msg, int fd);
/* Hands over what is there until EOF, before a dead child is buried. No reading, writing or `closed` after it. */
void ipc_chan_drain(struct ipc_chan *c);
bool ipc_chan_idle(const struct ipc_chan *c); /* nothing waits to be written */

#endif
