#include "membership/core/core_int.h"

#ifdef CORE_MUTANTS
enum core_mutant core_mutant;
#endif

bool identity_less(const struct wire_identity *a, const struct wire_identity *b)
{
	if (a->created_ms != b->created_ms)
		return a->created_ms < b->created_ms;
	return id_cmp(&a->cluster_id, &b->cluster_id) < 0;
}

bool identity_same(const struct wire_identity *a, const struct wire_identity *b)
{
	return a->created_ms == b->created_ms && id_eq(&a->cluster_id, &b->cluster_id);
}

/* --- life --- */

static void conf_take_hot(struct core *c, const struct core_conf *conf)
{
	c->conf_mode = conf->mode;
	c->conf_autoheal = conf->autoheal;
	c->autoclean_ms = conf->autoclean_ms;
	c->heartbeat_ms = conf->heartbeat_ms;
	c->timeout_ms = conf->timeout_ms;
	if (c->tags_set)
		return; /* what an operator set by command stands */
	tags_free(c->tags, c->n_tags);
	tags_copy(&c->tags, &c->n_tags, conf->tags, conf->n_tags);
}

static void conf_take(struct core *c, const struct core_conf *conf)
{
	c->node_name = xstrdup(conf->node_name);
	c->cluster_name = xstrdup(conf->cluster_name);
	c->host = xstrdup(conf->host);
	c->program = xstrdup(conf->version);
	c->dist_port = conf->dist_port;
	c->rpc_port = conf->rpc_port;
	c->role = (uint8_t)conf->role;
	c->replicas = c->role == WIRE_REPLICA;
	c->members_max = conf->members_max;
	conf_take_hot(c, conf);
}

static void start_persist(struct core *c)
{
	state_put_meta(c);
	state_put_self(c);
	persist_wait(c, persist_commit(c), WAIT_START);
}

struct core *core_new(const struct core_conf *conf, const struct core_stored *stored,
	const struct core_birth *birth, char *err, size_t err_cap)
{
	struct core *c = xcalloc(1, sizeof *c);

	rng_init(&c->rng, birth->seed);
	c->now_us = birth->mono_us;
	c->now_ms = birth->mono_us / 1000;
	c->start_ms = c->now_ms;
	c->wall_ms = birth->wall_ms;
	c->next_conn = 1;
	c->data.empty = true;
	msg_arena_init(&c->arena, 1024 * 1024);
	msg_arena_init(&c->body_arena, 256 * 1024);
	conf_take(c, conf);
	c->session = rng_u64(&c->rng);
	if (MUTANT(NO_SESSION))
		c->session = 1;
	member_intern(c, &(struct id128){{0}});
	if (state_load(c, stored->kv, stored->n, err, err_cap) != 0) {
		core_free(c);
		return NULL;
	}
	c->incarnation++;
	if (single(c)) {
		c->settings.mode_auto = c->conf_mode == CORE_AUTO;
		c->voters = voters_of(&c->identity);
	}
	if (c->role != WIRE_CORE)
		c->voters =
			0; /* should it be a core again it counts once it has run with a quorum */
	if (c->apart == CORE_APART_NAME)
		c->name_poll_ms = c->now_ms + READY_MS;
	self(c)->heard = true;
	self(c)->announced = true;
	self(c)->since_wall_ms = birth->wall_ms;
	c->record_dirty = true;
	if (c->heal_changed)
		settings_set(c, c->settings.mode_auto, c->conf_autoheal);
	start_persist(c);
	c->started = MUTANT(HELLO_BEFORE_DISK);
	fx_event(c, CORE_EV_STARTED, self(c), "incarnation %llu",
		(unsigned long long)c->incarnation);
	settle(c);
	return c;
}

void core_free(struct core *c)
{
	if (c == NULL)
		return;
	while (c->n_conns > 0)
		conn_gone(c, c->conn[c->n_conns - 1]);
	free(c->conn);
	members_clear(c);
	free(c->member);
	free(c->slot);
	candidates_free(c, NULL);
	free(c->cand);
	while (c->batches != NULL) {
		struct batch *b = c->batches;

		c->batches = b->next;
		persist_batch_free(b);
	}
	if (c->batch != NULL)
		persist_batch_free(c->batch);
	for (size_t i = 0; i < c->n_waiters; i++)
		entry_free(&c->waiter[i].entry);
	free(c->waiter);
	for (size_t i = 0; i < c->n_waiting; i++)
		command_drop(&c->waiting[i]);
	entry_free(&c->leave.entry);
	tags_free(c->tags, c->n_tags);
	msg_arena_free(&c->arena);
	msg_arena_free(&c->body_arena);
	free(c->queue);
	free(c->marks);
	free(c->ways);
	free(c->wide);
	free(c->near);
	free(c->edged);
	free(c->vacant);
	free(c->grave);
	free(c->grave_slot);
	free(c->sorted);
	free(c->fx);
	free(c->node_name);
	free(c->cluster_name);
	free(c->host);
	free(c->program);
	free(c);
}

