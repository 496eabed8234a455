/*
 * kv_load STORE [options] TARGET...: prints one JSON object. STORE: clusterd, etcd (puts, connections dealt out over the
 * targets), or spread (from a put to the last watcher; targets are control sockets).
 */
#include "test/bench/kv_load.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"
#include "common/base/rng.h"

struct slot {
	struct conn *conn;
	uint64_t begun_ns;
};

struct load {
	struct load_options o;
	const struct store *store;
	struct slot *slot;
	char *value;
	struct rng rng;
	ev_timer warm, end;
	uint64_t from_ns, to_ns; /* 0: not measured yet; to: the last answer that counts */
	uint64_t begun, answered;
	uint64_t errors;
	char error[256]; /* the first one */
	struct samples latency;
};

void die(const char *fmt, ...)
{
	va_list ap;

	fputs("kv_load: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

const struct load_options *load_options(const struct load *l)
{
	return &l->o;
}

/* --- the distribution --- */

void samples_add(struct samples *s, uint64_t ns)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 65536 : 2 * s->cap;
		s->us = xrealloc(s->us, s->cap, sizeof *s->us);
	}
	s->us[s->n++] = (uint32_t)(ns / 1000);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void samples_print(struct samples *s)
{
	static const struct {
		const char *name;
		double part;
	} rows[] = {{"p50_us", .5}, {"p90_us", .9}, {"p99_us", .99}, {"max_us", 1.}};

	if (s->n > 0)
		qsort(s->us, s->n, sizeof *s->us, by_size);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t at = (size_t)(rows[i].part * (double)s->n);

		printf("\"%s\": %" PRIu32 ", ", rows[i].name,
			s->n == 0 ? 0 : s->us[at < s->n ? at : s->n - 1]);
	}
	printf("\"samples\": %zu", s->n);
}

/* --- puts --- */

static void put(struct load *l, uint32_t slot)
{
	char key[32];

	if (l->o.fill && l->begun == l->o.keys)
		return;
	snprintf(key, sizeof key, "bench/%08" PRIu64,
		l->o.fill ? l->begun : rng_below(&l->rng, l->o.keys));
	l->begun++;
	l->slot[slot].begun_ns = now_ns();
	l->store->put(l->slot[slot].conn, slot, msg_str(key),
		(struct msg_span){l->value, l->o.value_bytes});
}

void load_answered(struct load *l, uint32_t slot, const char *error)
{
	uint64_t now = now_ns();

	if (error != NULL && l->errors++ == 0)
		snprintf(l->error, sizeof l->error, "%s", error);
	if (l->errors > 1000)
		die("a thousand puts failed, the first: %s", l->error);
	if (error == NULL && l->from_ns != 0) {
		samples_add(&l->latency, now - l->slot[slot].begun_ns);
		l->to_ns = now;
	}
	if (l->o.fill && ++l->answered == l->o.keys)
		ev_break(EV_DEFAULT, EVBREAK_ALL);
	put(l, slot);
}

static void on_warm(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct load *l = t->data;

	(void)loop;
	(void)revents;
	l->from_ns = now_ns();
}

static void on_end(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)t;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static void open_all(struct load *l, char **target, size_t n)
{
	struct conn *conn = xcalloc(l->o.connections, sizeof *conn);

	for (uint32_t i = 0; i < l->o.connections; i++) {
		conn[i].load = l;
		l->store->open(&conn[i], target[i % n]);
	}
	for (uint32_t i = 0; i < l->o.outstanding; i++)
		l->slot[i].conn = &conn[i % l->o.connections];
}

static int put_main(const struct store *store, const struct load_options *o, char **target,
	size_t n)
{
	struct ev_loop *loop = EV_DEFAULT;
	struct load l = {.o = *o, .store = store};
	double seconds;

	rng_init(&l.rng, now_ns());
	l.slot = xcalloc(o->outstanding, sizeof *l.slot);
	l.value = xcalloc(1, (size_t)o->value_bytes + 1);
	memset(l.value, 'x', o->value_bytes);
	open_all(&l, target, n);
	for (uint32_t i = 0; i < o->outstanding; i++)
		put(&l, i);
	ev_timer_init(&l.warm, on_warm, o->warm_up_ms / 1e3, 0.);
	ev_timer_init(&l.end, on_end, (o->warm_up_ms + o->ms) / 1e3, 0.);
	l.warm.data = &l;
	ev_timer_start(loop, &l.warm);
	if (!o->fill)
		ev_timer_start(loop, &l.end);
	ev_run(loop, 0);
	seconds = (double)(l.to_ns - l.from_ns) / 1e9;
	printf("{\"writes_s\": %.1f, ", l.latency.n == 0 ? 0. : (double)l.latency.n / seconds);
	samples_print(&l.latency);
	printf(", \"errors\": %" PRIu64 "}\n", l.errors);
	if (l.errors > 0)
		fprintf(stderr, "kv_load: %" PRIu64 " puts failed, the first: %s\n", l.errors,
			l.error);
	return 0;
}

/* --- options --- */

/* What a number of the command line goes into; seconds are given in ms. */
static const struct {
	const char *name;
	size_t offset;
	uint32_t min;
} rows[] = {{"outstanding", offsetof(struct load_options, outstanding), 1},
	{"connections", offsetof(struct load_options, connections), 1},
	{"value", offsetof(struct load_options, value_bytes), 0},
	{"keys", offsetof(struct load_options, keys), 1},
	{"ack", offsetof(struct load_options, ack), 0},
	{"ms", offsetof(struct load_options, ms), 1},
	{"warm-up-ms", offsetof(struct load_options, warm_up_ms), 0},
	{"pause-ms", offsetof(struct load_options, pause_ms), 0}};
enum { N_ROWS = sizeof rows / sizeof rows[0], FILL = N_ROWS };

static uint32_t number(const char *text, uint32_t min)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < min || n > 1000000000)
		die("%s: not a number from %" PRIu32 " to 1000000000", text, min);
	return (uint32_t)n;
}

static void read_options(int argc, char **argv, struct load_options *o)
{
	struct option option[N_ROWS + 2] = {[FILL] = {"fill", no_argument, NULL, FILL}};
	uint32_t n;
	int c;

	for (int i = 0; i < N_ROWS; i++)
		option[i] = (struct option){rows[i].name, required_argument, NULL, i};
	optind = 2;
	while ((c = getopt_long(argc, argv, "", option, NULL)) != -1) {
		if (c == '?')
			exit(2);
		if (c == FILL) {
			o->fill = true;
			continue;
		}
		n = number(optarg, rows[c].min);
		memcpy((char *)o + rows[c].offset, &n, sizeof n);
	}
}

int main(int argc, char **argv)
{
	static const struct store *const stores[] = {&store_clusterd, &store_etcd};
	struct load_options o = {.outstanding = 1,
		.connections = 1,
		.value_bytes = 200,
		.keys = 100000,
		.ack = 1,
		.pause_ms = 5,
		.ms = 3000,
		.warm_up_ms = 500};
	const char *what = argc > 1 ? argv[1] : "";

	read_options(argc, argv, &o);
	if (optind >= argc)
		die("usage: kv_load clusterd|etcd|spread [options] TARGET...");
	if (strcmp(what, "spread") == 0)
		return spread_main(&o, &argv[optind], (size_t)(argc - optind));
	for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++)
		if (strcmp(what, stores[i]->name) == 0)
			return put_main(stores[i], &o, &argv[optind], (size_t)(argc - optind));
	die("%s: neither clusterd nor etcd nor spread", what);
}
