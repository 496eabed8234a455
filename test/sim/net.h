#ifndef TEST_SIM_NET_H
#define TEST_SIM_NET_H
/*
 * TCP connections between hosts, with a TLS handshake on top: as streams that stall, not as lines that delay.
 *
 * A direction delivers its segments in order; one that is lost holds up all behind it and is sent again after 0.2 s,
 * doubling. Without an acknowledgement (the way back is cut) nothing new is sent after the first time-out. A process that
 * dies has its sockets closed by the kernel; a host that dies says nothing; what arrives for a socket that is gone is
 * answered with a reset. A host whose process is asleep (stopped, or dead while its supervisor holds the listener) goes
 * on accepting connections into the backlog, and what is for the process waits in a list of deferred events.
 *
 * Knows hosts, not nodes or cores: everything that a process sees goes through struct net_ops. The net owns connections
 * and segments (pooled); a connection that was reported lost at an end is not to be named again by that end.
 */
#include "membership/core/core.h"
#include "test/sim/path.h"
#include "test/sim/queue.h"

enum net_event {
	NET_EV_SYN,         /* send one (again) */
	NET_EV_SYN_ARRIVES, /* at the acceptor's kernel */
	NET_EV_ESTABLISHED, /* at the dialer */
	NET_EV_FAILED,      /* the dial; x: enum core_loss */
	NET_EV_DIAL_TIMEOUT,
	NET_EV_ACCEPT_TIMEOUT,
	NET_EV_ARRIVES,  /* p: the segment */
	NET_EV_RESEND,   /* retransmission timer; who: end, gen */
	NET_EV_GIVEN_UP, /* by the kernel, which tells its process; who: end */
	NET_EV_ROOM,     /* a slow link has sent what was queued; who: end */
	NET_EV_LINGER,   /* patience with a closing end is over; who: end */
	NET_EV_N
};

enum net_end { NET_DIALER, NET_ACCEPTOR };

enum net_answer {
	NET_SILENT, /* no such host, or it is off */
	NET_REFUSE, /* nobody listens */
	NET_TAKE    /* into the backlog at least */
};

enum net_kind {
	NET_DATA,
	NET_CLIENT_HELLO,
	NET_SERVER_HELLO,
	NET_CLIENT_DONE,
	NET_FIN,
	NET_RST
};

/* Enough of what is not yet on the wire: don't pull more (TCP_NOTSENT_LOWAT). */
enum { NET_BACKLOG_BYTES = 16 * 1024, NET_PULL_BYTES = 64 * 1024 + 4 };
enum { NET_RTO_MIN_US = 200 * 1000 };

struct net_seg {
	struct net_seg *next;
	struct net_conn *conn;
	enum net_end to;
	enum net_kind kind;
	uint32_t n, cap;
	uint32_t packets; /* still to get through */
	uint8_t data[];
};

enum net_flow {
	NET_FLOWS,
	NET_AWAITS,  /* an acknowledgement is missing; more may still be sent */
	NET_STALLED, /* only the head is sent, again and again */
};

struct net_side {
	struct net_conn *conn;
	enum net_end end;
	unsigned host;
	bool open;     /* the socket exists */
	bool taken;    /* out of the backlog (the accepting end) */
	bool app;      /* its process knows of it: lost() will be called once */
	bool admitted; /* past hello (the accepting end) */
	bool lingers;  /* closed by its process, last words under way */
	bool fin_sent, starved;
	uint32_t handle; /* the owner's */
	/* what this side sends */
	enum net_flow flow;
	bool head_arrived; /* of a stalled flow: only the acknowledgement is missing */
	uint32_t timer_gen, resends;
	struct net_seg *held, *held_last; /* not sent yet, or lost and first in the queue */
	size_t held_bytes;
	uint64_t busy_until_us, last_arrival_us, rto_us;
	uint64_t since_us;            /* of a flow that doesn't flow: since when */
	struct net_side *next, *prev; /* of the host */
};

struct net_conn {
	struct net_side side[2];
	uint32_t refs; /* events that name it */
	uint16_t port;
	uint8_t syns;
	bool known_host, established, tls_done;
	bool bulk;            /* the owner's: set by who dials */
	uint64_t admitted_us; /* both ends are past hello */
	struct net_conn *next_free;
};

struct net_host {
	bool up, asleep;
	struct net_side *sides;
	struct queue_ev *deferred;
	size_t n_deferred, cap_deferred;
};

