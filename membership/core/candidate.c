#include <stdio.h>
#include <stdlib.h>

#include "membership/core/core_int.h"

/* What discovery found: dialled until somebody there is a running member. Discovery never stops. */

void candidates_free(struct core *c, const char *strategy)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_cands; i++)
		if (strategy != NULL && strcmp(c->cand[i].strategy, strategy) != 0)
			c->cand[n++] = c->cand[i];
	c->n_cands = n;
}

void candidates_unblock(struct core *c)
{
	for (size_t i = 0; i < c->n_cands; i++) {
		c->cand[i].next_ms = c->now_ms;
		c->cand[i].backoff_ms = 0;
	}
}

/* By what makes two candidates of one strategy the same. */
static int by_target(const void *pa, const void *pb)
{
	const struct candidate *a = *(const struct candidate *const *)pa;
	const struct candidate *b = *(const struct candidate *const *)pb;
	int rc = strcmp(a->addr.name, b->addr.name);

	if (rc == 0)
		rc = strcmp(a->dial_host, b->dial_host);
	return rc != 0 ? rc : (a->addr.port > b->addr.port) - (a->addr.port < b->addr.port);
}

/* The strategy's candidates so far, in order, so that a new set of ten thousand costs no hundred million comparisons. */
static const struct candidate **in_order(const struct candidate *old, size_t n_old,
	const char *strategy, size_t *n)
{
	const struct candidate **order = xcalloc(n_old + 1, sizeof(struct candidate *));

	*n = 0;
	for (size_t i = 0; i < n_old; i++)
		if (strcmp(old[i].strategy, strategy) == 0)
			order[(*n)++] = &old[i];
	qsort(order, *n, sizeof *order, by_target);
	return order;
}

static bool candidate_init(struct candidate *d, const char *strategy,
	const struct core_candidate *x, uint64_t now_ms)
{
	const char *why;

	memset(d, 0, sizeof *d);
	if (node_parse(x->name, NULL, &d->addr, &why) != 0)
		return false;
	d->addr.port = x->port;
	d->port = x->port != 0 ? x->port : node_dist_port(d->addr.name);
	snprintf(d->dial_host, sizeof d->dial_host, "%s", x->host);
	snprintf(d->strategy, sizeof d->strategy, "%s", strategy);
	d->next_ms = now_ms;
	return true;
}

void core_candidates(struct core *c, const char *strategy, const struct core_candidate *list,
	size_t n)
{
	size_t n_all = c->n_cands, n_old;
	struct candidate *all = n_all == 0 ? NULL : xmemdup(c->cand, n_all * sizeof *all);
	const struct candidate **old = in_order(all, n_all, strategy, &n_old);

	candidates_free(c, strategy);
	if (c->n_cands + n > c->cands_cap) {
		c->cands_cap = c->n_cands + n;
		c->cand = xrealloc(c->cand, c->cands_cap, sizeof *c->cand);
	}
	for (size_t i = 0; i < n; i++) {
		struct candidate *d = &c->cand[c->n_cands];
		const struct candidate *const *before;

		if (!candidate_init(d, strategy, &list[i], c->now_ms))
			continue;
		before = bsearch(&d, old, n_old, sizeof *old, by_target);
		if (before != NULL)
			*d = **before;
		c->n_cands++;
	}
	free(old);
	free(all);
	candidates_tick(c);
	settle(c);
}

static bool searching(const struct core *c)
{
	return c->started && !c->stopping && !c->paused && c->apart == CORE_APART_NO &&
	       c->conf_mode == CORE_AUTO && c->settings.mode_auto &&
	       c->join.phase == JOIN_NONE && c->leave.phase == LEAVE_NONE;
}

/* Is it m that d leads to, and nothing to be done there: it runs, is linked and held back, or wants no link with us? */
static bool is_met(const struct core *c, const struct member *m, const struct candidate *d)
{
	if (!is_member(m) ||
		(!m->running && m->link.state != EDGE_LIVE && c->now_ms >= m->refused_until_ms))
		return false;
	return strcmp(m->name, d->addr.name) == 0 ||
	       (m->dist_port == d->port && strcmp(m->host, d->dial_host) == 0);
}

