#define LOG_COMPONENT "control"
#include <string.h>

#include "common/base/version.h"
#include "membership/control_int.h"

/* A page is being filled: items in an arena, cut by count and by bytes. */
struct page {
	struct msg_arena arena;
	uint32_t n;
	size_t bytes;
};

static const char *const role_name[] = {[WIRE_CORE] = "core", [WIRE_REPLICA] = "replica"};
static const char *const state_name[] = {[WIRE_UP] = "up",
	[WIRE_LEAVING] = "leaving",
	[WIRE_STOPPING] = "stopping",
	[WIRE_RESTARTING] = "restarting"};

struct msg_span control_clip(const char *s, uint32_t max)
{
	size_t n;

	if (s == NULL)
		return (struct msg_span){"", 0};
	n = strnlen(s, max);
	if (n == max)
		while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
			n--; /* not amid a character */
	return (struct msg_span){s, (uint32_t)n};
}

static struct msg_span name_of(const char *s)
{
	return control_clip(s, CTL_NAME_MAX);
}

static struct msg_span word_of(const char *s)
{
	return control_clip(s, CTL_WORD_MAX);
}

static struct msg_span text_of(const char *s)
{
	return control_clip(s, CTL_TEXT_MAX);
}

static bool page_full(const struct page *p)
{
	return p->n == CTL_PAGE_ITEMS || p->bytes >= CTL_PAGE_BYTES;
}

/* Room for as many items as there may be, CTL_PAGE_ITEMS at most. */
static void *page_open(struct page *p, size_t n_max, size_t item_bytes)
{
	*p = (struct page){.n = 0};
	msg_arena_init(&p->arena, CTL_ARENA_MAX);
	if (n_max > CTL_PAGE_ITEMS)
		n_max = CTL_PAGE_ITEMS;
	return msg_arena_alloc(&p->arena, (n_max + 1) * item_bytes);
}

static const char *own_name(const struct control *c)
{
	return conf_values(shell_conf(c->shell))->node.name;
}

void control_version(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct ctl_version v = {.version = word_of(version_text),
		.commit = word_of(version_commit),
		.node_name = name_of(own_name(cl->control)),
		.proto_lo = WIRE_PROTO_LO,
		.proto_hi = WIRE_PROTO_HI};

	(void)p;
	control_result(cl, id, m, &v);
}

static int compare(const char *name, const struct id128 *id, struct msg_span to_name,
	const struct id128 *to_id)
{
	size_t n = strlen(name), min = n < to_name.n ? n : to_name.n;
	int d = memcmp(name, to_name.p, min);

	if (d == 0 && n != to_name.n)
		d = n < to_name.n ? -1 : 1;
	return d != 0 ? d : id_cmp(id, to_id);
}

