#ifndef TEST_UNIT_CORE_PEER_H
#define TEST_UNIT_CORE_PEER_H
/*
 * One core and scripted peers: what a hostile, confused or newer node may say, frame by frame. The disk answers when
 * the story says so. Shared by unit tests and the fuzzer of the core; needs no test library.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "membership/core/core.h"

enum { P_CONNS = 64, P_DISK = 256 };

enum p_disk { P_DISK_WRITES, P_DISK_FAILS, P_DISK_HANGS };

struct p_conn {
	uint32_t id; /* 0: free */
	bool dialed;
	uint64_t nonce;
	uint16_t port;
	char host[64];
};

struct p_world {
	struct core *core;
	uint64_t now_us, wall_ms;
	struct p_conn conn[P_CONNS];
	enum p_disk disk;
	uint64_t seq[P_DISK]; /* on their way to the disk that hangs */
	size_t n_seq;
	uint32_t copy_job, handover_job;
	bool hands_later; /* the test answers */
	/* what was seen */
	size_t fx, persists, writes, dials, byes, bytes_out, summaries, answers;
	uint64_t
		own_seq; /* of the last record that the core told of itself, and what that lists */
	size_t own_links, own_refused;
	size_t event[CORE_EV_N];
	struct core_reply reply;
	size_t replies;
	struct core_event last;
};

static inline void p_clock(struct p_world *p)
{
	core_clock(p->core, p->now_us, p->wall_ms);
}

static inline struct p_conn *p_conn_of(struct p_world *p, uint32_t id)
{
	for (size_t i = 0; i < P_CONNS; i++)
		if (p->conn[i].id == id)
			return &p->conn[i];
	return NULL;
}

/* A handle to keep, or NULL when there are too many: the caller refuses it then. */
static inline struct p_conn *p_conn_add(struct p_world *p, uint32_t id)
{
	struct p_conn *k = p_conn_of(p, 0);

	if (k != NULL)
		*k = (struct p_conn){.id = id};
	return k;
}

static inline void p_own_record(struct p_world *p, const struct wire_record *r)
{
	struct msg_arena a;
	struct wire_body b;
	const struct wire_link *l;
	struct core_status s;

	core_status(p->core, &s);
	if (!id_eq(&r->id, &s.member_id) || r->seq < p->own_seq)
		return;
	msg_arena_init(&a, 256 * 1024);
	if (msg_decode(&wire_body_desc,
		    (struct msg_reader){(const uint8_t *)r->body.p,
			    (const uint8_t *)r->body.p + r->body.n},
		    &a, &b, NULL) != 0)
		abort();
	l = b.links.item;
	p->own_seq = r->seq;
	p->own_links = b.links.n;
	p->own_refused = 0;
	for (uint32_t i = 0; i < b.links.n; i++)
		p->own_refused += (l[i].flags & WIRE_LF_REFUSED) != 0 ? 1 : 0;
	msg_arena_free(&a);
}

/* What the core says on a connection is read; of a hello the nonce is kept, as a peer would. */
static inline void p_read(struct p_world *p, struct p_conn *k)
{
	static uint8_t out[128 * 1024];
	size_t n;

	for (int round = 0; round < 100; round++) {
		n = core_conn_pull(p->core, k->id, out, sizeof out);
		p->bytes_out += n;
		if (n == 0)
			return;
		for (size_t at = 0; at + 4 <= n;) {
			size_t len = (size_t)out[at] << 24 | (size_t)out[at + 1] << 16 |
				     (size_t)out[at + 2] << 8 | out[at + 3];
			struct msg_arena a;
			union wire_any m;
			enum wire_type type = WIRE_N_TYPES;
			const char *why;

			msg_arena_init(&a, 4 * 1024 * 1024);
			if (at + 4 + len > n ||
				wire_get(out + at + 4, len, &a, &type, &m, &why) != 0)
				abort(); /* the core says nothing that a peer could not read */
			if (type == WIRE_HELLO && k->dialed)
				k->nonce = m.hello.nonce;
			for (uint32_t i = 0; type == WIRE_STATE && i < m.state.records.n; i++)
				p_own_record(p,
					(const struct wire_record *)m.state.records.item + i);
			p->byes += type == WIRE_BYE ? 1 : 0;
			p->summaries += type == WIRE_SUMMARY ? 1 : 0;
			p->answers += type == WIRE_SUMMARY && m.summary.answer ? 1 : 0;
			msg_arena_free(&a);
			at += 4 + len;
		}
	}
}

static inline void p_dialed(struct p_world *p, const struct core_fx *fx)
{
	struct p_conn *k = p_conn_add(p, fx->conn);
	uint32_t id = fx->conn;

	p->dials++;
	if (k == NULL) {
		core_conn_lost(p->core, id, CORE_LOSS_TIMEOUT, "too many");
		return;
	}
	k->dialed = true;
	k->port = fx->u.dial.port;
	snprintf(k->host, sizeof k->host, "%s", fx->u.dial.host);
}

