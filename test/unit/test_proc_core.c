#include <check.h>
#include <signal.h>

#include "supervisor/proc_core.h"

static const struct proc_policy policy = {
	.restart_min_ms = 100,
	.restart_max_ms = 30000,
	.healthy_ms = 60000,
	.watchdog_ms = 10000,
	.stop_ms = 5000,
	.eof_ms = 1000,
};

enum { STEPS_MAX = 12, WHEN_DUE = 0 };

struct step {
	enum proc_event ev;
	uint64_t at_ms; /* WHEN_DUE: at the deadline */
	enum proc_fx fx;
	enum proc_state state;
};

struct story {
	const char *title;
	enum proc_why killed;
	struct step step[STEPS_MAX];
};

#define UP                                                    \
	{PROC_EV_START, 1, PROC_FX_SPAWN, PROC_STARTING},     \
	{                                                     \
		PROC_EV_READY, 10, PROC_FX_NONE, PROC_RUNNING \
	}
#define END                                                  \
	{                                                    \
		PROC_N_EVENTS, 0, PROC_FX_NONE, PROC_STOPPED \
	}

static const struct story stories[] = {
	{"a child that dies is started again after a pause", PROC_WHY_NONE,
		{UP, {PROC_EV_EXIT, 500, PROC_FX_NONE, PROC_BACKOFF},
			{PROC_EV_DEADLINE, WHEN_DUE, PROC_FX_SPAWN, PROC_STARTING}, END}},
	{"one that could not even start waits likewise", PROC_WHY_NONE,
		{{PROC_EV_START, 1, PROC_FX_SPAWN, PROC_STARTING},
			{PROC_EV_EXIT, 1, PROC_FX_NONE, PROC_BACKOFF},
			{PROC_EV_DEADLINE, WHEN_DUE, PROC_FX_SPAWN, PROC_STARTING}, END}},
	{"one that ends over its configuration is left alone", PROC_WHY_NONE,
		{UP, {PROC_EV_EXIT_CONFIG, 500, PROC_FX_NONE, PROC_STOPPED}, END}},
	{"and starts again when it is told to", PROC_WHY_NONE,
		{UP, {PROC_EV_EXIT_CONFIG, 500, PROC_FX_NONE, PROC_STOPPED},
			{PROC_EV_START, 900, PROC_FX_SPAWN, PROC_STARTING}, END}},
	{"silence is answered with a kill and a restart", PROC_WHY_WATCHDOG,
		{UP, {PROC_EV_BEAT, 9000, PROC_FX_NONE, PROC_RUNNING},
			{PROC_EV_DEADLINE, 19000, PROC_FX_KILL, PROC_KILLING},
			{PROC_EV_EXIT, 19001, PROC_FX_NONE, PROC_BACKOFF}, END}},
	{"silence while starting too", PROC_WHY_WATCHDOG,
		{{PROC_EV_START, 1, PROC_FX_SPAWN, PROC_STARTING},
			{PROC_EV_DEADLINE, 10001, PROC_FX_KILL, PROC_KILLING}, END}},
	{"a slow start that beats is let be", PROC_WHY_NONE,
		{{PROC_EV_START, 1, PROC_FX_SPAWN, PROC_STARTING},
			{PROC_EV_BEAT, 9000, PROC_FX_NONE, PROC_STARTING},
			{PROC_EV_BEAT, 18000, PROC_FX_NONE, PROC_STARTING},
			{PROC_EV_READY, 27000, PROC_FX_NONE, PROC_RUNNING}, END}},
	{"garbage is answered with a kill and a restart", PROC_WHY_FAULT,
		{UP, {PROC_EV_FAULT, 500, PROC_FX_KILL, PROC_KILLING},
			{PROC_EV_FAULT, 501, PROC_FX_NONE, PROC_KILLING},
			{PROC_EV_EXIT, 502, PROC_FX_NONE, PROC_BACKOFF}, END}},
	{"the end of its channel is usually followed by its own", PROC_WHY_NONE,
		{UP, {PROC_EV_EOF, 500, PROC_FX_NONE, PROC_STOPPING},
			{PROC_EV_EXIT, 501, PROC_FX_NONE, PROC_BACKOFF}, END}},
	{"its exit code still counts then", PROC_WHY_NONE,
		{UP, {PROC_EV_EOF, 500, PROC_FX_NONE, PROC_STOPPING},
			{PROC_EV_EXIT_CONFIG, 501, PROC_FX_NONE, PROC_STOPPED}, END}},
	{"one that closed its channel and lingers is killed", PROC_WHY_GRACE,
		{UP, {PROC_EV_EOF, 500, PROC_FX_NONE, PROC_STOPPING},
			{PROC_EV_DEADLINE, 1500, PROC_FX_KILL, PROC_KILLING},
			{PROC_EV_EXIT, 1501, PROC_FX_NONE, PROC_BACKOFF}, END}},
	{"a stop is asked for and stays", PROC_WHY_NONE,
		{UP, {PROC_EV_STOP, 500, PROC_FX_ASK_STOP, PROC_STOPPING},
			{PROC_EV_STOP, 600, PROC_FX_NONE, PROC_STOPPING},
			{PROC_EV_BEAT, 700, PROC_FX_NONE, PROC_STOPPING},
			{PROC_EV_EXIT, 800, PROC_FX_NONE, PROC_STOPPED}, END}},
	{"who does not stop within 5 s is killed", PROC_WHY_GRACE,
		{UP, {PROC_EV_STOP, 500, PROC_FX_ASK_STOP, PROC_STOPPING},
			{PROC_EV_BEAT, 5000, PROC_FX_NONE, PROC_STOPPING},
			{PROC_EV_DEADLINE, 5500, PROC_FX_KILL, PROC_KILLING},
			{PROC_EV_EXIT, 5501, PROC_FX_NONE, PROC_STOPPED}, END}},
	{"a stop during a pause is immediate", PROC_WHY_NONE,
		{UP, {PROC_EV_EXIT, 500, PROC_FX_NONE, PROC_BACKOFF},
			{PROC_EV_STOP, 510, PROC_FX_NONE, PROC_STOPPED}, END}},
	{"a wanted restart has no pause", PROC_WHY_NONE,
		{UP, {PROC_EV_RESTART, 500, PROC_FX_ASK_STOP, PROC_STOPPING},
			{PROC_EV_EXIT, 600, PROC_FX_SPAWN, PROC_STARTING}, END}},
	{"and cuts one short", PROC_WHY_NONE,
		{UP, {PROC_EV_EXIT, 500, PROC_FX_NONE, PROC_BACKOFF},
			{PROC_EV_RESTART, 510, PROC_FX_SPAWN, PROC_STARTING}, END}},
	{"a stop after a wanted restart wins", PROC_WHY_NONE,
		{UP, {PROC_EV_RESTART, 500, PROC_FX_ASK_STOP, PROC_STOPPING},
			{PROC_EV_STOP, 510, PROC_FX_NONE, PROC_STOPPING},
			{PROC_EV_EXIT, 600, PROC_FX_NONE, PROC_STOPPED}, END}},
	{"a start after a stop wins", PROC_WHY_NONE,
		{UP, {PROC_EV_STOP, 500, PROC_FX_ASK_STOP, PROC_STOPPING},
			{PROC_EV_START, 510, PROC_FX_NONE, PROC_STOPPING},
			{PROC_EV_EXIT, 600, PROC_FX_SPAWN, PROC_STARTING}, END}},
	{"a worker whose membership died goes at once and comes with the next", PROC_WHY_NONE,
		{UP, {PROC_EV_HALT, 500, PROC_FX_KILL, PROC_KILLING},
			{PROC_EV_START, 600, PROC_FX_NONE, PROC_KILLING},
			{PROC_EV_EXIT, 700, PROC_FX_SPAWN, PROC_STARTING}, END}},
	{"or waits for it", PROC_WHY_HALT,
		{UP, {PROC_EV_HALT, 500, PROC_FX_KILL, PROC_KILLING},
			{PROC_EV_EXIT, 700, PROC_FX_NONE, PROC_STOPPED}, END}},
	{"a worker in its pause waits for it too", PROC_WHY_NONE,
		{UP, {PROC_EV_EXIT, 500, PROC_FX_NONE, PROC_BACKOFF},
			{PROC_EV_HALT, 510, PROC_FX_NONE, PROC_STOPPED}, END}},
	{"a stopping worker whose membership died is killed", PROC_WHY_HALT,
		{UP, {PROC_EV_STOP, 500, PROC_FX_ASK_STOP, PROC_STOPPING},
			{PROC_EV_HALT, 510, PROC_FX_KILL, PROC_KILLING},
			{PROC_EV_EXIT, 520, PROC_FX_NONE, PROC_STOPPED}, END}},
	{"what comes late from a dead child changes nothing", PROC_WHY_NONE,
		{{PROC_EV_BEAT, 1, PROC_FX_NONE, PROC_STOPPED},
			{PROC_EV_READY, 2, PROC_FX_NONE, PROC_STOPPED},
			{PROC_EV_EOF, 3, PROC_FX_NONE, PROC_STOPPED},
			{PROC_EV_FAULT, 4, PROC_FX_NONE, PROC_STOPPED}, END}},
};

