#ifndef TEST_SIM_TALLY_H
#define TEST_SIM_TALLY_H
/* What nodes say to each other, counted by kind of message. */
#include <stdint.h>
#include <stdio.h>

#include "common/wire/wire.h"

struct tally {
	uint64_t frames[WIRE_N_TYPES], bytes[WIRE_N_TYPES];
	uint64_t records;       /* in WIRE_STATE */
	uint64_t most_of_one;   /* records in one frame */
	struct msg_arena arena; /* to look into frames with */
};

void tally_init(struct tally *t);
void tally_free(struct tally *t);
/* Counts whole frames, each behind its length. */
void tally_add(struct tally *t, const uint8_t *frames, size_t n);
/* Begins anew. */
void tally_clear(struct tally *t);
uint64_t tally_frames(const struct tally *t);
uint64_t tally_bytes(const struct tally *t);
/* Per node, the kinds that were said at all: "ping 12/1.1k, state 30/41.0k (55 records)", frames/bytes. */
void tally_print(const struct tally *t, unsigned n_nodes, FILE *out);

#endif
