/* check: one node, or all members and candidates, several at a time. */
#include <stdlib.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/node_arg.h"
#include "cli/text.h"
#include "common/base/mem.h"

enum { CHECKS_AT_ONCE = 4 };

struct target {
	char name[CTL_ADDR_MAX + 1], host[CTL_NAME_MAX + 1];
	uint16_t port;
};

struct targets {
	struct target *item;
	size_t n, cap;
};

static void add_target(struct targets *ts, const struct ctl_target *t)
{
	struct target *to;

	if (ts->n == ts->cap) {
		ts->cap = ts->cap == 0 ? 16 : 2 * ts->cap;
		ts->item = xrealloc(ts->item, ts->cap, sizeof *ts->item);
	}
	to = &ts->item[ts->n];
	to->port = t->port;
	if (msg_span_copy(to->name, sizeof to->name, t->name) &&
		msg_span_copy(to->host, sizeof to->host, t->host))
		ts->n++;
}

static int fetch_targets(struct cli *c, struct targets *ts)
{
	struct ctl_skip skip = {0};
	struct ctl_targets page;

	do {
		int rc = cli_call(c, CTL_TARGETS, &skip, &page);
		const struct ctl_target *t = page.targets.item;

		if (rc != EXIT_OK)
			return rc;
		for (uint32_t i = 0; i < page.targets.n; i++)
			add_target(ts, &t[i]);
		skip.skip += page.targets.n;
	} while (page.more && page.targets.n > 0);
	return EXIT_OK;
}

static void put_check(struct cli *c, const struct ctl_check *k)
{
	const struct ctl_step *step = k->steps.item;
	struct buf b = {0};

	text_clean(&b, k->node);
	buf_str(&b, k->ok ? ": ok\n" : ": FAILED\n");
	for (uint32_t i = 0; i < k->steps.n; i++) {
		size_t from = b.n;

		buf_str(&b, step[i].ok ? "  ok      " : "  FAILED  ");
		text_clean(&b, step[i].name);
		while (b.n - from < 22)
			buf_str(&b, " ");
		buf_printf(&b, "%6llu ms", (unsigned long long)step[i].ms);
		if (step[i].text.n > 0)
			buf_str(&b, "  ");
		text_clean(&b, step[i].text);
		buf_str(&b, "\n");
	}
	if (k->advice.n > 0) {
		buf_str(&b, "  → ");
		text_clean(&b, k->advice);
		buf_str(&b, "\n");
	}
	fwrite(b.p, 1, b.n, c->out);
	(void)fflush(c->out);
	buf_free(&b);
}

static int send_check(struct cli *c, const struct target *t)
{
	struct ctl_check_ask p = {msg_str(t->name), msg_str(t->host), t->port};
	uint32_t id;

	return cli_send(c, CTL_CHECK, &p, &id);
}

/* Asks for all of them, CHECKS_AT_ONCE under way; answers are shown as they come. */
static int check_targets(struct cli *c, const struct targets *ts, json_t *all, bool *all_ok)
{
	size_t sent = 0, done = 0;

	while (done < ts->n) {
		struct client_msg msg;
		struct ctl_check k;
		int rc = EXIT_OK;

		while (rc == EXIT_OK && sent < ts->n && sent - done < CHECKS_AT_ONCE)
			rc = send_check(c, &ts->item[sent++]);
		if (rc == EXIT_OK)
			rc = cli_receive(c, &msg);
		if (rc == EXIT_OK)
			rc = cli_take(c, &msg, ctl_rows[CTL_CHECK].result, &k);
		if (rc != EXIT_OK)
			return rc;
		done++;
		*all_ok = *all_ok && k.ok;
		if (all != NULL)
			json_array_append_new(all, json_of(&json_check, &k));
		else
			put_check(c, &k);
	}
	return EXIT_OK;
}

static int check_one(struct cli *c, const char *node)
{
	struct ctl_check_ask p = {msg_str(node), msg_str(""), 0};
	struct ctl_check k;
	int rc = node_arg_check(c, node);

	if (rc == EXIT_OK)
		rc = cli_call(c, CTL_CHECK, &p, &k);
	if (rc != EXIT_OK)
		return rc;
	if (c->json)
		json_put(c->out, json_of(&json_check, &k));
	else
		put_check(c, &k);
	return k.ok ? EXIT_OK : EXIT_FAILED;
}

int cmd_check(struct cli *c, int argc, const char *const *argv)
{
	struct targets ts = {NULL, 0, 0};
	json_t *all;
	bool all_ok = true;
	int rc;

	if (argc == 1)
		return check_one(c, argv[0]);
	all = c->json ? json_array() : NULL;
	rc = fetch_targets(c, &ts);
	if (rc == EXIT_OK)
		rc = check_targets(c, &ts, all, &all_ok);
	if (rc == EXIT_OK && all != NULL)
		json_put(c->out, json_incref(all));
	if (rc == EXIT_OK && all == NULL && ts.n == 0)
		fputs("No other member and no candidate is known: nobody to check.\n", c->out);
	json_decref(all);
	free(ts.item);
	return rc == EXIT_OK && !all_ok ? EXIT_FAILED : rc;
}
