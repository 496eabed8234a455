#include "workers/etcd/etcd_explain.h"

#include <stdio.h>
#include <string.h>

#include "workers/etcd/etcd_json.h"

/* A part of etcd's message → what to do about it. */
static const struct {
	const char *part, *advice;
	bool prefix; /* our prefix completes the advice */
} hints[] = {
	{"user name is empty",
		"etcd wants a user: set cluster.etcd.username and cluster.etcd.password",
		false},
	{"authentication failed", "check cluster.etcd.username and cluster.etcd.password",
		false},
	{"CommonName",
		"etcd's gateway takes only client certificates without a CN in their subject",
		false},
	{"permission denied", "etcdctl role grant-permission ROLE readwrite --prefix=true ",
		true},
	{"no leader", "etcd itself has no quorum", false},
};

char *etcd_explain(const struct etcd_conf *conf, unsigned status, const char *body, size_t n,
	char out[ETCD_EXPLAIN_MAX])
{
	const char *advice = "", *prefix = "";
	struct etcd_error e;

	etcd_parse_error(body, n, &e);
	for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
		if (strstr(e.message, hints[i].part) == NULL)
			continue;
		advice = hints[i].advice;
		prefix = hints[i].prefix ? conf->prefix : "";
		break;
	}
	snprintf(out, ETCD_EXPLAIN_MAX, "HTTP %u: %.200s%s%s%s", status, e.message,
		advice[0] != '\0' ? "; " : "", advice, prefix);
	return out;
}
