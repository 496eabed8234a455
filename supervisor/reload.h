#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H
/*
 * Reload, all or nothing: the whole configuration is read and validated again, then every running child is offered its
 * new section; only when all have taken it does it become the configuration, else those that did get the old one back.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

struct supervisor;
struct child;
struct conf_loaded;
struct ipc_reloaded;

struct reload {
	struct conf_loaded *next; /* NULL: none under way */
	uint64_t deadline_ms;     /* loop clock */
	bool asked;               /* somebody waits for the answer to ask_id */
	uint32_t ask_id;
	unsigned changed; /* keys */
	struct buf refusals;
	bool again; /* one more was wanted meanwhile: files may have changed since they were read */
	bool again_asked;
	uint32_t again_id;
};

/* From SIGHUP (asked false) or an operator's command. */
void reload_begin(struct supervisor *s, bool asked, uint32_t ask_id);
/* Answers whether a start would succeed with the files as they are now. Changes nothing. */
void reload_check(struct supervisor *s, uint32_t ask_id);
/* A child's answer. */
void reload_answered(struct supervisor *s, struct child *c, const struct ipc_reloaded *m);
/* Ends it when nobody is left to answer, or time is up. */
void reload_turn(struct supervisor *s, uint64_t now_ms);
/* The node stops: nothing is changed any more, and nobody is started for it. Who asked is told. */
void reload_drop(struct supervisor *s);

#endif
