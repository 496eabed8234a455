#include "test/sim/ledger.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "test/sim/proc_data.h"

enum { WORDS = LEDGER_WRITES / 64, LARGE_BYTES = 32 * 1024 };

/* A set of writes. */
struct set {
	uint64_t w[WORDS];
};

static void set_add(struct set *s, unsigned i)
{
	s->w[i / 64] |= UINT64_C(1) << i % 64;
}

static bool set_has(const struct set *s, unsigned i)
{
	return s->w[i / 64] >> i % 64 & 1;
}

enum fate { FATE_OPEN, FATE_REFUSED, FATE_DONE };

struct write {
	unsigned node, key;
	enum data_op op;
	enum data_ack ack;
	uint32_t request, life;
	enum fate fate;
	int code;
	bool wild;       /* what it has seen can't be told exactly */
	bool twice;      /* a replica's: done again by another core when the first was lost */
	unsigned before; /* this many writes were given to anybody until its answer */
	struct set saw;
	uint64_t ever, holds,
		gone; /* nodes: had it, show it, have something later in its place */
};

struct ledger {
	struct write write[LEDGER_WRITES];
	unsigned n;
	unsigned of_key[LEDGER_KEYS][LEDGER_WRITES], n_of_key[LEDGER_KEYS]; /* in order */
};

/* Each write x of a key. */
#define FOR_KEY(l, key, x, i) \
	for (unsigned i = 0, x; i < (l)->n_of_key[key] && (x = (l)->of_key[key][i], true); i++)

struct ledger *ledger_new(void)
{
	return xcalloc(1, sizeof(struct ledger));
}

void ledger_free(struct ledger *l)
{
	free(l);
}

static uint64_t bit(const struct proc *p)
{
	return UINT64_C(1) << p->id;
}

static struct msg_span key_of(unsigned key, char text[8])
{
	snprintf(text, 8, "k%u", key);
	return msg_str(text);
}

/* --- what a node shows */

/* k<number>, w<number> */
static unsigned number_of(struct msg_span value)
{
	char text[16] = "";

	memcpy(text, value.p, value.n < sizeof text - 1 ? value.n : sizeof text - 1);
	return (unsigned)strtoul(text + 1, NULL, 10);
}

static void shown(struct proc *p, unsigned key, struct set *out)
{
	struct data_item item;
	char text[8];

	memset(out, 0, sizeof *out);
	if (p->kv->data == NULL || !data_get(p->kv->data, key_of(key, text), &item))
		return;
	for (size_t i = 0; i < item.n_siblings; i++)
		if (!item.sibling[i].deleted)
			set_add(out, number_of(item.sibling[i].value));
}

/* May y, as far as is known of it, have been written by somebody who had x, of the same key, before him? */
static bool may_follow(const struct ledger *l, unsigned y, unsigned x)
{
	const struct write *w = &l->write[y];

	if (w->fate == FATE_REFUSED || x == y)
		return false;
	return set_has(&w->saw, x) ||
	       (w->wild && x < (w->fate == FATE_OPEN ? l->n : w->before));
}

static bool follows(const struct ledger *l, unsigned y, unsigned x)
{
	const struct write *w = &l->write[y];

	return !w->wild && w->fate != FATE_REFUSED && set_has(&w->saw, x);
}

/* What may have come after x, directly or not. */
static void later_than(const struct ledger *l, unsigned x, struct set *out)
{
	unsigned key = l->write[x].key;
	bool more = true;

	memset(out, 0, sizeof *out);
	set_add(out, x);
	while (more) {
		more = false;
		FOR_KEY(l, key, y, i)
		{
			bool in = set_has(out, y);

			FOR_KEY(l, key, z, k)
			if (!in && set_has(out, z) && may_follow(l, y, z)) {
				set_add(out, y);
				in = more = true;
			}
		}
	}
	out->w[x / 64] &= ~(UINT64_C(1) << x % 64);
}

/* Something later has come to p: it shows that, or has something in its place, or it left nothing to show. */
static bool is_replaced(const struct ledger *l, const struct proc *p, const struct set *now,
	unsigned x)
{
	struct set later;

	later_than(l, x, &later);
	FOR_KEY(l, l->write[x].key, y, i)
	if (set_has(&later, y) && (l->write[y].op != DATA_PUT || l->write[y].wild ||
					  set_has(now, y) || (l->write[y].gone & bit(p))))
		return true;
	return false;
}

/* May a resolution have made its value that of a later write? */
static bool is_copied(const struct ledger *l, unsigned x)
{
	FOR_KEY(l, l->write[x].key, y, i)
	if (l->write[y].op == DATA_RESOLVE && may_follow(l, y, x))
		return true;
	return false;
}

/* --- a key of a node has changed, or is looked at anew */

static void note_shown(struct proc *p, struct write *w, unsigned x)
{
	if ((w->gone & bit(p)) && !w->twice && !is_copied(p->sim->ledger, x))
		sim_fail(p->sim, "kv", "%s: write %u of k%u, replaced there, came back",
			p->label, x, w->key);
	w->gone &= ~bit(p);
	w->holds |= bit(p);
	w->ever |= bit(p);
}

