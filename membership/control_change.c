#define LOG_COMPONENT "control"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "membership/control_int.h"

enum { ARG_TEXT_MAX = 400 };

/* The core's codes as clusterctl and JSON name them, and what to do about each. */
static const struct answer {
	const char *code, *hint;
} answers[] = {
	[CORE_OK] = {"ok", ""},
	[CORE_E_SELF] = {"self", ""},
	[CORE_E_NODE_DOWN] = {"node_down",
		"clusterctl check NODE shows each step of reaching it."},
	[CORE_E_ALREADY_IN_CLUSTER] = {"already_in_cluster", ""},
	[CORE_E_NAME_IN_USE] = {"name_in_use",
		"Give this node another node.name, or remove the other member."},
	[CORE_E_STANDING_APART] = {"standing_apart",
		"On that node: clusterctl cluster discovery enable, or clusterctl cluster join."},
	[CORE_E_BUSY] = {"busy", "Try again in a moment."},
	[CORE_E_NOT_IN_CLUSTER] = {"node_not_in_cluster", ""},
	[CORE_E_SINGLETON] = {"singleton",
		"cluster.discovery_strategy = singleton refuses all joins: use manual."},
	[CORE_E_REPLICANT] = {"cannot_join_to_replicant", "Join a core node."},
	[CORE_E_STORE] = {"store_failed", "Look at the file system of node.data_dir."},
	[CORE_E_INVALID] = {"invalid", ""},
};

struct pending *control_pending_new(struct control_client *cl, uint32_t id, enum ctl_method m)
{
	struct control *c = cl->control;
	struct pending *p = xcalloc(1, sizeof *p);

	*p = (struct pending){.control = c,
		.client = cl,
		.id = id,
		.method = m,
		.uid = cl->uid,
		.pid = cl->pid};
	LIST_INSERT_HEAD(&c->pending, p, next);
	cl->n_pending++;
	return p;
}

uint32_t control_pending_number(struct pending *p)
{
	struct control *c = p->control;

	assert(p->request == 0);
	p->request = shell_request(c->shell);
	LIST_INSERT_HEAD(&c->by_request[p->request % CONTROL_BUCKETS], p, same_bucket);
	return p->request;
}

static void number_done(struct pending *p)
{
	if (p->request != 0)
		LIST_REMOVE(p, same_bucket);
	p->request = 0;
}

struct pending *control_pending_find(const struct control *c, uint32_t request)
{
	struct pending *p = LIST_FIRST(&c->by_request[request % CONTROL_BUCKETS]);

	while (p != NULL && p->request != request)
		p = LIST_NEXT(p, same_bucket);
	return p;
}

void control_pending_free(struct pending *p)
{
	struct control *c = p->control;

	LIST_REMOVE(p, next);
	number_done(p);
	if (p->client != NULL)
		p->client->n_pending--;
	shell_ask_cancel(c->shell, p);
	control_check_free(p->check);
	free(p);
}

void control_log_request(const struct pending *p, const char *arg)
{
	char quoted[ARG_TEXT_MAX];

	log_info("command", "method=%s arg=%s uid=%u pid=%d", ctl_rows[p->method].method,
		log_quote(quoted, sizeof quoted, arg, strlen(arg)), (unsigned)p->uid,
		(int)p->pid);
}

void control_finish(struct pending *p, const struct ctl_result *r)
{
	char quoted[ARG_TEXT_MAX];

	log_info("command_done", "method=%s code=%.*s text=%s uid=%u pid=%d client=%s",
		ctl_rows[p->method].method, (int)r->code.n, r->code.p,
		log_quote(quoted, sizeof quoted, r->text.p, r->text.n), (unsigned)p->uid,
		(int)p->pid, p->client == NULL ? "gone" : "waits");
	if (p->client != NULL)
		control_result(p->client, p->id, p->method, r);
	control_pending_free(p);
}

static const char *own_name(const struct control *c)
{
	return conf_values(shell_conf(c->shell))->node.name;
}

