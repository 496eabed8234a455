#include "membership/core/core_int.h"

/* What operators ask for. */

static void tag_set(struct core *c, const struct core_command *cmd)
{
	struct core_tag *grown = xcalloc(c->n_tags + 1, sizeof *grown);
	size_t n = 0;

	for (size_t i = 0; i < c->n_tags; i++)
		if (strcmp(c->tags[i].key, cmd->key) != 0)
			grown[n++] = c->tags[i];
	if (cmd->kind == CORE_CMD_TAG_SET)
		grown[n++] = (struct core_tag){cmd->key, cmd->value};
	if (n > WIRE_TAGS_MAX || (cmd->kind == CORE_CMD_TAG_UNSET && n == c->n_tags)) {
		fx_reply(c, cmd->request, CORE_E_INVALID, cmd->key, "%s",
			n > WIRE_TAGS_MAX ? "too many tags: unset one first, 64 is the most"
					  : "no such tag");
	} else {
		struct core_tag *old = c->tags;
		size_t n_old = c->n_tags;

		tags_copy(&c->tags, &c->n_tags, grown, n);
		tags_free(old, n_old);
		record_touch(c, false);
		c->tags_set = true;
		state_put_self(c);
		struct waiter *w = persist_wait(c, persist_commit(c), WAIT_COMMAND);
		w->request = cmd->request;
	}
	free(grown);
}

static void tag_command(struct core *c, const struct core_command *cmd)
{
	const char *value = cmd->kind == CORE_CMD_TAG_SET ? cmd->value : "";

	if (cmd->key[0] == '\0' || strlen(cmd->key) > WIRE_TAG_KEY_MAX ||
		strlen(value) > WIRE_TAG_VALUE_MAX)
		fx_reply(c, cmd->request, CORE_E_INVALID, cmd->key,
			"a tag's key has 1 to 64 bytes and its value at most 256");
	else
		tag_set(c, cmd);
}

static void discovery_command(struct core *c, const struct core_command *cmd)
{
	struct waiter *w;

	c->paused = !cmd->on;
	if (cmd->on) {
		c->apart = CORE_APART_NO;
		c->apart_by[0] = '\0';
		if (single(c))
			c->settings.mode_auto = c->conf_mode == CORE_AUTO;
		candidates_unblock(c);
	}
	state_put_self(c);
	w = persist_wait(c, persist_commit(c), WAIT_COMMAND);
	w->request = cmd->request;
	c->plan_dirty = true;
	fx_view(c);
}

static void settings_command(struct core *c, const struct core_command *cmd)
{
	struct waiter *w;

	if (cmd->kind == CORE_CMD_MODE)
		settings_set(c, cmd->on, c->settings.autoheal);
	else
		settings_set(c, c->settings.mode_auto, cmd->on);
	state_put_self(c);
	w = persist_wait(c, persist_commit(c), WAIT_COMMAND);
	w->request = cmd->request;
}

static void join_command(struct core *c, const struct core_command *cmd)
{
	join_start(c, &cmd->node, true, cmd->request);
	if (c->join.request == cmd->request)
		c->join.no_backup = cmd->no_backup;
}

static void leave_command(struct core *c, const struct core_command *cmd)
{
	leave_start(c, cmd->request, cmd->force);
}

static void force_leave_command(struct core *c, const struct core_command *cmd)
{
	force_leave(c, cmd, cmd->kind == CORE_CMD_REPLACE ? WIRE_REPLACED : WIRE_FORCED);
}

static void heal_command(struct core *c, const struct core_command *cmd)
{
	c->heal_once = c->n_stopped_cores > 0;
	c->waiting_heal = false;
	for (size_t i = 1; i < c->n; i++)
		c->member[i]->next_dial_ms = 0;
	burst(c);
	fx_reply(c, cmd->request, CORE_OK, "", "%s", "");
	fx_view(c);
}

static void stop_command(struct core *c, const struct core_command *cmd)
{
	stop_start(c, cmd->request, cmd->kind == CORE_CMD_ANNOUNCE_RESTART);
}

/* Commands that write what a join or leave is just replacing. */
static bool writes(enum core_command_kind kind)
{
	return kind == CORE_CMD_FORCE_LEAVE || kind == CORE_CMD_REPLACE ||
	       kind == CORE_CMD_DISCOVERY || kind == CORE_CMD_MODE ||
	       kind == CORE_CMD_AUTOHEAL || kind == CORE_CMD_TAG_SET ||
	       kind == CORE_CMD_TAG_UNSET;
}

static void command_run(struct core *c, const struct core_command *cmd)
{
	static void (*const run[])(struct core *, const struct core_command *) = {
		[CORE_CMD_JOIN] = join_command,
		[CORE_CMD_LEAVE] = leave_command,
		[CORE_CMD_FORCE_LEAVE] = force_leave_command,
		[CORE_CMD_DISCOVERY] = discovery_command,
		[CORE_CMD_MODE] = settings_command,
		[CORE_CMD_AUTOHEAL] = settings_command,
		[CORE_CMD_HEAL] = heal_command,
		[CORE_CMD_REPLACE] = force_leave_command,
		[CORE_CMD_TAG_SET] = tag_command,
		[CORE_CMD_TAG_UNSET] = tag_command,
		[CORE_CMD_CHECK] = check_start,
		[CORE_CMD_ANNOUNCE_RESTART] = stop_command,
		[CORE_CMD_STOP] = stop_command,
	};

	if (swapping(c) && writes(cmd->kind))
		fx_reply(c, cmd->request, CORE_E_BUSY, c->node_name,
			"another join or leave is under way on this node; try again");
	else
		run[cmd->kind](c, cmd);
}

void command_drop(struct core_command *w)
{
	free((void *)(uintptr_t)w->key);
	free((void *)(uintptr_t)w->value);
}

bool command_keep(struct core *c, const struct core_command *cmd)
{
	struct core_command *w;

	if (c->n_waiting == WAITING_MAX)
		return false;
	w = &c->waiting[c->n_waiting++];
	*w = *cmd;
	w->key = cmd->key == NULL ? NULL : xstrdup(cmd->key);
	w->value = cmd->value == NULL ? NULL : xstrdup(cmd->value);
	return true;
}

/* Before the incarnation is on disk nothing may be said to others: what operators ask meanwhile waits for it. */
static bool command_waits(struct core *c, const struct core_command *cmd)
{
	return !c->started && cmd->kind != CORE_CMD_STOP && command_keep(c, cmd);
}

void commands_release(struct core *c)
{
	struct core_command now[WAITING_MAX];
	size_t n = c->n_waiting;

	memcpy(now, c->waiting, n * sizeof now[0]);
	c->n_waiting = 0;
	for (size_t i = 0; i < n; i++) {
		command_run(c, &now[i]);
		command_drop(&now[i]);
	}
}

void core_command(struct core *c, const struct core_command *cmd)
{
	if (!command_waits(c, cmd)) {
		if (c->started || cmd->kind == CORE_CMD_STOP)
			command_run(c, cmd);
		else
			fx_reply(c, cmd->request, CORE_E_BUSY, "",
				"this node is just starting and many commands wait already; try again");
	}
	settle(c);
}
