#include "test/sim/settle.h"

#include <inttypes.h>

#include "membership/core/limits.h"
#include "test/sim/check.h"
#include "test/sim/faults.h"
#include "test/sim/proc.h"

enum { POLL_US = 250000 };

/* --- restoring */

static bool is_for_ever(const struct sim *s)
{
	for (size_t i = 0; i < s->plan->n; i++)
		if (s->plan->item[i].for_us == UINT64_MAX)
			return true;
	return false;
}

static bool anybody_left(const struct sim *s)
{
	for (unsigned i = 0; i < s->n_procs; i++)
		if (s->check->node[i].excuses & (EXCUSE_LEFT | EXCUSE_REMOVED | EXCUSE_TWIN))
			return true;
	return false;
}

/* Nobody is introduced to others by a replica, nor by who stands apart. */
static bool seeds_are_no_help(const struct sim *s)
{
	for (unsigned i = 0; i < s->n_procs; i++) {
		struct core_status st = {.apart = CORE_APART_NO};

		if (!(s->true_candidates >> i & 1) || s->proc[i].conf.role != WIRE_CORE)
			continue;
		if (s->proc[i].core != NULL)
			core_status(s->proc[i].core, &st);
		if (st.apart == CORE_APART_NO)
			return false;
	}
	return true;
}

/* One operator puts the cluster's settings back. */
static void put_back(struct proc *p)
{
	struct core_status st;

	core_status(p->core, &st);
	if (p->conf.mode == CORE_AUTO && !st.mode_auto)
		proc_command(p, &(struct core_command){.kind = CORE_CMD_MODE, .on = true});
	if (!st.autoheal)
		proc_command(p, &(struct core_command){.kind = CORE_CMD_AUTOHEAL, .on = true});
	if (st.waiting_heal)
		proc_command(p, &(struct core_command){.kind = CORE_CMD_HEAL});
	if (p->conf.mode == CORE_AUTO && st.discovery_paused && st.apart == CORE_APART_NO)
		proc_command(p, &(struct core_command){.kind = CORE_CMD_DISCOVERY, .on = true});
}

static void put_all_back(struct sim *s)
{
	for (unsigned i = 0; i < s->n_procs && !s->failed; i++)
		if (proc_runs(&s->proc[i]))
			put_back(&s->proc[i]);
}

void settle_begin(struct sim *s)
{
	bool all =
		s->plan != NULL && (is_for_ever(s) || anybody_left(s) || seeds_are_no_help(s));
	uint64_t everybody = (UINT64_C(1) << s->n_procs) - 1;

	sim_say(s, NULL, "--- faults are over");
	s->settling = true;
	for (unsigned i = 0; i < s->n_procs && !s->failed; i++) {
		struct proc *p = &s->proc[i];

		proc_continue(p);
		if (p->core == NULL && i < s->setup.n)
			proc_start(p, PROC_DISK_KEPT);
		p->candidates = all ? everybody : s->true_candidates;
		p->discovery = PROC_DISCOVERS;
		if (p->conf.mode == CORE_AUTO)
			proc_report_candidates(p);
	}
	put_all_back(s);
}

/* --- at rest */

struct rest {
	struct core_counters counters[SIM_PROCS_MAX];
	uint64_t seq[SIM_PROCS_MAX];
};

static void note_rest(struct sim *s, struct rest *r)
{
	for (unsigned i = 0; i < s->n_procs; i++) {
		if (!proc_runs(&s->proc[i]))
			continue;
		core_counters(s->proc[i].core, &r->counters[i]);
		r->seq[i] = proc_own_seq(&s->proc[i]);
	}
}

/*
 * Nothing is said but heartbeats, and each changed record at most once and a half on each link. Records change where links
 * are dropped, were held back or are tried out, which is not many times.
 */
static void check_rest(struct sim *s, const struct rest *before)
{
	struct rest now = {.seq = {0}};
	uint64_t changes = 0, beats = SETTLE_STABLE_US / 1000 / s->setup.heartbeat_ms + 2;

	note_rest(s, &now);
	for (unsigned i = 0; i < s->n_procs; i++) {
		uint64_t own = now.seq[i] - before->seq[i];

		changes += own;
		if (proc_runs(&s->proc[i]) && own > SETTLE_CHANGES_MAX)
			sim_fail(s, "f",
				"%s has changed its record %" PRIu64 " times in %d s of rest",
				s->proc[i].label, own, SETTLE_STABLE_US / 1000000);
	}
	for (unsigned i = 0; i < s->n_procs && !s->failed; i++) {
		uint64_t sent = now.counters[i].frames_out - before->counters[i].frames_out;
		uint64_t links = now.counters[i].conns + 2;

		if (proc_runs(&s->proc[i]) && sent > links * (2 * beats + changes * 3 / 2) + 40)
			sim_fail(s, "f",
				"%s has sent %" PRIu64 " frames in %d s of rest, with %" PRIu64
				" records changed",
				s->proc[i].label, sent, SETTLE_STABLE_US / 1000000, changes);
	}
}

/* The longest that anybody waits before it lists a new link, or asks for its name again, now or earlier while settling. */
static uint64_t longest_hold_us(const struct sim *s, uint64_t so_far_us)
{
	for (unsigned i = 0; i < s->n_procs; i++) {
		struct core_status st;

		if (!proc_runs(&s->proc[i]))
			continue;
		core_status(s->proc[i].core, &st);
		if (st.hold_ms * 1000 > so_far_us)
			so_far_us = st.hold_ms * 1000;
		if (st.apart == CORE_APART_NAME && NAME_POLL_MS * UINT64_C(1000) > so_far_us)
			so_far_us = NAME_POLL_MS * UINT64_C(1000);
	}
	return so_far_us;
}

static void until_agreed(struct sim *s, uint64_t end_us)
{
	uint64_t start = s->now_us, hold_us = 0;
	char why[512] = "";

	while (!s->failed && !settle_agrees(s, false, why, sizeof why)) {
		hold_us = longest_hold_us(s, hold_us);
		if (s->now_us >= end_us + hold_us) {
			sim_fail(s, "a", "no agreement within %" PRIu64 " s: %s",
				(s->now_us - start) / 1000000, why);
			return;
		}
		sim_run_until(s, s->now_us + POLL_US);
		put_all_back(s);
	}
}

void settle_run(struct sim *s, uint64_t *took_us)
{
	struct rest before = {.seq = {0}};
	uint64_t start = s->now_us;
	char why[512] = "";

	/* a link that was hurt at the end may still run into its time-out */
	sim_run_until(s, start + (s->setup.timeout_ms + 2000) * UINT64_C(1000));
	until_agreed(s, start + SETTLE_MAX_US);
	*took_us = s->now_us - start;
	note_rest(s, &before);
	sim_run_until(s, s->now_us + SETTLE_STABLE_US);
	if (!s->failed && !settle_agrees(s, true, why, sizeof why))
		sim_fail(s, "a", "agreed, then did not: %s", why);
	if (!s->failed)
		check_rest(s, &before);
	/* the last flood may be under way */
	until_agreed(s, s->now_us + SETTLE_FLOOD_US);
}
