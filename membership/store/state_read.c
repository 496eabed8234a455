/* Reading what may be damaged. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "membership/store/state_db_int.h"
#include "membership/store/state_value.h"

/* --- the guard */

/*
 * A fault inside LMDB while a damaged file is read comes back here. Only the thread that is in it: a fault of another one
 * is a fault. The handlers are the process's, so that one thread at a time may be in.
 */
static _Thread_local sigjmp_buf guard;
static _Thread_local volatile sig_atomic_t guarding;

static void on_fault(int sig)
{
	if (guarding)
		siglongjmp(guard, sig);
	signal(sig, SIG_DFL); /* comes again as soon as this returns */
}

void state_on_lmdb_assert(MDB_env *env, const char *text)
{
	(void)env;
	(void)text;
	if (guarding)
		siglongjmp(guard, SIGABRT);
}

int state_guarded(int (*fn)(void *ctx), void *ctx)
{
	static const int sig[] = {SIGBUS, SIGSEGV, SIGFPE};
	enum { N = sizeof sig / sizeof sig[0] };
	struct sigaction fault = {.sa_handler = on_fault}, old[N];
	volatile int rc = -EUCLEAN;

	for (size_t i = 0; i < N; i++)
		sigaction(sig[i], &fault, &old[i]);
	guarding = 1;
	if (sigsetjmp(guard, 1) == 0)
		rc = fn(ctx);
	guarding = 0;
	for (size_t i = 0; i < N; i++)
		sigaction(sig[i], &old[i], NULL);
	return rc;
}

/* --- pairs */

struct state_chunk {
	struct state_chunk *next;
	uint8_t bytes[];
};

struct reading {
	struct state_db *db;
	struct state_cursor *at;
	MDB_txn *txn;
	MDB_cursor *cursor;
	struct state_pairs *out;
	size_t cap, bytes, bytes_max;
	uint64_t lap;
};

static void keep(struct reading *r, struct state_bytes key, struct state_bytes value)
{
	struct state_pairs *p = r->out;
	struct state_chunk *c = xcalloc(1, sizeof *c + key.n + value.n);

	if (p->n == r->cap) {
		r->cap = r->cap == 0 ? 64 : 2 * r->cap;
		p->kv = xrealloc(p->kv, r->cap, sizeof *p->kv);
	}
	c->next = p->chunks;
	p->chunks = c;
	memcpy(c->bytes, key.p, key.n);
	memcpy(c->bytes + key.n, value.p, value.n);
	p->kv[p->n++] = (struct core_kv){c->bytes, c->bytes + key.n, key.n, value.n};
	r->bytes += key.n + value.n;
}

static int read_pair(struct reading *r, const MDB_val *k, const MDB_val *v)
{
	struct state_bytes key = {k->mv_data, k->mv_size}, stored = {v->mv_data, v->mv_size};
	struct state_cursor *at = r->at;
	struct state_bytes value;
	unsigned format;

	if (key.n > sizeof at->key || state_value_open(stored, key, &value, &format) != 0)
		return -EUCLEAN;
	memcpy(at->key, key.p, key.n);
	at->key_n = key.n;
	at->done++;
	if (key.n == sizeof state_lap_key && memcmp(key.p, state_lap_key, key.n) == 0) {
		return 0;
	} else if (key.n == sizeof state_header_key &&
		   memcmp(key.p, state_header_key, key.n) == 0) {
		at->header =
			value.n == sizeof state_header_magic + 1 &&
			memcmp(value.p, state_header_magic, sizeof state_header_magic) == 0;
		at->format = value.n > 0 ? value.p[value.n - 1] : 0;
	} else if (format == STATE_VALUE_FORMAT) {
		if (state_log_find(&r->db->log, key.p, key.n) == NULL)
			keep(r, key, value);
	} else if (at->format <= STATE_FORMAT) { /* a newer one's values are refused with it */
		return -EUCLEAN;
	}
	return 0;
}

/* What the log says of its keys in the end; of those nothing was kept before. */
static void keep_logged(struct reading *r)
{
	const struct state_log *l = &r->db->log;

	for (size_t i = 0; i < l->last.n; i++) {
		const struct core_write *w = &l->last.write[i];

		if (w->value != NULL)
			keep(r, (struct state_bytes){w->key, w->key_n},
				(struct state_bytes){w->value, w->value_n});
	}
}

