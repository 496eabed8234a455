#include "membership/core/offline.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "membership/shell_int.h"

#define LOG_COMPONENT "offline"

struct job {
	struct shell *shell;
	enum core_offline_kind kind;
	struct state_batch *batch;
	size_t cap;
};

/* The core's words live during the call only. */
static void put(void *ctx, const struct core_write *w)
{
	struct job *j = ctx;
	struct core_write *to;

	if (j->batch->n == j->cap) {
		j->cap *= 2;
		j->batch = xrealloc(j->batch, 1,
			sizeof *j->batch + j->cap * sizeof j->batch->write[0]);
	}
	to = &j->batch->write[j->batch->n++];
	*to = *w;
	to->key = xmemdup(w->key, w->key_n);
	if (w->value != NULL)
		to->value = xmemdup(w->value, w->value_n);
}

static int fail(const char *err)
{
	char text[2048];

	log_error("offline_failed", "error=%s", log_quote(text, sizeof text, err, strlen(err)));
	return EXIT_FAILED;
}

static int edit(struct job *j, struct state_db *db, const struct state_pairs *stored)
{
	struct core_conf *conf = serve_core_conf(j->shell, j->shell->conf);
	char err[1024] = "";
	int rc = core_offline(j->kind, conf, &(struct core_stored){stored->kv, stored->n},
		&(struct core_sink){put, j}, err, sizeof err);

	serve_core_conf_free(conf);
	if (rc != 0)
		return fail(err);
	rc = state_db_commit(db, j->batch, STATE_CORE);
	if (rc != 0)
		return fail(strerror(-rc));
	log_info("offline_done", "keys=%zu node=%s", j->batch->n,
		conf_values(j->shell->conf)->node.name);
	return EXIT_OK;
}

static void free_writes(struct state_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		void *p;

		memcpy(&p, &b->write[i].key, sizeof p); /* both made by put() */
		free(p);
		memcpy(&p, &b->write[i].value, sizeof p);
		free(p);
	}
	free(b);
}

static int run(struct job *j)
{
	struct state_pairs stored;
	struct state_db *db;
	char err[1024] = "";
	int rc = state_db_open(conf_values(j->shell->conf)->node.data_dir, &db, &stored, err,
		sizeof err);

	if (rc != 0)
		return fail(err);
	j->cap = 16;
	j->batch = xcalloc(1, sizeof *j->batch + j->cap * sizeof j->batch->write[0]);
	rc = edit(j, db, &stored);
	free_writes(j->batch);
	state_pairs_free(&stored);
	state_db_close(db);
	return rc;
}

static void on_message(void *ctx, enum ipc_type type, const void *msg, int fd)
{
	struct job *j = ctx;
	const struct ipc_setup *m = msg;

	(void)fd; /* setup carries none */
	if (type != IPC_SETUP || j->shell->conf != NULL)
		return;
	j->shell->conf = conf_section_parse(m->section.p, m->section.n);
	ev_break(j->shell->loop, EVBREAK_ALL);
}

static void on_closed(void *ctx, int error, const char *why)
{
	struct job *j = ctx;

	(void)error;
	(void)why;
	ev_break(j->shell->loop, EVBREAK_ALL);
}

int offline_main(const char *what)
{
	static const struct ipc_handlers handlers = {on_message, on_closed};
	struct shell s = {.loop = ev_loop_new(EVFLAG_NOENV)};
	struct job j = {.shell = &s};
	struct ipc_chan *chan;
	int rc;

	if (strcmp(what, "rename") == 0)
		j.kind = CORE_OFFLINE_RENAME;
	else if (strcmp(what, "new-identity") == 0)
		j.kind = CORE_OFFLINE_NEW_IDENTITY;
	else
		return EXIT_USAGE;
	chan = ipc_chan_new(s.loop, IPC_SUPERVISION_FD, IPC_MEMBERSHIP, IPC_SUPERVISOR,
		&handlers, &j);
	ev_run(s.loop, 0);
	ipc_chan_free(chan);
	rc = s.conf != NULL ? run(&j) : fail("no configuration came from the supervisor");
	conf_loaded_free(s.conf);
	ev_loop_destroy(s.loop);
	return rc;
}
