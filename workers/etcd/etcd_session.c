#include "workers/etcd/etcd_session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "workers/etcd/etcd_explain.h"

#define LOG_COMPONENT "etcd"

enum {
	CONNECT_TIMEOUT_MS = 2000,
	CALL_TIMEOUT_MIN_MS = 2000,
	CALL_TIMEOUT_MAX_MS = 5000,
	REVOKE_TIMEOUT_MS = 1500,
	RANGE_BYTES_MAX = 8 * 1024 * 1024,
	RENEWALS_PER_TTL = 3,
	CODE_NOT_FOUND = 5,
	CODE_FAILED_PRECONDITION = 9,
};

struct step_row {
	const char *path;
	void (*ask)(struct etcd_session *s, struct buf *body);
	void (*answered)(struct etcd_session *s, const struct http_result *r);
};

static const struct step_row steps[ETCD_N_STEPS];

static void go(struct etcd_session *s, enum etcd_step step);

const char *etcd_session_server(const struct etcd_session *s)
{
	return s->conf->server[s->server];
}

bool etcd_session_is_registered(const struct etcd_session *s)
{
	return s->lease.id != 0 && !s->missing;
}

static void arm(struct etcd_session *s, uint64_t delay_ms)
{
	ev_timer_stop(s->loop, &s->timer);
	ev_now_update(s->loop);
	ev_timer_set(&s->timer, (double)delay_ms / 1000.0, 0.);
	ev_timer_start(s->loop, &s->timer);
}

static void hang_up(struct etcd_session *s)
{
	http_cancel(s->call);
	http_cancel(s->watch);
	s->call = s->watch = NULL;
}

static void fail(struct etcd_session *s, const char *what, const char *text)
{
	bool all = ++s->n_failed >= s->conf->n_servers;
	char line[HTTP_TEXT_MAX + 400];
	uint64_t wait_ms;

	hang_up(s);
	snprintf(line, sizeof line, "%s%s: %s", etcd_session_server(s), what, text);
	s->server = (s->server + 1) % s->conf->n_servers;
	if (all)
		s->n_failed = 0;
	wait_ms = s->events->failed(s->ctx, line, all);
	arm(s, all ? wait_ms : 0);
}

static struct http_call *call(struct etcd_session *s, const char *path, const struct buf *body,
	uint64_t timeout_ms, const struct http_handlers *handlers)
{
	char url[600];
	struct http_tls tls = {
		.ca_file = s->conf->ca_file,
		.cert_file = s->conf->cert_file,
		.key_file = s->conf->key_file,
		.server_name = s->conf->server_name,
		.verify = s->conf->verify,
	};
	struct http_request rq = {
		.url = url,
		.body = (const char *)body->p,
		.body_n = body->n,
		.authorization = s->token[0] != '\0' ? s->token : NULL,
		.tls = &tls,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.timeout_ms = timeout_ms,
		.body_max = RANGE_BYTES_MAX,
	};

	snprintf(url, sizeof url, "%s%s", etcd_session_server(s), path);
	return http_start(s->http, &rq, handlers, s);
}

static void fail_answer(struct etcd_session *s, const char *path, const struct http_result *r)
{
	char text[ETCD_EXPLAIN_MAX];

	if (r->error < 0)
		fail(s, "", r->text);
	else
		fail(s, path, etcd_explain(s->conf, r->status, r->body, r->body_n, text));
}

/* True when the token ran out and a new one is being fetched. */
static bool log_in_again(struct etcd_session *s, const struct http_result *r)
{
	struct etcd_error e;

	if (r->error < 0 || s->conf->username[0] == '\0' || s->token_fresh)
		return false;
	etcd_parse_error(r->body, r->body_n, &e);
	if (r->status != 401 && e.code != ETCD_CODE_UNAUTHENTICATED)
		return false;
	http_cancel(s->call);
	s->call = NULL;
	go(s, ETCD_AUTHENTICATE);
	return true;
}

