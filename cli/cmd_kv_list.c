/* kv list, watch: many keys. */
#include <string.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/kv.h"

static void put_key(struct cli *c, const struct ctl_kv_item *item, bool first)
{
	if (c->json) {
		json_t *o = kv_item_json(item);

		json_object_del(o, "value"); /* not asked for */
		json_object_del(o, "values");
		fputs(first ? "\n  " : ",\n  ", c->out);
		json_dumpf(o, c->out, JSON_COMPACT);
		json_decref(o);
	} else if ((c->args->given & OPT_NULL) != 0) {
		fwrite(item->key.p, 1, item->key.n, c->out);
		fputc('\0', c->out);
	} else {
		kv_put_field(c->out, item->key);
		fputc('\n', c->out);
	}
}

int cmd_kv_list(struct cli *c, int argc, const char *const *argv)
{
	char after[CTL_KV_KEY_MAX];
	struct ctl_kv_list_ask ask = {.prefix = kv_prefix(c), .after = {"", 0}};
	struct ctl_kv_list page;
	bool first = true;

	(void)argc;
	(void)argv;
	do {
		int rc = cli_call(c, CTL_KV_LIST, &ask, &page);
		const struct ctl_kv_item *item = page.items.item;

		if (rc != EXIT_OK)
			return rc;
		if (c->json && first)
			fputc('[', c->out);
		for (uint32_t i = 0; i < page.items.n; i++, first = false)
			put_key(c, &item[i], first);
		if (page.items.n > 0) {
			struct msg_span last = item[page.items.n - 1].key;

			memcpy(after, last.p, last.n);
			ask.after = (struct msg_span){after, last.n};
		}
	} while (page.more && page.items.n > 0);
	if (c->json)
		fputs(first ? "]\n" : "\n]\n", c->out);
	return EXIT_OK;
}

/* --- watch --- */

static void put_change(struct cli *c, const struct ctl_kv_item *item)
{
	if (c->json) {
		json_put_line(c->out, kv_item_json(item));
		return;
	}
	fprintf(c->out, "%.*s\t%s\t", (int)item->index.n, item->index.p,
		item->deleted ? "delete" : "put");
	kv_put_field(c->out, item->key);
	if (!item->deleted) {
		fputc('\t', c->out);
		kv_put_field(c->out, item->value);
	}
	fputc('\n', c->out);
}

static void put_anew(struct cli *c, struct msg_span index)
{
	if (c->json)
		json_put_line(c->out,
			json_pack("{s:s, s:o}", "kind", "anew", "index", json_text(index)));
	else
		fputs("That place is forgotten or of other data: all keys follow; forget those "
		      "that don't come.\n",
			c->err);
}

static int put_changes(struct cli *c, const struct ctl_kv_changes *changes)
{
	const struct ctl_kv_item *item = changes->items.item;

	if (changes->anew)
		put_anew(c, changes->index);
	for (uint32_t i = 0; i < changes->items.n; i++)
		put_change(c, &item[i]);
	if (fflush(c->out) != 0)
		return cli_fail(c, "output", "The output can't be written.", "");
	return EXIT_OK;
}

static int follow(struct cli *c)
{
	struct ctl_kv_changes changes;
	struct client_msg msg;

	for (;;) {
		int rc = cli_wait_notice(c, &msg);

		if (rc == EXIT_OK && msg.notice == CTL_KV_CHANGES) {
			rc = cli_take(c, &msg, ctl_notices[CTL_KV_CHANGES].params, &changes);
			if (rc == EXIT_OK)
				rc = put_changes(c, &changes);
		}
		if (rc != EXIT_OK)
			return rc;
	}
}

int cmd_kv_watch(struct cli *c, int argc, const char *const *argv)
{
	char index[CTL_KV_INDEX_MAX + 1] = "";
	struct ctl_kv_watch_ask ask = {.prefix = kv_prefix(c), .follow = true};
	struct ctl_kv_changes page;

	(void)argc;
	(void)argv;
	if (c->args->from != NULL &&
		!msg_span_copy(index, sizeof index, msg_str(c->args->from)))
		return cli_usage_error(c, "no index: %s", c->args->from);
	do {
		int rc;

		ask.index = msg_str(index);
		rc = cli_call(c, CTL_KV_WATCH, &ask, &page);
		if (rc == EXIT_OK)
			rc = put_changes(c, &page);
		if (rc != EXIT_OK)
			return rc;
		(void)msg_span_copy(index, sizeof index, page.index);
	} while (page.more);
	return follow(c);
}