static inline void p_persist(struct p_world *p, const struct core_fx *fx)
{
	uint64_t seq = fx->u.persist.seq;

	p->persists++;
	p->writes += fx->u.persist.n;
	if (p->disk != P_DISK_HANGS)
		core_persisted(p->core, seq, p->disk == P_DISK_FAILS ? -28 : 0);
	else if (p->n_seq < P_DISK)
		p->seq[p->n_seq++] = seq;
	else
		abort(); /* while the disk hangs the core queues transactions without end */
}

static inline void p_effects(struct p_world *p)
{
	const struct core_fx *fx;

	for (size_t n = 0; (fx = core_next_fx(p->core)) != NULL; n++) {
		struct p_conn *k = fx->conn != 0 ? p_conn_of(p, fx->conn) : NULL;

		if (n > 20000)
			abort(); /* effects that make effects without end */
		p->fx++;
		switch (fx->kind) {
		case CORE_FX_DIAL:
			p_dialed(p, fx);
			break;
		case CORE_FX_CLOSE:
			if (k == NULL)
				break;
			p_read(p, k);
			if (fx->u.close.linger)
				core_conn_lost(p->core, k->id, CORE_LOSS_EOF, "closed");
			k->id = 0;
			break;
		case CORE_FX_WAKE:
			if (k != NULL)
				p_read(p, k);
			break;
		case CORE_FX_PERSIST:
			p_persist(p, fx);
			break;
		case CORE_FX_COPY:
			p->copy_job = fx->u.copy.job;
			break;
		case CORE_FX_HANDOVER:
			p->handover_job = fx->u.handover.job;
			if (!p->hands_later)
				core_handed(p->core, p->handover_job, true, "");
			break;
		case CORE_FX_EVENT:
			p->event[fx->u.event.kind]++;
			p->last = fx->u.event;
			if (getenv("W_TRACE") != NULL)
				fprintf(stderr, "%8.3f %s %s %s\n", (double)p->now_us / 1e6,
					core_event_name(fx->u.event.kind), fx->u.event.node,
					fx->u.event.text);
			break;
		case CORE_FX_REPLY:
			p->reply = fx->u.reply;
			p->replies++;
			break;
		case CORE_FX_ACCEPTED:
		case CORE_FX_COPY_CANCEL:
		case CORE_FX_DATA_SWAP:
		case CORE_FX_DATA_PEER:
		case CORE_FX_VIEW:
			break;
		}
	}
}

/* The disk wakes up and answers everything that waits, in order. */
static inline void p_disk(struct p_world *p, enum p_disk disk)
{
	p->disk = disk;
	while (p->n_seq > 0 && disk != P_DISK_HANGS) {
		uint64_t seq = p->seq[0];

		memmove(p->seq, p->seq + 1, --p->n_seq * sizeof p->seq[0]);
		p_clock(p);
		core_persisted(p->core, seq, disk == P_DISK_FAILS ? -28 : 0);
		p_effects(p);
	}
}

/* Lets time pass; the number of times that the core asked to be called. */
static inline size_t p_run(struct p_world *p, uint64_t ms)
{
	uint64_t end = p->now_us + ms * 1000;
	size_t ticks = 0;

	for (;;) {
		uint64_t d = core_deadline(p->core);
		uint64_t at = d > end / 1000 ? end : d * 1000;

		if (at > p->now_us) {
			p->wall_ms += (at - p->now_us) / 1000;
			p->now_us = at;
		}
		if (d > p->now_us / 1000)
			return ticks;
		/* a deadline that never moves on is a busy loop: the shell would come back at once, for ever */
		if (++ticks > ms * 2 + 100)
			abort();
		p_clock(p);
		core_tick(p->core);
		p_effects(p);
		if (core_deadline(p->core) <= p->now_us / 1000)
			p->now_us += 500;
	}
}

struct p_setup {
	enum wire_role role;
	enum core_mode mode;
	uint32_t members_max;
	uint64_t seed;
};

static inline void p_start(struct p_world *p, const struct p_setup *s)
{
	char err[512];
	struct core_conf conf = {.node_name = "me@10.0.0.1",
		.cluster_name = "emqxcl",
		.host = "10.0.0.1",
		.dist_port = 4370,
		.rpc_port = 5370,
		.role = s->role,
		.mode = s->mode,
		.autoheal = true,
		.autoclean_ms = 86400000,
		.heartbeat_ms = 500,
		.timeout_ms = 2500,
		.members_max = s->members_max == 0 ? 100 : s->members_max,
		.version = "test"};

	memset(p, 0, sizeof *p);
	p->now_us = 1000000000;
	p->wall_ms = 1700000000000ULL;
	p->core = core_new(&conf, &(struct core_stored){NULL, 0},
		&(struct core_birth){s->seed + 1, p->now_us, p->wall_ms}, err, sizeof err);
	if (p->core == NULL)
		abort();
	p_effects(p);
	p_run(p, 1500);
}

