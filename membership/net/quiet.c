#include "membership/net/quiet.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "membership/net/net_env.h"

struct slot {
	ev_tstamp said; /* 0: never */
	unsigned waiting;
	struct quiet_line *last; /* of those that wait */
};

struct quiet {
	struct ev_loop *loop;
	quiet_say *say;
	ev_timer timer; /* runs while somebody waits */
	struct slot slot[QUIET_SLOTS];
};

static void fill(struct quiet_line *line, const char *port_name, const char *remote,
	const char *reason)
{
	line->port_name = port_name;
	snprintf(line->remote, sizeof line->remote, "%s", remote);
	snprintf(line->reason, sizeof line->reason, "%s", reason);
}

static bool is_over(const struct quiet *q, const struct slot *s)
{
	return s->said == 0. || ev_now(q->loop) >= s->said + QUIET_MS / 1e3;
}

static void on_time(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct quiet *q = t->data;
	bool more = false;

	(void)revents;
	for (size_t i = 0; i < QUIET_SLOTS; i++) {
		struct slot *s = &q->slot[i];

		if (s->waiting > 0 && is_over(q, s)) {
			q->say(s->last, s->waiting - 1);
			s->said = ev_now(loop);
			s->waiting = 0;
		}
		more = more || s->waiting > 0;
	}
	if (!more)
		ev_timer_stop(loop, t);
}

struct quiet *quiet_new(struct ev_loop *loop, quiet_say *say)
{
	struct quiet *q = xcalloc(1, sizeof *q);

	q->loop = loop;
	q->say = say;
	ev_timer_init(&q->timer, on_time, 0., QUIET_MS / 1e3);
	ev_set_priority(&q->timer, NET_PRI_LAST);
	q->timer.data = q;
	return q;
}

void quiet_free(struct quiet *q)
{
	if (q == NULL)
		return;
	ev_timer_stop(q->loop, &q->timer);
	for (size_t i = 0; i < QUIET_SLOTS; i++)
		free(q->slot[i].last);
	free(q);
}

void quiet_put(struct quiet *q, const struct net_ip *ip, const char *port_name,
	const char *remote, const char *reason)
{
	struct slot *s = &q->slot[hash64(ip->b, sizeof ip->b) % QUIET_SLOTS];
	struct quiet_line line;

	if (s->waiting == 0 && is_over(q, s)) {
		fill(&line, port_name, remote, reason);
		s->said = ev_now(q->loop);
		q->say(&line, 0);
		return;
	}
	if (s->last == NULL)
		s->last = xcalloc(1, sizeof *s->last);
	fill(s->last, port_name, remote, reason);
	s->waiting++;
	if (!ev_is_active(&q->timer))
		ev_timer_again(q->loop, &q->timer);
}
