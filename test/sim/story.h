#ifndef TEST_SIM_STORY_H
#define TEST_SIM_STORY_H
/*
 * Scripted runs. A story is a function that moves the clock, does things to nodes and says what it expects; its row's
 * title is the specification. Nodes are numbered from 1, as in the trace (n1, n2, …). After the first unmet expectation
 * every further call does nothing, so a story reads from top to bottom.
 */
#include "test/sim/sim.h"

enum { STORY_REPLIES_MAX = 64 };

struct story_reply {
	unsigned node;
	uint32_t request;
	enum core_code code;
};

struct story_count {
	uint16_t stops[SIM_PROCS_MAX]; /* that the node announced, by whom it was about */

	uint64_t frames, bytes, seq; /* sent, and said of itself, before calm() */
};

struct story {
	struct sim sim;
	uint64_t seed;
	enum run_tell tell;
	unsigned round; /* of the row's rounds */
	struct story_reply reply[STORY_REPLIES_MAX];
	size_t n_replies;
	/* since calm() */
	struct story_count count[SIM_PROCS_MAX];
	unsigned n_events[CORE_EV_N];
};

struct story_row {
	const char *name, *title;
	void (*tell)(struct story *st);
	unsigned rounds; /* told so often, with st->round counting from 0; 0: once */
};
extern const struct story_row stories_a[], stories_b[], stories_members[], stories_c[],
	stories_d[], stories_e[], stories_links[], stories_f[], stories_g[], stories_r[],
	stories_k[], stories_l[];

extern const size_t n_stories_a, n_stories_b, n_stories_members, n_stories_c, n_stories_d,
	n_stories_e, n_stories_links, n_stories_f, n_stories_g, n_stories_r, n_stories_k,
	n_stories_l;

/* Runs one; true when all it expects came, else *why says what did not. */
bool story_run(const struct story_row *row, unsigned round, enum run_tell tell,
	char why[SIM_WHY_MAX]);
/* The i-th of all, NULL past the last. */
const struct story_row *story_at(size_t i);

/* --- the world */
struct sim_setup story_setup(unsigned n);
/* To be called first. */
void world(struct story *st, const struct sim_setup *setup);
/* world() with defaults, all nodes started, an automatic cluster agreed upon. */
void cluster(struct story *st, unsigned n);
/* The same with manual clusters: all joined to n1. */
void manual_cluster(struct story *st, unsigned n);
void start(struct story *st, unsigned node);
void start_all(struct story *st);
struct proc *node(struct story *st, unsigned i);

/* --- time */
void at(struct story *st, uint64_t ms);  /* from the beginning */
void run(struct story *st, uint64_t ms); /* from now */
uint64_t now_ms(const struct story *st);
/* Every machine is suspended: the clocks move on and nothing else does. */
void sleep_all(struct story *st, uint64_t ms);

/* --- what goes wrong (story_faults.c). A group is a text like "1-3 7": nodes 1, 2, 3 and 7. */
uint64_t group(const char *text);
void cut(struct story *st, unsigned a, unsigned b);
void mend(struct story *st, unsigned a, unsigned b);
void cut_one_way(struct story *st, unsigned from, unsigned to);
void mend_one_way(struct story *st, unsigned from, unsigned to);
void reject(struct story *st, unsigned from, unsigned to); /* for good */
void split(struct story *st, const char *one, const char *other);
void unsplit(struct story *st, const char *one, const char *other);
void blackout(struct story *st, bool begin);
void lossy(struct story *st, int permille, bool begin);
void lossy_node(struct story *st, unsigned i, int permille, bool begin);
void slow_node(struct story *st, unsigned i, bool begin);
void deaf(struct story *st, unsigned i, bool begin);
void mute(struct story *st, unsigned i, bool begin);
void isolate(struct story *st, unsigned i, bool begin);
void rpc_blocked(struct story *st, unsigned i, bool begin);
void reset_link(struct story *st, unsigned a, unsigned b, bool at_a, bool at_b);
void kill_node(struct story *st, unsigned i);
void kill_held(struct story *st, unsigned i); /* the supervisor keeps the listener */
void power_off(struct story *st, unsigned i);
void start_old(struct story *st, unsigned i, size_t commits); /* so many commits taken back */
void start_empty(struct story *st, unsigned i);
void pause_node(struct story *st, unsigned i);
void go_on(struct story *st, unsigned i);
void wall_jump(struct story *st, unsigned i, int64_t ms);
/* A copy of `of`'s data directory and configuration starts on the spare host i. */
void start_clone(struct story *st, unsigned i, unsigned of);
/* Node i will start with j's name, on its own host. */
void same_name(struct story *st, unsigned i, unsigned j);
/* Node i will start on j's address, j being off for good. */
void seeds(struct story *st, unsigned i, const char *text);
void all_seeds(struct story *st, const char *text);

