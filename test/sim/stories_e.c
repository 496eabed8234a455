/* What others can't read, who answers at an address, replicas that know more, removals: the rest of the protocol review. */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "test/sim/faults.h"
#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { MINUTE = 60000 };

static bool gone_wrong(struct story *st, unsigned i)
{
	return st->sim.failed || !proc_runs(node(st, i));
}

/* What i has of j, by its present or last member id. */
static bool member_of(struct story *st, unsigned i, struct id128 j, struct core_member *out)
{
	*out = (struct core_member){.name = ""};
	for (size_t k = 0; !gone_wrong(st, i) && k < core_n_members(node(st, i)->core); k++) {
		core_member_at(node(st, i)->core, k, out);
		if (id_eq(&out->member_id, &j))
			return true;
	}
	return false;
}

/* A message comes to one end of a live link as if the other had sent it. */
static void comes_from(struct story *st, unsigned at, unsigned from, enum wire_type type,
	const void *msg)
{
	struct proc *p = node(st, at);
	struct net_side *side = st->sim.net.host[p->host].sides;
	struct buf b = {0};

	if (gone_wrong(st, at))
		return;
	while (side != NULL &&
		(!side->app || !side->admitted || side->conn->bulk ||
			side->conn->side[net_other(side->end)].host != node(st, from)->host))
		side = side->next;
	expect(st, side != NULL, "n%u is linked with n%u", at, from);
	if (side == NULL)
		return;
	wire_put(&b, type, msg);
	proc_enter(p);
	core_conn_frame(p->core, side->handle, b.p + 4, b.n - 4);
	proc_leave(p);
	buf_free(&b);
}

/* --- a record that today's version can't read */

static void unreadable(struct story *st, unsigned i, bool begin)
{
	const struct plan_item it = {.a = i - 1};

	if (!st->sim.failed)
		(begin ? fault_unreadable : fault_readable)(&st->sim, &it);
}

struct youngest {
	uint64_t age_ms;
	const char *but; /* links to it don't count */
};

static void find_youngest(void *ctx, const struct core_link *l)
{
	struct youngest *y = ctx;

	if (l->own && strcmp(l->state, "live") == 0 && strcmp(l->to_name, y->but) != 0 &&
		l->age_ms < y->age_ms)
		y->age_ms = l->age_ms;
}

static void record_of_a_later_version(struct story *st)
{
	struct core_counters before = {0}, after = {0};
	struct core_member m;
	struct id128 two;

	cluster(st, 5);
	two = member_id(st, 2);
	cut(st, 2, 5); /* n5 hears of it from others only */
	run(st, 5000);
	calm(st);
	unreadable(st, 2, true);
	expect_view(st, "1 3-5", "1 3-5", 1000);
	run(st, MINUTE);
	expect_no_stop_by(st, "1 3-5", "1 3-5");
	for (unsigned i = 1; i <= 5; i++) {
		struct youngest y = {.age_ms = UINT64_MAX, .but = node(st, 2)->name};

		if (i == 2 || gone_wrong(st, i))
			continue;
		expect(st, member_of(st, i, two, &m) && m.unreadable,
			"n%u keeps n2's record and shows it as unreadable", i);
		core_each_link(node(st, i)->core, find_youngest, &y);
		expect(st, y.age_ms >= MINUTE, "n%u has closed no link but n2's", i);
	}
	if (!gone_wrong(st, 2))
		core_counters(node(st, 2)->core, &before);
	run(st, MINUTE);
	if (!gone_wrong(st, 2))
		core_counters(node(st, 2)->core, &after);
	expect(st, after.dials - before.dials <= 3 * 4 + 4,
		"n2 stays away, but dialled %u times", (unsigned)(after.dials - before.dials));
	unreadable(st, 2, false);
	expect_view(st, "1-5", "1-5", 7000);
	expect(st, member_of(st, 1, two, &m) && !m.unreadable, "n2 is readable again");
}

