/* kv export, import: all keys as lines (common/base/kvline.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/kv.h"
#include "common/base/kvline.h"

enum { SIDE_BY_SIDE = 16 };

static struct kvline_field field_of(struct msg_span s, bool deleted)
{
	return (struct kvline_field){deleted ? NULL : (const uint8_t *)s.p, s.n};
}

static int put_item(struct cli *c, const struct ctl_kv_item *item)
{
	const struct ctl_kv_sibling *s = item->siblings.item;
	struct kvline_field field[KVLINE_FIELDS_MAX];
	struct buf line = {0};
	size_t n = 0;

	if (item->conflict && item->siblings.n < item->n_values)
		return cli_fail(c, "too_large",
			"A key's concurrent values are too many for one answer.",
			"clusterctl kv resolve ends the conflict.");
	field[n++] = field_of(item->key, false);
	field[n++] = field_of(item->value, item->deleted);
	for (uint32_t i = item->conflict ? 0 : item->siblings.n; i < item->siblings.n; i++)
		field[n++] = field_of(s[i].value, s[i].deleted);
	kvline_put(&line, field, n);
	fwrite(line.p, 1, line.n, c->out);
	buf_free(&line);
	return EXIT_OK;
}

int cmd_kv_export(struct cli *c, int argc, const char *const *argv)
{
	char after[CTL_KV_KEY_MAX];
	struct ctl_kv_list_ask ask = {.prefix = kv_prefix(c), .after = {"", 0}, .values = true};
	struct ctl_kv_list page;
	bool first = true;

	(void)argc;
	(void)argv;
	do {
		int rc = cli_call(c, CTL_KV_LIST, &ask, &page);
		const struct ctl_kv_item *item = page.items.item;

		if (rc == EXIT_OK && first)
			fputs(KVLINE_HEADER, c->out);
		first = false;
		for (uint32_t i = 0; rc == EXIT_OK && i < page.items.n; i++)
			rc = put_item(c, &item[i]);
		if (rc != EXIT_OK)
			return rc;
		if (page.items.n > 0) {
			struct msg_span last = item[page.items.n - 1].key;

			memcpy(after, last.p, last.n);
			ask.after = (struct msg_span){after, last.n};
		}
	} while (page.more && page.items.n > 0);
	return EXIT_OK;
}

/* --- import --- */

struct import {
	struct cli *cli;
	FILE *in;
	char *text; /* of getline() */
	size_t cap;
	unsigned long line, done, conflicts;
	unsigned waiting;
	struct buf store;
};

static int bad_line(struct import *im, const char *why)
{
	char text[256];

	snprintf(text, sizeof text, "line %lu: %s", im->line, why);
	return cli_fail(im->cli, "bad_input", text, "Nothing behind it was written.");
}

static int take_answer(struct import *im)
{
	struct client_msg msg;
	struct ctl_kv_written w;
	int rc = cli_receive(im->cli, &msg);

	if (rc == EXIT_OK)
		rc = cli_take(im->cli, &msg, ctl_rows[CTL_KV_PUT].result, &w);
	im->waiting--;
	if (rc == EXIT_OK && !w.ok)
		rc = kv_write_failed(im->cli, &w);
	if (rc == EXIT_OK)
		im->done++;
	return rc;
}

static int send_line(struct import *im, const char *line, size_t n)
{
	struct kvline_field f[KVLINE_FIELDS_MAX];
	struct ctl_kv_write w = {0};
	const char *why;
	uint32_t id;
	int rc = kvline_get(line, n, &im->store, f, &why), count = rc;

	if (rc < 0)
		return bad_line(im, why);
	if (f[0].n > CTL_KV_KEY_MAX || f[1].n > CTL_KV_VALUE_MAX)
		return bad_line(im, "a key has 480 bytes at most, a value 64 KiB");
	if (f[1].p == NULL && count == 2)
		return bad_line(im, "a key without any value");
	kv_write_options(im->cli, &w);
	w.key = (struct msg_span){(const char *)f[0].p, (uint32_t)f[0].n};
	w.value =
		(struct msg_span){f[1].p == NULL ? "" : (const char *)f[1].p, (uint32_t)f[1].n};
	rc = im->waiting == SIDE_BY_SIDE ? take_answer(im) : EXIT_OK;
	if (rc == EXIT_OK)
		rc = cli_send(im->cli, f[1].p == NULL ? CTL_KV_DELETE : CTL_KV_PUT, &w, &id);
	if (rc == EXIT_OK) {
		im->waiting++;
		im->conflicts += count > 2;
	}
	return rc;
}

static int send_all(struct import *im)
{
	int rc = EXIT_OK;
	ssize_t n;

	while (rc == EXIT_OK && (n = getline(&im->text, &im->cap, im->in)) >= 0) {
		size_t len = (size_t)n;

		im->line++;
		if (im->text[len - 1] != '\n')
			return bad_line(im, "it does not end: the file is cut off");
		len--;
		if (im->line == 1 && (len + 1 != strlen(KVLINE_HEADER) ||
					     memcmp(im->text, KVLINE_HEADER, len) != 0))
			return bad_line(im, "this is no file of clusterctl kv export");
		if (im->line > 1)
			rc = send_line(im, im->text, len);
	}
	if (rc == EXIT_OK && ferror(im->in))
		return cli_fail(im->cli, "input", "The input can't be read.", "");
	if (rc == EXIT_OK && im->line == 0)
		return bad_line(im, "the input is empty");
	return rc;
}

static void said(const struct import *im)
{
	struct cli *c = im->cli;

	if (c->json)
		json_put(c->out,
			json_pack("{s:b, s:I, s:I}", "ok", 1, "imported", (json_int_t)im->done,
				"conflicts", (json_int_t)im->conflicts));
	else
		fprintf(c->out, "%lu keys imported.\n", im->done);
	if (im->conflicts > 0)
		fprintf(c->err,
			"%lu of them were in conflict when they were exported: of those the value that "
			"readers saw is written.\n",
			im->conflicts);
}

static int input_failed(struct cli *c, const char *file, int error)
{
	char text[512];

	snprintf(text, sizeof text, "%s: %s", file, strerror(error));
	return cli_fail(c, "input", text, "");
}

/* Writes are sent one behind the other, and must not meet data that is still being loaded. */
static int wait_loaded(struct cli *c)
{
	struct ctl_kv_watch_ask nothing = {.prefix = {"", 0}, .index = {"", 0}};
	struct ctl_kv_changes none;

	return cli_call(c, CTL_KV_WATCH, &nothing, &none);
}

int cmd_kv_import(struct cli *c, int argc, const char *const *argv)
{
	bool from_stdin = argc == 0 || strcmp(argv[0], "-") == 0;
	struct import im = {.cli = c, .in = from_stdin ? stdin : fopen(argv[0], "rb")};
	int rc;

	if (im.in == NULL)
		return input_failed(c, argv[0], errno);
	rc = wait_loaded(c);
	if (rc == EXIT_OK)
		rc = send_all(&im);
	while (rc == EXIT_OK && im.waiting > 0)
		rc = take_answer(&im);
	if (!from_stdin)
		(void)fclose(im.in);
	free(im.text);
	buf_free(&im.store);
	if (rc == EXIT_OK)
		said(&im);
	else
		fprintf(c->err,
			"%lu keys were imported before, and up to %u more that were under way.\n",
			im.done, im.waiting);
	return rc;
}