/* Nobody has seen it here, but what is here has: it was replaced on its way. */
static void note_passed(struct ledger *l, const struct proc *p, const struct set *now,
	unsigned x)
{
	struct write *w = &l->write[x];

	if (w->gone & bit(p))
		return;
	FOR_KEY(l, w->key, y, i)
	if (follows(l, y, x) && (set_has(now, y) || (l->write[y].gone & bit(p)))) {
		w->gone |= bit(p);
		w->ever |= bit(p);
	}
}

static void tell_lost(struct proc *p, unsigned x, unsigned key)
{
	char there[64];

	ledger_text(p, key, there, sizeof there);
	sim_fail(p->sim, "kv", "%s: write %u of k%u is lost, nobody wrote over it: now %s",
		p->label, x, key, there);
}

static void look_at(struct proc *p, unsigned key)
{
	struct ledger *l = p->sim->ledger;
	struct set now;

	shown(p, key, &now);
	FOR_KEY(l, key, x, i)
	if (set_has(&now, x))
		note_shown(p, &l->write[x], x);
	for (unsigned i = l->n_of_key[key]; i-- > 0;) {
		unsigned x = l->of_key[key][i];
		struct write *w = &l->write[x];

		if (set_has(&now, x))
			continue;
		if (!(w->holds & bit(p))) {
			note_passed(l, p, &now, x);
			continue;
		}
		w->holds &= ~bit(p);
		w->gone |= bit(p);
		if (!is_replaced(l, p, &now, x))
			tell_lost(p, x, key);
	}
}

static void look_at_all(struct proc *p)
{
	for (unsigned key = 0; key < LEDGER_KEYS; key++)
		look_at(p, key);
}

void ledger_changed(struct proc *p)
{
	struct data_item item;

	if (p->sim->ledger == NULL)
		return;
	while (data_changes(p->kv->data, p->kv->seen, &item)) {
		p->kv->seen = item.index;
		look_at(p, number_of(item.key));
	}
}

/* --- writes */

static bool data_waits(const struct proc *p)
{
	const struct disk *d = &p->disk;
	struct data_status st;

	for (size_t i = d->n_committed; i < d->n_batches; i++)
		if (d->batch[i].owner == DISK_DATA)
			return true;
	data_status(p->kv->data, &st);
	return st.queued_bytes > 0;
}

uint32_t ledger_write(struct proc *p, const struct ledger_write *want)
{
	struct ledger *l = p->sim->ledger;
	struct data_command cmd = {.op = want->op,
		.ack = want->ack,
		.timeout_ms = want->timeout_ms};
	struct data_item item = {.n_siblings = 0};
	char key[8], value[LARGE_BYTES] = "", version[64] = "";
	struct write *w = &l->write[l->n];
	static const char *const ops[] = {"reads", "puts", "deletes", "resolves"};

	if (!proc_runs(p) || p->exiting || p->kv->data == NULL || l->n == LEDGER_WRITES)
		return 0;
	cmd.key = key_of(want->key, key);
	snprintf(value, sizeof value, "w%u", l->n);
	cmd.value =
		(struct msg_span){value, want->large ? LARGE_BYTES : (uint32_t)strlen(value)};
	*w = (struct write){.node = p->id,
		.key = want->key,
		.op = want->op,
		.ack = want->ack,
		.life = p->life,
		.request = p->next_request + 1,
		.code = -1,
		.wild = p->conf.role == WIRE_REPLICA || data_waits(p),
		.twice = p->conf.role == WIRE_REPLICA};
	shown(p, want->key, &w->saw);
	if (data_get(p->kv->data, cmd.key, &item))
		memcpy(version, item.version, sizeof version);
	if (want->if_same)
		cmd.if_version = msg_str(version);
	sim_say(p->sim, p, "%s k%u (write %u, ack %d)%s", ops[want->op], want->key, l->n,
		(int)want->ack, w->wild ? " while others wait" : "");
	l->of_key[want->key][l->n_of_key[want->key]++] = l->n;
	w->before = ++l->n;
	return proc_data_command(p, &cmd);
}

static struct write *find(struct ledger *l, const struct proc *p, uint32_t request)
{
	for (unsigned i = l->n; i-- > 0;)
		if (l->write[i].node == p->id && l->write[i].life == p->life &&
			l->write[i].request == request)
			return &l->write[i];
	return NULL;
}

static unsigned count(uint64_t nodes)
{
	return (unsigned)__builtin_popcountll(nodes);
}

/* How many nodes may have it: they had it, or something later, or something later left no trace of it. */
static unsigned may_have(const struct ledger *l, unsigned x)
{
	uint64_t nodes = l->write[x].ever;
	struct set later;

	later_than(l, x, &later);
	FOR_KEY(l, l->write[x].key, y, i)
	{
		if (set_has(&later, y) && l->write[y].op != DATA_PUT)
			return SIM_PROCS_MAX;
		if (set_has(&later, y))
			nodes |= l->write[y].ever;
	}
	return l->write[x].op == DATA_PUT ? count(nodes) : SIM_PROCS_MAX;
}