START_TEST(test_story)
{
	const struct story *s = &stories[_i];
	struct proc p = {0};
	struct rng rng;

	rng_init(&rng, 1);
	for (const struct step *t = s->step; t->ev != PROC_N_EVENTS; t++) {
		uint64_t at_ms = t->at_ms == WHEN_DUE ? p.deadline_ms : t->at_ms;
		enum proc_fx fx = proc_step(&p, &policy, &rng, t->ev, at_ms);

		ck_assert_msg(fx == t->fx, "%s: step %td: effect %d, not %d", s->title,
			t - s->step, (int)fx, (int)t->fx);
		ck_assert_msg(p.state == t->state, "%s: step %td: %s, not %s", s->title,
			t - s->step, proc_state_name(p.state), proc_state_name(t->state));
	}
	ck_assert_msg(p.killed == s->killed, "%s: killed for %d", s->title, (int)p.killed);
}
END_TEST

/* Lets it die after living `ms`; the pause that follows. */
static uint64_t pause_after(struct proc *p, struct rng *rng, uint64_t *now_ms, uint64_t ms)
{
	proc_step(p, &policy, rng, PROC_EV_READY, *now_ms);
	*now_ms += ms;
	proc_step(p, &policy, rng, PROC_EV_EXIT, *now_ms);
	ck_assert_int_eq(p->state, PROC_BACKOFF);
	return p->deadline_ms - *now_ms;
}

