#ifndef TEST_SIM_PROC_DATA_H
#define TEST_SIM_PROC_DATA_H
/*
 * The shared data of a simulated process, wired as in membership/shared.c: what the core wants of it and it of the core
 * waits until the effects of the other are executed; its requests go over the simulated network, its transactions to the
 * disk that the core's go to.
 */
#include "membership/data/data.h"
#include "membership/shared_view.h"
#include "test/sim/disk.h"
#include "test/sim/rpc.h"

struct proc;

/* What the core wants of the data. */
struct kv_wish {
	struct core_fx fx;
	char host[24]; /* of a copy's source */
};

/* What the core is to be told. */
struct kv_word {
	bool copied, ok; /* copied: else handed over */
	uint32_t job;
	uint64_t generation;
	char text[256];
};

struct proc_kv {
	struct data *data; /* NULL: does not run */
	struct rpc rpc;
	struct shared_view view;
	uint64_t views; /* the core's count of them when ours was made */
	struct kv_wish *wish;
	size_t n_wishes, wishes_cap;
	struct kv_word *word;
	size_t n_words, words_cap;
	struct kv_word held; /* until the data was saved; job 0: nothing is */
	bool status_changed;
	bool force;          /* the operator insists on leaving, whoever has the data */
	bool removed;        /* by others: what is here is saved before it is cleared */
	uint64_t generation; /* present */
	uint64_t staged;     /* the generation that the last copy has made; 0: none */
	uint64_t seen;       /* the last change that the ledger was told of */
	uint64_t progress;   /* entries that a copy has brought so far */
	uint64_t n_anew;     /* so often it had to begin anew */
	unsigned n_events[DATA_EV_N];
};

void proc_data_init(struct proc *p);
void proc_data_free(struct proc *p);
/* Beside the core that has just been made of the same disk. False with the reason. */
bool proc_data_start(struct proc *p, const struct core_stored *stored, char *err, size_t cap);
void proc_data_end(struct proc *p);
/* At the end of a process, when it is decided what is on its disk: another generation of the data than it knew of? */
bool proc_data_swapped_on_disk(struct proc *p);

/* CORE_FX_COPY and the like. */
void proc_data_effect(struct proc *p, const struct core_fx *fx);
/* Gives it what the core wanted, executes what it wants, tells the core. True: the core may want something again. */
bool proc_data_run(struct proc *p);
/* Before the process waits: tells it of members that have changed. True: it may want something. */
bool proc_data_look(struct proc *p);
/* A peer's RPC port was reached, or was not. */
void proc_data_reached(struct proc *p, const struct id128 *peer, bool ok);
void proc_data_persisted(struct proc *p, uint64_t seq, int error);
/* The data that will be replaced or cleared is exported by now. */
void proc_data_saved(struct proc *p, uint32_t job);
/* 0 when the process can't take it now, else the request's number. */
uint32_t proc_data_command(struct proc *p, struct data_command *cmd);

#endif
