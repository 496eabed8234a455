#include "membership/datapath.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#define LOG_COMPONENT "data"

enum {
	SETTLE_MS = 3000,
	GAP_MS = 50,
	RETRY_MS = 2000,
	RETRY_MAX_MS = 30000,
	SAME_LINK_MS = 1000
};

/* One link's far end, as an RPC server. */
struct target {
	struct id128 id;
	uint64_t up_ms;  /* since when the link stands */
	uint64_t due_ms; /* 0: known to work */
	uint64_t retry_ms;
	bool failed, seen;
};

struct datapath {
	struct shell *shell;
	struct rpc_pool *pool;
	bool probing, refuse;
	uint32_t last_call;
	ev_timer timer;
	struct target *target;
	size_t n, cap;
	struct id128 probed;
};

void datapath_self(void *ctx, struct wire_rpc_hello *out)
{
	const struct shell *s = ctx;
	struct core_status st;

	core_status(s->core, &st);
	*out = (struct wire_rpc_hello){
		.proto_lo = WIRE_PROTO_LO,
		.proto_hi = WIRE_PROTO_HI,
		.cluster_name = msg_str(st.cluster_name),
		.node_name = msg_str(st.node_name),
		.member_id = st.member_id,
		.session = st.session,
	};
}

/* --- probes --- */

static struct target *find(struct datapath *d, const struct id128 *id)
{
	for (size_t i = 0; i < d->n; i++)
		if (id_eq(&d->target[i].id, id))
			return &d->target[i];
	return NULL;
}

static void see_link(void *ctx, const struct core_link *link)
{
	struct datapath *d = ctx;
	uint64_t now_ms = clock_mono_ms(), up_ms;
	struct target *t;

	if (!link->own || strcmp(link->state, "live") != 0)
		return;
	up_ms = now_ms - (link->age_ms < now_ms ? link->age_ms : now_ms);
	t = find(d, &link->to);
	if (t == NULL) {
		if (d->n == d->cap) {
			d->cap = d->cap == 0 ? 16 : 2 * d->cap;
			d->target = xrealloc(d->target, d->cap, sizeof *d->target);
		}
		t = &d->target[d->n++];
		*t = (struct target){.id = link->to, .up_ms = up_ms, .due_ms = now_ms};
	} else if (up_ms > t->up_ms + SAME_LINK_MS) {
		t->up_ms = up_ms;
		t->due_ms = now_ms;
	}
	t->seen = true;
}

/* Targets are the links that stand now. */
static void match_links(struct datapath *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++)
		d->target[i].seen = false;
	core_each_link(d->shell->core, see_link, d);
	for (size_t i = 0; i < d->n; i++)
		if (d->target[i].seen)
			d->target[kept++] = d->target[i];
	d->n = kept;
}

static struct target *next_due(struct datapath *d)
{
	struct target *first = NULL;

	for (size_t i = 0; i < d->n; i++)
		if (d->target[i].due_ms != 0 &&
			(first == NULL || d->target[i].due_ms < first->due_ms))
			first = &d->target[i];
	return first;
}

static void arm(struct datapath *d, uint64_t in_ms)
{
	ev_timer_stop(d->shell->loop, &d->timer);
	ev_timer_set(&d->timer, (double)in_ms / 1e3, 0.);
	ev_timer_start(d->shell->loop, &d->timer);
}

static void arm_next(struct datapath *d)
{
	const struct target *t = next_due(d);
	uint64_t now_ms = clock_mono_ms();

	if (t != NULL)
		arm(d, t->due_ms > now_ms + GAP_MS ? t->due_ms - now_ms : GAP_MS);
}

static void tell(struct target *t, bool ok, const char *text)
{
	char id[ID_HEX_MAX], quoted[1024];

	if (t->failed == !ok)
		return;
	t->failed = !ok;
	if (ok)
		log_info("data_path_ok", "member=%s", id_hex(&t->id, id));
	else
		log_warn("data_path_failed", "member=%s error=%s", id_hex(&t->id, id),
			log_quote(quoted, sizeof quoted, text, strlen(text)));
}