START_TEST(test_pauses_double_to_their_limit_and_start_over_after_a_minute_of_health)
{
	uint64_t want_ms = 100, now_ms = 1, pause_ms;
	struct proc p = {0};
	struct rng rng;

	rng_init(&rng, (uint64_t)_i);
	proc_step(&p, &policy, &rng, PROC_EV_START, now_ms);
	for (int i = 0; i < 14; i++) {
		pause_ms = pause_after(&p, &rng, &now_ms, 59999);
		ck_assert_uint_le(pause_ms, want_ms);
		ck_assert_uint_ge(pause_ms, want_ms * 8 / 10);
		want_ms = 2 * want_ms > 30000 ? 30000 : 2 * want_ms;
		now_ms = p.deadline_ms;
		proc_step(&p, &policy, &rng, PROC_EV_DEADLINE, now_ms);
	}
	ck_assert_uint_le(pause_after(&p, &rng, &now_ms, 60000), 100);
	ck_assert_uint_eq(p.starts, 15);
}
END_TEST

START_TEST(test_pauses_of_many_differ)
{
	uint64_t seen[16];
	unsigned equal = 0;

	for (uint64_t seed = 0; seed < 16; seed++) {
		uint64_t now_ms = 1;
		struct proc p = {.backoff_ms = 10000};
		struct rng rng;

		rng_init(&rng, seed);
		proc_step(&p, &policy, &rng, PROC_EV_START, now_ms);
		seen[seed] = pause_after(&p, &rng, &now_ms, 10);
		for (uint64_t i = 0; i < seed; i++)
			equal += seen[i] == seen[seed];
	}
	ck_assert_uint_lt(equal, 3);
}
END_TEST

