#ifndef MEMBERSHIP_CORE_CORE_INT_H
#define MEMBERSHIP_CORE_CORE_INT_H
/* What the files of the core share. Nothing outside membership/core includes it. */
#include "membership/core/operation.h"

/* A member in the searches of the view. */
struct ways {
	int32_t via;    /* from whom the view reaches it; NO_INDEX: it does not */
	int32_t to[14]; /* whom a search comes to from it */
	uint8_t n;
	bool known; /* else it is to be looked up in the list of edges */
};

/* Where a member is; tag: other bits of its id's hash, so that seldom another member is looked at on the way. */
struct slot {
	uint32_t tag;
	int32_t index; /* NO_INDEX: free */
};

struct core {
	/* configuration, owned */
	char *node_name, *cluster_name, *host, *program;
	uint16_t dist_port, rpc_port;
	uint8_t role;
	enum core_mode conf_mode;
	bool conf_autoheal, tags_set;
	bool heal_changed; /* since this node ran last */
	uint64_t autoclean_ms;
	uint32_t heartbeat_ms, timeout_ms, members_max;
	struct core_tag *tags;
	size_t n_tags;
	/* clocks and chance */
	uint64_t now_us, now_ms, wall_ms, start_ms;
	uint64_t deadline_ms; /* as of the last input; UINT64_MAX: none */
	uint64_t armed_ms;    /* the same until it is over; 0: none */
	uint64_t timers_ms;   /* no connection, link or candidate has one before this */
	bool timers_moved;    /* it is to be made anew: one may have come that is earlier */
	struct rng rng;
	/* who I am */
	struct id128 node_id;
	struct wire_identity identity;
	struct wire_identity absorbed[ABSORBED_MAX];
	size_t n_absorbed;
	uint64_t incarnation, session, seq;
	struct settings settings;
	bool paused;
	uint64_t voters;  /* the set in which I count: I ran with a quorum of it; 0: none */
	uint64_t look_ms; /* when it looks for others; 0: not */
	uint64_t
		coreless_ms; /* a replica: since when it sees no core running; 0: it sees one */
	uint64_t vote_ms; /* when I may count if it goes on like this; 0: not yet, or already */
	enum core_apart apart;
	char apart_by[NODE_NAME_MAX + 1];
	uint64_t joined_ms;
	uint64_t generation; /* of the data that is this member's */
	struct core_data data;
	bool started; /* the incarnation is on disk */
	bool ready, stopping, store_failed;
	bool agreed; /* somebody had the same digest since I came to this cluster: I know all of it */
	uint8_t jumps;     /* past newer versions of my own record */
	uint8_t own_state; /* enum wire_member_state */
	/* members: 0 is me */
	struct member **member;
	size_t n, cap;
	struct slot *slot; /* open addressing, id → index */
	size_t n_slots;
	uint64_t bucket[WIRE_BUCKETS];
	size_t n_departed; /* of the members, here to be told and talked to */
	int32_t *vacant;   /* members' places that are free */
	size_t n_vacant, vacant_cap;
	struct grave *grave; /* the departed that are only remembered */
	size_t n_graves, graves_cap;
	int32_t *grave_slot; /* open addressing, id → index */
	size_t n_grave_slots;
	uint64_t bury_ms; /* 0, or when to look whom nobody needs any more */
	uint64_t ran_ms;  /* before this start */
	/* connections */
	struct conn **conn;
	size_t n_conns, conns_cap;
	uint32_t next_conn;
	/* effects */
	struct core_fx *fx;
	size_t fx_head, fx_n, fx_cap;
	/* disk */
	struct batch *batch, *batches; /* being filled; on the way */
	uint64_t persist_seq;
	struct waiter *waiter;
	size_t n_waiters, waiters_cap;
	uint64_t persist_retry_ms;
	bool members_dirty, self_dirty;
	bool rewrite; /* a write failed: everything is written again once the disk may be tried */
	/* own record */
	bool record_dirty;
	uint64_t publish_ms, publish_gap_ms, published_ms;
	uint64_t tidy_ms;       /* 0, or by when the record tells what nobody waits for */
	uint64_t drop_round_ms; /* when unwanted links are proposed to be dropped */
	size_t n_retired;       /* links that may be: the next record looks */
	/* view */
	bool view_dirty, plan_dirty, mesh, quorum;
	bool namesake;       /* somebody else had this node's name once */
	bool edges_dirty;    /* others' edges changed; who runs may be as before */
	bool replicas;       /* some member is, or was, one */
	bool unmet;          /* a replica's record lists, or did, whom I don't know */
	bool all_vote;       /* no voter is left: every core counts */
	uint64_t voters_now; /* the set that counts */
	uint32_t mark, tree, n_running, n_voters, n_voters_running;
	uint32_t n_untold, n_unannounced;    /* unannounced: running and announced differ */
	uint32_t n_stopped_cores, n_watched; /* watched: stopped, or with a watch to be reset */
	uint64_t plan_ms, expire_ms;         /* expire: the next of members' deadlines */
	uint64_t restarts_until_ms;          /* no restart that was announced lasts longer */
	uint64_t old_sessions_until_ms;      /* no session of before a restart counts longer */
	int32_t orphan[16]; /* whose branch in the view's tree goes with this change */
	unsigned n_orphans;
	int32_t *queue;
	size_t queue_cap;
	uint32_t *marks; /* the last search that came to each member */
	struct ways *ways;
	size_t marks_cap;
	int32_t *
		near; /* members whom the last plan wanted, did before, or holds something against */
	size_t n_near, near_cap;
	int32_t *wide; /* scratch: all ways from one member */
	size_t wide_cap;
	int32_t *
		edged; /* members with an own edge in any state; those without are weeded out at each tick */
	size_t n_edged, edged_cap;
	uint64_t view_ms; /* when the view was made last */
	/* falls and holds */
	uint64_t silent_ms; /* when the last listed link went by a time-out */
	uint64_t fall_ms, hold_ms, keep_view_until_ms;
	unsigned falls;
	uint64_t stalls, stall_ms_max, stalled_ms; /* stalled: when the last stall ended */
	bool split; /* members were lost at once and not by their own word */
	bool waiting_heal, heal_once;
	bool side_chosen; /* since the start somebody else was seen running */
	/* reaching out */
	uint64_t reach_ms, burst_next_ms;
	bool burst_on, suspecting; /* suspecting: half of my links are silent */
	struct candidate *cand;
	size_t n_cands, cands_cap;
	/* operations */
	struct join join;
	struct standing next; /* being written by a join or a leave */
	uint64_t clone_since_ms;
	struct leave leave;
	struct admitted admitted[ADMITTED_MAX];
	size_t n_admitted;
	struct core_command
		waiting[WAITING_MAX]; /* for the start to be on disk, or for quorum */
	size_t n_waiting;
	uint64_t judge_ms; /* 0, or when removals that wait are judged at the latest */
	struct check check[8];
	struct ban ban[BANS_MAX];
	size_t n_bans;
	uint64_t watched_ms, saved_ms;
	uint64_t name_poll_ms; /* when to try again */
	bool name_refused_before;
	/* who called while it stood apart for its name; port 0: nobody */
	char caller_host[NODE_HOST_MAX + 1];
	uint16_t caller_port;
	uint32_t stop_request;
	bool stop_wanted;
	uint64_t stop_deadline_ms;
	uint64_t restart_announced_ms;
	struct msg_arena arena, body_arena; /* of the frame, of a body inside it */
	struct core_counters counters;
	struct member **sorted; /* for core_member_at() */
	size_t n_sorted;
};

