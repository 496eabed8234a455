#ifndef MEMBERSHIP_NET_RPC_H
#define MEMBERSHIP_NET_RPC_H
/*
 * The RPC port (5370): MessagePack-RPC requests over an authenticated stream, hello first. Bulk data goes this way, so
 * that it never delays a heartbeat. The server answers hello and ping itself and hands every other request to its owner,
 * who answers now or later. The pool is the client: one connection a peer, opened by the first call, shared by all,
 * closed when it was idle for a while.
 */
#include "membership/net/gate.h"
#include "membership/net/rpc_limits.h"

/* Fills in who we are; spans are valid until the core gets its next input. */
typedef void rpc_self(void *ctx, struct wire_rpc_hello *out);

/* What is to be sent, pulled from its front without moving the rest. */
struct rpc_out {
	struct buf b;
	size_t at;
};
size_t rpc_out_pull(struct rpc_out *o, uint8_t *to, size_t cap);
static inline size_t rpc_out_left(const struct rpc_out *o)
{
	return o->b.n - o->at;
}

/* --- server --- */

struct rpc_server;

/* One request of an authenticated peer; spans and readers are valid during the call. */
struct rpc_request {
	uint32_t serve;    /* for rpc_server_answer() */
	struct id128 from; /* the member id of its hello */
	struct msg_span method;
	struct msg_reader params;
};

struct rpc_server_handlers {
	/* False: no such method. Else exactly one rpc_server_answer(), now or later, unless it is lost before. */
	bool (*request)(void *ctx, const struct rpc_request *r);
	void (*lost)(void *ctx, uint32_t serve);
};

struct rpc_server *rpc_server_new(struct net_env *env, struct gate *gate, rpc_self *self,
	const struct rpc_server_handlers *h, void *ctx);
void rpc_server_free(struct rpc_server *srv); /* no lost() for what is open */
/* Owns fd. */
void rpc_server_accept(struct rpc_server *srv, int fd, const union net_addr *peer);
/* body: one encoded array, the result or struct wire_rpc_error. One that is lost meanwhile is nothing. */
void rpc_server_answer(struct rpc_server *srv, uint32_t serve, bool ok, struct msg_reader body);
size_t rpc_server_sessions(const struct rpc_server *srv);

/* --- client --- */

struct rpc_pool;

struct rpc_call {
	uint32_t call; /* the owner's number, not one that is out */
	struct id128 peer;
	const char *host; /* where it is, in case that there is no connection */
	uint16_t port;
	const char *method;
	struct msg_reader params; /* one encoded array; empty: none */
	uint32_t timeout_ms;      /* for all of it; 0: RPC_ANSWER_MS */
	bool brief;               /* the connection is not kept for it */
};

/* From the loop only, never from inside a call of the owner's; the owner may call the pool from them. */
struct rpc_pool_handlers {
	/* Once for each call. error NULL: result is one encoded array (or nil); else in words what failed. */
	void (*answered)(void *ctx, uint32_t call, struct msg_reader result, const char *error);
	/* A new connection came to its hello, or did not. */
	void (*reached)(void *ctx, const struct id128 *peer, bool ok, const char *text);
};

struct rpc_pool *rpc_pool_new(struct net_env *env, rpc_self *self,
	const struct rpc_pool_handlers *h, void *ctx);
void rpc_pool_free(struct rpc_pool *p); /* NULL is fine; no answers */
void rpc_pool_call(struct rpc_pool *p, const struct rpc_call *c);
/* No answer comes any more. */
void rpc_pool_cancel(struct rpc_pool *p, uint32_t call);
/* This node is another member now: who still is being called hears so by a new connection, soon. */
void rpc_pool_reset(struct rpc_pool *p);
/* Closes the idle connections to all who do not stay. */
void rpc_pool_prune(struct rpc_pool *p, bool (*stays)(void *ctx, const struct id128 *peer),
	void *ctx);
size_t rpc_pool_connections(const struct rpc_pool *p);

#endif
