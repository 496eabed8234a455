#define LOG_COMPONENT "control"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/version.h"
#include "membership/control_int.h"

static const char *const apart_name[] = {[CORE_APART_NO] = "",
	[CORE_APART_LEFT] = "left",
	[CORE_APART_REMOVED] = "removed",
	[CORE_APART_NAME] = "name_conflict",
	[CORE_APART_IDENTITY] = "identity_in_use",
	[CORE_APART_BANNED] = "banned"};

/* What happened, and what to do. %s: by whom. */
static const struct {
	const char *text, *hint;
} apart_words[] = {
	[CORE_APART_LEFT] = {"This node left its cluster and stands apart.",
		"Back in: clusterctl cluster discovery enable, or clusterctl cluster join NODE."},
	[CORE_APART_REMOVED] = {"This node was removed from its cluster by %s and stands apart; "
				"its data is kept.",
		"Back in: clusterctl cluster join NODE, or clusterctl cluster discovery enable."},
	[CORE_APART_NAME] = {"Another member has this node's name: %s. This node stands apart.",
		"Give one of them another node.name, or remove the other one."},
	[CORE_APART_IDENTITY] = {"A second process has this node's identity: %s. This node "
				 "stands apart.",
		"Stop one of them; a copied data directory starts with clusterd "
		"--new-identity."},
	[CORE_APART_BANNED] = {"This node is banned from its cluster by %s and stands apart.",
		"It may come back when the ban is over."},
};

struct warnings {
	struct msg_arena *arena;
	struct ctl_warning *item;
	uint32_t n;
};

static void add(struct warnings *w, const char *code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void add(struct warnings *w, const char *code, const char *hint, const char *fmt, ...)
{
	char *text = msg_arena_alloc(w->arena, CTL_TEXT_MAX + 1);
	va_list ap;

	if (text == NULL || w->n == CTL_WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, CTL_TEXT_MAX + 1, fmt, ap);
	va_end(ap);
	w->item[w->n++] = (struct ctl_warning){msg_str(code), control_clip(text, CTL_TEXT_MAX),
		msg_str(hint)};
}

static void add_apart(struct warnings *w, const struct core_status *s)
{
	const char *by = s->apart_by[0] != '\0' ? s->apart_by : "an unknown member";
	char text[CTL_TEXT_MAX + 1];
	const char *words = apart_words[s->apart].text, *at = strstr(words, "%s");

	if (at == NULL)
		snprintf(text, sizeof text, "%s", words);
	else
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - words), words, by, at + 2);
	add(w, "standing_apart", apart_words[s->apart].hint, "%s", text);
}

static void add_cluster(struct warnings *w, const struct core_status *s, bool auto_here)
{
	if (s->apart != CORE_APART_NO)
		add_apart(w, s);
	else if (s->discovery_paused && auto_here)
		add(w, "discovery_paused", "Switch it on: clusterctl cluster discovery enable.",
			"Automatic discovery is switched off on this node.");
	if (s->waiting_heal)
		add(w, "waiting_heal", "Let them merge: clusterctl cluster heal.",
			"A partition waits for heal: autoheal is off.");
	if (!s->quorum && s->voters > 1)
		add(w, "no_quorum",
			"Bring stopped members back, or remove the ones that are gone.",
			"No quorum: %u of %u voters are running.", s->voters_running,
			s->voters);
	if (s->store_failed)
		add(w, "store_failed", "Look at the file system of node.data_dir.",
			"The durable state can't be written.");
	if (auto_here && !s->mode_auto && !s->singleton && s->running + s->stopped > 1)
		add(w, "mode_mismatch",
			"Change it for the cluster: clusterctl cluster mode auto.",
			"This node is configured with automatic discovery, but its cluster's mode is "
			"manual: it merges with nobody.");
}

/* What is known of the shared data: whether it is there, and how it is. */
static struct shell_data data_state(const struct control *c, struct data_status *st)
{
	const struct data *data = shell_data(c->shell);
	struct shell_data state;

	*st = (struct data_status){.store_error = 0};
	if (data != NULL)
		data_status(data, st);
	shell_data_state(c->shell, &state);
	return state;
}

