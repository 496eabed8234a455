#define LOG_COMPONENT "control"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "membership/control_int.h"

enum { STEP_TEXT_MAX = sizeof((struct core_reply *)0)->text };

/* What a check has found so far. */
struct check {
	char node[NODE_NAME_MAX + 1];
	struct {
		char name[CTL_WORD_MAX + 1], text[STEP_TEXT_MAX];
		bool ok;
		uint64_t ms;
	} step[CTL_STEPS_MAX];
	size_t n;
};

/* By the step that failed. */
static const struct {
	const char *step, *advice;
} advices[] = {
	{"resolve", "The host of the name must be in DNS or /etc/hosts of this machine."},
	{"connect",
		"Is clusterd running there? Its distribution port (4370 + the number at the end of "
		"the short name) and its RPC port must be reachable through every firewall."},
	{"tls_cookie", "Both nodes need the same node.cookie and the same cluster.name."},
	{"version", "Upgrade the older of the two nodes."},
	{"cluster_name", "Both nodes need the same cluster.name."},
};

void control_check_free(struct check *k)
{
	free(k);
}

/* A member is tried where its record says; an operator's port goes before. */
static void complete(struct control *c, struct node_addr *node)
{
	struct core_member m;

	if (node->port != 0 || !control_find_member(shell_core(c->shell), node->name, &m))
		return;
	snprintf(node->host, sizeof node->host, "%s", m.host);
	node->port = m.dist_port;
}

void control_check(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct core_command cmd = {.kind = CORE_CMD_CHECK};
	struct pending *pending;
	const char *why;

	if (control_node(cl->control, p->check.node, &cmd.node, &why) < 0) {
		control_error(cl, id, "invalid", why);
		return;
	}
	if (p->check.host.n > 0 &&
		msg_span_copy(cmd.node.host, sizeof cmd.node.host, p->check.host))
		cmd.node.port = p->check.port;
	else
		complete(cl->control, &cmd.node);
	pending = control_pending_new(cl, id, m);
	pending->check = xcalloc(1, sizeof *pending->check);
	snprintf(pending->check->node, sizeof pending->check->node, "%s", cmd.node.name);
	cmd.request = control_pending_number(pending);
	shell_command(cl->control->shell, &cmd);
}

static void answer(struct pending *p)
{
	const struct check *k = p->check;
	struct ctl_step step[CTL_STEPS_MAX];
	struct ctl_check a = {.node = msg_str(k->node),
		.ok = true,
		.steps = {step, (uint32_t)k->n},
		.advice = {"", 0}};

	for (size_t i = 0; i < k->n; i++) {
		step[i] = (struct ctl_step){msg_str(k->step[i].name), msg_str(k->step[i].text),
			k->step[i].ok, k->step[i].ms};
		if (k->step[i].ok || !a.ok)
			continue;
		a.ok = false;
		for (size_t j = 0; j < sizeof advices / sizeof advices[0]; j++)
			if (strcmp(advices[j].step, k->step[i].name) == 0)
				a.advice = msg_str(advices[j].advice);
	}
	if (p->client != NULL)
		control_result(p->client, p->id, p->method, &a);
	control_pending_free(p);
}

void control_check_reply(struct pending *p, const struct core_reply *r)
{
	struct check *k = p->check;

	if (r->step[0] == '\0') { /* it did not begin */
		if (p->client != NULL)
			control_error(p->client, p->id, "busy", r->text);
		control_pending_free(p);
		return;
	}
	if (k->n < CTL_STEPS_MAX) {
		snprintf(k->step[k->n].name, sizeof k->step[k->n].name, "%s", r->step);
		snprintf(k->step[k->n].text, sizeof k->step[k->n].text, "%s", r->text);
		k->step[k->n].ok = r->step_ok;
		k->step[k->n++].ms = r->step_ms;
	}
	if (r->last)
		answer(p);
}
