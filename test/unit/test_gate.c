#include "test/unit/net_pair.h"

#include "membership/net/quiet.h"

/* Connections before hello: the pools, who is closed, and when. */

enum { MANY = 8192, DIALERS = 300, AGAIN = 16 };

struct guest {
	struct gate_entry entry;
	struct stream *stream;
	bool open, closed;
	enum core_loss loss;
	char why[128];
};

static struct pair p;
static struct gate *gate;
static struct guest guest[MANY];
static int client[MANY];
static size_t n_guests, n_clients;
static struct net_ip known_ip;

static bool known(void *ctx, const struct net_ip *ip)
{
	(void)ctx;
	return net_ip_eq(ip, &known_ip);
}

static void on_close(void *owner, enum core_loss loss, const char *text)
{
	struct guest *g = owner;

	g->closed = true;
	g->loss = loss;
	snprintf(g->why, sizeof g->why, "%s", text);
	stream_free(g->stream);
	g->stream = NULL;
}

static void on_stage(void *ctx, enum core_stage stage)
{
	struct guest *g = ctx;

	g->open = stage == CORE_STAGE_HELLO;
}

static bool admitted[DIALERS];
static size_t n_admitted;

/* A hello that is accepted: the number of who says it. */
static void on_frame(void *ctx, const uint8_t *body, size_t n)
{
	struct guest *g = ctx;
	unsigned i;

	ck_assert_uint_eq(n, 2);
	i = body[0] * 256U + body[1];
	ck_assert_uint_lt(i, DIALERS);
	n_admitted += admitted[i] ? 0 : 1;
	admitted[i] = true;
	gate_leave(gate, &g->entry);
}

static size_t on_pull(void *ctx, uint8_t *out, size_t cap)
{
	(void)ctx;
	(void)out;
	(void)cap;
	return 0;
}

static void on_lost(void *ctx, enum core_loss loss, const char *text)
{
	struct guest *g = ctx;

	gate_failed(gate, &g->entry, text);
	on_close(g, loss, text);
}

static const struct stream_handlers handlers = {on_stage, on_frame, on_pull, on_lost};

static void on_accept(struct pair *pair, int fd, const union net_addr *peer)
{
	struct net_ip ip = net_addr_ip(peer);
	struct guest *g = &guest[n_guests++];

	ck_assert_uint_lt(n_guests, MANY);
	g->stream = stream_accept(pair->env_b, fd, peer, &handlers, g);
	g->entry.stream = g->stream;
	g->entry.close = on_close;
	g->entry.owner = g;
	gate_enter(gate, &g->entry, &ip, "test");
}

static void setup(void)
{
	pair_init(&p);
	p.on_accept = on_accept;
	gate = gate_new(p.loop, known, NULL);
	memset(&known_ip, 0, sizeof known_ip);
}

static void teardown(void)
{
	for (size_t i = 0; i < n_guests; i++) {
		gate_leave(gate, &guest[i].entry);
		stream_free(guest[i].stream);
	}
	for (size_t i = 0; i < n_clients; i++)
		close(client[i]);
	gate_free(gate);
	pair_fini(&p);
}

/* Connects from 127.x.y.z and waits until it is in. */
static void come_from(unsigned last, const char *say)
{
	union net_addr to, from;
	size_t want = n_guests + 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char host[32];

	snprintf(host, sizeof host, "127.0.%u.%u", 1 + last / 200, 1 + last % 200);
	ck_assert_int_eq(net_addr_parse(host, 0, &from), 0);
	ck_assert_int_eq(net_addr_parse("127.0.0.1", p.port, &to), 0);
	ck_assert_int_eq(bind(fd, &from.sa, sizeof from.v4), 0);
	ck_assert_int_eq(connect(fd, &to.sa, sizeof to.v4), 0);
	client[n_clients++] = fd;
	if (say != NULL)
		ck_assert_int_gt(send(fd, say, strlen(say), 0), 0);
	PAIR_UNTIL(&p, n_guests == want);
}

static size_t n_closed(void)
{
	size_t n = 0;

	for (size_t i = 0; i < n_guests; i++)
		n += guest[i].closed;
	return n;
}

/* Time passes for the gate without anybody waiting for it. */
static void let_pass(double seconds)
{
	ev_timer t;

	p.timed_out = false;
	ev_now_update(p.loop);
	ev_timer_init(&t, pair_time, seconds, 0.);
	t.data = &p.timed_out;
	ev_timer_start(p.loop, &t);
	while (!p.timed_out)
		ev_run(p.loop, EVRUN_ONCE);
}

