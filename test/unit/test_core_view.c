/*
 * Who runs, by a model: one peer floods the records of a whole cluster, edge by edge at random, and after each the core
 * must show what a search of its own over those records finds. The core itself searches only when it must. And how often
 * a node of a large cluster looks for somebody who is stopped.
 */
#include <check.h>

#include "common/base/rng.h"
#include "test/unit/core_peer.h"

enum { NODES_MAX = 120, STEPS = 1500, NEIGHBOUR = 1, ROUNDS = 24 };

/* 0 is the core; NEIGHBOUR is linked with it. */
struct node {
	bool lists[NODES_MAX], wrong_session[NODES_MAX];
	bool refuses[NODES_MAX]; /* replicas that list it */
	bool replica, readable, stops, known;
	uint64_t seq;
};

static struct p_world p;
static struct node node[NODES_MAX], told[NODES_MAX]; /* as they are; as the core has heard */
static unsigned n_nodes;
static struct rng rng;
static uint32_t conn;

static void teardown(void)
{
	p_free(&p);
}

/* --- what it is told */

static int link_cmp(const void *a, const void *b)
{
	const struct wire_link *x = a, *y = b;

	return id_cmp(&x->id, &y->id);
}

static uint32_t links_of(const struct node *of, struct wire_link *out)
{
	struct core_status s;
	uint32_t n = 0;

	core_status(p.core, &s);
	for (unsigned i = 0; i < n_nodes; i++)
		if (of->lists[i] || of->refuses[i])
			out[n++] =
				(struct wire_link){i == 0 ? s.member_id : p_id(1, (uint16_t)i),
					(i == 0 ? s.session : 1000 + i) +
						(of->wrong_session[i] ? 1 : 0),
					of->refuses[i] ? WIRE_LF_REFUSED : WIRE_LF_DATA_OK};
	qsort(out, n, sizeof *out, link_cmp);
	return n;
}

static void flood(unsigned i)
{
	struct wire_link links[NODES_MAX];
	struct buf bytes = {0};
	struct wire_hello h;
	char name[64];
	struct wire_body b = {.proto_lo = 1,
		.proto_hi = 1,
		.joined_ms = 1,
		.voters = 1,
		.dist_port = 4370,
		.rpc_port = 5370,
		.role = node[i].replica ? WIRE_REPLICA : WIRE_CORE,
		.state = node[i].stops ? WIRE_STOPPING : WIRE_UP};
	struct wire_record r = {.id = p_id(1, (uint16_t)i),
		.incarnation = 1,
		.session = 1000 + i,
		.seq = ++node[i].seq + 1};

	p_hello(&h, name, (uint16_t)i);
	b.node_id = h.node_id;
	b.name = h.node_name;
	b.host = h.host;
	b.version = h.version;
	b.links = (struct msg_list){links, links_of(&node[i], links)};
	msg_encode(&bytes, &wire_body_desc, &b);
	if (!node[i].readable)
		bytes.n /= 2;
	r.body = (struct msg_span){(const char *)bytes.p, (uint32_t)bytes.n};
	p_say(&p, conn, WIRE_STATE, &(struct wire_state){.records = {&r, 1}});
	buf_free(&bytes);
	node[i].known = true;
	told[i] = node[i];
}

/* --- what it should make of it */

/* The replica's word, which the core may refuse; of its own links the core that is tested knows itself. */
static bool attached(unsigned replica, unsigned to)
{
	return to != 0 && told[replica].lists[to] && !told[replica].wrong_session[to] &&
	       told[to].known && !told[to].refuses[replica] && told[replica].readable &&
	       told[to].readable;
}

static bool usable(unsigned a, unsigned b)
{
	if (told[a].replica && told[b].replica)
		return false;
	if (told[a].replica || told[b].replica)
		return told[a].replica ? attached(a, b) : attached(b, a);
	return told[a].lists[b] && told[b].lists[a] && !told[a].wrong_session[b] &&
	       !told[b].wrong_session[a] && told[a].readable && told[b].readable;
}

static void search(bool *reached)
{
	unsigned queue[NODES_MAX], head = 0, tail = 0;

	memset(reached, 0, n_nodes * sizeof *reached);
	reached[0] = true;
	queue[tail++] = 0;
	while (head < tail) {
		unsigned at = queue[head++];

		for (unsigned i = 0; i < n_nodes && !told[at].replica; i++)
			if (!reached[i] && usable(at, i)) {
				reached[i] = true;
				queue[tail++] = i;
			}
	}
}

static void compare(unsigned step)
{
	bool reached[NODES_MAX];
	struct core_member m;

	search(reached);
	for (size_t k = 0; k < core_n_members(p.core); k++) {
		unsigned i = 0;

		core_member_at(p.core, k, &m);
		if (!m.self)
			i = (unsigned)strtoul(m.name + 1, NULL, 10);
		ck_assert_msg(m.running == (reached[i] && !told[i].stops),
			"step %u: %s is %sshown running, and is %sreached", step, m.name,
			m.running ? "" : "not ", reached[i] ? "" : "not ");
	}
}

/* --- at random */

