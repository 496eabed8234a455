#include "test/sim/faults.h"

#include <assert.h>

#include "test/sim/check.h"
#include "test/sim/proc.h"

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

#define NET(name, about, weight, lo, hi, x_lo, x_hi, shape, path)                \
	{                                                                        \
		name, about, weight, lo, hi, x_lo, x_hi, shape, path, NULL, NULL \
	}
#define ACT(name, about, weight, lo, hi, x_lo, x_hi, begin, end)                          \
	{                                                                                 \
		name, about, weight, lo, hi, x_lo, x_hi, SHAPE_NONE, PATH_CUT, begin, end \
	}

const struct fault_row fault_rows[] = {
	/* the network */
	NET("split", FAULT_SIDE | FAULT_CUTS, 6, 500, 20000, 1, 1, SHAPE_SIDES, PATH_CUT),
	NET("split_few", FAULT_FEW | FAULT_CUTS, 4, 500, 20000, 1, 1, SHAPE_SIDES, PATH_CUT),
	NET("split_three", FAULT_SIDE | FAULT_CUTS, 3, 500, 20000, 1, 1, SHAPE_THREE, PATH_CUT),
	NET("one_way", FAULT_SIDE, 3, 500, 20000, 1, 1, SHAPE_AWAY, PATH_CUT),
	NET("link", FAULT_PAIR, 6, 500, 30000, 1, 1, SHAPE_BOTH, PATH_CUT),
	NET("link_one_way", FAULT_PAIR, 3, 500, 30000, 1, 1, SHAPE_ARROW, PATH_CUT),
	NET("link_never", FAULT_PAIR | FAULT_EVER, 2, 0, 0, 1, 1, SHAPE_BOTH, PATH_CUT),
	NET("reject", FAULT_PAIR, 3, 2000, 30000, 1, 1, SHAPE_ARROW, PATH_REJECT),
	NET("reject_ever", FAULT_PAIR | FAULT_EVER, 2, 0, 0, 1, 1, SHAPE_ARROW, PATH_REJECT),
	NET("blackout", 0, 4, 300, 2000, 1, 1, SHAPE_ALL, PATH_CUT),
	NET("flap_link", FAULT_PAIR | FAULT_FLAPS, 3, 3000, 30000, 1, 1, SHAPE_BOTH, PATH_CUT),
	NET("flap_node", FAULT_NODE | FAULT_FLAPS, 2, 3000, 30000, 1, 1, SHAPE_NODE, PATH_CUT),
	NET("flap_split", FAULT_SIDE | FAULT_FLAPS, 2, 3000, 30000, 1, 1, SHAPE_SIDES,
		PATH_CUT),
	NET("isolate", FAULT_NODE, 3, 500, 20000, 1, 1, SHAPE_NODE, PATH_CUT),
	NET("deaf", FAULT_NODE, 2, 1000, 20000, 1, 1, SHAPE_INTO, PATH_CUT),
	NET("mute", FAULT_NODE, 2, 1000, 20000, 1, 1, SHAPE_OUT, PATH_CUT),
	NET("loss", 0, 3, 5000, 40000, 20, 250, SHAPE_ALL, PATH_LOSS),
	NET("loss_node", FAULT_NODE, 3, 2000, 30000, 100, 900, SHAPE_NODE, PATH_LOSS),
	NET("delay_node", FAULT_NODE, 2, 2000, 20000, 5000, 3000000, SHAPE_NODE, PATH_DELAY),
	NET("delay_link", FAULT_PAIR, 2, 2000, 20000, 5000, 3000000, SHAPE_BOTH, PATH_DELAY),
	NET("delay", 0, 1, 2000, 20000, 5000, 400000, SHAPE_ALL, PATH_DELAY),
	NET("slow_node", FAULT_NODE, 2, 2000, 30000, 1, 1, SHAPE_NODE, PATH_SLOW),
	ACT("reset", FAULT_PAIR, 3, 0, 0, 0, 2, fault_reset_pair, NULL),
	ACT("reset_node", FAULT_NODE, 2, 0, 0, 0, 2, fault_reset_node, NULL),
	/* processes and disks */
	ACT("kill", FAULT_NODE, 6, 20, 20000, 0, 0, fault_kill, fault_start),
	ACT("kill_held", FAULT_NODE, 4, 20, 10000, 0, 0, fault_kill_held, fault_start),
	ACT("power", FAULT_NODE, 3, 1000, 30000, 0, 0, fault_power, fault_start),
	ACT("kill_back", FAULT_NODE, 2, 20, 10000, 0, 0, fault_kill, fault_start_back),
	ACT("kill_old", FAULT_NODE, 2, 20, 10000, 0, 0, fault_kill, fault_start_old),
	ACT("kill_empty", FAULT_NODE, 2, 20, 10000, 0, 0, fault_kill, fault_start_empty),
	ACT("pause", FAULT_NODE, 5, 200, 12000, 0, 0, fault_pause, fault_continue),
	ACT("stutter", FAULT_NODE | FAULT_FLAPS, 2, 3000, 20000, 0, 0, fault_pause,
		fault_continue),
	ACT("torn", FAULT_NODE, 2, 1000, 20000, 0, 9, fault_torn, fault_start),
	ACT("hour_on", FAULT_NODE, 1, 0, 0, HOUR_MS, HOUR_MS, fault_wall, NULL),
	ACT("hour_back", FAULT_NODE, 1, 0, 0, -HOUR_MS, -HOUR_MS, fault_wall, NULL),
	ACT("week_on", FAULT_NODE, 1, 0, 0, 8LL * DAY_MS, 8LL * DAY_MS, fault_wall, NULL),
	ACT("week_back", FAULT_NODE, 1, 0, 0, -8LL * DAY_MS, -8LL * DAY_MS, fault_wall, NULL),
	ACT("unreadable", FAULT_NODE, 2, 500, 20000, 0, 0, fault_unreadable, fault_readable),
	ACT("disk_slow", FAULT_NODE, 2, 2000, 20000, 0, 0, fault_disk_slow, fault_disk_fast),
	ACT("disk_bad", FAULT_NODE, 2, 500, 15000, 0, 0, fault_disk_bad, fault_disk_good),
	ACT("disk_full", FAULT_NODE, 2, 500, 15000, 0, 0, fault_disk_full, fault_disk_room),
	ACT("rpc_blocked", FAULT_NODE, 2, 2000, 30000, 0, 0, fault_rpc_blocked, fault_rpc_open),
	/* discovery */
	ACT("seeds_some", FAULT_NODE | FAULT_AUTO, 2, 1000, 40000, 0, 0, fault_candidates_some,
		fault_candidates_true),
	ACT("seeds_none", FAULT_NODE | FAULT_AUTO, 2, 1000, 40000, 0, 0, fault_candidates_none,
		fault_candidates_true),
	ACT("seeds_wrong", FAULT_NODE | FAULT_AUTO, 2, 1000, 40000, 0, 0,
		fault_candidates_wrong, fault_candidates_true),
	ACT("seeds_stale", FAULT_NODE | FAULT_AUTO, 2, 1000, 40000, 0, 0,
		fault_candidates_stale, fault_candidates_true),
	ACT("seeds_each", FAULT_AUTO, 2, 1000, 40000, 0, 0, fault_candidates_each,
		fault_candidates_all_true),
	ACT("seeds_flap", FAULT_NODE | FAULT_AUTO | FAULT_FLAPS, 2, 3000, 30000, 0, 0,
		fault_candidates_none, fault_candidates_true),
	ACT("spare", FAULT_SPARE, 3, 0, 0, 0, 0, fault_spare_start, NULL),
	ACT("clone", FAULT_NODE | FAULT_SPARE, 2, 2000, 20000, 0, 0, fault_clone,
		fault_spare_end),
	/* operators */
	ACT("tag", FAULT_NODE | FAULT_OP, 3, 0, 0, 0, 9, op_tag, NULL),
	ACT("restart", FAULT_NODE | FAULT_OP, 3, 100, 12000, 0, 0, op_restart, fault_start),
	ACT("stop", FAULT_NODE | FAULT_OP, 3, 500, 20000, 0, 0, op_stop, fault_start),
	ACT("rename", FAULT_NODE | FAULT_OP, 2, 1200, 15000, 0, 3, op_stop,
		fault_start_renamed),
	ACT("role", FAULT_NODE | FAULT_OP, 2, 1200, 15000, 0, 0, op_stop, fault_start_role),
	ACT("join", FAULT_PAIR | FAULT_OP, 3, 0, 0, 0, 0, op_join, NULL),
	ACT("leave", FAULT_NODE | FAULT_OP, 2, 0, 0, 0, 1, op_leave, NULL),
	ACT("force_leave", FAULT_PAIR | FAULT_OP, 2, 0, 0, 0, 0, op_force_leave, NULL),
	ACT("ban", FAULT_PAIR | FAULT_OP, 1, 0, 0, 2000, 20000, op_ban, NULL),
	ACT("replace", FAULT_PAIR | FAULT_OP, 1, 0, 0, 0, 0, op_replace, NULL),
	ACT("discovery", FAULT_NODE | FAULT_OP, 2, 0, 0, 0, 1, op_discovery, NULL),
	ACT("mode", FAULT_NODE | FAULT_OP, 1, 0, 0, 0, 1, op_mode, NULL),
	ACT("autoheal", FAULT_NODE | FAULT_OP, 1, 0, 0, 0, 1, op_autoheal, NULL),
	ACT("heal", FAULT_NODE | FAULT_OP, 1, 0, 0, 0, 0, op_heal, NULL),
};
const size_t n_fault_rows = sizeof fault_rows / sizeof fault_rows[0];
_Static_assert(sizeof fault_rows / sizeof fault_rows[0] <= FAULT_ROWS_MAX, "room for all rows");

