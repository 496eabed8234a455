#ifndef WORKERS_ETCD_ETCD_SESSION_H
#define WORKERS_ETCD_ETCD_SESSION_H
/*
 * One session with one etcd server after the other, over common/net/http; see etcd.h for its course. It reports through
 * the callbacks and holds the nodes it knows; owns everything it makes.
 */
#include <ev.h>

#include "common/net/http.h"
#include "workers/etcd/etcd_conf.h"
#include "workers/etcd/etcd_json.h"
#include "workers/etcd/etcd_nodes.h"

struct etcd_session_events {
	/* The nodes are what etcd holds, and the lease lives. */
	void (*synced)(void *ctx);
	/* all_servers: each has failed once since the last success; then the answer says how many ms to wait. */
	uint64_t (*failed)(void *ctx, const char *text, bool all_servers);
	/* The lease is revoked, or need not be. */
	void (*stopped)(void *ctx);
};

enum etcd_step {
	ETCD_AUTHENTICATE,
	ETCD_RENEW,
	ETCD_GRANT,
	ETCD_PUT,
	ETCD_RANGE,
	ETCD_N_STEPS
};

struct etcd_session {
	struct ev_loop *loop;
	struct http *http;
	const struct etcd_session_events *events;
	void *ctx;
	const struct etcd_conf *conf; /* borrowed */

	size_t server;
	unsigned n_failed; /* servers in a row */
	enum etcd_step step;
	bool token_fresh; /* since the last time that all was well */
	bool missing;     /* our own key was seen to be gone */
	bool cut;         /* there are more nodes than we take */
	char token[ETCD_TOKEN_MAX];
	struct etcd_lease lease; /* id 0: none */
	uint64_t revision;       /* of the last complete read or event */
	struct etcd_nodes nodes;
	struct http_call *call, *watch;
	ev_timer timer; /* the next renewal, or the next try */
};

void etcd_session_init(struct etcd_session *s, struct ev_loop *loop, struct http *http,
	const struct etcd_session_events *events, void *ctx);
void etcd_session_fini(struct etcd_session *s);
/* Begins, or begins anew, with conf; the lease of an earlier one is revoked on the way. */
void etcd_session_start(struct etcd_session *s, const struct etcd_conf *conf);
void etcd_session_stop(struct etcd_session *s);
/* The server in use. */
const char *etcd_session_server(const struct etcd_session *s);
/* Our own key is there. */
bool etcd_session_is_registered(const struct etcd_session *s);

#endif
