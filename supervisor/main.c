/* clusterd: command line, configuration, rights, lock, listening sockets, then the process tree. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/os/proc.h"
#include "supervisor/datadir.h"
#include "supervisor/offline.h"
#include "supervisor/online.h"
#include "supervisor/spawn.h"
#include "supervisor/supervisor.h"
#include "supervisor/user.h"

#define LOG_COMPONENT "main"

enum { NOFILE_MAX = 65536, LOCK_WAIT_MS = 2000 };

static int fail(const char *event, const struct why *why, int exit_code)
{
	char quoted[2 * sizeof why->text];

	log_error(event, "why=%s",
		log_quote(quoted, sizeof quoted, why->text, strlen(why->text)));
	return exit_code;
}

/* Descriptors 0 to 2 exist, whoever started us: nothing that we open may become standard error. */
static void keep_standard_fds(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = dup(fd);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void print_issues(const struct conf_issues *is)
{
	char line[1024];

	for (size_t i = 0; i < is->n; i++)
		fprintf(stderr, "%s: %s\n",
			is->item[i].severity == CONF_ERROR ? "error" : "warning",
			conf_issue_format(&is->item[i], line, sizeof line));
}

static void is_default(void *ctx, const struct conf_key *key, const char *full_key,
	const char *value, const char *origin)
{
	bool *found = ctx;

	(void)key;
	(void)value;
	if (strcmp(full_key, "supervisor.user") == 0)
		*found = strcmp(origin, "default") == 0;
}

/* The directory of the control socket, when root starts us and it is missing (/run is empty after a boot). */
static int make_socket_dir(const struct user *u, const char *socket, struct why *why)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(socket, '/');

	if (slash == NULL || slash == socket || (size_t)(slash - socket) >= sizeof dir)
		return 0;
	memcpy(dir, socket, (size_t)(slash - socket));
	dir[slash - socket] = '\0';
	if (mkdir(dir, 0755) < 0)
		return 0; /* exists, or bind(2) tells */
	if (chmod(dir, 0755) < 0)
		return why_set(why, -errno, "%s: %s", dir, strerror(errno));
	return user_own(u, dir, why);
}

static int stay_root(const struct why *why)
{
	char quoted[2 * sizeof why->text];

	log_warn("running_as_root", "why=%s",
		log_quote(quoted, sizeof quoted, why->text, strlen(why->text)));
	return EXIT_OK;
}

static int make_places(const struct user *user, const struct conf *conf, struct why *why)
{
	int rc = user_own(user, conf->node.data_dir, why);

	return rc == 0 ? make_socket_dir(user, conf->control.socket, why) : rc;
}

/*
 * Directories made and owned (with_places), root's rights given up. 0 or an exit code. Where supervisor.user was not
 * asked for and this host, container or user namespace has no such user, root stays root.
 */
static int take_place(const struct conf_loaded *loaded, bool with_places)
{
	const struct conf *conf = conf_values(loaded);
	bool by_default = true;
	struct user user;
	struct why why;
	int rc;

	conf_each(loaded, false, is_default, &by_default);
	rc = user_find(conf->supervisor.user, &user, &why);
	if (rc < 0)
		rc = by_default ? stay_root(&why) : fail("user", &why, EXIT_CONFIG);
	if (rc != 0)
		return rc;
	if (with_places && datadir_make(conf->node.data_dir, &why) < 0)
		return fail("data_dir", &why, EXIT_FAILED);
	if (with_places)
		rc = make_places(&user, conf, &why);
	if (rc == 0)
		rc = user_become(&user, conf->supervisor.user, &why);
	if (rc < 0)
		rc = by_default && geteuid() == 0 ? stay_root(&why)
						  : fail("user", &why, EXIT_CONFIG);
	return rc;
}

static int supervise(const struct options *o, struct conf_loaded **conf, int lock_fd,
	const char *libexec)
{
	struct supervisor s;
	struct why why;
	int rc;

	supervisor_init(&s, o, *conf, lock_fd, libexec);
	rc = listeners_open(&s.listeners, conf_values(*conf), &why);
	if (rc < 0)
		rc = fail("cannot_listen", &why, rc == -EINVAL ? EXIT_CONFIG : EXIT_FAILED);
	else
		rc = supervisor_run(&s);
	listeners_close(&s.listeners);
	*conf = s.env.conf; /* a reload has replaced it */
	supervisor_fini(&s);
	return rc;
}

static int is_installed(const char *libexec, struct why *why)
{
	char program[PATH_MAX];

	snprintf(program, sizeof program, "%s/clusterd-membership", libexec);
	if (access(program, X_OK) == 0)
		return 0;
	return why_set(why, -errno, "%s: %s; CLUSTERD_LIBEXEC may name its directory", program,
		strerror(errno));
}

