/* status and discovery status: this node, for people and programs. */
#include <stdarg.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/names.h"
#include "cli/show.h"
#include "cli/text.h"

static void put_line(struct buf *b, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void put_line(struct buf *b, const char *key, const char *fmt, ...)
{
	char s[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s, sizeof s, fmt, ap);
	va_end(ap);
	buf_printf(b, "%-14s", key);
	text_clean(b, msg_str(s));
	buf_str(b, "\n");
}

static int span_len(struct msg_span s)
{
	return (int)s.n;
}

static const char *mode_text(const struct ctl_status *s)
{
	if (s->singleton)
		return "singleton: joins are refused";
	return s->mode_auto ? "auto" : "manual";
}

static void put_discovery(struct buf *b, const struct ctl_status *s)
{
	const char *paused =
		s->discovery_paused
			? ", paused until clusterctl cluster discovery enable or a join"
			: ", enabled";

	if (s->strategies.n == 0)
		put_line(b, "discovery", "none%s", s->discovery_paused ? paused : "");
	else
		put_line(b, "discovery", "%.*s%s", span_len(s->strategies), s->strategies.p,
			paused);
}

static void put_cluster(struct buf *b, const struct ctl_status *s)
{
	put_line(b, "cluster", "%.*s: %u running, %u stopped", span_len(s->cluster_name),
		s->cluster_name.p, s->running, s->stopped);
	put_line(b, "mode", "%s", mode_text(s));
	put_line(b, "quorum", "%s, %u of %u voters running", s->quorum ? "yes" : "no",
		s->voters_running, s->voters);
	put_discovery(b, s);
	put_line(b, "autoheal", "%s%s", s->autoheal ? "on" : "off",
		s->waiting_heal ? ", a partition waits for heal" : "");
	if (s->apart.n > 0)
		put_line(b, "stands apart", "%.*s%s%.*s", span_len(s->apart), s->apart.p,
			s->apart_by.n > 0 ? " by " : "", span_len(s->apart_by), s->apart_by.p);
}

static void put_ids(struct buf *b, const struct ctl_status *s)
{
	char hex[ID_HEX_MAX], at[TEXT_TIME_MAX];

	put_line(b, "storage", "%.*s", span_len(s->storage), s->storage.p);
	put_line(b, "node id", "%s", id_hex(&s->node_id, hex));
	put_line(b, "member id", "%s, incarnation %llu", id_hex(&s->member_id, hex),
		(unsigned long long)s->incarnation);
	put_line(b, "cluster id", "%s, created %s", id_hex(&s->cluster_id, hex),
		text_time(s->cluster_created_ms, false, at));
	if (s->stalls > 0)
		put_line(b, "stalls", "%llu, the longest %llu ms",
			(unsigned long long)s->stalls, (unsigned long long)s->stall_ms_max);
}

static void put_status(struct cli *c, const struct ctl_status *s)
{
	const struct ctl_warning *w = s->warnings.item;
	struct buf b = {0};

	put_line(&b, "node", "%.*s%s%.*s%s", span_len(s->node_name), s->node_name.p,
		s->role.n > 0 ? " (" : "", span_len(s->role), s->role.p,
		s->role.n > 0 ? ")" : "");
	put_line(&b, "version", "%.*s, up for %llu.%03llu s", span_len(s->version),
		s->version.p, (unsigned long long)s->uptime_ms / 1000,
		(unsigned long long)s->uptime_ms % 1000);
	if (s->starting || s->busy.n > 0 || !s->ready)
		put_line(&b, "state", "%.*s", s->busy.n > 0 ? span_len(s->busy) : 8,
			s->busy.n > 0 ? s->busy.p : "starting");
	if (!s->starting) {
		put_cluster(&b, s);
		put_ids(&b, s);
	}
	for (uint32_t i = 0; i < s->warnings.n; i++)
		warning_put(&b, &w[i]);
	fwrite(b.p, 1, b.n, c->out);
	buf_free(&b);
}

int cmd_status(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_status s;
	int rc = cli_call(c, CTL_STATUS, NULL, &s);

	(void)argc;
	(void)argv;
	if (rc != EXIT_OK)
		return rc;
	if (c->json)
		json_put(c->out, json_of(&json_status, &s));
	else
		put_status(c, &s);
	return EXIT_OK;
}

/* Part of the answer is status's, part is workers': the first is taken over before the second is asked for. */
int cmd_discovery_status(struct cli *c, int argc, const char *const *argv)
{
	struct ctl_status s;
	struct ctl_workers ws;
	struct buf b = {0};
	json_t *o;
	int rc = cli_call(c, CTL_STATUS, NULL, &s);

	(void)argc;
	(void)argv;
	if (rc != EXIT_OK)
		return rc;
	o = json_of(&json_discovery, &s);
	put_line(&b, "mode", "%s", mode_text(&s));
	put_discovery(&b, &s);
	rc = cli_call(c, CTL_WORKERS, NULL, &ws);
	if (rc == EXIT_OK && c->json) {
		json_object_set_new(o, "workers", json_of_list(&json_worker, &ws.workers));
		json_put(c->out, json_incref(o));
	} else if (rc == EXIT_OK) {
		fwrite(b.p, 1, b.n, c->out);
		if (ws.workers.n > 0)
			show_workers(c, &ws);
	}
	json_decref(o);
	buf_free(&b);
	return rc;
}
