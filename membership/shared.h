#ifndef MEMBERSHIP_SHARED_H
#define MEMBERSHIP_SHARED_H
/*
 * The shared data's place in this process: between membership/data, the core, the store and the RPC port. It decides
 * nothing about the data. What the core wants of the data and the data of the core waits until the effects of the other
 * are executed: shell_out() does both in turns.
 */
#include "membership/shell_int.h"

struct shared;

struct shared *shared_new(struct shell *s);
void shared_free(struct shared *d); /* NULL is fine */
/*
 * Begins to make the data of what is stored; with the core and the store there. Until that is done, and when it can't be,
 * members' requests are refused, and what the core wants waits or is refused.
 */
void shared_open(struct shared *d, const struct core_stored *stored);
void shared_reload(struct shared *d);

/* CORE_FX_COPY, CORE_FX_COPY_CANCEL, CORE_FX_HANDOVER, CORE_FX_DATA_SWAP, CORE_FX_DATA_PEER. */
void shared_effect(struct shared *d, const struct core_fx *fx);
/* Gives the data what the core wanted, executes what it wants, tells the core. True: the core may want something again. */
bool shared_run(struct shared *d);
/* Before the loop waits: tells the data of members that have changed, arms its timer. */
void shared_before_wait(struct shared *d);
void shared_persisted(struct shared *d, uint64_t seq, int error);

/* What others' requests are answered by. ctx: the shell. */
extern const struct rpc_server_handlers shared_requests;

#endif
