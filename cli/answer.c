#include "cli/answer.h"

#include <stdio.h>

#include "cli/emqx_layout.h"

struct term {
	const char *code;
	bool with_name; /* {code,<N>} */
	bool of_join;   /* join says node_down for everything else */
};

static const struct term terms[] = {
	{"already_in_cluster", true, true},
	{"name_in_use", true, true},
	{"standing_apart", true, true},
	{"cannot_join_to_replicant", true, true},
	{"busy", false, true},
	{"singleton", false, true},
	{"node_not_in_cluster", false, false},
	{"node_down", true, true},
};

static const char *const success[] = {
	[ANSWER_JOIN] = "Join the cluster successfully.\n",
	[ANSWER_LEAVE] = "Leave the cluster successfully.\n",
	[ANSWER_FORCE_LEAVE] = "Remove the node from cluster successfully.\n",
};

static const char *const failure[] = {
	[ANSWER_JOIN] = "Failed to join the cluster: ",
	[ANSWER_LEAVE] = "Failed to leave the cluster: ",
	[ANSWER_FORCE_LEAVE] = "Failed to remove the node from cluster: ",
};

static const struct term *find(struct msg_span code)
{
	for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++)
		if (msg_span_eq(code, terms[i].code))
			return &terms[i];
	return NULL;
}

static void put_term(struct buf *out, const char *code, bool with_name, const char *name)
{
	if (!with_name) {
		emqx_atom(out, code);
		return;
	}
	buf_printf(out, "{%s,", code);
	emqx_atom(out, name);
	buf_str(out, "}");
}

void answer_line(struct buf *out, enum answer_kind kind, const struct ctl_result *r,
	const char *asked)
{
	char name[CTL_ADDR_MAX + 1], code[CTL_WORD_MAX + 1] = "error";
	const struct term *t = find(r->code);

	if (r->ok) {
		buf_str(out, success[kind]);
		return;
	}
	if (msg_span_eq(r->code, "self")) {
		buf_str(out, "Ignore.\n");
		return;
	}
	if (r->name.n == 0 || !msg_span_copy(name, sizeof name, r->name))
		snprintf(name, sizeof name, "%s", asked);
	(void)msg_span_copy(code, sizeof code, r->code);
	buf_str(out, failure[kind]);
	if (kind == ANSWER_JOIN && (t == NULL || !t->of_join))
		put_term(out, "node_down", true, name);
	else
		put_term(out, code, t != NULL && t->with_name, name);
	buf_str(out, "\n");
}

void answer_discovery_off(struct buf *out, const char *own_name)
{
	buf_str(out, "Automatic cluster discovery is disabled on this node: ");
	emqx_atom(out, own_name);
	buf_str(out, " to avoid re-joining the same cluster again, if the node is not stopped "
		     "soon. To enable it run: 'clusterctl cluster discovery enable'.\n");
}
