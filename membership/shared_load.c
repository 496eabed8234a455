/* How the shared data comes to be: loaded beside everything else, or not at all where its file is damaged. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "membership/datapath.h"
#include "membership/shared_int.h"

#define LOG_COMPONENT "data"

/* --- the configuration as the data wants it --- */

static void conf_of(const struct shell *s, struct data_conf *out)
{
	static const struct {
		const char *name;
		enum data_policy policy;
	} policies[] = {{"lww", DATA_LWW}, {"max", DATA_MAX}, {"union", DATA_UNION}};
	const struct conf *v = conf_values(s->conf);
	struct data_policy_row *row = xcalloc(v->store.policy.n, sizeof *row);

	for (size_t i = 0; i < v->store.policy.n; i++) {
		row[i] = (struct data_policy_row){v->store.policy.item[i].key, DATA_SIBLINGS};
		for (size_t k = 0; k < sizeof policies / sizeof policies[0]; k++)
			if (strcmp(v->store.policy.item[i].value, policies[k].name) == 0)
				row[i].policy = policies[k].policy;
	}
	*out = (struct data_conf){.max_bytes = v->store.max_size,
		.require_quorum = v->store.require_quorum,
		.tombstone_ttl_ms = v->cluster.tombstone_ttl_ms,
		.policy = row,
		.n_policies = v->store.policy.n};
}

static void conf_drop(const struct data_conf *c)
{
	struct data_policy_row *row;

	memcpy(&row, &c->policy, sizeof row); /* made here, const for the data */
	free(row);
}

void shared_reload(struct shared *d)
{
	struct data_conf conf;

	conf_of(d->shell, &conf);
	if (d->coming != NULL)
		data_reload(d->coming, &conf);
	if (d->data != NULL)
		data_reload(shared_in(d), &conf);
	conf_drop(&conf);
	if (d->data != NULL)
		shell_out(d->shell);
}

static struct data *begin(struct shared *d)
{
	struct data_conf conf;
	struct data *data;
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		seed = clock_mono_us();
	conf_of(d->shell, &conf);
	data = data_begin(&conf, d->generation,
		&(struct core_birth){seed, clock_mono_us(), clock_wall_ms()});
	conf_drop(&conf);
	return data;
}

/* --- ready, or not --- */

static void become_ready(struct shared *d, struct data *data)
{
	data_loaded(data);
	d->data = data;
	d->coming = NULL;
	d->state = SHELL_DATA_READY;
	shared_tell_view(d);
}

static void become_damaged(struct shared *d, const char *text)
{
	struct data_event e = {.kind = DATA_EV_UNUSABLE};

	data_free(d->coming);
	d->coming = NULL;
	d->state = SHELL_DATA_DAMAGED;
	snprintf(d->damage, sizeof d->damage, "%s", text);
	snprintf(e.text, sizeof e.text, "%.*s", (int)strcspn(text, ";"), text);
	shared_tell_event(d, &e);
	datapath_refuse(d->shell->datapath, true);
}

static bool load(struct shared *d, const struct state_piece *piece, char *err, size_t cap)
{
	const struct state_pairs *p = piece->pairs;
	char why[512];

	d->loaded = piece->done;
	d->to_load = piece->total;
	if (piece->error != 0) {
		snprintf(err, cap, "%s", piece->text);
		return false;
	}
	if (data_load(d->coming, &(struct core_stored){p->kv, p->n}, why, sizeof why))
		return true;
	snprintf(err, cap, "%s; %s", why, state_shared_data.advice);
	return false;
}

static bool on_piece(void *ctx, const struct state_piece *piece)
{
	struct shared *d = ctx;
	char err[1024];

	if (!load(d, piece, err, sizeof err)) {
		become_damaged(d, err);
		shell_out(d->shell);
		return false;
	}
	if (piece->last) {
		log_info("data_loaded", "pairs=%llu took_ms=%llu",
			(unsigned long long)piece->done,
			(unsigned long long)(clock_mono_ms() - d->load_began_ms));
		become_ready(d, d->coming);
		shell_out(d->shell);
	}
	return true;
}

