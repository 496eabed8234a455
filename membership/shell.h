#ifndef MEMBERSHIP_SHELL_H
#define MEMBERSHIP_SHELL_H
/*
 * The glue around the pure core, as its neighbours in this process see it (control.c first of all): one loop, one core,
 * events in, effects out. It decides nothing about membership.
 *
 * control.{c,h} is expected to provide
 *     struct control *control_new(struct shell *s, int listen_fd);   owns listen_fd; registers itself with shell_hooks_set()
 *     void control_free(struct control *c);                          NULL is fine
 * Control is made before the store is opened, so that its socket answers at once: shell_core() is NULL until then.
 */
#include <ev.h>

#include "common/conf/conf.h"
#include "common/ipc/ipc.h"
#include "membership/core/core.h"
#include "membership/data/data.h"

struct shell;

struct ev_loop *shell_loop(const struct shell *s);
/* NULL while the state is being opened: answer that the node is starting. */
struct core *shell_core(const struct shell *s);
/* The shared data; NULL but in SHELL_DATA_READY. Questions only. */
struct data *shell_data(const struct shell *s);
enum shell_data_state {
	SHELL_DATA_LOADING,
	SHELL_DATA_READY,
	SHELL_DATA_DAMAGED,  /* can't be read */
	SHELL_DATA_RESETTING /* the damaged file is being put aside */
};
struct shell_data {
	enum shell_data_state state;
	uint64_t loaded, to_load; /* of LOADING: pairs; 0, 0: not known yet */
	const char *damage;       /* what is wrong and what to do; "" */
};
void shell_data_state(const struct shell *s, struct shell_data *out);
/*
 * DAMAGED: puts the file aside and begins with an empty map, which is filled by the other members. cb is called once,
 * later; error NULL: done.
 */
typedef void shell_repaired(void *ctx, const char *error);
void shell_data_repair(struct shell *s, shell_repaired *cb, void *ctx);
/* Effective configuration of this process; replaced by a reload, so don't keep pointers into it. */
const struct conf_loaded *shell_conf(const struct shell *s);

/*
 * Runs one command and executes its effects. cmd->request is drawn by shell_request() beforehand, as the reply may come
 * during the call. Not to be called from a hook. Needs a core.
 */
uint32_t shell_request(struct shell *s);
void shell_command(struct shell *s, const struct core_command *cmd);
/* The same for the shared data: DATA_PUT, DATA_DELETE, DATA_RESOLVE. */
void shell_data_command(struct shell *s, const struct data_command *cmd);

/* How far the copy of a join, or the hand-over of a leave, has come. False: there is none. */
struct shell_progress {
	uint64_t entries, entries_total, bytes, bytes_total;
};
bool shell_data_progress(const struct shell *s, struct shell_progress *out);

/*
 * What the core says, to whoever asked. Called outside of any core call: hooks may ask the core questions, but give it
 * no input and run no command. The pointed-at is valid during the call. One set of hooks; NULL members are skipped.
 */
struct shell_hooks {
	void (*event)(void *ctx, const struct core_event *e);
	void (*reply)(void *ctx, const struct core_reply *r);
	void (*view)(void *ctx); /* something that status, members or links show has changed */
	void (*data_event)(void *ctx, const struct data_event *e);
	void (*data_reply)(void *ctx, const struct data_reply *r);
	void (*data_changed)(void *ctx); /* ask data_changes() */
};
void shell_hooks_set(struct shell *s, const struct shell_hooks *h, void *ctx);

/* One configured discovery worker: the supervisor's process table and what the worker says of itself. Strings are valid
 * until the loop turns. */
struct shell_worker {
	const char *name, *state, *last_exit; /* from the supervisor */
	uint32_t pid, restarts;
	uint64_t started_ms; /* wall clock */
	bool has_health;     /* the rest is from the worker itself */
	bool ok, found_self;
	const char *text, *detail; /* "" when there is none */
	uint64_t last_sync_ms;     /* wall clock; 0: never */
	size_t n_candidates;
};
size_t shell_n_workers(const struct shell *s);
void shell_worker_at(const struct shell *s, size_t i, struct shell_worker *out);

/* Every candidate of every strategy, as last reported. */
typedef void shell_candidate_visit(void *ctx, const char *strategy,
	const struct core_candidate *candidate);
void shell_each_candidate(const struct shell *s, shell_candidate_visit *visit, void *ctx);

/* Every target whose dials fail now for a reason that somebody should mend: cookie, name that does not resolve, … */
typedef void shell_dial_visit(void *ctx, const char *host, uint16_t port, enum core_loss loss,
	const char *reason);
void shell_each_failed_dial(const struct shell *s, shell_dial_visit *visit, void *ctx);

/*
 * Asks the supervisor something on an operator's behalf. 0 and cb once, later, from the loop; or -EPIPE, -ENOBUFS and no
 * cb. After shell_ask_cancel(ctx) no cb comes for that ctx.
 */
typedef void shell_answer(void *ctx, bool ok, const char *text);
int shell_ask(struct shell *s, enum ipc_ask_kind kind, const char *arg, shell_answer *cb,
	void *ctx);
void shell_ask_cancel(struct shell *s, const void *ctx);

/* What only the shell can count. */
struct shell_counters {
	uint64_t accepted, refused_full; /* connections; pool full */
	uint64_t handshake_failed;       /* ended before an acceptable hello */
	uint64_t persists, persist_errors;
	uint64_t late_ms_max;   /* the loop came round so much later than asked */
	size_t unauthenticated; /* open now */
};
void shell_counters(const struct shell *s, struct shell_counters *out);

#endif
