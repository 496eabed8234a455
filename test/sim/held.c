#include "test/sim/held.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>

#include "test/sim/proc.h"
#include "test/sim/proc_data.h"

/* The bound: blocks and bytes for each … */
enum {
	KIB = 1024,
	/* … core (half of the bytes are effects, of which there were many once) */
	CORE_BLOCKS = 64,
	CORE_BYTES = 512 * KIB,
	/* … member in its memory, departed ones too: its texts and edges, its connection and what waits there */
	MEMBER_BLOCKS = 9,
	MEMBER_BYTES = 4 * KIB,
	TAG_BLOCKS = 3,
	/* … data, and peer of it */
	DATA_BLOCKS = 48,
	DATA_BYTES = 256 * KIB,
	PEER_BLOCKS = 4,
	PEER_BYTES = 4 * KIB,
	/* … entry, besides its key and values, which may be there twice; so many late writes are kept like entries */
	ENTRY_BYTES = KIB / 2,
	LATE_MAX = 16384,
	/* What is as large as that is a table of data of one size: that of late writes, that of answers to replicas. */
	TABLE_BYTES = 256 * KIB,
	DATA_TABLES = 2,
};

/* --- weighing: the linker hands us every free() (Makefile) */

struct weight {
	size_t blocks;
	size_t bytes, tables, table_bytes; /* bytes: without the tables' */
};

static struct weight *scales; /* NULL: nothing is weighed */

void __real_free(void *p);
void __wrap_free(void *p);

void __wrap_free(void *p)
{
	size_t n = scales == NULL || p == NULL ? 0 : malloc_usable_size(p);

	if (n > 0) {
		scales->blocks++;
		if (n >= TABLE_BYTES) {
			scales->tables++;
			scales->table_bytes += n;
		} else {
			scales->bytes += n;
		}
	}
	__real_free(p);
}

static struct weight weigh_core(struct proc *p)
{
	struct weight w = {0};

	scales = &w;
	core_free(p->core);
	scales = NULL;
	p->core = NULL;
	return w;
}

static struct weight weigh_data(struct proc *p)
{
	struct weight w = {0};

	scales = &w;
	data_free(p->kv->data);
	scales = NULL;
	p->kv->data = NULL;
	return w;
}

/* --- judging */

static void at_most(struct proc *p, const char *what, uint64_t is, uint64_t most)
{
	if (is > most)
		sim_fail(p->sim, "g",
			"%s holds %" PRIu64 " %s, and with its members and entries %" PRIu64
			" should do",
			p->label, is, what, most);
}

/* Whoever was a member once: each start may be of another one, and each swap of the data. */
static uint64_t ever_members(const struct sim *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n_procs; i++)
		n += s->proc[i].life + s->proc[i].n_swaps;
	return n;
}

static size_t count_tags(const struct core *c)
{
	size_t n = 0;

	for (size_t i = 0; i < core_n_members(c); i++) {
		struct core_member m;

		core_member_at(c, i, &m);
		n += m.n_tags;
	}
	return n;
}

static void judge_core(struct proc *p)
{
	struct core_counters n;
	size_t tags = count_tags(p->core);
	struct weight w;

	core_counters(p->core, &n);
	at_most(p, "members and departed ids", n.places + n.graves, ever_members(p->sim));
	at_most(p, "connections", n.conns, 2 * p->sim->n_procs);
	w = weigh_core(p);
	at_most(p, "blocks of memory in its core", w.blocks,
		CORE_BLOCKS + MEMBER_BLOCKS * n.places + TAG_BLOCKS * tags);
	at_most(p, "bytes in its core", w.bytes + w.table_bytes,
		CORE_BYTES + MEMBER_BYTES * n.places);
}

static void judge_data(struct proc *p)
{
	uint64_t members = core_n_members(p->core), kept;
	struct data_status st;
	struct weight w;

	data_status(p->kv->data, &st);
	kept = st.entries + st.tombstones + st.conflicts +
	       (st.index < LATE_MAX ? st.index : LATE_MAX);
	w = weigh_data(p);
	at_most(p, "blocks of memory in its data", w.blocks,
		DATA_BLOCKS + PEER_BLOCKS * members + kept);
	at_most(p, "bytes in its data", w.bytes,
		DATA_BYTES + PEER_BYTES * members + ENTRY_BYTES * kept + 2 * st.bytes);
	at_most(p, "large tables in its data", w.tables, DATA_TABLES);
}

void held_check(struct sim *s)
{
	for (size_t i = 0; i < s->n_procs && !s->failed; i++) {
		struct proc *p = &s->proc[i];

		if (p->core == NULL)
			continue;
		if (p->kv->data != NULL)
			judge_data(p);
		judge_core(p);
	}
}
