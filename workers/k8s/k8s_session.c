#include "workers/k8s/k8s_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"

#define LOG_COMPONENT "k8s"

enum {
	CONNECT_TIMEOUT_MS = 3000,
	LIST_TIMEOUT_MS = 15000,
	LIST_BYTES_MAX = 8 * 1024 * 1024,
	WATCH_MIN_S = 120,
	WATCH_MAX_S = 180,
	WATCH_GRACE_S = 15, /* the server ends it; a silent one is given up so much later */
	POLL_MS = 10000,
	POLLS_BEFORE_ASKING_ANEW = 30, /* whether rights were granted meanwhile */
	QUICK_END_S = 2,               /* a watch that ends sooner is followed by a pause */
	PAUSE_MS = 1000,
};

static void list(struct k8s_session *s);
static void watch(struct k8s_session *s);

static void arm(struct k8s_session *s, uint64_t delay_ms)
{
	ev_timer_stop(s->loop, &s->timer);
	ev_now_update(s->loop);
	ev_timer_set(&s->timer, (double)delay_ms / 1000.0, 0.);
	ev_timer_start(s->loop, &s->timer);
}

static void hang_up(struct k8s_session *s)
{
	http_cancel(s->call);
	s->call = NULL;
}

static void fail(struct k8s_session *s, const char *text, uint32_t retry_after_s)
{
	uint64_t wait_ms;

	hang_up(s);
	wait_ms = s->events->failed(s->ctx, text);
	if (wait_ms < (uint64_t)retry_after_s * 1000)
		wait_ms = (uint64_t)retry_after_s * 1000;
	arm(s, wait_ms);
}

/* "Bearer …" from the account's file, or "" without one. Returns whether it differs from the last. */
static bool read_token(struct k8s_session *s)
{
	static const char scheme[] = "Bearer ";
	char path[512], text[K8S_TOKEN_MAX];
	size_t n = sizeof scheme - 1;
	ssize_t got = 0;
	bool changed;
	int fd;

	snprintf(path, sizeof path, "%s/token", s->conf.account_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		memcpy(text, scheme, n);
		got = read(fd, text + n, sizeof text - n - 1);
		close(fd);
	}
	if (got > 0)
		n += (size_t)got;
	else
		n = 0;
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	changed = strcmp(text, s->token) != 0;
	memcpy(s->token, text, sizeof s->token);
	explicit_bzero(text, sizeof text);
	return changed;
}

static struct http_call *get(struct k8s_session *s, const struct buf *path, uint64_t timeout_ms,
	const struct http_handlers *handlers)
{
	char ca[512];
	struct buf url = {0};
	struct http_tls tls = {.verify = true};
	struct http_request rq = {
		.tls = &tls,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.timeout_ms = timeout_ms,
		.body_max = LIST_BYTES_MAX,
	};
	struct http_call *c;

	read_token(s);
	if (s->token[0] != '\0')
		rq.authorization = s->token;
	snprintf(ca, sizeof ca, "%s/ca.crt", s->conf.account_dir);
	if (access(ca, R_OK) == 0)
		tls.ca_file = ca;
	buf_str(&url, s->conf.server);
	while (url.n > 0 && url.p[url.n - 1] == '/')
		url.n--;
	buf_put(&url, path->p, path->n);
	buf_put(&url, "", 1);
	rq.url = (const char *)url.p;
	c = http_start(s->http, &rq, handlers, s);
	buf_free(&url);
	return c;
}

static void begin(struct k8s_session *s)
{
	hang_up(s);
	k8s_store_clear(&s->reading);
	s->next[0] = '\0';
	list(s);
}

/* From the best way on: rights may have been granted meanwhile. */
static void begin_anew(struct k8s_session *s)
{
	s->source = K8S_SLICES;
	s->polling = false;
	s->n_polls = 0;
	s->refused[0] = '\0';
	begin(s);
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct k8s_session *s = t->data;

	(void)loop;
	(void)revents;
	if (s->polling && s->n_polls++ < POLLS_BEFORE_ASKING_ANEW)
		begin(s);
	else
		begin_anew(s);
}

static void refuse(struct k8s_session *s, const struct http_result *r)
{
	struct k8s_status st;
	char text[K8S_EXPLAIN_MAX];
	uint32_t wait_s = r->retry_after_s;

	k8s_parse_status(r->body, r->body_n, &st);
	if (st.retry_after_s > 0 && (uint32_t)st.retry_after_s > wait_s)
		wait_s = (uint32_t)st.retry_after_s;
	k8s_explain(s->source, &s->conf.service, r->status, &st, text);
	/* The first refusal names the right that is really missing. */
	fail(s, s->refused[0] != '\0' && r->status == 403 ? s->refused : text, wait_s);
}

static void try_next_source(struct k8s_session *s, const struct http_result *r)
{
	struct k8s_status st;

	if (s->source + 1 == K8S_N_SOURCES) {
		refuse(s, r);
		return;
	}
	if (r->status == 403 && s->refused[0] == '\0') {
		k8s_parse_status(r->body, r->body_n, &st);
		k8s_explain(s->source, &s->conf.service, r->status, &st, s->refused);
	}
	s->source++;
	begin(s);
}

/* 410: what we asked to go on from is forgotten. Twice in a row is the server's trouble, and waited out. */
static void gone(struct k8s_session *s, const char *text)
{
	if (s->next[0] != '\0')
		s->unpaged = true;
	if (++s->n_gone > 2)
		fail(s, text, 0);
	else
		begin(s);
}

