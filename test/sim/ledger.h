#ifndef TEST_SIM_LEDGER_H
#define TEST_SIM_LEDGER_H
/*
 * What was written, and what each node has shown of it: every value is the number of its write, so that a reader sees
 * whose it is. Watched at every change of every node's data, as invariant "kv":
 *   - what a node has shown is durable there: it goes only when a write that may have seen it took its place, when the
 *     disk went back or was lost, or when a join replaced the data (a restart alone takes nothing);
 *   - what was replaced or deleted on a node is never shown there again;
 *   - an acknowledgement is true: so many nodes have it as it says, as many as were asked for;
 *   - who clears its data for good has handed everything over.
 * With equal data on all members (settle_data.h) this says of the cluster what it says of each.
 */
#include "membership/data/data.h"
#include "test/sim/proc.h"

enum { LEDGER_WRITES = 512, LEDGER_KEYS = 48 };

struct ledger;

struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);

/* A write of this key is given to p now; the value is made here. Returns its request, 0: p takes none. */
struct ledger_write {
	enum data_op op;
	enum data_ack ack;
	unsigned key;
	bool if_same; /* only when the key is what it is now */
	bool large;   /* a value of 32 KiB */
	uint32_t timeout_ms;
};
uint32_t ledger_write(struct proc *p, const struct ledger_write *w);

/* --- told by proc_data */
void ledger_reply(struct proc *p, const struct data_reply *r);
void ledger_changed(struct proc *p);
/* whole: the disk is as it was left. */
void ledger_started(struct proc *p, bool whole);
/* Its hand-over is done: others have all that it has. */
void ledger_handed(struct proc *p);
/* It is about to clear its data. */
void ledger_clears(struct proc *p, bool forced);
/* Other data took its place. */
void ledger_replaced(struct proc *p);

/* --- questions of stories */
/* The number of the last write that was given to anybody. */
unsigned ledger_last(const struct sim *s);
/* How a write was answered; -1: not yet. */
int ledger_code(const struct sim *s, unsigned write);
/* Does p show the value of that write, alone or among others? */
bool ledger_shows(struct proc *p, unsigned write);
/* The numbers of the values of a key at p, "3 7"; "-" when there is none. */
void ledger_text(struct proc *p, unsigned key, char *out, size_t cap);

#endif