/* How durable things are here, in a few words. True: something can't be written, or read. */
static bool storage_text(const struct control *c, const struct core_status *s,
	char out[CTL_TEXT_MAX + 1])
{
	char text[CTL_TEXT_MAX + 1];
	struct data_status st;
	struct shell_data d = data_state(c, &st);
	int error = st.store_error;

	if (s->store_failed)
		snprintf(out, CTL_TEXT_MAX + 1, "FAILED: writes are refused");
	else if (error != 0)
		snprintf(out, CTL_TEXT_MAX + 1, "FAILED: the shared data can't be written: %s",
			strerror(error));
	else if (d.state != SHELL_DATA_READY)
		snprintf(out, CTL_TEXT_MAX + 1, "%sthe shared data is %.*s",
			d.state == SHELL_DATA_DAMAGED ? "FAILED: " : "", CTL_TEXT_MAX - 64,
			control_data_text(c->shell, text));
	else
		snprintf(out, CTL_TEXT_MAX + 1, "ok");
	return s->store_failed || error != 0 || d.state == SHELL_DATA_DAMAGED;
}

/* What needs attention of the shared data. */
static void add_data(struct warnings *w, const struct control *c)
{
	char text[CTL_TEXT_MAX + 1];
	struct data_status st;
	struct shell_data d = data_state(c, &st);
	int error = st.store_error;

	if (error != 0)
		add(w, "data_store_failed",
			error == EUCLEAN ? "Restart this node; if it can't read the data then: "
					   "clusterctl kv repair."
					 : "Look at the file system of node.data_dir.",
			"The shared data can't be written: %s.", strerror(error));
	else if (st.origins >= DATA_ORIGINS_MAX / 4 * 3)
		add(w, "data_origins",
			"Plan to make the cluster anew: clusterctl kv export, kv import.",
			"Nodes were started and have written %u times; at %d no start can write any more.",
			(unsigned)st.origins, DATA_ORIGINS_MAX);
	else if (d.state == SHELL_DATA_LOADING)
		add(w, "data_loading", "Wait.", "The shared data is %s.",
			control_data_text(c->shell, text));
	else if (d.state == SHELL_DATA_DAMAGED)
		add(w, "data_unusable",
			"clusterctl kv repair puts the damaged file aside and copies what the "
			"others have.",
			"The shared data of this node is %.*s", CTL_TEXT_MAX - 64,
			control_data_text(c->shell, text));
	if (st.skewed)
		add(w, "clock_skew", "Set this machine's clock (NTP).",
			"This node's clock is %" PRId64
			" s from the others': its writes of shared data are refused.",
			st.skew_ms / 1000);
}

struct data_paths {
	unsigned failed;
	const char *to; /* one of them */
};

static void on_link(void *ctx, const struct core_link *l)
{
	struct data_paths *d = ctx;

	if (!l->own || !l->data_failed)
		return;
	d->failed++;
	d->to = l->to_name;
}

/* A node without data tells all of its links to be no way for any. */
static void add_data_paths(struct warnings *w, const struct control *c)
{
	struct data_paths d = {0, ""};
	struct shell_data data;

	shell_data_state(c->shell, &data);
	core_each_link(shell_core(c->shell), on_link, &d);
	if (d.failed > 0 && data.state == SHELL_DATA_READY)
		add(w, "data_path", "Open the RPC ports in the firewall; see clusterctl links.",
			"The RPC port of %u linked member%s can't be reached: %s", d.failed,
			d.failed == 1 ? "" : "s", d.to);
}

static void add_worker(struct warnings *w, const struct shell_worker *k)
{
	if (strcmp(k->state, "running") != 0 && strcmp(k->state, "starting") != 0)
		add(w, "worker_down", "See clusterctl workers.",
			"Discovery worker %s is in %s: %s", k->name, k->state, k->last_exit);
	else if (k->has_health && !k->ok)
		add(w, "discovery_failing",
			"The members known so far stay; see clusterctl workers.",
			"Discovery by %s fails: %s", k->name, k->text);
	else if (k->has_health && !k->found_self)
		add(w, "self_not_found",
			"The others find this node only when it is in that list under its "
			"node.name.",
			"Discovery by %s does not find this node itself.", k->name);
}

static void on_failed_dial(void *ctx, const char *host, uint16_t port, enum core_loss loss,
	const char *reason)
{
	add(ctx, "dial_failing",
		loss == CORE_LOSS_AUTH
			? "All nodes of a cluster have the same node.cookie and the "
			  "same cluster.name."
			: "See clusterctl check.",
		"Dialling %s port %u fails: %s", host, port, reason);
}

