/* etcd's KV/Put as its own clients call it: gRPC, which is one HTTP/2 stream a call, on a connection that stays. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "test/bench/kv_load.h"

enum { WINDOW_BYTES = 1 << 24, GRPC_HEAD = 5 };

struct session {
	int fd;
	nghttp2_session *h2;
	char authority[128];
};

struct call {
	struct conn *conn;
	uint32_t slot;
	bool ok; /* grpc-status 0 was among the trailers */
	char error[200];
	struct buf body;
	size_t off;
};

static int tcp_connect(const char *target)
{
	char host[100];
	const char *colon = strrchr(target, ':');
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a;
	int fd, one = 1, rc;

	if (colon == NULL || (size_t)(colon - target) >= sizeof host)
		die("%s: not HOST:PORT", target);
	snprintf(host, sizeof host, "%.*s", (int)(colon - target), target);
	rc = getaddrinfo(host, colon + 1, &hints, &a);
	if (rc != 0)
		die("%s: %s", target, gai_strerror(rc));
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) != 0)
		die("%s: %s", target, strerror(errno));
	freeaddrinfo(a);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

/* --- what comes back --- */

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *ctx)
{
	struct call *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

	(void)flags;
	(void)ctx;
	if (call == NULL)
		return 0;
	if (name_n == 11 && memcmp(name, "grpc-status", 11) == 0)
		call->ok = value_n == 1 && *value == '0';
	else if (name_n == 12 && memcmp(name, "grpc-message", 12) == 0)
		snprintf(call->error, sizeof call->error, "%.*s", (int)value_n,
			(const char *)value);
	return 0;
}

static int on_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *ctx)
{
	struct call *call = nghttp2_session_get_stream_user_data(h2, stream);
	char text[64];

	(void)ctx;
	if (call == NULL)
		return 0;
	snprintf(text, sizeof text, "stream closed with %u", (unsigned)code);
	load_answered(call->conn->load, call->slot,
		call->ok                 ? NULL
		: call->error[0] != '\0' ? call->error
					 : text);
	buf_free(&call->body);
	free(call);
	return 0;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct conn *c = io->data;
	struct session *s = c->state;
	uint8_t bytes[65536];
	ssize_t n = recv(s->fd, bytes, sizeof bytes, 0);

	(void)loop;
	(void)revents;
	if (n <= 0)
		die("etcd: %s", n == 0 ? "closed the connection" : strerror(errno));
	n = nghttp2_session_mem_recv(s->h2, bytes, (size_t)n);
	if (n < 0)
		die("etcd: %s", nghttp2_strerror((int)n));
}

/* --- what goes out --- */

static void before_wait(struct ev_loop *loop, ev_prepare *p, int revents)
{
	struct conn *c = p->data;
	struct session *s = c->state;
	struct buf out = {0};
	const uint8_t *bytes;
	ssize_t n;

	(void)loop;
	(void)revents;
	while ((n = nghttp2_session_mem_send(s->h2, &bytes)) > 0)
		buf_put(&out, bytes, (size_t)n);
	if (n < 0)
		die("etcd: %s", nghttp2_strerror((int)n));
	for (size_t off = 0; off < out.n; off += (size_t)n) {
		n = send(s->fd, out.p + off, out.n - off, MSG_NOSIGNAL);
		if (n < 0)
			die("etcd: %s", strerror(errno));
	}
	buf_free(&out);
}

static void store_open(struct conn *c, const char *target)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES}};
	struct session *s = xcalloc(1, sizeof *s);
	nghttp2_session_callbacks *callbacks;

	c->state = s;
	s->fd = tcp_connect(target);
	snprintf(s->authority, sizeof s->authority, "%s", target);
	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		die("out of memory");
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	if (nghttp2_session_client_new(&s->h2, callbacks, c) != 0)
		die("out of memory");
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, settings, 1);
	nghttp2_session_set_local_window_size(s->h2, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
	ev_io_init(&c->io, on_readable, s->fd, EV_READ);
	ev_prepare_init(&c->before_wait, before_wait);
	c->io.data = c->before_wait.data = c;
	ev_io_start(EV_DEFAULT, &c->io);
	ev_prepare_start(EV_DEFAULT, &c->before_wait);
}

/* --- one put --- */

static void put_bytes(struct buf *b, uint8_t tag, struct msg_span s)
{
	uint32_t n = s.n;

	buf_put(b, &tag, 1);
	for (; n >= 0x80; n >>= 7)
		buf_put(b, &(uint8_t){(uint8_t)(n | 0x80)}, 1);
	buf_put(b, &(uint8_t){(uint8_t)n}, 1);
	buf_put(b, s.p, s.n);
}

/* gRPC's frame around etcdserverpb.PutRequest {1: key, 2: value}. */
static void encode(struct buf *b, struct msg_span key, struct msg_span value)
{
	static const uint8_t head[GRPC_HEAD];
	size_t n;

	buf_put(b, head, sizeof head);
	put_bytes(b, 1 << 3 | 2, key);
	put_bytes(b, 2 << 3 | 2, value);
	n = b->n - GRPC_HEAD;
	for (int i = 0; i < 4; i++)
		b->p[1 + i] = (uint8_t)(n >> (24 - 8 * i));
}

static ssize_t on_body(nghttp2_session *h2, int32_t stream, uint8_t *out, size_t cap,
	uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct call *call = source->ptr;
	size_t n = call->body.n - call->off;

	(void)h2;
	(void)stream;
	(void)ctx;
	if (n > cap)
		n = cap;
	memcpy(out, call->body.p + call->off, n);
	call->off += n;
	if (call->off == call->body.n)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv header(const char *name, const char *value)
{
	nghttp2_nv nv = {.namelen = strlen(name),
		.valuelen = strlen(value),
		.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};

	memcpy(&nv.name, &name, sizeof name); /* nghttp2 has no const, and changes nothing */
	memcpy(&nv.value, &value, sizeof value);
	return nv;
}

static void store_put(struct conn *c, uint32_t slot, struct msg_span key, struct msg_span value)
{
	struct session *s = c->state;
	struct call *call = xcalloc(1, sizeof *call);
	const nghttp2_nv headers[] = {header(":method", "POST"), header(":scheme", "http"),
		header(":path", "/etcdserverpb.KV/Put"), header(":authority", s->authority),
		header("content-type", "application/grpc"), header("te", "trailers")};
	nghttp2_data_provider body = {.source = {.ptr = call}, .read_callback = on_body};

	call->conn = c;
	call->slot = slot;
	encode(&call->body, key, value);
	if (nghttp2_submit_request(s->h2, NULL, headers, sizeof headers / sizeof headers[0],
		    &body, call) < 0)
		die("etcd: no stream can be had");
}

const struct store store_etcd = {"etcd", store_open, store_put};
