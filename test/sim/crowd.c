#include "test/sim/crowd.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "test/sim/proc.h"

enum {
	NEAR = 10,      /* two on each of five rings */
	CORES_MAX = 32, /* that one stand-in lists */
	CHUNK = 24,
	HOP_WAIT_US = 5000, /* STATE_GAP_MS of the core */
	CREATED_MS =
		1000 /* older than any core's own cluster: its identity is the one that stays */
};

/* A link to a core. */
struct tie {
	struct net_conn *conn; /* NULL: none */
	unsigned host;
	struct id128 id;
	uint64_t session;
	bool listed; /* welcomed by both */
};

struct stand_in {
	struct id128 id;
	uint16_t near[NEAR]; /* other stand-ins, sorted out of rings; some may be there twice */
	bool dead;
	uint64_t seq;
	struct tie tie[CORES_MAX];
};

/* A record as it is known to the crowd. */
struct known {
	struct wire_record record; /* the body is owned */
	uint8_t *body;
};

struct crowd {
	struct sim *sim;
	const struct net_ops *procs; /* what the cores' ends do */
	struct net_ops ops;
	struct stand_in *who;
	unsigned n;
	struct known *of_core; /* by host - n; the id from its hello on */
	uint64_t *
		told; /* to which cores the whole table was sent, and to which of their lives */
	struct known *change; /* all that ever spread */
	size_t n_changes, cap_changes;
	struct queue due; /* who: stand-in, x: change */
	uint64_t ping_seq;
	struct msg_arena arena;
};

static struct id128 stand_in_id(unsigned i)
{
	uint64_t h[2] = {hash64_seed(&i, sizeof i, 11), hash64_seed(&i, sizeof i, 12)};
	struct id128 id;

	memcpy(id.b, h, sizeof id.b);
	return id;
}

static uint64_t session_of(unsigned i)
{
	return 1000 + i;
}

/* --- records */

static int link_cmp(const void *a, const void *b)
{
	const struct wire_link *x = a, *y = b;

	return id_cmp(&x->id, &y->id);
}

static uint32_t links_of(const struct crowd *c, unsigned i, struct wire_link *out)
{
	const struct stand_in *s = &c->who[i];
	uint32_t n = 0, unique = 0;

	for (unsigned k = 0; k < NEAR; k++)
		if (!c->who[s->near[k]].dead && s->near[k] != i)
			out[n++] = (struct wire_link){c->who[s->near[k]].id,
				session_of(s->near[k]), WIRE_LF_DATA_OK};
	for (unsigned k = 0; k < CORES_MAX; k++)
		if (s->tie[k].conn != NULL && s->tie[k].listed)
			out[n++] = (struct wire_link){s->tie[k].id, s->tie[k].session,
				WIRE_LF_DATA_OK};
	qsort(out, n, sizeof *out, link_cmp);
	for (uint32_t k = 0; k < n; k++)
		if (unique == 0 || !id_eq(&out[unique - 1].id, &out[k].id))
			out[unique++] = out[k];
	return unique;
}

static uint64_t voters(void)
{
	return 1; /* the top of the cluster's id, which is 0, with the lowest bit set: see quorum.c */
}

static struct wire_record record_of(struct crowd *c, unsigned i, struct buf *body)
{
	const struct proc *p = &c->sim->proc[i];
	struct wire_link links[NEAR + CORES_MAX];
	struct wire_body b = {.node_id = c->who[i].id,
		.name = msg_str(p->name),
		.host = msg_str(p->addr),
		.version = msg_str("0.1.0"),
		.dist_port = p->port,
		.rpc_port = p->port,
		.proto_lo = WIRE_PROTO_LO,
		.proto_hi = WIRE_PROTO_HI,
		.joined_ms = CREATED_MS + i,
		.voters = voters(),
		.links = {links, links_of(c, i, links)}};

	msg_encode(body, &wire_body_desc, &b);
	return (struct wire_record){.id = c->who[i].id,
		.incarnation = 1,
		.session = session_of(i),
		.seq = c->who[i].seq + 1,
		.body = {(const char *)body->p, (uint32_t)body->n}};
}

static struct known known_copy(const struct wire_record *r)
{
	struct known k = {.record = *r, .body = xmemdup(r->body.p, r->body.n)};

	k.record.body.p = (const char *)k.body;
	return k;
}

