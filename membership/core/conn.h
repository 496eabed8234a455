#ifndef MEMBERSHIP_CORE_CONN_H
#define MEMBERSHIP_CORE_CONN_H
/* Connections to others: whom to dial, what to say, and when a link is lost. */
#include "membership/core/member.h"

enum conn_phase {
	CONN_DIALING,     /* resolve, connect, TLS */
	CONN_HELLO,       /* waiting for its hello */
	CONN_WELCOME,     /* hello judged well, waiting for its welcome */
	CONN_CONDITIONAL, /* as above, but other cluster: only if it knows me */
	CONN_UP,
	CONN_NOTICE,  /* one of us departed: only the notice and cover pass */
	CONN_JOINER,  /* acceptor: a joiner before its COMMIT and swap */
	CONN_JOINING, /* dialler: our own join */
	CONN_CLOSING,
};

enum conn_purpose { FOR_LINK, FOR_CANDIDATE, FOR_PROBE, FOR_JOIN, FOR_CHECK };

enum { RTT_SLOTS = 8 };

struct conn {
	uint32_t id;
	enum conn_phase phase;
	enum conn_purpose purpose;
	enum core_stage stage;
	bool dialed, wake_queued, hello_sent, peer_known, said_bye;
	bool astray;    /* dialled for a member, and another one answers there */
	int32_t target; /* member that I dialled, NO_INDEX */
	int32_t peer;   /* member at the other end, NO_INDEX before hello */
	char host[NODE_HOST_MAX + 1];
	uint16_t port;
	uint64_t deadline_ms; /* of the phase; 0: none */
	struct buf out;       /* hello, welcome, bye, control: before everything else */
	struct buf early;     /* a hello that came before this node's incarnation was on disk */
	/* its hello */
	uint64_t nonce, held_nonce;
	struct id128 peer_id, peer_node_id;
	struct wire_identity peer_identity;
	struct version peer_ver;
	uint32_t peer_flags, peer_role, proto_lo, proto_hi;
	bool other_cluster_name;
	bool peer_company; /* it sees others running */
	uint16_t peer_rpc_port, peer_dist_port;
	char peer_name[NODE_NAME_MAX + 1], peer_host[NODE_HOST_MAX + 1];
	bool supersedes; /* the other end does not hold our older link any more */
	/* liveness */
	uint32_t heartbeat_ms, timeout_ms;
	uint64_t ping_ms; /* next */
	bool ping_wanted;
	uint64_t ping_seq, sent_us[RTT_SLOTS];
	uint64_t got_seq, got_us, echoed;
	uint64_t echo_ms; /* when the last new echo came */
	int64_t rtt_us;
	/* flooding */
	struct bits dirty, dirty_graves; /* over members, graves */
	uint64_t state_ms;               /* no state frame before */
	bool send_settings, send_identity, send_ranges;
	uint64_t summary_buckets; /* still to be sent, a bit each */
	uint64_t answer_buckets;  /* of these, those that answer a summary */
	struct id128 summary_from;
	uint64_t equal_ms; /* last equal digest, or last exchange */
	/* closing by agreement */
	bool drop_proposed, drop_agreed; /* by me; to the other end's proposal */
	bool ack_departed; /* its departure is to be acknowledged once it is on disk */
	uint64_t ack_seq;
};

struct candidate {
	struct node_addr addr;
	char dial_host[NODE_HOST_MAX + 1];
	uint16_t port;
	char strategy[16];
	uint64_t next_ms, backoff_ms, self_until_ms;
	size_t met; /* the place of the member that it led to last; 0: none */
	uint32_t conn;
};

/* --- conn.c --- */
struct conn *conn_find(const struct core *c, uint32_t id);
struct conn *conn_new(struct core *c);
struct conn *conn_dial(struct core *c, enum conn_purpose purpose, const char *host,
	uint16_t port);
