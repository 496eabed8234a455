#ifndef TEST_SIM_CROWD_H
#define TEST_SIM_CROWD_H
/*
 * A crowd of stand-ins around a few whole cores, for clusters whose n × n records fit no memory.
 *
 * Hosts 0 to n - 1 of the world are stand-ins, the rest run cores (proc). To a core each stand-in is a member as any
 * other: it is dialled, says hello, keeps the link, answers heartbeats, tells the whole table to who is new, lists in
 * its record the cores that are linked with it, and passes on what changes. What it has not is a table or a view of its
 * own: there is one table for the whole crowd, and how a change spreads among stand-ins is calculated, from neighbour to
 * neighbour over five rings, each taking the network's latency and up to the 5 ms that a core lets a link wait.
 */
#include "test/sim/sim.h"

struct crowd;

/* Before anything runs; the world's hooks of the network are taken over. */
struct crowd *crowd_new(struct sim *s, unsigned n);
void crowd_free(struct crowd *c);
/* Tells the cores what has spread to their neighbours meanwhile. Often: it is as exact as it is called. */
void crowd_deliver(struct crowd *c);
/* c may be NULL, i a core: false. */
bool crowd_alive(const struct crowd *c, unsigned i);
/* The process of a stand-in dies. */
void crowd_kill(struct crowd *c, unsigned i);

#endif
