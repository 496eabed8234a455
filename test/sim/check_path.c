#include <string.h>

#include "test/sim/check.h"
#include "test/sim/proc.h"

enum { HOLD_SEEN_US = 2500000 };

/* After so long without trouble a link has proven itself by echoes and is in every record and view. */
static uint64_t quiet_us(const struct sim *s)
{
	return (s->setup.timeout_ms + 2 * s->setup.heartbeat_ms + 1000) * UINT64_C(1000);
}

static uint64_t quiet_since(const struct sim *s)
{
	return s->now_us > quiet_us(s) ? s->now_us - quiet_us(s) : 0;
}

static void find_hold(void *ctx, const struct core_link *link)
{
	bool *holds = ctx;

	*holds = *holds ||
		 (link->own && (link->hold_ms > 0 || strcmp(link->state, "held") == 0));
}

bool check_holds(const struct proc *p)
{
	bool holds = false;

	core_each_link(p->core, find_hold, &holds);
	return holds;
}

/* Ran without a break and held no link back for a while: nothing excuses it. */
static bool is_sound(const struct sim *s, const struct proc *p)
{
	uint64_t since = quiet_since(s);
	struct core_status st;

	if (!proc_runs(p) || p->exiting || p->unreadable || p->started_us > since)
		return false;
	if (p->upset_us >= since && p->upset_us > 0)
		return false;
	if (p->held_us > 0 && p->held_us + HOLD_SEEN_US > s->now_us)
		return false;
	core_status(p->core, &st);
	return st.apart == CORE_APART_NO && st.busy[0] == '\0';
}

static bool same_cluster(const struct proc *a, const struct proc *b)
{
	struct core_status x, y;

	core_status(a->core, &x);
	core_status(b->core, &y);
	return id_eq(&x.identity.cluster_id, &y.identity.cluster_id);
}

/* A connection that both have had for a while, over a path where nothing happened. */
static bool is_live(const struct sim *s, const struct net_side *side)
{
	const struct net_conn *c = side->conn;
	const struct net_side *other = &c->side[net_other(side->end)];

	if (!side->admitted || !other->admitted || !side->open || !other->open)
		return false;
	if (side->fin_sent || other->fin_sent)
		return false;
	return c->admitted_us <= quiet_since(s);
}

bool check_path(struct sim *s, const struct proc *from, const struct proc *to)
{
	uint64_t since = quiet_since(s);
	unsigned queue[SIM_PROCS_MAX], head = 0, tail = 0;
	bool seen[SIM_PROCS_MAX] = {false};

	if (!is_sound(s, from) || !is_sound(s, to))
		return false;
	queue[tail++] = from->id;
	seen[from->id] = true;
	while (head < tail) {
		const struct proc *p = &s->proc[queue[head++]];

		if (p == to)
			return true;
		if (p != from && p->conf.role == WIRE_REPLICA)
			continue;
		for (struct net_side *side = s->net.host[p->host].sides; side != NULL;
			side = side->next) {
			unsigned k = side->conn->side[net_other(side->end)].host;

			if (seen[k] || check_gone_for(from, &s->proc[k]) || !is_live(s, side) ||
				!path_is_quiet(&s->net.paths, p->host, k, since))
				continue;
			if (!is_sound(s, &s->proc[k]) || !same_cluster(p, &s->proc[k]))
				continue;
			seen[k] = true;
			queue[tail++] = k;
		}
	}
	return false;
}
