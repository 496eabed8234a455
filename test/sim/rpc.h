#ifndef TEST_SIM_RPC_H
#define TEST_SIM_RPC_H
/*
 * The RPC port of a simulated process, as membership/net/rpc.h is that of a real one: requests over the simulated
 * network's connections, hello first. The client keeps one connection a peer, opened by the first call and closed when it
 * was idle for a while; each call has a deadline. The server hands every request to the shared data and takes its answer
 * whenever it comes. Same frames, same times.
 */
#include <bsd/sys/queue.h>

#include "common/msg/frame.h"
#include "membership/data/data.h"
#include "test/sim/net.h"

struct proc;
struct rpc_conn;
TAILQ_HEAD(rpc_conns, rpc_conn);

struct rpc {
	struct rpc_conns conns;
	uint32_t last_handle, last_serve;
	uint64_t due_ms; /* nothing is to be done before; of the process's clock */
};

void rpc_init(struct rpc *r);
/* The process is gone: nobody is told. */
void rpc_clear(struct rpc *r);

/* --- from the shared data */
void rpc_call(struct proc *p, const struct data_fx *fx);
void rpc_cancel(struct proc *p, uint32_t call);
void rpc_answer(struct proc *p, const struct data_fx *fx);
/* This process is another member now: it says hello anew. */
void rpc_reset(struct proc *p);
/* Closes the idle connections to all who are no members any more. */
void rpc_prune(struct proc *p);

/* --- time */
void rpc_tick(struct proc *p, uint64_t now_ms);

/* --- from the network */
void rpc_stage(struct proc *p, struct net_conn *c, enum core_stage stage);
void rpc_accepted(struct proc *p, struct net_conn *c);
void rpc_data(struct proc *p, struct net_conn *c, enum net_end end, const uint8_t *b, size_t n);
void rpc_lost(struct proc *p, struct net_conn *c, enum net_end end);
void rpc_room(struct proc *p, struct net_conn *c, enum net_end end);

#endif