START_TEST(test_one_address)
{
	struct gate_stats st;

	for (int i = 0; i < GATE_STRANGER_ADDRESS_MAX; i++)
		come_from(7, NULL);
	come_from(8, NULL);
	ck_assert_uint_eq(n_closed(), 0);
	come_from(7, NULL);
	ck_assert_uint_eq(n_closed(), 1);
	ck_assert(guest[0].closed); /* all alike: the oldest */
	ck_assert_str_eq(guest[0].why, "too many connections from this address");
	gate_stats(gate, &st);
	ck_assert_uint_eq(st.evicted, 1);
	ck_assert_uint_eq(st.inside, GATE_STRANGER_ADDRESS_MAX + 1);
}
END_TEST

START_TEST(test_strangers)
{
	for (unsigned i = 0; i < GATE_STRANGERS_MAX; i++)
		come_from(i, NULL);
	ck_assert_uint_eq(n_closed(), 0);
	for (unsigned i = 0; i < 10; i++)
		come_from(300 + i, NULL);
	ck_assert_uint_eq(n_closed(), 10);
}
END_TEST

/* A crowd of members behind one address isn't bound by what a stranger may; a flood of strangers leaves them alone. */
START_TEST(test_known)
{
	union net_addr a;

	ck_assert_int_eq(net_addr_parse("127.0.1.8", 0, &a), 0);
	known_ip = net_addr_ip(&a);
	for (int i = 0; i < GATE_KNOWN_MAX; i++)
		come_from(7, NULL);
	for (unsigned i = 0; i < GATE_STRANGERS_MAX / 4; i++)
		come_from(50 + i, NULL);
	ck_assert_uint_eq(n_closed(), 0);
	come_from(7, NULL);
	ck_assert_uint_eq(n_closed(), 1);
	ck_assert(guest[0].closed);
}
END_TEST

/* Who stands still for a second goes before who has only just come. */
START_TEST(test_laggard)
{
	come_from(7, "\x16\x03\x01\x02\x00"); /* half a ClientHello, then nothing */
	let_pass(1.1);
	for (int i = 1; i < GATE_STRANGER_ADDRESS_MAX; i++)
		come_from(7, NULL);
	come_from(7, NULL);
	ck_assert_uint_eq(n_closed(), 1);
	ck_assert(guest[0].closed);
}
END_TEST

/* However busily it drips, five seconds are all that it has; who was accepted has left the gate. */
START_TEST(test_deadline)
{
	struct gate_stats st;

	come_from(7, NULL);
	come_from(9, NULL);
	gate_leave(gate, &guest[1].entry);
	for (int i = 0; i < 20 && !guest[0].closed; i++) {
		send(client[0], i == 0 ? "\x16" : "\x03", 1, MSG_NOSIGNAL);
		let_pass(0.3);
	}
	ck_assert(guest[0].closed);
	ck_assert_int_eq(guest[0].loss, CORE_LOSS_TIMEOUT);
	ck_assert(!guest[1].closed);
	gate_stats(gate, &st);
	ck_assert_uint_eq(st.failed, 1);
	ck_assert_uint_eq(st.inside, 0);
}
END_TEST

/* --- three hundred honest nodes that all start at once, behind one address, and try again when they are turned away */

struct dialer {
	struct stream *stream;
	uint8_t hello[6];
	size_t said;
	bool lost;
};

static struct dialer dialer[DIALERS];

static void dialer_stage(void *ctx, enum core_stage stage)
{
	struct dialer *d = ctx;

	if (stage == CORE_STAGE_HELLO)
		stream_wake(d->stream);
}

static size_t dialer_pull(void *ctx, uint8_t *out, size_t cap)
{
	struct dialer *d = ctx;
	size_t n = sizeof d->hello - d->said;

	ck_assert_uint_ge(cap, n);
	memcpy(out, d->hello + d->said, n);
	d->said += n;
	return n;
}

static void dialer_lost(void *ctx, enum core_loss loss, const char *text)
{
	struct dialer *d = ctx;

	(void)loss;
	(void)text;
	d->lost = true;
}

static const struct stream_handlers dialer_handlers = {dialer_stage, on_frame, dialer_pull,
	dialer_lost};

static void dial(unsigned i)
{
	struct stream_target t = {"127.0.0.1", p.port, 5000, FRAME_MAX_LINK};
	struct dialer *d = &dialer[i];

	*d = (struct dialer){.hello = {0, 0, 0, 2, (uint8_t)(i >> 8), (uint8_t)i}};
	d->stream = stream_dial(p.env, &t, &dialer_handlers, d);
}

static void hang_up(unsigned i)
{
	stream_free(dialer[i].stream);
	dialer[i].stream = NULL;
}

/* All at once first; then a few each time, or a slow machine does nothing but refuse. */
static void again(struct ev_loop *loop, ev_timer *t, int revents)
{
	static unsigned at;
	unsigned left = n_guests == 0 ? DIALERS : AGAIN;

	(void)loop;
	(void)t;
	(void)revents;
	for (unsigned n = 0; n < DIALERS && left > 0; n++, at = (at + 1) % DIALERS) {
		if (dialer[at].stream != NULL && (dialer[at].lost || admitted[at]))
			hang_up(at);
		if (dialer[at].stream == NULL && !admitted[at]) {
			dial(at);
			left--;
		}
	}
}

