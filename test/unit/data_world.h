#ifndef TEST_UNIT_DATA_WORLD_H
#define TEST_UNIT_DATA_WORLD_H
/*
 * A little world for the tests of membership/data: a few nodes with disks of their own, a clock that is set by hand, and
 * requests that take a millisecond each way unless the path is cut. The simulator has the real faults and the real
 * membership; here everybody is a member and who sees whom is said by the test.
 */
#include "test/unit/data_world_fx.h"

/* --- life */

static inline void dw_init(struct dworld *w)
{
	memset(w, 0, sizeof *w);
	w->now_us = 1000000;
	w->wall_ms = 1700000000000ULL;
	w->conf = (struct data_conf){.max_bytes = 256 * 1024 * 1024,
		.tombstone_ttl_ms = 7 * 86400000ULL};
}

static inline struct data *dw_load(struct dworld *w, int i, char *err, size_t err_cap)
{
	struct dw_node *n = &w->node[i];
	struct core_kv *kv = xcalloc(n->n_pairs, sizeof *kv);
	struct core_birth birth = {.seed = w->now_us * 31 + (uint64_t)i,
		.mono_us = w->now_us,
		.wall_ms = w->wall_ms + w->now_us / 1000};
	struct core_stored stored = {kv, 0};
	struct data *d;

	for (size_t k = 0; k < n->n_pairs; k++) {
		struct core_kv pair = {n->disk[k].key, n->disk[k].value, n->disk[k].key_n,
			n->disk[k].value_n};

		if (data_owns(&pair) || n->disk[k].key_n == 4)
			kv[stored.n++] = pair;
	}
	d = data_begin(&w->conf, data_generation(&stored), &birth);
	for (size_t k = 0; k < stored.n && d != NULL; k += DW_PIECE) { /* as the store has it */
		size_t rest = stored.n - k;

		if (!data_load(d,
			    &(struct core_stored){kv + k, rest < DW_PIECE ? rest : DW_PIECE},
			    err, err_cap)) {
			data_free(d);
			d = NULL;
		}
	}
	if (d != NULL)
		data_loaded(d);
	free(kv);
	return d;
}

static inline void dw_start(struct dworld *w, int i)
{
	struct dw_node *n = &w->node[i];
	char err[256] = "";

	n->data = dw_load(w, i, err, sizeof err);
	if (n->data == NULL)
		fprintf(stderr, "%s\n", err);
	assert(n->data != NULL);
	dw_effects(w, i);
}

static inline int dw_add(struct dworld *w, enum wire_role role)
{
	struct dw_node *n = &w->node[w->n];
	struct rng r;

	assert(w->n < DW_NODES);
	rng_init(&r, 77 + (uint64_t)w->n);
	n->id = rng_id(&r);
	n->role = role;
	n->joined_ms = 1000 + (uint64_t)w->n;
	n->reply = xcalloc(DW_REPLIES, sizeof *n->reply);
	n->replied = xcalloc(DW_REPLIES, sizeof *n->replied);
	snprintf(n->name, sizeof n->name, "n%d@10.0.0.%d", w->n + 1, w->n + 1);
	snprintf(n->host, sizeof n->host, "10.0.0.%d", w->n + 1);
	w->n++;
	dw_start(w, w->n - 1);
	return w->n - 1;
}

static inline void dw_kill(struct dworld *w, int i)
{
	data_free(w->node[i].data);
	w->node[i].data = NULL;
	w->node[i].waiting = 0;
	w->node[i].waiting_bytes.n = 0;
	for (size_t k = 0; k < w->n_messages; k++)
		if (w->message[k].is_answer && w->message[k].to == i)
			w->message[k].call = 0;
	/* its connections go with it */
	for (size_t k = 0; k < DW_MESSAGES; k++) {
		struct dw_serve *s = &w->serve[k];

		if (s->call == 0 || s->client < 0 || s->server != i)
			continue;
		dw_post(w, &(struct dw_message){.at_us = w->now_us,
				   .to = s->client,
				   .call = s->call,
				   .is_answer = true,
				   .lost = true});
		s->client = -1;
	}
}

static inline void dw_free(struct dworld *w)
{
	for (int i = 0; i < w->n; i++) {
		data_free(w->node[i].data);
		dw_disk_clear(&w->node[i]);
		free(w->node[i].disk);
		free(w->node[i].reply);
		free(w->node[i].replied);
		buf_free(&w->node[i].waiting_bytes);
	}
	for (size_t k = 0; k < w->n_messages; k++)
		buf_free(&w->message[k].bytes);
}

/* --- time */

