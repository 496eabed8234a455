#ifndef MEMBERSHIP_NET_GATE_H
#define MEMBERSHIP_NET_GATE_H
/*
 * Connections that have not said an acceptable hello yet, on both ports together: always accepted, into one of two
 * bounded pools, with one deadline from accept to hello. When a pool is full, the entry that gets on least is closed,
 * so that neither a flood nor a crowd of honest nodes behind one address keeps others out.
 *
 * The entry is part of its owner's object; the gate holds it from gate_enter() to gate_leave() or gate_failed().
 */
#include "membership/core/core.h"
#include "membership/net/net_env.h"

enum {
	GATE_KNOWN_MAX = 64, /* from addresses of members and candidates */
	GATE_STRANGERS_MAX = 256,
	GATE_STRANGER_ADDRESS_MAX = 8, /* of one stranger's address */
	GATE_DEADLINE_MS = 5000
};

struct gate;

struct gate_entry {
	TAILQ_ENTRY(gate_entry) next;
	struct net_ip ip;
	const char *port_name;
	struct stream *stream;
	/* The gate wants it closed and has let go of it: the owner frees its stream. */
	void (*close)(void *owner, enum core_loss loss, const char *text);
	void *owner;
	ev_tstamp since;
	bool inside, known;
};

struct gate_stats {
	uint64_t entered, evicted, failed;
	size_t inside;
};

/* Whether the address is one of a member or candidate. */
typedef bool gate_known(void *ctx, const struct net_ip *ip);

struct gate *gate_new(struct ev_loop *loop, gate_known *known, void *ctx);
void gate_free(struct gate *g); /* must be empty */

/* port_name: "distribution", "rpc". e->stream, close and owner are set by the caller before. */
void gate_enter(struct gate *g, struct gate_entry *e, const struct net_ip *ip,
	const char *port_name);
/* Accepted, or closed for no fault of its own. */
void gate_leave(struct gate *g, struct gate_entry *e);
/* Ended before it was accepted: counted, logged. */
void gate_failed(struct gate *g, struct gate_entry *e, const char *why);
/* No descriptors left: closes the entry that gets on least. False when there is none. */
bool gate_shed(struct gate *g);
void gate_stats(const struct gate *g, struct gate_stats *out);

#endif
