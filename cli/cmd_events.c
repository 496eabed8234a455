/* events: what happened, as lines; with --follow until interrupted. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/text.h"

/* With --json and without --follow all goes into one array, else each event is a line of its own. */
struct output {
	struct cli *cli;
	json_t *all;
};

static void put_json(struct output *o, json_t *event)
{
	if (o->all != NULL) {
		json_array_append_new(o->all, event);
		return;
	}
	json_put_line(o->cli->out, event);
	(void)fflush(o->cli->out);
}

static void put_event(struct output *o, const struct ctl_event *e)
{
	struct buf b = {0};
	char at[TEXT_TIME_MAX];

	if (o->cli->json) {
		put_json(o, json_of(&json_event, e));
		return;
	}
	buf_printf(&b, "%6llu  %s  ", (unsigned long long)e->n,
		text_time(e->time_ms, true, at));
	text_clean(&b, e->severity);
	buf_str(&b, "  ");
	text_clean(&b, e->kind);
	if (e->node.n > 0)
		buf_str(&b, "  ");
	text_clean(&b, e->node);
	if (e->text.n > 0)
		buf_str(&b, "  ");
	text_clean(&b, e->text);
	buf_str(&b, "\n");
	fwrite(b.p, 1, b.n, o->cli->out);
	(void)fflush(o->cli->out);
	buf_free(&b);
}

/* A gap carries the number that it ends with, so that whoever keeps the last `n` goes on behind it. */
static void put_lost(struct output *o, const struct ctl_lost *lost)
{
	if (lost->first == 0)
		return;
	if (o->cli->json) {
		json_t *j = json_of(&json_lost, lost);

		json_object_set_new(j, "kind", json_string("events_lost"));
		put_json(o, j);
		return;
	}
	fprintf(o->cli->err,
		"Events %llu to %llu are lost: they were overwritten by newer ones.\n",
		(unsigned long long)lost->first, (unsigned long long)lost->last);
}

static void put_anew(struct output *o)
{
	if (o->cli->json)
		put_json(o, json_pack("{s:s, s:i}", "kind", "events_anew", "n", 0));
	else
		fputs("The daemon was started again since: event numbers have begun anew.\n",
			o->cli->err);
}

static int put_stored(struct output *o)
{
	struct ctl_events_ask ask = {o->cli->args->since,
		(o->cli->args->given & OPT_FOLLOW) != 0};
	struct ctl_events page;

	do {
		int rc = cli_call(o->cli, CTL_EVENTS, &ask, &page);
		const struct ctl_event *e = page.events.item;

		if (rc != EXIT_OK)
			return rc;
		if (page.anew)
			put_anew(o);
		put_lost(o, &page.lost);
		for (uint32_t i = 0; i < page.events.n; i++)
			put_event(o, &e[i]);
		if (page.events.n > 0)
			ask.since = e[page.events.n - 1].n;
	} while (page.more && page.events.n > 0);
	return EXIT_OK;
}

static int follow(struct output *o)
{
	struct ctl_event event;
	struct ctl_lost lost;
	struct client_msg msg;

	for (;;) {
		int rc = cli_wait_notice(o->cli, &msg);

		if (rc != EXIT_OK)
			return rc;
		if (msg.notice == CTL_EVENT) {
			rc = cli_take(o->cli, &msg, ctl_notices[CTL_EVENT].params, &event);
			if (rc == EXIT_OK)
				put_event(o, &event);
		} else if (msg.notice == CTL_EVENTS_LOST) {
			rc = cli_take(o->cli, &msg, ctl_notices[CTL_EVENTS_LOST].params, &lost);
			if (rc == EXIT_OK)
				put_lost(o, &lost);
		}
		if (rc != EXIT_OK)
			return rc;
		if (ferror(o->cli->out))
			return cli_fail(o->cli, "output", "The output can't be written.", "");
	}
}

int cmd_events(struct cli *c, int argc, const char *const *argv)
{
	bool follows = (c->args->given & OPT_FOLLOW) != 0;
	struct output o = {c, c->json && !follows ? json_array() : NULL};
	int rc = put_stored(&o);

	(void)argc;
	(void)argv;
	if (rc == EXIT_OK && o.all != NULL)
		json_put(c->out, json_incref(o.all));
	json_decref(o.all);
	return rc == EXIT_OK && follows ? follow(&o) : rc;
}
