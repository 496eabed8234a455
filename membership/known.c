#include "membership/known.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "membership/shell_int.h"

enum { REBUILD_MS = 1000, MET_MAX = 1024 };

struct known {
	struct shell *shell;
	struct net_ip_set set, met;
	bool stale;
	uint64_t built_ms;
};

struct known *known_new(struct shell *s)
{
	struct known *k = xcalloc(1, sizeof *k);

	k->shell = s;
	k->stale = true;
	return k;
}

void known_free(struct known *k)
{
	if (k == NULL)
		return;
	net_ip_set_free(&k->set);
	net_ip_set_free(&k->met);
	free(k);
}

void known_stale(struct known *k)
{
	k->stale = true;
}

/* Full, it begins anew: who is still there is met again. */
void known_note(struct known *k, const struct net_ip *ip)
{
	if (k->met.n >= MET_MAX)
		net_ip_set_free(&k->met);
	net_ip_set_add(&k->met, ip);
}

static void add_host(struct known *k, const char *host)
{
	union net_addr a;
	struct net_ip ip;

	if (net_addr_parse(host, 0, &a) != 0)
		return;
	ip = net_addr_ip(&a);
	net_ip_set_add(&k->set, &ip);
}

static void add_candidate(void *ctx, const char *strategy, const struct core_candidate *c)
{
	(void)strategy;
	add_host(ctx, c->host);
}

static void rebuild(struct known *k, uint64_t now_ms)
{
	const struct core *core = k->shell->core;
	struct core_member m;

	net_ip_set_free(&k->set);
	for (size_t i = 0; i < core_n_members(core); i++) {
		core_member_at(core, i, &m);
		add_host(k, m.host);
	}
	candidates_each(k->shell->candidates, add_candidate, k);
	k->stale = false;
	k->built_ms = now_ms;
}

bool known_has(void *known, const struct net_ip *ip)
{
	struct known *k = known;
	uint64_t now_ms;

	if (net_ip_set_has(&k->set, ip) || net_ip_set_has(&k->met, ip))
		return true;
	now_ms = clock_mono_ms();
	if (!k->stale || (k->built_ms != 0 && now_ms < k->built_ms + REBUILD_MS))
		return false;
	rebuild(k, now_ms);
	return net_ip_set_has(&k->set, ip);
}
