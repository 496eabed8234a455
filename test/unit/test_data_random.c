/*
 * Random histories of a few nodes: writes and deletions with every acknowledgement, cuts, lost requests and answers,
 * kills, disks that are slow, fail, lie or go back in time. When all is well again: an acknowledged write is there or was
 * replaced by one that had seen it, what was replaced does not come back, all nodes are equal, and the comparison that
 * would hide a fault was never needed.
 */
#include <check.h>

#define DW_REQUESTS 4096
#include "test/unit/data_world.h"

enum { SEEDS = 300, KEYS = 8, WRITES = 400, NOBODY = -1 };

/* A write: whose, of what, what it had seen, how it ended. */
struct write {
	int node;
	unsigned key;
	bool deleted, wild; /* wild: may have seen more than was to be seen */
	bool seen[WRITES];
};

static struct dworld *w;
static struct rng rng;
static struct write *writes;
static uint32_t n_writes;
static unsigned lossy;
static int old_disk; /* the one node whose disk may go back */
static struct dw_pair *saved;
static size_t n_saved;

static bool chance(unsigned percent)
{
	return rng_below(&rng, 100) < percent;
}

static int some(void)
{
	return (int)rng_below(&rng, (uint64_t)w->n);
}

static bool lose(struct dworld *world, const struct dw_message *m)
{
	(void)world;
	(void)m;
	return chance(lossy);
}

/* A side with more than half of all cores has quorum. */
static void look_around(void)
{
	for (int i = 0; i < w->n; i++) {
		int dist[DW_NODES], running = 0;

		if (w->node[i].data == NULL)
			continue;
		dw_distances(w, i, dist);
		for (int k = 0; k < w->n; k++)
			running += dist[k] >= 0;
		w->node[i].no_quorum = running * 2 <= w->n;
	}
	dw_views(w);
}

static void note_seen(struct write *x)
{
	char key[8];
	struct data_item item;

	snprintf(key, sizeof key, "k%u", x->key);
	if (!data_get(w->node[x->node].data, dw_span(key), &item))
		return;
	for (size_t i = 0; i < item.n_siblings; i++) {
		char text[16] = "";

		memcpy(text, item.sibling[i].value.p, item.sibling[i].value.n);
		if (!item.sibling[i].deleted)
			x->seen[atoi(text)] = true;
	}
}

static void write_something(void)
{
	int i = some();
	uint32_t n = n_writes;
	struct write *x = &writes[n];
	char key[8], value[16];

	if (w->node[i].data == NULL || n == WRITES)
		return;
	n_writes++;
	*x = (struct write){.node = i,
		.key = (unsigned)rng_below(&rng, KEYS),
		.deleted = chance(30),
		.wild = w->node[i].waiting != 0};
	note_seen(x);
	snprintf(key, sizeof key, "k%u", x->key);
	snprintf(value, sizeof value, "%u", n);
	dw_command(w, i,
		&(struct data_command){.op = x->deleted ? DATA_DELETE : DATA_PUT,
			.request = n,
			.ack = (enum data_ack)rng_below(&rng, 3),
			.key = dw_span(key),
			.value = dw_span(value)});
}

static void cut_something(void)
{
	int a = some(), b = some();
	bool on = chance(50);

	if (chance(20)) { /* sides */
		for (a = 0; a < w->n; a++)
			for (b = 0; b < w->n; b++)
				w->cut[a][b] = on && (a % 2) != (b % 2);
	} else if (a != b && chance(50)) {
		w->cut[a][b] = on;
	} else if (a != b) {
		w->unlinked[a][b] = w->unlinked[b][a] = on && chance(50);
	}
	look_around();
}

static void kill_something(void)
{
	int i = some();

	if (w->node[i].data != NULL) {
		dw_kill(w, i);
	} else {
		if (i == old_disk && saved != NULL && chance(50)) {
			dw_disk_restore(&w->node[i], saved, n_saved);
			saved = NULL;
		}
		dw_start(w, i);
	}
	look_around();
}

static void break_disk(void)
{
	int i = some();

	switch (rng_below(&rng, 4)) {
	case 0:
		w->node[i].slow_disk = !w->node[i].slow_disk;
		break;
	case 1:
		w->node[i].disk_error = w->node[i].disk_error == 0 ? -EIO : 0;
		w->node[i].disk_lies = chance(50);
		break;
	case 2:
		if (w->node[i].data != NULL)
			dw_disk(w, i);
		break;
	default:
		if (saved == NULL && w->node[old_disk].waiting == 0)
			saved = dw_disk_save(&w->node[old_disk], &n_saved);
	}
}

static void step(void)
{
	unsigned what = (unsigned)rng_below(&rng, 100);

	if (what < 60)
		write_something();
	else if (what < 72)
		cut_something();
	else if (what < 78)
		kill_something();
	else if (what < 86)
		break_disk();
	dw_run(w, chance(3) ? 70000 : chance(20) ? rng_below(&rng, 3000) : rng_below(&rng, 20));
}

