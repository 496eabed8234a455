#include <stdio.h>

#include "membership/core/core_int.h"

/* `clusterctl check NODE`: resolve → connect → TLS and cookie → version → name, each with its result and time. */

enum { CHECKS = sizeof((struct core *)0)->check / sizeof(struct check) };

static const char *const step_names[] = {
	[CORE_STAGE_RESOLVE] = "resolve",
	[CORE_STAGE_CONNECT] = "connect",
	[CORE_STAGE_TLS] = "tls_cookie",
	[CORE_STAGE_HELLO] = "hello",
};

static struct check *check_find(struct core *c, uint32_t conn)
{
	for (size_t i = 0; i < CHECKS; i++)
		if (c->check[i].conn == conn && c->check[i].request != 0)
			return &c->check[i];
	return NULL;
}

static void step(struct core *c, struct check *k, const char *name, bool ok, bool last,
	const char *text)
{
	struct core_reply *r;

	fx_reply(c, k->request, ok ? CORE_OK : CORE_E_NODE_DOWN, k->target.name, "%s", text);
	r = &c->fx[c->fx_n - 1].u.reply;
	snprintf(r->step, sizeof r->step, "%s", name);
	r->step_ok = ok;
	r->last = last;
	r->step_ms = c->now_ms - k->started_ms;
	if (last)
		memset(k, 0, sizeof *k);
}

void check_start(struct core *c, const struct core_command *cmd)
{
	uint16_t port = cmd->node.port != 0 ? cmd->node.port : node_dist_port(cmd->node.name);
	struct check *k = NULL;

	for (size_t i = 0; i < CHECKS && k == NULL; i++)
		if (c->check[i].request == 0)
			k = &c->check[i];
	if (k == NULL) {
		fx_reply(c, cmd->request, CORE_E_BUSY, cmd->node.name,
			"%u checks are under way; try again", (unsigned)CHECKS);
		return;
	}
	k->request = cmd->request;
	k->target = cmd->node;
	k->started_ms = c->now_ms;
	k->stage = CORE_STAGE_RESOLVE;
	k->conn = conn_dial(c, FOR_CHECK, cmd->node.host, port)->id;
}

void check_stage(struct core *c, struct conn *conn)
{
	struct check *k = check_find(c, conn->id);

	if (k == NULL)
		return;
	for (; k->stage < conn->stage; k->stage++)
		step(c, k, step_names[k->stage], true, false, "");
}

/* Versions, cluster name and node name are what hello tells; the rest of the judgement is about linking, not about this. */
void check_hello(struct core *c, struct conn *conn, const struct judgement *j)
{
	struct check *k = check_find(c, conn->id);
	char text[512];

	if (k == NULL) {
		conn_close(c, conn, false);
		return;
	}
	if (j->verdict == JUDGE_REFUSE && j->code == WIRE_BYE_VERSION) {
		step(c, k, "version", false, true, j->text);
	} else if (j->verdict == JUDGE_REFUSE && j->code == WIRE_BYE_CLUSTER_NAME) {
		step(c, k, "version", true, false, "");
		step(c, k, "cluster_name", false, true, j->text);
	} else {
		step(c, k, "version", true, false, "");
		step(c, k, "cluster_name", true, false, "");
		if (strcmp(conn->peer_name, k->target.name) == 0) {
			step(c, k, "name", true, true,
				j->verdict == JUDGE_REFUSE && j->code != WIRE_BYE_SELF ? j->text
										       : "");
		} else {
			snprintf(text, sizeof text,
				"the node that answers calls itself %s: use that name, or correct the address",
				conn->peer_name);
			step(c, k, "name", false, true, text);
		}
	}
	conn_close(c, conn, false);
}

void check_lost(struct core *c, struct conn *conn, enum core_loss loss, const char *text)
{
	struct check *k = check_find(c, conn->id);

	if (k == NULL)
		return;
	if (loss == CORE_LOSS_SELF)
		step(c, k, step_names[k->stage], true, true, "this is the node itself");
	else
		step(c, k, step_names[k->stage], false, true, text);
}
