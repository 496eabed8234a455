/*
 * One core with a few linked peers, then whatever the input says: frames of every type with small or wild values, broken
 * frames, a disk that fails or hangs, time that passes, commands, connections that end. Memory must be clean, deadlines
 * must move on, effects and transactions must end, and tables must stay within their bounds.
 */
#include "test/unit/core_peer.h"

enum { MEMBERS_MAX = 24, CONNS_BOUND = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct p_world w;
static const uint8_t *in;
static size_t left;

static uint8_t byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *in++;
}

static uint64_t number(void)
{
	uint8_t how = byte();

	switch (how % 5) {
	case 0:
		return UINT64_MAX - how / 5;
	case 1:
		return (1ULL << (how / 5 + 12)) + byte();
	default:
		return how / 5;
	}
}

/* Members that there are, the core itself, nobody, strangers. */
static struct id128 id(void)
{
	uint8_t n = byte();

	if (n == 0)
		return (struct id128){{0}};
	if (n == 1)
		return p_self(&w);
	return p_id(1, n % 64);
}

static struct msg_span text(char *out, size_t cap)
{
	static const char *const some[] = {"me@10.0.0.1", "p1@10.1.0.2", "x@y", "", "10.0.0.1",
		"p9@10.1.0.10", "p1"};

	snprintf(out, cap, "%s", some[byte() % 7]);
	return msg_str(out);
}

static uint32_t some_conn(void)
{
	return w.conn[byte() % P_CONNS % 12].id;
}

static void say_hello(uint32_t conn)
{
	struct wire_hello h;
	char name[64], odd[64];
	uint16_t n = byte() % 32;
	uint8_t twist = byte();

	p_hello(&h, name, n);
	h.flags = byte() | ((twist & 1u) << 8);
	h.role = twist >> 7;
	for (size_t i = 0; i < P_CONNS; i++)
		if (w.conn[i].id == conn && w.conn[i].dialed)
			h.nonce = w.conn[i].nonce;
	if (twist & 2u)
		h.member_id = id();
	if (twist & 4u)
		h.node_name = text(odd, sizeof odd);
	if (twist & 8u)
		h.session = number();
	if (twist & 16u) {
		h.heartbeat_ms = (uint32_t)number();
		h.timeout_ms = (uint32_t)number();
	}
	if (twist & 32u)
		h.created_ms = number();
	if (twist & 64u)
		h.held_nonce = number();
	p_say(&w, conn, WIRE_HELLO, &h);
}

static void record_make(struct wire_record *r, struct buf *body)
{
	static struct wire_link links[WIRE_LINKS_MAX];
	char name[64], host[64];
	struct core_status s;
	uint8_t twist = byte();
	struct wire_body b = {.role = twist & 1u,
		.voters = twist & 2u,
		.state = twist >> 6,
		.deadline_ms = 10000,
		.dist_port = 4370};
	uint32_t n = byte();

	core_status(w.core, &s);
	r->id = id();
	r->incarnation = number();
	r->session = number();
	r->seq = number();
	b.node_id = id();
	b.name = text(name, sizeof name);
	b.host = text(host, sizeof host);
	b.version = msg_str("1");
	b.joined_ms = number();
	n = n > 200 ? WIRE_LINKS_MAX : n % 5;
	for (uint32_t i = 0; i < n; i++)
		links[i] = (struct wire_link){n > 5 ? p_id((uint8_t)i, (uint16_t)i) : id(),
			i == 0 ? s.session : number() + 1000, 1};
	b.links = (struct msg_list){links, n};
	msg_encode(body, &wire_body_desc, &b);
	if (twist & 4u)
		body->n = body->n * byte() / 256;
	r->body = (struct msg_span){(const char *)body->p, (uint32_t)body->n};
	if (body->n == 0)
		r->body.p = "";
}

static void departed_make(struct wire_departed *d, char name[64])
{
	*d = (struct wire_departed){.id = id(),
		.node_id = id(),
		.by = id(),
		.reason = byte() % 5,
		.flags = byte() % 4,
		.by_name = msg_str("x@y"),
		.when_ms = number(),
		.ban_ms = byte() == 7 ? number() : 0};
	d->name = text(name, 64);
}

