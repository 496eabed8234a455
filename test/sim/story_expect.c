#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "test/sim/proc.h"
#include "test/sim/story.h"

enum { STEP_MS = 5 };

void expect(struct story *st, bool holds, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	if (holds || st->sim.failed)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	sim_fail(&st->sim, "story", "expected: %s", what);
}

static bool runs(struct story *st, unsigned i)
{
	return !st->sim.failed && proc_runs(node(st, i));
}

void calm(struct story *st)
{
	memset(st->count, 0, sizeof st->count);
	memset(st->n_events, 0, sizeof st->n_events);
	for (unsigned i = 1; i <= st->sim.n_procs; i++) {
		struct core_counters n;

		if (!runs(st, i))
			continue;
		core_counters(node(st, i)->core, &n);
		st->count[i - 1].frames = n.frames_out;
		st->count[i - 1].bytes = n.bytes_out;
		st->count[i - 1].seq = proc_own_seq(node(st, i));
	}
}

/* --- views */

/* Whom does it show running, as a group; members of no known name set bit 63. */
static uint64_t shown(struct story *st, unsigned i)
{
	const struct proc *p = node(st, i);
	size_t n = core_n_members(p->core);
	uint64_t mask = 0;

	for (size_t k = 0; k < n; k++) {
		struct core_member m;
		struct proc *q;

		core_member_at(p->core, k, &m);
		q = m.self ? node(st, i) : proc_by_name(&st->sim, m.name);
		if (m.running)
			mask |= UINT64_C(1) << (q == NULL ? SIM_PROCS_MAX - 1 : q->id);
	}
	return mask;
}

static unsigned first_without(struct story *st, uint64_t who, uint64_t running)
{
	for (unsigned i = 1; i <= st->sim.n_procs; i++)
		if (who >> (i - 1) & 1 && (!runs(st, i) || shown(st, i) != running))
			return i;
	return 0;
}

void expect_view(struct story *st, const char *who, const char *running, uint64_t within_ms)
{
	uint64_t end = now_ms(st) + within_ms, mask = group(who), want = group(running);
	unsigned i;

	while ((i = first_without(st, mask, want)) != 0 && !st->sim.failed) {
		if (now_ms(st) >= end) {
			expect(st, false,
				"n%u shows %s running within %" PRIu64 " ms, but: %" PRIx64, i,
				running, within_ms, runs(st, i) ? shown(st, i) : 0);
			return;
		}
		run(st, STEP_MS);
	}
}

void expect_not_shown(struct story *st, unsigned i, const char *text)
{
	uint64_t mask = runs(st, i) ? shown(st, i) : 0;

	expect(st, (mask & group(text)) == 0, "n%u shows none of %s, but %" PRIx64, i, text,
		mask);
}

void expect_members(struct story *st, unsigned i, unsigned n, uint64_t within_ms)
{
	uint64_t end = now_ms(st) + within_ms;

	while (runs(st, i) && core_n_members(node(st, i)->core) != n && now_ms(st) < end)
		run(st, STEP_MS);
	expect(st, runs(st, i) && core_n_members(node(st, i)->core) == n, "n%u has %u members",
		i, n);
}

/* --- what was announced */

void expect_no_stop_by(struct story *st, const char *by, const char *of)
{
	for (unsigned i = 0; i < st->sim.n_procs; i++)
		for (unsigned k = 0; k < st->sim.n_procs; k++)
			if (group(by) >> i & 1 && group(of) >> k & 1)
				expect(st, st->count[i].stops[k] == 0,
					"n%u has never announced n%u stopped, but %u times",
					i + 1, k + 1, st->count[i].stops[k]);
}

void expect_no_stop(struct story *st)
{
	expect_no_stop_by(st, "1-64", "1-64");
}

void expect_stops_of(struct story *st, const char *by, unsigned i, unsigned at_least,
	unsigned at_most)
{
	for (unsigned k = 0; k < st->sim.n_procs; k++) {
		unsigned n = st->count[k].stops[i - 1];

		if (group(by) >> k & 1)
			expect(st, n >= at_least && n <= at_most,
				"n%u has announced n%u stopped %u to %u times, but %u", k + 1,
				i, at_least, at_most, n);
	}
}