struct msg_list control_warnings(struct control *c, struct msg_arena *a)
{
	const struct core *core = shell_core(c->shell);
	struct warnings w = {.arena = a};
	size_t n_workers = shell_n_workers(c->shell);

	w.item = msg_arena_alloc(a, CTL_WARNINGS_MAX * sizeof *w.item);
	if (w.item == NULL)
		return (struct msg_list){NULL, 0};
	if (core == NULL) {
		add(&w, "starting", "Try again in a moment.",
			"The node is starting; its state is not open yet.");
	} else {
		struct core_status s;

		core_status(core, &s);
		add_cluster(&w, &s, conf_values(shell_conf(c->shell))->cluster.strategies != 0);
		add_data(&w, c);
		add_data_paths(&w, c);
		shell_each_failed_dial(c->shell, on_failed_dial, &w);
	}
	for (size_t i = 0; i < n_workers; i++) {
		struct shell_worker k;

		shell_worker_at(c->shell, i, &k);
		add_worker(&w, &k);
	}
	return (struct msg_list){w.item, w.n};
}

/* "static,dns", as far as discovery is automatic. */
static void strategies_text(const struct conf *conf, char *out, size_t cap)
{
	const struct conf_list *l = &conf->cluster.discovery_strategy;
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; conf->cluster.strategies != 0 && i < l->n && n < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s%s", i > 0 ? "," : "", l->item[i]);
}

static void take_core(struct ctl_status *a, const struct control *c,
	char storage[CTL_TEXT_MAX + 1])
{
	struct core_counters n;
	struct core_status s;

	core_status(shell_core(c->shell), &s);
	a->store_failed = storage_text(c, &s, storage);
	a->storage = msg_str(storage);
	a->cluster_name = control_clip(s.cluster_name, CTL_NAME_MAX);
	a->node_id = s.node_id;
	a->member_id = s.member_id;
	a->cluster_id = s.identity.cluster_id;
	a->cluster_created_ms = s.identity.created_ms;
	a->incarnation = s.incarnation;
	a->session = s.session;
	a->role = msg_str(s.role == WIRE_REPLICA ? "replica" : "core");
	a->ready = s.ready;
	a->mode_auto = s.mode_auto;
	a->singleton = s.singleton;
	a->discovery_paused = s.discovery_paused;
	a->autoheal = s.autoheal;
	a->quorum = s.quorum;
	a->running = s.running;
	a->stopped = s.stopped;
	a->voters = s.voters;
	a->voters_running = s.voters_running;
	a->apart = msg_str(apart_name[s.apart]);
	a->apart_by = control_clip(s.apart_by, CTL_NAME_MAX);
	a->busy = control_clip(s.busy, CTL_WORD_MAX);
	a->waiting_heal = s.waiting_heal;
	a->stalls = s.stalls;
	a->stall_ms_max = s.stall_ms_max;
	a->digest = s.digest;
	core_counters(shell_core(c->shell), &n);
	a->frames_in = n.frames_in;
	a->frames_out = n.frames_out;
	a->bytes_in = n.bytes_in;
	a->bytes_out = n.bytes_out;
}

void control_status(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct control *c = cl->control;
	const struct core *core = shell_core(c->shell);
	const struct conf *conf = conf_values(shell_conf(c->shell));
	char strategies[CTL_WORD_MAX + 1], storage[CTL_TEXT_MAX + 1];
	struct msg_arena arena;
	struct ctl_status a = {.node_name = control_clip(conf->node.name, CTL_NAME_MAX),
		.cluster_name = control_clip(conf->cluster.name, CTL_NAME_MAX),
		.version = msg_str(version_text),
		.starting = core == NULL,
		.events_newest = c->events.newest,
		.uptime_ms = control_now_ms() - c->started_ms};

	(void)p;
	strategies_text(conf, strategies, sizeof strategies);
	a.strategies = control_clip(strategies, CTL_WORD_MAX);
	if (core != NULL)
		take_core(&a, c, storage);
	msg_arena_init(&arena, CTL_ARENA_MAX);
	a.warnings = control_warnings(c, &arena);
	control_result(cl, id, m, &a);
	msg_arena_free(&arena);
}