/* --- effect.c --- */
struct core_fx *fx_add(struct core *c, enum core_fx_kind kind);
void fx_event(struct core *c, enum core_event_kind kind, const struct member *m,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void fx_event_for(struct core *c, enum core_event_kind kind, const char *name,
	const struct id128 *id, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void fx_reply(struct core *c, uint32_t request, enum core_code code, const char *name,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void fx_view(struct core *c);

/* --- command.c --- */
void command_drop(struct core_command *cmd);
/* False: too many wait already. */
bool command_keep(struct core *c, const struct core_command *cmd);
void commands_release(struct core *c); /* those that waited */

/* --- core.c --- */
/* Recomputes what is dirty: own record, view, plan. At the end of every input. */
void settle(struct core *c);
/* The same after what was only flooded, the most there is: what has moved a timer has said so. */
void settle_flood(struct core *c);
/* Notes the deadline that the shell is going to arm: a later look at the clock tells a stall by it. Part of settle(). */
void deadline_arm(struct core *c);
static inline struct member *self(const struct core *c)
{
	return c->member[0];
}
static inline bool due(const struct core *c, uint64_t at_ms)
{
	return at_ms != 0 && at_ms <= c->now_ms;
}

/*
 * The member at i, of a pass over all of them in order. In a large cluster each is somewhere else in memory, and such a
 * pass is little but waiting: what comes some members later is sent for now.
 */
static inline struct member *member_pass(const struct core *c, size_t i)
{
	enum { AHEAD = 12, LINE = 64 };

	if (i + AHEAD < c->n) {
		const char *later = (const char *)c->member[i + AHEAD];

		__builtin_prefetch(later);
		__builtin_prefetch(later + LINE);
	}
	return c->member[i];
}
bool identity_less(const struct wire_identity *a, const struct wire_identity *b);
bool identity_same(const struct wire_identity *a, const struct wire_identity *b);

/* --- settings.c --- */
void settings_take(struct core *c, const struct wire_settings *s, struct conn *from);
void settings_set(struct core *c, bool mode_auto, bool autoheal);
void identity_take(struct core *c, const struct wire_identity *i, struct conn *from);
/* Whatever its own was: for a replica, which merges nothing. */
void identity_adopt(struct core *c, const struct wire_identity *i);
bool single(const struct core *c); /* no other member */

/* --- view.c --- */
void view_update(struct core *c);
/* Would everybody whom I reach still be reached without the edge to `without` (NO_INDEX: none) / without passing me? */
bool reaches_without_edge(struct core *c, int32_t peer);
bool connected_without_me(struct core *c);
/* Old sessions and restart deadlines that are over. */
void view_expire(struct core *c);
void expire_at(struct core *c, uint64_t at_ms);
bool any_restarts(const struct core *c);

/* --- half_edge.c --- */
void edges_resolve(struct core *c, int32_t index);
/* The member has a new list; old is what it listed before. Anew: by another process, or there was no record to be read. */
void edges_replaced(struct core *c, int32_t index, struct half_edge *old, size_t n_old,
	bool anew);
void own_edges_refresh(struct core *c);
/* What m lists of the member with this id, or NULL. */
struct half_edge *edge_half(const struct member *m, const struct id128 *id);
uint64_t link_session(const struct core *c, const struct member *m); /* as my record names it */
/* Does m's record list, and not refuse, the process with this session? */
bool lists_session(const struct member *m, const struct id128 *id, uint64_t session);
/* The member's first record is here; those of replicas may have listed it before. */
void edges_met(struct core *c, int32_t index);
void ways_clear(struct core *c, size_t from); /* the members that had these places are gone */
bool passes(const struct core *c, const struct member *m); /* may a path lead through it? */

/* --- quorum.c --- */
/* The set of voters that begins with this cluster. */
uint64_t voters_of(const struct wire_identity *i);
/* Which set counts, and so who does, as all records say now. */
void voters_choose(struct core *c);
void members_count(struct core *c);
/* Whether enough of them run, and whether I count from now on. */
void quorum_update(struct core *c);
bool quorum_without(const struct core *c, const struct member *absent);
/* The same for removals: who was removed without quorum still counts, or a minority could remove the rest one by one. */
bool quorum_to_remove(const struct core *c, const struct member *absent);
/* Who runs, or who of them counts, will be known in a moment. */
bool quorum_soon(const struct core *c);

/* --- ring.c --- */
void ring_hashes(struct member *m);
void neighbours_update(struct core *c); /* sets wanted */
/* Whom a dial in need leads to is wanted for a while. */
void want_for_now(struct core *c, int32_t index);

#endif
