/* Changes that are answered in a word. */
#include <string.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/node_arg.h"
#include "cli/text.h"

static int finish(struct cli *c, const struct ctl_result *r, const char *done)
{
	char code[CTL_WORD_MAX + 1] = "error", text[CTL_TEXT_MAX + 1] = "",
				 hint[CTL_TEXT_MAX + 1] = "";

	(void)msg_span_copy(code, sizeof code, r->code);
	(void)msg_span_copy(text, sizeof text, r->text);
	(void)msg_span_copy(hint, sizeof hint, r->hint);
	if (!r->ok)
		return cli_fail(c, code, *text != '\0' ? text : code, hint);
	if (c->json) {
		json_put(c->out,
			json_pack("{s:b, s:o}", "ok", 1, "text", json_text_or_null(r->text)));
		return EXIT_OK;
	}
	fprintf(c->out, "%s\n", done);
	if (r->text.n > 0) {
		struct buf b = {0};

		text_clean(&b, r->text);
		fprintf(c->err, "%.*s\n", (int)b.n, (const char *)b.p);
		buf_free(&b);
	}
	return EXIT_OK;
}

int cli_change(struct cli *c, enum ctl_method m, const void *params, const char *done)
{
	struct ctl_result r;
	int rc = cli_call(c, m, params, &r);

	return rc == EXIT_OK ? finish(c, &r, done) : rc;
}

static int set_discovery(struct cli *c, bool on, const char *done)
{
	return cli_change(c, CTL_DISCOVERY, &(struct ctl_switch){on}, done);
}

int cmd_discovery_enable(struct cli *c, int argc, const char *const *argv)
{
	(void)argc;
	(void)argv;
	return set_discovery(c, true, "Automatic cluster discovery enabled.");
}

int cmd_discovery_disable(struct cli *c, int argc, const char *const *argv)
{
	(void)argc;
	(void)argv;
	return set_discovery(c, false, "Automatic cluster discovery disabled.");
}

static int show_mode(struct cli *c)
{
	struct ctl_status s;
	int rc = cli_call(c, CTL_STATUS, NULL, &s);
	const char *mode;

	if (rc != EXIT_OK)
		return rc;
	if (s.starting)
		return cli_fail(c, "starting",
			"The node is starting; its state is not open yet.",
			"Try again in a moment.");
	mode = s.mode_auto ? "auto" : "manual";
	if (c->json)
		json_put(c->out, json_pack("{s:s}", "mode", mode));
	else
		fprintf(c->out, "%s\n", mode);
	return EXIT_OK;
}

int cmd_mode(struct cli *c, int argc, const char *const *argv)
{
	bool to_auto;

	if (argc == 0)
		return show_mode(c);
	to_auto = strcmp(argv[0], "auto") == 0;
	if (!to_auto && strcmp(argv[0], "manual") != 0)
		return cli_usage_error(c, "cluster mode is auto or manual, not %s", argv[0]);
	return cli_change(c, CTL_MODE, &(struct ctl_switch){to_auto},
		to_auto ? "The cluster's mode is auto." : "The cluster's mode is manual.");
}

int cmd_heal(struct cli *c, int argc, const char *const *argv)
{
	(void)argc;
	(void)argv;
	return cli_change(c, CTL_HEAL, NULL, "The sides of the partition may merge.");
}

int cmd_replace(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_node p = {msg_str(argv[0])};
	int rc = node_arg_check(c, argv[0]);

	(void)argc;
	if (rc == EXIT_OK)
		rc = cli_change(c, CTL_REPLACE, &p, "The stopped member is declared replaced.");
	return rc;
}

/* All are looked at before the first is sent. */
int cmd_tag_set(struct cli *c, int argc, const char *const *argv)
{
	for (int i = 0; i < argc; i++) {
		const char *eq = strchr(argv[i], '=');

		if (eq == NULL || eq == argv[i])
			return cli_usage_error(c, "a tag is set as KEY=VALUE: %s", argv[i]);
	}
	for (int i = 0; i < argc; i++) {
		const char *eq = strchr(argv[i], '=');
		struct ctl_tag p = {{argv[i], (uint32_t)(eq - argv[i])}, msg_str(eq + 1)};
		struct ctl_result r;
		int rc = cli_call(c, CTL_TAG_SET, &p, &r);

		if (rc == EXIT_OK && (!r.ok || i + 1 == argc))
			return finish(c, &r, "Set.");
		if (rc != EXIT_OK)
			return rc;
	}
	return EXIT_OK;
}

int cmd_tag_unset(struct cli *c, int argc, const char *const *argv)
{
	for (int i = 0; i < argc; i++) {
		struct ctl_name p = {msg_str(argv[i])};
		struct ctl_result r;
		int rc = cli_call(c, CTL_TAG_UNSET, &p, &r);

		if (rc == EXIT_OK && (!r.ok || i + 1 == argc))
			return finish(c, &r, "Removed.");
		if (rc != EXIT_OK)
			return rc;
	}
	return EXIT_OK;
}

int cmd_worker_restart(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_name p = {msg_str(argv[0])};

	(void)argc;
	return cli_change(c, CTL_WORKER_RESTART, &p, "The worker is restarted.");
}

/* A line for each finding. */
static void put_lines(FILE *out, struct msg_span text)
{
	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		uint32_t n = end != NULL ? (uint32_t)(end - text.p) : text.n;
		struct buf b = {0};

		text_clean(&b, (struct msg_span){text.p, n});
		fprintf(out, "%.*s\n", (int)b.n, (const char *)b.p);
		buf_free(&b);
		n += n < text.n ? 1 : 0;
		text = (struct msg_span){text.p + n, text.n - n};
	}
}

/* The supervisor's: what it refuses it gives reasons for, line by line. */
static int ask_supervisor(struct cli *c, enum ctl_method m, const void *params,
	const char *done)
{
	struct ctl_result r;
	int rc = cli_call(c, m, params, &r);

	if (rc != EXIT_OK)
		return rc;
	if (r.ok || c->json)
		return finish(c, &r, done);
	put_lines(c->err, r.text);
	return EXIT_FAILED;
}

int cmd_reload(struct cli *c, int argc, const char *const *argv)
{
	(void)argc;
	(void)argv;
	return ask_supervisor(c, CTL_RELOAD, NULL, "The configuration is reloaded.");
}

int cmd_restart(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_restart p = {(c->args->given & OPT_ANNOUNCE) != 0};

	(void)argc;
	(void)argv;
	return ask_supervisor(c, CTL_RESTART, &p,
		p.announce ? "The restart is announced." : "The node restarts.");
}