/* Some nodes are of a later version: they offer it, and say more than the others understand. */
static void half_are_newer(struct story *st)
{
	struct sim_setup setup = story_setup(6);

	setup.newer = group("2 4 6");
	world(st, &setup);
	start_all(st);
	expect_view(st, "1-6", "1-6", 2000);
	run(st, MINUTE);
	expect_no_stop(st);
	kill_node(st, 4);
	expect_view(st, "1-3 5-6", "1-3 5-6", 50);
	start(st, 4);
	expect_view(st, "1-6", "1-6", 2000);
}

/* --- links that are made anew, as when a cookie is rotated */

static void links_made_anew(struct story *st)
{
	static const unsigned sizes[] = {2, 5, 16};
	unsigned n = sizes[st->round];
	char all[16];

	cluster(st, n);
	run(st, 30000);
	calm(st);
	snprintf(all, sizeof all, "1-%u", n);
	for (unsigned i = 1; i <= n; i++)
		for (unsigned k = i + 1; k <= n; k++) {
			reset_link(st, i, k, true, true);
			run(st, 50);
		}
	run(st, 5000);
	expect_no_stop(st);
	expect_view(st, all, all, 0);
}

/* --- RPC blocked while links are fine */

struct marks {
	const char *node;
	unsigned bad_at, bad_elsewhere;
};

static void count_marks(void *ctx, const struct core_link *l)
{
	struct marks *m = ctx;

	if (!l->data_failed)
		return;
	if (strcmp(l->from_name, m->node) == 0 || strcmp(l->to_name, m->node) == 0)
		m->bad_at++;
	else
		m->bad_elsewhere++;
}

static struct marks marks_of(struct story *st, unsigned at, unsigned of)
{
	struct marks m = {.node = node(st, of)->name};

	if (!gone_wrong(st, at))
		core_each_link(node(st, at)->core, count_marks, &m);
	return m;
}

static unsigned children(struct story *st, unsigned at, unsigned root)
{
	struct id128 ids[SIM_PROCS_MAX], r = member_id(st, root);

	return gone_wrong(st, at) ? 0
				  : (unsigned)core_tree_children(node(st, at)->core, &r, ids,
					    SIM_PROCS_MAX);
}

static void data_without_links(struct story *st)
{
	struct marks m;

	cluster(st, 5);
	expect(st, children(st, 1, 1) == 4, "n1 passes its writes on to all");
	rpc_blocked(st, 2, true);
	run(st, 2500);
	m = marks_of(st, 4, 2);
	/* n4's own link, and both ends of the three others as their records say */
	expect(st, m.bad_at >= 7 && m.bad_elsewhere == 0,
		"n4 knows it of all links of n2, but %u, %u", m.bad_at, m.bad_elsewhere);
	expect(st, children(st, 1, 1) == 3, "nothing is passed on to n2 on that edge");
	expect_view(st, "1-5", "1-5", 0);
	run(st, MINUTE);
	rpc_blocked(st, 2, false);
	run(st, 2500);
	m = marks_of(st, 4, 2);
	expect(st, m.bad_at == 0, "all is well again, but %u", m.bad_at);
	expect(st, children(st, 1, 1) == 4, "n1 passes its writes on to all again");
	expect_no_stop(st);
}

/* --- who answers at an address */

/* Both listen on the same port. */
static void port_of(struct story *st, unsigned i, unsigned j)
{
	struct proc *p = node(st, i);

	snprintf(p->name, sizeof p->name, "n%uv-%u@10.0.0.%u", i, j, i);
	p->port = p->conf.dist_port = node(st, j)->port;
	p->conf.rpc_port = node(st, j)->conf.rpc_port;
}

static uint64_t dials(struct story *st, unsigned i)
{
	struct core_counters n = {0};

	if (!gone_wrong(st, i))
		core_counters(node(st, i)->core, &n);
	return n.dials;
}

/* An address of discovery's is this node itself, for a while: then a new node has it. */
static void self_for_a_minute(struct story *st)
{
	struct sim_setup setup = story_setup(2);
	uint64_t before;

	setup.n_spare = 1;
	world(st, &setup);
	port_of(st, 3, 1);
	node(st, 3)->leads_to = node(st, 1)->host;
	all_seeds(st, "");
	seeds(st, 1, "1-3");
	start_all(st);
	expect_view(st, "1-2", "1-2", 5000);
	run(st, 2000);
	before = dials(st, 1);
	run(st, 30000);
	expect(st, dials(st, 1) - before <= 2, "n1 does not dial itself again, but %u times",
		(unsigned)(dials(st, 1) - before));
	node(st, 3)->leads_to = node(st, 3)->host;
	start(st, 3);
	expect_view(st, "1-3", "1-3", MINUTE);
}

