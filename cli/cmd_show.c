/* Tables: members, links, workers. */
#include <string.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/show.h"
#include "cli/text.h"

static void put_table(struct cli *c, struct text_table *t)
{
	struct buf b = {0};

	text_table_put(t, &b);
	fwrite(b.p, 1, b.n, c->out);
	buf_free(&b);
	text_table_free(t);
}

static void rtt_cell(struct text_table *t, int64_t us)
{
	if (us < 0)
		text_cell(t, msg_str(""));
	else
		text_cellf(t, "%lld.%03llu ms", (long long)us / 1000,
			(unsigned long long)us % 1000);
}

static void time_cell(struct text_table *t, uint64_t wall_ms)
{
	char s[TEXT_TIME_MAX];

	text_cell(t, msg_str(wall_ms == 0 ? "" : text_time(wall_ms, false, s)));
}

static void span_put(struct buf *b, struct msg_span s)
{
	if (s.n > 0)
		buf_put(b, s.p, s.n);
}

static void tags_cell(struct text_table *t, const struct msg_list *tags)
{
	const struct ctl_tag *tag = tags->item;
	struct buf b = {0};

	for (uint32_t i = 0; i < tags->n; i++) {
		if (i > 0)
			buf_put(&b, ",", 1);
		span_put(&b, tag[i].key);
		buf_put(&b, "=", 1);
		span_put(&b, tag[i].value);
	}
	text_cell(t, (struct msg_span){b.n > 0 ? (const char *)b.p : "", (uint32_t)b.n});
	buf_free(&b);
}

static const char *const member_title[] = {"NAME", "STATE", "ROLE", "SINCE", "VERSION",
	"ADDRESS", "RTT", "TAGS"};

/* What it says of itself, where that is more than "up". */
static void member_state_cell(struct text_table *t, const struct ctl_member *m)
{
	const char *state = m->running ? "running" : "stopped";

	if (m->unreadable)
		text_cellf(t, "%s (record unreadable)", state);
	else if (m->state.n == 0 || msg_span_eq(m->state, "up"))
		text_cell(t, msg_str(state));
	else
		text_cellf(t, "%s (%.*s)", state, (int)m->state.n, m->state.p);
}

static void member_row(struct text_table *t, const struct ctl_member *m)
{
	bool v6 = memchr(m->host.p, ':', m->host.n) != NULL;

	text_cell(t, m->name);
	member_state_cell(t, m);
	text_cell(t, m->role);
	time_cell(t, m->since_ms);
	text_cell(t, m->version);
	text_cellf(t, v6 ? "[%.*s]:%u,%u" : "%.*s:%u,%u", (int)m->host.n, m->host.p,
		(unsigned)m->dist_port, (unsigned)m->rpc_port);
	if (m->self)
		text_cell(t, msg_str("self"));
	else
		rtt_cell(t, m->rtt_us);
	tags_cell(t, &m->tags);
}

static void add_members(const struct ctl_members *page, json_t *all, struct text_table *t)
{
	const struct ctl_member *m = page->members.item;

	for (uint32_t i = 0; i < page->members.n; i++) {
		if (all != NULL)
			json_array_append_new(all, json_of(&json_member, &m[i]));
		else
			member_row(t, &m[i]);
	}
}

static int fetch_members(struct cli *c, json_t *all, struct text_table *t)
{
	char last_name[CTL_NAME_MAX + 1] = "";
	struct ctl_after after = {.name = {last_name, 0}};
	struct ctl_members page;

	do {
		const struct ctl_member *last;
		int rc = cli_call(c, CTL_MEMBERS, &after, &page);

		if (rc != EXIT_OK)
			return rc;
		add_members(&page, all, t);
		if (page.members.n == 0)
			break;
		last = (const struct ctl_member *)page.members.item + page.members.n - 1;
		(void)msg_span_copy(last_name, sizeof last_name, last->name);
		after = (struct ctl_after){msg_str(last_name), last->member_id};
	} while (page.more);
	return EXIT_OK;
}

