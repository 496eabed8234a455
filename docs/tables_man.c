/* Tables as mdoc: configuration keys for clusterd.conf.5, commands and options for clusterctl.8. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "cli/command.h"
#include "common/conf/conf.h"
#include "docs/tables.h"

enum { COLUMNS = 78 };

/* Running text: a source line of its own for each sentence, wrapped, and for each literal in backticks a macro. */
struct text {
	struct buf *out;
	size_t column; /* 0: at the beginning of a line */
};

static void text_break(struct text *t)
{
	if (t->column > 0)
		buf_str(t->out, "\n");
	t->column = 0;
}

static void put_escaped(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\')
			buf_str(out, "\\e");
		else
			buf_put(out, s + i, 1);
	}
}

static void text_word(struct text *t, const char *s, size_t n)
{
	if (t->column > 0 && t->column + 1 + n > COLUMNS)
		text_break(t);
	if (t->column > 0)
		buf_str(t->out, " ");
	else if (*s == '.' || *s == '\'')
		buf_str(t->out, "\\&");
	put_escaped(t->out, s, n);
	t->column += n + 1;
	if (strchr(".?!", s[n - 1]) != NULL)
		text_break(t);
}

/* What follows a literal without a blank is punctuation, which the macro wants as words of their own. Returns its end. */
static const char *text_literal(struct text *t, const char *s)
{
	size_t n = strcspn(s, "`");

	text_break(t);
	buf_str(t->out, ".Ql ");
	put_escaped(t->out, s, n);
	s += n;
	s += *s == '`';
	for (; *s != '\0' && *s != ' '; s++)
		buf_printf(t->out, " %c", *s);
	buf_str(t->out, "\n");
	return s;
}

static void put_text(struct buf *out, const char *s)
{
	struct text t = {out, 0};

	while (*s != '\0') {
		size_t n = strcspn(s, " ");

		if (*s == '`') {
			s = text_literal(&t, s + 1);
		} else if (n > 0) {
			text_word(&t, s, n);
			s += n;
		}
		s += *s == ' ';
	}
	text_break(&t);
}

/* --- clusterd.conf.5 --- */

static void put_aliases(struct buf *out, const char *alias)
{
	const char *what = " Also accepted: ";

	while (alias != NULL && *alias != '\0') {
		size_t n = strcspn(alias, " ");

		buf_printf(out, "%s%.*s", what, (int)n, alias);
		what = ", ";
		alias += n;
		alias += *alias == ' ';
	}
	buf_str(out, ".");
}

/* What is allowed, the default, when it may change: a sentence each, as far as there is something to say. */
static void key_about(const struct conf_key *k, struct buf *out)
{
	struct buf range = {0};

	key_range(&range, k);
	if (range.n > 0 || k->kind == CONF_BOOL)
		buf_printf(out, "%c%s%s%s%.*s.", toupper((unsigned char)key_kind(k)[0]),
			key_kind(k) + 1, range.n == 0 || k->choice != NULL ? "" : ",",
			range.n > 0 ? " " : "", (int)range.n,
			range.n > 0 ? (const char *)range.p : "");
	if (k->def != NULL && k->def[0] != '\0')
		buf_printf(out, " Default `%s`.", k->def);
	if ((k->flags & CONF_HOT) != 0)
		buf_str(out, " Changes at reload.");
	if (k->alias != NULL)
		put_aliases(out, k->alias);
	buf_free(&range);
}

static void put_key(struct buf *out, const struct conf_key *k)
{
	struct buf about = {0};

	buf_printf(out, ".It Cm %s%s\n", k->name, k->kind == CONF_MAP ? ".KEY" : "");
	put_text(out, k->doc);
	key_about(k, &about);
	if (about.n > 0) {
		buf_put(&about, "", 1);
		buf_str(out, ".Pp\n");
		put_text(out, (const char *)about.p);
	}
	buf_free(&about);
}

static void put_conf(struct buf *out)
{
	buf_str(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < conf_n_keys; i++)
		put_key(out, &conf_key[i]);
	buf_str(out, ".El\n");
}

/* --- clusterctl.8 --- */

static void put_option(struct buf *out, const struct cli_option *o)
{
	if (o->letter != '\0')
		buf_printf(out, "Fl %c | ", o->letter);
	buf_printf(out, "Fl -%s", o->name);
	if (o->value != NULL)
		buf_printf(out, " Ar %s", o->value);
}

/* `NODE`, `[NODE]`, `[auto|manual]`, `KEY=VALUE...`: capitals stand for something, small letters for themselves. */
static void put_args(struct buf *out, const char *args)
{
	size_t n = strlen(args);
	bool optional = args[0] == '[', more;

	if (n == 0)
		return;
	if (optional) {
		args++;
		n -= 2;
		buf_str(out, " Oo");
	}
	more = n > 3 && strncmp(args + n - 3, "...", 3) == 0;
	n -= more ? 3 : 0;
	buf_str(out, isupper((unsigned char)args[0]) ? " Ar " : " Cm ");
	for (size_t i = 0; i < n; i++)
		buf_printf(out, args[i] == '|' ? " %c " : "%c", args[i]);
	buf_str(out, more ? " ..." : "");
	buf_str(out, optional ? " Oc" : "");
}

static void put_commands(struct buf *out)
{
	buf_str(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *cmd = &commands[i];

		buf_printf(out, ".It Ic %s", cmd->words);
		put_args(out, cmd->args);
		for (size_t k = 0; k < cli_n_options; k++)
			if ((cmd->options & (unsigned)cli_options[k].bit) != 0) {
				buf_str(out, " Oo ");
				put_option(out, &cli_options[k]);
				buf_str(out, " Oc");
			}
		buf_str(out, "\n");
		put_text(out, cmd->help);
	}
	buf_str(out, ".El\n");
}

static void put_options(struct buf *out)
{
	buf_str(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < cli_n_options; i++) {
		buf_str(out, ".It ");
		put_option(out, &cli_options[i]);
		buf_str(out, "\n");
		put_text(out, cli_options[i].help);
	}
	buf_str(out, ".El\n");
}

const struct section man_sections[] = {{"conf", put_conf}, {"commands", put_commands},
	{"options", put_options}, {NULL, NULL}};