/* --- what is said to a core */

static void say(struct crowd *c, struct net_conn *conn, enum net_end end, enum wire_type type,
	const void *msg)
{
	struct buf b = {0};

	wire_put(&b, type, msg);
	if (conn->side[end].open && !conn->side[end].fin_sent)
		net_send(&c->sim->net, conn, end, b.p, b.n);
	buf_free(&b);
}

static void say_table(struct crowd *c, struct net_conn *conn, enum net_end end)
{
	unsigned n_cores = (unsigned)c->sim->n_procs - c->n;
	struct wire_record r[CHUNK];
	struct buf body[CHUNK];
	uint32_t n = 0;

	for (unsigned i = 0; i < c->n + n_cores; i++) {
		bool core = i >= c->n;

		memset(&body[n], 0, sizeof body[n]);
		if (core && c->of_core[i - c->n].body == NULL)
			continue;
		r[n] = core ? c->of_core[i - c->n].record : record_of(c, i, &body[n]);
		if (++n < CHUNK && i + 1 < c->n + n_cores)
			continue;
		say(c, conn, end, WIRE_STATE, &(struct wire_state){.records = {r, n}});
		while (n > 0)
			buf_free(&body[--n]);
	}
	if (n > 0)
		say(c, conn, end, WIRE_STATE, &(struct wire_state){.records = {r, n}});
	while (n > 0)
		buf_free(&body[--n]);
}

/* --- spreading */

/* From neighbour to neighbour; only who is linked with cores is waited for. */
static void spread(struct crowd *c, unsigned from, const struct wire_record *r)
{
	struct sim *s = c->sim;
	uint64_t *at = xcalloc(c->n, sizeof *at);
	unsigned *queue = xcalloc(c->n, sizeof *queue), head = 0, tail = 0;

	if (c->n_changes == c->cap_changes) {
		c->cap_changes = c->cap_changes == 0 ? 64 : c->cap_changes * 2;
		c->change = xrealloc(c->change, c->cap_changes, sizeof *c->change);
	}
	c->change[c->n_changes] = known_copy(r);
	at[from] = s->now_us;
	queue[tail++] = from;
	while (head < tail) {
		unsigned i = queue[head++];

		queue_push(&c->due, (struct queue_ev){.at_us = at[i],
					    .who = i,
					    .x = (uint32_t)c->n_changes});
		for (unsigned k = 0; k < NEAR; k++) {
			unsigned to = c->who[i].near[k];

			if (at[to] != 0 || c->who[to].dead)
				continue;
			at[to] = at[i] + path_latency_us(&s->net.paths, i, to, &s->rng) +
				 rng_below(&s->rng, HOP_WAIT_US);
			queue[tail++] = to;
		}
	}
	c->n_changes++;
	free(queue);
	free(at);
}

static void publish(struct crowd *c, unsigned i)
{
	struct buf body = {0};
	struct wire_record r;

	c->who[i].seq++;
	r = record_of(c, i, &body);
	spread(c, i, &r);
	buf_free(&body);
}

void crowd_deliver(struct crowd *c)
{
	const struct queue_ev *first = queue_first(&c->due);

	while (first != NULL && first->at_us <= c->sim->now_us) {
		struct queue_ev ev = queue_pop(&c->due);
		struct stand_in *s = &c->who[ev.who];

		for (unsigned k = 0; k < CORES_MAX && !s->dead; k++)
			if (s->tie[k].conn != NULL && s->tie[k].listed)
				say(c, s->tie[k].conn, NET_ACCEPTOR, WIRE_STATE,
					&(struct wire_state){
						.records = {&c->change[ev.x].record, 1}});
		first = queue_first(&c->due);
	}
}

/* --- what a core says */

static struct tie *tie_of(struct crowd *c, unsigned i, const struct net_conn *conn)
{
	for (unsigned k = 0; k < CORES_MAX; k++)
		if (c->who[i].tie[k].conn == conn)
			return &c->who[i].tie[k];
	return NULL;
}