/* n2 is gone and another node has its address; then n2 comes back at another one. */
static void another_answers(struct story *st)
{
	struct sim_setup setup = story_setup(5);
	struct proc *two, *six;
	char addr[24];

	setup.n_spare = 1;
	world(st, &setup);
	port_of(st, 6, 2);
	start_all(st);
	expect_view(st, "1-5", "1-5", 5000);
	run(st, 4000);
	power_off(st, 2);
	expect_view(st, "1 3-5", "1 3-5", 4000);
	two = node(st, 2);
	six = node(st, 6);
	memcpy(addr, two->addr, sizeof addr);
	memcpy(two->addr, six->addr, sizeof addr);
	memcpy(six->addr, addr, sizeof addr);
	two->leads_to = six->host;
	six->leads_to = two->host;
	start(st, 6);
	expect_view(st, "1 3-6", "1 3-6", 6000);
	run(st, 1000); /* until it has told of them */
	calm(st);
	run(st, MINUTE);
	expect_view(st, "1 3-6", "1 3-6", 0);
	expect_members(st, 1, 6, 0);
	expect_no_stop(st);
	expect_no_event(st, CORE_EV_NODE_UP);
	start(st, 2);
	expect_view(st, "1-6", "1-6", 6000);
	expect_no_stop_by(st, "1 3-6", "1 3-6");
}

/* --- versions out of all reason */

static void record_says(struct story *st, unsigned at, unsigned from, struct id128 of,
	uint64_t incarnation)
{
	struct wire_record r = {.id = of, .incarnation = incarnation, .session = 7, .seq = 1};

	r.body = msg_str("");
	comes_from(st, at, from, WIRE_STATE, &(struct wire_state){.records = {&r, 1}});
}

static uint64_t incarnation(struct story *st, unsigned i)
{
	struct core_status s = {.incarnation = 0};

	if (!gone_wrong(st, i))
		core_status(node(st, i)->core, &s);
	return s.incarnation;
}

static void wild_versions(struct story *st)
{
	struct core_member m;
	struct id128 one, three;

	cluster(st, 4);
	one = member_id(st, 1);
	three = member_id(st, 3);
	record_says(st, 1, 2, three, UINT64_MAX - 1);
	expect(st, member_of(st, 1, three, &m) && m.incarnation == 1, "n1 refuses it");
	record_says(st, 1, 2, one, UINT64_MAX - 1);
	record_says(st, 1, 2, one, (UINT64_C(1) << 32) + 100);
	expect(st, incarnation(st, 1) == 1, "n1 does not jump there, but %u",
		(unsigned)incarnation(st, 1));
	record_says(st, 1, 2, one, 5);
	expect(st, incarnation(st, 1) == 6, "n1 jumps past a version that may be");
	run(st, 20000);
	expect(st, member_of(st, 4, one, &m) && m.incarnation == 6, "and all know");
	kill_node(st, 3);
	run(st, 3000);
	start(st, 3);
	expect_view(st, "1-4", "1-4", 3000);
	expect_no_stop_by(st, "1-4", "1-2 4");
}

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
	{"B9a", "a record of a later version is kept, passed on and shown; only its owner is cut",
		record_of_a_later_version, 0},
	{"B9b", "half of the nodes speak a later version too", half_are_newer, 0},
	{"B12", "links that are made anew one by one stop nobody", links_made_anew, 3},
	{"C5", "RPC blocked while links are fine: marked in records, no view changes",
		data_without_links, 0},
	{"C8a", "an address is this node itself for a minute, not for ever", self_for_a_minute,
		0},
	{"C8b", "another node answers at a lost member's address", another_answers, 0},
	{"C13", "versions near the end of numbers are refused", wild_versions, 0},
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