static void on_answer(void *ctx, bool ok, const char *text)
{
	struct pending *p = ctx;
	struct ctl_result r = {.ok = ok,
		.code = msg_str(ok ? "ok" : "refused"),
		.name = {"", 0},
		.text = control_clip(text, CTL_TEXT_MAX),
		.hint = msg_str("")};

	control_finish(p, &r);
}

static void ask_then(struct pending *p, enum ipc_ask_kind kind, const char *arg,
	shell_answer *then)
{
	if (shell_ask(p->control->shell, kind, arg, then, p) < 0)
		on_answer(p, false, "the supervisor can't be asked at present");
}

static void ask(struct pending *p, enum ipc_ask_kind kind, const char *arg)
{
	ask_then(p, kind, arg, on_answer);
}

void control_reply(struct control *c, const struct core_reply *r)
{
	struct pending *p = control_pending_find(c, r->request);
	const struct answer *a;
	struct ctl_result result;
	char hint[NODE_NAME_MAX + 100];

	if (p == NULL)
		return; /* the shell's own: stop */
	if (p->check != NULL) {
		control_check_reply(p, r);
		return;
	}
	if (p->reexec && r->code == CORE_OK) {
		number_done(p);
		ask(p, IPC_ASK_RESTART, "");
		return;
	}
	a = &answers[r->code];
	snprintf(hint, sizeof hint, "%s", a->hint);
	if (r->code == CORE_E_NODE_DOWN && p->method == CTL_JOIN)
		snprintf(hint, sizeof hint,
			"clusterctl check %s shows each step of reaching it.", r->name);
	result = (struct ctl_result){.ok = r->code == CORE_OK,
		.code = msg_str(a->code),
		.name = control_clip(r->name, CTL_ADDR_MAX),
		.text = control_clip(r->text, CTL_TEXT_MAX),
		.hint = msg_str(hint),
		.discovery_paused = r->code == CORE_OK && p->discovery_was_on};
	control_finish(p, &result);
}

/* What is being done, to everybody who waits for a change. */
void control_progress(struct control *c)
{
	struct core_status s = {.busy = ""};
	const struct core *core = shell_core(c->shell);
	struct shell_progress copy = {0};

	if (LIST_EMPTY(&c->pending))
		return;
	if (core != NULL)
		core_status(core, &s);
	(void)shell_data_progress(c->shell, &copy);
	for (struct pending *p = LIST_FIRST(&c->pending); p != NULL; p = LIST_NEXT(p, next)) {
		bool copies = p->method == CTL_JOIN || p->method == CTL_LEAVE;
		struct ctl_progress note = {.request = p->id,
			.text = s.busy[0] != '\0' ? control_clip(s.busy, CTL_TEXT_MAX)
						  : msg_str("waiting")};

		if (copies) {
			note.entries = copy.entries;
			note.entries_total = copy.entries_total;
			note.bytes = copy.bytes;
			note.bytes_total = copy.bytes_total;
		}
		if (p->client != NULL && control_queued(p->client) < CONTROL_OUT_HIGH)
			control_notice(p->client, CTL_PROGRESS, &note);
	}
}

/* The reply may come during the call and ends the pending. */
static void run(struct pending *p, struct core_command *cmd, const char *arg)
{
	control_log_request(p, arg);
	cmd->request = control_pending_number(p);
	shell_command(p->control->shell, cmd);
}

int control_node(struct control *c, struct msg_span typed, struct node_addr *out,
	const char **why)
{
	const char *own = own_name(c);
	char text[CTL_ADDR_MAX + 1];

	*why = "no node name";
	if (!msg_span_copy(text, sizeof text, typed))
		return -EINVAL;
	return node_parse(text, own + node_short_len(own) + 1, out, why);
}

/* join, force-leave, replace: commands on a node. */
static void run_on_node(struct control_client *cl, uint32_t id, enum ctl_method m,
	struct msg_span typed, struct core_command *cmd)
{
	struct pending *p = control_pending_new(cl, id, m);
	char arg[CTL_ADDR_MAX + 1];
	const char *why;

	snprintf(arg, sizeof arg, "%.*s", (int)typed.n, typed.p);
	if (control_node(cl->control, typed, &cmd->node, &why) == 0) {
		run(p, cmd, arg);
		return;
	}
	control_log_request(p, arg);
	control_finish(p, &(struct ctl_result){.code = msg_str("invalid"),
				  .name = typed,
				  .text = control_clip(why, CTL_TEXT_MAX),
				  .hint = msg_str("")});
}

