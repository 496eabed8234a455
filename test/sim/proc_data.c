#include "test/sim/proc_data.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "test/sim/check.h"
#include "test/sim/ledger.h"
#include "test/sim/proc.h"

static struct data *in(struct proc *p)
{
	data_clock(p->kv->data, proc_mono_us(p), proc_wall_ms(p));
	return p->kv->data;
}

/* --- from the core to the data */

void proc_data_effect(struct proc *p, const struct core_fx *fx)
{
	struct proc_kv *kv = p->kv;
	struct kv_wish *w;

	if (kv->data == NULL)
		return;
	if (kv->n_wishes == kv->wishes_cap) {
		kv->wishes_cap = kv->wishes_cap == 0 ? 8 : 2 * kv->wishes_cap;
		kv->wish = xrealloc(kv->wish, kv->wishes_cap, sizeof *kv->wish);
	}
	w = &kv->wish[kv->n_wishes++];
	w->fx = *fx;
	if (fx->kind == CORE_FX_COPY)
		snprintf(w->host, sizeof w->host, "%s", fx->u.copy.host);
}

static void view_tell(struct proc *p)
{
	struct proc_kv *kv = p->kv;
	struct id128 before = kv->view.self;
	struct data_view v;

	kv->views = core_views(p->core);
	shared_view_make(&kv->view, p->core, &v);
	if (!id_is_zero(&before) && !id_eq(&before, &v.self))
		rpc_reset(p);
	rpc_prune(p);
	data_view(in(p), &v);
}

static void copy(struct proc *p, const struct kv_wish *w)
{
	p->kv->progress = p->kv->n_anew = 0;
	data_copy(in(p), &(struct data_copy){.job = w->fx.u.copy.job,
				 .source = {.id = w->fx.u.copy.source,
					 .name = "",
					 .host = w->host,
					 .rpc_port = w->fx.u.copy.rpc_port,
					 .core = true,
					 .running = true},
				 .staged = w->fx.u.copy.staged});
}

/* Another generation is the data: the copy that was staged, or an empty one. */
static void note_swap(struct proc *p, uint64_t generation)
{
	struct proc_kv *kv = p->kv;
	bool joined = kv->staged != 0 && kv->staged == generation;

	if (!joined)
		ledger_clears(p, kv->force);
	kv->generation = generation;
	kv->staged = 0;
	kv->force = false;
}

static void swap(struct proc *p, uint64_t generation)
{
	struct proc_kv *kv = p->kv;

	note_swap(p, generation);
	data_swapped(in(p), generation);
	kv->seen = 0;
	ledger_replaced(p);
	view_tell(p);
}

static void grant(struct proc *p, const struct kv_wish *w)
{
	switch (w->fx.kind) {
	case CORE_FX_COPY:
		copy(p, w);
		break;
	case CORE_FX_COPY_CANCEL:
		if (p->kv->held.job == w->fx.u.copy.job)
			p->kv->held.job = 0;
		data_copy_cancel(in(p), w->fx.u.copy.job);
		break;
	case CORE_FX_HANDOVER:
		view_tell(p); /* that we leave, above all */
		p->kv->force = w->fx.u.handover.force;
		p->kv->removed = w->fx.u.handover.removed;
		data_handover(in(p), w->fx.u.handover.job);
		break;
	case CORE_FX_DATA_SWAP:
		swap(p, w->fx.u.swap.generation);
		break;
	case CORE_FX_DATA_PEER:
		data_peer_hashes(in(p), &w->fx.u.peer.id, w->fx.u.peer.vector_hash,
			w->fx.u.peer.data_hash);
		break;
	default:
		assert(false);
	}
}

/* --- from the data to everybody */

static void note_word(struct proc *p, const struct data_fx *fx)
{
	struct proc_kv *kv = p->kv;
	struct kv_word *w;

	if (kv->n_words == kv->words_cap) {
		kv->words_cap = kv->words_cap == 0 ? 4 : 2 * kv->words_cap;
		kv->word = xrealloc(kv->word, kv->words_cap, sizeof *kv->word);
	}
	w = &kv->word[kv->n_words++];
	*w = (struct kv_word){.copied = fx->kind == DATA_FX_COPIED,
		.job = fx->u.done.job,
		.ok = fx->u.done.ok,
		.generation = fx->u.done.generation};
	snprintf(w->text, sizeof w->text, "%s", fx->u.done.text);
}