/* Faults end; the rest must follow. */
static void put_right(void)
{
	lossy = 0;
	memset(w->cut, 0, sizeof w->cut);
	memset(w->unlinked, 0, sizeof w->unlinked);
	for (int i = 0; i < w->n; i++) {
		w->node[i].slow_disk = w->node[i].disk_lies = false;
		w->node[i].disk_error = 0;
		if (w->node[i].data == NULL)
			dw_start(w, i);
		else
			dw_disk(w, i);
	}
	look_around();
	dw_run(w, 40000);
}

static bool stands(uint32_t n, int at)
{
	char key[8];
	struct data_item item;

	snprintf(key, sizeof key, "k%u", writes[n].key);
	if (!data_get(w->node[at].data, dw_span(key), &item))
		return false;
	for (size_t i = 0; i < item.n_siblings; i++) {
		char text[16] = "";

		memcpy(text, item.sibling[i].value.p, item.sibling[i].value.n);
		if (!item.sibling[i].deleted && (uint32_t)atoi(text) == n)
			return true;
	}
	return false;
}

/* Durable on a disk that does not go back. */
static bool for_good(uint32_t n)
{
	const struct dw_node *node = &w->node[writes[n].node];

	return node->replied[n] && node->reply[n].code == DATA_OK &&
	       (writes[n].node != old_disk || node->reply[n].acked > 1);
}

static bool may_be_replaced(uint32_t n)
{
	for (uint32_t k = n + 1; k < n_writes; k++)
		if (writes[k].key == writes[n].key &&
			(writes[k].seen[n] || writes[k].wild ||
				/* not shown yet, but written before */
				writes[k].node == writes[n].node))
			return true;
	return false;
}

static bool was_replaced(uint32_t n)
{
	for (uint32_t k = n + 1; k < n_writes; k++)
		if (writes[k].key == writes[n].key && writes[k].seen[n] && for_good(k))
			return true;
	return false;
}

static void judge(uint64_t seed)
{
	struct data_status first = dw_status(w, 0);

	for (int i = 0; i < w->n; i++) {
		struct data_status st = dw_status(w, i);

		ck_assert_msg(st.vector_hash == first.vector_hash, "seed %d: vector of %d",
			(int)seed, i);
		ck_assert_msg(st.data_hash == first.data_hash, "seed %d: data of %d", (int)seed,
			i);
		ck_assert_msg(w->node[i].n_events[DATA_EV_DIFFERS] == 0,
			"seed %d: %d compared everything", (int)seed, i);
	}
	for (uint32_t n = 0; n < n_writes; n++) {
		if (writes[n].deleted)
			continue;
		if (for_good(n) && !may_be_replaced(n))
			ck_assert_msg(stands(n, 0), "seed %d: write %u of k%u is lost",
				(int)seed, n, writes[n].key);
		if (was_replaced(n))
			ck_assert_msg(!stands(n, 0), "seed %d: write %u of k%u came back",
				(int)seed, n, writes[n].key);
	}
}

static void history(uint64_t seed)
{
	unsigned steps;

	rng_init(&rng, seed);
	w = xcalloc(1, sizeof *w);
	writes = xcalloc(WRITES, sizeof *writes);
	n_writes = 0;
	saved = NULL;
	dw_init(w);
	w->drop = lose;
	lossy = chance(50) ? 0 : (unsigned)rng_below(&rng, 30);
	w->conf.tombstone_ttl_ms = chance(50) ? 60000 : 7 * 86400000ULL;
	for (unsigned n = 2 + (unsigned)rng_below(&rng, 5); n > 0; n--)
		dw_add(w, WIRE_CORE);
	old_disk = chance(50) ? some() : NOBODY;
	if (old_disk == NOBODY)
		old_disk = DW_NODES - 1; /* one that is not there */
	look_around();
	steps = 20 + (unsigned)rng_below(&rng, 200);
	while (steps-- > 0)
		step();
	put_right();
	judge(seed);
	for (size_t i = 0; saved != NULL && i < n_saved; i++) {
		free(saved[i].key);
		free(saved[i].value);
	}
	free(saved);
	dw_free(w);
	free(w);
	free(writes);
}

/* One seed by hand: DATA_SEED=7. */
START_TEST(whatever_happens_nothing_is_lost)
{
	const char *only = getenv("DATA_SEED"), *more = getenv("DATA_SEEDS");
	uint64_t seeds = more == NULL ? SEEDS : strtoull(more, NULL, 10);

	for (uint64_t seed = 1 + (uint64_t)_i; seed <= seeds && only == NULL; seed += 4)
		history(seed);
	if (only != NULL && _i == 0)
		history(strtoull(only, NULL, 10));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("data_random");
	TCase *tc = tcase_create("random");

	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, whatever_happens_nothing_is_lost, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