static inline void p_free(struct p_world *p)
{
	core_free(p->core);
}

/* --- peers --- */

static inline struct id128 p_id(uint8_t kind, uint16_t n)
{
	struct id128 id = {{0}};

	id.b[0] = (uint8_t)(n * 37 + 1);
	id.b[1] = kind;
	id.b[14] = (uint8_t)(n >> 8);
	id.b[15] = (uint8_t)n;
	return id;
}

static inline struct id128 p_self(struct p_world *p)
{
	struct core_status s;

	core_status(p->core, &s);
	return s.member_id;
}

static inline void p_say(struct p_world *p, uint32_t conn, enum wire_type type, const void *msg)
{
	struct buf b = {0};

	wire_put(&b, type, msg);
	p_clock(p);
	core_conn_frame(p->core, conn, b.p + 4, b.n - 4);
	buf_free(&b);
	p_effects(p);
}

static inline uint32_t p_accept(struct p_world *p)
{
	uint32_t id;

	p_clock(p);
	id = core_conn_accepted(p->core, "10.0.0.99");
	if (p_conn_add(p, id) == NULL) {
		core_conn_lost(p->core, id, CORE_LOSS_RESET, "too many");
		id = 0;
	}
	p_effects(p);
	return id;
}

static inline void p_hello(struct wire_hello *h, char name[64], uint16_t n)
{
	snprintf(name, 64, "p%u@10.1.%u.%u", (unsigned)n, n / 250u, n % 250u + 1);
	*h = (struct wire_hello){.proto_lo = 1,
		.proto_hi = 1,
		.flags = WIRE_HF_AUTO | WIRE_HF_SINGLE | WIRE_HF_EMPTY,
		.cluster_name = msg_str("emqxcl"),
		.node_name = msg_str(name),
		.host = msg_str(strchr(name, '@') + 1),
		.version = msg_str("test"),
		.created_ms = 1800000000000ULL + n, /* mine is the smaller */
		.cluster_id = p_id(9, n),
		.member_id = p_id(1, n),
		.node_id = p_id(2, n),
		.incarnation = 1,
		.session = 1000 + n,
		.heartbeat_ms = 500,
		.timeout_ms = 2500,
		.dist_port = 4370,
		.rpc_port = 5370,
		.nonce = 77000 + n,
		.sees = {"", 0}};
}

/* The set of voters that began with this cluster. */
static inline uint64_t p_voters(const struct wire_identity *i)
{
	uint64_t set = 0;

	for (unsigned b = 0; b < 8; b++)
		set = set << 8 | i->cluster_id.b[b];
	return set | 1;
}

/* Peer n's record: it runs and lists the core. */
static inline void p_record(struct p_world *p, uint32_t conn, uint16_t n, uint32_t role,
	uint64_t seq, bool lists_me)
{
	struct core_status s;
	struct buf body = {0};
	char name[64];
	struct wire_hello h;
	struct wire_link link;
	struct wire_body b = {.proto_lo = 1, .proto_hi = 1, .role = role, .joined_ms = 1};
	struct wire_record r = {.id = p_id(1, n), .incarnation = 1, .session = 1000u + n};

	core_status(p->core, &s);
	p_hello(&h, name, n);
	link = (struct wire_link){s.member_id, s.session, WIRE_LF_DATA_OK};
	b.node_id = h.node_id;
	b.name = h.node_name;
	b.host = h.host;
	b.version = h.version;
	b.dist_port = 4370;
	b.rpc_port = 5370;
	b.voters = role == WIRE_CORE ? p_voters(&s.identity) : 0;
	if (lists_me)
		b.links = (struct msg_list){&link, 1};
	msg_encode(&body, &wire_body_desc, &b);
	r.seq = seq;
	r.body = (struct msg_span){(const char *)body.p, (uint32_t)body.n};
	p_say(p, conn, WIRE_STATE, &(struct wire_state){.records = {&r, 1}});
	buf_free(&body);
}

/* Peer n dials the core, is accepted and lists it. The handle of the link, 0 when it was refused. */
static inline uint32_t p_link_as(struct p_world *p, const struct wire_hello *h, uint16_t n)
{
	uint32_t conn = p_accept(p);

	p_say(p, conn, WIRE_HELLO, h);
	if (p_conn_of(p, conn) == NULL)
		return 0;
	p_say(p, conn, WIRE_WELCOME, &(struct wire_welcome){.digest = 1});
	if (p_conn_of(p, conn) == NULL)
		return 0;
	p_record(p, conn, n, h->role, 1, true);
	return p_conn_of(p, conn) == NULL ? 0 : conn;
}

static inline uint32_t p_link(struct p_world *p, uint16_t n)
{
	struct wire_hello h;
	char name[64];

	p_hello(&h, name, n);
	return p_link_as(p, &h, n);
}

#endif
