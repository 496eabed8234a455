#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H
/*
 * One connection to the control socket: requests out, responses and notifications in. Every wait has an end: the socket
 * is non-blocking and each call takes the longest silence that it may bear.
 *
 * What a message points at is valid until the next call on the same client.
 */
#include "common/ipc/ctl.h"
#include "common/msg/frame.h"

struct client {
	int fd;
	struct frame_in in;
	struct msg_arena arena;
	uint32_t last_id;
};

struct client_msg {
	enum msg_type type;     /* MSG_RESPONSE or MSG_NOTIFY */
	uint32_t id;            /* response */
	bool is_error;          /* response: decode with client_error() */
	enum ctl_notice notice; /* notification */
	struct msg_reader body;
};

/*
 * Connects, retrying while the daemon's queue of connections is full. 0, -ETIMEDOUT or the errno of connect(2). A client
 * must be closed in any case.
 */
int client_open(struct client *c, const char *path, uint64_t timeout_ms);
void client_close(struct client *c);

/* Sends a request; *id comes back with its response. 0, -EPIPE or -ETIMEDOUT. */
int client_send(struct client *c, enum ctl_method m, const void *params, uint64_t timeout_ms,
	uint32_t *id);
/*
 * The next response or known notification. timeout_ms of silence (UINT64_MAX: for ever) is -ETIMEDOUT; the daemon's end
 * is -EPIPE; a frame that is none of its own -EPROTO.
 */
int client_next(struct client *c, uint64_t timeout_ms, struct client_msg *out);
/* Decodes the body of a message by its table. 0, -EPROTO, -ERANGE, -EMSGSIZE. */
int client_decode(struct client *c, const struct client_msg *m, const struct msg_desc *d,
	void *out);

#endif
