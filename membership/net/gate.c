#include "membership/net/gate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "membership/net/quiet.h"
#include "membership/net/stream.h"

#define LOG_COMPONENT "net"

enum { IDLE_MS = 1000, YOUNG_MS = 250 };

TAILQ_HEAD(entry_list, gate_entry);

struct gate {
	struct ev_loop *loop;
	gate_known *known;
	void *ctx;
	struct entry_list entries; /* oldest first */
	size_t n[2];               /* strangers, known */
	ev_timer deadline;         /* of the oldest */
	struct gate_stats stats;
	struct quiet *quiet;
};

static void arm(struct gate *g)
{
	struct gate_entry *oldest = TAILQ_FIRST(&g->entries);

	ev_timer_stop(g->loop, &g->deadline);
	if (oldest == NULL)
		return;
	ev_timer_set(&g->deadline, oldest->since + GATE_DEADLINE_MS / 1e3 - ev_now(g->loop),
		0.);
	ev_timer_start(g->loop, &g->deadline);
}

static void take_out(struct gate *g, struct gate_entry *e)
{
	bool was_oldest = e == TAILQ_FIRST(&g->entries);

	assert(e->inside);
	TAILQ_REMOVE(&g->entries, e, next);
	e->inside = false;
	g->n[e->known]--;
	g->stats.inside--;
	if (was_oldest)
		arm(g);
}

static void say(const struct quiet_line *line, unsigned others)
{
	char text[2 * QUIET_REASON_MAX];

	log_warn("connection_refused", "port=%s from=%s reason=%s others_before=%u",
		line->port_name, line->remote,
		log_quote(text, sizeof text, line->reason, strlen(line->reason)), others);
}

static void tell(struct gate *g, const struct gate_entry *e, const char *why)
{
	quiet_put(g->quiet, &e->ip, e->port_name, stream_remote(e->stream), why);
}

static void expel(struct gate *g, struct gate_entry *e, enum core_loss loss, const char *why)
{
	tell(g, e, why);
	take_out(g, e);
	e->close(e->owner, loss, why);
}

static void on_deadline(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct gate *g = t->data;
	struct gate_entry *e;
	ev_tstamp due = ev_now(loop) - GATE_DEADLINE_MS / 1e3;

	(void)revents;
	while ((e = TAILQ_FIRST(&g->entries)) != NULL && e->since <= due) {
		g->stats.failed++;
		expel(g, e, CORE_LOSS_TIMEOUT,
			stream_is_open(e->stream) ? "no acceptable hello within 5 s"
						  : "no TLS handshake within 5 s");
	}
	arm(g);
}

struct gate *gate_new(struct ev_loop *loop, gate_known *known, void *ctx)
{
	struct gate *g = xcalloc(1, sizeof *g);

	g->loop = loop;
	g->known = known;
	g->quiet = quiet_new(loop, say);
	g->ctx = ctx;
	TAILQ_INIT(&g->entries);
	ev_init(&g->deadline, on_deadline);
	ev_set_priority(&g->deadline, NET_PRI_LAST);
	g->deadline.data = g;
	return g;
}

void gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	assert(TAILQ_EMPTY(&g->entries));
	ev_timer_stop(g->loop, &g->deadline);
	quiet_free(g->quiet);
	free(g);
}

/* How much an entry deserves its place. A newcomer is given a moment, whoever stands still goes first. */
struct progress {
	int rank;
	uint64_t bytes;
};

static struct progress progress_of(const struct gate *g, const struct gate_entry *e)
{
	struct progress p;
	ev_tstamp now = ev_now(g->loop), last;

	p.bytes = stream_bytes_in(e->stream, &last);
	if (last < e->since)
		last = e->since;
	if (now - e->since < YOUNG_MS / 1e3)
		p.rank = 3;
	else if (now - last >= IDLE_MS / 1e3)
		p.rank = 0;
	else
		p.rank = stream_is_open(e->stream) ? 2 : 1;
	return p;
}

/* Among those of a pool, and of one address when ip is not NULL; equal ones: the oldest. */
static struct gate_entry *laggard(const struct gate *g, int known, const struct net_ip *ip)
{
	struct gate_entry *e, *worst = NULL;
	struct progress p, least = {0};

	for (e = TAILQ_FIRST(&g->entries); e != NULL; e = TAILQ_NEXT(e, next)) {
		if ((known >= 0 && e->known != (known == 1)) ||
			(ip != NULL && !net_ip_eq(&e->ip, ip)))
			continue;
		p = progress_of(g, e);
		if (worst != NULL && (p.rank > least.rank ||
					     (p.rank == least.rank && p.bytes >= least.bytes)))
			continue;
		worst = e;
		least = p;
	}
	return worst;
}

static size_t n_from(const struct gate *g, const struct net_ip *ip)
{
	const struct gate_entry *e;
	size_t n = 0;

	for (e = TAILQ_FIRST(&g->entries); e != NULL; e = TAILQ_NEXT(e, next))
		n += net_ip_eq(&e->ip, ip);
	return n;
}

static void make_room(struct gate *g, struct gate_entry *victim, const char *why)
{
	if (victim == NULL)
		return;
	g->stats.evicted++;
	expel(g, victim, CORE_LOSS_ERROR, why);
}

void gate_enter(struct gate *g, struct gate_entry *e, const struct net_ip *ip,
	const char *port_name)
{
	e->ip = *ip;
	e->port_name = port_name;
	e->known = g->known(g->ctx, ip);
	e->since = ev_now(g->loop);
	if (e->known && g->n[true] >= GATE_KNOWN_MAX)
		make_room(g, laggard(g, 1, NULL), "too many members at once before hello");
	else if (!e->known && n_from(g, ip) >= GATE_STRANGER_ADDRESS_MAX)
		make_room(g, laggard(g, 0, ip), "too many connections from this address");
	else if (!e->known && g->n[false] >= GATE_STRANGERS_MAX)
		make_room(g, laggard(g, 0, NULL), "too many strangers at once");
	TAILQ_INSERT_TAIL(&g->entries, e, next);
	e->inside = true;
	g->n[e->known]++;
	g->stats.entered++;
	g->stats.inside++;
	if (e == TAILQ_FIRST(&g->entries))
		arm(g);
}

void gate_leave(struct gate *g, struct gate_entry *e)
{
	if (e->inside)
		take_out(g, e);
}

void gate_failed(struct gate *g, struct gate_entry *e, const char *why)
{
	if (!e->inside)
		return;
	g->stats.failed++;
	tell(g, e, why);
	take_out(g, e);
}

bool gate_shed(struct gate *g)
{
	struct gate_entry *e = laggard(g, -1, NULL);

	make_room(g, e, "out of file descriptors");
	return e != NULL;
}

void gate_stats(const struct gate *g, struct gate_stats *out)
{
	*out = g->stats;
}
