#include "test/sim/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "test/sim/proc.h"

struct check *check_new(struct sim *s)
{
	struct check *c = xcalloc(1, sizeof *c);

	c->node = xcalloc(s->n_procs, sizeof *c->node);
	c->always_autoheal = s->setup.autoheal;
	for (unsigned i = 0; i < s->n_procs; i++) {
		s->proc[i].seen = xcalloc(s->n_procs, sizeof *s->proc[i].seen);
		c->node[i].group = s->setup.manual ? i : 0;
		if (s->setup.autoclean_ms > 0)
			c->node[i].excuses = EXCUSE_CLEANED;
	}
	return c;
}

void check_free(struct check *c)
{
	if (c == NULL)
		return;
	free(c->node);
	free(c);
}

static struct check_node *node_of(const struct proc *p)
{
	return &p->sim->check->node[p->id];
}

/* --- who may share a cluster */

static unsigned root(struct check *c, unsigned i)
{
	while (c->node[i].group != i)
		i = c->node[i].group = c->node[c->node[i].group].group;
	return i;
}

void check_may_mix(struct sim *s, unsigned a, unsigned b)
{
	s->check->node[root(s->check, a)].group = root(s->check, b);
}

bool check_may_share(struct sim *s, unsigned a, unsigned b)
{
	return root(s->check, a) == root(s->check, b);
}

void check_excuse(struct proc *p, unsigned excuse)
{
	if (p->sim->check != NULL)
		node_of(p)->excuses |= excuse;
}

void check_clone(struct proc *clone, const struct proc *of)
{
	struct sim *s = clone->sim;

	if (s->check == NULL)
		return;
	s->check->contested = true;
	check_may_mix(s, clone->id, of->id);
	check_excuse(clone, EXCUSE_TWIN);
	check_excuse(&s->proc[of->id], EXCUSE_TWIN);
}

/* --- life */

void check_started(struct proc *p)
{
	if (p->sim->check == NULL)
		return;
	memset(p->seen, 0, p->sim->n_procs * sizeof *p->seen);
	node_of(p)->n_gone = 0;
	node_of(p)->joining = false;
}

void check_ended(struct proc *p)
{
	if (p->sim->check != NULL)
		node_of(p)->joining = false;
}

/* --- commands and their replies */

static void note_join(struct proc *p, const struct core_command *cmd)
{
	struct check_node *n = node_of(p);
	struct proc *target = proc_by_name(p->sim, cmd->node.name);
	struct core_status st;

	if (target == NULL || n->joining)
		return;
	core_status(p->core, &st);
	n->joining = true;
	n->join_request = cmd->request;
	n->join_target = target->id;
	n->join_member = st.member_id;
	n->join_identity = st.identity;
	n->join_auto = st.mode_auto;
	n->join_swaps = p->n_swaps;
	check_may_mix(p->sim, p->id, target->id);
	n->excuses |= EXCUSE_JOINED;
}

void check_command(struct proc *p, const struct core_command *cmd)
{
	struct check *c = p->sim->check;
	struct proc *whom = proc_by_name(p->sim, cmd->node.name);

	if (c == NULL)
		return;
	switch (cmd->kind) {
	case CORE_CMD_JOIN:
		note_join(p, cmd);
		break;
	case CORE_CMD_LEAVE:
		node_of(p)->excuses |= EXCUSE_LEFT;
		break;
	case CORE_CMD_FORCE_LEAVE:
	case CORE_CMD_REPLACE:
		if (whom != NULL)
			check_excuse(whom, EXCUSE_REMOVED);
		break;
	case CORE_CMD_AUTOHEAL:
		if (!cmd->on)
			c->always_autoheal = false;
		break;
	default:
		break;
	}
}

/* Of the node itself, that is: meanwhile another one may have joined it, and automatic clusters merge. */
static void check_unchanged(struct proc *p, const struct core_status *st)
{
	const struct check_node *n = node_of(p);

	if (n->excuses & (EXCUSE_LEFT | EXCUSE_REMOVED | EXCUSE_CLEANED | EXCUSE_TWIN))
		return;
	if (!id_eq(&st->member_id, &n->join_member))
		sim_fail(p->sim, "e", "%s: a failed join has changed its member id", p->label);
	if (p->n_swaps != n->join_swaps)
		sim_fail(p->sim, "e", "%s: a failed join has changed its data", p->label);
	if (!n->join_auto && !st->mode_auto &&
		!id_eq(&st->identity.cluster_id, &n->join_identity.cluster_id))
		sim_fail(p->sim, "e", "%s: a failed join has changed its cluster", p->label);
}

