#ifndef MEMBERSHIP_CORE_OPERATION_H
#define MEMBERSHIP_CORE_OPERATION_H
/* What takes several steps: joining, leaving, cleaning, checking, and what is on its way to the disk. */
#include "membership/core/conn.h"

struct batch { /* one transaction on its way to the disk */
	uint64_t seq;
	struct core_write *write;
	size_t n, cap;
	struct buf bytes; /* of them all */
	struct batch *next;
};

enum wait_kind {
	WAIT_START,
	WAIT_JOIN_SWAP,
	WAIT_LEAVE,
	WAIT_CLEAR,
	WAIT_DEPART,
	WAIT_SELF,
	WAIT_MEMBERS,
	WAIT_COMMAND
};

struct waiter {
	uint64_t seq;
	enum wait_kind kind;
	uint32_t request;
	struct wire_departed entry; /* WAIT_DEPART: owned spans */
};

enum join_phase { JOIN_NONE, JOIN_DIAL, JOIN_COPY, JOIN_COMMIT, JOIN_SWAP, JOIN_SETTLE };

struct join {
	enum join_phase phase;
	bool by_command; /* else by discovery */
	bool no_backup;
	uint32_t request, conn;
	uint32_t job; /* 0: nothing is being copied or staged */
	uint64_t generation;
	struct node_addr target;
	struct id128 staged_id, x_id;
	struct wire_identity x_identity;
	uint64_t deadline_ms;
	char x_name[NODE_NAME_MAX + 1];
};

enum leave_phase {
	LEAVE_NONE,
	LEAVE_HANDOVER,
	LEAVE_TRANSIT,
	LEAVE_PERSIST,
	LEAVE_ACK,
	LEAVE_CLEAR,
	LEAVE_COVER
};

struct leave {
	enum leave_phase phase;
	enum wire_reason reason; /* LEFT, or NAME; for COVER what the entry says */
	bool has_request;
	bool force; /* leaves even when nobody takes its data */
	bool keep;  /* the data stays here all the same */
	uint32_t request;
	uint32_t job;    /* of the hand-over that is under way */
	struct id128 to; /* COVER: who told it */
	uint64_t deadline_ms, tell_ms;
	struct wire_departed entry; /* COVER: our own; owned spans */
	char text[256];             /* what the operator is to know of it */
};

struct admitted {
	struct id128 staged_id, node_id;
	char name[NODE_NAME_MAX + 1];
	uint64_t until_ms;
};

struct ban {
	struct id128 node_id;
	uint64_t left_ms;
};

struct check {
	uint32_t request, conn;
	uint64_t started_ms;
	enum core_stage stage;
	struct node_addr target;
};

struct settings {
	uint64_t counter;
	struct id128 by;
	bool mode_auto, autoheal;
};

/* A member that a joiner begins with, so that it can be dialled whatever happens to the link to who admitted it. */
struct first_member {
	struct id128 id, node_id;
	char name[NODE_NAME_MAX + 1], host[NODE_HOST_MAX + 1];
	uint16_t dist_port, rpc_port;
};

/* What changes as a whole when a node joins, leaves or is made fresh: in one transaction on disk, then in memory. */
struct standing {
	struct id128 member_id;
	struct wire_identity identity;
	struct settings settings;
	bool paused;
	uint64_t voters; /* 0: it counts in none yet */
	enum core_apart apart;
	char apart_by[NODE_NAME_MAX + 1];
	uint64_t joined_ms;
	uint64_t generation;                           /* of the data */
	struct first_member first[1 + WIRE_FIRST_MAX]; /* who admitted it, and others */
	size_t n_first;
};

/* --- join.c --- */
void join_start(struct core *c, const struct node_addr *target, bool by_command,
	uint32_t request);