void shared_open(struct shared *d, const struct core_stored *stored)
{
	const char *data_dir = conf_values(d->shell->conf)->node.data_dir;

	d->generation = data_generation(stored);
	d->backup = backup_new(data_dir);
	d->coming = begin(d);
	/* nobody must take it for empty before it is known */
	core_data(d->shell->core, &(struct core_data){.empty = false});
	if (!state_db_has_data(data_dir)) {
		become_ready(d, d->coming);
		return;
	}
	d->load_began_ms = clock_mono_ms();
	state_data_load(d->shell->state, on_piece, d);
}

/* --- a new beginning where the file was damaged --- */

static void tell_repaired(struct shared *d, const char *error)
{
	shell_repaired *cb = d->repaired;

	d->repaired = NULL;
	if (cb != NULL)
		cb(d->repaired_ctx, error);
}

static void on_aside(void *ctx, int error)
{
	struct shared *d = ctx;
	struct data_event e = {.kind = DATA_EV_REPAIRED};

	if (error != 0) {
		d->state = SHELL_DATA_DAMAGED;
		log_warn("data_not_put_aside", "error=\"%s\"", strerror(-error));
		tell_repaired(d, strerror(-error));
		return;
	}
	snprintf(e.text, sizeof e.text, "the damaged file is in %s/kv.damaged",
		conf_values(d->shell->conf)->node.data_dir);
	shared_tell_event(d, &e);
	datapath_refuse(d->shell->datapath, false);
	become_ready(d, begin(d));
	tell_repaired(d, NULL);
	shell_out(d->shell);
}

static void begin_anew(struct shared *d)
{
	d->state = SHELL_DATA_RESETTING;
	state_data_aside(d->shell->state, on_aside, d);
}

void shell_data_repair(struct shell *s, shell_repaired *cb, void *ctx)
{
	struct shared *d = s->shared;

	d->repaired = cb;
	d->repaired_ctx = ctx;
	begin_anew(d);
}

/* --- what the core wants meanwhile --- */

static void refuse_job(struct shared *d, enum data_fx_kind kind, uint32_t job)
{
	struct word *w = shared_word(d);

	*w = (struct word){.kind = kind, .job = job};
	snprintf(w->text, sizeof w->text,
		"the shared data on disk can't be read, see `clusterctl status`: `clusterctl kv repair` first");
}

static void refuse(struct shared *d, const struct core_fx *fx)
{
	switch (fx->kind) {
	case CORE_FX_COPY:
		refuse_job(d, DATA_FX_COPIED, fx->u.copy.job);
		break;
	case CORE_FX_HANDOVER:
		refuse_job(d, DATA_FX_HANDED, fx->u.handover.job);
		break;
	case CORE_FX_DATA_SWAP: /* what can't be read is given up */
		d->generation = fx->u.swap.generation;
		begin_anew(d);
		break;
	default: /* of what isn't there */
		break;
	}
}

bool shared_refuse(struct shared *d)
{
	size_t n = 0;

	while (n < d->n_wishes && d->state == SHELL_DATA_DAMAGED)
		refuse(d, &d->wish[n++].fx);
	d->n_wishes -= n;
	if (n > 0)
		memmove(d->wish, d->wish + n, d->n_wishes * sizeof *d->wish);
	return d->n_words > 0;
}

void shell_data_state(const struct shell *s, struct shell_data *out)
{
	const struct shared *d = s->shared;

	*out = (struct shell_data){.state = SHELL_DATA_LOADING, .damage = ""};
	if (d == NULL)
		return;
	*out = (struct shell_data){d->state, d->loaded, d->to_load,
		d->state == SHELL_DATA_DAMAGED ? d->damage : ""};
}
