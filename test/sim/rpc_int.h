#ifndef TEST_SIM_RPC_INT_H
#define TEST_SIM_RPC_INT_H
/* What rpc.c, rpc_client.c and rpc_server.c share. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/wire/wire.h"
#include "membership/net/rpc_limits.h"
#include "test/sim/proc.h"
#include "test/sim/proc_data.h"
#include "test/sim/rpc.h"

enum { RPC_HELLO_ID = 1, RPC_ARENA_MAX = 64 * 1024 };

/* Of the client's end: asked. Of the server's: to be answered. */
struct rpc_req {
	TAILQ_ENTRY(rpc_req) next;
	uint32_t number, id; /* the shared data's and the connection's number of it */
	uint64_t deadline_ms;
	const char *method;
	struct buf params; /* until there is a connection */
};
TAILQ_HEAD(rpc_reqs, rpc_req);

struct rpc_conn {
	TAILQ_ENTRY(rpc_conn) next;
	struct net_side *side; /* NULL: gone */
	uint32_t handle, last_id;
	bool client, open, over; /* open: past hello. over: the client's next tick ends it */
	bool keep;               /* when it is idle */
	struct id128 peer;
	struct rpc_reqs reqs;
	uint64_t hello_ms, idle_ms; /* hello is answered by then; idle since */
	struct frame_in in;
	struct buf out;
	size_t out_at;
};

static inline struct rpc *rpc_of(const struct proc *p)
{
	return &p->kv->rpc;
}

static inline uint64_t rpc_now_ms(const struct proc *p)
{
	return proc_mono_us(p) / 1000;
}

/* --- rpc.c */
struct rpc_conn *rpc_conn_new(struct proc *p, bool client);
void rpc_conn_drop(struct rpc *r, struct rpc_conn *k);
void rpc_req_free(struct rpc_conn *k, struct rpc_req *q);
/* NULL: gone. */
struct rpc_conn *rpc_by_handle(const struct proc *p, uint32_t handle);
/* Something is to be done then. */
void rpc_due(struct rpc *r, uint64_t at_ms);
void rpc_send_out(struct proc *p, struct rpc_conn *k);
void rpc_hang_up(struct proc *p, struct rpc_conn *k);

/* --- rpc_client.c */
/* Who this process is. */
void rpc_hello_of(struct proc *p, struct wire_rpc_hello *out);
void rpc_on_response(struct proc *p, struct rpc_conn *k, const struct msg_env *env);
void rpc_fail_call(struct proc *p, struct rpc_conn *k, struct rpc_req *q, const char *why);
/* Its calls get their answer; new ones, which that may lead to, open another one. */
void rpc_client_over(struct proc *p, struct rpc_conn *k, const char *why);

/* --- rpc_server.c */
void rpc_welcome(struct proc *p, struct rpc_conn *k, const struct msg_env *env);
void rpc_serve(struct proc *p, struct rpc_conn *k, const struct msg_env *env);
void rpc_server_over(struct proc *p, struct rpc_conn *k);

#endif