/* --- time --- */

/*
 * The deadline that was asked for last is compared with the clock: how late the loop came round is how long this
 * process did not run. Known before the input that piled up is read, so that what it says is not taken for news.
 */
static void stall_check(struct core *c)
{
	uint64_t armed_ms = c->armed_ms;

	if (armed_ms == 0 || c->now_ms <= armed_ms + STALL_MS)
		return;
	c->armed_ms = 0;
	self_stalled(c, c->now_ms - armed_ms);
}

void core_clock(struct core *c, uint64_t mono_us, uint64_t wall_ms)
{
	c->now_us = mono_us;
	c->now_ms = mono_us / 1000;
	c->wall_ms = wall_ms;
	c->n_sorted = 0; /* an input may change who there is */
	stall_check(c);
}

void core_tick(struct core *c)
{
	if (due(c, c->keep_view_until_ms) || due(c, c->vote_ms))
		c->view_dirty = true;
	for (size_t i = c->n_conns; i-- > 0;)
		if (i < c->n_conns)
			conn_tick(c, c->conn[i]);
	edges_tick(c);
	suspect_update(c);
	view_expire(c);
	record_publish_tick(c);
	join_tick(c);
	leave_tick(c);
	names_tick(c);
	clean_tick(c);
	removals_tick(c);
	if (due(c, c->look_ms)) {
		c->look_ms = 0;
		candidates_unblock(c);
	}
	persist_tick(c);
	if (!c->ready && c->now_ms >= c->start_ms + READY_MS) {
		c->ready = true;
		c->view_dirty = true;
		fx_view(c);
	}
	if (due(c, plan_deadline(c)))
		c->plan_dirty = true;
	candidates_tick(c);
	bury_tick(c);
	settle(c);
}

static uint64_t min_nonzero(uint64_t a, uint64_t b)
{
	return b != 0 && b < a ? b : a;
}

/* The first deadline of connections, links and candidates. */
static uint64_t timers_first(const struct core *c)
{
	uint64_t at = candidates_deadline(c);

	for (size_t i = 0; i < c->n_conns; i++)
		at = min_nonzero(at, conn_deadline(c, c->conn[i]));
	for (size_t i = 0; i < c->n_edged; i++)
		at = min_nonzero(at, edge_deadline(c, c->member[c->edged[i]]));
	return at;
}

static uint64_t deadline_of(const struct core *c)
{
	uint64_t at = c->timers_ms;

	if (c->view_dirty || c->edges_dirty)
		at = min_nonzero(at, c->view_ms + VIEW_GAP_MS);
	if (c->started)
		at = min_nonzero(at, publish_deadline(c));
	if (!c->ready)
		at = min_nonzero(at, c->start_ms + READY_MS);
	at = min_nonzero(at, plan_deadline(c));
	at = min_nonzero(at, join_deadline(c));
	at = min_nonzero(at, leave_deadline(c));
	at = min_nonzero(at, c->expire_ms);
	at = min_nonzero(at, clean_deadline(c));
	at = min_nonzero(at, removals_deadline(c));
	at = min_nonzero(at, c->bury_ms);
	at = min_nonzero(at, c->name_poll_ms);
	at = min_nonzero(at, c->persist_retry_ms);
	at = min_nonzero(at, c->keep_view_until_ms);
	at = min_nonzero(at, c->look_ms);
	if (c->vote_ms > c->now_ms) /* else a view is due, which may be kept for a moment */
		at = min_nonzero(at, c->vote_ms);
	return at;
}

void deadline_arm(struct core *c)
{
	if (c->timers_moved)
		c->timers_ms = timers_first(c);
	c->timers_moved = false;
	c->deadline_ms = deadline_of(c);
	c->armed_ms = c->deadline_ms;
	if (c->armed_ms == UINT64_MAX)
		c->armed_ms = 0;
	else if (c->armed_ms < c->now_ms)
		c->armed_ms = c->now_ms;
}

uint64_t core_deadline(const struct core *c)
{
	return c->deadline_ms;
}

/* --- end of an input --- */

/* Many records may arrive at once in a large cluster: one view serves them all. */
static bool view_now(const struct core *c)
{
	return c->n <= VIEW_AT_ONCE_MAX || c->now_ms >= c->view_ms + VIEW_GAP_MS;
}

