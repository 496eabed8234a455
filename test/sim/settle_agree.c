/* Agreement (settle.h): who must share a cluster with whom, and what each then has to show of the other. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "test/sim/check.h"
#include "test/sim/proc.h"
#include "test/sim/settle.h"
#include "test/sim/settle_data.h"

struct world {
	bool views; /* don't look at digests */
	struct core_status st[SIM_PROCS_MAX];
	bool regular[SIM_PROCS_MAX]; /* runs and does not stand apart */
	unsigned island[SIM_PROCS_MAX],
		inner[SIM_PROCS_MAX], /* inner: over one's own cluster only */
		data[SIM_PROCS_MAX];  /* … and where each of two can call the other */
};

static bool can_link(struct sim *s, unsigned i, unsigned k)
{
	const struct path *to = path_of(&s->net.paths, i, k),
			  *back = path_of(&s->net.paths, k, i);

	if (to->by[PATH_CUT] > 0 || back->by[PATH_CUT] > 0)
		return false;
	return to->by[PATH_REJECT] == 0 || back->by[PATH_REJECT] == 0;
}

/* Each fetches from the other: data takes no edge on which one of them can't. */
static bool can_call(struct sim *s, unsigned i, unsigned k)
{
	return path_of(&s->net.paths, i, k)->by[PATH_REJECT] == 0 &&
	       path_of(&s->net.paths, k, i)->by[PATH_REJECT] == 0;
}

static bool one_identity(const struct world *w, unsigned i, unsigned k)
{
	return id_eq(&w->st[i].identity.cluster_id, &w->st[k].identity.cluster_id);
}

/* Does i come to the island of k, over a core? */
static bool spreads(struct sim *s, const struct world *w, unsigned i, unsigned k)
{
	return w->regular[i] && w->regular[k] && s->proc[k].conf.role == WIRE_CORE &&
	       can_link(s, i, k);
}

/* i goes to the island of k, if that has the smaller number. */
static bool lower(unsigned *island, unsigned i, unsigned k)
{
	if (island[i] <= island[k])
		return false;
	island[i] = island[k];
	return true;
}

/* Who can reach whom at all, over running cores. */
static void find_islands(struct sim *s, struct world *w)
{
	bool more = true;

	for (unsigned i = 0; i < s->n_procs; i++)
		w->island[i] = w->inner[i] = w->data[i] = i;
	while (more) {
		more = false;
		for (unsigned i = 0; i < s->n_procs; i++)
			for (unsigned k = 0; k < s->n_procs; k++) {
				if (i == k || !spreads(s, w, i, k))
					continue;
				more |= lower(w->island, i, k);
				if (!one_identity(w, i, k))
					continue;
				more |= lower(w->inner, i, k);
				more |= can_call(s, i, k) && lower(w->data, i, k);
			}
	}
}

static bool excused(const struct check_node *n, enum core_apart apart)
{
	switch (apart) {
	case CORE_APART_NO:
		return true;
	case CORE_APART_LEFT:
		return n->excuses & EXCUSE_LEFT;
	case CORE_APART_REMOVED:
		return n->excuses &
		       (EXCUSE_REMOVED | EXCUSE_CLEANED | EXCUSE_TWIN | EXCUSE_REBORN);
	case CORE_APART_NAME:
	case CORE_APART_IDENTITY:
		return n->excuses & (EXCUSE_TWIN | EXCUSE_REBORN);
	case CORE_APART_BANNED:
		return n->excuses & EXCUSE_REMOVED;
	}
	return false;
}

/* Who gave way for its name waits for as long as somebody runs who has it: without one it is about to try again. */
static bool namesake_runs(struct sim *s, const struct proc *p)
{
	for (unsigned i = 0; i < s->n_procs; i++)
		if (&s->proc[i] != p && proc_runs(&s->proc[i]) &&
			strcmp(s->proc[i].name, p->name) == 0)
			return true;
	return false;
}