static void on_refusal(struct k8s_session *s, const struct http_result *r)
{
	switch (r->status) {
	case 401:
		/* Rotated between our reading and its use, or just now. */
		if (!s->retried && read_token(s)) {
			s->retried = true;
			begin(s);
			return;
		}
		refuse(s, r);
		return;
	case 403:
	case 404:
		try_next_source(s, r);
		return;
	case 410:
		gone(s, "the list expires while it is being read");
		return;
	default:
		refuse(s, r);
	}
}

static void list_complete(struct k8s_session *s, const char *version)
{
	k8s_store_clear(&s->store);
	s->store = s->reading;
	s->reading = (struct k8s_store){0};
	snprintf(s->version, sizeof s->version, "%s", version);
	s->retried = false;
	s->unpaged = false;
	if (s->source == K8S_ENDPOINTS_GET || s->polling || s->version[0] == '\0') {
		s->polling = true;
		arm(s, POLL_MS);
	} else {
		watch(s);
	}
	s->events->synced(s->ctx);
}

static void on_list(void *ctx, const struct http_result *r)
{
	struct k8s_session *s = ctx;
	char version[K8S_VERSION_MAX];
	struct k8s_list l;
	int rc;

	s->call = NULL;
	if (r->error < 0) {
		fail(s, r->text, 0);
		return;
	}
	if (r->status != 200) {
		on_refusal(s, r);
		return;
	}
	rc = k8s_parse_list(r->body, r->body_n, &l);
	if (rc == 0) {
		memcpy(s->next, l.next, sizeof s->next);
		memcpy(version, l.resource_version, sizeof version);
		rc = k8s_store_add_list(&s->reading, &l);
	}
	if (rc < 0)
		fail(s,
			rc == -EMSGSIZE ? "the service has too many endpoints"
					: "an answer that is no list of endpoints",
			0);
	else if (s->next[0] != '\0')
		list(s);
	else
		list_complete(s, version);
}

static void list(struct k8s_session *s)
{
	static const struct http_handlers handlers = {.done = on_list};
	struct buf path = {0};

	k8s_put_list_path(&path, s->source, &s->conf.service, s->unpaged ? 0 : K8S_PAGE,
		s->next);
	s->call = get(s, &path, LIST_TIMEOUT_MS, &handlers);
	buf_free(&path);
}

static void on_error_event(struct k8s_session *s, const struct k8s_status *st)
{
	char text[K8S_EXPLAIN_MAX];

	hang_up(s);
	if (st->code == 410) {
		log_debug("watch_expired", "version=%s", s->version);
		gone(s, "the server forgets faster than we can list");
		return;
	}
	snprintf(text, sizeof text, "watch of %s: %d %.300s", k8s_source_name(s->source),
		st->code, st->message);
	fail(s, text, (uint32_t)st->retry_after_s);
}

static int apply(struct k8s_session *s, struct k8s_event *e)
{
	if (e->object.resource_version[0] != '\0')
		memcpy(s->version, e->object.resource_version, sizeof s->version);
	if (e->type == K8S_SET)
		return k8s_store_set(&s->store, &e->object);
	k8s_store_delete(&s->store, e->object.name);
	return 0;
}

static void on_line(void *ctx, const char *line, size_t n)
{
	struct k8s_session *s = ctx;
	struct k8s_event e;

	if (k8s_parse_event(line, n, &e) < 0) {
		fail(s, "the watch brought a line that is no event", 0);
		return;
	}
	if (e.type != K8S_ERROR)
		s->n_gone = 0;
	if (e.type == K8S_ERROR)
		on_error_event(s, &e.status);
	else if (e.type == K8S_BOOKMARK)
		memcpy(s->version, e.object.resource_version, sizeof s->version);
	else if (apply(s, &e) < 0)
		fail(s, "the service has too many endpoints", 0);
	else
		s->events->synced(s->ctx);
	k8s_event_free(&e);
}

static void on_watch_end(void *ctx, const struct http_result *r)
{
	struct k8s_session *s = ctx;

	s->call = NULL;
	if (r->error < 0) {
		fail(s, r->text, 0);
	} else if (r->status == 403) {
		s->polling = true; /* may list, but not watch */
		arm(s, POLL_MS);
	} else if (r->status != 200) {
		on_refusal(s, r);
	} else if (ev_time() - s->watch_began < QUICK_END_S) {
		arm(s, PAUSE_MS);
	} else if (s->source == K8S_SLICES) {
		watch(s);
	} else {
		begin_anew(s);
	}
}

static void watch(struct k8s_session *s)
{
	static const struct http_handlers handlers = {.line = on_line, .done = on_watch_end};
	unsigned timeout_s = (unsigned)rng_range(s->rng, WATCH_MIN_S, WATCH_MAX_S);
	struct buf path = {0};

	s->watch_began = ev_time();
	k8s_put_watch_path(&path, s->source, &s->conf.service, s->version, timeout_s);
	s->call = get(s, &path, (timeout_s + WATCH_GRACE_S) * 1000ULL, &handlers);
	buf_free(&path);
}

void k8s_session_init(struct k8s_session *s, struct ev_loop *loop, struct http *http,
	struct rng *rng, const struct k8s_session_events *events, void *ctx)
{
	*s = (struct k8s_session){.loop = loop,
		.http = http,
		.rng = rng,
		.events = events,
		.ctx = ctx};
	ev_init(&s->timer, on_timer);
	s->timer.data = s;
}

void k8s_session_fini(struct k8s_session *s)
{
	hang_up(s);
	ev_timer_stop(s->loop, &s->timer);
	k8s_store_clear(&s->reading);
	k8s_store_clear(&s->store);
	explicit_bzero(s->token, sizeof s->token);
}

void k8s_session_start(struct k8s_session *s, const struct k8s_session_conf *conf)
{
	s->conf = *conf;
	ev_timer_stop(s->loop, &s->timer);
	k8s_store_clear(&s->store);
	s->n_gone = 0;
	begin_anew(s);
}
