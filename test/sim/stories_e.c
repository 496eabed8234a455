/* Section E of the protocol review: replicas that know more than cores, and removals. */
#include <stdio.h>

#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { MINUTE = 60000 };

/* --- replicas */

static void only_a_replica_heard(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	struct core_status a = {.digest = 0}, b = {.digest = 0};
	struct core_member m;
	struct id128 one;

	setup.replicas = 1;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 5000);
	one = member_id(st, 1);
	cut(st, 1, 2);
	set_tag(st, 1, "last words");
	run(st, 500);
	power_off(st, 1);
	run(st, 10000);
	expect(st, member_of(st, 2, one, &m) && m.n_tags == 1, "n2 knows n1's last record");
	if (!gone_wrong(st, 2) && !gone_wrong(st, 3)) {
		core_status(node(st, 2)->core, &a);
		core_status(node(st, 3)->core, &b);
	}
	expect(st, a.digest == b.digest, "n2 and n3 have the same");
	calm(st);
	run(st, 20000);
	expect_frames(st, 20 * 2 + 10);
}

/* Its replicas alone know that there was more of it than its old disk has. */
static void old_disk_among_replicas(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.replicas = 2;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	for (unsigned i = 0; i < 3; i++) {
		kill_node(st, 1);
		run(st, 3000);
		start(st, 1);
		expect_view(st, "1-3", "1-3", 6000);
	}
	power_off(st, 1);
	run(st, 3000);
	start_old(st, 1, 100);
	expect_view(st, "1-3", "1-3", 6000);
}

static void core_lost_its_disk(struct story *st)
{
	struct sim_setup setup = story_setup(3);

	setup.replicas = 2;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 5000);
	power_off(st, 1);
	run(st, 5000);
	start_empty(st, 1);
	expect_view(st, "1-3", "1-3", 30000);
	expect_one_identity(st, "1-3", 5000);
}

/* A replica whose only core is off for a while belongs to it all the same when it is back. */
static void core_was_away(struct story *st)
{
	struct sim_setup setup = story_setup(3);
	struct id128 three;

	setup.replicas = 2;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-3", "1-3", 5000);
	run(st, 5000);
	three = member_id(st, 3);
	power_off(st, 1);
	run(st, MINUTE);
	start(st, 1);
	expect_view(st, "1-3", "1-3", 6000);
	expect_member_id(st, 3, three, true);
}

/* --- removals */

/* A node that does not count removes one that runs: it would only be away for a moment. */
static void void_at_once(struct story *st)
{
	struct sim_setup setup = story_setup(2);

	setup.replicas = 1;
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-2", "1-2", 5000);
	run(st, 4000);
	calm(st);
	expect_answer(st, 2, remove_node(st, 2, 1), CORE_E_INVALID, 1000);
	run(st, 5000);
	expect_no_event(st, CORE_EV_NODE_REMOVED);
	expect_no_stop(st);
}

/* The one that told it can't be asked any more when its data is to be handed over: another one is. */
static void any_member_covers(struct story *st)
{
	struct sim_setup setup = story_setup(4);

	setup.copy_us = 10 * 1000000; /* asked 5 s after, and later */
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-4", "1-4", 5000);
	run(st, 4000);
	expect_answer(st, 1, remove_node(st, 1, 4), CORE_OK, 1000);
	run(st, 1000);
	rpc_blocked(st, 1 + st->round, true);
	rpc_blocked(st, 1 + (st->round + 1) % 3, true);
	expect_apart(st, 4, CORE_APART_REMOVED, 20000);
	expect(st, st->sim.failed || node(st, 4)->n_swaps == 1,
		"n4 has handed its data over and begins with none");
}

static void remove_called(struct story *st, unsigned i, const char *name, enum core_code code)
{
	struct core_command cmd = {.kind = CORE_CMD_FORCE_LEAVE};

	snprintf(cmd.node.name, sizeof cmd.node.name, "%s", name);
	if (!gone_wrong(st, i))
		expect_answer(st, i, proc_command(node(st, i), &cmd), code, 1000);
}

/* Two of one name, each met by its own half, are off: only their ids tell which is meant. */
static void which_of_two(struct story *st)
{
	struct sim_setup setup = story_setup(4);
	struct id128 four;
	char name[NODE_NAME_MAX + 1], hex[ID_HEX_MAX];

	world(st, &setup);
	same_name(st, 4, 3);
	split(st, "1 3", "2 4");
	start_all(st);
	run(st, 5000);
	four = member_id(st, 4);
	power_off(st, 3);
	power_off(st, 4);
	run(st, 5000);
	unsplit(st, "1 3", "2 4");
	expect_view(st, "1-2", "1-2", 30000);
	expect_members(st, 1, 4, 5000);
	remove_called(st, 1, node(st, 3)->name, CORE_E_INVALID);
	snprintf(name, sizeof name, "%s@10.0.0.1", id_hex(&four, hex));
	remove_called(st, 1, name, CORE_OK);
	expect_members(st, 2, 3, 1000);
	/* now there is only one */
	remove_called(st, 1, node(st, 3)->name, CORE_OK);
	expect_members(st, 2, 2, 1000);
}

const struct story_row stories_e[] = {
	{"E1a", "what only a replica heard comes to the cores", only_a_replica_heard, 0},
	{"E1b", "a core with an old disk hears from its replicas how far it was",
		old_disk_among_replicas, 0},
	{"E2a", "replicas of a core that lost its disk find it again", core_lost_its_disk, 0},
	{"E2b", "replicas of a core that was off for a minute stay who they are", core_was_away,
		0},
	{"E3", "a removal that would be void at once is refused", void_at_once, 0},
	{"E4", "any member that stays may take over from one that is removed",
		any_member_covers, 3},
	{"E5", "of two stopped members with one name the id tells which is removed",
		which_of_two, 0},
};
const size_t n_stories_e = sizeof stories_e / sizeof stories_e[0];