unsigned stops_by(const struct story *st, unsigned i)
{
	unsigned sum = 0;

	for (unsigned k = 0; k < st->sim.n_procs; k++)
		sum += st->count[i - 1].stops[k];
	return sum;
}

void expect_event(struct story *st, enum core_event_kind kind, unsigned at_least)
{
	expect(st, st->n_events[kind] >= at_least, "%u events %s, but %u", at_least,
		core_event_name(kind), st->n_events[kind]);
}

void expect_no_event(struct story *st, enum core_event_kind kind)
{
	expect(st, st->n_events[kind] == 0, "no event %s, but %u", core_event_name(kind),
		st->n_events[kind]);
}

/* --- answers */

static const struct story_reply *find_reply(const struct story *st, unsigned i,
	uint32_t request)
{
	for (size_t k = 0; k < st->n_replies; k++)
		if (st->reply[k].node == i && st->reply[k].request == request)
			return &st->reply[k];
	return NULL;
}

enum core_code answer(struct story *st, unsigned i, uint32_t request, uint64_t within_ms)
{
	uint64_t end = now_ms(st) + within_ms;
	const struct story_reply *r;

	while ((r = find_reply(st, i, request)) == NULL && !st->sim.failed) {
		if (now_ms(st) >= end) {
			expect(st, false, "n%u answers within %" PRIu64 " ms", i, within_ms);
			break;
		}
		run(st, STEP_MS);
	}
	return r == NULL ? CORE_E_INVALID : r->code;
}

void expect_answer(struct story *st, unsigned i, uint32_t request, enum core_code code,
	uint64_t within_ms)
{
	enum core_code got = answer(st, i, request, within_ms);

	expect(st, got == code, "n%u answers with code %d, but %d", i, (int)code, (int)got);
}

/* --- standing */

static struct core_status status(struct story *st, unsigned i)
{
	struct core_status s = {.apart = CORE_APART_NO};

	if (runs(st, i))
		core_status(node(st, i)->core, &s);
	else
		expect(st, false, "n%u runs", i);
	return s;
}

void expect_apart(struct story *st, unsigned i, enum core_apart apart, uint64_t within_ms)
{
	uint64_t end = now_ms(st) + within_ms;

	while (!st->sim.failed && status(st, i).apart != apart && now_ms(st) < end)
		run(st, STEP_MS);
	expect(st, status(st, i).apart == apart, "n%u stands apart (%d), but %d", i, (int)apart,
		(int)status(st, i).apart);
}

void expect_quorum(struct story *st, const char *text, bool quorum)
{
	for (unsigned i = 1; i <= st->sim.n_procs && !st->sim.failed; i++)
		if (group(text) >> (i - 1) & 1)
			expect(st, status(st, i).quorum == quorum, "n%u has %squorum", i,
				quorum ? "" : "no ");
}

static bool one_identity(struct story *st, const char *text)
{
	struct id128 first = {{0}};

	for (unsigned i = 1; i <= st->sim.n_procs && !st->sim.failed; i++) {
		struct id128 id;

		if (!(group(text) >> (i - 1) & 1))
			continue;
		id = status(st, i).identity.cluster_id;
		if (id_is_zero(&first))
			first = id;
		if (!id_eq(&first, &id))
			return false;
	}
	return true;
}

void expect_one_identity(struct story *st, const char *text, uint64_t within_ms)
{
	uint64_t end = now_ms(st) + within_ms;

	while (!st->sim.failed && !one_identity(st, text) && now_ms(st) < end)
		run(st, STEP_MS);
	expect(st, one_identity(st, text), "%s are one cluster", text);
}

void expect_two_identities(struct story *st, unsigned a, unsigned b)
{
	struct core_status x = status(st, a), y = status(st, b);

	expect(st, !id_eq(&x.identity.cluster_id, &y.identity.cluster_id),
		"n%u and n%u are in two clusters", a, b);
}

struct id128 member_id(struct story *st, unsigned i)
{
	return status(st, i).member_id;
}

