/* kv get, put, delete, resolve, status: one key, or the store. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/kv.h"
#include "cli/text.h"

static int fetch(struct cli *c, const char *arg, struct ctl_kv_item *item)
{
	struct ctl_kv_key ask;
	int rc = kv_key_arg(c, arg, &ask.key);

	if (rc == EXIT_OK)
		rc = cli_call(c, CTL_KV_GET, &ask, item);
	if (rc == EXIT_OK && !item->found)
		return cli_fail(c, "not_found", "There is no such key.", "");
	return rc;
}

/* The value's own bytes; only a person at a terminal gets a line's end that is not part of it. */
static void put_raw(FILE *out, struct msg_span value)
{
	if (value.n > 0)
		fwrite(value.p, 1, value.n, out);
	if ((value.n == 0 || value.p[value.n - 1] != '\n') && isatty(fileno(out)))
		fputc('\n', out);
}

int cmd_kv_get(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_kv_item item;
	int rc = fetch(c, argv[0], &item);

	(void)argc;
	if (rc != EXIT_OK)
		return rc;
	if (c->json) {
		json_put(c->out, kv_item_json(&item));
		return EXIT_OK;
	}
	if (item.deleted)
		fputs("The last write was a deletion.\n", c->err);
	else
		put_raw(c->out, item.value);
	(void)fflush(c->out);
	if (item.conflict)
		fprintf(c->err,
			"In conflict: %u values were written at the same time; shown is the last. "
			"clusterctl kv resolve shows them all.\n",
			item.n_values);
	return EXIT_OK;
}

static int written(struct cli *c, enum ctl_method m, const struct ctl_kv_write *w,
	const char *done)
{
	struct ctl_kv_written r;
	int rc = cli_call(c, m, w, &r);

	if (rc != EXIT_OK)
		return rc;
	if (!r.ok)
		return kv_write_failed(c, &r);
	if (c->json)
		json_put(c->out, json_pack("{s:b, s:o, s:i}", "ok", 1, "version",
					 json_text_or_null(r.version), "acked", (int)r.acked));
	else
		fprintf(c->out, "%s On %u node%s.\n", done, r.acked, r.acked == 1 ? "" : "s");
	return EXIT_OK;
}

/* All of standard input; one byte more than a value may have is enough to know that it is too long. */
static int read_value(struct cli *c, struct buf *to)
{
	(void)buf_reserve(to, CTL_KV_VALUE_MAX + 1);
	to->n = fread(to->p, 1, CTL_KV_VALUE_MAX + 1, stdin);
	if (ferror(stdin))
		return cli_fail(c, "input", "Standard input can't be read.", "");
	return EXIT_OK;
}

static void condition(struct cli *c, struct ctl_kv_write *w)
{
	w->conditional = (c->args->given & OPT_IF_VERSION) != 0;
	w->if_version = msg_str(w->conditional ? c->args->if_version : "");
	kv_write_options(c, w);
}

int cmd_kv_put(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_kv_write w = {0};
	struct buf in = {0};
	int rc = kv_key_arg(c, argv[0], &w.key);

	condition(c, &w);
	if (rc == EXIT_OK && (argc == 1 || strcmp(argv[1], "-") == 0)) {
		rc = read_value(c, &in);
		w.value = (struct msg_span){(const char *)in.p, (uint32_t)in.n};
	} else if (rc == EXIT_OK) {
		w.value = msg_str(argv[1]);
	}
	if (rc == EXIT_OK && w.value.n > CTL_KV_VALUE_MAX)
		rc = cli_fail(c, "too_large", "A value has 64 KiB at most.", "");
	if (rc == EXIT_OK)
		rc = written(c, CTL_KV_PUT, &w, "Written.");
	buf_free(&in);
	return rc;
}

int cmd_kv_delete(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_kv_write w = {.value = {"", 0}};
	int rc = kv_key_arg(c, argv[0], &w.key);

	(void)argc;
	condition(c, &w);
	return rc == EXIT_OK ? written(c, CTL_KV_DELETE, &w, "Deleted.") : rc;
}