void join_fail(struct core *c, enum core_code code, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void join_on_hello(struct core *c, struct conn *k);
void join_on_bye(struct core *c, struct conn *k, const struct wire_bye *b);
void join_conn_lost(struct core *c, struct conn *k, enum core_loss loss, const char *text);
void on_commit(struct core *c, struct conn *k, const struct wire_commit *m);
void on_admit(struct core *c, struct conn *k, const struct wire_admit *m);
void on_joined(struct core *c, struct conn *k, const struct wire_joined *m);
void join_swapped(struct core *c, int error);
void join_tick(struct core *c);
uint64_t join_deadline(const struct core *c);
bool admitted_find(const struct core *c, const struct id128 *id);
/* Somebody whom we have just admitted is swapping: we stay where it will look for us. */
bool admitting(const struct core *c);
enum core_code code_of_bye(uint32_t code);

/* --- first.c --- */
/* Running cores for a joiner to begin with besides me; borrowed until anything changes. */
size_t first_list(const struct core *c, struct wire_first out[WIRE_FIRST_MAX]);
/* Begins with who admitted us, k's other end, and with whom it names. */
void first_note(struct standing *s, const struct conn *k, const struct wire_admit *m);
void first_put(struct core *c, const struct standing *s);
void first_take(struct core *c, const struct standing *s);

/* --- leave.c --- */
void leave_start(struct core *c, uint32_t request, bool force);
void leave_for_name(struct core *c);
void leave_tell(struct core *c, struct conn *k);
void leave_persisted(struct core *c, int error);
void leave_cleared(struct core *c, int error);
void leave_tick(struct core *c);
uint64_t leave_deadline(const struct core *c);
void own_departure(struct core *c, const struct wire_departed *e, struct conn *from);
void on_depart_ack(struct core *c, struct conn *k, const struct wire_depart_ack *m);

/* --- remove.c --- */
void removals_tick(struct core *c);
uint64_t removals_deadline(const struct core *c);
void force_leave(struct core *c, const struct core_command *cmd, enum wire_reason reason);
void depart_persisted(struct core *c, struct waiter *w, int error);

/* --- stop.c --- */
void stop_start(struct core *c, uint32_t request, bool restarting);
void stop_tick(struct core *c);

/* --- standing.c --- */
void standing_fresh(struct core *c, struct standing *s, enum core_apart apart, const char *by);
/* Writes s in place of everything that is stored of the present cluster; the waiter fires when it is on disk. */
void standing_persist(struct core *c, const struct standing *s, enum wait_kind kind);
/* The other generation of the data that s came with: told once it is on disk. */
void standing_data(struct core *c, const struct standing *s);
/* Takes s on in memory: a table with nobody but me. Connections are the caller's business. */
void standing_take(struct core *c, const struct standing *s);
/* Ends every connection but one (NULL: none). */
void goodbye(struct core *c, const struct conn *except, enum wire_bye_code code,
	const char *text);

/* --- names.c --- */
void names_check(struct core *c); /* two with one name */
/*
 * Whom an operator means by a name, or a member id in its place: of two with one name the stopped one. When there is another
 * just like it, that is *other.
 */
struct member *member_meant(const struct core *c, const char *name, struct member **other);
/* sure: the other process is known to be alive. */
void clone_met(struct core *c, bool sure, const char *where);
void names_tick(struct core *c);
void name_refused(struct core *c, const char *name);
void name_wait(struct core *c); /* standing apart for it: when to try again */
/* Refuses k for the while: whom it may call back when the name is free. */
void name_caller(struct core *c, const struct conn *k);
void replaced_check(struct core *c, struct conn *k);

/* --- clean.c --- */
void clean_tick(struct core *c);
uint64_t clean_deadline(const struct core *c);
void ban_add(struct core *c, const struct id128 *node_id, uint64_t left_ms);
bool banned(const struct core *c, const struct id128 *node_id);

/* --- check.c --- */
void check_start(struct core *c, const struct core_command *cmd);
void check_stage(struct core *c, struct conn *k);
void check_hello(struct core *c, struct conn *k, const struct judgement *j);
void check_lost(struct core *c, struct conn *k, enum core_loss loss, const char *text);

/* --- state_load.c --- */
int state_load(struct core *c, const struct core_kv *kv, size_t n, char *err, size_t cap);

/* --- state.c --- */
void state_put_meta(struct core *c);
void state_put_self(struct core *c);
void state_put_standing(struct core *c, const struct standing *s);
void state_put_member(struct core *c, const struct member *m);
void state_del_member(struct core *c, const struct id128 *id);
void state_put_departed(struct core *c, const struct wire_departed *e);
void state_del_departed(struct core *c, const struct id128 *id);
void state_put_ban(struct core *c, const struct ban *b); /* nothing left: deletes it */
/* Sends what was put as one transaction; returns its number. */
uint64_t persist_commit(struct core *c);
/* The number of the transaction after which all that was put so far is on disk. */
uint64_t persist_last(const struct core *c);
/* A new standing is on its way to the disk: nothing of the old one may be written behind it. */
bool swapping(const struct core *c);
struct waiter *persist_wait(struct core *c, uint64_t seq, enum wait_kind kind);
void persist_tick(struct core *c);
void persist_batch_free(struct batch *b);

#endif