/* As members, and as strangers, who get eight places in all: it takes them longer, and nobody is locked out. */
START_TEST(test_crowd)
{
	union net_addr a;
	ev_timer t;

	ck_assert_int_eq(net_addr_parse("127.0.0.1", 0, &a), 0);
	if (_i == 0)
		known_ip = net_addr_ip(&a);
	ev_timer_init(&t, again, 0., 0.05);
	ev_timer_start(p.loop, &t);
	while (n_admitted < DIALERS)
		ev_run(p.loop, EVRUN_ONCE);
	ev_timer_stop(p.loop, &t);
	/* members are not bound by what one address of strangers may */
	ck_assert_uint_le(n_guests, _i == 0 ? 2 * DIALERS : MANY);
	for (unsigned i = 0; i < DIALERS; i++)
		hang_up(i);
}
END_TEST

START_TEST(test_shed)
{
	ck_assert(!gate_shed(gate));
	come_from(7, NULL);
	ck_assert(gate_shed(gate));
	ck_assert(guest[0].closed);
}
END_TEST

static unsigned n_said, n_others;
static char last_reason[QUIET_REASON_MAX];

static void say(const struct quiet_line *line, unsigned others)
{
	n_said++;
	n_others += others;
	snprintf(last_reason, sizeof last_reason, "%s", line->reason);
}

/* The first at once, then one a second, the last of them; nothing is lost from the count. */
START_TEST(test_quiet)
{
	struct quiet *q = quiet_new(p.loop, say);
	struct net_ip ip = {{1, 2, 3}};

	quiet_put(q, &ip, "test", "1.2.3.4:5", "first");
	ck_assert_uint_eq(n_said, 1);
	for (int i = 0; i < 8; i++)
		quiet_put(q, &ip, "test", "1.2.3.4:5", i < 7 ? "again" : "last");
	ck_assert_uint_eq(n_said, 1);
	PAIR_UNTIL(&p, n_said == 2);
	ck_assert_str_eq(last_reason, "last");
	ck_assert_uint_eq(n_others, 7);
	quiet_put(q, &ip, "test", "1.2.3.4:5", "soon after");
	ck_assert_uint_eq(n_said, 2);
	quiet_free(q);
}
END_TEST

START_TEST(test_ip_set)
{
	struct net_ip_set s = {0};
	struct net_ip ip = {0};

	ck_assert(!net_ip_set_has(&s, &ip));
	for (unsigned i = 0; i < 5000; i++) {
		ip.b[14] = (uint8_t)(i >> 8);
		ip.b[15] = (uint8_t)i;
		net_ip_set_add(&s, &ip);
		net_ip_set_add(&s, &ip);
	}
	ck_assert_uint_eq(s.n, 5000);
	ck_assert(net_ip_set_has(&s, &ip));
	ip.b[0] = 1;
	ck_assert(!net_ip_set_has(&s, &ip));
	net_ip_set_free(&s);
}
END_TEST

static const struct {
	const char *host, *text;
	int rc;
} addresses[] = {
	{"10.0.0.7", "10.0.0.7:4370", 0},
	{"::1", "[::1]:4370", 0},
	{"2001:db8::5", "[2001:db8::5]:4370", 0},
	{"localhost", NULL, -EINVAL},
	{"10.0.0", NULL, -EINVAL},
	{"", NULL, -EINVAL},
};

START_TEST(test_address)
{
	union net_addr a;
	char text[NET_ADDR_TEXT], bare[NET_ADDR_TEXT];
	struct net_ip ip;

	ck_assert_int_eq(net_addr_parse(addresses[_i].host, 4370, &a), addresses[_i].rc);
	if (addresses[_i].rc != 0)
		return;
	ck_assert_str_eq(net_addr_text(&a, text), addresses[_i].text);
	ip = net_addr_ip(&a);
	ck_assert_str_eq(net_ip_text(&ip, bare), addresses[_i].host);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gate");
	TCase *tc = tcase_create("gate"), *pure = tcase_create("address"),
	      *crowd = tcase_create("crowd");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_one_address);
	tcase_add_test(tc, test_strangers);
	tcase_add_test(tc, test_known);
	tcase_add_test(tc, test_laggard);
	tcase_add_test(tc, test_deadline);
	tcase_add_test(tc, test_shed);
	tcase_add_test(tc, test_quiet);
	tcase_set_timeout(tc, 20);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(crowd, setup, teardown);
	tcase_add_loop_test(crowd, test_crowd, 0, 2);
	tcase_set_timeout(crowd, 120); /* nothing but a bound: nobody is locked out */
	suite_add_tcase(suite, crowd);
	tcase_add_test(pure, test_ip_set);
	tcase_add_loop_test(pure, test_address, 0, sizeof addresses / sizeof addresses[0]);
	suite_add_tcase(suite, pure);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