/* Is the path from one node to the other within the shape? */
static bool covers(const struct plan_item *it, enum fault_shape shape, unsigned from,
	unsigned to)
{
	bool from_in = it->mask >> from & 1, to_in = it->mask >> to & 1;

	switch (shape) {
	case SHAPE_SIDES:
		return from_in != to_in;
	case SHAPE_AWAY:
		return from_in && !to_in;
	case SHAPE_THREE:
		return from_in != to_in || (!from_in && from % 2 != to % 2);
	case SHAPE_BOTH:
		return (from == it->a && to == it->b) || (from == it->b && to == it->a);
	case SHAPE_ARROW:
		return from == it->a && to == it->b;
	case SHAPE_ALL:
		return true;
	case SHAPE_NODE:
		return from == it->a || to == it->a;
	case SHAPE_INTO:
		return to == it->a;
	case SHAPE_OUT:
		return from == it->a;
	case SHAPE_NONE:
		break;
	}
	return false;
}

void faults_paths(struct sim *s, const struct plan_item *it, enum fault_shape shape,
	enum path_fault path, bool begin)
{
	bool narrow = s->n_procs > 2 && (shape == SHAPE_BOTH || shape == SHAPE_ARROW);

	for (unsigned i = 0; i < s->n_procs; i++) {
		bool touched = false;

		for (unsigned k = 0; k < s->n_procs; k++) {
			if (i == k || !covers(it, shape, i, k))
				continue;
			path_fault(&s->net.paths, i, k, path, (int32_t)it->x, begin, s->now_us);
			touched = true;
		}
		s->rpc_matters |= touched && path == PATH_REJECT;
		if (touched && !narrow)
			s->proc[i].upset_us = s->now_us;
	}
}

