#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/duration.h"
#include "common/base/mem.h"
#include "common/base/node.h"
#include "common/conf/loaded.h"

enum { COOKIE_MAX = 255, COOKIE_GOOD = 16 };
static const char file_scheme[] = "file://";

static const struct conf_key *key_at(size_t offset)
{
	for (size_t i = 0; i < conf_n_keys; i++)
		if (conf_key[i].offset == offset)
			return &conf_key[i];
	abort(); /* no such row: a mistake in this file that every test would meet */
}
#define KEY(member) key_at(offsetof(struct conf, member))

static bool is_set(const struct conf_loader *ld, const struct conf_key *k)
{
	return conf_entry_of(ld->l, k, NULL);
}

/* Gives k the text unless something gave it one before. */
static void follow(struct conf_loader *ld, const struct conf_key *k, const char *where,
	const char *text)
{
	const struct conf_place at = {.layer = LAYER_DEFAULT, .where = where};

	if (!is_set(ld, k))
		conf_entry_put(ld->l, k, NULL, xstrdup(text), &at);
}

static void put_defaults(struct conf_loader *ld)
{
	ld->place = (struct conf_place){.layer = LAYER_DEFAULT, .where = "default"};
	for (size_t i = 0; i < conf_n_keys; i++)
		if (conf_key[i].def && !is_set(ld, &conf_key[i]))
			conf_put_plain(ld, &conf_key[i], NULL, conf_key[i].def);
}

static void cookie_error(struct conf_loader *ld, struct conf_entry *e, const char *text)
{
	conf_issue_add(ld->issues, CONF_ERROR, &e->place, "node.cookie", NULL, text);
	e->bad = true;
}