static int get_lap(void *ctx)
{
	struct reading *r = ctx;
	struct state_db *db = r->db;
	MDB_val k = {.mv_size = sizeof state_lap_key}, v;
	struct state_bytes value = {NULL, 0};
	const char *name = state_lap_key;
	unsigned format;
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &r->txn);

	memcpy(&k.mv_data, &name, sizeof name); /* LMDB forgot the const */
	if (rc == 0)
		rc = mdb_dbi_open(r->txn, NULL, 0, &db->dbi);
	if (rc == 0)
		rc = mdb_get(r->txn, db->dbi, &k, &v);
	if (rc != 0)
		return rc == MDB_NOTFOUND ? 0 : state_errno(rc);
	rc = state_value_open((struct state_bytes){v.mv_data, v.mv_size},
		(struct state_bytes){(const uint8_t *)name, k.mv_size}, &value, &format);
	if (rc == 0 && value.n == sizeof r->lap)
		memcpy(&r->lap, value.p, value.n);
	return rc;
}

int state_read_lap(struct state_db *db, uint64_t *lap)
{
	struct reading r = {.db = db};
	int rc = state_guarded(get_lap, &r);

	if (r.txn != NULL)
		mdb_txn_abort(r.txn);
	*lap = r.lap;
	return rc;
}

/* The free list: a commit walks it, and of membership's nobody guards that. */
static int read_free_list(struct reading *r)
{
	MDB_val k, v;
	int rc = mdb_cursor_open(r->txn, 0, &r->cursor);

	while (rc == 0)
		rc = mdb_cursor_get(r->cursor, &k, &v, MDB_NEXT);
	return rc == MDB_NOTFOUND ? 0 : state_errno(rc);
}

static int seek(struct reading *r, MDB_val *k, MDB_val *v)
{
	const struct state_cursor *at = r->at;
	uint8_t last[sizeof at->key];
	int rc;

	if (at->key_n == 0)
		return mdb_cursor_get(r->cursor, k, v, MDB_FIRST);
	memcpy(last, at->key, at->key_n);
	*k = (MDB_val){at->key_n, last};
	rc = mdb_cursor_get(r->cursor, k, v, MDB_SET_RANGE);
	if (rc == 0 && k->mv_size == at->key_n && memcmp(k->mv_data, last, at->key_n) == 0)
		rc = mdb_cursor_get(r->cursor, k, v, MDB_NEXT);
	return rc;
}

static int read_some(void *ctx)
{
	struct reading *r = ctx;
	MDB_stat st;
	MDB_val k, v;
	int rc = mdb_txn_begin(r->db->env, NULL, MDB_RDONLY, &r->txn);

	if (rc == 0)
		rc = mdb_dbi_open(r->txn, NULL, 0, &r->db->dbi);
	if (rc == 0)
		rc = mdb_stat(r->txn, r->db->dbi, &st);
	if (rc == 0)
		rc = mdb_cursor_open(r->txn, r->db->dbi, &r->cursor);
	if (rc != 0)
		return state_errno(rc);
	r->at->total = st.ms_entries;
	for (rc = seek(r, &k, &v); rc == 0; rc = mdb_cursor_get(r->cursor, &k, &v, MDB_NEXT)) {
		if (read_pair(r, &k, &v) != 0)
			return -EUCLEAN;
		if (r->bytes >= r->bytes_max)
			return 0;
	}
	if (rc != MDB_NOTFOUND)
		return state_errno(rc);
	mdb_cursor_close(r->cursor);
	r->cursor = NULL;
	rc = read_free_list(r);
	r->at->end = rc == 0;
	return rc;
}

int state_db_read(struct state_db *db, struct state_cursor *at, size_t bytes_max,
	struct state_pairs *out)
{
	struct reading r = {.db = db, .at = at, .out = out, .bytes_max = bytes_max};
	int rc;

	memset(out, 0, sizeof *out);
	rc = state_guarded(read_some, &r);
	if (r.cursor != NULL)
		mdb_cursor_close(r.cursor);
	if (r.txn != NULL)
		mdb_txn_abort(r.txn);
	if (rc == 0 && at->end) {
		keep_logged(&r);
		state_log_index_free(&db->log);
	}
	if (rc != 0)
		state_pairs_free(out);
	return rc;
}

void state_pairs_free(struct state_pairs *p)
{
	while (p->chunks != NULL) {
		struct state_chunk *next = p->chunks->next;

		free(p->chunks);
		p->chunks = next;
	}
	free(p->kv);
	memset(p, 0, sizeof *p);
}
