#ifndef TEST_UNIT_CORE_WORLD_H
#define TEST_UNIT_CORE_WORLD_H
/* The nodes of the little world (core_world_net.h): started, killed, given commands, looked at. */
#include "test/unit/core_world_net.h"

static inline void w_start(struct world *w, int i)
{
	struct w_node *n = &w->node[i];
	struct core_kv kv[W_KEYS];
	char err[512] = "";
	struct core_conf conf = {.node_name = n->name,
		.cluster_name = "emqxcl",
		.host = n->host,
		.dist_port = 4370,
		.rpc_port = 5370,
		.role = n->role,
		.mode = n->mode,
		.autoheal = !w->autoheal_off,
		.autoclean_ms = w->autoclean_ms,
		.heartbeat_ms = 500,
		.timeout_ms = 2500,
		.members_max = 100,
		.version = "test"};

	for (size_t k = 0; k < n->n_keys; k++)
		kv[k] = (struct core_kv){n->disk[k].key, n->disk[k].value, n->disk[k].key_n,
			n->disk[k].value_n};
	n->core = core_new(&conf, &(struct core_stored){kv, n->n_keys},
		&(struct core_birth){w->now_us + (uint64_t)i * 7919, w->now_us, w->wall_ms},
		err, sizeof err);
	ck_assert_msg(n->core != NULL, "%s", err);
	w_effects(w, i);
}

static inline int w_add_role(struct world *w, enum core_mode mode, enum wire_role role)
{
	int i = w->n++;
	struct w_node *n = &w->node[i];

	snprintf(n->host, sizeof n->host, "10.0.0.%d", i + 1);
	snprintf(n->name, sizeof n->name, "n@10.0.0.%d", i + 1);
	n->mode = mode;
	n->role = role;
	w_start(w, i);
	return i;
}

static inline int w_add(struct world *w, enum core_mode mode)
{
	return w_add_role(w, mode, WIRE_CORE);
}

static inline void w_lose_disk(struct world *w, int i)
{
	struct w_node *n = &w->node[i];

	while (n->n_keys > 0) {
		n->n_keys--;
		free(n->disk[n->n_keys].key);
		free(n->disk[n->n_keys].value);
	}
}

/* The whole node: its listener is gone too. */
static inline void w_kill(struct world *w, int i)
{
	core_free(w->node[i].core);
	w->node[i].core = NULL;
	w->node[i].n_waiting = 0;
	for (int p = 0; p < w->n_pipes; p++)
		for (int e = 0; e < 2; e++)
			if (w->pipe[p][e].node == i) {
				w->pipe[p][e].node = -1;
				w->pipe[p][e].closed = true;
			}
}

static inline void w_free(struct world *w)
{
	for (int i = 0; i < w->n; i++) {
		core_free(w->node[i].core);
		for (size_t k = 0; k < w->node[i].n_keys; k++) {
			free(w->node[i].disk[k].key);
			free(w->node[i].disk[k].value);
		}
	}
	for (int p = 0; p < w->n_pipes; p++) {
		buf_free(&w->pipe[p][0].in);
		buf_free(&w->pipe[p][1].in);
	}
}

static inline void w_seeds(struct world *w, int i, const int *to, size_t n)
{
	struct core_candidate list[W_NODES];

	for (size_t k = 0; k < n; k++)
		list[k] = (struct core_candidate){w->node[to[k]].name, w->node[to[k]].host, 0};
	w_clock(w, i);
	core_candidates(w->node[i].core, "static", list, n);
	w_effects(w, i);
}

/* So many auto nodes that all know all, settled. */
static inline void w_autos(struct world *w, int n)
{
	int all[W_NODES];

	for (int i = 0; i < n; i++)
		all[i] = w_add(w, CORE_AUTO);
	for (int i = 0; i < n; i++)
		w_seeds(w, i, all, (size_t)n);
	w_run(w, 3000);
}

/* Runs until the command's reply, at most ms. */
static inline enum core_code w_command(struct world *w, int i, struct core_command cmd,
	uint64_t ms)
{
	unsigned before = w->node[i].n_replies;

	cmd.request = before + 1;
	w_clock(w, i);
	core_command(w->node[i].core, &cmd);
	w_effects(w, i);
	for (uint64_t at = 0; w->node[i].n_replies == before && at < ms; at += 5)
		w_run(w, 5);
	ck_assert_msg(w->node[i].n_replies > before, "no reply to command %d", (int)cmd.kind);
	return w->node[i].reply.code;
}

static inline struct node_addr w_addr(struct world *w, int i)
{
	struct node_addr a = {.port = 0};

	snprintf(a.name, sizeof a.name, "%s", w->node[i].name);
	snprintf(a.host, sizeof a.host, "%s", w->node[i].host);
	return a;
}

static inline unsigned w_running(struct world *w, int i)
{
	struct core_status s;

	core_status(w->node[i].core, &s);
	return s.running;
}

static inline unsigned w_stopped(struct world *w, int i)
{
	struct core_status s;

	core_status(w->node[i].core, &s);
	return s.stopped;
}

static inline unsigned w_events(struct world *w, int i, enum core_event_kind kind)
{
	unsigned n = 0;

	for (size_t e = 0; e < w->node[i].n_events; e++)
		n += w->node[i].event[e].kind == kind ? 1 : 0;
	return n;
}

/* Every node that runs sees so many, in one cluster. */
static inline void w_all_see(struct world *w, unsigned running, unsigned stopped)
{
	struct core_status a, b;

	for (int i = 0; i < w->n; i++) {
		if (w->node[i].core == NULL)
			continue;
		ck_assert_msg(w_running(w, i) == running && w_stopped(w, i) == stopped,
			"node %d sees %u running, %u stopped; expected %u, %u", i,
			w_running(w, i), w_stopped(w, i), running, stopped);
	}
	for (int i = 1; i < w->n; i++) {
		if (w->node[i].core == NULL || w->node[0].core == NULL)
			continue;
		core_status(w->node[0].core, &a);
		core_status(w->node[i].core, &b);
		ck_assert(memcmp(&a.identity, &b.identity, sizeof a.identity) == 0);
	}
}

/* Each file of tests has one world. */
static struct world w;

static inline void w_setup(void)
{
	w_init(&w);
}

static inline void w_teardown(void)
{
	w_free(&w);
}

static inline struct core_status w_status(int i)
{
	struct core_status s;

	core_status(w.node[i].core, &s);
	return s;
}

#endif