/* Nobody to look for there: it is met, is me, or is being dialled. Where it was met last it is most often met again. */
static bool settled(const struct core *c, struct candidate *d)
{
	if (d->conn != 0 || strcmp(d->addr.name, c->node_name) == 0 ||
		(d->self_until_ms != 0 && !due(c, d->self_until_ms)))
		return true;
	if (d->met > 0 && d->met < c->n && is_met(c, c->member[d->met], d))
		return true;
	for (size_t i = 1; i < c->n; i++) {
		if (!is_met(c, c->member[i], d))
			continue;
		d->met = i;
		return true;
	}
	return false;
}

/* Within a second; together with the links' beat where one comes by then, so that it costs no wake-up of its own. */
static uint64_t look_again(const struct core *c)
{
	uint64_t latest = c->now_ms + CAND_LOOK_MS,
		 beat = beat_after(c, latest, c->heartbeat_ms) - c->heartbeat_ms;

	return beat > c->now_ms ? beat : latest;
}

void candidates_tick(struct core *c)
{
	size_t in_flight = 0, start;

	if (!searching(c) || c->n_cands == 0)
		return;
	for (size_t i = 0; i < c->n_cands; i++)
		in_flight += c->cand[i].conn != 0 ? 1 : 0;
	start = (size_t)rng_below(&c->rng, c->n_cands);
	for (size_t i = 0; i < c->n_cands && in_flight < CAND_IN_FLIGHT; i++) {
		struct candidate *d = &c->cand[(start + i) % c->n_cands];

		if (!due(c, d->next_ms))
			continue;
		if (settled(c, d)) {
			d->next_ms = look_again(c);
			continue;
		}
		d->conn = conn_dial(c, FOR_CANDIDATE, d->dial_host, d->port)->id;
		in_flight++;
	}
}

uint64_t candidates_deadline(const struct core *c)
{
	uint64_t at = UINT64_MAX;
	size_t in_flight = 0;

	if (!searching(c))
		return at;
	for (size_t i = 0; i < c->n_cands; i++) {
		const struct candidate *d = &c->cand[i];

		in_flight += d->conn != 0 ? 1 : 0;
		if (d->conn == 0 && d->next_ms < at)
			at = d->next_ms;
	}
	return in_flight >= CAND_IN_FLIGHT ? UINT64_MAX : at;
}

static void back_off(struct core *c, struct candidate *d, enum wire_class retry)
{
	static const uint64_t at_least[] = {[WIRE_RETRY_NOW] = 0,
		[WIRE_RETRY_1S] = 0,
		[WIRE_RETRY_30S] = CAND_MAX_MS,
		[WIRE_RETRY_STATE] = CAND_MAX_MS};

	d->backoff_ms = d->backoff_ms == 0 ? CAND_FIRST_MS : d->backoff_ms * 2;
	if (d->backoff_ms < at_least[retry])
		d->backoff_ms = at_least[retry];
	if (d->backoff_ms > CAND_MAX_MS)
		d->backoff_ms = CAND_MAX_MS;
	d->next_ms =
		c->now_ms + rng_range(&c->rng, d->backoff_ms * 4 / 5, d->backoff_ms * 6 / 5);
}

void candidate_result(struct core *c, struct conn *k, bool ok, enum wire_class retry,
	bool is_self)
{
	for (size_t i = 0; i < c->n_cands; i++) {
		struct candidate *d = &c->cand[i];

		if (d->conn != k->id)
			continue;
		d->conn = 0;
		if (is_self)
			d->self_until_ms = c->now_ms + SELF_MARK_MS;
		if (ok || is_self)
			d->backoff_ms = 0;
		if (ok)
			d->next_ms = look_again(c);
		else
			back_off(c, d, retry);
	}
	k->purpose = FOR_LINK;
}

/* Found by discovery: the cluster there is manual, and I am alone and empty: I join it as an operator would. */
bool candidate_joins(struct core *c, const struct conn *k, const struct judgement *j)
{
	return k->dialed && k->purpose == FOR_CANDIDATE && j->verdict == JUDGE_CONDITIONAL &&
	       single(c) && c->data.empty && c->settings.mode_auto &&
	       (k->peer_flags & WIRE_HF_AUTO) == 0 && k->peer_role == WIRE_CORE;
}
