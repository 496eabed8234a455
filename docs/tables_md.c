/* Tables as Markdown: messages, configuration keys, events. */
#include <assert.h>
#include <string.h>

#include "common/base/duration.h"
#include "common/conf/conf.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ipc.h"
#include "common/wire/wire.h"
#include "common/wire/wire_data.h"
#include "docs/tables.h"
#include "membership/core/core.h"
#include "membership/core/mutants.h"
#include "membership/data/data.h"

/* A cell: what would end it, or be taken for HTML, is escaped; between backticks all is literal. */
static void put_cell(struct buf *out, const char *s)
{
	bool literal = false;

	for (; *s != '\0'; s++) {
		literal ^= *s == '`';
		if (*s == '|')
			buf_str(out, "\\|");
		else if (*s == '<' && !literal)
			buf_str(out, "&lt;");
		else
			buf_put(out, s, 1);
	}
}

/* --- messages --- */

/* The name of a struct on the page: what its message calls it, not what C does. */
static const char *struct_name(const struct msg_desc *d)
{
	const char *low = strchr(d->name, '_');

	return low != NULL ? low + 1 : d->name;
}

static void put_type(struct buf *out, const struct msg_field *f)
{
	static const char *const names[] = {[MSG_BOOL] = "bool",
		[MSG_U16] = "u16",
		[MSG_U32] = "u32",
		[MSG_U64] = "u64",
		[MSG_I64] = "i64",
		[MSG_ID] = "id",
		[MSG_STR] = "str",
		[MSG_BIN] = "bin",
		[MSG_LIST] = "list of ",
		[MSG_STRUCT] = ""};

	buf_str(out, names[f->kind]);
	if (f->of != NULL)
		buf_str(out, struct_name(f->of));
	if (f->max != 0)
		buf_printf(out, " ≤ %u", f->max);
}

static void put_struct(struct buf *out, const struct msg_desc *d)
{
	buf_printf(out, "\n#### %s\n\n%s\n", struct_name(d), d->doc);
	if (d->n_fields == 0)
		return;
	buf_str(out, "\n| field | type | |\n| --- | --- | --- |\n");
	for (unsigned i = 0; i < d->n_fields; i++) {
		const struct msg_field *f = &d->field[i];

		buf_printf(out, "| %s%s | ", f->name, i < d->n_required ? "" : " (optional)");
		put_type(out, f);
		buf_str(out, " | ");
		put_cell(out, f->doc);
		buf_str(out, " |\n");
	}
}

/* Structs in the order of their first mention, each once. */
struct structs {
	const struct msg_desc *d[96];
	size_t n;
};

static void collect(struct structs *s, const struct msg_desc *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		if (s->d[i] == d)
			return;
	assert(s->n < sizeof s->d / sizeof s->d[0]);
	s->d[s->n++] = d;
	for (unsigned i = 0; i < d->n_fields; i++)
		collect(s, d->field[i].of);
}

static void put_structs(struct buf *out, const struct structs *s)
{
	for (size_t i = 0; i < s->n; i++)
		put_struct(out, s->d[i]);
}

static void put_wire(struct buf *out)
{
	struct structs s = {.n = 0};

	buf_str(out, "| method | |\n| --- | --- |\n");
	for (size_t i = 0; i < WIRE_N_TYPES; i++) {
		buf_printf(out, "| %s | ", wire_rows[i].method);
		put_cell(out, wire_rows[i].doc);
		buf_str(out, " |\n");
		collect(&s, wire_rows[i].desc);
	}
	collect(&s, &wire_body_desc);
	put_structs(out, &s);
}

static void put_codes(struct buf *out)
{
	for (unsigned i = 0; i < WIRE_BYE_N; i++)
		buf_printf(out, "%s%u %s", i == 0 ? "" : ", ", i, wire_bye_name(i));
	buf_str(out, ".\n");
}

static const char *name_or_dash(const struct msg_desc *d)
{
	return d == NULL || d->n_fields == 0 ? "–" : struct_name(d);
}

static void put_rpc(struct buf *out)
{
	struct structs s = {.n = 0};

	buf_str(out, "| method | params | result | |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < WIRE_RPC_N; i++) {
		const struct wire_rpc_row *r = &wire_rpc_rows[i];

		buf_printf(out, "| %s | %s | %s | ", r->method, name_or_dash(r->params),
			name_or_dash(r->result));
		put_cell(out, r->doc);
		buf_str(out, " |\n");
		collect(&s, r->params);
		collect(&s, r->result);
	}
	collect(&s, &wire_rpc_error_desc);
	put_structs(out, &s);
}

static void put_data(struct buf *out)
{
	struct structs s = {.n = 0};

	buf_str(out, "| method | params | result | |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < WIRE_DATA_N; i++) {
		const struct wire_data_row *r = &wire_data_rows[i];

		buf_printf(out, "| %s | %s | %s | ", r->method, name_or_dash(r->params),
			name_or_dash(r->result));
		put_cell(out, r->doc);
		buf_str(out, " |\n");
		collect(&s, r->params);
		collect(&s, r->result);
	}
	put_structs(out, &s);
}

static void put_sides(struct buf *out, unsigned sides)
{
	static const struct {
		enum ipc_side side;
		const char *name;
	} names[] = {{IPC_SUPERVISOR, "supervisor"}, {IPC_MEMBERSHIP, "membership"},
		{IPC_WORKER, "worker"}};
	const char *sep = "";

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if ((sides & names[i].side) != 0) {
			buf_printf(out, "%s%s", sep, names[i].name);
			sep = ", ";
		}
}