static void change(struct node *n)
{
	for (unsigned k = 1 + (unsigned)rng_below(&rng, 3); k > 0; k--) {
		unsigned i = 1 + (unsigned)rng_below(&rng, n_nodes - 1);

		n->lists[i] = !n->lists[i] && rng_below(&rng, 3) > 0;
		n->wrong_session[i] = rng_below(&rng, 20) == 0;
		n->refuses[i] = !n->replica && node[i].replica && rng_below(&rng, 2) == 0;
	}
	n->stops = rng_below(&rng, 30) == 0;
}

/* Mostly the two ends of an edge say the same, one soon after the other; now and then everything is as new. */
static void step(void)
{
	unsigned a = 1 + (unsigned)rng_below(&rng, n_nodes - 1),
		 b = 1 + (unsigned)rng_below(&rng, n_nodes - 1);

	if (rng_below(&rng, 4) == 0) {
		change(&node[a]);
	} else {
		node[a].lists[b] = node[b].lists[a] = rng_below(&rng, 5) > 1;
		node[a].wrong_session[b] = node[b].wrong_session[a] = false;
		if (node[a].replica != node[b].replica)
			node[a].refuses[b] = node[b].refuses[a] = false;
		if (rng_below(&rng, 2) == 0)
			flood(b);
	}
	/* the neighbour's must be readable, or its link goes */
	node[a].readable = a == NEIGHBOUR || rng_below(&rng, 25) > 0;
	flood(a);
}

/* In the second half of its rounds a third of them are replicas. */
START_TEST(the_view_is_what_a_search_finds)
{
	static const unsigned sizes[] = {8, 40, NODES_MAX};

	n_nodes = sizes[_i % 3];
	rng_init(&rng, (uint64_t)_i);
	p_start(&p, &(struct p_setup){.mode = CORE_AUTO, .members_max = 2 * NODES_MAX});
	memset(node, 0, sizeof node);
	for (unsigned i = 0; i < n_nodes; i++) {
		node[i].readable = true;
		node[i].replica = _i >= ROUNDS / 2 && i > NEIGHBOUR && i % 3 == 0;
	}
	node[0].known = node[NEIGHBOUR].known = true;
	node[0].lists[NEIGHBOUR] = node[NEIGHBOUR].lists[0] = true;
	conn = p_link(&p, NEIGHBOUR);
	ck_assert_uint_ne(conn, 0);
	memcpy(told, node, sizeof told);
	for (unsigned i = 0; i < STEPS; i++) {
		step();
		if (n_nodes > 40 && i % 20 != 0)
			continue;
		if (n_nodes >
			40) { /* large clusters make one view of many records; the link lives on pings */
			p.now_us += 6000;
			p_clock(&p);
			core_tick(p.core);
			p_effects(&p);
		}
		compare(i);
	}
}
END_TEST

/* Dials end without an answer; how many of them led to this node. */
static unsigned dials_fail(unsigned i)
{
	struct wire_hello h;
	char name[64];
	unsigned n = 0;

	p_hello(&h, name, (uint16_t)i);
	for (unsigned k = 0; k < P_CONNS; k++) {
		struct p_conn *d = &p.conn[k];
		uint32_t id = d->id;

		if (id == 0 || !d->dialed)
			continue;
		n += strcmp(d->host, strchr(name, '@') + 1) == 0 ? 1 : 0;
		d->id = 0;
		p_clock(&p);
		core_conn_lost(p.core, id, CORE_LOSS_TIMEOUT, "no answer");
		p_effects(&p);
	}
	return n;
}

/* Each of n looks for it every 5 s with a chance of 10/n: together twice a second. */
START_TEST(all_together_dial_a_stopped_member_twice_a_second)
{
	enum { TIMES = 200, STOPPED = 79 };
	struct wire_hello h;
	char name[64];
	unsigned dials = 0;

	n_nodes = STOPPED + 1;
	p_start(&p, &(struct p_setup){.mode = CORE_AUTO, .members_max = 2 * NODES_MAX});
	p_hello(&h, name, NEIGHBOUR);
	h.heartbeat_ms = 60000; /* nobody answers */
	h.timeout_ms = 600000;
	conn = p_link_as(&p, &h, NEIGHBOUR);
	memset(node, 0, sizeof node);
	node[NEIGHBOUR].readable = true;
	for (unsigned i = 0; i < n_nodes; i++)
		node[NEIGHBOUR].lists[i] = i != NEIGHBOUR;
	for (unsigned i = NEIGHBOUR + 1; i < n_nodes; i++) {
		node[i].readable = node[i].lists[NEIGHBOUR] = true;
		node[i].stops = i == STOPPED;
		flood(i);
	}
	flood(NEIGHBOUR);
	for (unsigned i = 0; i < TIMES; i++) {
		p_run(&p, 2500);
		dials += dials_fail(STOPPED);
	}
	/* a hundred times 5 s, and 10 of 79 */
	ck_assert_uint_ge(dials, 4);
	ck_assert_uint_le(dials, 25);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_view");
	TCase *t = tcase_create("model");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, the_view_is_what_a_search_finds, 0, ROUNDS);
	tcase_add_test(t, all_together_dial_a_stopped_member_twice_a_second);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
