#ifndef MEMBERSHIP_SHARED_INT_H
#define MEMBERSHIP_SHARED_INT_H
/*
 * What shared.c (the data's inputs and effects), shared_wish.c (what the core wants of it) and shared_load.c (its beginning,
 * and its end in a damaged file) share.
 */
#include "membership/shared.h"
#include "membership/shared_backup.h"
#include "membership/shared_view.h"

/* What the core wants of the data. */
struct wish {
	struct core_fx fx;
	char host[NODE_HOST_MAX + 1]; /* of a copy's source */
};

/* What the core is to be told. */
struct word {
	enum data_fx_kind kind; /* COPIED, HANDED */
	uint32_t job;
	bool ok;
	uint64_t generation;
	char text[512];
};

struct shared {
	struct shell *shell;
	struct data *data; /* NULL but in SHELL_DATA_READY */
	struct rpc_pool *pool;
	struct shared_view view;
	uint64_t views; /* the core's count of them when ours was made */
	bool view_stale;
	ev_timer tick;
	uint64_t armed_ms;
	struct wish *wish;
	size_t n_wishes, wishes_cap;
	struct word *word;
	size_t n_words, words_cap;
	bool status_changed;
	uint32_t job;                   /* a copy or hand-over that goes on; 0: none */
	bool no_backup, force, removed; /* what the core said of it */
	struct backup *backup;
	struct word held; /* until the backup is there; job 0: nothing is */
	struct shell_progress progress;
	/* shared_load.c */
	enum shell_data_state state;
	struct data *coming; /* LOADING */
	uint64_t generation; /* which is loaded, or to be begun */
	uint64_t loaded, to_load, load_began_ms;
	char damage[1024]; /* DAMAGED, RESETTING */
	shell_repaired *repaired;
	void *repaired_ctx;
};

/* --- shared.c */
/* The data, told what time it is. */
struct data *shared_in(struct shared *d);
struct word *shared_word(struct shared *d);
void shared_tell_event(struct shared *d, const struct data_event *e);

/* --- shared_wish.c */
void shared_tell_view(struct shared *d);
void shared_grant(struct shared *d, const struct wish *w);

/* --- shared_load.c */
/* While there is no data: what the core wants waits, or can't be. True: the core is to be told something. */
bool shared_refuse(struct shared *d);

#endif
