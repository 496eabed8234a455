#ifndef COMMON_NET_HTTP_CALL_H
#define COMMON_NET_HTTP_CALL_H
/*
 * One call of common/net/http, between http.c (the multi handle, the loop) and http_call.c (one transfer: options,
 * collected bytes, errors in words). Not for anybody else.
 */
#include <curl/curl.h>

#include "common/base/buf.h"
#include "common/net/http.h"

struct http_call {
	struct http *http;
	struct http_call *next;
	struct http_handlers handlers;
	void *ctx;
	CURL *easy;
	struct curl_slist *headers, *resolve, *connect_to;
	struct buf in;  /* not yet delivered */
	size_t scanned; /* of in: known to hold no newline */
	size_t in_max;
	struct dns_req *dns; /* while the host is being resolved */
	char host[256];
	uint16_t port;
	uint64_t timeout_ms, idle_ms;
	ev_timer idle;
	bool added; /* to the multi handle */
	bool over;  /* the outcome is known, done is due */
	bool dead;  /* to be freed */
	bool too_long;
	CURLcode code;
	int error; /* set when it failed before or beside curl */
	unsigned status;
	char curl_text[CURL_ERROR_SIZE];
	char text[HTTP_TEXT_MAX];
	char url[1024]; /* for messages: without its path */
};

/* Makes the easy handle. 0, or -EINVAL with c->text set for a URL that can't be used. */
int http_call_setup(struct http_call *c, const struct http_request *rq);
/* addresses: IPs with commas between them, for the host. */
void http_call_set_addresses(struct http_call *c, const char *addresses);
/* True when lines go to the caller: a stream whose status is 2xx. */
bool http_call_streams(struct http_call *c);
/* Fills in r from the outcome; points into c. */
void http_call_result(struct http_call *c, struct http_result *r);
void http_call_free(struct http_call *c);

#endif
