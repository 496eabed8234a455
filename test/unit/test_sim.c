/* The simulator's own parts: time, disk, plans (its network: test_sim_net.c). What they carry, the cores, is not in here. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/disk.h"
#include "test/sim/handles.h"
#include "test/sim/plan.h"
#include "test/sim/queue.h"

/* --- the queue */

START_TEST(queue_orders_by_time_then_by_arrival)
{
	struct queue q = {0};
	struct queue_ev last = {0};
	struct rng r;

	rng_init(&r, 1);
	for (uint32_t i = 0; i < 5000; i++)
		queue_push(&q, (struct queue_ev){.at_us = rng_below(&r, 300), .who = i});
	last = queue_pop(&q);
	for (uint32_t i = 1; i < 5000; i++) {
		struct queue_ev ev = queue_pop(&q);

		ck_assert(
			ev.at_us > last.at_us || (ev.at_us == last.at_us && ev.who > last.who));
		last = ev;
	}
	ck_assert_ptr_null(queue_first(&q));
	queue_free(&q);
}
END_TEST

/* --- handles */

START_TEST(handles_survive_drops)
{
	struct handles h = {0};
	bool have[512] = {false};
	struct rng r;

	rng_init(&r, 2);
	for (int i = 0; i < 20000; i++) {
		uint32_t k = 1 + (uint32_t)rng_below(&r, 511);

		if (have[k])
			handles_drop(&h, k);
		else
			handles_put(&h, k, (struct net_side *)(uintptr_t)k);
		have[k] = !have[k];
		k = 1 + (uint32_t)rng_below(&r, 511);
		ck_assert_uint_eq((uintptr_t)handles_get(&h, k), have[k] ? k : 0);
	}
	handles_free(&h);
}
END_TEST

/* --- the disk */

static void write_one(struct disk *d, uint64_t seq, const char *key, const char *value)
{
	struct core_write w = {.key = (const uint8_t *)key, .key_n = strlen(key)};

	if (value != NULL) {
		w.value = (const uint8_t *)value;
		w.value_n = strlen(value);
	}
	disk_write(d, DISK_CORE, seq, &w, 1);
}

static bool has(const struct disk *d, const char *key, const char *value)
{
	size_t n;
	struct core_kv *kv = disk_load(d, DISK_ALL, &n);
	bool found = false;

	for (size_t i = 0; i < n; i++)
		if (kv[i].key_n == strlen(key) && memcmp(kv[i].key, key, kv[i].key_n) == 0)
			found = kv[i].value_n == strlen(value) &&
				memcmp(kv[i].value, value, kv[i].value_n) == 0;
	free(kv);
	return found;
}

START_TEST(disk_keeps_what_was_committed)
{
	struct disk d = {0}, copy = {0};

	write_one(&d, 1, "a", "1");
	write_one(&d, 2, "a", "2");
	write_one(&d, 3, "b", "3");
	ck_assert_uint_eq(disk_pending(&d)->seq, 1);
	ck_assert(!has(&d, "a", "1"));
	disk_commit(&d, false);
	ck_assert(has(&d, "a", "1"));
	disk_crash(&d, 1);
	ck_assert_ptr_null(disk_pending(&d));
	ck_assert(has(&d, "a", "2"));
	ck_assert(!has(&d, "b", "3"));
	disk_copy(&copy, &d);
	disk_roll_back(&d, 1);
	ck_assert(has(&d, "a", "1"));
	ck_assert(has(&copy, "a", "2"));
	write_one(&d, 4, "a", NULL);
	disk_commit(&d, true);
	ck_assert(has(&d, "a", "1"));
	write_one(&d, 5, "a", NULL);
	disk_commit(&d, false);
	ck_assert(!has(&d, "a", "1"));
	disk_free(&d);
	disk_free(&copy);
}
END_TEST

/* --- plans */

START_TEST(plan_is_the_same_after_a_trip_through_text)
{
	for (uint64_t seed = 0; seed < 200; seed++) {
		char *text = NULL, *again = NULL;
		size_t n = 0;
		struct plan p, q;
		const char *why = "";
		FILE *f = open_memstream(&text, &n);

		plan_draw(&p, seed, 0);
		plan_write(&p, f);
		fclose(f);
		again = strdup(text);
		ck_assert_msg(plan_read(&q, again, &why) == 0, "seed %lu: %s",
			(unsigned long)seed, why);
		ck_assert_uint_eq(p.n, q.n);
		ck_assert_mem_eq(p.item, q.item, p.n * sizeof p.item[0]);
		ck_assert_mem_eq(&p.setup.n, &q.setup.n, sizeof p.setup.n);
		ck_assert_uint_eq(p.setup.members_max, q.setup.members_max);
		free(text);
		free(again);
	}
}
END_TEST

START_TEST(plan_refuses_nonsense)
{
	static const char *const bad[] = {"", "n", "nodes=3", "n=3; 5 kil 0 0 0 0 0",
		"n=3; 5 kill 0 3 0 0 0", "n=3; 5 kill", "n=60 n_spare=60"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char *line = strdup(bad[i]);
		struct plan p;
		const char *why = NULL;

		ck_assert_msg(plan_read(&p, line, &why) != 0, "%s", bad[i]);
		ck_assert_ptr_nonnull(why);
		free(line);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim");
	TCase *t = tcase_create("parts");
	SRunner *r;
	int failed;

	tcase_add_test(t, queue_orders_by_time_then_by_arrival);
	tcase_add_test(t, handles_survive_drops);
	tcase_add_test(t, disk_keeps_what_was_committed);
	tcase_add_test(t, plan_is_the_same_after_a_trip_through_text);
	tcase_add_test(t, plan_refuses_nonsense);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
