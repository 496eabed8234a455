#ifndef COMMON_NET_HTTP_H
#define COMMON_NET_HTTP_H
/*
 * HTTP client on libev: whole answers and endless line streams, plain or TLS, over one libcurl multi handle. Never
 * blocks and starts no thread: host names go through common/net/dns. Callbacks run from the loop, never from inside
 * http_start(), and may start and cancel calls; only http_free() is not for them.
 */
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns;
struct http;
struct http_call;

enum { HTTP_LINE_MAX = 2 * 1024 * 1024, HTTP_TEXT_MAX = 400 };

/* Files are read anew with each connection, so they may rotate. Strings are borrowed until the call ends. */
struct http_tls {
	const char *ca_file;              /* NULL or "": the system's store */
	const char *cert_file, *key_file; /* our own; NULL or "": none */
	const char *
		server_name; /* to send and to verify in place of the URL's host; NULL or "": none */
	bool verify;
};

struct http_request {
	const char *url;
	const char *body; /* NULL: GET; else POST of JSON */
	size_t body_n;
	const char *authorization; /* the header's value, or NULL */
	const struct http_tls *tls;
	uint64_t connect_timeout_ms;
	uint64_t timeout_ms; /* of the whole call; 0: none */
	uint64_t idle_ms;    /* longest silence after the start; 0: none */
	size_t body_max;     /* of an answer that is not a stream; 0: HTTP_LINE_MAX */
};

struct http_result {
	int error;       /* 0: answered. -ETIMEDOUT, -ECONNREFUSED, -EMSGSIZE, -EIO … */
	unsigned status; /* 0 without an answer */
	uint32_t retry_after_s;
	const char *
		body; /* of a stream only when its status was not 2xx; NUL-terminated, never NULL */
	size_t body_n;
	const char *text; /* the error in plain words; "" without one */
};

struct http_handlers {
	/* A stream's line, without its newline. NULL: no stream, the answer comes whole in done. */
	void (*line)(void *ctx, const char *line, size_t n);
	/* Once, at the end; the call is gone after it. Not after http_cancel(). */
	void (*done)(void *ctx, const struct http_result *r);
};

/* Process-wide tables of libcurl and OpenSSL: before the sandbox. 0 or -EIO. */
int http_global_init(void);

/* The port a URL leads to; 0 when it is none. */
uint16_t http_url_port(const char *url);

struct http *http_new(struct ev_loop *loop, struct dns *dns); /* borrows both */
void http_free(struct http *h);                               /* cancels what is under way */

/* Everything in rq but tls's strings is copied; h must outlive ctx's interest. */
struct http_call *http_start(struct http *h, const struct http_request *rq,
	const struct http_handlers *handlers, void *ctx);
void http_cancel(struct http_call *c); /* NULL is fine */

#endif
