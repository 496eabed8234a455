#include "common/ipc/ipc.h"

#include <errno.h>

#include "common/base/node.h"
#include "common/msg/frame.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DESC(msg, fields, required, text)                                            \
	static const struct msg_desc msg##_desc = {#msg, sizeof(struct msg), fields, \
		COUNT(fields), (required), (text)}

static const struct msg_field setup[] = {
	MSG_FIELD(MSG_STR, ipc_setup, section, IPC_SECTION_MAX, "text of conf_section()"),
	MSG_FIELD(MSG_STR, ipc_setup, node_name, NODE_NAME_MAX, "our own name@host"),
};
DESC(ipc_setup, setup, 2, "A child's own part of the configuration.");

static const struct msg_field listener[] = {
	MSG_FIELD(MSG_U32, ipc_listener, kind, IPC_LISTEN_CONTROL,
		"0 distribution, 1 rpc, 2 control"),
	MSG_FIELD(MSG_U16, ipc_listener, port, 0, "port it is bound to; 0 for a unix socket"),
};
DESC(ipc_listener, listener, 2, "A listening socket.");

static const struct msg_field worker_pipe[] = {
	MSG_FIELD(MSG_STR, ipc_worker_pipe, name, IPC_WORKER_NAME_MAX, "strategy"),
	MSG_FIELD(MSG_U64, ipc_worker_pipe, life, 0, "counts up with each start of it"),
};
DESC(ipc_worker_pipe, worker_pipe, 2, "The reading end of one life of a worker.");

static const struct msg_field worker_row[] = {
	MSG_FIELD(MSG_STR, ipc_worker_row, name, IPC_WORKER_NAME_MAX, "strategy"),
	MSG_FIELD(MSG_STR, ipc_worker_row, state, 16,
		"running, starting, stopping, backoff, stopped"),
	MSG_FIELD(MSG_STR, ipc_worker_row, last_exit, IPC_TEXT_MAX, "how its last life ended"),
	MSG_FIELD(MSG_U32, ipc_worker_row, pid, 0, "0: no process"),
	MSG_FIELD(MSG_U32, ipc_worker_row, restarts, 0, "since the supervisor started"),
	MSG_FIELD(MSG_U64, ipc_worker_row, started_ms, 0, "wall clock; 0: never"),
};
DESC(ipc_worker_row, worker_row, 6, "One worker.");

static const struct msg_field workers[] = {
	MSG_FIELD_OF(MSG_LIST, ipc_workers, rows, IPC_WORKERS_MAX, &ipc_worker_row_desc,
		"all workers"),
};
DESC(ipc_workers, workers, 1, "The process table.");

static const struct msg_field reloaded[] = {
	MSG_FIELD(MSG_BOOL, ipc_reloaded, ok, 0, "the new section is in use"),
	MSG_FIELD(MSG_STR, ipc_reloaded, text, IPC_TEXT_MAX, "why not"),
};
DESC(ipc_reloaded, reloaded, 2, "What became of a reload.");

static const struct msg_field text[] = {
	MSG_FIELD(MSG_STR, ipc_text, text, IPC_TEXT_MAX, "one line"),
};
DESC(ipc_text, text, 1, "A line of text.");

static const struct msg_field ask[] = {
	MSG_FIELD(MSG_U32, ipc_ask, id, 0, "comes back in the answer"),
	MSG_FIELD(MSG_U32, ipc_ask, kind, IPC_ASK_CHECK,
		"0 restart a worker, 1 reload, 2 restart the tree, 3 a worker reports garbage, "
		"4 is the configuration good for a restart"),
	MSG_FIELD(MSG_STR, ipc_ask, arg, IPC_TEXT_MAX, "a worker's name"),
};
DESC(ipc_ask, ask, 3, "An operator's wish that only the supervisor can grant.");

static const struct msg_field answer[] = {
	MSG_FIELD(MSG_U32, ipc_answer, id, 0, "of the question"),
	MSG_FIELD(MSG_BOOL, ipc_answer, ok, 0, "granted"),
	MSG_FIELD(MSG_STR, ipc_answer, text, IPC_ANSWER_MAX, "what was done, or why not"),
};
DESC(ipc_answer, answer, 3, "The answer to one question.");

static const struct msg_field candidate[] = {
	MSG_FIELD(MSG_STR, ipc_candidate, name, NODE_NAME_MAX, "name@host"),
	MSG_FIELD(MSG_STR, ipc_candidate, host, NODE_HOST_MAX, "what to dial"),
	MSG_FIELD(MSG_U16, ipc_candidate, port, 0, "0: by the rule"),
	MSG_FIELD(MSG_STR, ipc_candidate, source, 128, "where it was found"),
};
DESC(ipc_candidate, candidate, 4, "A node that a strategy believes in.");

static const struct msg_field candidates[] = {
	MSG_FIELD(MSG_U64, ipc_candidates, generation, 0, "counts up with each set"),
	MSG_FIELD(MSG_U32, ipc_candidates, part, IPC_CANDIDATES_MAX / IPC_CANDIDATES_PART,
		"from 0"),
	MSG_FIELD(MSG_BOOL, ipc_candidates, last, 0, "the set takes effect with this part"),
	MSG_FIELD_OF(MSG_LIST, ipc_candidates, list, IPC_CANDIDATES_PART, &ipc_candidate_desc,
		"sorted by name"),
};
DESC(ipc_candidates, candidates, 4, "A part of the whole set that a strategy found.");