static int limits(struct why *why)
{
	int rc = proc_no_dumps();

	if (rc == 0)
		rc = proc_raise_nofile(NOFILE_MAX);
	return rc == 0 ? 0 : why_set(why, rc, "%s", strerror(-rc));
}

static struct conf_loaded *load(const struct options *o, struct conf_issues *issues)
{
	struct conf_sources from = {.file = o->file,
		.environ_ = environ,
		.set = o->set,
		.n_set = o->n_set};

	return conf_load(&from, issues);
}

/* What root could read, the user that it has become may not: better known now than when a reload or restart fails. */
static void try_again_as_user(const struct options *o)
{
	char line[1024], quoted[2 * sizeof line];
	struct conf_issues issues = {0};

	conf_loaded_free(load(o, &issues));
	for (size_t i = 0; i < issues.n; i++)
		if (issues.item[i].severity == CONF_ERROR) {
			conf_issue_format(&issues.item[i], line, sizeof line);
			log_warn("reload_will_fail", "uid=%lu text=%s",
				(unsigned long)geteuid(),
				log_quote(quoted, sizeof quoted, line, strlen(line)));
		}
	conf_issues_free(&issues);
}

static int run_node(const struct options *o, struct conf_loaded **conf)
{
	const char *libexec = spawn_libexec();
	uid_t started_as = geteuid();
	struct why why;
	int lock_fd, rc = take_place(*conf, true);

	if (rc != 0)
		return rc;
	if (geteuid() != started_as)
		try_again_as_user(o);
	if (is_installed(libexec, &why) < 0)
		return fail("not_installed", &why, EXIT_FAILED);
	if (limits(&why) < 0)
		return fail("limits", &why, EXIT_FAILED);
	lock_fd = datadir_lock(conf_values(*conf)->node.data_dir, LOCK_WAIT_MS, &why);
	if (lock_fd < 0)
		return fail("data_dir", &why, EXIT_FAILED);
	if (o->mode == OPTIONS_RENAME)
		rc = offline_run(libexec, *conf, lock_fd, "rename");
	else if (o->mode == OPTIONS_NEW_IDENTITY)
		rc = offline_run(libexec, *conf, lock_fd, "new-identity");
	else
		rc = supervise(o, conf, lock_fd, libexec);
	close(lock_fd);
	return rc;
}

/* Beside a running node: no lock, no ports, nothing written; with the rights that the node would have. */
static int check(const struct options *o, struct conf_loaded *conf)
{
	const char *libexec = spawn_libexec();
	int rc;

	printf("The configuration is good.\n");
	if (!o->online)
		return EXIT_OK;
	log_init("supervisor", conf_values(conf)->log.level, conf_values(conf)->log.format);
	rc = take_place(conf, false);
	return rc == 0 ? online_run(libexec, conf, stdout) : rc;
}

/* Reads the configuration and acts on it. An exit code or SUPERVISOR_REEXEC. */
static int configured(const struct options *o)
{
	struct conf_issues issues = {0};
	struct conf_loaded *conf = load(o, &issues);
	int rc = issues.n_errors > 0 ? EXIT_CONFIG : EXIT_OK;

	print_issues(&issues);
	if (rc == EXIT_OK && !supervisor_sections_fit(conf)) {
		fprintf(stderr, "error: %s: configuration too large\n", o->file);
		rc = EXIT_CONFIG;
	}
	if (rc == EXIT_OK && o->mode == OPTIONS_CHECK) {
		rc = check(o, conf);
	} else if (rc == EXIT_OK) {
		log_init("supervisor", conf_values(conf)->log.level,
			conf_values(conf)->log.format);
		rc = run_node(o, &conf);
	}
	conf_issues_free(&issues);
	conf_loaded_free(conf);
	return rc;
}

/* The same process with the program as it is on disk now; descriptors are closed, children gone. */
static int reexec(const char *self, char **argv)
{
	proc_reset_signals();
	execv(self, argv);
	log_error("restart_failed", "program=%s error=\"%s\"", self, strerror(errno));
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	static char self[PATH_MAX];
	const char *why, *arg;
	struct options o;
	int rc;

	keep_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		snprintf(self, sizeof self, "%s", argv[0]);
	if (options_parse(&o, argc, argv, &why, &arg) < 0) {
		fprintf(stderr, "clusterd: %s: %s\n%s", arg, why, options_usage);
		rc = EXIT_USAGE;
	} else if (o.mode == OPTIONS_HELP) {
		fputs(options_usage, stdout);
		rc = EXIT_OK;
	} else if (o.mode == OPTIONS_VERSION) {
		printf("clusterd %s\n", CLUSTERD_VERSION);
		rc = EXIT_OK;
	} else {
		rc = configured(&o);
	}
	options_free(&o);
	return rc == SUPERVISOR_REEXEC ? reexec(self, argv) : rc;
}
