#define LOG_COMPONENT "control"
/* The shared data's state: how it is, whether it is there at all, what to do when it isn't. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "membership/control_int.h"

_Static_assert((int)CTL_KV_ORIGINS_MAX == (int)DATA_ORIGINS_MAX, "told as it is");

const char *control_data_text(const struct shell *s, char out[CTL_TEXT_MAX + 1])
{
	struct shell_data d;

	shell_data_state(s, &d);
	switch (d.state) {
	case SHELL_DATA_READY:
		return "ready";
	case SHELL_DATA_LOADING:
		snprintf(out, CTL_TEXT_MAX + 1, "loading %u %%",
			d.to_load == 0 ? 0 : (unsigned)(d.loaded * 100 / d.to_load));
		return out;
	case SHELL_DATA_DAMAGED:
		snprintf(out, CTL_TEXT_MAX + 1, "unusable: %s", d.damage);
		return out;
	case SHELL_DATA_RESETTING:
		break;
	}
	return "being put aside";
}

void control_no_data(struct control_client *cl, uint32_t id)
{
	char text[CTL_TEXT_MAX + 1], all[CTL_TEXT_MAX + 1];
	struct shell_data d;

	shell_data_state(cl->control->shell, &d);
	snprintf(all, sizeof all, "The shared data of this node is %.*s", CTL_TEXT_MAX - 64,
		control_data_text(cl->control->shell, text));
	control_error(cl, id, d.state == SHELL_DATA_DAMAGED ? "data_unusable" : "data_loading",
		all);
}

static void add_map(const struct data *data, struct ctl_kv_status *a, char *index, size_t cap)
{
	struct data_status s;

	data_status(data, &s);
	*a = (struct ctl_kv_status){.entries = s.entries,
		.tombstones = s.tombstones,
		.bytes = s.bytes,
		.max_bytes = s.max_bytes,
		.conflicts = s.conflicts,
		.origins = s.origins,
		.vector_hash = s.vector_hash,
		.data_hash = s.data_hash,
		.queued_bytes = s.queued_bytes,
		.behind = s.behind,
		.store_error = control_clip(s.store_error == 0 ? "" : strerror(s.store_error),
			CTL_TEXT_MAX),
		.copy = control_clip(s.copy, CTL_TEXT_MAX),
		.skewed = s.skewed,
		.stale = s.stale,
		.skew_ms = s.skew_ms};
	snprintf(index, cap, "%016" PRIx64 ".%" PRIx64, s.epoch, s.index);
}

void control_kv_status(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	const struct shell *shell = cl->control->shell;
	const struct data *data = shell_data(shell);
	char index[CTL_KV_INDEX_MAX + 1] = "", text[CTL_TEXT_MAX + 1];
	struct ctl_kv_status a = {.copy = {"", 0}, .store_error = {"", 0}};

	(void)p;
	if (data != NULL)
		add_map(data, &a, index, sizeof index);
	a.index = msg_str(index);
	a.state = control_clip(control_data_text(shell, text), CTL_TEXT_MAX);
	control_result(cl, id, m, &a);
}

/* --- repair --- */

static void on_repaired(void *ctx, const char *error)
{
	struct ctl_result r = {.ok = error == NULL,
		.code = msg_str(error == NULL ? "ok" : "store_failed"),
		.name = {"", 0},
		.text = control_clip(error == NULL ? "" : error, CTL_TEXT_MAX),
		.hint = msg_str(
			error == NULL ? "" : "Look at the file system of node.data_dir.")};

	control_finish(ctx, &r);
}

static bool other_core_runs(const struct core *core)
{
	struct core_member m;

	for (size_t i = 0; i < core_n_members(core); i++) {
		core_member_at(core, i, &m);
		if (!m.self && m.running && m.role == WIRE_CORE)
			return true;
	}
	return false;
}

static const char *no_repair(const struct control *c, bool force, const char **hint)
{
	struct shell_data d;

	shell_data_state(c->shell, &d);
	*hint = "";
	if (d.state == SHELL_DATA_READY)
		return "the shared data of this node is usable: there is nothing to repair";
	if (d.state != SHELL_DATA_DAMAGED) {
		*hint = "Try again in a moment.";
		return "the shared data of this node is being read";
	}
	if (!force && !other_core_runs(shell_core(c->shell))) {
		*hint = "--force begins with an empty map.";
		return "no other core runs that the data could be copied from";
	}
	return NULL;
}

void control_kv_repair(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct pending *pending = control_pending_new(cl, id, m);
	const char *hint, *no = no_repair(cl->control, p->kv_repair.force, &hint);

	control_log_request(pending, p->kv_repair.force ? "force" : "");
	if (no == NULL) {
		shell_data_repair(cl->control->shell, on_repaired, pending);
		return;
	}
	control_finish(pending, &(struct ctl_result){.code = msg_str("refused"),
					.name = {"", 0},
					.text = msg_str(no),
					.hint = msg_str(hint)});
}