static const struct msg_field health[] = {
	MSG_FIELD(MSG_BOOL, ipc_health, ok, 0, "the last look-up went well"),
	MSG_FIELD(MSG_BOOL, ipc_health, found_self, 0, "this node is in its own answer"),
	MSG_FIELD(MSG_STR, ipc_health, text, IPC_TEXT_MAX, "the error, or what is being done"),
	MSG_FIELD(MSG_STR, ipc_health, detail, IPC_TEXT_MAX, "server, lease, …"),
	MSG_FIELD(MSG_U64, ipc_health, last_sync_ms, 0, "wall clock; 0: never"),
};
DESC(ipc_health, health, 5, "How a strategy is doing.");

static const struct msg_desc ipc_empty_desc = {"ipc_empty", sizeof(struct ipc_empty), NULL, 0,
	0, "No fields."};

#define CHILDREN (IPC_MEMBERSHIP | IPC_WORKER)
#define ROW(type, method, desc, from, to, fd, text) \
	[type] = {(method), &desc##_desc, (from), (to), (fd), (text)}

const struct ipc_row ipc_rows[IPC_N_TYPES] = {
	ROW(IPC_SETUP, "setup", ipc_setup, IPC_SUPERVISOR, CHILDREN, false,
		"First message to a child."),
	ROW(IPC_LISTENER, "listener", ipc_listener, IPC_SUPERVISOR, IPC_MEMBERSHIP, true,
		"One listening socket."),
	ROW(IPC_WORKER_PIPE, "worker_pipe", ipc_worker_pipe, IPC_SUPERVISOR, IPC_MEMBERSHIP,
		true, "A new life of a worker and the pipe that it reports through."),
	ROW(IPC_WORKERS, "workers", ipc_workers, IPC_SUPERVISOR, IPC_MEMBERSHIP, false,
		"The process table, whenever it changes."),
	ROW(IPC_SETUP_DONE, "setup_done", ipc_empty, IPC_SUPERVISOR, IPC_MEMBERSHIP, false,
		"All listeners are there: start."),
	ROW(IPC_RELOAD, "reload", ipc_setup, IPC_SUPERVISOR, CHILDREN, false,
		"A new section that passed validation as part of the whole."),
	ROW(IPC_RELOADED, "reloaded", ipc_reloaded, CHILDREN, IPC_SUPERVISOR, false,
		"Answer to reload."),
	ROW(IPC_STOP, "stop", ipc_empty, IPC_SUPERVISOR, CHILDREN, false,
		"Finish and exit; the killing comes 5 s later."),
	ROW(IPC_READY, "ready", ipc_empty, CHILDREN, IPC_SUPERVISOR, false,
		"The child does its work."),
	ROW(IPC_BEAT, "beat", ipc_empty, CHILDREN, IPC_SUPERVISOR, false,
		"While the child's loop turns, four times within its watchdog."),
	ROW(IPC_STATUS_TEXT, "status_text", ipc_text, IPC_MEMBERSHIP, IPC_SUPERVISOR, false,
		"The view in a line, for the service manager."),
	ROW(IPC_ASK, "ask", ipc_ask, IPC_MEMBERSHIP, IPC_SUPERVISOR, false,
		"Restart a worker, reload, restart the tree, put a worker down."),
	ROW(IPC_ANSWER, "answer", ipc_answer, IPC_SUPERVISOR, IPC_MEMBERSHIP, false,
		"Answer to ask."),
	ROW(IPC_CANDIDATES, "candidates", ipc_candidates, IPC_WORKER, IPC_MEMBERSHIP, false,
		"Whenever the set changes."),
	ROW(IPC_HEALTH, "health", ipc_health, IPC_WORKER, IPC_MEMBERSHIP, false,
		"Whenever it changes."),
};

int ipc_encode(struct buf *out, enum ipc_type type, const void *msg)
{
	size_t before = out->n;

	msg_put_notify(out, ipc_rows[type].method, ipc_rows[type].desc, msg);
	if (out->n - before - 4 <= FRAME_MAX_IPC)
		return 0;
	out->n = before;
	return -EMSGSIZE;
}

static const struct ipc_row *find_row(struct msg_span method)
{
	for (size_t i = 0; i < IPC_N_TYPES; i++)
		if (msg_span_eq(method, ipc_rows[i].method))
			return &ipc_rows[i];
	return NULL;
}

int ipc_decode(const uint8_t *frame, size_t n, enum ipc_side from, enum ipc_side to,
	struct msg_arena *arena, struct ipc_decoded *out)
{
	const struct ipc_row *row;
	struct msg_env env;
	void *msg;

	*out = (struct ipc_decoded){.why = "not a message"};
	if (msg_env_parse(frame, n, &env) < 0 || env.type != MSG_NOTIFY)
		return -EPROTO;
	out->why = "unknown method";
	row = find_row(env.method);
	if (row == NULL)
		return -EPROTO;
	out->type = (enum ipc_type)(row - ipc_rows);
	out->why = row->method;
	if ((row->from & from) == 0 || (row->to & to) == 0)
		return -EPERM;
	msg = msg_arena_alloc(arena, row->desc->size);
	if (msg == NULL)
		return -EMSGSIZE;
	out->msg = msg;
	return msg_decode(row->desc, env.body, arena, msg, &out->why);
}