void control_join(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct core_command cmd = {.kind = CORE_CMD_JOIN, .no_backup = p->join.no_backup};

	run_on_node(cl, id, m, p->join.node, &cmd);
}

void control_replace(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct core_command cmd = {.kind = CORE_CMD_REPLACE};

	run_on_node(cl, id, m, p->node.node, &cmd);
}

void control_force_leave(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct core_command cmd = {.kind = CORE_CMD_FORCE_LEAVE,
		.ban_ms = p->force_leave.ban_ms};

	run_on_node(cl, id, m, p->force_leave.node, &cmd);
}

void control_leave(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct core_command cmd = {.kind = CORE_CMD_LEAVE, .force = p->leave.force};
	struct pending *pending = control_pending_new(cl, id, m);
	struct core_status s;

	core_status(shell_core(cl->control->shell), &s);
	pending->discovery_was_on =
		!s.discovery_paused &&
		conf_values(shell_conf(cl->control->shell))->cluster.strategies != 0;
	run(pending, &cmd, cmd.force ? "force" : "");
}

/* discovery, mode */
void control_switch(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct core_command cmd = {.kind = m == CTL_MODE ? CORE_CMD_MODE : CORE_CMD_DISCOVERY,
		.on = p->sw.on};
	const char *arg = p->sw.on ? "enable" : "disable";

	if (m == CTL_MODE)
		arg = p->sw.on ? "auto" : "manual";
	run(control_pending_new(cl, id, m), &cmd, arg);
}

void control_heal(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct core_command cmd = {.kind = CORE_CMD_HEAL};

	(void)p;
	run(control_pending_new(cl, id, m), &cmd, "");
}

static void on_checked(void *ctx, bool ok, const char *text)
{
	struct core_command cmd = {.kind = CORE_CMD_ANNOUNCE_RESTART};
	struct pending *p = ctx;

	if (ok)
		run(p, &cmd, p->reexec ? "" : "announce");
	else
		on_answer(p, false, text);
}

/* What would not come back is not taken down. */
void control_restart(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct pending *pending = control_pending_new(cl, id, m);

	pending->reexec = !p->restart.announce;
	ask_then(pending, IPC_ASK_CHECK, "", on_checked);
}

void control_tag_set(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	char key[CTL_TAG_KEY_MAX + 1], value[CTL_TAG_VALUE_MAX + 1];
	char arg[sizeof key + sizeof value + 1];
	struct core_command cmd = {.kind = CORE_CMD_TAG_SET, .key = key, .value = value};

	if (!msg_span_copy(key, sizeof key, p->tag.key) ||
		!msg_span_copy(value, sizeof value, p->tag.value)) {
		control_error(cl, id, "bad_params", "A tag holds a NUL byte.");
		return;
	}
	snprintf(arg, sizeof arg, "%s=%s", key, value);
	run(control_pending_new(cl, id, m), &cmd, arg);
}

void control_tag_unset(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	char key[CTL_TAG_KEY_MAX + 1];
	struct core_command cmd = {.kind = CORE_CMD_TAG_UNSET, .key = key};

	if (!msg_span_copy(key, sizeof key, p->name.name)) {
		control_error(cl, id, "bad_params", "A tag holds a NUL byte.");
		return;
	}
	run(control_pending_new(cl, id, m), &cmd, key);
}

/* worker_restart, reload: the supervisor's to do. */
void control_ask(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	enum ipc_ask_kind kind = m == CTL_RELOAD ? IPC_ASK_RELOAD : IPC_ASK_WORKER_RESTART;
	struct pending *pending = control_pending_new(cl, id, m);
	char arg[CTL_WORD_MAX + 1] = "";
	bool good = kind == IPC_ASK_RELOAD || msg_span_copy(arg, sizeof arg, p->name.name);

	control_log_request(pending, arg);
	if (good)
		ask(pending, kind, arg);
	else
		on_answer(pending, false, "no such worker");
}