static void say_state(uint32_t conn)
{
	struct wire_record r[8];
	struct buf body[8] = {{0}};
	struct wire_departed d[8];
	char name[8][64];
	struct wire_settings g = {number(), id(), byte() & 1, byte() & 1};
	struct wire_identity i = {number(), id()};
	struct wire_state s = {.records = {r, byte() % 8}, .departed = {d, byte() % 8}};
	uint8_t with = byte();

	for (uint32_t k = 0; k < s.records.n; k++)
		record_make(&r[k], &body[k]);
	for (uint32_t k = 0; k < s.departed.n; k++)
		departed_make(&d[k], name[k]);
	if (with & 1u)
		s.settings = (struct msg_list){&g, 1};
	if (with & 2u)
		s.identity = (struct msg_list){&i, 1};
	p_say(&w, conn, WIRE_STATE, &s);
	for (uint32_t k = 0; k < 8; k++)
		buf_free(&body[k]);
}

static void say_summary(uint32_t conn)
{
	struct wire_version v[8];
	struct wire_summary s = {.versions = {v, byte() % 8}, .answer = byte() & 1};

	s.lo = id();
	s.hi = id();
	for (uint32_t k = 0; k < s.versions.n; k++)
		v[k] = (struct wire_version){id(), number(), number(), number(), number(),
			byte() % 40};
	p_say(&w, conn, WIRE_SUMMARY, &s);
}

static void say_small(uint32_t conn, uint8_t what)
{
	uint8_t digests[WIRE_BUCKETS * 8];
	char name[64];
	struct wire_first first;
	union wire_any m = {0};

	switch (what) {
	case WIRE_WELCOME:
		m.welcome = (struct wire_welcome){byte() & 1, byte() & 1, number()};
		break;
	case WIRE_BYE:
		m.bye = (struct wire_bye){.code = byte() % 24,
			.retry = byte() % 6,
			.name = text(name, sizeof name),
			.text = msg_str("so")};
		break;
	case WIRE_PING:
		m.ping = (struct wire_ping){.seq = number(),
			.echo = number(),
			.vector_hash = number(),
			.data_hash = number()};
		break;
	case WIRE_RANGES:
		memset(digests, byte(), sizeof digests);
		m.ranges.digests =
			(struct msg_span){(const char *)digests, byte() == 0 ? 3 : 512};
		break;
	case WIRE_DROP:
		m.drop.stage = byte() % 5;
		break;
	case WIRE_COMMIT:
		m.commit = (struct wire_commit){number(), id(), id(), id(),
			text(name, sizeof name)};
		if (byte() & 1) {
			struct core_status s;

			core_status(w.core, &s);
			m.commit.created_ms = s.identity.created_ms;
			m.commit.cluster_id = s.identity.cluster_id;
		}
		break;
	case WIRE_ADMIT:
		first = (struct wire_first){id(), id(), msg_str("p9@10.1.0.9"),
			msg_str("10.1.0.9"), (uint16_t)byte(), (uint16_t)number()};
		m.admit = (struct wire_admit){byte() & 1, byte(), text(name, sizeof name),
			msg_str("no"), {&first, byte() & 1}};
		break;
	case WIRE_JOINED:
		m.joined = (struct wire_joined){id(), number(), number()};
		break;
	default:
		what = WIRE_DEPART_ACK;
		m.depart_ack.id = id();
		break;
	}
	p_say(&w, conn, (enum wire_type)what, &m);
}

static void say(uint32_t conn)
{
	uint8_t what = byte() % WIRE_N_TYPES;

	if (conn == 0)
		return;
	if (what == WIRE_HELLO)
		say_hello(conn);
	else if (what == WIRE_STATE)
		say_state(conn);
	else if (what == WIRE_SUMMARY)
		say_summary(conn);
	else
		say_small(conn, what);
}

static void say_raw(uint32_t conn)
{
	size_t n = byte();
	uint8_t *frame;

	if (n > left)
		n = left;
	if (conn == 0 || n == 0)
		return;
	frame = xmemdup(in, n);
	in += n;
	left -= n;
	p_clock(&w);
	core_conn_frame(w.core, conn, frame, n);
	free(frame);
	p_effects(&w);
}

static void lose(uint32_t conn)
{
	struct p_conn *k = conn == 0 ? NULL : p_conn_of(&w, conn);

	if (k == NULL)
		return;
	p_clock(&w);
	k->id = 0;
	core_conn_lost(w.core, conn, (enum core_loss)(byte() % (CORE_LOSS_ERROR + 1)), "lost");
	p_effects(&w);
}

