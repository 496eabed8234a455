#include "membership/store/state.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "membership/store/data_file.h"

enum { WRITER_STACK_BYTES = 256 * 1024, SETTLE_S = 1 };

struct batch_queue {
	struct state_batch *first, **last;
};

enum backup_at { BACKUP_NONE, BACKUP_WAITS, BACKUP_RUNS, BACKUP_DONE };

struct backup_job {
	enum backup_at at;
	enum backup_what what;
	char *data_dir, *name;
	struct buf bytes;
	state_backed_up *done;
	void *ctx;
	int error;
};

/* Reading the shared data, or putting it aside: one at a time. */
enum data_at { DATA_IDLE, DATA_WAITS, DATA_RUNS, DATA_DONE };

struct data_job {
	enum data_at at;
	state_loaded *loaded; /* NULL: it is put aside */
	state_aside *aside;
	void *ctx;
	struct state_piece piece;
	struct state_pairs pairs;
	char text[1024];
};

struct state {
	struct ev_loop *loop;
	ev_async wake; /* the writer to the loop */
	state_done *done;
	void *ctx;
	struct state_db *db;        /* the writer's alone */
	struct data_file data_file; /* as well */
	pthread_t writer;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct batch_queue queued, ready; /* under the lock */
	size_t queued_bytes;
	struct backup_job backup; /* under the lock, but for the file, which is the writer's */
	struct backup_file backup_file;
	struct data_job data; /* under the lock, but while it runs */
	bool closing;
};