static void on_hello(struct crowd *c, unsigned i, struct net_conn *conn,
	const struct wire_hello *h)
{
	const struct proc *p = &c->sim->proc[i];
	struct wire_hello mine = {.proto_lo = WIRE_PROTO_LO,
		.proto_hi = WIRE_PROTO_HI,
		.flags = WIRE_HF_AUTO | WIRE_HF_EMPTY,
		.cluster_name = h->cluster_name,
		.node_name = msg_str(p->name),
		.host = msg_str(p->addr),
		.version = msg_str("0.1.0"),
		.created_ms = CREATED_MS,
		.member_id = c->who[i].id,
		.node_id = c->who[i].id,
		.incarnation = 1,
		.session = session_of(i),
		.heartbeat_ms = c->sim->setup.heartbeat_ms,
		.timeout_ms = c->sim->setup.timeout_ms,
		.dist_port = p->port,
		.rpc_port = p->port,
		.nonce = h->nonce};
	struct tie *t = tie_of(c, i, NULL);

	conn->side[NET_ACCEPTOR].admitted = true;
	c->of_core[conn->side[NET_DIALER].host - c->n].record.id = h->member_id;
	say(c, conn, NET_ACCEPTOR, WIRE_HELLO, &mine);
	if (t == NULL || (h->flags & (WIRE_HF_QUERY | WIRE_HF_PROBE)) != 0)
		say(c, conn, NET_ACCEPTOR, WIRE_BYE,
			&(struct wire_bye){.code = WIRE_BYE_DONE, .name = msg_str(p->name)});
	else
		*t = (struct tie){.conn = conn,
			.host = conn->side[NET_DIALER].host,
			.id = h->member_id,
			.session = h->session};
	if (t != NULL && t->conn == conn)
		say(c, conn, NET_ACCEPTOR, WIRE_WELCOME,
			&(struct wire_welcome){.knows_you = true});
}

static void on_welcome(struct crowd *c, unsigned i, struct tie *t)
{
	uint64_t *told = &c->told[t->host - c->n];

	if (*told != t->session)
		say_table(c, t->conn, NET_ACCEPTOR);
	*told = t->session;
	t->listed = true;
	publish(c, i);
}

/* Of the cores' records alone there is news. */
static void on_record(struct crowd *c, unsigned i, const struct wire_record *r)
{
	unsigned n_cores = (unsigned)c->sim->n_procs - c->n, k = 0;
	struct known *known = c->of_core;

	while (k < n_cores && !id_eq(&known[k].record.id, &r->id))
		k++;
	if (k == n_cores || (known[k].body != NULL && r->seq <= known[k].record.seq))
		return;
	free(known[k].body);
	known[k] = known_copy(r);
	spread(c, i, r);
}

static void on_frame(struct crowd *c, unsigned i, struct net_conn *conn, const uint8_t *p,
	size_t n)
{
	struct tie *t = tie_of(c, i, conn);
	enum wire_type type = WIRE_N_TYPES;
	union wire_any m;
	const char *why;

	msg_arena_reset(&c->arena);
	if (wire_get(p, n, &c->arena, &type, &m, &why) != 0) {
		sim_fail(c->sim, "g", "a stand-in can't read %s", why);
		return;
	}
	if (type == WIRE_HELLO)
		on_hello(c, i, conn, &m.hello);
	else if (type == WIRE_WELCOME && t != NULL)
		on_welcome(c, i, t);
	else if (type == WIRE_PING) /* what one has said all know: the same digest comes back */
		say(c, conn, NET_ACCEPTOR, WIRE_PING,
			&(struct wire_ping){.seq = ++c->ping_seq,
				.echo = m.ping.seq,
				.digest = m.ping.digest,
				.vector_hash = m.ping.vector_hash,
				.data_hash = m.ping.data_hash});
	else if (type == WIRE_DROP)
		say(c, conn, NET_ACCEPTOR, WIRE_DROP,
			&(struct wire_drop){.stage = WIRE_DROP_REFUSE});
	else if (type == WIRE_STATE)
		for (uint32_t k = 0; k < m.state.records.n; k++)
			on_record(c, i, &((const struct wire_record *)m.state.records.item)[k]);
}

/* --- the network */

static struct crowd *crowd_of(void *ctx)
{
	return ((struct sim *)ctx)->crowd;
}

static bool is_stand_in(const struct crowd *c, const struct net_conn *conn, enum net_end end)
{
	return conn->side[end].host < c->n;
}

static enum net_answer on_syn(void *ctx, unsigned host, uint16_t port)
{
	struct crowd *c = crowd_of(ctx);

	if (host >= c->n)
		return c->procs->syn(ctx, host, port);
	return !c->who[host].dead && c->sim->proc[host].port == port ? NET_TAKE : NET_REFUSE;
}

