#ifndef COMMON_CONF_CHOICE_H
#define COMMON_CONF_CHOICE_H
/* What the rows of schema.c choose from: the words of enumerated keys, in the order of their enums, and who gets a key. */
#include "common/conf/conf.h"

static const char *const role_choice[] = {"core", "replica|replicant", NULL};
static const char *const proto_choice[] = {"inet_tcp", "inet6_tcp", "inet_tls", "inet6_tls",
	NULL};
static const char *const profile_choice[] = {"lan", "fast", "wan", NULL};
static const char *const record_choice[] = {"a", "aaaa", "srv", NULL};
static const char *const verify_choice[] = {"verify_none", "verify_peer", NULL};
static const char *const address_choice[] = {"ip", "dns", "hostname", NULL};
static const char *const port_choice[] = {"stateless", "manual", NULL};
static const char *const level_choice[] = {"error", "warn|warning", "info", "debug", NULL};
static const char *const format_choice[] = {"logfmt", "json", NULL};

enum {
	MEMBER = CONF_FOR_SUPERVISOR | CONF_FOR_MEMBERSHIP,
	SPREAD = MEMBER | CONF_FOR_WORKERS,
	SUPER = CONF_FOR_SUPERVISOR,
	STATIC = CONF_FOR_SUPERVISOR | CONF_FOR_STATIC,
	DNS = CONF_FOR_SUPERVISOR | CONF_FOR_DNS,
	ETCD = CONF_FOR_SUPERVISOR | CONF_FOR_ETCD,
	K8S = CONF_FOR_SUPERVISOR | CONF_FOR_K8S,
};

#endif
