#ifndef TEST_UNIT_CORE_WORLD_NET_H
#define TEST_UNIT_CORE_WORLD_NET_H
/*
 * A little world for the core's unit tests: a few cores, a network without loss or delay, disks that keep what was
 * committed. The simulator (test/sim) has the real faults; here a test drives inputs and reads effects.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "membership/core/core.h"

enum { W_STAGED = 77 }; /* the generation that every copy delivers */
enum { W_NODES = 16, W_PIPES = 256, W_KEYS = 512, W_EVENTS = 512, W_DISK = 64 };

struct w_key {
	uint8_t *key, *value;
	size_t key_n, value_n;
};

struct w_node {
	struct core *core;
	char name[64], host[32];
	enum core_mode mode;
	bool deaf; /* nothing reaches it and nothing leaves it */
	struct w_key disk[W_KEYS];
	size_t n_keys;
	struct core_reply reply;
	unsigned n_replies, n_ticks;
	struct core_event event[W_EVENTS];
	size_t n_events;
	int disk_error;
	bool slow_disk; /* transactions wait for w_disk_step() */
	uint64_t waiting[W_DISK];
	int n_waiting;
	enum wire_role role;
	/* its shared data, as far as the core knows it */
	enum { W_HANDS_TO_ANYBODY, W_HANDS_TO_NOBODY, W_HANDS_LATER } hands;
	uint32_t handover; /* the job that was asked for last */
	uint64_t generation, peer_hash;
	int staged, n_swaps, n_peer_hashes;
};

struct w_end {
	int node; /* -1: gone */
	uint32_t conn;
	struct buf in;                         /* on its way to this end */
	bool wake, lingering, closed, unheard; /* unheard: closed while the path was cut */
};

struct world {
	struct w_node node[W_NODES];
	int n;
	struct w_end pipe[W_PIPES][2];
	int n_pipes;
	struct {
		int node;
		uint32_t conn;
		uint64_t at_us;
	} dial[W_PIPES]; /* lost in the network, to time out */
	int n_dials;
	uint64_t now_us, wall_ms;
	bool rpc_blocked, autoheal_off;
	uint64_t autoclean_ms;
	bool cut[W_NODES][W_NODES]; /* packets from the first to the second are lost */
};

static inline void w_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->now_us = 1000000;
	w->wall_ms = 1700000000000ULL;
	w->autoclean_ms = 86400000;
}

static inline bool w_open(const struct world *w, int from, int to)
{
	return from < 0 || to < 0 ||
	       (!w->node[from].deaf && !w->node[to].deaf && !w->cut[from][to]);
}

static inline void w_cut(struct world *w, int a, int b, bool cut)
{
	w->cut[a][b] = w->cut[b][a] = cut;
}

static inline void w_persist(struct w_node *n, const struct core_fx *fx)
{
	for (size_t i = 0; i < fx->u.persist.n; i++) {
		const struct core_write *x = &fx->u.persist.write[i];
		size_t at = 0;

		while (at < n->n_keys &&
			(n->disk[at].key_n != x->key_n ||
				memcmp(n->disk[at].key, x->key, x->key_n) != 0))
			at++;
		if (at < n->n_keys) {
			free(n->disk[at].key);
			free(n->disk[at].value);
			n->disk[at] = n->disk[--n->n_keys];
		}
		if (x->value == NULL)
			continue;
		ck_assert_uint_lt(n->n_keys, W_KEYS);
		n->disk[n->n_keys++] = (struct w_key){xmemdup(x->key, x->key_n),
			xmemdup(x->value, x->value_n), x->key_n, x->value_n};
	}
}

static inline struct w_end *w_end_of(struct world *w, int node, uint32_t conn,
	struct w_end **other)
{
	for (int i = 0; i < w->n_pipes; i++)
		for (int e = 0; e < 2; e++)
			if (w->pipe[i][e].node == node && w->pipe[i][e].conn == conn) {
				*other = &w->pipe[i][1 - e];
				return &w->pipe[i][e];
			}
	return NULL;
}

static inline int w_find(struct world *w, const char *host, uint16_t port)
{
	for (int i = 0; i < w->n; i++)
		if (w->node[i].core != NULL && strcmp(w->node[i].host, host) == 0 &&
			port == 4370)
			return i;
	return -1;
}

static inline void w_clock(struct world *w, int i)
{
	core_clock(w->node[i].core, w->now_us, w->wall_ms);
}

static void w_effects(struct world *w, int i);

