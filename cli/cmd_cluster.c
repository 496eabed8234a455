/* join, leave, force-leave, status: the commands that speak with EMQX's words. */
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/names.h"
#include "cli/node_arg.h"

static void put_buf(FILE *out, struct buf *b)
{
	if (b->n > 0)
		fwrite(b->p, 1, b->n, out);
	buf_free(b);
}

static int put_status(struct cli *c)
{
	struct cluster_view v;
	int rc = cluster_view_fetch(c, &v);

	if (rc == EXIT_OK)
		cluster_view_put(&v, c);
	cluster_view_free(&v);
	return rc;
}

static int failed(struct cli *c, enum answer_kind kind, const struct ctl_result *r,
	const char *asked)
{
	char code[CTL_WORD_MAX + 1] = "error", text[CTL_TEXT_MAX + 1] = "",
				 hint[CTL_TEXT_MAX + 1] = "";
	struct buf b = {0};

	(void)msg_span_copy(code, sizeof code, r->code);
	(void)msg_span_copy(text, sizeof text, r->text);
	(void)msg_span_copy(hint, sizeof hint, r->hint);
	if (!c->json) {
		answer_line(&b, kind, r, asked);
		put_buf(c->out, &b);
		(void)fflush(c->out); /* the reason on the other stream comes second */
	}
	return cli_fail(c, code, text, hint);
}

static json_t *json_names(const struct names *s)
{
	json_t *a = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(a, json_text(msg_str(s->item[i])));
	return a;
}

/* The change is done, whatever comes of the question how things look now: its failure is told on standard error alone. */
static int succeeded_json(struct cli *c, const struct ctl_result *r)
{
	struct cluster_view v;
	json_t *o = json_pack("{s:b, s:o, s:b}", "ok", 1, "text", json_text_or_null(r->text),
		"discovery_paused", r->discovery_paused);

	c->json = false;
	if (cluster_view_fetch(c, &v) == EXIT_OK) {
		json_object_set_new(o, "running_nodes", json_names(&v.running));
		json_object_set_new(o, "stopped_nodes", json_names(&v.stopped));
	}
	cluster_view_free(&v);
	json_put(c->out, o);
	return EXIT_OK;
}

/* Text of a success goes to standard error: standard output has EMQX's bytes and no others. */
static int succeeded(struct cli *c, enum answer_kind kind, const struct ctl_result *r)
{
	struct buf b = {0};
	struct ctl_warning note = {.text = r->text, .hint = r->hint};

	if (c->json)
		return succeeded_json(c, r);
	if (r->discovery_paused)
		answer_discovery_off(&b, c->node_name);
	answer_line(&b, kind, r, "");
	put_buf(c->out, &b);
	(void)fflush(c->out);
	if (r->text.n > 0) {
		warning_put(&b, &note);
		put_buf(c->err, &b);
	}
	(void)put_status(c);
	return EXIT_OK;
}

static int change(struct cli *c, enum answer_kind kind, enum ctl_method m, const void *params,
	const char *asked)
{
	struct ctl_result r;
	int rc = cli_call(c, m, params, &r);

	if (rc != EXIT_OK)
		return rc;
	return r.ok ? succeeded(c, kind, &r) : failed(c, kind, &r, asked);
}

int cmd_join(struct cli *c, int argc, const char *const *argv)
{
	enum { BOTH = OPT_KEEP_BACKUP | OPT_NO_BACKUP };
	struct ctl_join p = {msg_str(argv[0]), (c->args->given & OPT_NO_BACKUP) != 0};
	int rc = node_arg_check(c, argv[0]);

	(void)argc;
	if ((c->args->given & BOTH) == BOTH)
		return cli_usage_error(c, "--keep-backup and --no-backup are opposites");
	return rc == EXIT_OK ? change(c, ANSWER_JOIN, CTL_JOIN, &p, argv[0]) : rc;
}

int cmd_leave(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_leave p = {(c->args->given & OPT_FORCE) != 0};
	struct ctl_version v;
	int rc = cli_call(c, CTL_VERSION, NULL, &v);

	(void)argc;
	(void)argv;
	if (rc != EXIT_OK)
		return rc;
	cli_learn_node(c, v.node_name); /* for the words on discovery */
	return change(c, ANSWER_LEAVE, CTL_LEAVE, &p, "");
}

int cmd_force_leave(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_force_leave p = {msg_str(argv[0]), c->args->ban_ms};
	int rc = node_arg_check(c, argv[0]);

	(void)argc;
	return rc == EXIT_OK ? change(c, ANSWER_FORCE_LEAVE, CTL_FORCE_LEAVE, &p, argv[0]) : rc;
}

int cmd_cluster_status(struct cli *c, int argc, const char *const *argv)
{
	(void)argc;
	(void)argv;
	return put_status(c);
}
