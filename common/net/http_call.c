#include "common/net/http_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

#define USER_AGENT "clusterd/" CLUSTERD_VERSION

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;

	n *= size;
	if (c->in.n + n > c->in_max) {
		c->too_long = true;
		return 0;
	}
	buf_put(&c->in, p, n);
	return n;
}

bool http_call_streams(struct http_call *c)
{
	long status = 0;

	if (c->handlers.line == NULL || c->easy == NULL)
		return false;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300;
}

/* Takes host and port out of the URL; its path stays out of messages. */
static int split_url(struct http_call *c, const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL, *scheme = NULL;
	int rc = -EINVAL;
	size_t n;

	if (u == NULL || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		goto out;
	n = strlen(host);
	if (n >= sizeof c->host)
		goto out;
	snprintf(c->url, sizeof c->url, "%s://%s:%s", scheme, host, port);
	/* [::1] is written without its brackets from here on. */
	if (host[0] == '[' && n > 2)
		snprintf(c->host, sizeof c->host, "%.*s", (int)n - 2, host + 1);
	else
		snprintf(c->host, sizeof c->host, "%s", host);
	c->port = (uint16_t)strtoul(port, NULL, 10);
	rc = 0;
out:
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_url_cleanup(u);
	return rc;
}

uint16_t http_url_port(const char *url)
{
	struct http_call c = {.port = 0};

	return split_url(&c, url) < 0 ? 0 : c.port;
}

/* The URL with another host in it: what the certificate must name, while the connection still goes to the old one. */
static void set_server_name(struct http_call *c, const char *url, const char *name)
{
	CURLU *u = curl_url();
	bool v6 = strchr(c->host, ':') != NULL;
	char *text = NULL, to[600];

	if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_HOST, name, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK) {
		curl_easy_setopt(c->easy, CURLOPT_URL, text);
		snprintf(to, sizeof to, "::%s%s%s:%u", v6 ? "[" : "", c->host, v6 ? "]" : "",
			c->port);
		c->connect_to = curl_slist_append(NULL, to);
		curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to);
	}
	curl_free(text);
	curl_url_cleanup(u);
}

static bool is_set(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static void set_tls(struct http_call *c, const char *url, const struct http_tls *tls)
{
	CURL *e = c->easy;

	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, tls->verify ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, tls->verify ? 2L : 0L);
	if (is_set(tls->ca_file))
		curl_easy_setopt(e, CURLOPT_CAINFO, tls->ca_file);
	if (is_set(tls->cert_file))
		curl_easy_setopt(e, CURLOPT_SSLCERT, tls->cert_file);
	if (is_set(tls->key_file))
		curl_easy_setopt(e, CURLOPT_SSLKEY, tls->key_file);
	if (is_set(tls->server_name))
		set_server_name(c, url, tls->server_name);
}

/* An empty "Expect:" keeps curl from waiting for a 100; credentials go nowhere but to the URL's own host. */
static void set_headers(struct http_call *c, const struct http_request *rq)
{
	struct buf line = {0};

	c->headers = curl_slist_append(c->headers, "Expect:");
	c->headers = curl_slist_append(c->headers, "Accept: application/json");
	if (rq->body != NULL)
		c->headers = curl_slist_append(c->headers, "Content-Type: application/json");
	if (rq->authorization != NULL) {
		buf_printf(&line, "Authorization: %s", rq->authorization);
		c->headers = curl_slist_append(c->headers, (char *)line.p);
		explicit_bzero(line.p, line.n);
		buf_free(&line);
	}
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
}

static void set_transfer(struct http_call *c, const struct http_request *rq)
{
	CURL *e = c->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, c);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->curl_text);
	curl_easy_setopt(e, CURLOPT_URL, rq->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)rq->connect_timeout_ms);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)rq->timeout_ms);
	if (rq->body != NULL) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body_n);
		curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, rq->body);
	}
}

int http_call_setup(struct http_call *c, const struct http_request *rq)
{
	static const struct http_tls strict = {.verify = true};

	c->timeout_ms = rq->timeout_ms;
	c->idle_ms = rq->idle_ms;
	c->in_max = rq->body_max == 0 ? HTTP_LINE_MAX : rq->body_max;
	if (c->handlers.line != NULL)
		c->in_max = 2 * HTTP_LINE_MAX; /* many lines may arrive in one turn */
	if (split_url(c, rq->url) < 0) {
		snprintf(c->text, sizeof c->text, "this is no URL of a server: %s", rq->url);
		return -EINVAL;
	}
	c->easy = curl_easy_init();
	if (c->easy == NULL)
		abort();
	set_transfer(c, rq);
	set_headers(c, rq);
	set_tls(c, rq->url, rq->tls == NULL ? &strict : rq->tls);
	return 0;
}

