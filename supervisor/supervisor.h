#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H
/*
 * The process tree: membership, a worker for each configured strategy, and what ties them together. Reads nothing from
 * the network. Only membership gets listeners; each child gets only its own section of the configuration.
 */
#include "supervisor/child.h"
#include "supervisor/listeners.h"
#include "supervisor/options.h"
#include "supervisor/reload.h"

enum { SUPERVISOR_WORKERS = 4, SUPERVISOR_REEXEC = -1 };

struct supervisor {
	struct child_env env;
	const struct options *options;
	struct listeners listeners;
	struct child membership;
	struct child worker[SUPERVISOR_WORKERS];
	struct reload reload;
	ev_signal sig_term, sig_int, sig_hup;
	ev_prepare prepare;
	ev_timer tick;
	const char *notify_socket; /* NULL: no service manager listens */
	uint64_t watchdog_ms, fed_ms;
	bool ready;    /* READY=1 is sent */
	bool stopping; /* all children are to end, then the loop */
	int exit_code; /* enum of exit_code.h, or SUPERVISOR_REEXEC */
};

/* Takes conf, listeners and lock_fd as they are; the caller releases them after supervisor_run. */
void supervisor_init(struct supervisor *s, const struct options *options,
	struct conf_loaded *conf, int lock_fd, const char *libexec);
/* Until it is told to stop. Returns the exit code, or SUPERVISOR_REEXEC. No child is alive afterwards. */
int supervisor_run(struct supervisor *s);
void supervisor_fini(struct supervisor *s);

/* For reload. */
bool supervisor_wants(const struct supervisor *s, const struct child *worker);
void supervisor_match_workers(struct supervisor *s);
void supervisor_answer(struct supervisor *s, uint32_t id, bool ok, const char *text);
void supervisor_notify(const struct supervisor *s, const char *lines);

extern const struct child_spec supervisor_workers[SUPERVISOR_WORKERS];

/* True when each child's section fits a message. */
bool supervisor_sections_fit(const struct conf_loaded *conf);

#endif