static void on_answer(void *ctx, const struct http_result *r)
{
	struct etcd_session *s = ctx;

	s->call = NULL;
	if (s->step != ETCD_AUTHENTICATE && log_in_again(s, r))
		return;
	steps[s->step].answered(s, r);
}

static uint64_t call_timeout(const struct etcd_session *s)
{
	uint64_t ms = s->conf->ttl_s * 1000 / RENEWALS_PER_TTL;

	if (ms > CALL_TIMEOUT_MAX_MS)
		return CALL_TIMEOUT_MAX_MS;
	return ms < CALL_TIMEOUT_MIN_MS ? CALL_TIMEOUT_MIN_MS : ms;
}

static void go(struct etcd_session *s, enum etcd_step step)
{
	static const struct http_handlers handlers = {.done = on_answer};
	struct buf body = {0};

	s->step = step;
	if (step == ETCD_AUTHENTICATE)
		s->token[0] = '\0';
	steps[step].ask(s, &body);
	s->call = call(s, steps[step].path, &body, call_timeout(s), &handlers);
	explicit_bzero(body.p, body.n); /* one of them holds the password */
	buf_free(&body);
}

static bool is_ok(const struct http_result *r)
{
	return r->error == 0 && r->status == 200;
}

/* All is well: nothing to do before the next renewal. */
static void rest(struct etcd_session *s)
{
	s->n_failed = 0;
	s->token_fresh = false;
	if (s->missing) {
		go(s, ETCD_PUT);
		return;
	}
	arm(s, s->lease.ttl_s * 1000 / RENEWALS_PER_TTL);
	s->events->synced(s->ctx);
}

static void ask_authenticate(struct etcd_session *s, struct buf *body)
{
	etcd_put_authenticate(body, s->conf->username, s->conf->password);
}

static void after_login(struct etcd_session *s)
{
	go(s, s->lease.id != 0 ? ETCD_RENEW : ETCD_GRANT);
}

static void got_token(struct etcd_session *s, const struct http_result *r)
{
	struct etcd_error e;

	if (is_ok(r)) {
		if (etcd_parse_token(r->body, r->body_n, s->token) < 0) {
			fail(s, steps[s->step].path, "no token in the answer");
			return;
		}
		s->token_fresh = true;
		after_login(s);
		return;
	}
	if (r->error == 0)
		etcd_parse_error(r->body, r->body_n, &e);
	/* A user is configured, but etcd has authentication switched off: nothing to prove. */
	if (r->error == 0 && e.code == CODE_FAILED_PRECONDITION)
		after_login(s);
	else
		fail_answer(s, steps[s->step].path, r);
}

static void ask_lease_id(struct etcd_session *s, struct buf *body)
{
	etcd_put_lease_id(body, s->lease.id);
}

static void go_on(struct etcd_session *s)
{
	if (s->watch != NULL)
		rest(s);
	else
		go(s, ETCD_RANGE);
}

static void got_renewal(struct etcd_session *s, const struct http_result *r)
{
	struct etcd_lease l;

	if (!is_ok(r)) {
		fail_answer(s, steps[s->step].path, r);
	} else if (etcd_parse_keepalive(r->body, r->body_n, &l) < 0) {
		fail(s, steps[s->step].path, "an answer that is no lease");
	} else if (l.ttl_s == 0) {
		log_warn("lease_lost", "lease=%" PRIx64 " server=%s action=\"grant a new one\"",
			s->lease.id, etcd_session_server(s));
		s->lease.id = 0;
		go(s, ETCD_GRANT);
	} else {
		s->lease.ttl_s = l.ttl_s;
		go_on(s);
	}
}

static void ask_grant(struct etcd_session *s, struct buf *body)
{
	etcd_put_grant(body, s->conf->ttl_s);
}

static void got_grant(struct etcd_session *s, const struct http_result *r)
{
	if (!is_ok(r)) {
		fail_answer(s, steps[s->step].path, r);
		return;
	}
	if (etcd_parse_grant(r->body, r->body_n, &s->lease) < 0) {
		s->lease.id = 0;
		fail(s, steps[s->step].path, "an answer that is no lease");
		return;
	}
	go(s, ETCD_PUT);
}

