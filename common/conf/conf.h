#ifndef COMMON_CONF_CONF_H
#define COMMON_CONF_CONF_H
/*
 * The configuration, once. Defaults, parsing, range checks, reload, the children's sections, `clusterctl conf show`,
 * conf/clusterd.conf and the manual page are loops over conf_key[] (common/conf/schema.c).
 *
 * Layers, low to high: file, conf.d/ *.conf, EMQX_ environment, CLUSTERD_ environment, --set. A cookie given as
 * file:///path is read here, so that reload sees a new one. Nothing here writes, and nothing goes to the network.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum conf_kind {
	CONF_STR,
	CONF_BOOL,
	CONF_UINT,
	CONF_DURATION,
	CONF_SIZE,
	CONF_ENUM,
	CONF_LIST,
	CONF_MAP
};

/* Who gets a key with its section (bits); the supervisor sees all. */
enum conf_role {
	CONF_FOR_SUPERVISOR = 1,
	CONF_FOR_MEMBERSHIP = 2,
	CONF_FOR_STATIC = 4,
	CONF_FOR_DNS = 8,
	CONF_FOR_ETCD = 16,
	CONF_FOR_K8S = 32,
	CONF_FOR_HTTP = 64,
	CONF_FOR_WORKERS = CONF_FOR_STATIC | CONF_FOR_DNS | CONF_FOR_ETCD | CONF_FOR_K8S,
	CONF_FOR_ALL = 127,
};

enum conf_flag {
	CONF_HOT = 1, /* may change at reload */
	CONF_SECRET = 2,
	CONF_STAMPED = 4,  /* into the data directory */
	CONF_ANY_CASE = 8, /* of a list: capitals mean nothing */
};

enum conf_strategy {
	STRATEGY_STATIC = 1,
	STRATEGY_DNS = 2,
	STRATEGY_ETCD = 4,
	STRATEGY_K8S = 8
};
enum conf_discovery { DISCOVERY_MANUAL, DISCOVERY_AUTO, DISCOVERY_SINGLETON };
enum conf_proto { PROTO_INET_TCP, PROTO_INET6_TCP, PROTO_INET_TLS, PROTO_INET6_TLS };
enum conf_profile { PROFILE_LAN, PROFILE_FAST, PROFILE_WAN };

struct conf_list { /* of owned strings */
	char **item;
	size_t n;
};

struct conf_pair {
	char *key, *value;
};

struct conf_map { /* sorted by key, owned */
	struct conf_pair *item;
	size_t n;
};

/* Effective values. Strings are owned and never NULL ("" when unset). Durations in ms. */
struct conf {
	struct {
		char *name, *cookie, *data_dir, *bind_address, *advertise;
		unsigned role;      /* 0 core, 1 replica */
		uint64_t dist_port; /* the configured one or the rule's */
		struct conf_map tags;
	} node;
	struct {
		char *name;
		struct conf_list
			discovery_strategy; /* as written; see discovery and strategies */
		unsigned discovery;         /* enum conf_discovery, derived */
		unsigned strategies;        /* enum conf_strategy bits, derived */
		unsigned proto_dist, profile;
		bool autoheal;
		uint64_t autoclean_ms; /* 0: never */
		uint64_t tombstone_ttl_ms;
		uint64_t heartbeat_interval_ms, link_timeout_ms; /* profile's unless set */
		struct conf_list static_seeds;
		struct {
			struct conf_list name, servers;
			unsigned record_type; /* 0 a, 1 aaaa, 2 srv */
		} dns;
		struct {
			struct conf_list server;
			char *prefix, *username, *password;
			uint64_t node_ttl_ms;
			struct {
				bool enable;
				char *cacertfile, *certfile, *keyfile, *server_name_indication;
				unsigned verify; /* 0 verify_none, 1 verify_peer */
			} ssl;
		} etcd;
		struct {
			char *apiserver, *service_name, *ns, *suffix;
			unsigned address_type; /* 0 ip, 1 dns, 2 hostname */
		} k8s;
	} cluster;
	struct {
		unsigned port_discovery; /* 0 stateless, 1 manual */
		uint64_t server_port;    /* manual: the configured one, stateless: the rule's */
	} rpc;
	struct {
		char *socket;
	} control;
	struct {
		unsigned level, format; /* enum log_level, enum log_format */
	} log;
	struct {
		uint64_t worker_watchdog_ms, membership_watchdog_ms, restart_min_ms,
			restart_max_ms;
		char *user;
	} supervisor;
	struct {
		uint64_t max_size; /* bytes */
		bool require_quorum;
		struct conf_map policy; /* prefix of keys to lww, max or union */
	} store;
	struct {
		uint64_t members;
	} limits;
};