/* file:///path → what stands in it, less one line break at its end. */
static void read_cookie_file(struct conf_loader *ld, struct conf_entry *e)
{
	const char *path = e->text + sizeof file_scheme - 1;
	char *text, why[256];
	bool others = false;
	size_t n;
	int rc;

	if (*path != '/') {
		cookie_error(ld, e,
			"a cookie's file is written file:///path, with three slashes");
		return;
	}
	/* room for one byte too many, so that a longer file is told from one that fits with its line break */
	rc = conf_slurp(path, COOKIE_MAX + 1, &text, &n, &others);
	if (rc) {
		snprintf(why, sizeof why, "%.150s: %s", path,
			rc == -EFBIG ? "a cookie has at most 255 bytes" : strerror(-rc));
		cookie_error(ld, e, why);
		return;
	}
	if (others) {
		snprintf(why, sizeof why, "%.150s can be read by everybody; chmod o= it", path);
		conf_issue_add(ld->issues, CONF_WARNING, &e->place, "node.cookie", NULL, why);
	}
	if (n && text[n - 1] == '\n')
		n--;
	if (n > COOKIE_MAX || memchr(text, '\0', n)) {
		cookie_error(ld, e, "the file does not hold a cookie: 1 to 255 bytes of text");
		free(text);
		return;
	}
	text[n] = '\0';
	free(e->text);
	e->text = text;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static void check_cookie(struct conf_loader *ld)
{
	const struct conf_key *k = KEY(node.cookie);
	struct conf_entry *e;

	follow(ld, k, "default", "");
	e = conf_entry_find(ld->l, k, NULL);
	if (!e || e->bad)
		return;
	if (!strncmp(e->text, file_scheme, sizeof file_scheme - 1))
		read_cookie_file(ld, e);
	if (e->bad)
		return;
	if (!*e->text)
		cookie_error(ld, e,
			"there is no cookie, the secret that all nodes of a cluster share; make one "
			"with: clusterctl cookie generate");
	else if (!strcmp(e->text, "emqxsecretcookie"))
		cookie_error(ld, e,
			"emqxsecretcookie is known to the whole world; make a good one with: "
			"clusterctl cookie generate");
	else if (strlen(e->text) > COOKIE_MAX)
		cookie_error(ld, e, "a cookie has at most 255 bytes");
	else if (has_control(e->text))
		cookie_error(ld, e, "a cookie is one line of text without control characters");
	else if (strlen(e->text) < COOKIE_GOOD)
		conf_issue_add(ld->issues, CONF_WARNING, &e->place, "node.cookie", NULL,
			"shorter than 16 characters, so it can be guessed; make a good one with: "
			"clusterctl cookie generate");
}

/* The text of k when it is fit for use, else NULL. */
static const char *text_of(const struct conf_loader *ld, const struct conf_key *k)
{
	const struct conf_entry *e = conf_entry_of(ld->l, k, NULL);

	return e && !e->bad ? e->text : NULL;
}

static void follow_profile(struct conf_loader *ld)
{
	static const struct {
		const char *profile, *heartbeat, *timeout;
	} times[] = {
		{"lan", "500ms", "2500ms"},
		{"fast", "100ms", "500ms"},
		{"wan", "2s", "10s"},
	};
	const char *profile = text_of(ld, KEY(cluster.profile));

	for (unsigned i = 0; i < sizeof times / sizeof *times; i++)
		if (profile ? !strcmp(times[i].profile, profile) : !i) {
			follow(ld, KEY(cluster.heartbeat_interval_ms), "cluster.profile",
				times[i].heartbeat);
			follow(ld, KEY(cluster.link_timeout_ms), "cluster.profile",
				times[i].timeout);
		}
}

static void follow_ports(struct conf_loader *ld)
{
	const struct conf_key *port = KEY(rpc.server_port);
	const char *name = text_of(ld, KEY(node.name));
	const char *discovery = text_of(ld, KEY(rpc.port_discovery));
	const struct conf_place at = {.layer = LAYER_DEFAULT, .where = "node.name"};
	bool manual = discovery && !strcmp(discovery, "manual");
	char text[8];

	if (!name)
		name = ""; /* in error, which is told; the ports are then those of no number */
	snprintf(text, sizeof text, "%d", node_dist_port(name));
	follow(ld, KEY(node.dist_port), "node.name", text);
	if (manual) {
		snprintf(text, sizeof text, "%d", NODE_RPC_PORT_MANUAL);
		follow(ld, port, "default", text);
		return;
	}
	if (is_set(ld, port))
		conf_issue_add(ld->issues, CONF_WARNING,
			&conf_entry_of(ld->l, port, NULL)->place, port->name, text_of(ld, port),
			"has no effect unless rpc.port_discovery = manual");
	snprintf(text, sizeof text, "%d", node_rpc_port(name));
	conf_entry_put(ld->l, port, NULL, xstrdup(text), &at);
}

/* root before it gives up its rights, or the user that it becomes */
static bool is_system_daemon(const char *user)
{
	struct passwd pw, *found = NULL;
	char room[4096];

	if (geteuid() == 0)
		return true;
	return user && !getpwnam_r(user, &pw, room, sizeof room, &found) && found &&
	       found->pw_uid == geteuid();
}

static const char *variable(const struct conf_loader *ld, const char *name)
{
	size_t n = strlen(name);

	for (char *const *e = ld->src->environ_; e && *e; e++)
		if (!strncmp(*e, name, n) && (*e)[n] == '=')
			return *e + n + 1;
	return NULL;
}

static void follow_socket(struct conf_loader *ld)
{
	const char *data_dir = text_of(ld, KEY(node.data_dir));
	struct conf_sockets s;
	bool system = is_system_daemon(text_of(ld, KEY(supervisor.user)));

	conf_socket_candidates(data_dir, variable(ld, "XDG_RUNTIME_DIR"), &s);
	follow(ld, KEY(control.socket), "default", s.path[system || s.n < 2 ? 0 : 1]);
}

void conf_finish(struct conf_loader *ld)
{
	put_defaults(ld);
	check_cookie(ld);
	follow_profile(ld);
	follow_ports(ld);
	follow_socket(ld);
	conf_apply(ld->l);
	conf_cross_check(ld);
}