/* The last resort, which would hide what went wrong before, is for clones and for disks that went back. */
static bool may_need_it(const struct sim *s)
{
	if (s->check == NULL || s->check->contested)
		return true;
	for (size_t i = 0; i < s->n_procs; i++)
		if (s->check->node[i].excuses & EXCUSE_REBORN)
			return true;
	return false;
}

static bool shows_the_same(struct proc *p, struct proc *q)
{
	char mine[256], theirs[256];

	for (unsigned k = 0; k < LEDGER_KEYS; k++) {
		ledger_text(p, k, mine, sizeof mine);
		ledger_text(q, k, theirs, sizeof theirs);
		if (strcmp(mine, theirs) != 0)
			return false;
	}
	return true;
}

/*
 * With equal vectors. One may hold a deletion that the other has forgotten, beside a write that did not know of it: until
 * what everybody has is published again.
 */
static bool values_differ(struct proc *p)
{
	struct data_status mine, theirs;

	data_status(p->kv->data, &mine);
	for (size_t i = 0; i < p->sim->n_procs; i++) {
		struct proc *q = &p->sim->proc[i];

		if (q->kv == NULL || q->kv->data == NULL)
			continue;
		data_status(q->kv->data, &theirs);
		if (theirs.vector_hash == mine.vector_hash && !shows_the_same(p, q))
			return true;
	}
	return false;
}

static void tell_event(struct proc *p, const struct data_event *e)
{
	sim_say(p->sim, p, "%s: %s", data_event_name(e->kind), e->text);
	p->kv->n_events[e->kind]++;
	if (e->kind == DATA_EV_DIFFERS && !may_need_it(p->sim) && values_differ(p))
		sim_fail(p->sim, "kv", "%s: equal vectors, and other data", p->label);
}

static void tell_reply(struct proc *p, const struct data_reply *r)
{
	struct sim *s = p->sim;
	struct data_reply copied = *r;

	sim_say(s, p, "data reply %u: code %d, on %u%s%s", r->request, (int)r->code, r->acked,
		r->text[0] != '\0' ? ": " : "", r->text);
	ledger_reply(p, &copied);
	if (s->on_data_reply != NULL)
		s->on_data_reply(s, p, &copied);
}

static void execute(struct proc *p, const struct data_fx *fx)
{
	struct proc_kv *kv = p->kv;

	switch (fx->kind) {
	case DATA_FX_PERSIST:
		proc_persist(p, DISK_DATA, fx->u.persist.seq, fx->u.persist.write,
			fx->u.persist.n);
		break;
	case DATA_FX_CALL:
		rpc_call(p, fx);
		break;
	case DATA_FX_CALL_CANCEL:
		rpc_cancel(p, fx->u.call.call);
		break;
	case DATA_FX_ANSWER:
		rpc_answer(p, fx);
		break;
	case DATA_FX_REPLY:
		tell_reply(p, &fx->u.reply);
		break;
	case DATA_FX_CHANGED:
		ledger_changed(p);
		break;
	case DATA_FX_EVENT:
		tell_event(p, &fx->u.event);
		break;
	case DATA_FX_COPIED:
	case DATA_FX_HANDED:
		note_word(p, fx);
		break;
	case DATA_FX_PROGRESS:
		kv->n_anew += fx->u.progress.entries < kv->progress;
		kv->progress = fx->u.progress.entries;
		break;
	case DATA_FX_STATUS:
		kv->status_changed = true;
		break;
	}
}

/* --- from the data to the core */

static void tell_status(struct proc *p)
{
	struct data_status st;

	p->kv->status_changed = false;
	data_status(p->kv->data, &st);
	core_data(p->core, &(struct core_data){st.vector_hash, st.data_hash, st.empty});
}

static void tell_word(struct proc *p, const struct kv_word *w)
{
	core_clock(p->core, proc_mono_us(p), proc_wall_ms(p));
	if (w->copied) {
		p->kv->staged = w->ok ? w->generation : 0;
		p->may_clear |= w->ok;
		core_copied(p->core, w->job, w->ok, w->generation, w->text);
		return;
	}
	if (w->ok)
		ledger_handed(p);
	p->may_clear |= w->ok || p->kv->force;
	core_handed(p->core, w->job, w->ok, w->text);
}

