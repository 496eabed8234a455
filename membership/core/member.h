#ifndef MEMBERSHIP_CORE_MEMBER_H
#define MEMBERSHIP_CORE_MEMBER_H
/* Members, their ends of edges, and what is left of those that departed. */
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "membership/core/core.h"
#include "membership/core/limits.h"
#include "membership/core/mutants.h"

struct core;
struct conn;
struct waiter;

struct version {
	uint64_t incarnation, session, seq;
};

/* One end of an edge as its record lists it. */
struct half_edge {
	struct id128 id;
	uint64_t session;
	int32_t peer; /* index of the member, NO_INDEX while unknown */
	uint8_t flags;
	bool mutual;  /* usable: see half_edge.c, stands() */
	bool implied; /* of a core: its record says nothing of the replica, which lists it */
};

enum edge_state {
	EDGE_NONE,
	EDGE_LIVE,
	EDGE_REDIAL,    /* lost by EOF or RST, the redial undecided: still listed */
	EDGE_SUSPENDED, /* no new echo for a time-out: not listed, not closed */
};

/* My own end of an edge. */
struct own_edge {
	enum edge_state state;
	uint32_t conn;        /* 0: none (REDIAL) */
	uint64_t session;     /* of the peer */
	uint64_t since_ms;    /* up, or sound again, since */
	uint64_t hold_ms;     /* not listed before since + hold */
	uint64_t deadline_ms; /* REDIAL: decided by then; SUSPENDED: closed by then */
	uint64_t redial_ms;   /* when to try again */
	bool proven; /* I completed a connection to its listener while this edge lived */
	bool listed;
	bool by_timeout;    /* how it was lost last */
	bool data_failed;   /* the peer's RPC port can't be reached */
	uint8_t said;       /* of it in my last record, as link_entry() tells it */
	uint64_t probe_ms;  /* next probe of its listener (accepting end) */
	uint64_t drop_ms;   /* 0, or when to propose to drop it */
	bool retired;       /* both ends agreed to drop it: goes with the next record */
	uint64_t let_go_ms; /* until then the other end may close it, as agreed */
	int64_t rtt_us;
};

struct member {
	/* what each view looks at, close together */
	struct id128 id;
	struct half_edge *edge;
	size_t n_edges;
	uint64_t restart_deadline_ms;
	uint8_t role, state;
	bool named;    /* its name is not empty */
	bool departed; /* and not void */
	bool has_record, unreadable;
	bool said_stopping;      /* its record does, and not only its bye */
	bool running, announced; /* announced: what events said last */
	bool voter;              /* counts for quorum: its set is the one that does */
	bool wanted, was_wanted; /* as a neighbour; was: by the plan before */
	bool turned;             /* the last view changed running */
	uint64_t voters;         /* the set in which it says that it counts; 0: none */
	uint64_t want_until_ms, unlinkable_until_ms;
	uint64_t watch_ms; /* how long I watched it stopped, with quorum */
	uint64_t ring[RINGS];
	/* its record */
	bool met; /* events spoke of it, or it was known from the start */
	struct version ver;
	uint8_t *body;
	uint32_t body_n;
	uint64_t body_hash, digest;
	struct id128 node_id;
	char *name, *host, *program; /* never NULL */
	uint16_t dist_port, rpc_port;
	uint32_t hold_ms; /* how long it lets a new link wait */
	uint64_t joined_ms, started_ms;
	uint64_t old_session, old_session_until_ms;
	struct core_tag *tags;
	size_t n_tags;
	/* its departure */
	bool has_entry;
	bool departing;             /* my word of it is on its way to the disk */
	struct wire_departed entry; /* spans point at owned copies */
	uint64_t kept_ran_ms;       /* how long this node had run when it heard of it */
	/* my view of it */
	bool heard; /* seen running by this process */
	uint64_t since_wall_ms, down_session;
	/* my dealings with it */
	struct own_edge link;
	uint64_t wanted_since_ms, next_dial_ms, lost_ms;
	uint64_t burst_ms;
	uint64_t refused_until_ms; /* it closed our link and said to stay away */
	uint32_t dialing;          /* connection being dialled to it */
	uint8_t tries, burst_left;
	bool told_me;                    /* of my own departure */
	bool persisted;                  /* as it is now */
	uint64_t vector_hash, data_hash; /* of its last heartbeat */
	uint32_t tree, hops; /* of the last search from a root of the data's trees */
	char last_error[128];
};

/* A departed id whose details nobody needs any more. */
struct grave {
	struct id128 id;
	uint64_t when_ms; /* as in its entry: the cap forgets the oldest */
	uint8_t reason, flags;
};

/* A set of indices. */
struct bits {
	uint64_t *word;
	size_t n_words, n;
};

