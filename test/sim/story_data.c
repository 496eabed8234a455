#include "test/sim/story_data.h"

#include <stdio.h>
#include <string.h>

#include "test/sim/proc_data.h"
#include "test/sim/settle_data.h"

enum { STEP_MS = 5, ANSWER_MS = 8000 };

static bool runs(struct story *st, unsigned i)
{
	return !st->sim.failed && proc_runs(node(st, i)) && node(st, i)->kv->data != NULL;
}

/* --- writing */

static unsigned write_one(struct story *st, unsigned i, const struct ledger_write *w)
{
	if (st->sim.failed)
		return 0;
	expect(st, ledger_write(node(st, i), w) != 0, "n%u takes a write", i);
	return st->sim.failed ? 0 : ledger_last(&st->sim);
}

void put_many(struct story *st, unsigned i, unsigned from, unsigned n)
{
	for (unsigned k = from; k < from + n; k++)
		write_one(st, i,
			&(struct ledger_write){.op = DATA_PUT, .key = k, .large = true});
	run(st, 100);
}

void expect_code(struct story *st, unsigned write, enum data_code code, uint64_t within_ms)
{
	uint64_t end = now_ms(st) + within_ms;

	while (!st->sim.failed && ledger_code(&st->sim, write) < 0 && now_ms(st) < end)
		run(st, STEP_MS);
	if (!st->sim.failed)
		expect(st, ledger_code(&st->sim, write) == (int)code,
			"write %u is answered with %d, but %d", write, (int)code,
			ledger_code(&st->sim, write));
}

unsigned put_soon(struct story *st, unsigned i, unsigned key, enum data_ack ack)
{
	return write_one(st, i, &(struct ledger_write){.op = DATA_PUT, .ack = ack, .key = key});
}

unsigned put(struct story *st, unsigned i, unsigned key, enum data_ack ack, enum data_code code)
{
	unsigned w = put_soon(st, i, key, ack);

	expect_code(st, w, code, ANSWER_MS);
	return w;
}

unsigned erase(struct story *st, unsigned i, unsigned key, enum data_ack ack,
	enum data_code code)
{
	unsigned w = write_one(st, i,
		&(struct ledger_write){.op = DATA_DELETE, .ack = ack, .key = key});

	expect_code(st, w, code, ANSWER_MS);
	return w;
}

/* --- reading */

static bool one_shows(struct story *st, unsigned i, unsigned key, const char *values,
	char there[64])
{
	snprintf(there, 64, "nothing: it does not run");
	if (!runs(st, i))
		return false;
	ledger_text(node(st, i), key, there, 64);
	return strcmp(there, values) == 0;
}

static unsigned first_other(struct story *st, uint64_t who, unsigned key, const char *values,
	char there[64])
{
	for (unsigned i = 1; i <= st->sim.n_procs; i++)
		if (who >> (i - 1) & 1 && !one_shows(st, i, key, values, there))
			return i;
	return 0;
}

void expect_values(struct story *st, const char *who, unsigned key, const char *values,
	uint64_t within_ms)
{
	uint64_t end = now_ms(st) + within_ms, mask = group(who);
	char there[64] = "";
	unsigned i;

	while (!st->sim.failed && (i = first_other(st, mask, key, values, there)) != 0) {
		if (now_ms(st) >= end) {
			expect(st, false, "n%u shows %s for k%u, but %s", i, values, key,
				there);
			return;
		}
		run(st, STEP_MS);
	}
}

void expect_value(struct story *st, const char *who, unsigned key, unsigned write,
	uint64_t within_ms)
{
	char text[16];

	snprintf(text, sizeof text, "%u", write);
	expect_values(st, who, key, text, within_ms);
}

static bool all_equal(struct story *st, uint64_t who, char *why, size_t cap)
{
	struct proc *first = NULL;

	for (unsigned i = 1; i <= st->sim.n_procs; i++) {
		if (!(who >> (i - 1) & 1))
			continue;
		if (!runs(st, i)) {
			snprintf(why, cap, "n%u does not run", i);
			return false;
		}
		if (first != NULL && !settle_data_equal(first, node(st, i), why, cap))
			return false;
		first = node(st, i);
	}
	return true;
}

void expect_equal(struct story *st, const char *who, uint64_t within_ms)
{
	uint64_t end = now_ms(st) + within_ms, mask = group(who);
	char why[256] = "";

	while (!st->sim.failed && !all_equal(st, mask, why, sizeof why)) {
		if (now_ms(st) >= end) {
			expect(st, false, "the same data on %s: %s", who, why);
			return;
		}
		run(st, STEP_MS);
	}
}

void expect_data_event(struct story *st, const char *who, enum data_event_kind kind,
	bool happened)
{
	uint64_t mask = group(who);
	unsigned n = 0;

	for (unsigned i = 1; i <= st->sim.n_procs; i++)
		n += mask >> (i - 1) & 1 ? node(st, i)->kv->n_events[kind] : 0;
	expect(st, (n > 0) == happened, "%s %s on %s", happened ? "" : "no",
		data_event_name(kind), who);
}

struct data_status data_of(struct story *st, unsigned i)
{
	struct data_status out = {.entries = 0};

	if (runs(st, i))
		data_status(node(st, i)->kv->data, &out);
	return out;
}