/* What is about to be replaced, or cleared because others said so, is exported first. */
static void hold_or_tell(struct proc *p, const struct kv_word *w)
{
	struct sim *s = p->sim;

	if (!w->ok || (!w->copied && !p->kv->removed)) {
		tell_word(p, w);
		return;
	}
	p->kv->held = *w;
	sim_post(s, SIM_EV_SAVED, p->id, p->life, w->job,
		s->setup.copy_us / 2 + rng_below(&s->rng, s->setup.copy_us + 1));
}

void proc_data_saved(struct proc *p, uint32_t job)
{
	struct kv_word w = p->kv->held;

	if (w.job != job || job == 0)
		return;
	p->kv->held.job = 0;
	proc_enter(p);
	tell_word(p, &w);
	proc_leave(p);
}

bool proc_data_run(struct proc *p)
{
	struct proc_kv *kv = p->kv;
	const struct data_fx *fx;
	size_t n = kv->n_wishes;

	if (kv->data == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		grant(p, &kv->wish[i]);
	kv->n_wishes = 0;
	while ((fx = data_next_fx(kv->data)) != NULL)
		execute(p, fx);
	if (kv->status_changed)
		tell_status(p);
	n = kv->n_words;
	for (size_t i = 0; i < n; i++)
		hold_or_tell(p, &kv->word[i]);
	kv->n_words = 0;
	return n > 0;
}

bool proc_data_look(struct proc *p)
{
	if (p->kv->data == NULL || core_views(p->core) == p->kv->views)
		return false;
	view_tell(p);
	return true;
}

/* --- from everybody to the data */

void proc_data_persisted(struct proc *p, uint64_t seq, int error)
{
	proc_enter(p);
	data_persisted(p->kv->data, seq, error);
	proc_leave(p);
}

void proc_data_reached(struct proc *p, const struct id128 *peer, bool ok)
{
	p->sim->rpc_matters |= !ok;
	proc_enter(p);
	core_data_ok(p->core, peer, ok);
	proc_leave(p);
}

uint32_t proc_data_command(struct proc *p, struct data_command *cmd)
{
	if (!proc_runs(p) || p->exiting || p->kv->data == NULL)
		return 0;
	cmd->request = ++p->next_request;
	proc_enter(p);
	data_command(p->kv->data, cmd);
	proc_leave(p);
	return cmd->request;
}

/* --- life */

void proc_data_init(struct proc *p)
{
	p->kv = xcalloc(1, sizeof *p->kv);
	rpc_init(&p->kv->rpc);
}

bool proc_data_start(struct proc *p, const struct core_stored *stored, char *err, size_t cap)
{
	const struct sim_setup *setup = &p->sim->setup;
	const struct data_conf conf = {.max_bytes = setup->data_bytes,
		.require_quorum = setup->require_quorum,
		.tombstone_ttl_ms = setup->tombstone_ttl_ms};
	struct proc_kv *kv = p->kv;

	if (conf.max_bytes == 0)
		return true;
	kv->data = data_new(&conf, stored,
		&(struct core_birth){rng_u64(&p->sim->rng), proc_mono_us(p), proc_wall_ms(p)},
		err, cap);
	if (kv->data == NULL)
		return false;
	kv->generation = data_generation(stored);
	kv->view.self = (struct id128){{0}};
	kv->seen = kv->staged = 0;
	kv->force = kv->status_changed = false;
	view_tell(p);
	return true;
}

bool proc_data_swapped_on_disk(struct proc *p)
{
	struct core_stored stored;
	struct core_kv *kv;
	uint64_t generation;

	if (!p->may_clear || p->kv->data == NULL)
		return false;
	kv = disk_load(&p->disk, DISK_ALL, &stored.n);
	stored.kv = kv;
	generation = data_generation(&stored);
	free(kv);
	if (generation == p->kv->generation)
		return false;
	note_swap(p, generation);
	return true;
}

void proc_data_end(struct proc *p)
{
	data_free(p->kv->data);
	p->kv->data = NULL;
	p->kv->n_wishes = p->kv->n_words = 0;
	p->kv->held.job = 0;
	rpc_clear(&p->kv->rpc);
}

void proc_data_free(struct proc *p)
{
	proc_data_end(p);
	shared_view_free(&p->kv->view);
	free(p->kv->wish);
	free(p->kv->word);
	free(p->kv);
}