struct conf_key {
	const char *name;  /* full dotted key, lower case */
	const char *alias; /* other accepted names, parted by blanks, or NULL */
	enum conf_kind kind;
	size_t offset;
	unsigned flags, roles;
	const char *
		def; /* as text; NULL: none, or derived from others after load (doc says how) */
	uint64_t min,
		max; /* of the number; bytes of a CONF_STR; items of a CONF_LIST or CONF_MAP */
	uint64_t unit_ms; /* CONF_DURATION: unit of a bare number */
	/* CONF_ENUM: NULL-terminated; the value is the index. `a|b`: b is another spelling of a. */
	const char *const *choice;
	/* 0, or -EINVAL with what is allowed in *why; each item of a CONF_LIST and value of a CONF_MAP by itself. */
	int (*check)(const char *value, const char **why);
	int (*check_name)(const char *name,
		const char **why); /* CONF_MAP: what stands behind the key's name */
	const char *doc;
};

extern const struct conf_key conf_key[];
extern const size_t conf_n_keys;
/* Keys of EMQX that are no business of ours, with all below them; NULL-terminated. Skipped with a warning. */
extern const char *const conf_foreign[];

enum conf_severity { CONF_ERROR, CONF_WARNING };

/* One finding. Strings are owned; value is NULL where none is at fault, masked where it is secret. */
struct conf_issue {
	enum conf_severity severity;
	char *where;   /* a file, the variable's name, "--set", "default" */
	unsigned line; /* 0: none */
	char *key, *value;
	char *text; /* what is wrong and what is allowed */
};

struct conf_issues {
	struct conf_issue *item;
	size_t n, n_errors; /* n_errors goes on where n stops, at CONF_ISSUES_MAX */
};

enum { CONF_ISSUES_MAX = 1000 };

void conf_issues_free(struct conf_issues *is);
/* `file:line: key = "value": text` without a newline and with control characters escaped; returns out. */
char *conf_issue_format(const struct conf_issue *i, char *out, size_t cap);

struct conf_sources {
	const char *file;       /* NULL: none; a missing file is an error */
	char *const *environ_;  /* NULL: none */
	const char *const *set; /* "key=value" each */
	size_t n_set;
};

/*
 * A loaded configuration: values, the text of each key and where it came from. Everything wrong is appended to issues
 * (which starts as zeros), all of it at once; the values are fit for use only when issues->n_errors is 0. Never NULL.
 */
struct conf_loaded;
struct conf_loaded *conf_load(const struct conf_sources *src, struct conf_issues *issues);
void conf_loaded_free(struct conf_loaded *l);
const struct conf *conf_values(const struct conf_loaded *l);

/*
 * Effective key, its text (secrets masked unless reveal) and origin: "default", "file:line", a variable's name, "--set",
 * or for a derived value the key that it follows. In the table's order, a map's entries sorted.
 */
typedef void conf_visit(void *ctx, const struct conf_key *key, const char *full_key,
	const char *value, const char *origin);
void conf_each(const struct conf_loaded *l, bool reveal, conf_visit *visit, void *ctx);

/*
 * A child's section: every key whose roles match, secrets revealed, as text; and back. The text form is one
 * `key=value\n` each with \n and \\ escaped. conf_section_parse() takes only what conf_section() wrote (NULL else); keys
 * that are not in it are "", 0 and empty.
 */
void conf_section(const struct conf_loaded *l, unsigned role, struct buf *out);
struct conf_loaded *conf_section_parse(const char *text, size_t n);

/*
 * Reload: names of the keys that differ and may not change while running go into issues as errors; the number of
 * changed hot keys is returned. Caller keeps `old` when there are errors.
 */
size_t conf_diff(const struct conf_loaded *old, const struct conf_loaded *new_,
	struct conf_issues *issues);
/* Restart: the same for the keys that not even that changes. */
void conf_diff_stamped(const struct conf_loaded *old, const struct conf_loaded *new_,
	struct conf_issues *issues);

/*
 * Where the control socket may be, in the order in which clusterctl tries: the system's, the user's ($XDG_RUNTIME_DIR,
 * may be NULL), the data directory's (may be NULL). What does not fit into a socket address is left out.
 */
struct conf_sockets {
	char path[3][108];
	size_t n;
};
void conf_socket_candidates(const char *data_dir, const char *xdg_runtime_dir,
	struct conf_sockets *out);

#endif
