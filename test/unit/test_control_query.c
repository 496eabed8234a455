#include "test/unit/control_peer.h"

/* --- pages --- */

START_TEST(test_pages_of_members)
{
	const unsigned n = _i == 0 ? 5000 : 200, tags = _i == 0 ? 0 : CTL_TAGS_MAX;
	struct core_member *m = calloc(n, sizeof *m);
	char(*name)[32] = calloc(n, sizeof *name), last[32] = "";
	struct ctl_after after = {{last, 0}, {{0}}};
	struct ctl_members page;
	unsigned seen = 0, pages = 0;
	struct peer p;

	fill_members(m, name, n, tags);
	peer_open(&p);
	do {
		const struct ctl_member *item;

		peer_call(&p, CTL_MEMBERS, &after, &page);
		item = page.members.item;
		ck_assert_uint_gt(page.members.n, 0);
		for (uint32_t i = 0; i < page.members.n; i++, seen++) {
			assert_span(item[i].name, name[seen]);
			ck_assert_uint_eq(item[i].member_id.b[0], 1 + seen % 2);
			ck_assert_uint_eq(item[i].tags.n, tags);
		}
		(void)msg_span_copy(last, sizeof last, item[page.members.n - 1].name);
		after = (struct ctl_after){msg_str(last), item[page.members.n - 1].member_id};
		pages++;
	} while (page.more);
	ck_assert_uint_eq(seen, n);
	ck_assert_uint_ge(pages, 5);
	peer_close(&p);
	free(m);
	free(name);
}
END_TEST

START_TEST(test_pages_of_links)
{
	enum { N = 2500 };
	struct core_link *l = calloc(N, sizeof *l);
	struct ctl_skip skip = {0};
	struct ctl_links page;
	struct peer p;

	for (unsigned i = 0; i < N; i++)
		l[i] = (struct core_link){.from_name = "a@h",
			.to_name = "b@h",
			.state = "live",
			.age_ms = i,
			.last_error = ""};
	shell.link = l;
	shell.n_links = N;
	peer_open(&p);
	do {
		peer_call(&p, CTL_LINKS, &skip, &page);
		for (uint32_t i = 0; i < page.links.n; i++)
			ck_assert_uint_eq(((struct ctl_link *)page.links.item)[i].age_ms,
				skip.skip + i);
		skip.skip += page.links.n;
	} while (page.more);
	ck_assert_uint_eq(skip.skip, N);
	peer_close(&p);
	free(l);
}
END_TEST

START_TEST(test_targets)
{
	static const struct core_candidate cand[] = {{"emqx1@127.0.0.1", "127.0.0.1", 0},
		{"n00000@10.0.0.1", "10.0.0.1", 0}, {"new@10.0.0.9", "10.0.0.9", 4444}};
	struct core_member m[2];
	char name[2][32];
	struct ctl_targets t;
	const struct ctl_target *item;
	struct peer p;

	fill_members(m, name, 2, 0);
	m[1].self = true;
	m[1].name = "emqx1@127.0.0.1";
	shell.member = (struct core_member[]){m[1], m[0]};
	shell.candidate = cand;
	shell.n_candidates = 3;
	peer_open(&p);
	peer_call(&p, CTL_TARGETS, &(struct ctl_skip){0}, &t);
	ck_assert_uint_eq(t.targets.n, 2);
	item = t.targets.item;
	assert_span(item[0].name, "n00000@10.0.0.1");
	assert_span(item[0].source, "member");
	assert_span(item[1].name, "new@10.0.0.9");
	ck_assert_uint_eq(item[1].port, 4444);
	peer_close(&p);
}
END_TEST

/* --- events --- */

static void happen(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct core_event e = {.kind = CORE_EV_NODE_DOWN, .wall_ms = 5};

		snprintf(e.node, sizeof e.node, "n%u@h", i);
		snprintf(e.text, sizeof e.text, "event %u", i);
		shell.hooks.event(shell.hooks_ctx, &e);
	}
}

/* Reads events from since on until there are no more; returns how many. */
static uint64_t read_events(struct peer *p, uint64_t since, bool follow,
	struct ctl_events *first)
{
	struct ctl_events_ask ask = {since, follow};
	struct ctl_events page;
	uint64_t count = 0, last = 0;

	do {
		peer_call(p, CTL_EVENTS, &ask, &page);
		if (count == 0)
			*first = page;
		for (uint32_t i = 0; i < page.events.n; i++) {
			const struct ctl_event *e = (struct ctl_event *)page.events.item + i;

			ck_assert(last == 0 || e->n == last + 1);
			last = e->n;
			count++;
		}
		ask.since = last;
	} while (page.more);
	return count;
}

