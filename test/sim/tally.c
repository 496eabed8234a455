#include "test/sim/tally.h"

#include <inttypes.h>
#include <string.h>

void tally_init(struct tally *t)
{
	*t = (struct tally){.records = 0};
	msg_arena_init(&t->arena, 1024 * 1024);
}

void tally_free(struct tally *t)
{
	msg_arena_free(&t->arena);
}

void tally_clear(struct tally *t)
{
	memset(t->frames, 0, sizeof t->frames);
	memset(t->bytes, 0, sizeof t->bytes);
	t->records = t->most_of_one = 0;
}

static void add_frame(struct tally *t, const uint8_t *frame, size_t n)
{
	enum wire_type type = WIRE_N_TYPES;
	union wire_any m;
	const char *why;

	msg_arena_reset(&t->arena);
	if (wire_get(frame, n, &t->arena, &type, &m, &why) != 0)
		return; /* the receiver fails the run */
	t->frames[type]++;
	t->bytes[type] += n + 4;
	if (type != WIRE_STATE)
		return;
	t->records += m.state.records.n;
	if (m.state.records.n > t->most_of_one)
		t->most_of_one = m.state.records.n;
}

void tally_add(struct tally *t, const uint8_t *frames, size_t n)
{
	size_t at = 0;

	while (at + 4 <= n) {
		size_t len = (size_t)frames[at] << 24 | (size_t)frames[at + 1] << 16 |
			     (size_t)frames[at + 2] << 8 | frames[at + 3];

		add_frame(t, frames + at + 4, len);
		at += 4 + len;
	}
}

uint64_t tally_frames(const struct tally *t)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < WIRE_N_TYPES; i++)
		sum += t->frames[i];
	return sum;
}

uint64_t tally_bytes(const struct tally *t)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < WIRE_N_TYPES; i++)
		sum += t->bytes[i];
	return sum;
}

void tally_print(const struct tally *t, unsigned n_nodes, FILE *out)
{
	const char *between = "";

	for (unsigned i = 0; i < WIRE_N_TYPES; i++) {
		if (t->frames[i] == 0)
			continue;
		fprintf(out, "%s%s %.1f/%.1fk", between, wire_rows[i].method,
			(double)t->frames[i] / n_nodes, (double)t->bytes[i] / n_nodes / 1000);
		if (i == WIRE_STATE)
			fprintf(out, " (%.0f records)", (double)t->records / n_nodes);
		between = ", ";
	}
}
