#include "cli/names.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "common/base/mem.h"

static void add(struct names *s, struct msg_span name)
{
	char text[CTL_NAME_MAX + 1];

	if (!msg_span_copy(text, sizeof text, name))
		return; /* no node has such a name */
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : 2 * s->cap;
		s->item = xrealloc(s->item, s->cap, sizeof *s->item);
	}
	s->item[s->n++] = xstrdup(text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A name has two members for a while when a node lost its disk: it is shown once. */
static void finish(struct names *s)
{
	size_t kept = 0;

	if (s->n > 1)
		qsort(s->item, s->n, sizeof *s->item, by_name);
	for (size_t i = 0; i < s->n; i++) {
		if (kept > 0 && strcmp(s->item[kept - 1], s->item[i]) == 0)
			free(s->item[i]);
		else
			s->item[kept++] = s->item[i];
	}
	s->n = kept;
}

void warning_put(struct buf *out, const struct ctl_warning *w)
{
	buf_str(out, "Warning: ");
	text_sentences(out, w->text, w->hint);
	buf_str(out, "\n");
}

static void take_page(struct cluster_view *v, const struct ctl_cluster_status *page)
{
	const struct ctl_cluster_node *node = page->nodes.item;
	const struct ctl_warning *w = page->warnings.item;

	for (uint32_t i = 0; i < page->nodes.n; i++)
		add(node[i].running ? &v->running : &v->stopped, node[i].name);
	v->warnings.n = 0;
	for (uint32_t i = 0; i < page->warnings.n; i++)
		warning_put(&v->warnings, &w[i]);
}

int cluster_view_fetch(struct cli *c, struct cluster_view *v)
{
	char last_name[CTL_NAME_MAX + 1] = "";
	struct ctl_after after = {.name = {last_name, 0}};
	struct ctl_cluster_status page;

	*v = (struct cluster_view){.running = {NULL, 0, 0}};
	do {
		const struct ctl_cluster_node *node;
		int rc = cli_call(c, CTL_CLUSTER_STATUS, &after, &page);

		if (rc != EXIT_OK)
			return rc;
		cli_learn_node(c, page.node_name);
		take_page(v, &page);
		if (page.nodes.n == 0)
			break;
		node = (const struct ctl_cluster_node *)page.nodes.item + page.nodes.n - 1;
		(void)msg_span_copy(last_name, sizeof last_name, node->name);
		after = (struct ctl_after){msg_str(last_name), node->member_id};
	} while (page.more);
	finish(&v->running);
	finish(&v->stopped);
	return EXIT_OK;
}

static void names_free(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->item[i]);
	free(s->item);
}

void cluster_view_free(struct cluster_view *v)
{
	names_free(&v->running);
	names_free(&v->stopped);
	buf_free(&v->warnings);
}

void cluster_view_put(const struct cluster_view *v, struct cli *c)
{
	struct emqx_names running = {(const char *const *)v->running.item, v->running.n};
	struct emqx_names stopped = {(const char *const *)v->stopped.item, v->stopped.n};
	struct buf b = {0};

	if (c->json)
		emqx_status_json(&b, running, stopped);
	else
		emqx_status(&b, running, stopped);
	fwrite(b.p, 1, b.n, c->out);
	buf_free(&b);
	if (v->warnings.n > 0)
		fwrite(v->warnings.p, 1, v->warnings.n, c->err);
}