/* Prints one of the two when all went well, and frees both. */
static int finish(struct cli *c, int rc, json_t *all, struct text_table *t)
{
	if (rc == EXIT_OK && all != NULL)
		json_put(c->out, json_incref(all));
	if (rc == EXIT_OK && all == NULL)
		put_table(c, t);
	else
		text_table_free(t);
	json_decref(all);
	return rc;
}

int cmd_members(struct cli *c, int argc, const char *const *argv)
{
	json_t *all = c->json ? json_array() : NULL;
	struct text_table t;

	(void)argc;
	(void)argv;
	text_table_init(&t, member_title, sizeof member_title / sizeof member_title[0]);
	return finish(c, fetch_members(c, all, &t), all, &t);
}

static const char *const link_title[] = {"FROM", "TO", "STATE", "RTT", "AGE", "HOLD",
	"LAST ERROR"};

static void age_cell(struct text_table *t, uint64_t ms)
{
	if (ms == 0)
		text_cell(t, msg_str(""));
	else
		text_cellf(t, "%llu.%llu s", (unsigned long long)ms / 1000,
			(unsigned long long)ms % 1000 / 100);
}

static void link_row(struct text_table *t, const struct ctl_link *l)
{
	text_cell(t, l->from);
	text_cell(t, l->to);
	text_cellf(t, "%.*s%s", (int)l->state.n, l->state.p,
		l->data_failed ? ", no data path" : "");
	rtt_cell(t, l->rtt_us);
	age_cell(t, l->age_ms);
	age_cell(t, l->hold_ms);
	text_cell(t, l->last_error);
}

static int fetch_links(struct cli *c, json_t *all, struct text_table *t)
{
	struct ctl_skip skip = {0};
	struct ctl_links page;

	do {
		int rc = cli_call(c, CTL_LINKS, &skip, &page);
		const struct ctl_link *l = page.links.item;

		if (rc != EXIT_OK)
			return rc;
		for (uint32_t i = 0; i < page.links.n; i++) {
			if (all != NULL)
				json_array_append_new(all, json_of(&json_link, &l[i]));
			else
				link_row(t, &l[i]);
		}
		skip.skip += page.links.n;
	} while (page.more && page.links.n > 0);
	return EXIT_OK;
}

int cmd_links(struct cli *c, int argc, const char *const *argv)
{
	json_t *all = c->json ? json_array() : NULL;
	struct text_table t;

	(void)argc;
	(void)argv;
	text_table_init(&t, link_title, sizeof link_title / sizeof link_title[0]);
	return finish(c, fetch_links(c, all, &t), all, &t);
}

static const char *const worker_title[] = {"NAME", "STATE", "PID", "RESTARTS", "CANDIDATES",
	"LAST SYNC", "LAST EXIT", "LAST ERROR", "DETAIL"};

static void worker_row(struct text_table *t, const struct ctl_worker *w)
{
	text_cell(t, w->name);
	text_cell(t, w->state);
	if (w->pid == 0)
		text_cell(t, msg_str(""));
	else
		text_cellf(t, "%u", w->pid);
	text_cellf(t, "%u", w->restarts);
	text_cellf(t, "%u", w->candidates);
	time_cell(t, w->last_sync_ms);
	text_cell(t, w->last_exit);
	text_cell(t, w->text);
	text_cell(t, w->detail);
}

void show_workers(struct cli *c, const struct ctl_workers *ws)
{
	const struct ctl_worker *w = ws->workers.item;
	struct text_table t;

	text_table_init(&t, worker_title, sizeof worker_title / sizeof worker_title[0]);
	for (uint32_t i = 0; i < ws->workers.n; i++)
		worker_row(&t, &w[i]);
	put_table(c, &t);
}

int cmd_workers(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_workers ws;
	int rc = cli_call(c, CTL_WORKERS, NULL, &ws);

	(void)argc;
	(void)argv;
	if (rc != EXIT_OK)
		return rc;
	if (c->json)
		json_put(c->out, json_of_list(&json_worker, &ws.workers));
	else if (ws.workers.n > 0)
		show_workers(c, &ws);
	else
		fputs("No discovery worker is configured (cluster.discovery_strategy).\n",
			c->out);
	return EXIT_OK;
}