START_TEST(test_events)
{
	struct ctl_events first;
	const struct ctl_event *e;
	struct peer p;

	peer_open(&p);
	ck_assert_uint_eq(read_events(&p, 0, false, &first), 0);
	happen(3);
	ck_assert_uint_eq(read_events(&p, 0, false, &first), 3);
	ck_assert_uint_eq(read_events(&p, 2, false, &first), 1);
	e = first.events.item;
	ck_assert_uint_eq(e->n, 3);
	ck_assert_uint_eq(e->time_ms, 5);
	ck_assert_uint_eq(e->boot, first.boot);
	assert_span(e->kind, "node_stopped");
	assert_span(e->severity, "warning");
	assert_span(e->node, "n2@h");
	assert_span(e->text, "event 2");
	ck_assert_uint_eq(read_events(&p, 3, false, &first), 0);
	ck_assert(!first.anew && first.lost.first == 0);
	ck_assert_uint_eq(read_events(&p, 9, false, &first), 3);
	ck_assert(first.anew);
	happen(CONTROL_EVENTS_MAX);
	ck_assert_uint_eq(read_events(&p, 0, false, &first), CONTROL_EVENTS_MAX);
	ck_assert_uint_eq(first.lost.first, 0);
	ck_assert_uint_eq(read_events(&p, 1, false, &first), CONTROL_EVENTS_MAX);
	ck_assert_uint_eq(first.lost.first, 2);
	ck_assert_uint_eq(first.lost.last, 3);
	peer_close(&p);
}
END_TEST

/* A follower that does not read costs its queue and no more; then it learns what it missed. */
START_TEST(test_slow_follower)
{
	struct ctl_events first;
	struct ctl_event e;
	struct ctl_lost lost = {0};
	uint64_t next = 3;
	struct peer p;

	peer_open(&p);
	happen(2);
	ck_assert_uint_eq(read_events(&p, 0, true, &first), 2);
	for (int i = 0; i < 5; i++) {
		happen(CONTROL_EVENTS_MAX);
		turn();
		ck_assert_uint_lt(control_queued(control->clients), 128 * 1024);
	}
	pass_ms(10 * CONTROL_STALL_MS);
	while (peer_next(&p) == 1) {
		if (ctl_notice_find(p.env.method) == CTL_EVENTS_LOST) {
			ck_assert_uint_eq(lost.first, 0);
			ck_assert_int_eq(msg_decode(ctl_notices[CTL_EVENTS_LOST].params,
						 p.env.body, NULL, &lost, NULL),
				0);
			ck_assert_uint_eq(lost.first, next);
			next = lost.last + 1;
			continue;
		}
		ck_assert_int_eq(msg_decode(ctl_notices[CTL_EVENT].params, p.env.body, NULL, &e,
					 NULL),
			0);
		ck_assert_uint_eq(e.n, next);
		next++;
	}
	ck_assert_uint_ne(lost.first, 0);
	ck_assert_uint_eq(next, 3 + 5 * CONTROL_EVENTS_MAX);
	happen(1);
	turn();
	ck_assert_int_eq(peer_next(&p), 1);
	peer_close(&p);
	ck_assert_uint_eq(control->n_followers, 0);
}
END_TEST

START_TEST(test_followers_are_bounded)
{
	struct peer p[CONTROL_FOLLOWERS_MAX + 1];
	struct ctl_events first;

	for (int i = 0; i < CONTROL_FOLLOWERS_MAX; i++) {
		peer_open(&p[i]);
		(void)read_events(&p[i], 0, true, &first);
	}
	peer_open(&p[CONTROL_FOLLOWERS_MAX]);
	peer_ask(&p[CONTROL_FOLLOWERS_MAX], CTL_EVENTS, &(struct ctl_events_ask){0, true});
	assert_error(&p[CONTROL_FOLLOWERS_MAX], "too_many");
	for (int i = 0; i <= CONTROL_FOLLOWERS_MAX; i++)
		peer_close(&p[i]);
}
END_TEST

/* --- status --- */