/* Every event in every state: an effect only where there is, or will be, a process to have it on. */
START_TEST(test_no_event_is_out_of_place)
{
	for (int state = 0; state < PROC_N_STATES; state++)
		for (int ev = 0; ev < PROC_N_EVENTS; ev++) {
			bool timeless = state == PROC_STOPPED || state == PROC_KILLING;
			struct proc p = {.state = (enum proc_state)state,
				.deadline_ms = timeless ? 0 : 50};
			bool has = proc_has_process(&p);
			enum proc_fx fx;
			struct rng rng;

			rng_init(&rng, 1);
			if ((ev == PROC_EV_DEADLINE && timeless) ||
				((ev == PROC_EV_EXIT || ev == PROC_EV_EXIT_CONFIG) && !has))
				continue; /* asserted, see below */
			fx = proc_step(&p, &policy, &rng, (enum proc_event)ev, 100);
			if (fx == PROC_FX_KILL || fx == PROC_FX_ASK_STOP)
				ck_assert(has && proc_has_process(&p));
			if (fx == PROC_FX_SPAWN)
				ck_assert_int_eq(p.state, PROC_STARTING);
			if (!has && fx != PROC_FX_SPAWN)
				ck_assert(!proc_has_process(&p));
		}
}
END_TEST

START_TEST(test_an_exit_without_a_process_is_our_bug)
{
	struct proc p = {0};
	struct rng rng;

	rng_init(&rng, 1);
	proc_step(&p, &policy, &rng, PROC_EV_EXIT, 1);
}
END_TEST

START_TEST(test_a_deadline_before_its_time_is_our_bug)
{
	struct proc p = {.state = PROC_BACKOFF, .deadline_ms = 100};
	struct rng rng;

	rng_init(&rng, 1);
	proc_step(&p, &policy, &rng, PROC_EV_DEADLINE, 99);
}
END_TEST

START_TEST(test_the_clock_stands_while_we_do_not_run)
{
	struct proc_clock c = {0};
	uint64_t start_ms = proc_clock_advance(&c, 1000000);

	ck_assert_uint_gt(start_ms, 0);
	ck_assert_uint_eq(proc_clock_advance(&c, 1000700), start_ms + 700);
	/* An hour of suspension counts as one late turn. */
	ck_assert_uint_eq(proc_clock_advance(&c, 4600700),
		start_ms + 700 + PROC_CLOCK_STEP_MAX_MS);
	ck_assert_uint_eq(proc_clock_advance(&c, 4600750),
		start_ms + 750 + PROC_CLOCK_STEP_MAX_MS);
	ck_assert_uint_eq(proc_clock_advance(&c, 4600000),
		start_ms + 750 + PROC_CLOCK_STEP_MAX_MS); /* never backwards */
}
END_TEST

START_TEST(test_a_stalled_supervisor_kills_nobody)
{
	struct proc_clock c = {0};
	struct proc p = {0};
	struct rng rng;

	rng_init(&rng, 1);
	proc_step(&p, &policy, &rng, PROC_EV_START, proc_clock_advance(&c, 5000));
	proc_step(&p, &policy, &rng, PROC_EV_READY, proc_clock_advance(&c, 5100));
	ck_assert_uint_lt(proc_clock_advance(&c, 5100 + 3600 * 1000), p.deadline_ms);
}
END_TEST

#define N(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int main(void)
{
	Suite *s = suite_create("proc_core");
	TCase *tc = tcase_create("proc");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, test_story, 0, N(stories));
	tcase_add_loop_test(tc,
		test_pauses_double_to_their_limit_and_start_over_after_a_minute_of_health, 0,
		5);
	tcase_add_test(tc, test_pauses_of_many_differ);
	tcase_add_test(tc, test_no_event_is_out_of_place);
	tcase_add_test_raise_signal(tc, test_an_exit_without_a_process_is_our_bug, SIGABRT);
	tcase_add_test_raise_signal(tc, test_a_deadline_before_its_time_is_our_bug, SIGABRT);
	tcase_add_test(tc, test_the_clock_stands_while_we_do_not_run);
	tcase_add_test(tc, test_a_stalled_supervisor_kills_nobody);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