static void ask_put(struct etcd_session *s, struct buf *body)
{
	etcd_put_put(body, s->conf->key, s->conf->value, s->lease.id);
}

static void got_put(struct etcd_session *s, const struct http_result *r)
{
	struct etcd_error e = {.code = 0};

	if (is_ok(r)) {
		s->missing = false;
		log_info("registered", "key=%s lease=%" PRIx64 " server=%s", s->conf->key,
			s->lease.id, etcd_session_server(s));
		go_on(s);
		return;
	}
	if (r->error == 0)
		etcd_parse_error(r->body, r->body_n, &e);
	if (r->error == 0 && e.code == CODE_NOT_FOUND) { /* the lease ended meanwhile */
		s->lease.id = 0;
		go(s, ETCD_GRANT);
		return;
	}
	fail_answer(s, steps[s->step].path, r);
}

static void ask_range(struct etcd_session *s, struct buf *body)
{
	etcd_put_range(body, s->conf->prefix, s->conf->prefix_end, ETCD_NODES_MAX);
}

static bool has_own_key(const struct etcd_session *s)
{
	for (size_t i = 0; i < s->nodes.n; i++) {
		if (strcmp(s->nodes.item[i].key, s->conf->key) == 0)
			return true;
	}
	return false;
}

static void on_line(void *ctx, const char *line, size_t n);
static void on_watch_end(void *ctx, const struct http_result *r);

static void start_watch(struct etcd_session *s)
{
	static const struct http_handlers handlers = {.line = on_line, .done = on_watch_end};
	struct buf body = {0};

	etcd_put_watch(&body, s->conf->prefix, s->conf->prefix_end, s->revision + 1);
	s->watch = call(s, "/v3/watch", &body, 0, &handlers);
	buf_free(&body);
}

static void got_range(struct etcd_session *s, const struct http_result *r)
{
	struct etcd_range range;
	int rc;

	if (!is_ok(r)) {
		fail_answer(s, steps[s->step].path, r);
		return;
	}
	if (etcd_parse_range(r->body, r->body_n, &range) < 0) {
		fail(s, steps[s->step].path, "an answer that is no range of keys");
		return;
	}
	etcd_nodes_clear(&s->nodes);
	rc = etcd_nodes_apply(&s->nodes, &range.kvs);
	s->cut = range.more || rc < 0;
	s->revision = range.revision;
	s->missing = !has_own_key(s);
	etcd_kvs_free(&range.kvs);
	start_watch(s);
	rest(s);
}

static const struct step_row steps[ETCD_N_STEPS] = {
	[ETCD_AUTHENTICATE] = {"/v3/auth/authenticate", ask_authenticate, got_token},
	[ETCD_RENEW] = {"/v3/lease/keepalive", ask_lease_id, got_renewal},
	[ETCD_GRANT] = {"/v3/lease/grant", ask_grant, got_grant},
	[ETCD_PUT] = {"/v3/kv/put", ask_put, got_put},
	[ETCD_RANGE] = {"/v3/kv/range", ask_range, got_range},
};

static void read_again(struct etcd_session *s)
{
	http_cancel(s->watch);
	s->watch = NULL;
	if (s->call == NULL)
		go(s, ETCD_RANGE);
}

static void apply_events(struct etcd_session *s, const struct etcd_watch *w)
{
	bool had = has_own_key(s);

	s->revision = w->revision;
	if (etcd_nodes_apply(&s->nodes, &w->kvs) < 0)
		s->cut = true;
	/* Somebody deleted our key, or the lease ran out behind our back. */
	if (had && !has_own_key(s))
		s->missing = true;
	if (s->call != NULL)
		return;
	if (s->missing)
		go(s, ETCD_PUT);
	s->events->synced(s->ctx);
}