static bool look(struct sim *s, struct world *w, char *why, size_t cap)
{
	for (unsigned i = 0; i < s->n_procs; i++) {
		struct proc *p = &s->proc[i];

		w->regular[i] = false;
		if (!proc_runs(p))
			continue;
		core_status(p->core, &w->st[i]);
		w->regular[i] = w->st[i].apart == CORE_APART_NO;
		if (w->regular[i] || s->check == NULL)
			continue;
		if (!excused(&s->check->node[i], w->st[i].apart)) {
			snprintf(why, cap, "%s stands apart (%d) without a reason", p->label,
				(int)w->st[i].apart);
			return false;
		}
		if (w->st[i].apart == CORE_APART_NAME && !namesake_runs(s, p)) {
			snprintf(why, cap, "%s waits for its name, which nobody has", p->label);
			return false;
		}
	}
	return true;
}

/* A replica never merges: where cores that can't reach each other are in its reach it belongs to some of them. */
static bool strands(struct sim *s, const struct world *w, unsigned replica)
{
	if (s->proc[replica].conf.role != WIRE_REPLICA)
		return false;
	for (unsigned i = 0; i < s->n_procs; i++) {
		if (!w->regular[i] || s->proc[i].conf.role != WIRE_CORE)
			continue;
		if (can_link(s, replica, i) && w->island[i] != w->island[replica])
			return true;
	}
	return false;
}

/*
 * Nothing goes through a replica: where cores can't all call each other, and no further core is between them, it has what
 * each side of them has, and no two of these need be the same.
 */
static bool gathers(struct sim *s, const struct world *w, unsigned replica)
{
	if (s->proc[replica].conf.role != WIRE_REPLICA)
		return false;
	for (unsigned i = 0; i < s->n_procs; i++)
		if (i != replica && spreads(s, w, replica, i) && one_identity(w, replica, i) &&
			w->data[i] != w->data[replica] &&
			path_of(&s->net.paths, replica, i)->by[PATH_REJECT] == 0)
			return true;
	return false;
}

static bool must_share(struct sim *s, const struct world *w, unsigned i, unsigned k)
{
	const enum check_excuse moved =
		EXCUSE_LEFT | EXCUSE_REMOVED | EXCUSE_CLEANED | EXCUSE_TWIN | EXCUSE_REBORN;
	const struct check_node *n = s->check == NULL ? NULL : s->check->node;

	if (!w->regular[i] || !w->regular[k] || w->island[i] != w->island[k])
		return false;
	if (!s->setup.manual)
		return !strands(s, w, i) && !strands(s, w, k);
	return n[i].joined && n[i].joined_to == k && !((n[i].excuses | n[k].excuses) & moved);
}

/* Is q, by its member id, shown by p as it should be? */
static bool shows(const struct proc *p, const struct id128 *id, bool *running)
{
	struct core_member m;
	size_t n = core_n_members(p->core);

	for (size_t i = 0; i < n; i++) {
		core_member_at(p->core, i, &m);
		if (id_eq(&m.member_id, id)) {
			*running = m.running;
			return true;
		}
	}
	return false;
}

/* Which record is it that two have in two versions? */
static void name_difference(const struct proc *p, const struct proc *q, char *why, size_t cap)
{
	size_t n = core_n_members(p->core), at;

	at = (size_t)snprintf(why, cap, "%s and %s have different digests or settings",
		p->label, q->label);
	for (size_t i = 0; i < n && at < cap; i++) {
		struct core_member m, o = {.name = NULL};

		core_member_at(p->core, i, &m);
		for (size_t k = 0; k < core_n_members(q->core); k++) {
			core_member_at(q->core, k, &o);
			if (id_eq(&o.member_id, &m.member_id))
				break;
		}
		if (o.name == NULL || !id_eq(&o.member_id, &m.member_id))
			at += (size_t)snprintf(why + at, cap - at, "; %s only there", m.name);
		else if (o.incarnation != m.incarnation || o.session != m.session ||
			 o.seq != m.seq)
			at += (size_t)snprintf(why + at, cap - at,
				"; %s %" PRIu64 ".%04x.%" PRIu64 " and %" PRIu64
				".%04x.%" PRIu64,
				m.name, m.incarnation, (unsigned)(m.session >> 48), m.seq,
				o.incarnation, (unsigned)(o.session >> 48), o.seq);
	}
}

