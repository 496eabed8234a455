#ifndef TEST_UNIT_RPC_ENDS_H
#define TEST_UNIT_RPC_ENDS_H
/* Both ends of the RPC port for each test: a pool that calls, a server with its gate, and what each has said. */
#include "membership/net/rpc.h"
#include "test/unit/net_pair.h"

static struct pair p;
static struct gate *gate;
static struct rpc_server *server;
static struct wire_rpc_hello who_a, who_b;
static struct rpc_pool *pool;
static char text[1024];

/* What the pool said. */
static struct {
	uint32_t n, last, reached, unreached;
	bool ok;
	struct buf result;
	uint32_t call_again;  /* made from inside the answer */
	uint32_t cancel_next; /* cancelled from inside the answer */
} got;

/* What the server's owner was asked. */
enum { ASKED_MAX = 128 };
static struct {
	uint32_t n, lost;
	struct rpc_request last;
	uint32_t serve[ASKED_MAX];
	size_t bytes;
	bool echo; /* answered at once with its params */
} asked;

static inline bool known(void *ctx, const struct net_ip *ip)
{
	(void)ctx;
	(void)ip;
	return false;
}

static inline void self_a(void *ctx, struct wire_rpc_hello *out)
{
	(void)ctx;
	*out = who_a;
}

static inline void self_b(void *ctx, struct wire_rpc_hello *out)
{
	(void)ctx;
	*out = who_b;
}

static inline void call(uint32_t number, const char *method, bool brief)
{
	static const uint8_t nothing[] = {0x90};

	rpc_pool_call(pool, &(struct rpc_call){.call = number,
				    .peer = {{2}},
				    .host = "127.0.0.1",
				    .port = p.port,
				    .method = method,
				    .params = {nothing, nothing + 1},
				    .brief = brief});
}

static inline void on_answered(void *ctx, uint32_t number, struct msg_reader result,
	const char *error)
{
	(void)ctx;
	got.n++;
	got.last = number;
	got.ok = error == NULL;
	snprintf(text, sizeof text, "%s", error == NULL ? "" : error);
	got.result.n = 0;
	if (error == NULL)
		buf_put(&got.result, result.p, (size_t)(result.end - result.p));
	if (got.cancel_next != 0)
		rpc_pool_cancel(pool, got.cancel_next);
	if (got.call_again != 0)
		call(got.call_again, "ping", false);
	got.call_again = got.cancel_next = 0;
}

static inline void on_reached(void *ctx, const struct id128 *peer, bool reached,
	const char *why)
{
	(void)ctx;
	(void)peer;
	(void)why;
	got.reached += reached;
	got.unreached += !reached;
}

static inline void answer(uint32_t serve, bool ok)
{
	struct buf body = {0};

	if (ok)
		buf_put(&body, "\x91\x07", 2);
	else
		msg_encode(&body, &wire_rpc_error_desc,
			&(struct wire_rpc_error){WIRE_BYE_BUSY, msg_str("not now")});
	rpc_server_answer(server, serve, ok, (struct msg_reader){body.p, body.p + body.n});
	buf_free(&body);
}

static inline bool on_request(void *ctx, const struct rpc_request *r)
{
	(void)ctx;
	if (!msg_span_eq(r->method, "work"))
		return false;
	if (asked.n < ASKED_MAX)
		asked.serve[asked.n] = r->serve;
	asked.n++;
	asked.last = *r;
	asked.bytes += (size_t)(r->params.end - r->params.p);
	if (asked.echo)
		rpc_server_answer(server, r->serve, true, r->params);
	return true;
}

static inline void on_request_lost(void *ctx, uint32_t serve)
{
	(void)ctx;
	(void)serve;
	asked.lost++;
}

static inline void on_accept(struct pair *pair, int fd, const union net_addr *peer)
{
	(void)pair;
	rpc_server_accept(server, fd, peer);
}

static const struct rpc_server_handlers owner = {on_request, on_request_lost};
static const struct rpc_pool_handlers asker = {on_answered, on_reached};

static inline void setup(void)
{
	pair_init(&p);
	p.on_accept = on_accept;
	gate = gate_new(p.loop, known, NULL);
	server = rpc_server_new(p.env_b, gate, self_b, &owner, NULL);
	pool = rpc_pool_new(p.env, self_a, &asker, NULL);
	who_a = (struct wire_rpc_hello){1, 1, msg_str("emqxcl"), msg_str("a@h"), {{1}}, 11};
	who_b = (struct wire_rpc_hello){1, 1, msg_str("emqxcl"), msg_str("b@h"), {{2}}, 22};
	memset(&got, 0, sizeof got);
	memset(&asked, 0, sizeof asked);
}

static inline void teardown(void)
{
	buf_free(&got.result);
	rpc_pool_free(pool);
	rpc_server_free(server);
	gate_free(gate);
	pair_fini(&p);
}

#endif
