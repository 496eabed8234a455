#include "test/sim/writers.h"

#include "test/sim/ledger.h"

enum { KEYS = 6 };

static unsigned draw(struct sim *s, unsigned n)
{
	return (unsigned)rng_below(&s->writers, n);
}

static void next(struct sim *s)
{
	uint64_t in_us = 1 + rng_below(&s->writers, (uint64_t)s->setup.write_ms * 2000);

	if (s->now_us + in_us < s->writes_end_us)
		sim_post(s, SIM_EV_WRITE, 0, 0, 0, in_us);
}

void writers_post(struct sim *s, uint64_t end_us)
{
	s->writes_end_us = end_us;
	if (s->setup.write_ms != 0)
		next(s);
}

static void write_something(struct sim *s)
{
	static const enum data_op ops[] = {DATA_PUT, DATA_PUT, DATA_PUT, DATA_PUT, DATA_PUT,
		DATA_DELETE, DATA_DELETE, DATA_RESOLVE};
	struct ledger_write w = {.op = ops[draw(s, 8)],
		.ack = (enum data_ack)draw(s, DATA_ACK_MAJORITY + 1),
		.key = draw(s, KEYS),
		.if_same = draw(s, 5) == 0};

	ledger_write(&s->proc[draw(s, (unsigned)s->n_procs)], &w);
}

/* Now and then several at once. */
void writers_event(struct sim *s)
{
	unsigned n = draw(s, 6) == 0 ? 1 + draw(s, 5) : 1;

	while (n-- > 0)
		write_something(s);
	next(s);
}