/* --- table.c --- */
struct member *member_find(const struct core *c, const struct id128 *id);
int32_t member_index(const struct core *c, const struct id128 *id); /* or NO_INDEX */
/* Adds an empty member when there is none. */
int32_t member_intern(struct core *c, const struct id128 *id);
/* not_node: a node's former members, still shown for a moment, are not in its own way. NULL: any. */
struct member *member_by_name(const struct core *c, const char *name, bool running_only,
	const struct id128 *not_node);
/* Frees the place of a member that nothing but edges of records refers to. */
void member_vacate(struct core *c, int32_t index);
size_t members_live(const struct core *c); /* not departed, self included */
void bits_set(struct bits *b, size_t index);
void bits_clear(struct bits *b, size_t index);
bool bits_has(const struct bits *b, size_t index);
void bits_free(struct bits *b);
void members_clear(struct core *c); /* all of them; self is made anew by the caller */
void member_digest(struct core *c,
	struct member *m); /* after anything that the digest covers changed */
uint64_t digest_total(const struct core *c);
void set_text(char **dst, struct msg_span s);
void member_name(struct core *c, struct member *m, struct msg_span name);
bool is_member(
	const struct member *m); /* has a record or is known from disk, and did not depart */
bool member_older(const struct member *a, const struct member *b); /* joined before it */

/* --- record.c --- */
int version_cmp(const struct version *a, const struct version *b);
/* My own, one sequence number on. False: it would say what the last one does, which stays. */
bool record_build(struct core *c);
/* Takes a record in. 1: newer, taken; 0: old or equal; -1: refused. */
int record_take(struct core *c, const struct wire_record *r, struct conn *from);
void record_forget(struct core *c, int32_t index); /* of one that departed */
void tags_copy(struct core_tag **dst, size_t *n_dst, const struct core_tag *src, size_t n);
void tags_free(struct core_tag *tags, size_t n);
void record_touch(struct core *c, bool urgent);
/* At the latest so many ms after the last change. */
void record_within(struct core *c, uint64_t gap_ms);
/* What nobody waits for: told within so many ms, or with the next change. */
void record_tidy(struct core *c, uint64_t within_ms);
/* A link may be none: told as fast as a loss, should it still be so by then. */
void record_tidy_loss(struct core *c);
void record_publish_tick(struct core *c);
uint64_t publish_deadline(const struct core *c);

/* --- departed.c --- */
void entry_copy(struct wire_departed *dst, const struct wire_departed *src);
void entry_free(struct wire_departed *e);
/* Merges an entry that is on disk or came from a peer, floods and persists it. from NULL: our own word. */
void departed_take(struct core *c, const struct wire_departed *e, struct conn *from);
/* My word that m is gone: taken and flooded once it is on disk. The waiter's request, 0 so far, is answered then. */
struct waiter *depart(struct core *c, struct member *m, enum wire_reason reason, uint32_t flags,
	uint64_t ban_ms);
/* Whether what we have of e's member is already as strong. */
bool departed_known(const struct core *c, const struct wire_departed *e);
uint32_t entry_rank(const struct wire_departed *e); /* as in struct wire_version */
uint32_t departed_rank(const struct member *m);     /* 0: no entry */
void departed_apply_stored(struct core *c, const struct wire_departed *e, uint64_t kept_ran_ms);
/* Whether all that is to be said of it is that it departed. */
bool departed_bare(const struct wire_departed *e);
/* A fixed order of entries for one id: > 0, a is the stronger. */
int entry_cmp(const struct wire_departed *a, const struct wire_departed *b);

/*
 * Removed without quorum, by me or linked with me within the last day: it is still looked for, to be told, and to say what it
 * knows: it may have removed me as well, and then nobody else would look.
 */
bool untold(const struct core *c, const struct member *m);

/* --- grave.c --- */
const struct grave *grave_find(const struct core *c, const struct id128 *id);
struct wire_departed grave_entry(const struct grave *g);
/* Remembers a departed id, or that its entry is a stronger one, on disk too. Returns its index. */
int32_t grave_put(struct core *c, const struct wire_departed *e);
void grave_apply_stored(struct core *c, const struct wire_departed *e);
void graves_clear(struct core *c);
/* At the cap: forgets the oldest, by the author's clock, then id, on which all agree. False: e is it, or it is in use. */
bool grave_forget_older(struct core *c, const struct wire_departed *e);
/* It calls: for as long as the connection lasts it is a departed member again, to be told. */
void grave_rise(struct core *c, const struct id128 *id);
/* Buries whom nobody needs any more. */
void bury_tick(struct core *c);
void bury_soon(struct core *c);
uint64_t ran_ms(const struct core *c); /* how long this node has run, over all its starts */

#endif