static void put_values(struct cli *c, const struct ctl_kv_item *item)
{
	const struct ctl_kv_sibling *s = item->siblings.item;
	char at[TEXT_TIME_MAX], id[ID_HEX_MAX];

	for (uint32_t i = 0; i < item->siblings.n; i++) {
		fprintf(c->out, "%u\t%s\t%s\t", i + 1, text_time(s[i].ms, true, at),
			id_hex(&s[i].member_id, id));
		if (s[i].deleted)
			fputs("\\N", c->out);
		else
			kv_put_field(c->out, s[i].value);
		fputc('\n', c->out);
	}
	if (item->siblings.n < item->n_values)
		fprintf(c->err, "%u more values are too long to be shown together.\n",
			item->n_values - item->siblings.n);
}

/* Without a choice: what there is to choose from. */
int cmd_kv_resolve(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_kv_write w = {.value = {"", 0}, .pick = (uint32_t)c->args->pick};
	struct ctl_kv_item item;
	int rc = kv_key_arg(c, argv[0], &w.key);

	(void)argc;
	condition(c, &w);
	if (rc == EXIT_OK && w.pick != 0)
		return written(c, CTL_KV_RESOLVE, &w, "Resolved.");
	if (rc == EXIT_OK)
		rc = fetch(c, argv[0], &item);
	if (rc != EXIT_OK)
		return rc;
	if (c->json)
		json_put(c->out, kv_item_json(&item));
	else if (!item.conflict)
		fputs("This key is not in conflict.\n", c->err);
	else
		put_values(c, &item);
	return EXIT_OK;
}

static void put_line(FILE *out, const char *name, unsigned long long n)
{
	fprintf(out, "%-14s%llu\n", name, n);
}

static void put_span(FILE *out, const char *name, struct msg_span s)
{
	fprintf(out, "%-14s%.*s\n", name, (int)s.n, s.p);
}

static void put_status(FILE *out, const struct ctl_kv_status *s)
{
	if (!msg_span_eq(s->state, "ready")) {
		put_span(out, "state", s->state);
		return;
	}
	put_line(out, "keys", s->entries);
	put_line(out, "conflicts", s->conflicts);
	put_line(out, "tombstones", s->tombstones);
	fprintf(out, "%-14s%llu of %llu\n", "bytes", (unsigned long long)s->bytes,
		(unsigned long long)s->max_bytes);
	fprintf(out, "%-14s%llu of at most %d\n", "origins", (unsigned long long)s->origins,
		CTL_KV_ORIGINS_MAX);
	put_span(out, "index", s->index);
	fprintf(out, "%-14s%016llx\n", "vector", (unsigned long long)s->vector_hash);
	fprintf(out, "%-14s%016llx\n", "data", (unsigned long long)s->data_hash);
	put_line(out, "queued", s->queued_bytes);
	put_line(out, "catching up", s->behind);
	fprintf(out, "%-14s%lld ms%s\n", "clock", (long long)s->skew_ms,
		s->skewed ? ": too far off, writes are refused" : "");
	put_span(out, "disk", s->store_error.n == 0 ? msg_str("ok") : s->store_error);
	if (s->copy.n > 0)
		put_span(out, "copy", s->copy);
	if (s->stale)
		fputs("This node was away too long: it copies the data anew.\n", out);
}

int cmd_kv_status(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_kv_status s;
	int rc = cli_call(c, CTL_KV_STATUS, NULL, &s);

	(void)argc;
	(void)argv;
	if (rc != EXIT_OK)
		return rc;
	if (c->json)
		json_put(c->out, json_of(&json_kv_status, &s));
	else
		put_status(c->out, &s);
	return EXIT_OK;
}

int cmd_kv_repair(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_kv_repair ask = {.force = (c->args->given & OPT_FORCE) != 0};

	(void)argc;
	(void)argv;
	return cli_change(c, CTL_KV_REPAIR, &ask,
		"The damaged data is put aside; what the other nodes have is being copied.");
}
