#define LOG_COMPONENT "control"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "membership/control_int.h"

enum { FOLLOW_QUEUE_BYTES = 64 * 1024, LIKE_BEFORE = 64 };

static const char *const severity_name[] =
	{[CORE_INFO] = "info", [CORE_WARN] = "warning", [CORE_ERROR] = "error"};

void control_events_init(struct event_ring *r)
{
	r->item = xcalloc(CONTROL_EVENTS_MAX, sizeof *r->item);
	if (getrandom(&r->boot, sizeof r->boot, GRND_NONBLOCK) != sizeof r->boot)
		r->boot = clock_wall_ms();
}

static void words_drop(struct event_words *w)
{
	if (w != NULL && --w->refs == 0)
		free(w);
}

void control_events_fini(struct event_ring *r)
{
	for (size_t i = 0; i < CONTROL_EVENTS_MAX; i++)
		words_drop(r->item[i].words);
	free(r->item);
}

static uint64_t oldest(const struct event_ring *r)
{
	return r->newest < CONTROL_EVENTS_MAX ? 1 : r->newest - CONTROL_EVENTS_MAX + 1;
}

static struct ctl_event as_message(const struct event_ring *r, uint64_t n)
{
	const struct kept_event *k = &r->item[n % CONTROL_EVENTS_MAX];
	const struct event_words *w = k->words;

	return (struct ctl_event){.n = n,
		.boot = r->boot,
		.time_ms = k->time_ms,
		.kind = msg_str(w->kind),
		.severity = msg_str(severity_name[w->severity]),
		.node = {w->at, w->node_n},
		.text = {w->at + w->node_n, w->text_n},
		.member_id = k->member_id};
}

static bool says(const struct event_words *w, const char *kind, struct msg_span node,
	struct msg_span text)
{
	return w->kind == kind && w->node_n == node.n && w->text_n == text.n &&
	       memcmp(w->at, node.p, node.n) == 0 &&
	       memcmp(w->at + node.n, text.p, text.n) == 0;
}

/* What an event is made of, whoever tells it. */
struct told {
	const char *kind, *node, *text;
	enum core_severity severity;
	struct id128 member_id;
	uint64_t wall_ms;
};

/* Those of one of the last events that said the same, or new ones. */
static struct event_words *words_for(const struct event_ring *r, const struct told *e,
	struct msg_span node, struct msg_span text)
{
	struct event_words *w;

	for (uint64_t n = r->newest; n >= oldest(r) && n + LIKE_BEFORE > r->newest; n--) {
		w = r->item[n % CONTROL_EVENTS_MAX].words;
		if (says(w, e->kind, node, text)) {
			w->refs++;
			return w;
		}
	}
	w = xcalloc(1, sizeof *w + node.n + text.n);
	*w = (struct event_words){1, e->kind, e->severity, (uint16_t)node.n, (uint16_t)text.n};
	memcpy(w->at, node.p, node.n);
	memcpy(w->at + node.n, text.p, text.n);
	return w;
}

static void add(struct control *c, const struct told *e)
{
	struct event_ring *r = &c->events;
	struct event_words *words = words_for(r, e, control_clip(e->node, CTL_NAME_MAX),
		control_clip(e->text, CTL_TEXT_MAX));
	struct kept_event *k = &r->item[++r->newest % CONTROL_EVENTS_MAX];

	words_drop(k->words);
	*k = (struct kept_event){e->wall_ms, e->member_id, words};
	for (struct control_client *cl = c->clients; cl != NULL; cl = cl->next)
		if (cl->follows && cl->dead == NULL)
			control_follow_pump(cl);
}

void control_event_add(struct control *c, const struct core_event *e)
{
	add(c, &(struct told){core_event_name(e->kind), e->node, e->text,
		       core_event_severity(e->kind), e->member_id, e->wall_ms});
}

static const char *member_name(const struct core *core, const struct id128 *id)
{
	struct core_member m;

	for (size_t i = 0; core != NULL && i < core_n_members(core); i++) {
		core_member_at(core, i, &m);
		if (id_eq(&m.member_id, id))
			return m.name;
	}
	return "";
}

void control_data_event(struct control *c, const struct data_event *e)
{
	const char *node = member_name(shell_core(c->shell), &e->member_id);

	add(c, &(struct told){data_event_name(e->kind), node, e->text,
		       data_event_severity(e->kind), e->member_id, clock_wall_ms()});
}

void control_follow_pump(struct control_client *cl)
{
	const struct event_ring *r = &cl->control->events;

	while (cl->follow_next <= r->newest && control_queued(cl) < FOLLOW_QUEUE_BYTES) {
		struct ctl_event e;

		if (cl->follow_next < oldest(r)) {
			struct ctl_lost lost = {cl->follow_next, oldest(r) - 1};

			control_notice(cl, CTL_EVENTS_LOST, &lost);
			cl->follow_next = oldest(r);
		}
		e = as_message(r, cl->follow_next++);
		control_notice(cl, CTL_EVENT, &e);
	}
}

static void start_following(struct control_client *cl, uint64_t next)
{
	if (!cl->follows)
		cl->control->n_followers++;
	cl->follows = true;
	cl->follow_next = next;
}

void control_events(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	const struct event_ring *r = &cl->control->events;
	struct ctl_event *page;
	struct ctl_events a = {.boot = r->boot, .anew = p->events.since > r->newest};
	uint64_t next = a.anew ? 1 : p->events.since + 1;
	size_t bytes = 0;

	if (p->events.follow && !cl->follows &&
		cl->control->n_followers == CONTROL_FOLLOWERS_MAX) {
		control_error(cl, id, "too_many",
			"As many as allowed follow the events already.");
		return;
	}
	if (next < oldest(r)) {
		/* From the start means: all that there is. Nobody misses what he never asked for. */
		if (p->events.since > 0)
			a.lost = (struct ctl_lost){next, oldest(r) - 1};
		next = oldest(r);
	}
	page = xcalloc(CTL_PAGE_ITEMS, sizeof *page);
	while (next <= r->newest && a.events.n < CTL_PAGE_ITEMS && bytes < CTL_PAGE_BYTES) {
		struct ctl_event *e = &page[a.events.n++];

		*e = as_message(r, next++);
		bytes += 128 + e->node.n + e->text.n;
	}
	a.events.item = page;
	a.more = next <= r->newest;
	control_result(cl, id, m, &a);
	free(page);
	if (p->events.follow && !a.more)
		start_following(cl, next);
}