void check_reply(struct proc *p, const struct core_reply *r)
{
	struct check_node *n;
	struct core_status st;

	if (p->sim->check == NULL)
		return;
	n = node_of(p);
	if (!n->joining || r->request != n->join_request)
		return;
	n->joining = false;
	core_status(p->core, &st);
	/* "was admitted and is a member now, but no link came up yet" is a failure to the user only */
	if (r->code == CORE_OK || strstr(r->text, "is a member now") != NULL) {
		n->joined = r->code == CORE_OK;
		n->joined_to = n->join_target;
		if (id_eq(&st.member_id, &n->join_member))
			sim_fail(p->sim, "e", "%s: joined, but kept its member id", p->label);
		return;
	}
	check_unchanged(p, &st);
}

/* --- events */

static struct check_gone *find_gone(struct check_node *n, const struct id128 *id)
{
	for (size_t i = 0; i < n->n_gone; i++)
		if (id_eq(&n->gone[i].id, id))
			return &n->gone[i];
	return NULL;
}

bool check_gone_for(const struct proc *p, const struct proc *q)
{
	struct core_status st;

	if (q->core == NULL)
		return false;
	core_status(q->core, &st);
	return find_gone(node_of(p), &st.member_id) != NULL;
}

static void note_gone(struct proc *p, const struct core_event *e)
{
	struct check_node *n = node_of(p);
	struct proc *q = proc_by_name(p->sim, e->node);

	if (q != NULL)
		p->seen[q->id].told = false;
	if (strstr(e->text, "without quorum") != NULL)
		p->sim->check->contested = true;
	if (n->n_gone == CHECK_GONE_MAX || find_gone(n, &e->member_id) != NULL)
		return;
	n->gone[n->n_gone++] = (struct check_gone){.id = e->member_id,
		.maybe = strstr(e->text, "without quorum") != NULL};
}

static void expect_excuse(struct proc *p, unsigned excuses, const char *what)
{
	if (!(node_of(p)->excuses & excuses))
		sim_fail(p->sim, "e", "%s: %s without a reason", p->label, what);
}

static void note_up_or_down(struct proc *p, const struct core_event *e, bool up)
{
	struct proc *q = proc_by_name(p->sim, e->node);
	struct proc_seen *seen;
	const struct check_gone *gone = find_gone(node_of(p), &e->member_id);

	if (up && gone != NULL && !gone->maybe)
		sim_fail(p->sim, "c", "%s: departed %s is announced running again", p->label,
			e->node);
	if (!up)
		p->sim->check->n_down++;
	if (q == NULL)
		return;
	seen = &p->seen[q->id];
	if (seen->told && seen->told_up == up && id_eq(&seen->told_id, &e->member_id))
		sim_fail(p->sim, "view", "%s: %s is announced %s twice in a row", p->label,
			e->node, up ? "running" : "stopped");
	seen->told = true;
	seen->told_up = up;
	seen->told_id = e->member_id;
}

/* It is somebody else from here on: what it has announced was another cluster's, or its former member's. */
static void forget_told(struct proc *p)
{
	node_of(p)->n_gone = 0;
	for (unsigned i = 0; i < p->sim->n_procs; i++)
		p->seen[i].told = false;
}