static void on_line(void *ctx, const char *line, size_t n)
{
	struct etcd_session *s = ctx;
	struct etcd_watch w;

	if (etcd_parse_watch(line, n, &w) < 0) {
		fail(s, "/v3/watch", "a line that is no watch answer");
		return;
	}
	if (w.kind == ETCD_WATCH_CANCELED && w.compact_revision != 0) {
		log_info("watch_compacted", "revision=%" PRIu64 " compacted=%" PRIu64,
			s->revision, w.compact_revision);
		read_again(s);
	} else if (w.kind == ETCD_WATCH_CANCELED) {
		fail(s, "/v3/watch",
			w.reason[0] != '\0' ? w.reason : "the server ended the watch");
	} else if (w.kind == ETCD_WATCH_EVENTS && w.kvs.n > 0) {
		apply_events(s, &w);
	}
	etcd_kvs_free(&w.kvs);
}

static void on_watch_end(void *ctx, const struct http_result *r)
{
	struct etcd_session *s = ctx;

	s->watch = NULL;
	if (log_in_again(s, r))
		return;
	if (is_ok(r))
		fail(s, "/v3/watch", "the server ended the watch");
	else
		fail_answer(s, "/v3/watch", r);
}

static void begin(struct etcd_session *s)
{
	hang_up(s);
	if (s->conf->username[0] != '\0')
		go(s, ETCD_AUTHENTICATE);
	else
		after_login(s);
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct etcd_session *s = t->data;

	(void)loop;
	(void)revents;
	if (s->watch == NULL)
		begin(s);
	else if (s->call == NULL)
		go(s, ETCD_RENEW);
}

void etcd_session_init(struct etcd_session *s, struct ev_loop *loop, struct http *http,
	const struct etcd_session_events *events, void *ctx)
{
	*s = (struct etcd_session){.loop = loop, .http = http, .events = events, .ctx = ctx};
	ev_init(&s->timer, on_timer);
	s->timer.data = s;
}

void etcd_session_fini(struct etcd_session *s)
{
	hang_up(s);
	ev_timer_stop(s->loop, &s->timer);
	etcd_nodes_clear(&s->nodes);
	explicit_bzero(s->token, sizeof s->token);
}

static void on_revoked(void *ctx, const struct http_result *r)
{
	struct etcd_session *s = ctx;

	s->call = NULL;
	if (!is_ok(r))
		log_warn("revoke_failed",
			"server=%s error=\"%s\" effect=\"the key goes with its time\"",
			etcd_session_server(s), r->text);
	s->events->stopped(s->ctx);
}

static void on_old_revoked(void *ctx, const struct http_result *r)
{
	(void)ctx;
	if (!is_ok(r))
		log_warn("revoke_failed",
			"error=\"%s\" effect=\"the old key goes with its time\"", r->text);
}

/* Our key goes at once instead of with the lease's time. NULL when there is nothing to revoke. */
static struct http_call *revoke_lease(struct etcd_session *s,
	void (*done)(void *, const struct http_result *))
{
	struct http_handlers handlers = {.done = done};
	struct buf body = {0};
	struct http_call *c;

	hang_up(s);
	ev_timer_stop(s->loop, &s->timer);
	if (s->lease.id == 0)
		return NULL;
	etcd_put_lease_id(&body, s->lease.id);
	c = call(s, "/v3/lease/revoke", &body, REVOKE_TIMEOUT_MS, &handlers);
	buf_free(&body);
	s->lease.id = 0;
	return c;
}

void etcd_session_start(struct etcd_session *s, const struct etcd_conf *conf)
{
	if (s->conf != NULL)
		revoke_lease(s, on_old_revoked);
	s->conf = conf;
	s->server = 0;
	s->n_failed = 0;
	s->missing = false;
	etcd_nodes_clear(&s->nodes);
	begin(s);
}

void etcd_session_stop(struct etcd_session *s)
{
	s->call = revoke_lease(s, on_revoked);
	if (s->call == NULL)
		s->events->stopped(s->ctx);
}