/* --- operators; each returns the request, for expect_answer() */
uint32_t join(struct story *st, unsigned i, unsigned to);
uint32_t leave(struct story *st, unsigned i);
uint32_t remove_node(struct story *st, unsigned i, unsigned whom);
uint32_t replace(struct story *st, unsigned i, unsigned whom);
uint32_t discovery(struct story *st, unsigned i, bool on);
uint32_t mode(struct story *st, unsigned i, bool automatic);
uint32_t autoheal(struct story *st, unsigned i, bool on);
uint32_t heal(struct story *st, unsigned i);
uint32_t set_tag(struct story *st, unsigned i, const char *value);
void stop(struct story *st, unsigned i);
void restart(struct story *st, unsigned i); /* announced, and gone; start() brings it back */
uint32_t announce_restart(struct story *st, unsigned i);

/* --- expectations (story_expect.c); `within` in ms from now: the clock moves on until it holds */
void expect(struct story *st, bool holds, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Forgets what was announced until now. */
void calm(struct story *st);
/* Each of these nodes shows exactly those as running. */
void expect_view(struct story *st, const char *who, const char *running, uint64_t within_ms);
/* … and now not one of these. */
void expect_not_shown(struct story *st, unsigned i, const char *text);
void expect_members(struct story *st, unsigned i, unsigned n, uint64_t within_ms);
/* Announced since calm(). */
void expect_no_stop(struct story *st);
/* Nobody of `by` has announced anybody of `of`. */
void expect_no_stop_by(struct story *st, const char *by, const char *of);
/* Each of `by` has announced i that often. */
void expect_stops_of(struct story *st, const char *by, unsigned i, unsigned at_least,
	unsigned at_most);
unsigned stops_by(const struct story *st, unsigned i);
void expect_event(struct story *st, enum core_event_kind kind, unsigned at_least);
void expect_no_event(struct story *st, enum core_event_kind kind);
/* There is no core to ask: the story has failed already, or i does not run. */
bool gone_wrong(struct story *st, unsigned i);
/* What i has of j, by its present or last member id. */
bool member_of(struct story *st, unsigned i, struct id128 j, struct core_member *out);
/* The answer to i's request. */
enum core_code answer(struct story *st, unsigned i, uint32_t request, uint64_t within_ms);
void expect_answer(struct story *st, unsigned i, uint32_t request, enum core_code code,
	uint64_t within_ms);
void expect_apart(struct story *st, unsigned i, enum core_apart apart, uint64_t within_ms);
void expect_quorum(struct story *st, const char *text, bool quorum);
void expect_one_identity(struct story *st, const char *text, uint64_t within_ms);
void expect_two_identities(struct story *st, unsigned a, unsigned b);
struct id128 member_id(struct story *st, unsigned i);
void expect_member_id(struct story *st, unsigned i, struct id128 id, bool same);
/* No node has more links than so many. */
void expect_degree(struct story *st, unsigned most, uint64_t within_ms);
/* … nor so many on the mean. */
void expect_links(struct story *st, unsigned most);
/* Since calm() no node has sent more frames than so many. */
void expect_frames(struct story *st, uint64_t most);
/* Since calm(), of those that run: bytes sent, and versions of the own record, on the mean at most so many. */
void expect_bytes(struct story *st, uint64_t most);
void expect_changes(struct story *st, uint64_t most);

#endif
