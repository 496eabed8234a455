#ifndef TEST_SIM_STORY_DATA_H
#define TEST_SIM_STORY_DATA_H
/* What stories do with the shared data. Keys are numbers below LEDGER_KEYS; a value is the number of its write. */
#include "test/sim/ledger.h"
#include "test/sim/story.h"

/* Returns the write's number; the answer must be `code` within 8 s. */
unsigned put(struct story *st, unsigned i, unsigned key, enum data_ack ack,
	enum data_code code);
unsigned erase(struct story *st, unsigned i, unsigned key, enum data_ack ack,
	enum data_code code);
/* So many large values, of the keys from `from` on: what takes its time to be copied. */
void put_many(struct story *st, unsigned i, unsigned from, unsigned n);
/* The same without waiting for its answer. */
unsigned put_soon(struct story *st, unsigned i, unsigned key, enum data_ack ack);
void expect_code(struct story *st, unsigned write, enum data_code code, uint64_t within_ms);

/* Each of these nodes shows exactly these writes as the key's values, "3 7"; "-": none. */
void expect_values(struct story *st, const char *who, unsigned key, const char *values,
	uint64_t within_ms);
/* The same with the writes' numbers. */
void expect_value(struct story *st, const char *who, unsigned key, unsigned write,
	uint64_t within_ms);
/* All of these have the same data. */
void expect_equal(struct story *st, const char *who, uint64_t within_ms);
void expect_data_event(struct story *st, const char *who, enum data_event_kind kind,
	bool happened);
struct data_status data_of(struct story *st, unsigned i);

#endif