void settle(struct core *c)
{
	c->timers_moved = true;
	settle_flood(c);
}

void settle_flood(struct core *c)
{
	for (int round = 0; round < 4; round++) {
		if (!c->view_dirty && !c->edges_dirty && !c->plan_dirty && !c->record_dirty)
			break;
		if (c->record_dirty)
			record_publish_tick(c);
		if (c->view_dirty && view_now(c)) {
			c->view_ms = c->now_ms;
			view_update(c);
			c->plan_dirty = c->timers_moved = true;
		}
		if (c->edges_dirty && view_now(c)) {
			c->edges_dirty = false;
			c->view_ms = c->now_ms;
			c->counters.views++;
		}
		if (c->plan_dirty) {
			c->plan_dirty = false;
			c->timers_moved = true;
			plan(c);
		}
	}
	if (c->batch != NULL)
		persist_wait(c, persist_commit(c), WAIT_SELF);
	if ((c->members_dirty || c->self_dirty || c->rewrite) && c->persist_retry_ms == 0)
		persist_tick(c);
	join_tick(c);
	if (c->stop_wanted || c->leave.phase == LEAVE_TRANSIT)
		leave_tick(c);
	deadline_arm(c);
}

void core_data(struct core *c, const struct core_data *d)
{
	c->data = *d;
}

void core_reload(struct core *c, const struct core_conf *conf)
{
	bool heal_changed = conf->autoheal != c->conf_autoheal;

	conf_take_hot(c, conf);
	for (size_t i = 1; i < c->n; i++)
		c->member[i]->refused_until_ms = 0; /* what others refused may be gone */
	if (single(c) && c->apart == CORE_APART_NO)
		c->settings.mode_auto = c->conf_mode == CORE_AUTO;
	if (heal_changed)
		settings_set(c, c->settings.mode_auto, conf->autoheal);
	c->self_dirty = true;
	record_touch(c, false);
	settle(c);
}

/* --- disk --- */

static void start_persisted(struct core *c, int error)
{
	if (error != 0)
		return; /* persist_tick tries again */
	c->started = true;
	c->record_dirty = true;
	c->publish_ms = c->now_ms;
	c->plan_dirty = true;
	c->view_dirty = true;
	burst(c);
	conns_started(c);
	commands_release(c);
}

static void waiter_run(struct core *c, struct waiter *w, int error)
{
	switch (w->kind) {
	case WAIT_START:
		start_persisted(c, error);
		break;
	case WAIT_JOIN_SWAP:
		join_swapped(c, error);
		break;
	case WAIT_LEAVE:
		leave_persisted(c, error);
		break;
	case WAIT_CLEAR:
		leave_cleared(c, error);
		break;
	case WAIT_DEPART:
		depart_persisted(c, w, error);
		break;
	case WAIT_SELF:
	case WAIT_MEMBERS:
		break; /* what failed is written again as a whole */
	case WAIT_COMMAND:
		if (error == 0)
			fx_reply(c, w->request, CORE_OK, "", "%s", "");
		else
			fx_reply(c, w->request, CORE_E_STORE, "", "done, but not on disk: %s",
				strerror(-error));
		break;
	}
	entry_free(&w->entry);
}

static void store_result(struct core *c, int error)
{
	if ((error != 0) == c->store_failed)
		return;
	c->store_failed = error != 0;
	if (error != 0)
		fx_event(c, CORE_EV_STORE, self(c), "the data directory can't be written: %s",
			strerror(-error));
	fx_view(c);
}

void core_persisted(struct core *c, uint64_t seq, int error)
{
	struct batch *b = c->batches;

	store_result(c, error);
	if (b != NULL && b->seq == seq) {
		c->batches = b->next;
		persist_batch_free(b);
	}
	if (error != 0) {
		c->rewrite = true;
		if (c->persist_retry_ms == 0)
			c->persist_retry_ms = c->now_ms + PERSIST_RETRY_MS;
	}
	for (size_t i = 0; i < c->n_waiters;) {
		struct waiter w = c->waiter[i];

		if (w.seq != seq) {
			i++;
			continue;
		}
		c->waiter[i] = c->waiter[--c->n_waiters];
		waiter_run(c, &w, error);
	}
	for (size_t i = 0; i < c->n_conns; i++) {
		struct conn *k = c->conn[i];

		if (k->ack_departed && k->ack_seq == seq) {
			k->ack_departed = false;
			if (error == 0 && k->peer != NO_INDEX)
				conn_send(c, k, WIRE_DEPART_ACK,
					&(struct wire_depart_ack){
						.id = c->member[k->peer]->id});
		}
	}
	settle(c);
}
