#ifndef TEST_SIM_PATH_H
#define TEST_SIM_PATH_H
/*
 * What the network does between each two hosts, one direction at a time. Faults add up: each adds to a counter when it
 * begins and takes the same away when it ends, so they may overlap and end in any order.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/rng.h"

enum path_fault {
	PATH_CUT,    /* everything is dropped */
	PATH_REJECT, /* new connections are answered "refused" by a firewall */
	PATH_LOSS,   /* by: permille of packets */
	PATH_DELAY,  /* by: µs on top */
	PATH_SLOW,   /* 1 Mbit/s */
	PATH_N_FAULTS
};

enum { PATH_SLOW_BYTES_PER_S = 125000 };

struct path {
	int32_t by[PATH_N_FAULTS];
	uint32_t n_faults;
	uint64_t changed_us; /* when a fault began or ended last; 0: never */
};

struct paths {
	size_t n;
	struct path *at; /* n × n, [from * n + to]; NULL in a world of sides */
	uint8_t *side;   /* of each host, in a world of sides: what is on two of them is cut */
	struct path within, between;
	uint32_t base_us, jitter_us;
};

void paths_init(struct paths *p, size_t n, uint32_t base_us, uint32_t jitter_us);
/* For many hosts: no fault but a cut between sides, all on one at first. */
void paths_init_sides(struct paths *p, size_t n, uint32_t base_us, uint32_t jitter_us);
void paths_free(struct paths *p);
struct path *path_of(struct paths *p, unsigned from, unsigned to);
/* Adds (or with begin false takes away) a fault from one host to the other. */
void path_fault(struct paths *p, unsigned from, unsigned to, enum path_fault kind, int32_t by,
	bool begin, uint64_t now_us);
/* Does one packet sent now get through? */
bool path_passes(struct paths *p, unsigned from, unsigned to, struct rng *r);
uint64_t path_latency_us(struct paths *p, unsigned from, unsigned to, struct rng *r);
/* No fault in either direction now or since since_us. */
bool path_is_quiet(struct paths *p, unsigned a, unsigned b, uint64_t since_us);

#endif