void check_event(struct proc *p, const struct core_event *e)
{
	if (p->sim->check == NULL)
		return;
	switch (e->kind) {
	case CORE_EV_JOINED:
		forget_told(p);
		break;
	case CORE_EV_NODE_UP:
		note_up_or_down(p, e, true);
		break;
	case CORE_EV_NODE_DOWN:
		note_up_or_down(p, e, false);
		break;
	case CORE_EV_NODE_LEFT:
	case CORE_EV_NODE_REMOVED:
	case CORE_EV_NODE_CLEANED:
	case CORE_EV_NODE_REPLACED:
		note_gone(p, e);
		break;
	case CORE_EV_LEFT:
		forget_told(p);
		node_of(p)->moved = true;
		if (p->conf.role ==
			WIRE_CORE) /* a replica without a core looks for another cluster */
			expect_excuse(p, EXCUSE_LEFT | EXCUSE_CLEANED | EXCUSE_TWIN,
				"has left");
		break;
	case CORE_EV_REMOVED:
		forget_told(p);
		node_of(p)->moved = true;
		expect_excuse(p, EXCUSE_REMOVED | EXCUSE_CLEANED | EXCUSE_TWIN | EXCUSE_REBORN,
			"says it was removed");
		break;
	case CORE_EV_NAME_CONFLICT:
	case CORE_EV_IDENTITY_CONFLICT:
		if (strcmp(e->node, p->name) == 0)
			forget_told(p);
		if (proc_by_name(p->sim, e->node) != NULL)
			p = proc_by_name(p->sim, e->node); /* of whom it speaks */
		expect_excuse(p, EXCUSE_TWIN | EXCUSE_REBORN, "speaks of a conflict");
		break;
	default:
		break;
	}
}

/* --- the view */

static void check_down(struct proc *p, const struct proc *q, const struct core_member *m)
{
	struct sim *s = p->sim;
	struct core_status st;

	if (!s->check->always_autoheal || s->check->contested || !proc_runs(q))
		return;
	core_status(q->core, &st);
	if (!id_eq(&st.member_id, &m->member_id) || m->state != WIRE_UP)
		return;
	if (check_path(s, p, q))
		sim_fail(s, "b", "%s shows %s stopped, with a path of live links to it",
			p->label, q->label);
}

static void check_member(struct proc *p, const struct core_member *m)
{
	struct sim *s = p->sim;
	struct proc *q = proc_by_name(s, m->name);
	const struct check_gone *gone = find_gone(node_of(p), &m->member_id);
	struct proc_seen *seen;

	if (m->self && !m->running)
		sim_fail(s, "view", "%s shows itself stopped", p->label);
	if (gone != NULL && !gone->maybe)
		sim_fail(s, "c", "%s: departed %s is a member again", p->label, m->name);
	if (q == NULL) {
		sim_fail(s, "view", "%s shows %s, which never was", p->label, m->name);
		return;
	}
	if (!check_may_share(s, p->id, q->id))
		sim_fail(s, "d", "%s and %s are in one cluster, and nobody allowed it",
			p->label, q->label);
	seen = &p->seen[q->id];
	if (!id_eq(&seen->member_id, &m->member_id)) {
		/* of two with one name the running one counts */
		if (seen->known && !m->running)
			return;
		*seen = (struct proc_seen){.member_id = m->member_id,
			.told = seen->told,
			.told_up = seen->told_up,
			.told_id = seen->told_id};
	} else if (seen->running && !m->running && !m->self && gone == NULL) {
		check_down(p, q, m);
	}
	if (!seen->known || seen->running != m->running)
		seen->since_us = s->now_us;
	seen->known = true;
	seen->running = m->running;
}

void check_view(struct proc *p)
{
	struct sim *s = p->sim;
	struct core_member m;
	size_t n;

	if (s->check == NULL)
		return;
	s->check->n_views++;
	n = core_n_members(p->core);
	if (n == 0)
		sim_fail(s, "view", "%s shows no member, not even itself", p->label);
	for (size_t i = 0; i < n && !s->failed; i++) {
		core_member_at(p->core, i, &m);
		check_member(p, &m);
	}
}

/* --- now and then */

static void sample(struct proc *p)
{
	struct sim *s = p->sim;
	struct core_counters n;
	size_t open = 0;

	if (p->upset_us > 0 && check_holds(p))
		p->held_us = s->now_us;
	for (const struct net_side *side = s->net.host[p->host].sides; side != NULL;
		side = side->next)
		open += side->app && !side->conn->bulk;
	core_counters(p->core, &n);
	if (n.conns > open)
		sim_fail(s, "g", "%s counts %zu connections and has %zu", p->label, n.conns,
			open);
}

void check_sample(struct sim *s)
{
	for (unsigned i = 0; i < s->n_procs; i++)
		if (proc_runs(&s->proc[i]))
			sample(&s->proc[i]);
	sim_post(s, SIM_EV_SAMPLE, 0, 0, 0, CHECK_SAMPLE_US);
}