static void command(void)
{
	char name[64], value[8];
	struct core_command cmd = {.request = byte() + 1u,
		.kind = (enum core_command_kind)(byte() % CORE_CMD_STOP),
		.on = byte() & 1,
		.force = byte() & 1,
		.key = "k",
		.value = value};
	struct msg_span n = text(name, sizeof name);

	if (n.n == 0 || strchr(name, '@') == NULL)
		snprintf(name, sizeof name, "p%u@10.1.0.2", byte() % 8u);
	snprintf(value, sizeof value, "%u", byte());
	cmd.ban_ms = byte() == 3 ? number() : 0;
	snprintf(cmd.node.name, sizeof cmd.node.name, "%s", name);
	snprintf(cmd.node.host, sizeof cmd.node.host, "%s", strchr(name, '@') + 1);
	p_clock(&w);
	core_command(w.core, &cmd);
	p_effects(&w);
}

static void candidates(void)
{
	struct core_candidate list[4] = {{"p1@10.1.0.2", "10.1.0.2", 0},
		{"me@10.0.0.1", "10.0.0.1", 4370}, {"bad", "", 0}, {"p7@10.1.0.8", "h", 1}};

	p_clock(&w);
	core_candidates(w.core, byte() & 1 ? "static" : "dns", list, byte() % 5);
	p_effects(&w);
}

static void connected(void)
{
	for (size_t i = 0; i < P_CONNS; i++) {
		uint32_t conn = w.conn[i].id;

		if (conn == 0 || !w.conn[i].dialed || w.conn[i].nonce != 0)
			continue;
		p_clock(&w);
		core_conn_stage(w.core, conn, CORE_STAGE_HELLO);
		p_effects(&w);
		return;
	}
}

static void bounds(void)
{
	struct core_counters n;

	core_counters(w.core, &n);
	if (n.conns > CONNS_BOUND || core_n_members(w.core) > MEMBERS_MAX + 70)
		abort();
}

static void look_at(void *ctx, const struct core_data_member *m)
{
	struct id128 child[8];

	(void)ctx;
	if (strlen(m->name) > NODE_NAME_MAX || core_tree_children(w.core, &m->id, child, 8) > 8)
		abort();
}

static void look(void)
{
	size_t n = core_n_members(w.core);
	struct core_member m;

	for (size_t i = 0; i < n; i++) {
		core_member_at(w.core, i, &m);
		if (strlen(m.name) > NODE_NAME_MAX || m.host[0] == 1)
			abort();
	}
	core_each_data_member(w.core, look_at, NULL);
}

static void step(void)
{
	switch (byte() % 16) {
	case 0:
		p_run(&w, byte());
		break;
	case 1:
		p_run(&w, byte() * 40u);
		break;
	case 2:
		p_accept(&w);
		break;
	case 3:
		lose(some_conn());
		break;
	case 4:
		say_raw(some_conn());
		break;
	case 5:
		command();
		break;
	case 6:
		candidates();
		break;
	case 7:
		connected();
		break;
	case 8:
		p_disk(&w, (enum p_disk)(byte() % 3));
		break;
	case 9:
		p_clock(&w);
		if (byte() & 1)
			core_copied(w.core, byte() & 1 ? w.copy_job : 1, byte() & 1, number(),
				"copied");
		else
			core_handed(w.core, byte() & 1 ? w.handover_job : 1, byte() & 1,
				"nobody");
		p_effects(&w);
		break;
	case 10:
		w.now_us += byte() * 100000ULL; /* a pause of the process */
		p_clock(&w);
		core_tick(w.core);
		p_effects(&w);
		break;
	case 11:
		p_link(&w, byte() % 40);
		break;
	default:
		say(some_conn());
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p_setup s = {.members_max = MEMBERS_MAX};

	if (size < 3 || size > 4096)
		return 0;
	in = data;
	left = size;
	s.mode = (enum core_mode)(byte() % 3);
	s.role = byte() % 4 == 0 ? WIRE_REPLICA : WIRE_CORE;
	s.seed = byte();
	p_start(&w, &s);
	w.hands_later = true;
	for (uint16_t n = 1; n <= 3; n++)
		p_link(&w, n);
	while (left > 0) {
		step();
		bounds();
	}
	look();
	p_disk(&w, P_DISK_WRITES);
	p_run(&w, 8000);
	bounds();
	p_free(&w);
	return 0;
}
