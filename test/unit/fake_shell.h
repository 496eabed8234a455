#ifndef TEST_UNIT_FAKE_SHELL_H
#define TEST_UNIT_FAKE_SHELL_H
/*
 * What membership/control.c stands on, with answers that a test sets: the shell's functions, the core's questions and a
 * clock that can be moved. Included by one file of a test program; its definitions go before those of the archives.
 */
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "membership/control.h"

enum { FAKE_WORKERS_MAX = 4 };

struct shell {
	bool dial_fails;
	struct ev_loop *loop;
	bool starting;
	struct conf conf;
	struct shell_hooks hooks;
	void *hooks_ctx;
	struct core_status status;
	struct core_counters counters;
	struct shell_progress progress;
	struct data *data; /* the real one, of a node alone */
	bool no_data;      /* then its state is: */
	struct shell_data data_state;
	const char *repair_error;
	const struct core_member *member; /* in order */
	size_t n_members;
	const struct core_link *link;
	size_t n_links;
	struct shell_worker worker[FAKE_WORKERS_MAX];
	size_t n_workers;
	const struct core_candidate *candidate;
	size_t n_candidates;
	/* The last command, and what is answered to it at once. */
	struct core_command cmd;
	char key[128], value[512];
	unsigned n_commands;
	bool answers;
	struct core_reply answer;
	/* The last ask of the supervisor. */
	enum ipc_ask_kind ask_kind;
	char ask_arg[128];
	shell_answer *ask_cb;
	void *ask_ctx;
	int ask_rc;
};

static uint64_t fake_skip_ms; /* how far the clock was moved */

uint64_t clock_mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + fake_skip_ms;
}

uint64_t clock_mono_us(void)
{
	return clock_mono_ms() * 1000;
}

uint64_t clock_wall_ms(void)
{
	return 1700000000123;
}

struct ev_loop *shell_loop(const struct shell *s)
{
	return s->loop;
}

/* The fake core is the fake shell. */
static struct shell *fake_of(const struct core *c)
{
	struct shell *s;

	memcpy(&s, &c, sizeof s);
	return s;
}

struct core *shell_core(const struct shell *s)
{
	struct core *c;

	memcpy(&c, &s, sizeof c);
	return s->starting ? NULL : c;
}

const struct conf_loaded *shell_conf(const struct shell *s)
{
	return (const struct conf_loaded *)&s->conf;
}

struct data *shell_data(const struct shell *s)
{
	return s->starting || s->no_data ? NULL : s->data;
}

void shell_data_state(const struct shell *s, struct shell_data *out)
{
	*out = s->no_data ? s->data_state : (struct shell_data){SHELL_DATA_READY, .damage = ""};
}

void shell_data_repair(struct shell *s, shell_repaired *cb, void *ctx)
{
	s->no_data = s->repair_error != NULL;
	cb(ctx, s->repair_error);
}

bool shell_data_progress(const struct shell *s, struct shell_progress *out)
{
	*out = s->progress;
	return s->progress.entries_total != 0;
}

/* One effect of the real shared data, whose disk takes everything. True: it has to hear of a transaction. */
static bool fake_data_effect(struct shell *s, const struct data_fx *fx, uint64_t *seq)
{
	struct data_reply reply;

	switch (fx->kind) {
	case DATA_FX_PERSIST:
		*seq = fx->u.persist.seq;
		return true;
	case DATA_FX_REPLY:
		reply = fx->u.reply;
		s->hooks.data_reply(s->hooks_ctx, &reply);
		return false;
	case DATA_FX_CHANGED:
		s->hooks.data_changed(s->hooks_ctx);
		return false;
	default:
		return false;
	}
}

static inline void fake_data_turn(struct shell *s)
{
	const struct data_fx *fx;
	uint64_t seq;

	while ((fx = data_next_fx(s->data)) != NULL)
		if (fake_data_effect(s, fx, &seq))
			data_persisted(s->data, seq, 0);
}

void shell_data_command(struct shell *s, const struct data_command *cmd)
{
	data_clock(s->data, clock_mono_us(), clock_wall_ms());
	data_command(s->data, cmd);
	fake_data_turn(s);
}

const struct conf *conf_values(const struct conf_loaded *l)
{
	return (const struct conf *)l;
}

uint32_t shell_request(struct shell *s)
{
	return ++s->n_commands;
}

static void fake_reply(struct shell *s, const struct core_reply *r)
{
	s->hooks.reply(s->hooks_ctx, r);
}