/* Who admitted it has gone away: nobody else may ever have heard of it, and by hand nobody looks for it. */
static bool introducer_left(const struct check *c, unsigned i)
{
	const struct check_node *n = &c->node[i];

	return n->excuses & EXCUSE_JOINED && c->node[n->joined_to].moved;
}

static bool pair_agrees(struct sim *s, const struct world *w, unsigned i, unsigned k, char *why,
	size_t cap)
{
	const struct proc *p = &s->proc[i], *q = &s->proc[k];
	const struct core_status *x = &w->st[i], *y = &w->st[k];
	bool same = one_identity(w, i, k), running = false, digests;

	if (must_share(s, w, i, k) && !same) {
		snprintf(why, cap, "%s and %s are in two clusters", p->label, q->label);
		return false;
	}
	/* an old disk may not know whom it has met; by hand nobody tells it */
	if (s->setup.manual && same && s->check != NULL &&
		(((s->check->node[i].excuses | s->check->node[k].excuses) & EXCUSE_REBORN) ||
			introducer_left(s->check, i) || introducer_left(s->check, k)))
		return true;
	if (!same || w->inner[i] != w->inner[k] || !w->regular[i] || !w->regular[k])
		return true;
	if (!shows(p, &y->member_id, &running) || !running) {
		snprintf(why, cap, "%s does not show %s running", p->label, q->label);
		return false;
	}
	/* what a replica alone has heard it passes on to nobody */
	digests = !w->views && p->conf.role == WIRE_CORE && q->conf.role == WIRE_CORE;
	if ((x->digest != y->digest && digests) || x->mode_auto != y->mode_auto ||
		x->autoheal != y->autoheal) {
		name_difference(p, q, why, cap);
		return false;
	}
	if (w->views)
		return true;
	if (gathers(s, w, i) || gathers(s, w, k))
		return settle_data_fetched(&s->proc[i], &s->proc[k], why, cap);
	return w->data[i] != w->data[k] ||
	       settle_data_equal(&s->proc[i], &s->proc[k], why, cap);
}

/* Nobody is shown running who is not there. */
static bool shows_no_ghost(struct sim *s, const struct world *w, const struct proc *p,
	char *why, size_t cap)
{
	size_t n = core_n_members(p->core), shown = 0;
	struct core_member m;

	for (size_t i = 0; i < n; i++) {
		bool there = false;

		core_member_at(p->core, i, &m);
		if (!m.running)
			continue;
		shown++;
		for (unsigned k = 0; k < s->n_procs; k++)
			there = there || (proc_runs(&s->proc[k]) &&
						 id_eq(&w->st[k].member_id, &m.member_id));
		if (!there) {
			snprintf(why, cap,
				"%s shows %s running, which does not run as that member",
				p->label, m.name);
			return false;
		}
	}
	if (w->st[p->id].apart != CORE_APART_NO && shown != 1) {
		snprintf(why, cap, "%s stands apart and shows %zu members running", p->label,
			shown);
		return false;
	}
	return true;
}

bool settle_agrees(struct sim *s, bool views, char *why, size_t cap)
{
	static struct world w;

	w.views = views;
	if (!look(s, &w, why, cap))
		return false;
	find_islands(s, &w);
	for (unsigned i = 0; i < s->n_procs; i++) {
		if (!proc_runs(&s->proc[i]))
			continue;
		if (!shows_no_ghost(s, &w, &s->proc[i], why, cap))
			return false;
		for (unsigned k = 0; k < s->n_procs; k++)
			if (i != k && proc_runs(&s->proc[k]) &&
				!pair_agrees(s, &w, i, k, why, cap))
				return false;
	}
	return true;
}
