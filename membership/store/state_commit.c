/* Writing: what goes into the log, what into the database, and who takes over when. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "membership/store/state_db_int.h"
#include "membership/store/state_value.h"

enum { TAKEOVER_STACK_BYTES = 256 * 1024 };

int state_put_one(MDB_txn *txn, MDB_dbi dbi, const struct core_write *w)
{
	MDB_val k = {.mv_size = w->key_n}, v = {.mv_size = STATE_VALUE_HEAD + w->value_n};
	int rc;

	memcpy(&k.mv_data, &w->key, sizeof w->key); /* LMDB forgot the const */
	if (w->value == NULL) {
		rc = mdb_del(txn, dbi, &k, NULL);
		return rc == MDB_NOTFOUND ? 0 : rc;
	}
	rc = mdb_put(txn, dbi, &k, &v, MDB_RESERVE);
	if (rc == 0)
		state_value_seal(v.mv_data, (struct state_bytes){w->key, w->key_n},
			(struct state_bytes){w->value, w->value_n});
	return rc;
}

/* --- one transaction of the database --- */

struct committing {
	struct state_db *db;
	const struct state_batch *first;
	enum state_owner owner;
	struct state_last logged; /* what it takes over */
	uint64_t lap;             /* which it takes over up to; 0: the log stays what it is */
};

/* A failed write of the meta page makes LMDB refuse everything until it is opened anew. */
static int begin(struct state_db *db, MDB_txn **txn)
{
	int rc = db->env == NULL ? MDB_PANIC : mdb_txn_begin(db->env, NULL, 0, txn);

	if (rc != MDB_PANIC)
		return state_errno(rc);
	mdb_env_close(db->env);
	rc = state_env_open(db, db->dir, 0);
	return rc != 0 ? rc : state_errno(mdb_txn_begin(db->env, NULL, 0, txn));
}

static int put_batch(struct state_db *db, MDB_txn *txn, const struct state_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct core_write *w = &b->write[i];
		int rc;

		assert(w->key_n > 0 && w->key_n <= STATE_KEY_MAX);
		assert(w->key[0] != 0);
		rc = state_put_one(txn, db->dbi, w);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int put_lap(struct state_db *db, MDB_txn *txn, uint64_t lap)
{
	struct core_write w = {.key = (const uint8_t *)state_lap_key,
		.value = (const uint8_t *)&lap,
		.key_n = sizeof state_lap_key,
		.value_n = sizeof lap};

	return lap == 0 ? 0 : state_put_one(txn, db->dbi, &w);
}

/* One try: LMDB's own codes. What the log has comes first. */
static int try(const struct committing *c, MDB_txn *txn)
{
	struct state_db *db = c->db;
	int rc = mdb_dbi_open(txn, NULL, 0, &db->dbi); /* the environment may be a new one */

	for (size_t i = 0; i < c->logged.n && rc == 0; i++)
		rc = state_put_one(txn, db->dbi, &c->logged.write[i]);
	for (const struct state_batch *b = c->first; b != NULL && rc == 0; b = b->next)
		if (b->owner == c->owner)
			rc = put_batch(db, txn, b);
	if (rc == 0)
		rc = put_lap(db, txn, c->lap);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* No transaction is open, and nobody else has the file open. */
static bool grow_map(struct state_db *db)
{
	MDB_envinfo info;

	if (mdb_env_info(db->env, &info) != 0 ||
		info.me_mapsize >= (size_t)STATE_MAP_BYTES << STATE_MAP_DOUBLINGS ||
		mdb_env_set_mapsize(db->env, 2 * info.me_mapsize) != 0)
		return false;
	db->map_bytes = 2 * info.me_mapsize;
	return true;
}

static int commit(void *ctx)
{
	const struct committing *c = ctx;
	MDB_txn *txn;
	int rc;

	do {
		rc = begin(c->db, &txn);
		if (rc != 0)
			return rc;
		rc = try(c, txn);
	} while (rc == MDB_MAP_FULL && grow_map(c->db));
	return state_disk_error(c->db->dir, state_errno(rc));
}

/* --- with all that the log has, while nobody adds to it --- */

static int commit_data(struct state_db *db, const struct state_batch *first)
{
	struct state_log *log = &db->log;
	bool next = log->fd >= 0 &&
		    (log->used || log->behind || log->failed || state_log_lap(log) == 0);
	struct committing c = {.db = db, .first = first, .owner = STATE_DATA};
	int rc;

	if (db->faulted)
		return -EUCLEAN;
	c.lap = next ? state_log_draw_lap() : 0;
	if (next && c.lap == 0)
		return -EIO;
	c.logged = state_log_last(log, true);
	rc = state_guarded(commit, &c);
	free(c.logged.write);
	if (rc == 0 && next)
		state_log_clear(log, c.lap);
	else if (rc != 0)
		log->failed = true; /* which lap the database holds now is not known */
	db->faulted |= rc == -EUCLEAN;
	return rc;
}

/* --- the lap before, while others are added --- */

static int take_over(struct state_db *db)
{
	struct committing c = {.db = db, .lap = state_log_lap(&db->log)};
	int rc;

	c.logged = state_log_last(&db->log, false);
	rc = state_guarded(commit, &c);
	free(c.logged.write);
	return rc;
}

static void *takeover_main(void *arg)
{
	struct state_db *db = arg;

	db->takeover.rc = take_over(db);
	return NULL;
}

/* Without a thread it waits for the next commit of everything. */
static void takeover_begin(struct state_db *db)
{
	pthread_attr_t attr;

	state_log_turn(&db->log);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, TAKEOVER_STACK_BYTES);
	db->takeover.runs = pthread_create(&db->takeover.thread, &attr, takeover_main, db) == 0;
	pthread_attr_destroy(&attr);
}

void state_takeover_end(struct state_db *db)
{
	if (!db->takeover.runs)
		return;
	pthread_join(db->takeover.thread, NULL);
	db->takeover.runs = false;
	if (db->takeover.rc == 0)
		state_log_taken(&db->log);
	else
		db->log.failed = true;
	db->faulted |= db->takeover.rc == -EUCLEAN;
}

/* Waits only when the disk is so slow that the lap before has not been taken over when this one is full. */
static bool log_has_room(struct state_db *db, const struct state_batch *first)
{
	struct state_log *log = &db->log;

	if (db->faulted || !state_log_takes(log, first))
		return false;
	if (state_log_fits(log, first))
		return true;
	state_takeover_end(db);
	if (log->behind || log->failed)
		return false;
	takeover_begin(db);
	return true;
}

/* --- */

int state_db_commit(struct state_db *db, const struct state_batch *first,
	enum state_owner owner)
{
	if (db->place != &state_shared_data)
		return commit(&(struct committing){.db = db, .first = first, .owner = owner});
	if (log_has_room(db, first) && state_log_add(&db->log, first) == 0)
		return 0;
	state_takeover_end(db);
	if (db->log.fd < 0)
		(void)state_log_make(&db->log, db->dir_fd); /* without it, it is only slower */
	return commit_data(db, first);
}

bool state_db_unsettled(const struct state_db *db)
{
	return db->takeover.runs || !state_log_empty(&db->log);
}

int state_db_settle(struct state_db *db)
{
	state_takeover_end(db);
	return state_db_unsettled(db) ? commit_data(db, NULL) : 0;
}

void state_db_settle_on(struct state_db *db)
{
	state_takeover_end(db);
	if (db->log.behind || db->log.failed)
		(void)commit_data(db, NULL); /* what it can't now it is asked to again */
	else if (state_db_unsettled(db))
		takeover_begin(db);
}
