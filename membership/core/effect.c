#include <stdarg.h>
#include <stdio.h>

#include "membership/core/core_int.h"

/* What the core wants done, and tells. */

#define EVENT_NAME(id, name, severity, doc)     [id] = (name),
#define EVENT_SEVERITY(id, name, severity, doc) [id] = (severity),
static const char *const event_names[CORE_EV_N] = {CORE_EVENTS(EVENT_NAME)};
static const enum core_severity event_severities[CORE_EV_N] = {CORE_EVENTS(EVENT_SEVERITY)};

const char *core_event_name(enum core_event_kind k)
{
	return event_names[k];
}

enum core_severity core_event_severity(enum core_event_kind k)
{
	return event_severities[k];
}

struct core_fx *fx_add(struct core *c, enum core_fx_kind kind)
{
	struct core_fx *fx;

	if (c->fx_n == c->fx_cap) {
		c->fx_cap = c->fx_cap == 0 ? 32 : c->fx_cap * 2;
		c->fx = xrealloc(c->fx, c->fx_cap, sizeof *c->fx);
	}
	fx = &c->fx[c->fx_n++];
	fx->kind = kind;
	fx->conn = 0;
	return fx;
}

/* False for what was overtaken by the end of its connection in the same input; what is left points at living things. */
static bool fx_stands(struct core *c, struct core_fx *fx)
{
	struct conn *k = conn_find(c, fx->conn);

	if (fx->kind == CORE_FX_WAKE && k != NULL)
		k->wake_queued = false;
	if (fx->kind == CORE_FX_COPY) {
		k = conn_find(c, c->join.conn);
		if (k != NULL)
			fx->u.copy.host = k->host;
	}
	if (fx->kind == CORE_FX_DIAL && k != NULL)
		fx->u.dial.host = k->host;
	return k != NULL || (fx->kind != CORE_FX_DIAL && fx->kind != CORE_FX_COPY);
}

const struct core_fx *core_next_fx(struct core *c)
{
	while (c->fx_head < c->fx_n) {
		struct core_fx *fx = &c->fx[c->fx_head++];

		if (fx_stands(c, fx))
			return fx;
	}
	if (MUTANT(EFFECTS_KEPT))
		return NULL;
	c->fx_head = 0;
	c->fx_n = 0;
	return NULL;
}

__attribute__((format(printf, 5, 0))) static void event_add(struct core *c,
	enum core_event_kind kind, const char *name, const struct id128 *id, const char *fmt,
	va_list ap)
{
	struct core_event *e = &fx_add(c, CORE_FX_EVENT)->u.event;

	e->kind = kind;
	e->wall_ms = c->wall_ms;
	e->member_id = *id;
	snprintf(e->node, sizeof e->node, "%s", name);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
}

void fx_event(struct core *c, enum core_event_kind kind, const struct member *m,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	event_add(c, kind, m->name, &m->id, fmt, ap);
	va_end(ap);
}

void fx_event_for(struct core *c, enum core_event_kind kind, const char *name,
	const struct id128 *id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	event_add(c, kind, name, id, fmt, ap);
	va_end(ap);
}

void fx_reply(struct core *c, uint32_t request, enum core_code code, const char *name,
	const char *fmt, ...)
{
	struct core_reply *r = &fx_add(c, CORE_FX_REPLY)->u.reply;
	va_list ap;

	memset(r, 0, sizeof *r);
	r->request = request;
	r->code = code;
	r->last = true;
	snprintf(r->name, sizeof r->name, "%s", name);
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof r->text, fmt, ap);
	va_end(ap);
}

void fx_view(struct core *c)
{
	fx_add(c, CORE_FX_VIEW);
}
