#ifndef TEST_UNIT_DATA_NODES_H
#define TEST_UNIT_DATA_NODES_H
/* What the tests of several nodes' data share: one world for each test, and how it is looked at. */
#include <check.h>

#include "test/unit/data_world.h"

static struct dworld *w;

static inline void setup(void)
{
	w = xcalloc(1, sizeof *w);
	dw_init(w);
}

static inline void teardown(void)
{
	dw_free(w);
	free(w);
}

static inline void nodes(int n)
{
	for (int i = 0; i < n; i++)
		dw_add(w, WIRE_CORE);
	dw_views(w);
	dw_run(w, 100);
}

static inline void cut(int a, int b, bool on)
{
	w->cut[a][b] = w->cut[b][a] = on;
	dw_views(w);
}

static inline void links(const char *pairs)
{
	for (int a = 0; a < w->n; a++)
		for (int b = 0; b < w->n; b++)
			w->unlinked[a][b] = true;
	for (; *pairs != '\0'; pairs += pairs[2] == '\0' ? 2 : 3)
		w->unlinked[pairs[0] - '0'][pairs[1] - '0'] =
			w->unlinked[pairs[1] - '0'][pairs[0] - '0'] = false;
	dw_views(w);
}

static inline void all_equal(void)
{
	struct data_status first = {0};

	for (int i = 0; i < w->n; i++) {
		struct data_status st;

		if (w->node[i].data == NULL)
			continue;
		st = dw_status(w, i);
		/* the last resort, which would hide what went wrong before */
		ck_assert_uint_eq(w->node[i].n_events[DATA_EV_DIFFERS], 0);
		if (first.max_bytes == 0)
			first = st;
		ck_assert_msg(st.vector_hash == first.vector_hash, "node %d: vector", i);
		ck_assert_msg(st.data_hash == first.data_hash, "node %d: data", i);
		ck_assert_uint_eq(st.entries, first.entries);
		ck_assert_uint_eq(st.conflicts, first.conflicts);
	}
}

static inline enum data_code code(int i, uint32_t request)
{
	ck_assert_msg(w->node[i].replied[request], "request %u has no answer", request);
	return w->node[i].reply[request].code;
}

#endif