/* Other cores that run by p's view, and all cores. */
static void cores_of(const struct proc *p, unsigned *others, unsigned *all)
{
	const struct shared_view *v = &p->kv->view;

	*others = *all = 0;
	for (size_t i = 0; i < v->n; i++) {
		const struct data_member *m = &v->member[i];

		if (!m->core || m->departed)
			continue;
		++*all;
		*others += m->running && !id_eq(&m->id, &v->self);
	}
}

static void check_ack(struct proc *p, const struct write *w, unsigned x,
	const struct data_reply *r)
{
	unsigned have = may_have(p->sim->ledger, x), others, cores;

	if (r->acked > have)
		sim_fail(p->sim, "kv", "%s: write %u is on %u nodes, it says on %u", p->label,
			x, have, r->acked);
	if (r->code != DATA_OK || p->conf.role == WIRE_REPLICA)
		return;
	cores_of(p, &others, &cores);
	if (w->ack == DATA_ACK_ONE && r->acked < 2 && others > 0)
		sim_fail(p->sim, "kv", "%s: write %u is acknowledged, and nobody else has it",
			p->label, x);
	if (w->ack == DATA_ACK_MAJORITY && r->acked * 2 <= cores)
		sim_fail(p->sim, "kv", "%s: write %u is acknowledged on %u of %u cores",
			p->label, x, r->acked, cores);
}

void ledger_reply(struct proc *p, const struct data_reply *r)
{
	struct ledger *l = p->sim->ledger;
	struct write *w = l == NULL ? NULL : find(l, p, r->request);

	if (w == NULL)
		return;
	if (w->fate != FATE_OPEN) {
		sim_fail(p->sim, "kv", "%s: two answers to request %u", p->label, r->request);
		return;
	}
	w->before = r->acked == 0 ? LEDGER_WRITES : l->n; /* 0: it may still be done */
	w->code = (int)r->code;
	switch (r->code) {
	case DATA_OK:
	case DATA_E_TIMEOUT:
		w->fate = FATE_DONE;
		look_at(p, w->key);
		check_ack(p, w, (unsigned)(w - l->write), r);
		break;
	case DATA_E_STORE: /* may be there or not */
	case DATA_E_BUSY:
		w->fate = FATE_DONE;
		break;
	default:
		w->fate = FATE_REFUSED;
	}
}

/* --- life */

static void forget(struct proc *p)
{
	struct ledger *l = p->sim->ledger;

	for (unsigned x = 0; x < l->n; x++) {
		l->write[x].holds &= ~bit(p);
		l->write[x].gone &= ~bit(p);
	}
}

void ledger_started(struct proc *p, bool whole)
{
	if (p->sim->ledger == NULL)
		return;
	if (!whole)
		forget(p);
	look_at_all(p);
}

void ledger_replaced(struct proc *p)
{
	if (p->sim->ledger == NULL)
		return;
	forget(p);
	look_at_all(p);
}

/* Does another node have it, or something later, of which it may have left no trace there? */
static bool another_has(const struct ledger *l, const struct proc *p, unsigned x)
{
	struct set later;

	later_than(l, x, &later);
	set_add(&later, x);
	FOR_KEY(l, l->write[x].key, y, i)
	if (set_has(&later, y) && (l->write[y].op != DATA_PUT ||
					  ((l->write[y].holds | l->write[y].gone) & ~bit(p))))
		return true;
	return false;
}

static void others_have(struct proc *p, const char *what)
{
	const struct ledger *l = p->sim->ledger;

	for (unsigned x = 0; l != NULL && x < l->n; x++) {
		const struct write *w = &l->write[x];

		if ((w->holds & bit(p)) && !another_has(l, p, x))
			sim_fail(p->sim, "kv", "%s: %s, and nobody else has write %u", p->label,
				what, x);
	}
}

void ledger_handed(struct proc *p)
{
	others_have(p, "its hand-over is done");
}

void ledger_clears(struct proc *p, bool forced)
{
	if (!forced)
		others_have(p, "clears its data");
}

/* --- questions */

unsigned ledger_last(const struct sim *s)
{
	return s->ledger->n - 1;
}

int ledger_code(const struct sim *s, unsigned write)
{
	return s->ledger->write[write].code;
}

bool ledger_shows(struct proc *p, unsigned write)
{
	struct set now;

	shown(p, p->sim->ledger->write[write].key, &now);
	return set_has(&now, write);
}

void ledger_text(struct proc *p, unsigned key, char *out, size_t cap)
{
	struct set now;
	size_t at = 0;

	shown(p, key, &now);
	snprintf(out, cap, "-");
	for (unsigned x = 0; x < p->sim->ledger->n && at + 8 < cap; x++)
		if (set_has(&now, x))
			at += (size_t)snprintf(out + at, cap - at, "%s%u", at > 0 ? " " : "",
				x);
}