static void queue_reset(struct batch_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void queue_add(struct batch_queue *q, struct state_batch *b)
{
	b->next = NULL;
	*q->last = b;
	q->last = &b->next;
}

static struct state_batch *queue_take(struct batch_queue *q)
{
	struct state_batch *b = q->first;

	queue_reset(q);
	return b;
}

static void batches_free(struct state_batch *b)
{
	while (b != NULL) {
		struct state_batch *next = b->next;

		free(b);
		b = next;
	}
}

/* One allocation: the batch, its writes, their bytes. */
static struct state_batch *batch_copy(enum state_owner owner, uint64_t seq,
	const struct core_write *w, size_t n)
{
	size_t bytes = sizeof(struct state_batch) + n * sizeof *w;
	struct state_batch *b;
	uint8_t *p;

	for (size_t i = 0; i < n; i++)
		bytes += w[i].key_n + w[i].value_n;
	b = xcalloc(1, bytes);
	b->owner = owner;
	b->seq = seq;
	b->n = n;
	b->bytes = bytes;
	p = (uint8_t *)&b->write[n];
	for (size_t i = 0; i < n; i++) {
		b->write[i] = w[i];
		b->write[i].key = memcpy(p, w[i].key, w[i].key_n);
		p += w[i].key_n;
		if (w[i].value == NULL)
			continue;
		if (w[i].value_n > 0)
			memcpy(p, w[i].value, w[i].value_n);
		b->write[i].value = p;
		p += w[i].value_n;
	}
	return b;
}

static bool has(const struct state_batch *b, enum state_owner owner)
{
	while (b != NULL && b->owner != owner)
		b = b->next;
	return b != NULL;
}

/* A batch that was refused when it was queued is empty by now and only passes through, in its turn. */
static void set_error(struct state_batch *b, enum state_owner owner, int rc)
{
	for (; b != NULL; b = b->next)
		if (b->owner == owner && b->error == 0)
			b->error = rc;
}

/* Membership first: its words are few, and links wait for them. */
static void commit_group(struct state *s, struct state_batch *first)
{
	if (has(first, STATE_CORE))
		set_error(first, STATE_CORE, state_db_commit(s->db, first, STATE_CORE));
	if (has(first, STATE_DATA))
		set_error(first, STATE_DATA, data_file_commit(&s->data_file, first));
}

/* Called and left with the lock held; one step, so that a long backup keeps no commit waiting. */
static void run_backup(struct state *s)
{
	struct backup_job *j = &s->backup;
	struct backup_step step = {.what = j->what,
		.data_dir = j->data_dir,
		.name = j->name,
		.bytes = j->bytes.p,
		.n = j->bytes.n};

	if (j->at != BACKUP_WAITS)
		return;
	j->at = BACKUP_RUNS; /* the loop leaves it alone until it is done */
	pthread_mutex_unlock(&s->lock);
	j->error = backup_step(&s->backup_file, &step);
	pthread_mutex_lock(&s->lock);
	j->at = BACKUP_DONE;
	ev_async_send(s->loop, &s->wake);
}

/* The same of reading, so that membership's commits come in between. */
static void run_data(struct state *s)
{
	struct data_job *j = &s->data;

	if (j->at != DATA_WAITS)
		return;
	j->at = DATA_RUNS;
	pthread_mutex_unlock(&s->lock);
	j->text[0] = '\0';
	if (j->loaded == NULL)
		j->piece.error = data_file_aside(&s->data_file);
	else
		j->piece.error =
			data_file_load(&s->data_file, &j->pairs, j->text, sizeof j->text);
	pthread_mutex_lock(&s->lock);
	j->at = DATA_DONE;
	ev_async_send(s->loop, &s->wake);
}

static bool idle(const struct state *s)
{
	return s->queued.first == NULL && s->backup.at != BACKUP_WAITS &&
	       s->data.at != DATA_WAITS && !s->closing;
}

/* Called and left with the lock held. When nothing comes for a moment, the file takes over what its log has. */
static void wait_for_work(struct state *s)
{
	struct timespec until;

	while (idle(s) && data_file_unsettled(&s->data_file)) {
		int rc = 0;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += SETTLE_S;
		while (idle(s) && rc != ETIMEDOUT)
			rc = pthread_cond_timedwait(&s->more, &s->lock, &until);
		if (!idle(s))
			return;
		pthread_mutex_unlock(&s->lock);
		data_file_settle(&s->data_file);
		pthread_mutex_lock(&s->lock);
	}
	while (idle(s))
		pthread_cond_wait(&s->more, &s->lock);
}

static void *writer_main(void *arg)
{
	struct state *s = arg;
	struct state_batch *b;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		wait_for_work(s);
		run_backup(s);
		run_data(s);
		b = queue_take(&s->queued);
		if (b == NULL && s->closing)
			break;
		if (b == NULL)
			continue;
		s->queued_bytes = 0;
		pthread_mutex_unlock(&s->lock);
		commit_group(s, b);
		pthread_mutex_lock(&s->lock);
		while (b != NULL) {
			struct state_batch *next = b->next;

			queue_add(&s->ready, b);
			b = next;
		}
		ev_async_send(s->loop, &s->wake);
	}
	pthread_mutex_unlock(&s->lock);
	backup_step(&s->backup_file, &(struct backup_step){.what = BACKUP_DROP});
	return NULL;
}

static void tell_backed_up(struct state *s)
{
	struct backup_job *j = &s->backup;
	bool done;
	int rc;

	pthread_mutex_lock(&s->lock);
	done = j->at == BACKUP_DONE;
	rc = j->error;
	if (done)
		j->at = BACKUP_NONE;
	pthread_mutex_unlock(&s->lock);
	if (done)
		j->done(j->ctx, rc);
}

/* --- the shared data's file */

