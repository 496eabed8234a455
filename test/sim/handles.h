#ifndef TEST_SIM_HANDLES_H
#define TEST_SIM_HANDLES_H
/* From a core's connection handles to the sides of the net's connections: open addressing, 0 is no handle. */
#include <stddef.h>
#include <stdint.h>

struct net_side;

struct handle_slot {
	uint32_t handle;
	struct net_side *side;
};

struct handles {
	struct handle_slot *slot;
	size_t n, cap; /* cap: a power of two */
};

void handles_free(struct handles *h);
void handles_clear(struct handles *h);
void handles_put(struct handles *h, uint32_t handle, struct net_side *side);
/* NULL when there is none. */
struct net_side *handles_get(const struct handles *h, uint32_t handle);
void handles_drop(struct handles *h, uint32_t handle);

#endif