static void set(struct sim *s, size_t i, bool on)
{
	const struct plan_item *it = &s->plan->item[i];
	const struct fault_row *row = &fault_rows[it->kind];

	if (s->plan_on[i] == on)
		return;
	s->plan_on[i] = on;
	s->idle = false;
	if (row->shape != SHAPE_NONE)
		faults_paths(s, it, row->shape, row->path, on);
	else if (on)
		row->begin(s, it);
	else if (row->end != NULL)
		row->end(s, it);
	if (on && !s->idle && s->began[it->kind] < UINT8_MAX)
		s->began[it->kind]++;
}

void faults_post(struct sim *s)
{
	for (unsigned i = 0; i < s->plan->n; i++)
		sim_post(s, SIM_EV_FAULT, i, 0, 0, s->plan->item[i].at_us);
}

static void flap_on(struct sim *s, unsigned i, bool was_on)
{
	uint64_t in_us = rng_range(&s->rng, 200000, 2200000);

	set(s, i, !was_on);
	sim_post(s, SIM_EV_AGAIN, i, 0, !was_on, in_us);
}

void faults_event(struct sim *s, const struct queue_ev *ev)
{
	const struct plan_item *it = &s->plan->item[ev->who];
	const struct fault_row *row = &fault_rows[it->kind];
	char text[128];

	switch ((enum sim_event)ev->kind) {
	case SIM_EV_FAULT:
		plan_item_text(it, text, sizeof text);
		sim_say(s, NULL, "--- %s", text);
		if (it->for_us != 0 && it->for_us != UINT64_MAX)
			sim_post(s, SIM_EV_FAULT_END, ev->who, 0, 0, it->for_us);
		if (row->about & FAULT_FLAPS)
			flap_on(s, ev->who, false);
		else
			set(s, ev->who, true);
		break;
	case SIM_EV_AGAIN:
		if (!s->plan_over[ev->who])
			flap_on(s, ev->who, ev->x != 0);
		break;
	case SIM_EV_FAULT_END:
		sim_say(s, NULL, "--- end of %s", row->name);
		s->plan_over[ev->who] = true;
		set(s, ev->who, false);
		break;
	default:
		assert(false);
	}
}