static inline void w_dial(struct world *w, int i, const struct core_fx *fx)
{
	int to = w_find(w, fx->u.dial.host, fx->u.dial.port);
	uint32_t conn = fx->conn;

	if (w->node[i].deaf || (to >= 0 && (!w_open(w, i, to) || !w_open(w, to, i)))) {
		ck_assert_int_lt(w->n_dials, W_PIPES);
		w->dial[w->n_dials].node = i;
		w->dial[w->n_dials].conn = conn;
		w->dial[w->n_dials++].at_us = w->now_us + fx->u.dial.timeout_ms * 1000ULL;
		return;
	}
	if (to < 0) {
		core_conn_lost(w->node[i].core, conn, CORE_LOSS_REFUSED, "connection refused");
		return;
	}
	ck_assert_int_lt(w->n_pipes, W_PIPES);
	struct w_end *p = w->pipe[w->n_pipes++];

	memset(p, 0, 2 * sizeof *p);
	p[0] = (struct w_end){.node = i, .conn = conn};
	p[1] = (struct w_end){.node = to, .conn = 0};
	w_clock(w, to);
	p[1].conn = core_conn_accepted(w->node[to].core, w->node[i].host);
	core_conn_stage(w->node[i].core, conn, CORE_STAGE_HELLO);
}

static inline void w_close(struct world *w, int i, uint32_t conn, bool linger)
{
	struct w_end *other, *e = w_end_of(w, i, conn, &other);

	if (e == NULL)
		return;
	if (linger) {
		e->lingering = true;
		e->wake = true;
		return;
	}
	e->unheard = !w_open(w, e->node, other->node);
	e->node = -1;
	e->closed = true;
}

struct w_taking {
	struct world *w;
	int from, n;
};

static inline void w_taker(void *ctx, const struct core_data_member *m)
{
	struct w_taking *t = ctx;
	struct core_status s;

	for (int i = 0; i < t->w->n && m->running && m->core && !m->departed; i++) {
		if (i == t->from || t->w->node[i].core == NULL || !w_open(t->w, i, t->from) ||
			!w_open(t->w, t->from, i))
			continue;
		core_status(t->w->node[i].core, &s);
		t->n += id_eq(&s.member_id, &m->id) && s.apart == CORE_APART_NO &&
			strcmp(s.busy, "leaving") != 0;
	}
}

/* How many could take over what node i has. */
static inline int w_takers(struct world *w, int i)
{
	struct w_taking t = {w, i, 0};

	core_each_data_member(w->node[i].core, w_taker, &t);
	return t.n;
}

static inline void w_written(struct w_node *n, uint64_t seq)
{
	if (!n->slow_disk) {
		core_persisted(n->core, seq, n->disk_error);
		return;
	}
	ck_assert_int_lt(n->n_waiting, W_DISK);
	n->waiting[n->n_waiting++] = seq;
}

static inline void w_effects(struct world *w, int i)
{
	struct w_node *n = &w->node[i];
	const struct core_fx *fx;

	while ((fx = core_next_fx(n->core)) != NULL) {
		struct w_end *other, *e;

		switch (fx->kind) {
		case CORE_FX_DIAL:
			w_dial(w, i, fx);
			break;
		case CORE_FX_CLOSE:
			w_close(w, i, fx->conn, fx->u.close.linger);
			break;
		case CORE_FX_WAKE:
			e = w_end_of(w, i, fx->conn, &other);
			if (e != NULL)
				e->wake = true;
			break;
		case CORE_FX_PERSIST:
			if (n->disk_error == 0)
				w_persist(n, fx);
			w_written(n, fx->u.persist.seq);
			break;
		case CORE_FX_COPY:
			n->staged++;
			core_copied(n->core, fx->u.copy.job, !w->rpc_blocked, W_STAGED,
				"RPC port blocked");
			break;
		case CORE_FX_HANDOVER:
			n->handover = fx->u.handover.job;
			if (n->hands == W_HANDS_TO_NOBODY)
				core_handed(n->core, n->handover, false, "nobody answers");
			else if (n->hands == W_HANDS_TO_ANYBODY)
				core_handed(n->core, n->handover, w_takers(w, i) > 0,
					"nobody is there");
			break;
		case CORE_FX_DATA_SWAP:
			n->generation = fx->u.swap.generation;
			n->n_swaps++;
			break;
		case CORE_FX_DATA_PEER:
			n->peer_hash = fx->u.peer.vector_hash + fx->u.peer.data_hash;
			n->n_peer_hashes++;
			break;
		case CORE_FX_EVENT:
			ck_assert_uint_lt(n->n_events, W_EVENTS);
			n->event[n->n_events++] = fx->u.event;
			if (getenv("W_TRACE") != NULL)
				fprintf(stderr, "%8.3f n%d %s %s %s\n", (double)w->now_us / 1e6,
					i, core_event_name(fx->u.event.kind), fx->u.event.node,
					fx->u.event.text);
			break;
		case CORE_FX_REPLY:
			n->reply = fx->u.reply;
			n->n_replies++;
			break;
		case CORE_FX_COPY_CANCEL:
			n->staged--;
			break;
		case CORE_FX_ACCEPTED:
		case CORE_FX_VIEW:
			break;
		}
	}
}