void datapath_reached(struct datapath *d, const struct id128 *member, bool ok, const char *text)
{
	struct target *t = find(d, member);

	if (t == NULL)
		return;
	if (d->refuse && ok) {
		ok = false;
		text = "this node's own shared data can't be read";
	}
	tell(t, ok, text);
	t->retry_ms = ok || t->retry_ms == 0 ? RETRY_MS : 2 * t->retry_ms;
	if (t->retry_ms > RETRY_MAX_MS)
		t->retry_ms = RETRY_MAX_MS;
	t->due_ms = ok ? 0 : clock_mono_ms() + t->retry_ms;
	if (!d->probing)
		arm_next(d);
	core_data_ok(shell_in(d->shell), member, ok);
	shell_out(d->shell);
}

static void on_probed(void *ctx, uint32_t call, struct msg_reader result, const char *error)
{
	struct datapath *d = ctx;
	struct id128 id = d->probed;

	(void)call;
	(void)result;
	d->probing = false;
	datapath_reached(d, &id, error == NULL, error == NULL ? "" : error);
	arm_next(d);
}

/* The answer to the probe says it. */
static void on_reached(void *ctx, const struct id128 *member, bool ok, const char *text)
{
	(void)ctx;
	(void)member;
	(void)ok;
	(void)text;
}

/* False when the member is gone from the records meanwhile. */
static bool probe(struct datapath *d, const struct id128 *id)
{
	const struct core *core = d->shell->core;
	struct rpc_call call = {.call = ++d->last_call,
		.peer = *id,
		.method = wire_rpc_rows[WIRE_RPC_PING].method,
		.brief = true};
	struct core_member m;

	for (size_t i = 0; i < core_n_members(core); i++) {
		core_member_at(core, i, &m);
		if (!id_eq(&m.member_id, id))
			continue;
		call.host = m.host;
		call.port = m.rpc_port;
		d->probed = *id;
		d->probing = true;
		rpc_pool_call(d->pool, &call);
		return true;
	}
	return false;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct datapath *d = timer->data;
	struct target *t;

	(void)loop;
	(void)revents;
	if (d->probing)
		return;
	match_links(d);
	t = next_due(d);
	if (t != NULL && t->due_ms <= clock_mono_ms() && probe(d, &t->id))
		return; /* goes on when it is done */
	if (t != NULL && t->due_ms <= clock_mono_ms())
		t->due_ms += RETRY_MAX_MS;
	arm_next(d);
}

/* Also when the next probe of one that failed is far off: there may be a new link. */
void datapath_view_changed(struct datapath *d)
{
	bool soon = ev_is_active(&d->timer) &&
		    ev_timer_remaining(d->shell->loop, &d->timer) <= SETTLE_MS / 1e3;

	if (!d->probing && !soon)
		arm(d, SETTLE_MS);
}

void datapath_refuse(struct datapath *d, bool refuse)
{
	d->refuse = refuse;
	match_links(d);
	for (size_t i = 0; i < d->n; i++)
		d->target[i].due_ms = clock_mono_ms();
	if (!d->probing)
		arm_next(d);
}

static void self(void *ctx, struct wire_rpc_hello *out)
{
	const struct datapath *d = ctx;

	datapath_self(d->shell, out);
}

struct datapath *datapath_new(struct shell *s)
{
	static const struct rpc_pool_handlers handlers = {on_probed, on_reached};
	struct datapath *d = xcalloc(1, sizeof *d);

	d->shell = s;
	d->pool = rpc_pool_new(s->env, self, &handlers, d);
	ev_init(&d->timer, on_timer);
	d->timer.data = d;
	return d;
}

void datapath_free(struct datapath *d)
{
	if (d == NULL)
		return;
	rpc_pool_free(d->pool);
	ev_timer_stop(d->shell->loop, &d->timer);
	free(d->target);
	free(d);
}