static void on_accepted(void *ctx, struct net_conn *conn)
{
	struct crowd *c = crowd_of(ctx);

	if (!is_stand_in(c, conn, NET_ACCEPTOR))
		c->procs->accepted(ctx, conn);
}

static void on_data(void *ctx, struct net_conn *conn, enum net_end end, const uint8_t *p,
	size_t n)
{
	struct crowd *c = crowd_of(ctx);
	size_t at = 0;

	if (!is_stand_in(c, conn, end)) {
		c->procs->data(ctx, conn, end, p, n);
		return;
	}
	while (at + 4 <= n && conn->side[end].open) {
		size_t len = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 |
			     (size_t)p[at + 2] << 8 | p[at + 3];

		on_frame(c, conn->side[end].host, conn, p + at + 4, len);
		at += 4 + len;
	}
}

/* The core is gone, or the link; a redial is refused at once, or comes from the core. */
static void on_lost(void *ctx, struct net_conn *conn, enum net_end end, enum core_loss loss)
{
	struct crowd *c = crowd_of(ctx);
	struct tie *t;

	if (!is_stand_in(c, conn, end)) {
		c->procs->lost(ctx, conn, end, loss);
		return;
	}
	t = tie_of(c, conn->side[end].host, conn);
	if (t == NULL)
		return;
	*t = (struct tie){.conn = NULL};
	if (!c->who[conn->side[end].host].dead)
		publish(c, conn->side[end].host);
}

static void on_room(void *ctx, struct net_conn *conn, enum net_end end)
{
	struct crowd *c = crowd_of(ctx);

	if (!is_stand_in(c, conn, end))
		c->procs->room(ctx, conn, end);
}

/* --- life */

static void draw_rings(struct crowd *c)
{
	uint16_t *order = xcalloc(c->n, sizeof *order);

	for (unsigned k = 0; k < NEAR / 2; k++) {
		for (unsigned i = 0; i < c->n; i++) {
			unsigned j = (unsigned)rng_below(&c->sim->rng, i + 1);

			order[i] = order[j];
			order[j] = (uint16_t)i;
		}
		for (unsigned i = 0; i < c->n; i++) {
			c->who[order[i]].near[2 * k] = order[(i + 1) % c->n];
			c->who[order[i]].near[2 * k + 1] = order[(i + c->n - 1) % c->n];
		}
	}
	free(order);
}

struct crowd *crowd_new(struct sim *s, unsigned n)
{
	struct crowd *c = xcalloc(1, sizeof *c);

	assert(n <= UINT16_MAX);
	*c = (struct crowd){.sim = s, .n = n, .procs = s->net.ops};
	c->who = xcalloc(n, sizeof *c->who);
	c->of_core = xcalloc(s->n_procs - n, sizeof *c->of_core);
	c->told = xcalloc(s->n_procs - n, sizeof *c->told);
	msg_arena_init(&c->arena, 1024 * 1024);
	for (unsigned i = 0; i < n; i++)
		c->who[i].id = stand_in_id(i);
	draw_rings(c);
	c->ops = *c->procs;
	c->ops.syn = on_syn;
	c->ops.accepted = on_accepted;
	c->ops.data = on_data;
	c->ops.lost = on_lost;
	c->ops.room = on_room;
	s->net.ops = &c->ops;
	s->crowd = c;
	return c;
}

void crowd_free(struct crowd *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_changes; i++)
		free(c->change[i].body);
	for (unsigned i = 0; i < c->sim->n_procs - c->n; i++)
		free(c->of_core[i].body);
	msg_arena_free(&c->arena);
	queue_free(&c->due);
	free(c->change);
	free(c->of_core);
	free(c->told);
	free(c->who);
	free(c);
}

bool crowd_alive(const struct crowd *c, unsigned i)
{
	return c != NULL && i < c->n && !c->who[i].dead;
}

/* Its links among stand-ins end as those to cores do: the kernel says so, and a redial is refused. */
void crowd_kill(struct crowd *c, unsigned i)
{
	c->who[i].dead = true;
	net_host_kill(&c->sim->net, i, false, sim_dispatch);
	for (unsigned k = 0; k < NEAR; k++)
		if (!c->who[c->who[i].near[k]].dead)
			publish(c, c->who[i].near[k]);
}