/* A slow disk is done with one transaction. */
static inline void w_disk_step(struct world *w, int i)
{
	struct w_node *n = &w->node[i];
	uint64_t seq = n->waiting[0];

	if (n->n_waiting == 0)
		return;
	memmove(n->waiting, n->waiting + 1, (size_t)--n->n_waiting * sizeof n->waiting[0]);
	w_clock(w, i);
	core_persisted(n->core, seq, n->disk_error);
	w_effects(w, i);
}

static inline bool w_deliver(struct world *w, struct w_end *e)
{
	bool did = false;

	while (e->in.n >= 4 && e->node >= 0) {
		size_t n = (size_t)e->in.p[0] << 24 | (size_t)e->in.p[1] << 16 |
			   (size_t)e->in.p[2] << 8 | e->in.p[3];
		uint8_t *frame;

		if (e->in.n < n + 4)
			break;
		frame = xmemdup(e->in.p + 4, n);
		buf_drop(&e->in, n + 4);
		int at = e->node;

		w_clock(w, at);
		core_conn_frame(w->node[at].core, e->conn, frame, n);
		free(frame);
		w_effects(w, at);
		did = true;
	}
	return did;
}

static inline bool w_pump(struct world *w, struct w_end *e, struct w_end *other)
{
	static uint8_t chunk[128 * 1024];
	bool did = false;

	if (e->node >= 0 && e->wake && w->node[e->node].core != NULL) {
		size_t n;

		e->wake = false;
		w_clock(w, e->node);
		while ((n = core_conn_pull(w->node[e->node].core, e->conn, chunk,
				sizeof chunk)) > 0) {
			if (w_open(w, e->node, other->node))
				buf_put(&other->in, chunk, n);
			did = true;
		}
		w_effects(w, e->node);
		if (e->lingering) {
			core_conn_lost(w->node[e->node].core, e->conn, CORE_LOSS_EOF, "closed");
			e->node = -1;
			e->closed = true;
			did = true;
		}
	}
	did |= w_deliver(w, e);
	if (other->closed && e->node >= 0 && !w->node[e->node].deaf && !other->unheard) {
		int i = e->node;

		e->node = -1;
		w_clock(w, i);
		core_conn_lost(w->node[i].core, e->conn, CORE_LOSS_EOF,
			"connection closed by peer");
		w_effects(w, i);
		did = true;
	}
	return did;
}

static inline void w_settle(struct world *w)
{
	for (int round = 0, did = 1; did != 0; round++) {
		ck_assert_int_lt(round, 10000);
		did = 0;
		for (int i = 0; i < w->n; i++)
			if (w->node[i].core != NULL)
				w_effects(w, i);
		for (int i = 0; i < w->n_pipes; i++)
			for (int e = 0; e < 2; e++)
				did |= w_pump(w, &w->pipe[i][e], &w->pipe[i][1 - e]) ? 1 : 0;
	}
	/* pipes that are gone on both sides make room */
	for (int i = 0; i < w->n_pipes; i++) {
		struct w_end *p = w->pipe[i];

		if (p[0].node >= 0 || p[1].node >= 0)
			continue;
		buf_free(&p[0].in);
		buf_free(&p[1].in);
		memcpy(p, w->pipe[w->n_pipes - 1], sizeof w->pipe[0]);
		w->n_pipes--;
		i--;
	}
}

static inline void w_time_outs(struct world *w)
{
	for (int i = 0; i < w->n_dials; i++) {
		int n = w->dial[i].node;
		uint32_t conn = w->dial[i].conn;

		if (w->dial[i].at_us > w->now_us)
			continue;
		w->dial[i--] = w->dial[--w->n_dials];
		if (w->node[n].core == NULL)
			continue;
		w_clock(w, n);
		core_conn_lost(w->node[n].core, conn, CORE_LOSS_TIMEOUT, "connect timed out");
		w_effects(w, n);
	}
}

static inline void w_run(struct world *w, uint64_t ms)
{
	uint64_t end = w->now_us + ms * 1000;

	for (;;) {
		uint64_t at = end;

		w_time_outs(w);
		w_settle(w);
		for (int i = 0; i < w->n_dials; i++)
			at = w->dial[i].at_us < at ? w->dial[i].at_us : at;
		for (int i = 0; i < w->n; i++) {
			uint64_t d = w->node[i].core == NULL ? UINT64_MAX
							     : core_deadline(w->node[i].core);

			if (d != UINT64_MAX && d * 1000 < at)
				at = d * 1000;
		}
		if (at >= end)
			break;
		at = at <= w->now_us ? w->now_us + 1000 : at;
		w->wall_ms += (at - w->now_us) / 1000;
		w->now_us = at;
		for (int i = 0; i < w->n; i++) {
			if (w->node[i].core == NULL ||
				core_deadline(w->node[i].core) > w->now_us / 1000)
				continue;
			w_clock(w, i);
			w->node[i].n_ticks++;
			core_tick(w->node[i].core);
			w_effects(w, i);
		}
	}
	w->wall_ms += (end - w->now_us) / 1000;
	w->now_us = end;
}

#endif
