/* What comes over a link: records that can't be read or can't be, links made anew, and who answers at an address. */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "test/sim/faults.h"
#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { MINUTE = 60000 };

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

const struct story_row stories_links[] = {
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
};
const size_t n_stories_links = sizeof stories_links / sizeof stories_links[0];