static const struct warning_row {
	const char *code;
	struct core_status s; /* over a node that is well */
	bool automatic;
	struct shell_worker worker;
} warnings[] = {
	{"standing_apart", {.apart = CORE_APART_REMOVED, .apart_by = "emqx9@h", .quorum = true},
		false, {0}},
	{"standing_apart", {.apart = CORE_APART_LEFT, .apart_by = "", .quorum = true}, true,
		{0}},
	{"discovery_paused", {.discovery_paused = true, .quorum = true}, true, {0}},
	{"waiting_heal", {.waiting_heal = true, .quorum = true}, false, {0}},
	{"no_quorum", {.voters = 4, .voters_running = 2}, false, {0}},
	{"store_failed", {.store_failed = true, .quorum = true}, false, {0}},
	{"mode_mismatch", {.running = 1, .stopped = 1, .quorum = true}, true, {0}},
	{"worker_down", {.quorum = true}, false, {.name = "dns", .state = "backoff"}},
	{"discovery_failing", {.quorum = true}, false,
		{.name = "dns", .state = "running", .has_health = true, .text = "no answer"}},
	{"self_not_found", {.quorum = true}, false,
		{.name = "dns", .state = "running", .has_health = true, .ok = true}},
};

START_TEST(test_warning_of_data_paths)
{
	static const struct core_link l[] = {{.from_name = "a@h",
						     .to_name = "b@h",
						     .state = "live",
						     .own = true,
						     .last_error = ""},
		{.from_name = "a@h",
			.to_name = "c@h",
			.state = "live",
			.own = true,
			.data_failed = true,
			.last_error = ""},
		{.from_name = "b@h",
			.to_name = "d@h",
			.state = "usable",
			.data_failed = true,
			.last_error = ""}};
	struct ctl_status s;
	const struct ctl_warning *w;
	struct peer p;

	shell.link = l;
	shell.n_links = 1;
	peer_open(&p);
	peer_call(&p, CTL_STATUS, NULL, &s);
	ck_assert_uint_eq(s.warnings.n, 0);
	shell.n_links = 3;
	peer_call(&p, CTL_STATUS, NULL, &s);
	ck_assert_uint_eq(s.warnings.n, 1);
	w = s.warnings.item;
	assert_span(w->code, "data_path");
	assert_span(w->text, "The RPC port of 1 linked member can't be reached: c@h");
	peer_close(&p);
}
END_TEST

START_TEST(test_status_counts_frames)
{
	struct ctl_status s;
	struct peer p;

	shell.counters = (struct core_counters){.frames_in = 1,
		.frames_out = 2,
		.bytes_in = 3,
		.bytes_out = 4};
	peer_open(&p);
	peer_call(&p, CTL_STATUS, NULL, &s);
	ck_assert_uint_eq(s.frames_in, 1);
	ck_assert_uint_eq(s.frames_out, 2);
	ck_assert_uint_eq(s.bytes_in, 3);
	ck_assert_uint_eq(s.bytes_out, 4);
	peer_close(&p);
}
END_TEST

START_TEST(test_warnings)
{
	const struct warning_row *row = &warnings[_i];
	struct ctl_status s;
	const struct ctl_warning *w;
	struct peer p;

	peer_open(&p);
	peer_call(&p, CTL_STATUS, NULL, &s);
	ck_assert_uint_eq(s.warnings.n, 0);
	shell.status = row->s;
	shell.status.node_name = shell.conf.node.name;
	shell.status.cluster_name = "c";
	shell.status.busy = "";
	shell.conf.cluster.strategies = row->automatic ? STRATEGY_STATIC : 0;
	shell.worker[0] = row->worker;
	shell.n_workers = row->worker.name != NULL;
	peer_call(&p, CTL_STATUS, NULL, &s);
	ck_assert_uint_eq(s.warnings.n, 1);
	w = s.warnings.item;
	assert_span(w->code, row->code);
	ck_assert_uint_gt(w->text.n, 0);
	ck_assert_uint_gt(w->hint.n, 0);
	if (row->s.apart_by != NULL && row->s.apart_by[0] != '\0')
		ck_assert_ptr_nonnull(
			memmem(w->text.p, w->text.n, row->s.apart_by, strlen(row->s.apart_by)));
	peer_close(&p);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_loop_test(t, test_pages_of_members, 0, 2);
	tcase_add_test(t, test_pages_of_links);
	tcase_add_test(t, test_targets);
	tcase_add_test(t, test_events);
	tcase_add_test(t, test_slow_follower);
	tcase_add_test(t, test_followers_are_bounded);
	tcase_add_test(t, test_warning_of_data_paths);
	tcase_add_test(t, test_status_counts_frames);
	tcase_add_loop_test(t, test_warnings, 0, N_ROWS(warnings));
}

int main(void)
{
	return run_suite("control_query", add);
}