struct net_ops {
	enum net_answer (*syn)(void *ctx, unsigned host, uint16_t port);
	/* The acceptor's opinion of the dialer's proof: negative: fine, else the dialer's enum core_loss. */
	int (*proof)(void *ctx, const struct net_conn *c);
	void (*stage)(void *ctx, struct net_conn *c, enum core_stage stage);
	void (*accepted)(void *ctx, struct net_conn *c);
	void (*data)(void *ctx, struct net_conn *c, enum net_end end, const uint8_t *p,
		size_t n);
	void (*lost)(void *ctx, struct net_conn *c, enum net_end end, enum core_loss loss);
	/* Room again after net_room() said no. */
	void (*room)(void *ctx, struct net_conn *c, enum net_end end);
};

/* Memory that outlives a run. */
struct net_pool {
	struct net_conn *conns;
	struct net_seg *segs[4];
};
void net_pool_free(struct net_pool *p);

struct net {
	struct queue *queue;
	struct rng *rng;
	const uint64_t *now_us;
	struct paths paths;
	struct net_host *host;
	size_t n_hosts;
	uint64_t user_timeout_us; /* unacknowledged for so long: given up; 0: never */
	const struct net_ops *ops;
	void *ctx;
	struct net_pool *pool;
	uint64_t n_conns, n_segs, bytes; /* ever made; sent */
	size_t n_open;                   /* connections not yet freed */
};

/* --- life: net.c */
/* Borrows everything handed in; ops and ctx are set by the caller. */
void net_init(struct net *n, size_t n_hosts, struct net_pool *pool, struct queue *q,
	struct rng *r, const uint64_t *now_us);
/* Takes every event out of the queue. */
void net_free(struct net *n);
/* Handles one event of enum net_event. */
void net_event(struct net *n, const struct queue_ev *ev);

/* to: host, or ≥ n_hosts for an address where nobody is. */
struct net_conn *net_dial(struct net *n, unsigned from, unsigned to, uint16_t port,
	uint32_t timeout_ms, uint32_t handle);
bool net_room(struct net *n, struct net_conn *c, enum net_end end);
void net_send(struct net *n, struct net_conn *c, enum net_end end, const uint8_t *p,
	size_t len);
/* close(2): last words, then end of stream. */
void net_close(struct net *n, struct net_conn *c, enum net_end end);
/* shutdown(2) for writing, then reads to the end for 2 s at most; lost() tells the end. */
void net_linger(struct net *n, struct net_conn *c, enum net_end end);
/* Both ends, or only one, get a reset that nobody sent. */
void net_inject_reset(struct net *n, struct net_conn *c, bool dialer, bool acceptor);

/* --- hosts: net_host.c */
typedef void net_dispatch(void *ctx, const struct queue_ev *ev);
/* The process on a host dies (SIGKILL): sockets are closed by the kernel; with listener_held the backlog stays. */
void net_host_kill(struct net *n, unsigned host, bool listener_held, net_dispatch *dispatch);
/* Power off: nobody is told. */
void net_host_off(struct net *n, unsigned host, net_dispatch *dispatch);
void net_host_on(struct net *n, unsigned host);
void net_host_sleep(struct net *n, unsigned host);
/* Feeds what was deferred, through dispatch, in order of arrival. */
void net_host_wake(struct net *n, unsigned host, net_dispatch *dispatch);
void net_host_defer(struct net *n, unsigned host, const struct queue_ev *ev);

static inline enum net_end net_other(enum net_end e)
{
	return e == NET_DIALER ? NET_ACCEPTOR : NET_DIALER;
}

/* --- between net.c, net_flow.c and net_host.c */
void net_side_open(struct net *n, struct net_conn *c, enum net_end end, unsigned host);
void net_side_close(struct net *n, struct net_conn *c, enum net_end end);
void net_post(struct net *n, struct net_conn *c, enum net_event kind, struct queue_ev ev);
void net_unref(struct net *n, struct net_conn *c);
struct net_seg *net_seg_new(struct net *n, enum net_kind kind, const uint8_t *p, size_t len);
void net_seg_free(struct net *n, struct net_seg *s);
/* Queues a segment behind what is already on its way. */
void net_flow_send(struct net *n, struct net_conn *c, enum net_end end, struct net_seg *s);
void net_flow_resend(struct net *n, struct net_conn *c, enum net_end end);
void net_flow_drop(struct net *n, struct net_side *side);
/* Something of the other end came: it acknowledges what has arrived there. */
void net_flow_acked(struct net *n, struct net_conn *c, enum net_end end);
/* One reset to an end, unless the network eats it. */
void net_flow_reset(struct net *n, struct net_conn *c, enum net_end to);
/* An end's process (if it knows of it) learns that the connection is gone. */
void net_side_lost(struct net *n, struct net_conn *c, enum net_end end, enum core_loss loss);

#endif