static inline void dw_request(struct dworld *w, struct dw_message *m)
{
	uint32_t serve = ++w->next_serve;

	w->serve[serve % DW_MESSAGES] = (struct dw_serve){.client = m->from,
		.server = m->to,
		.call = m->call,
		.method = m->method};
	if (w->node[m->to].data == NULL) {
		dw_post(w, &(struct dw_message){.at_us = w->now_us,
				   .to = m->from,
				   .call = m->call,
				   .is_answer = true,
				   .lost = true});
		return;
	}
	dw_clock(w, m->to);
	data_serve(w->node[m->to].data, serve, &w->node[m->from].id, m->method,
		(struct msg_reader){m->bytes.p, m->bytes.p + m->bytes.n});
	dw_effects(w, m->to);
}

static inline void dw_answer(struct dworld *w, struct dw_message *m)
{
	struct msg_reader r = {m->bytes.p, m->bytes.p + m->bytes.n};

	if (m->call == 0 || w->node[m->to].data == NULL)
		return;
	dw_clock(w, m->to);
	data_answered(w->node[m->to].data, m->call, r,
		m->lost ? "connection lost"
		: m->ok ? NULL
			: "refused");
	dw_effects(w, m->to);
}

static inline void dw_deliver(struct dworld *w, size_t at)
{
	struct dw_message m = w->message[at];

	memmove(&w->message[at], &w->message[at + 1],
		(--w->n_messages - at) * sizeof w->message[0]);
	if (m.is_answer)
		dw_answer(w, &m);
	else
		dw_request(w, &m);
	buf_free(&m.bytes);
}

/* The next thing that happens, at until at the latest. False: nothing before that. */
static inline bool dw_step(struct dworld *w, uint64_t until_us)
{
	uint64_t at_us = until_us;
	size_t message = w->n_messages;
	int node = -1;

	for (size_t k = 0; k < w->n_messages; k++)
		if (w->message[k].at_us < at_us ||
			(message == w->n_messages && w->message[k].at_us == at_us)) {
			at_us = w->message[k].at_us;
			message = k;
		}
	for (int i = 0; i < w->n; i++)
		if (w->node[i].data != NULL && !w->node[i].down) {
			uint64_t ms = data_deadline(w->node[i].data);

			if (ms <= until_us / 1000 && ms * 1000 < at_us) {
				at_us = ms * 1000;
				node = i;
			}
		}
	if (at_us > w->now_us)
		w->now_us = at_us;
	if (node >= 0) {
		dw_clock(w, node);
		data_tick(w->node[node].data);
		dw_effects(w, node);
		return true;
	}
	if (message < w->n_messages) {
		dw_deliver(w, message);
		return true;
	}
	return false;
}

/* With heartbeats each half second. */
static inline void dw_run(struct dworld *w, uint64_t ms)
{
	uint64_t end = w->now_us + ms * 1000;
	unsigned steps = 0;

	while (w->now_us < end) {
		uint64_t beat = (w->now_us / 500000 + 1) * 500000;

		while (dw_step(w, beat < end ? beat : end))
			steps++;
		assert(steps < 10000000);
		if (w->now_us == beat)
			dw_hashes(w);
	}
}

/* --- commands */

static inline void dw_command(struct dworld *w, int i, const struct data_command *cmd)
{
	dw_clock(w, i);
	data_command(w->node[i].data, cmd);
	dw_effects(w, i);
}

static inline void dw_put(struct dworld *w, int i, uint32_t request, const char *key,
	const char *value, enum data_ack ack)
{
	dw_command(w, i,
		&(struct data_command){.op = DATA_PUT,
			.request = request,
			.ack = ack,
			.key = dw_span(key),
			.value = dw_span(value)});
}

static inline void dw_delete(struct dworld *w, int i, uint32_t request, const char *key,
	enum data_ack ack)
{
	dw_command(w, i,
		&(struct data_command){.op = DATA_DELETE,
			.request = request,
			.ack = ack,
			.key = dw_span(key)});
}

/* What readers of this node see; "-" when there is nothing. */
static inline const char *dw_get(struct dworld *w, int i, const char *key)
{
	static char text[8][256];
	static int at;
	struct data_item item;
	char *out = text[++at % 8];

	if (!data_get(w->node[i].data, dw_span(key), &item) || item.value.p == NULL)
		return "-";
	snprintf(out, sizeof text[0], "%.*s", (int)item.value.n, item.value.p);
	return out;
}

static inline struct data_status dw_status(struct dworld *w, int i)
{
	struct data_status st;

	data_status(w->node[i].data, &st);
	return st;
}

#endif
