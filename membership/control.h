#ifndef MEMBERSHIP_CONTROL_H
#define MEMBERSHIP_CONTROL_H
/*
 * The control socket: clusterctl's requests in, answers out (common/ipc/ctl.h). It reads membership through
 * membership/shell.h and decides nothing about it. Who may open the socket may use it; every change is logged with the
 * caller's uid and pid.
 *
 * Nothing a client does costs more than is given here: frames ≤ 1 MiB, at most CONTROL_CLIENTS_MAX connections, answers
 * queue up to CONTROL_OUT_HIGH bytes and then its requests wait, a client that sends garbage, half frames or nothing, or
 * doesn't read, is closed with a logged reason. Events are kept in a ring, from which followers are served at their own
 * pace: one that is too slow is told what it missed.
 *
 *   control.c          clients: accept, close, the timer      control_event.c   ring of events, followers
 *   control_client.c   bytes in and out, dispatch             control_change.c  commands and their replies
 *   control_query.c    answers about nodes and workers        control_check.c   checks
 *   control_status.c   status and warnings
 */
#include "membership/shell.h"

enum {
	CONTROL_CLIENTS_MAX = 64,
	CONTROL_FOLLOWERS_MAX = 32,
	CONTROL_PENDING_MAX = 16, /* of one client */
	CONTROL_OUT_HIGH = 256 * 1024,
	CONTROL_EVENTS_MAX = 4096,
	CONTROL_FIRST_MS = 10000, /* from accept to the first request */
	CONTROL_IDLE_MS = 60000,  /* between two requests */
	CONTROL_FRAME_MS = 5000,  /* from a frame's first byte to its last */
	CONTROL_STALL_MS =
		30000, /* an answer waits and the client doesn't read; not for followers */
};

struct control;

/* Owns listen_fd; registers itself with shell_hooks_set(). */
struct control *control_new(struct shell *s, int listen_fd);
/* NULL is fine. */
void control_free(struct control *c);

#endif
