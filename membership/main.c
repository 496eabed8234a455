/* The membership process: started by the supervisor, which speaks to it on IPC_SUPERVISION_FD. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "membership/shell_int.h"

static void on_candidates(void *ctx, const char *strategy, const struct core_candidate *list,
	size_t n)
{
	struct shell *s = ctx;

	if (s->core == NULL) /* told again when there is one */
		return;
	shell_candidates(s, strategy, list, n);
}

/* One that cannot be told is about to be noticed: its end of the channel comes as an event of its own. */
static void on_fault(void *ctx, const char *worker)
{
	shell_ask(ctx, IPC_ASK_WORKER_FAULT, worker, NULL, NULL);
}

/* Stopping is the supervisor's word; a stray SIGTERM means the same. */
static void on_term(struct ev_loop *loop, ev_signal *sig, int revents)
{
	(void)loop;
	(void)revents;
	serve_stop(sig->data);
}

static int serve(void)
{
	struct shell s;
	ev_signal term;

	shell_init(&s);
	s.candidates = candidates_new(s.loop, on_candidates, on_fault, &s);
	ev_signal_init(&term, on_term, SIGTERM);
	term.data = &s;
	ev_signal_start(s.loop, &term);
	setup_init(&s, IPC_SUPERVISION_FD);
	ev_run(s.loop, 0);
	ev_signal_stop(s.loop, &term);
	shell_fini(&s);
	return s.exit_code;
}

int main(int argc, char **argv)
{
	struct stat st;

	log_init("membership", LOG_INFO, LOG_LOGFMT);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (fstat(IPC_SUPERVISION_FD, &st) != 0 || !S_ISSOCK(st.st_mode)) {
		fputs("clusterd-membership is started by clusterd\n", stderr);
		return EXIT_USAGE;
	}
	if (argc == 3 && strcmp(argv[1], "--offline") == 0)
		return offline_main(argv[2]);
	return argc == 1 ? serve() : EXIT_USAGE;
}