void conn_wake(struct core *c, struct conn *k);
void conn_send(struct core *c, struct conn *k, enum wire_type type, const void *msg);
void conn_close(struct core *c, struct conn *k, bool linger);
void conn_bye(struct core *c, struct conn *k, enum wire_bye_code code, enum wire_class retry,
	const char *name, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void conn_tick(struct core *c, struct conn *k);
uint64_t conn_deadline(const struct core *c, const struct conn *k);
void conn_gone(struct core *c, struct conn *k); /* forget it, no effects */
void conns_started(struct core *c);             /* judges the hellos that came early */
bool conn_live(const struct core *c,
	const struct conn *k); /* up, with an echo younger than the time-out */

/* --- ping.c --- */
void ping_put(struct core *c, struct conn *k);
/* The first beat after ms of what beats so often. */
uint64_t beat_after(const struct core *c, uint64_t ms, uint32_t heartbeat_ms);
uint64_t ping_next(const struct core *c, const struct conn *k);
void on_ping(struct core *c, struct conn *k, const struct wire_ping *p);

/* --- hello.c --- */
void hello_send(struct core *c, struct conn *k);
void on_hello(struct core *c, struct conn *k, const struct wire_hello *h);
void on_welcome(struct core *c, struct conn *k, const struct wire_welcome *w);
void conn_up(struct core *c, struct conn *k);
bool heal_is_asked(const struct core *c,
	const struct conn *k); /* sides wait for the operator */

/* --- judge.c --- */
enum verdict {
	JUDGE_ACCEPT,
	JUDGE_CONDITIONAL,
	JUDGE_REFUSE,
	JUDGE_NOTICE,
	JUDGE_ANSWER,
	JUDGE_JOINER
};
struct judgement {
	enum verdict verdict;
	enum wire_bye_code code;
	enum wire_class retry;
	char name[NODE_NAME_MAX + 1];
	char text[WIRE_TEXT_MAX];
};
void judge(struct core *c, const struct conn *k, struct judgement *j);

/* --- bye.c --- */
/* As it was judged: says hello first where that is due, then why not, and closes. */
void conn_refuse(struct core *c, struct conn *k, const struct judgement *j);
void on_bye(struct core *c, struct conn *k, const struct wire_bye *b);

/* --- edge.c --- */
void edge_up(struct core *c, struct member *m, struct conn *k);
void edge_lost(struct core *c, struct member *m, bool by_timeout, const char *why);
void edge_conn_lost(struct core *c, struct member *m, struct conn *k, enum core_loss loss,
	const char *text);
/* The other end keeps its twin, which is up over there and will be here in a moment: no younger link, where it is held. */
void edge_superseded(struct core *c, struct member *m, struct conn *k, const char *text);
/* The other end closed it as agreed. */
void edge_unwanted(struct core *c, struct member *m);
void edge_redial_failed(struct core *c, struct member *m, enum core_loss loss,
	const char *text);
void edge_tick(struct core *c, struct member *m);
void edges_tick(struct core *c);
uint64_t edge_deadline(const struct core *c, const struct member *m);
void edge_echo(struct core *c, struct member *m);
/* In a large cluster, and with links enough that one more can wait. */
bool links_to_spare(const struct core *c);
/* Both ends have enough others, so that nobody waits to hear of it. */
bool edge_spare(const struct core *c, const struct member *m);
void fall(struct core *c, const char *why);
uint64_t own_hold(const struct core *c); /* after falls; 0: none */
void self_stalled(struct core *c, uint64_t ms);
/* My record is about to be made: links that both ends agreed to drop are closed if they still can be. */
void edges_retire(struct core *c);
void drop_tick(struct core *c, struct member *m);
void on_drop(struct core *c, struct conn *k, const struct wire_drop *d);

/* --- listing.c --- */
/* Usable by me: my record lists it, or does not refuse it where the other is a replica. */
bool edge_counts(const struct core *c, const struct member *m);
/* What my record is to say of a member: LINK_ENTRY and the flags of its link; 0: nothing. */
enum { LINK_ENTRY = 128 };
uint8_t link_entry(const struct core *c, const struct member *m);
/* All of it, sorted, of WIRE_LINKS_MAX at most. Returns their number. */
size_t own_links(struct core *c, struct wire_link *out);
void edged_add(struct core *c, int32_t index);
/* A link in any state, or a word of it in my record, or one that is to come there. */
bool edge_in_use(const struct core *c, const struct member *m);
/* What my record is to say of it may be something else than before. A loss is told sooner than all else. */
void edge_tell(struct core *c, const struct member *m, bool loss);
/* Its record is here. */
void edge_reviewed(struct core *c, int32_t index);

/* --- dial.c --- */
void plan(struct core *c); /* wanted links, dials, drops */
uint64_t plan_deadline(const struct core *c);
void dial_failed(struct core *c, struct conn *k, enum core_loss loss, const char *text);
void dial_refused(struct core *c, struct conn *k, enum wire_class retry, const char *text);
void burst(struct core *c);
void suspect_update(struct core *c);
void dial_member(struct core *c, struct member *m);
/* Starting with autoheal off, and another connection than `by` has come first. */
bool side_taken(const struct core *c, const struct conn *by);

/* --- candidate.c --- */
void candidates_tick(struct core *c);
uint64_t candidates_deadline(const struct core *c);
void candidate_result(struct core *c, struct conn *k, bool ok, enum wire_class retry,
	bool is_self);
void candidates_free(struct core *c, const char *strategy);
void candidates_unblock(struct core *c);
struct judgement;
bool candidate_joins(struct core *c, const struct conn *k, const struct judgement *j);

/* --- flood.c --- */
void flood(struct core *c, int32_t index, const struct conn *except);
/* A grave to all links but one. */
void flood_grave(struct core *c, int32_t index, const struct conn *except);
void flood_settings(struct core *c, const struct conn *except);
void flood_identity(struct core *c, const struct conn *except);
void flood_all_to(struct core *c, struct conn *k);
void flood_to(struct core *c, struct conn *k, int32_t index);
void flood_start(struct core *c, struct conn *k, uint64_t their_digest);
bool flood_pending(const struct core *c, const struct conn *k);
size_t flood_pull(struct core *c, struct conn *k, struct buf *out, size_t cap);
void on_state(struct core *c, struct conn *k, const struct wire_state *s);
void on_ranges(struct core *c, struct conn *k, const struct wire_ranges *r);
void on_summary(struct core *c, struct conn *k, const struct wire_summary *s);
void notice_send(struct core *c, struct conn *k, const struct member *m);

#endif
