#ifndef WORKERS_K8S_K8S_SESSION_H
#define WORKERS_K8S_K8S_SESSION_H
/*
 * List, then watch, over common/net/http:
 *
 *   list, page by page → watch from the list's version → (its end) watch from the last version seen …
 *
 * What may not be listed is tried the next way (enum k8s_source); what may not be watched is read every POLL seconds.
 * 410 begins with the list again. Any failure keeps the last good store and is told; the list follows after a wait.
 * The token is read from its file for every request, since it rotates.
 */
#include <ev.h>

#include "common/base/rng.h"
#include "common/net/http.h"
#include "workers/k8s/k8s_api.h"
#include "workers/k8s/k8s_store.h"

enum { K8S_TOKEN_MAX = 16384 };

struct k8s_session_conf {   /* borrowed */
	const char *server; /* URL without a path */
	const char *account_dir;
	struct k8s_service service;
};

struct k8s_session_events {
	void (*synced)(void *ctx); /* the store is what the server holds */
	/* Returns how many ms to wait before the next try. */
	uint64_t (*failed)(void *ctx, const char *text);
};

struct k8s_session {
	struct ev_loop *loop;
	struct http *http;
	struct rng *rng;
	const struct k8s_session_events *events;
	void *ctx;
	struct k8s_session_conf conf;

	enum k8s_source source;
	bool unpaged; /* a page's token had expired: all in one go */
	unsigned n_polls;
	bool polling;    /* no right to watch */
	bool retried;    /* a new token was tried since the last success */
	unsigned n_gone; /* 410 in a row */
	char version[K8S_VERSION_MAX];
	char next[K8S_CONTINUE_MAX];
	char refused[K8S_EXPLAIN_MAX]; /* why the better sources are not in use; "" */
	struct k8s_store reading;      /* pages so far */
	struct k8s_store store;
	struct http_call *call; /* list or watch */
	double watch_began;
	char token[K8S_TOKEN_MAX]; /* the Authorization header of the last request */
	ev_timer timer;
};

void k8s_session_init(struct k8s_session *s, struct ev_loop *loop, struct http *http,
	struct rng *rng, const struct k8s_session_events *events, void *ctx);
void k8s_session_fini(struct k8s_session *s);
/* Begins, or begins anew. */
void k8s_session_start(struct k8s_session *s, const struct k8s_session_conf *conf);

#endif