/* The first member behind the cursor: members are in the order of name, then id. */
static size_t first_after(const struct core *core, const struct ctl_after *after)
{
	size_t lo = 0, hi = core_n_members(core);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct core_member m;

		core_member_at(core, mid, &m);
		if (compare(m.name, &m.member_id, after->name, &after->member_id) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void control_cluster_status(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	const struct core *core = shell_core(cl->control->shell);
	struct ctl_cluster_status a = {.node_name = name_of(own_name(cl->control))};
	size_t n = core == NULL ? 0 : core_n_members(core), i;
	struct page page;
	struct ctl_cluster_node *node = page_open(&page, n, sizeof *node);

	/* EMQX has empty lists too while it starts. */
	for (i = core == NULL ? 0 : first_after(core, &p->after); i < n && !page_full(&page);
		i++) {
		struct core_member member;

		core_member_at(core, i, &member);
		node[page.n] = (struct ctl_cluster_node){name_of(member.name), member.member_id,
			member.running};
		page.bytes += 32 + node[page.n++].name.n;
	}
	a.more = i < n;
	a.nodes = (struct msg_list){node, page.n};
	a.warnings = control_warnings(cl->control, &page.arena);
	control_result(cl, id, m, &a);
	msg_arena_free(&page.arena);
}

static struct msg_list tags_of(const struct core_member *m, struct page *page)
{
	size_t n = m->n_tags < CTL_TAGS_MAX ? m->n_tags : CTL_TAGS_MAX;
	struct ctl_tag *tag = n == 0 ? NULL : msg_arena_alloc(&page->arena, n * sizeof *tag);

	if (tag == NULL)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		tag[i] = (struct ctl_tag){control_clip(m->tags[i].key, CTL_TAG_KEY_MAX),
			control_clip(m->tags[i].value, CTL_TAG_VALUE_MAX)};
		page->bytes += 8 + tag[i].key.n + tag[i].value.n;
	}
	return (struct msg_list){tag, (uint32_t)n};
}

static struct ctl_member as_member(const struct core_member *m, struct page *page)
{
	struct ctl_member a = {.name = name_of(m->name),
		.host = name_of(m->host),
		.version = word_of(m->version),
		.role = msg_str(role_name[m->role == WIRE_REPLICA]),
		.state =
			msg_str(m->state <= WIRE_RESTARTING ? state_name[m->state] : "unknown"),
		.member_id = m->member_id,
		.node_id = m->node_id,
		.incarnation = m->incarnation,
		.session = m->session,
		.seq = m->seq,
		.since_ms = m->since_wall_ms,
		.running = m->running,
		.self = m->self,
		.unreadable = m->unreadable,
		.voter = m->voter,
		.dist_port = m->dist_port,
		.rpc_port = m->rpc_port,
		.rtt_us = m->rtt_us,
		.last_error = text_of(m->last_error),
		.tags = tags_of(m, page)};

	page->bytes += 160 + a.name.n + a.host.n + a.last_error.n;
	return a;
}

void control_members(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	const struct core *core = shell_core(cl->control->shell);
	size_t n = core_n_members(core), i;
	struct page page;
	struct ctl_member *member = page_open(&page, n, sizeof *member);
	struct ctl_members a;

	for (i = first_after(core, &p->after); i < n && !page_full(&page); i++) {
		struct core_member cm;

		core_member_at(core, i, &cm);
		member[page.n++] = as_member(&cm, &page);
	}
	a = (struct ctl_members){i < n, {member, page.n}};
	control_result(cl, id, m, &a);
	msg_arena_free(&page.arena);
}

struct links_visit {
	struct page page;
	struct ctl_link *link;
	uint32_t skip;
	bool more;
};

static void on_link(void *ctx, const struct core_link *l)
{
	struct links_visit *v = ctx;
	struct ctl_link *to;

	if (v->skip > 0) {
		v->skip--;
		return;
	}
	if (page_full(&v->page)) {
		v->more = true;
		return;
	}
	to = &v->link[v->page.n++];
	*to = (struct ctl_link){.from = name_of(l->from_name),
		.to = name_of(l->to_name),
		.state = word_of(l->state),
		.from_id = l->from,
		.to_id = l->to,
		.own = l->own,
		.rtt_us = l->rtt_us,
		.age_ms = l->age_ms,
		.hold_ms = l->hold_ms,
		.last_error = text_of(l->last_error),
		.data_failed = l->data_failed};
	v->page.bytes += 96 + to->from.n + to->to.n + to->last_error.n;
}

void control_links(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct links_visit v = {.skip = p->skip.skip};
	struct ctl_links a;

	v.link = page_open(&v.page, CTL_PAGE_ITEMS, sizeof *v.link);
	core_each_link(shell_core(cl->control->shell), on_link, &v);
	a = (struct ctl_links){v.more, {v.link, v.page.n}};
	control_result(cl, id, m, &a);
	msg_arena_free(&v.page.arena);
}

void control_workers(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	struct ctl_worker worker[CTL_WORKERS_MAX];
	struct ctl_workers a = {{worker, 0}};
	size_t n = shell_n_workers(cl->control->shell);

	(void)p;
	for (size_t i = 0; i < n && i < CTL_WORKERS_MAX; i++) {
		struct shell_worker w;

		shell_worker_at(cl->control->shell, i, &w);
		worker[i] = (struct ctl_worker){.name = word_of(w.name),
			.state = word_of(w.state),
			.last_exit = text_of(w.last_exit),
			.pid = w.pid,
			.restarts = w.restarts,
			.started_ms = w.started_ms,
			.has_health = w.has_health,
			.ok = w.ok,
			.found_self = w.found_self,
			.text = text_of(w.text),
			.detail = text_of(w.detail),
			.last_sync_ms = w.last_sync_ms,
			.candidates = (uint32_t)w.n_candidates};
		a.workers.n++;
	}
	control_result(cl, id, m, &a);
}

struct targets_visit {
	const struct control *control;
	struct page page;
	struct ctl_target *target;
	uint32_t skip;
	bool more;
};

static void add_target(struct targets_visit *v, const struct ctl_target *t)
{
	if (v->skip > 0) {
		v->skip--;
	} else if (page_full(&v->page)) {
		v->more = true;
	} else {
		v->target[v->page.n++] = *t;
		v->page.bytes += 16 + t->name.n + t->host.n + t->source.n;
	}
}

bool control_find_member(const struct core *core, const char *name, struct core_member *out)
{
	struct ctl_after before = {.name = name_of(name)};
	size_t i = first_after(core, &before);

	if (i == core_n_members(core))
		return false;
	core_member_at(core, i, out);
	return strcmp(out->name, name) == 0;
}

static void on_candidate(void *ctx, const char *strategy, const struct core_candidate *cand)
{
	struct targets_visit *v = ctx;
	struct ctl_target t = {name_of(cand->name), name_of(cand->host), word_of(strategy),
		cand->port};
	struct core_member m;

	if (strcmp(cand->name, own_name(v->control)) != 0 &&
		!control_find_member(shell_core(v->control->shell), cand->name, &m))
		add_target(v, &t);
}

void control_targets(struct control_client *cl, uint32_t id, enum ctl_method m,
	const union ctl_params *p)
{
	const struct core *core = shell_core(cl->control->shell);
	struct targets_visit v = {.control = cl->control, .skip = p->skip.skip};
	struct ctl_targets a;

	v.target = page_open(&v.page, CTL_PAGE_ITEMS, sizeof *v.target);
	for (size_t i = 0; i < core_n_members(core); i++) {
		struct core_member member;
		struct ctl_target t;

		core_member_at(core, i, &member);
		t = (struct ctl_target){name_of(member.name), name_of(member.host),
			msg_str("member"), member.dist_port};
		if (!member.self)
			add_target(&v, &t);
	}
	shell_each_candidate(cl->control->shell, on_candidate, &v);
	a = (struct ctl_targets){name_of(own_name(cl->control)), v.more, {v.target, v.page.n}};
	control_result(cl, id, m, &a);
	msg_arena_free(&v.page.arena);
}
