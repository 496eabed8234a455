#ifndef COMMON_IPC_IPC_H
#define COMMON_IPC_IPC_H
/*
 * Every message between our own processes, as one struct and one table row each (ipc.c), on the engine of common/msg.
 *
 *   supervisor <-> child      a socketpair on descriptor IPC_SUPERVISION_FD of the child: setup, descriptors, liveness
 *   worker      -> membership  a fresh pipe for each life of a worker (descriptor IPC_REPORT_FD of the worker; the
 *                              membership's end arrives in a `worker_pipe` message): candidates and health
 *
 * Who may send what is part of the row: a message from the wrong side is -EPERM and ends the channel.
 */
#include <string.h>

#include "common/msg/msg.h"

/* IPC_LOCK_FD: membership keeps the data directory locked by holding this open, to the end of its life; nothing else. */
enum { IPC_SUPERVISION_FD = 3, IPC_REPORT_FD = 4, IPC_LOCK_FD = 5 };
enum { IPC_CANDIDATES_MAX = 10000, IPC_CANDIDATES_PART = 500, IPC_TEXT_MAX = 512 };
enum { IPC_SECTION_MAX = 1000 * 1000, IPC_ANSWER_MAX = 64 * 1024, IPC_WORKER_NAME_MAX = 32 };
enum { IPC_WORKERS_MAX = 16 };
/* A child says that its loop turns so many times within what its watchdog allows: each of them wakes two processes. */
enum { IPC_BEATS = 4 };

enum ipc_side { IPC_SUPERVISOR = 1, IPC_MEMBERSHIP = 2, IPC_WORKER = 4 };

enum ipc_type {
	IPC_SETUP,       /* supervisor → child, first: its configuration section */
	IPC_LISTENER,    /* supervisor → membership, with a descriptor */
	IPC_WORKER_PIPE, /* supervisor → membership, with a descriptor */
	IPC_WORKERS, /* supervisor → membership: the process table for `clusterctl workers` */
	IPC_SETUP_DONE, /* supervisor → membership: all listeners sent, start */
	IPC_RELOAD,     /* supervisor → child: a new section that passed validation */
	IPC_RELOADED,   /* child → supervisor */
	IPC_STOP,  /* supervisor → child: finish; membership tells its neighbours first */
	IPC_READY, /* child → supervisor: doing its work */
	IPC_BEAT,  /* child → supervisor, IPC_BEATS a watchdog while the loop turns */
	IPC_STATUS_TEXT, /* membership → supervisor: one line for STATUS= */
	IPC_ASK, /* membership → supervisor: an operator's wish (worker restart, reload, restart) */
	IPC_ANSWER,     /* supervisor → membership */
	IPC_CANDIDATES, /* worker → membership */
	IPC_HEALTH,     /* worker → membership */
	IPC_N_TYPES
};

struct ipc_setup {
	struct msg_span section; /* conf_section() text */
	struct msg_span node_name;
};

enum ipc_listener_kind { IPC_LISTEN_DIST, IPC_LISTEN_RPC, IPC_LISTEN_CONTROL };

struct ipc_listener {
	uint32_t kind;
	uint16_t port;
};

struct ipc_worker_pipe {
	struct msg_span name; /* strategy */
	uint64_t life;        /* counts up with each start of this worker */
};

struct ipc_worker_row {
	struct msg_span name, state /* running, starting, stopping, backoff, stopped */,
		last_exit;
	uint32_t pid, restarts;
	uint64_t started_ms; /* wall clock */
};

struct ipc_workers {
	struct msg_list rows; /* struct ipc_worker_row */
};

struct ipc_reloaded {
	bool ok;
	struct msg_span text;
};

struct ipc_text {
	struct msg_span text;
};

enum ipc_ask_kind {
	IPC_ASK_WORKER_RESTART,
	IPC_ASK_RELOAD,
	IPC_ASK_RESTART, /* the whole tree */
	IPC_ASK_WORKER_FAULT, /* it reports garbage: killed, and started again after the usual pause */
	IPC_ASK_CHECK /* would the tree come up again with the configuration as it is now? */
};

struct ipc_ask {
	uint32_t id, kind;
	struct msg_span arg; /* worker's name */
};

struct ipc_answer {
	uint32_t id;
	bool ok;
	struct msg_span text;
};

struct ipc_candidate {
	struct msg_span name; /* name@host */
	struct msg_span host; /* address or host name to dial */
	uint16_t port;        /* 0: by the rule */
	struct msg_span source;
};

/* A full set in parts: parts of one generation arrive in order; the set takes effect with the last one. */
struct ipc_candidates {
	uint64_t generation;
	uint32_t part;
	bool last;
	struct msg_list list; /* struct ipc_candidate, at most IPC_CANDIDATES_PART */
};

struct ipc_health {
	bool ok;
	bool found_self;        /* this node is in its own answer */
	struct msg_span text;   /* the error, or what is being done */
	struct msg_span detail; /* server, lease, … for `clusterctl workers` */
	uint64_t last_sync_ms;  /* wall clock; 0: never */
};

struct ipc_empty {
	char unused;
};

struct ipc_decoded {
	enum ipc_type type;
	const void *msg;
	const char *
		why; /* of a failure: the method or field at fault, or what else is wrong (static text) */
};

struct ipc_row {
	const char *method;
	const struct msg_desc *desc;
	unsigned from, to; /* enum ipc_side */
	bool with_fd;
	const char *doc;
};

extern const struct ipc_row ipc_rows[IPC_N_TYPES];

/* s as a field of at most IPC_TEXT_MAX bytes, cut where it is longer. Borrows s. */
static inline struct msg_span ipc_line(const char *s)
{
	return (struct msg_span){s, (uint32_t)strnlen(s, IPC_TEXT_MAX)};
}

/* Appends one whole frame. msg may be NULL for a row without fields. -EMSGSIZE when it is over FRAME_MAX_IPC. */
int ipc_encode(struct buf *out, enum ipc_type type, const void *msg);

/*
 * Decodes one frame body as sent by `from` to `to`. 0 and out->type, out->msg (the row's struct, in the arena; its strings
 * point into the frame). -EPROTO, -ERANGE, -EMSGSIZE for a bad frame, -EPERM for one that this side may not send.
 */
int ipc_decode(const uint8_t *frame, size_t n, enum ipc_side from, enum ipc_side to,
	struct msg_arena *arena, struct ipc_decoded *out);

#endif
