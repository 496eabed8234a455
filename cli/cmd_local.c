/* What needs no daemon: cookie, version, help. */
#include "cli/command.h"
#include "cli/json.h"
#include "cli/text.h"
#include "common/base/cookie.h"
#include "common/base/version.h"
#include "common/wire/wire.h"

int cmd_cookie_generate(struct cli *c, int argc, const char *const *argv)
{
	char cookie[COOKIE_GENERATED_MAX];
	int rc = cookie_generate(cookie);

	(void)argc;
	(void)argv;
	if (rc < 0)
		return cli_fail(c, "random", "The kernel gives no random bytes.", "");
	if (c->json)
		json_put(c->out, json_pack("{s:s}", "cookie", cookie));
	else
		fprintf(c->out, "%s\n", cookie);
	return EXIT_OK;
}

static json_t *json_protocol(uint32_t lo, uint32_t hi)
{
	return json_pack("[i,i]", (int)lo, (int)hi);
}

/* The daemon's version or false: that none runs is no failure here. */
static bool ask_daemon(struct cli *c, struct ctl_version *v)
{
	return cli_try_connect(c) == 0 && cli_call(c, CTL_VERSION, NULL, v) == EXIT_OK;
}

static json_t *json_daemon(const struct ctl_version *v)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "node", json_text(v->node_name), "version",
		json_text(v->version), "commit", json_text_or_null(v->commit), "protocol",
		json_protocol(v->proto_lo, v->proto_hi));
}

int cmd_version(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_version v;
	bool answered = ask_daemon(c, &v);
	struct buf b = {0};

	(void)argc;
	(void)argv;
	if (c->json) {
		json_put(c->out,
			json_pack("{s:s, s:o, s:o, s:o}", "version", version_text, "commit",
				json_text_or_null(msg_str(version_commit)), "protocol",
				json_protocol(WIRE_PROTO_LO, WIRE_PROTO_HI), "daemon",
				answered ? json_daemon(&v) : json_null()));
		return EXIT_OK;
	}
	buf_printf(&b, "clusterctl %s%s%s, protocol %d to %d\n", version_text,
		*version_commit != '\0' ? " " : "", version_commit, WIRE_PROTO_LO,
		WIRE_PROTO_HI);
	if (answered) {
		buf_str(&b, "clusterd ");
		text_clean(&b, v.version);
		buf_str(&b, v.commit.n > 0 ? " " : "");
		text_clean(&b, v.commit);
		buf_printf(&b, ", protocol %u to %u, ", v.proto_lo, v.proto_hi);
		text_clean(&b, v.node_name);
		buf_str(&b, "\n");
	}
	fwrite(b.p, 1, b.n, c->out);
	buf_free(&b);
	return EXIT_OK;
}

int cmd_help(struct cli *c, int argc, const char *const *argv)
{
	int n_words;
	const struct command *cmd = command_find(argv, argc, &n_words);

	if (cmd != NULL && n_words == argc)
		command_usage(cmd, c->out);
	else
		fputs("Usage: clusterctl [OPTION...] COMMAND [ARGUMENT...]\n", c->out);
	if (command_help(argv, argc, c->out) == 0) {
		fputs("clusterctl: no such command\n", c->err);
		return EXIT_USAGE;
	}
	fputs("Options of all commands:\n", c->out);
	for (size_t i = 0; i < cli_n_options; i++) {
		const struct cli_option *o = &cli_options[i];

		if ((OPT_GLOBAL & (unsigned)o->bit) != 0)
			fprintf(c->out, "  --%-8s %-9s %s\n", o->name, o->value ? o->value : "",
				o->help);
	}
	return EXIT_OK;
}