void expect_member_id(struct story *st, unsigned i, struct id128 id, bool same)
{
	struct id128 now = member_id(st, i);

	expect(st, id_eq(&now, &id) == same, "n%u has %s member id", i,
		same ? "the same" : "a new");
}

/* --- cost */

static unsigned degree(struct story *st)
{
	unsigned most = 0;

	for (unsigned i = 1; i <= st->sim.n_procs; i++) {
		struct core_counters n;

		if (!runs(st, i))
			continue;
		core_counters(node(st, i)->core, &n);
		if (n.links > most)
			most = (unsigned)n.links;
	}
	return most;
}

void expect_degree(struct story *st, unsigned most, uint64_t within_ms)
{
	uint64_t end = now_ms(st) + within_ms;

	while (!st->sim.failed && degree(st) > most && now_ms(st) < end)
		run(st, 100);
	expect(st, degree(st) <= most, "no node has more than %u links, but %u", most,
		degree(st));
}

void expect_links(struct story *st, unsigned most)
{
	uint64_t sum = 0, n_run = 0;

	for (unsigned i = 1; i <= st->sim.n_procs; i++) {
		struct core_counters n;

		if (!runs(st, i))
			continue;
		core_counters(node(st, i)->core, &n);
		sum += n.links;
		n_run++;
	}
	sim_say(&st->sim, NULL, "--- each has %.1f links on the mean",
		n_run == 0 ? 0 : (double)sum / (double)n_run);
	expect(st, sum <= most * n_run, "each has at most %u links on the mean, but %.1f", most,
		n_run == 0 ? 0 : (double)sum / (double)n_run);
}

void expect_frames(struct story *st, uint64_t most)
{
	for (unsigned i = 1; i <= st->sim.n_procs; i++) {
		struct core_counters n;

		if (!runs(st, i))
			continue;
		core_counters(node(st, i)->core, &n);
		expect(st, n.frames_out - st->count[i - 1].frames <= most,
			"n%u has sent at most %" PRIu64 " frames, but %" PRIu64, i, most,
			n.frames_out - st->count[i - 1].frames);
	}
}

void expect_bytes(struct story *st, uint64_t most)
{
	uint64_t sum = 0, n_run = 0;

	for (unsigned i = 1; i <= st->sim.n_procs; i++) {
		struct core_counters n;

		if (!runs(st, i))
			continue;
		core_counters(node(st, i)->core, &n);
		sum += n.bytes_out - st->count[i - 1].bytes;
		n_run++;
	}
	sim_say(&st->sim, NULL, "--- each has sent %" PRIu64 " bytes on the mean",
		n_run == 0 ? 0 : sum / n_run);
	expect(st, sum <= most * n_run,
		"each has sent at most %" PRIu64 " bytes on the mean, but %" PRIu64, most,
		n_run == 0 ? 0 : sum / n_run);
}

void expect_changes(struct story *st, uint64_t most)
{
	uint64_t sum = 0, n_run = 0;

	for (unsigned i = 1; i <= st->sim.n_procs; i++) {
		if (!runs(st, i))
			continue;
		sum += proc_own_seq(node(st, i)) - st->count[i - 1].seq;
		n_run++;
	}
	sim_say(&st->sim, NULL, "--- each has changed its record %.1f times on the mean",
		n_run == 0 ? 0 : (double)sum / (double)n_run);
	expect(st, sum <= most * n_run,
		"each has changed its record %" PRIu64 " times at most on the mean, but %.1f",
		most, n_run == 0 ? 0 : (double)sum / (double)n_run);
}

bool gone_wrong(struct story *st, unsigned i)
{
	return st->sim.failed || !proc_runs(node(st, i));
}

bool member_of(struct story *st, unsigned i, struct id128 j, struct core_member *out)
{
	*out = (struct core_member){.name = ""};
	for (size_t k = 0; !gone_wrong(st, i) && k < core_n_members(node(st, i)->core); k++) {
		core_member_at(node(st, i)->core, k, out);
		if (id_eq(&out->member_id, &j))
			return true;
	}
	return false;
}