void shell_command(struct shell *s, const struct core_command *cmd)
{
	struct core_reply r = s->answer;

	s->cmd = *cmd;
	snprintf(s->key, sizeof s->key, "%s", cmd->key == NULL ? "" : cmd->key);
	snprintf(s->value, sizeof s->value, "%s", cmd->value == NULL ? "" : cmd->value);
	r.request = cmd->request;
	if (s->answers)
		fake_reply(s, &r);
}

void shell_hooks_set(struct shell *s, const struct shell_hooks *h, void *ctx)
{
	s->hooks = *h;
	s->hooks_ctx = ctx;
}

size_t shell_n_workers(const struct shell *s)
{
	return s->n_workers;
}

void shell_worker_at(const struct shell *s, size_t i, struct shell_worker *out)
{
	*out = s->worker[i];
}

void shell_each_candidate(const struct shell *s, shell_candidate_visit *visit, void *ctx)
{
	for (size_t i = 0; i < s->n_candidates; i++)
		visit(ctx, "static", &s->candidate[i]);
}

void shell_each_failed_dial(const struct shell *s, shell_dial_visit *visit, void *ctx)
{
	if (s->dial_fails)
		visit(ctx, "10.0.0.9", 4370, CORE_LOSS_AUTH, "cookie or cluster name mismatch");
}

int shell_ask(struct shell *s, enum ipc_ask_kind kind, const char *arg, shell_answer *cb,
	void *ctx)
{
	s->ask_kind = kind;
	snprintf(s->ask_arg, sizeof s->ask_arg, "%s", arg);
	s->ask_cb = s->ask_rc < 0 ? NULL : cb;
	s->ask_ctx = ctx;
	return s->ask_rc;
}

void shell_ask_cancel(struct shell *s, const void *ctx)
{
	if (s->ask_ctx == ctx)
		s->ask_cb = NULL;
}

const char *core_event_name(enum core_event_kind k)
{
	return k == CORE_EV_NODE_DOWN ? "node_stopped" : "node_running";
}

enum core_severity core_event_severity(enum core_event_kind k)
{
	return k == CORE_EV_NODE_DOWN ? CORE_WARN : CORE_INFO;
}

void core_status(const struct core *c, struct core_status *out)
{
	*out = fake_of(c)->status;
}

void core_counters(const struct core *c, struct core_counters *out)
{
	*out = fake_of(c)->counters;
}

size_t core_n_members(const struct core *c)
{
	return fake_of(c)->n_members;
}

void core_member_at(const struct core *c, size_t i, struct core_member *out)
{
	*out = fake_of(c)->member[i];
}

void core_each_link(const struct core *c, core_link_visit *visit, void *ctx)
{
	for (size_t i = 0; i < fake_of(c)->n_links; i++)
		visit(ctx, &fake_of(c)->link[i]);
}

/* A node that runs alone and well. */
static inline void fake_shell_init(struct shell *s)
{
	static char name[] = "emqx1@127.0.0.1", cluster[] = "emqxcl";
	static char strategy[] = "static", *strategies[] = {strategy};

	memset(s, 0, sizeof *s);
	s->loop = ev_loop_new(EVFLAG_NOENV);
	s->conf.node.name = name;
	s->conf.cluster.name = cluster;
	s->conf.cluster.discovery_strategy = (struct conf_list){strategies, 1};
	s->status = (struct core_status){.node_name = name,
		.cluster_name = cluster,
		.incarnation = 3,
		.quorum = true,
		.running = 1,
		.voters = 1,
		.voters_running = 1,
		.apart_by = "",
		.busy = "",
		.ready = true,
		.autoheal = true};
}

/* Gives it shared data that may be written. */
static inline void fake_shell_data(struct shell *s)
{
	static const struct data_conf conf = {.max_bytes = 1024 * 1024};
	struct data_member self = {.id = {{1}},
		.name = "emqx1@127.0.0.1",
		.host = "127.0.0.1",
		.core = true,
		.running = true};
	char err[256];

	s->data = data_new(&conf, &(struct core_stored){NULL, 0},
		&(struct core_birth){1, clock_mono_us(), clock_wall_ms()}, err, sizeof err);
	if (s->data == NULL)
		abort();
	data_view(s->data,
		&(struct data_view){.self = self.id, .quorum = true, .member = &self, .n = 1});
	fake_data_turn(s);
}

/* A listening socket at path. */
static inline int fake_listen(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof to.sun_path, "%.107s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) < 0 || listen(fd, 128) < 0)
		abort();
	return fd;
}

#endif