static void put_ipc(struct buf *out)
{
	struct structs s = {.n = 0};

	buf_str(out, "| method | from | to | params | |\n| --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < IPC_N_TYPES; i++) {
		const struct ipc_row *r = &ipc_rows[i];

		buf_printf(out, "| %s | ", r->method);
		put_sides(out, r->from);
		buf_str(out, " | ");
		put_sides(out, r->to);
		buf_printf(out, " | %s%s | ", name_or_dash(r->desc),
			r->with_fd ? " + descriptor" : "");
		put_cell(out, r->doc);
		buf_str(out, " |\n");
		if (r->desc->n_fields > 0)
			collect(&s, r->desc);
	}
	put_structs(out, &s);
}

static void put_ctl_row(struct buf *out, struct structs *s, const struct ctl_row *r)
{
	buf_printf(out, "| %s | %s | %s | %s | ", r->method, name_or_dash(r->params),
		name_or_dash(r->result), (r->flags & CTL_CHANGES) != 0 ? "yes" : "");
	put_cell(out, r->doc);
	buf_str(out, " |\n");
	if (r->params->n_fields > 0)
		collect(s, r->params);
	collect(s, r->result);
}

static void put_ctl(struct buf *out)
{
	struct structs s = {.n = 0};

	buf_str(out, "Requests:\n\n| method | params | result | changes | |\n"
		     "| --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < CTL_N_METHODS; i++)
		put_ctl_row(out, &s, &ctl_rows[i]);
	buf_str(out, "\nNotifications of the daemon:\n\n| method | params | |\n"
		     "| --- | --- | --- |\n");
	for (size_t i = 0; i < CTL_N_NOTICES; i++) {
		buf_printf(out, "| %s | %s | ", ctl_notices[i].method,
			name_or_dash(ctl_notices[i].params));
		put_cell(out, ctl_notices[i].doc);
		buf_str(out, " |\n");
		collect(&s, ctl_notices[i].params);
	}
	collect(&s, &ctl_error_desc);
	put_structs(out, &s);
}

/* --- keys --- */

const char *key_kind(const struct conf_key *k)
{
	static const char *const names[] = {[CONF_STR] = "text",
		[CONF_BOOL] = "true or false",
		[CONF_UINT] = "number",
		[CONF_DURATION] = "duration",
		[CONF_SIZE] = "size",
		[CONF_ENUM] = "one of",
		[CONF_LIST] = "list",
		[CONF_MAP] = "map"};

	return names[k->kind];
}

static void put_choices(struct buf *out, const char *const *choice)
{
	for (size_t i = 0; choice[i] != NULL; i++) {
		const char *bar = strchr(choice[i], '|');
		size_t n = bar != NULL ? (size_t)(bar - choice[i]) : strlen(choice[i]);

		buf_str(out, i == 0 ? "" : ", ");
		buf_put(out, choice[i], n);
		if (bar != NULL)
			buf_printf(out, " (or %s)", bar + 1);
	}
}

void key_range(struct buf *out, const struct conf_key *k)
{
	char lo[24], hi[24];

	if (k->choice != NULL)
		put_choices(out, k->choice);
	else if (k->kind == CONF_DURATION)
		buf_printf(out, "%s to %s", duration_format(k->min, lo),
			duration_format(k->max, hi));
	else if (k->kind == CONF_UINT || k->kind == CONF_SIZE)
		buf_printf(out, "%llu to %llu", (unsigned long long)k->min,
			(unsigned long long)k->max);
	else if (k->kind == CONF_LIST || k->kind == CONF_MAP)
		buf_printf(out, "at most %llu", (unsigned long long)k->max);
}

static void put_conf(struct buf *out)
{
	buf_str(out, "| key | default | allowed | reload | |\n"
		     "| --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < conf_n_keys; i++) {
		const struct conf_key *k = &conf_key[i];
		struct buf range = {0};

		buf_printf(out, "| %s | ", k->name);
		if (k->def != NULL && k->def[0] != '\0')
			buf_printf(out, "`%s`", k->def);
		buf_printf(out, " | %s", key_kind(k));
		key_range(&range, k);
		if (range.n > 0)
			buf_printf(out, "%s %.*s", k->choice != NULL ? "" : ",", (int)range.n,
				(const char *)range.p);
		buf_printf(out, " | %s | ", (k->flags & CONF_HOT) != 0 ? "yes" : "");
		put_cell(out, k->doc);
		buf_str(out, " |\n");
		buf_free(&range);
	}
}

/* --- events --- */

static void put_events(struct buf *out)
{
#define EVENT_ROW(id, name, severity, doc) {name, severity, doc},
	static const struct {
		const char *name;
		enum core_severity severity;
		const char *doc;
	} rows[] = {CORE_EVENTS(EVENT_ROW) DATA_EVENTS(EVENT_ROW)};
#undef EVENT_ROW
	static const char *const words[] =
		{[CORE_INFO] = "info", [CORE_WARN] = "warning", [CORE_ERROR] = "error"};

	buf_str(out, "| event | severity | |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_printf(out, "| `%s` | %s | ", rows[i].name, words[rows[i].severity]);
		put_cell(out, rows[i].doc);
		buf_str(out, " |\n");
	}
}

static void put_mutants(struct buf *out)
{
#define MUTANT_ROW(id, doc) doc,
	static const char *const rows[] = {CORE_MUTANT_LIST(MUTANT_ROW)};
#undef MUTANT_ROW

	for (size_t i = 1; i < sizeof rows / sizeof rows[0]; i++) /* 0: no fault */
		buf_printf(out, "- %s\n", rows[i]);
}

const struct section md_sections[] = {{"wire", put_wire}, {"codes", put_codes},
	{"rpc", put_rpc}, {"data", put_data}, {"ipc", put_ipc}, {"ctl", put_ctl},
	{"conf", put_conf}, {"events", put_events}, {"mutants", put_mutants}, {NULL, NULL}};