void http_call_set_addresses(struct http_call *c, const char *addresses)
{
	struct buf b = {0};

	buf_printf(&b, "%s:%u:%s", c->host, c->port, addresses);
	c->resolve = curl_slist_append(NULL, (char *)b.p);
	buf_free(&b);
	curl_easy_setopt(c->easy, CURLOPT_RESOLVE, c->resolve);
}

/* Our words for curl's codes; what is not here gets curl's own text. */
static const struct {
	CURLcode code;
	int error;
	const char *text;
	bool detail; /* followed by curl's text */
} words[] = {
	{CURLE_COULDNT_CONNECT, ECONNREFUSED, "can't connect", true},
	{CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, "no answer in time", true},
	{CURLE_SSL_CONNECT_ERROR, EPROTO, "TLS handshake failed", true},
	{CURLE_PEER_FAILED_VERIFICATION, EACCES, "the server's certificate is not accepted",
		true},
	{CURLE_SSL_CERTPROBLEM, EACCES, "our client certificate or key can't be used", true},
	{CURLE_SSL_CACERT_BADFILE, EACCES, "the CA file can't be used", true},
	/* TLS 1.3: a server refuses our certificate when we are sending already */
	{CURLE_RECV_ERROR, ECONNRESET, "connection lost, or our client certificate was refused",
		true},
	{CURLE_SEND_ERROR, ECONNRESET, "connection lost, or our client certificate was refused",
		true},
	{CURLE_GOT_NOTHING, ECONNRESET, "connection closed without an answer", false},
	{CURLE_PARTIAL_FILE, ECONNRESET, "connection closed in the middle of an answer", false},
	{CURLE_UNSUPPORTED_PROTOCOL, EPROTO, "this is no HTTP server", true},
	{CURLE_HTTP2, EPROTO, "this is no HTTP/1.1 server", true},
	{CURLE_WEIRD_SERVER_REPLY, EPROTO, "this is no HTTP server", true},
};

/* "connect to 127.0.0.1 port 1 failed: Connection refused": errno says it shorter. */
static void connect_words(struct http_call *c)
{
	long os_error = 0;

	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &os_error);
	if (os_error == 0)
		return;
	snprintf(c->curl_text, sizeof c->curl_text, "%s", strerror((int)os_error));
}

static void put_words(struct http_call *c)
{
	const char *detail =
		c->curl_text[0] != '\0' ? c->curl_text : curl_easy_strerror(c->code);

	c->error = -EIO;
	snprintf(c->text, sizeof c->text, "%s", detail);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (words[i].code != c->code)
			continue;
		c->error = -words[i].error;
		snprintf(c->text, sizeof c->text, "%s%s%s", words[i].text,
			words[i].detail ? ": " : "", words[i].detail ? detail : "");
		return;
	}
}

static void judge(struct http_call *c)
{
	if (c->too_long) {
		c->error = -EMSGSIZE;
		snprintf(c->text, sizeof c->text, "the answer has more than %zu bytes",
			c->in_max);
	} else if (c->error == 0 && c->code != CURLE_OK) {
		if (c->code == CURLE_COULDNT_CONNECT)
			connect_words(c);
		put_words(c);
	}
}

void http_call_result(struct http_call *c, struct http_result *r)
{
	curl_off_t retry_after = 0;
	long status = 0;

	judge(c);
	*r = (struct http_result){.error = c->error, .text = c->text};
	if (c->easy != NULL) {
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry_after);
	}
	r->status = (unsigned)status;
	if (retry_after > 0 && retry_after < 3600)
		r->retry_after_s = (uint32_t)retry_after;
	r->body_n = c->in.n;
	buf_put(&c->in, "", 1);
	r->body = (const char *)c->in.p;
}

void http_call_free(struct http_call *c)
{
	if (c->easy != NULL)
		curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers);
	curl_slist_free_all(c->resolve);
	curl_slist_free_all(c->connect_to);
	buf_free(&c->in);
	free(c);
}