static void data_job_begin(struct state *s)
{
	pthread_mutex_lock(&s->lock);
	assert(s->data.at == DATA_IDLE);
	s->data.at = DATA_WAITS;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

void state_data_load(struct state *s, state_loaded *done, void *ctx)
{
	s->data.loaded = done;
	s->data.ctx = ctx;
	data_job_begin(s);
}

void state_data_aside(struct state *s, state_aside *done, void *ctx)
{
	s->data.loaded = NULL;
	s->data.aside = done;
	s->data.ctx = ctx;
	data_job_begin(s);
}

/* The callback may begin the other kind of job. */
static void tell_loaded(struct state *s)
{
	struct data_job *j = &s->data;
	struct state_pairs pairs = j->pairs;

	j->pairs = (struct state_pairs){.kv = NULL};
	j->piece.pairs = &pairs;
	j->piece.done = s->data_file.at.done;
	j->piece.total = s->data_file.at.total;
	j->piece.last = s->data_file.at.end || j->piece.error != 0;
	j->piece.text = j->text;
	if (j->loaded(j->ctx, &j->piece) && !j->piece.last)
		data_job_begin(s);
	state_pairs_free(&pairs);
}

static void tell_data(struct state *s)
{
	struct data_job *j = &s->data;
	bool done;

	pthread_mutex_lock(&s->lock);
	done = j->at == DATA_DONE;
	if (done)
		j->at = DATA_IDLE; /* the writer leaves it alone, and its file */
	pthread_mutex_unlock(&s->lock);
	if (done && j->loaded != NULL)
		tell_loaded(s);
	else if (done)
		j->aside(j->ctx, j->piece.error);
}

void state_backup(struct state *s, const struct backup_step *step, state_backed_up *done,
	void *ctx)
{
	struct backup_job *j = &s->backup;

	pthread_mutex_lock(&s->lock);
	assert(j->at == BACKUP_NONE);
	j->at = BACKUP_WAITS;
	j->what = step->what;
	j->bytes.n = 0;
	buf_put(&j->bytes, step->bytes, step->n);
	j->done = done;
	j->ctx = ctx;
	if (step->what == BACKUP_BEGIN) {
		free(j->data_dir);
		free(j->name);
		j->data_dir = xstrdup(step->data_dir);
		j->name = xstrdup(step->name);
	}
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

static void on_written(struct ev_loop *loop, ev_async *w, int revents)
{
	struct state *s = w->data;
	struct state_batch *b;

	(void)loop;
	(void)revents;
	pthread_mutex_lock(&s->lock);
	b = queue_take(&s->ready);
	pthread_mutex_unlock(&s->lock);
	while (b != NULL) {
		struct state_batch *next = b->next;

		s->done(s->ctx, b->owner, b->seq, b->error);
		free(b);
		b = next;
	}
	tell_backed_up(s);
	tell_data(s);
}

/* Signals are the loop's, but for those that reading a damaged file raises. */
static void block_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGFPE);
	pthread_sigmask(SIG_BLOCK, &all, old);
}

struct state *state_new(struct ev_loop *loop, struct state_db *db, const char *data_dir,
	state_done *done, void *ctx)
{
	struct state *s = xcalloc(1, sizeof *s);
	pthread_condattr_t clock;
	pthread_attr_t attr;
	sigset_t old;
	int rc;

	s->loop = loop;
	s->db = db;
	s->done = done;
	s->ctx = ctx;
	s->backup_file.fd = -1;
	queue_reset(&s->queued);
	queue_reset(&s->ready);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&s->more, &clock);
	pthread_condattr_destroy(&clock);
	ev_async_init(&s->wake, on_written);
	s->wake.data = s;
	ev_async_start(loop, &s->wake);

	data_file_init(&s->data_file, data_dir);
	block_signals(&old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WRITER_STACK_BYTES);
	rc = pthread_create(&s->writer, &attr, writer_main, s);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		return s;
	ev_async_stop(loop, &s->wake);
	data_file_fini(&s->data_file);
	free(s);
	return NULL;
}

void state_put(struct state *s, enum state_owner owner, uint64_t seq,
	const struct core_write *write, size_t n)
{
	struct state_batch *b = batch_copy(owner, seq, write, n);

	pthread_mutex_lock(&s->lock);
	if (s->queued_bytes + b->bytes > STATE_QUEUE_MAX) {
		size_t bytes = sizeof *b;

		b = xrealloc(b, 1, bytes);
		b->n = 0;
		b->bytes = bytes;
		b->error = -ENOBUFS;
	}
	s->queued_bytes += b->bytes;
	queue_add(&s->queued, b);
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

void state_free(struct state *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->writer, NULL);
	ev_async_stop(s->loop, &s->wake);
	batches_free(s->ready.first);
	buf_free(&s->backup.bytes);
	free(s->backup.data_dir);
	free(s->backup.name);
	state_pairs_free(&s->data.pairs);
	data_file_fini(&s->data_file);
	state_db_close(s->db);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->more);
	free(s);
}
